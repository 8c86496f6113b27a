"""打卡链接 on a group's page: who leads it sees it, copies it and changes it, as in the chat; nobody else does.

Source: ADR-0021.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from sqlalchemy import delete
from sqlmodel import col, select
from starlette.testclient import TestClient

from bot.main import Program
from storage import group_keys
from storage.audit import AuditRow
from storage.engine import Session
from storage.groups import Group
from tests.console.browsers import Browser
from tests.console.entering import application, sign_in
from tests.console.test_rooms import act, foreign, group_of

PAGES = "http://testserver"
LINK = re.compile(r'value="(http://testserver/h5/in/[\w-]{22})"')

pytestmark = pytest.mark.xdist_group("console")


@pytest.fixture(scope="module")
def program(community: Program) -> Program:
    community.dispatcher.pages = PAGES
    return community


@pytest.fixture
def client(program: Program) -> Iterator[Browser]:
    with Browser(application(program, public_url=PAGES), follow_redirects=False) as client:
        yield client


def unheard(program: Program, group: int, *, hears: bool = False) -> None:
    def write(session: Session) -> None:
        row = session.get_one(Group, group)
        row.hears = row.speaks = hears
        session.add(row)

    program.database.write_now(write)


def page(client: TestClient, group: int) -> str:
    answer = client.get(f"/console/groups/{group}")
    assert answer.status_code == 200
    return answer.text


def link_on(client: TestClient, group: int) -> str:
    found = LINK.search(page(client, group))
    assert found is not None
    return found.group(1)


def opens(program: Program, link: str) -> bool:
    found = program.database.read_now(lambda s: group_keys.find(s, link.rpartition("/")[2]))
    return found is not None and not found.ended


def renewals(program: Program, group: int) -> list[int | None]:
    return program.database.read_now(
        lambda s: list(
            s.exec(
                select(AuditRow.actor_id)
                .where(AuditRow.action == "entry.key_renewed", AuditRow.group_id == group)
                .order_by(col(AuditRow.id))
            )
        )
    )


@pytest.mark.parametrize("who", ["leader", "staff"])
def test_the_link_is_made_shown_and_changed(client: TestClient, program: Program, who: str) -> None:
    """还没有链接 → 做一个 → 链接和二维码 → 换一个（先问）→ 旧的打不开，页面上是新的，操作记录里有谁换的"""
    group = group_of(program)
    unheard(program, group)
    program.database.write_now(lambda s: s.execute(delete(group_keys.GroupKey)))
    before = len(renewals(program, group))
    sign_in(client, who)
    assert "还没有链接" in page(client, group) and not LINK.search(page(client, group))
    assert PAGES in act(client, group, "打卡链接", key=f"make {who}")
    first = link_on(client, group)
    shown = page(client, group)
    assert opens(program, first) and "data:image/svg+xml" in shown and 'data-copy="link-address"' in shown
    renew = re.search(r'data-confirm="([^"]+)"[^>]*>(?:(?!</form>).)*value="(door:sure:\d+)"', shown, re.DOTALL)
    assert renew is not None and "旧链接和旧二维码马上打不开" in renew.group(1)
    assert "换好了" in act(client, group, press=renew.group(2), key=f"renew {who}")
    second = link_on(client, group)
    assert (opens(program, first), opens(program, second)) == (False, True)
    assert len(renewals(program, group)) == before + 1 and renewals(program, group)[-1]
    assert second.rpartition("/")[2] in act(client, group, "打卡链接", key=f"again {who}"), "the chat says the same one"


def test_it_is_there_only_for_who_leads_a_group_that_needs_one(client: TestClient, program: Program) -> None:
    group, other = group_of(program), foreign(program)
    unheard(program, group)
    unheard(program, other)
    key = program.database.write_now(lambda s: group_keys.current(s, other, program.clock.now()))
    sign_in(client, "leader")
    assert client.get(f"/console/groups/{other}").status_code == 404
    assert "换好了" not in act(client, other, press=f"door:sure:{other}", key="theirs")
    assert "换好了" not in act(client, group, press=f"door:sure:{other}", key="theirs from mine")
    assert opens(program, key)
    unheard(program, group, hears=True)
    assert "打卡链接" not in page(client, group), "where neighbours are heard there is none"


def test_it_says_what_is_missing(program: Program) -> None:
    group = group_of(program)
    unheard(program, group)
    program.database.write_now(lambda s: group_keys.current(s, group, program.clock.now()))
    for more, said in (
        ({}, "网页还没开通"),
        ({"public_url": PAGES}, "还没接上公众号"),
        ({"public_url": PAGES, "outside": SimpleNamespace(is_inside=lambda _agent: False)}, "复制链接"),
    ):
        with Browser(application(program, **more), follow_redirects=False) as client:
            sign_in(client, "leader")
            shown = page(client, group)
            assert said in shown and ("还没接上" in shown) == (said == "还没接上公众号"), more
            assert bool(LINK.search(shown)) == bool(more)
