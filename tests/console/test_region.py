"""A regional manager's pages: sums, comparison and one group, without a name and without what fewer than five stand behind.

Source: F115, F116; FAULTS E11.
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
from datetime import date, timedelta

import pytest
from sqlmodel import select
from starlette.testclient import TestClient

from console import regional
from console.auth import Role
from engagement.campaigns.tables import Plan
from engagement.region import rules, service
from engagement.region.service import Due
from storage.audit import AuditRow
from storage.engine import Session
from storage.groups import Group, Member, Region, RoleGrant
from storage.weeks import CampaignWeek, GroupWeek
from tests.console.doors import NOW, House, come_as

WEEK = date(2026, 11, 9)
FEW = "不足 5 人，不显示"
EMPTY_CHART = "还没有能画出来的数字"
PAGES = ("/console/region", "/console/region/groups")


def cell(group: int, week: date, region: int, *figures: tuple[int, int]) -> GroupWeek:
    row = GroupWeek(group_id=group, week=week, region_id=region)
    for name, (value, behind) in zip(rules.FIGURES, figures, strict=True):
        setattr(row, name, value)
        setattr(row, f"{name}_behind", behind)
    return row


FIGURES = {
    "busy": (((200, 203), (80, 80), (900, 90), (12, 9), (3, 3)), ((200, 200), (76, 76), (800, 80), (0, 0), (0, 0))),
    "falling": (((400, 404), (30, 30), (100, 40), (0, 0), (6, 5)), ((400, 401), (90, 90), (300, 95), (0, 0), (0, 0))),
    "tiny": (((10, 10), (4, 4), (77, 4), (1, 1), (0, 0)), ((10, 10), (3, 3), (55, 3), (0, 0), (0, 0))),
}
"""Group → this week and the week before: neighbours, checked in, messages, answered, gaps; (value, persons behind)."""


@pytest.fixture
def region(house: House) -> dict[str, int]:
    """South has three groups and two sealed weeks, north has one of its own; returns the groups' ids."""

    def make(session: Session) -> dict[str, int]:
        session.add(Region(name="north"))
        plan = Plan(key="own:x", name="重阳活动", form="theme", first_day=WEEK, last_day=WEEK, written_at=NOW)
        session.add(plan)
        session.flush()
        found = {}
        for name in (*FIGURES, "foreign"):
            of = 2 if name == "foreign" else 1
            row = Group(channel="sim", external_id=name, name=f"{name}群", region_id=of, created_at=NOW)
            session.add(row)
            session.flush()
            found[name] = row.id or 0
            session.add(Member(group_id=row.id or 0, person_id=2, name="张秘密", joined_at=NOW))
            for back, figures in enumerate(FIGURES.get(name, FIGURES["busy"])):
                session.add(cell(row.id or 0, WEEK - back * service.WEEK, of, *figures))
        for name, joined in (("busy", 21), ("tiny", 3)):
            session.add(
                CampaignWeek(
                    group_id=found[name], week=WEEK, plan_id=plan.id or 0, region_id=1, joined=joined,
                    joined_behind=joined,
                )
            )  # fmt: skip
        session.flush()
        for of in (1, 2):
            for back in (0, 1):
                service.seal(session, Due(of, WEEK - back * service.WEEK, {}), NOW)
        for person, of in ((1, 1), (2, 2)):
            session.add(RoleGrant(person_id=person, role="manager", region_id=of, granted_at=NOW))
        return found

    return house.database.write_now(make)


def manager(house: House, person: int = 1) -> TestClient:
    client = house.browser()
    come_as(client, house.database, Role.MANAGER, person, strong=True)
    return client


def words(text: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text))


def test_the_region_in_sums(house: House, region: dict[str, int]) -> None:
    page = words(manager(house).get("/console/region").text)
    assert "south" in page
    assert "11月9日到11月15日这一周" in page
    # 200 + 400 + 10; of check-ins the tiny group's cannot be in it, and neither can its messages.
    assert "邻居 610" in page
    assert "签到的邻居 110" in page
    assert "1 个群不足 5 人，没算进去" in page
    assert "群里的消息 1,000" in page
    assert "重阳活动" in page
    assert re.search(r"重阳活动 11月9日–11月9日 21 21", page)
    assert "要帮一把" in page
    assert "falling群" in page


def test_nobodys_name_is_on_any_page_and_nothing_of_few(house: House, region: dict[str, int]) -> None:
    client = manager(house)
    for path in (*PAGES, *(f"/console/region/groups/{region[name]}" for name in FIGURES)):
        text = client.get(path).text
        assert "张秘密" not in text
        assert "邻居2" not in text
        assert not re.search(r"\b(77|1077|114|24)\b", words(text)), path


def test_one_group(house: House, region: dict[str, int]) -> None:
    client = manager(house)
    page = words(client.get(f"/console/region/groups/{region['falling']}").text)
    assert "签到的邻居比前一周少了一半" in page
    assert "给团长打个电话" in page
    assert "比前一周 -67%" in page
    tiny = words(client.get(f"/console/region/groups/{region['tiny']}").text)
    assert "看不出" in tiny
    assert tiny.count(FEW) == 5
    assert "邻居 10" in tiny
    assert tiny.count(EMPTY_CHART) == 2
    assert EMPTY_CHART not in page


@pytest.mark.parametrize(
    ("query", "order"),
    [
        ("", ["falling", "busy", "tiny"]),
        ("sort=name", ["busy", "falling", "tiny"]),
        ("sort=-name", ["tiny", "falling", "busy"]),
        ("sort=-neighbours", ["falling", "busy", "tiny"]),
        ("sort=rate", ["falling", "busy", "tiny"]),
        # What is not shown is last in both directions: its place would tell how much it is.
        ("sort=-rate", ["busy", "falling", "tiny"]),
        ("sort=messages", ["falling", "busy", "tiny"]),
        ("sort=-messages", ["busy", "falling", "tiny"]),
        ("sort=change", ["falling", "busy", "tiny"]),
        ("sort=gaps", ["falling", "busy", "tiny"]),
        ("size=small", ["tiny"]),
        ("size=large", ["falling"]),
        ("lamp=none", ["tiny"]),
        ("lamp=red", ["falling"]),
        ("q=BUSY", ["busy"]),
        ("q=nobody", []),
        ("sort=-salary&size=huge&lamp=blue&page=99", ["falling", "busy", "tiny"]),
        ("page=-1", ["falling", "busy", "tiny"]),
        ("page=%00&q=%00", ["falling", "busy", "tiny"]),
    ],
)
def test_the_comparison_is_sorted_and_filtered_by_what_is_shown(
    house: House, region: dict[str, int], query: str, order: list[str]
) -> None:
    answer = manager(house).get(f"/console/region/groups?{query}")
    assert answer.status_code == 200
    assert re.findall(r'<a class="text-link" href="/console/region/groups/\d+">(\w+)群</a>', answer.text) == order
    if not order:
        assert "没有这样的群" in answer.text


def test_two_filters_less_each_other_tell_nothing_of_the_small_group(house: House, region: dict[str, int]) -> None:
    """All groups less the large and the middle ones: the sums are those of what is shown."""
    client = manager(house)

    def sums(query: str) -> list[str]:
        text = client.get(f"/console/region/groups?{query}").text
        return re.findall(r"[\d,]+(?= )|不足", words(text[text.index("<tfoot>") : text.index("</tfoot>")]))

    everything = sums("")
    assert everything[:3] == ["610", "110", "1,000"]
    assert sums("size=large")[:3] == ["400", "30", "100"]
    assert sums("size=middle")[:3] == ["200", "80", "900"]
    assert sums("size=small")[:3] == ["10", "不足", "5"]


def test_pages_of_fifty(house: House, region: dict[str, int]) -> None:
    def more(session: Session) -> None:
        for number in range(60):
            row = Group(channel="sim", external_id=f"m{number}", name=f"m{number:02}群", region_id=1, created_at=NOW)
            session.add(row)
            session.flush()
            session.add(cell(row.id or 0, WEEK, 1, *FIGURES["busy"][0]))

    house.database.write_now(more)
    client = manager(house)
    first = client.get("/console/region/groups?sort=name").text
    second = client.get("/console/region/groups?sort=name&page=2").text
    shown = [re.findall(r'groups/\d+">(\w+)群</a>', text) for text in (first, second)]
    assert [len(one) for one in shown] == [50, 13]
    assert shown[0] + shown[1] == sorted(shown[0] + shown[1])
    assert "page=2" in first


def test_a_manager_sees_her_region_only(house: House, region: dict[str, int]) -> None:
    client = manager(house)
    for path in (f"/console/region/groups/{region['foreign']}", "/console/region/groups/999999"):
        assert client.get(path).status_code == 404
    for path in PAGES:
        assert "foreign" not in client.get(f"{path}?region=2").text
    assert "foreign" not in client.get("/console/region/export?region=2").text
    north = manager(house, 2)
    assert "foreign" in north.get("/console/region/groups").text
    assert north.get(f"/console/region/groups/{region['busy']}").status_code == 404


def test_an_administrator_chooses_a_region_and_staff_has_no_business_here(house: House, region: dict[str, int]) -> None:
    person, _, _ = house.with_second("boss", "admin")
    client = house.browser()
    come_as(client, house.database, Role.ADMIN, person, strong=True)
    assert "busy群" in client.get("/console/region/groups").text
    assert "foreign群" in client.get("/console/region/groups?region=2").text
    assert client.get("/console/region?region=x").status_code == 200
    person, _, _ = house.with_second("wang", "staff")
    come_as(client, house.database, Role.STAFF, person, strong=True)
    assert [client.get(path).status_code for path in PAGES] == [403, 403]


@pytest.mark.parametrize("kind", ["csv", "xlsx", "exe"])
def test_an_export_is_what_is_shown_and_is_written_down(house: House, region: dict[str, int], kind: str) -> None:
    client = manager(house)
    answer = client.get(f"/console/region/export?sort=-neighbours&kind={kind}")
    assert answer.status_code == 200
    assert ("xlsx" if kind == "xlsx" else "csv") in answer.headers["content-disposition"]
    if kind == "xlsx":
        with zipfile.ZipFile(io.BytesIO(answer.content)) as file:
            text = file.read("xl/sharedStrings.xml").decode()
        assert "tiny群" in text
        assert "张秘密" not in text
    else:
        rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
        assert [row[2] for row in rows[1:4]] == ["falling群", "busy群", "tiny群"]
        assert rows[3][3:8] == ["10", FEW, FEW, FEW, FEW]
        assert str(1) in rows[-1][0]
        assert len(rows) == 5
    actions = house.database.read_now(lambda s: [row.action for row in s.exec(select(AuditRow))])
    assert actions.count("region.exported") == 1


def test_before_the_first_week_it_says_when_there_will_be_figures(house: House) -> None:
    house.database.write_now(lambda s: s.add(RoleGrant(person_id=1, role="manager", region_id=1, granted_at=NOW)))
    house.database.write_now(lambda s: setattr(s.get_one(Group, 1), "region_id", 1))
    client = manager(house)
    for path in (*PAGES, "/console/region/groups/1", "/console/region/export", "/console/region/export?kind=xlsx"):
        answer = client.get(path, follow_redirects=True)
        assert answer.status_code == 200
        assert "还没有一整周的数字" in answer.text
        assert "下周一" in answer.text


def test_a_manager_without_a_region_is_told_what_to_do(house: House) -> None:
    house.database.write_now(lambda s: s.add(RoleGrant(person_id=1, role="manager", granted_at=NOW)))
    client = manager(house)
    for path in (*PAGES, "/console/region/export"):
        answer = client.get(path, follow_redirects=True)
        assert answer.status_code == 200
        assert "还没有区域" in answer.text


def test_the_kept_lists_are_few_and_read_once(house: House, region: dict[str, int]) -> None:
    kept = regional.Kept()

    def read(session: Session) -> None:
        first = kept.rows(session, 1, WEEK)
        assert kept.rows(session, 1, WEEK) is first
        for number in range(regional.MOST_KEPT):
            kept.rows(session, 1, WEEK - timedelta(days=7 * (number + 5)))
        assert kept.rows(session, 1, WEEK) is not first

    house.database.read_now(read)
