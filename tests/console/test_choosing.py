"""Choosing a group where there are thousands: a list holds some, the field above it finds the others."""

from __future__ import annotations

import re

import pytest

from console import scope
from console.auth import Role
from storage.engine import Session
from storage.groups import Group, Member
from tests.console.doors import NOW, House, come_as

MANY = 130


@pytest.fixture
def crowded(house: House) -> House:
    """130 more groups; person 1 leads one of the last."""

    def write(session: Session) -> None:
        for number in range(MANY):
            session.add(Group(channel="sim", external_id=f"x{number}", name=f"幸福里{number}号群", created_at=NOW))
        session.flush()
        session.add(Member(group_id=120, person_id=1, role="leader", name="邻居1", joined_at=NOW))
        session.add(Group(channel="sim", external_id="gone", name="幸福里老群", state="removed", created_at=NOW))

    house.database.write_now(write)
    return house


def found(house: House, role: Role, person: int, q: str) -> list[str]:
    browser = house.browser()
    come_as(browser, house.database, role, person, strong=True)
    answer = browser.get("/console/scopes", params={"q": q})
    assert answer.status_code == 200
    return [name for _, name in answer.json()["groups"]]


def test_staff_find_any_group_and_a_leader_hers(crowded: House) -> None:
    staff, _, _ = crowded.with_second("staff", "staff")
    assert found(crowded, Role.STAFF, staff, "里117号") == ["幸福里117号群"]
    assert found(crowded, Role.STAFF, staff, "老群") == []
    assert len(found(crowded, Role.STAFF, staff, "幸福")) == scope.OFFERED
    assert found(crowded, Role.LEADER, 1, "幸福") == ["幸福里117号群"]
    assert found(crowded, Role.LEADER, 1, "里116号") == []
    for rubbish in ("", "  ", "%", "_", "\\", "\x00", "'--", "啊" * 500, "<script>"):
        assert found(crowded, Role.STAFF, staff, rubbish) == []


@pytest.mark.parametrize(
    "path",
    [
        "/console/moderation?group=131",
        "/console/moderation/words?scope=group:131",
        "/console/words?tab=changed&scope=group:131",
        "/console/words?tab=topics&scope=group:131",
        "/console/knowledge?scope=group:131",
    ],
)
def test_the_chosen_group_stands_in_a_list_that_cannot_hold_all(crowded: House, path: str) -> None:
    staff, _, _ = crowded.with_second("staff", "staff")
    browser = crowded.browser()
    come_as(browser, crowded.database, Role.STAFF, staff, strong=True)
    page = browser.get(path).text
    assert re.search(r'<option value="(group:)?131" selected>[^<]*幸福里128号群', page)
    for one in re.findall(r"<select.*?</select>", page, flags=re.DOTALL):
        assert len(re.findall(r'<option value="(?:group:)?\d+"', one)) <= scope.OFFERED + 11
    assert f'data-many="{scope.OFFERED}"' in page


def test_a_foreign_group_is_not_put_into_a_leaders_list(crowded: House) -> None:
    browser = crowded.browser()
    come_as(browser, crowded.database, Role.LEADER, 1)
    for path in ("/console/moderation?group=131", "/console/moderation/words?scope=group:131"):
        assert "幸福里128号群" not in browser.get(path).text
