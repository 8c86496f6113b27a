"""Customer groups: paging, members, who came and went, and a day in figures."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.channels.wecom.api import CutOff, Refused, WecomApi
from bot.channels.wecom.customer_groups import CustomerGroups
from bot.channels.wecom.settings import WecomSettings
from engagement.clocks import SetClock
from engagement.kernel import Event, Place
from storage.engine import Database, open_database
from storage.mass_sends import OwnerDay
from tests.platforms.wecom import FakeWecom

NOW = datetime(2026, 9, 1, 1, tzinfo=UTC)


@pytest.fixture
def wecom() -> FakeWecom:
    return FakeWecom(NOW)


@pytest.fixture
def groups(wecom: FakeWecom) -> CustomerGroups:
    settings = WecomSettings.model_validate({"corp_id": wecom.corp_id, "agent_id": 7, "secret": wecom.secret})
    return CustomerGroups(WecomApi(settings, SetClock(NOW), wecom.client()), wecom.corp_id)


@pytest.fixture
def database(tmp_path: Path, migrated_file: Path) -> Iterator[Database]:
    folder = tmp_path / "rows"
    shutil.copytree(migrated_file, folder)
    opened = open_database(folder)
    yield opened
    opened.close()


async def test_all_pages(wecom: FakeWecom, groups: CustomerGroups) -> None:
    wecom.page = 3
    for number in range(10):
        wecom.add_group(f"wr{number}", "leader" if number % 2 else "staff")
    assert await groups.ids() == [f"wr{number}" for number in range(10)]
    assert await groups.ids(["leader"]) == ["wr1", "wr3", "wr5", "wr7", "wr9"]


async def test_who_is_in_it(wecom: FakeWecom, groups: CustomerGroups) -> None:
    wecom.add_group("wr1", "leader", "wm-li", "wm-wang", name="阳光\n花园\u202e")
    group = await groups.get("wr1")
    assert (group.name, group.owner, set(group.residents), set(group.staff)) == (
        "阳光 花园",
        "leader",
        {"wm-li", "wm-wang"},
        {"leader"},
    )
    with pytest.raises(Refused):
        await groups.get("wr-none")


async def test_who_came_and_went_while_nobody_listened(wecom: FakeWecom, groups: CustomerGroups) -> None:
    """昨天群里有李阿姨和王叔；今天王叔走了，来了赵姐和钱伯。读两遍，也只算一遍。"""
    wecom.add_group("wr1", "leader", "wm-li", "wm-zhao", "wm-qian", "wm-sun")
    members = wecom.groups["wr1"]["member_list"]
    members[-2]["join_time"] = int((NOW - timedelta(hours=2)).timestamp())
    # Sun has been there for long, and we do not have him: he was never met, or wanted to be forgotten.
    members[-1]["join_time"] = int((NOW - timedelta(days=9)).timestamp())
    group, yesterday = await groups.get("wr1"), NOW - timedelta(days=1)
    events = groups.changes(group, {"wm-li", "wm-wang", "leader"}, yesterday, NOW)
    assert [(one.event, one.subject, one.place, one.conversation) for one in events] == [
        (Event.JOIN, "wm-qian", Place.GROUP, "wr1"),
        (Event.JOIN, "wm-zhao", Place.GROUP, "wr1"),
        (Event.LEAVE, "wm-wang", Place.GROUP, "wr1"),
    ]
    again = groups.changes(group, {"wm-li", "wm-wang"}, yesterday, NOW + timedelta(minutes=5))
    assert [one.dedupe_key for one in again] == [one.dedupe_key for one in events]
    assert groups.changes(group, group.residents, yesterday, NOW) == []


@pytest.mark.parametrize(
    "answer",
    [
        {"errcode": 0},
        {"errcode": 0, "group_chat": {"chat_id": "other"}},
        {"errcode": 0, "group_chat": {"chat_id": "wr1", "owner": "leader"}},
        {"errcode": 0, "group_chat": {"chat_id": "wr1", "owner": "leader", "member_list": []}},
    ],
)
async def test_half_an_answer_is_none(wecom: FakeWecom, groups: CustomerGroups, answer: dict[str, Any]) -> None:
    wecom.script["externalcontact/groupchat/get"] = [answer]
    with pytest.raises(CutOff):
        await groups.get("wr1")


def counted(day: date, **figures: Any) -> dict[str, Any]:
    at = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=8)
    return {"stat_time": int(at.timestamp()), "data": figures}


async def test_a_day_in_figures(wecom: FakeWecom, groups: CustomerGroups, database: Database) -> None:
    first, last = date(2026, 8, 30), date(2026, 8, 31)
    wecom.statistics["leader"] = [
        counted(first, msg_total=120, member_has_msg=31, member_total=200, words="私聊"),
        counted(last, msg_total=-5, member_has_msg="x", chat_total=1),
        counted(date(2026, 9, 5), msg_total=1),
        {"stat_time": "x"},
    ]
    for _ in range(2):
        assert await groups.keep_days(database, "leader", first, last) == 2

    def of(day: date) -> OwnerDay:
        return database.read_now(lambda session: session.get_one(OwnerDay, ("wecom", "ww-sample", "leader", day)))

    rows = [of(first), of(last)]
    assert rows[0].figures is not None
    assert rows[1].figures is not None
    assert (rows[0].figures["msg_total"], rows[0].figures["member_has_msg"], "words" in rows[0].figures) == (
        120,
        31,
        False,
    )
    assert (rows[1].figures["msg_total"], rows[1].figures["member_has_msg"], rows[1].figures["chat_total"]) == (0, 0, 1)
    with pytest.raises(ValueError, match="thirty"):
        await groups.days("leader", first, first + timedelta(days=30))
