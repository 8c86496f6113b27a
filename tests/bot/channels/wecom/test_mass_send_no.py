"""A leader who does not want the day's message: before she is asked, while she is, and in the moments between."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest

from bot.channels.wecom.tasks import Tasks
from engagement.kernel import Outcome
from storage import mass_sends
from storage.engine import open_database
from tests.bot.channels.wecom.test_mass_send import LOST, TOLD, WAITS, House


@pytest.fixture
def house(tmp_path: Path, migrated_file: Path) -> Iterator[House]:
    folder = tmp_path / "rows"
    shutil.copytree(migrated_file, folder)
    opened = open_database(folder)
    yield House(opened)
    opened.close()


def decline(house: House) -> str:
    """The leader says that it is not to be said today."""
    where = {"channel": "wecom", "account": "ww-sample", "conversation": "wr1", "local_date": date(2026, 9, 1)}
    return house.database.write_now(
        lambda s: mass_sends.decline(s, leader="leader", now=house.clock.now(), **where)  # type: ignore[arg-type]
    )


NOT_TODAY = (Outcome.REJECTED, "declined")


async def test_a_leader_who_does_not_want_it_today(house: House) -> None:
    """09:00 团长说今天不发：半分钟内收回，不再提醒；当天再有什么也不发，明天照常。"""
    await house.ask()
    house.on(30)
    assert decline(house) == "awaiting"
    assert await house.sender.take_back("ww-sample") == 1
    assert (house.row().state, house.row().reason, house.open) == ("recalled", "declined", [])
    assert [await house.ask(), await house.ask("theme.day")] == [NOT_TODAY] * 2
    house.on(24 * 60)
    assert await house.ask() == WAITS


async def test_a_leader_who_says_so_before_she_is_asked(house: House) -> None:
    assert decline(house) == ""
    assert await house.ask() == NOT_TODAY
    assert not house.wecom.templates


async def test_a_leader_who_taps_and_then_does_not_want_it(house: House) -> None:
    """点了又说不发：发出去了就是发出去了。"""
    await house.ask()
    house.wecom.confirm(house.open[0].msgid)
    decline(house)
    assert await house.sender.take_back("ww-sample") == 1
    assert await house.ask() == TOLD
    assert decline(house) == "sent"
    assert house.row().state == "sent"


async def test_a_no_while_the_task_is_being_made(house: House) -> None:
    """回话丢了、还在查的时候说了不发：查到了就收回，查不到也不再建。"""
    house.wecom.script[LOST] = ["cut"]
    await house.ask()
    assert decline(house) == "unknown"
    house.on(3)
    assert await house.ask() == NOT_TODAY
    assert [one.cancelled for one in house.wecom.templates.values()] == [True]


async def test_a_no_of_which_nothing_was_made(house: House) -> None:
    house.wecom.script[LOST] = ["cut"]
    await house.ask()
    house.wecom.unlisted = set(house.wecom.templates)
    decline(house)
    house.on(3)
    assert await house.ask() == NOT_TODAY
    assert len(house.wecom.templates) == 1


async def test_a_no_in_the_moment_of_a_reminder(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between our look and the reminder's note the leader says no: the note does not wipe it away."""
    await house.ask()
    house.on(61)
    status = Tasks.status

    async def status_and_no(tasks: Tasks, row: mass_sends.Asked) -> int:
        found = await status(tasks, row)
        decline(house)
        return found

    with monkeypatch.context() as patch:
        patch.setattr(Tasks, "status", status_and_no)
        await house.ask()
    assert house.open[0].reminded == []
    await house.sender.take_back("ww-sample")
    assert await house.ask() == NOT_TODAY


# ---------------------------------------------------------------- in the moments between

CANCEL, RESULT = "externalcontact/cancel_groupmsg_send", "externalcontact/get_groupmsg_send_result"


def no(house: House, then: object = None) -> Callable[[], object]:
    """The leader says no, twice as people do, while WeCom is called; ``then`` is what WeCom does."""

    def said() -> object:
        for _ in range(2):
            house.on(0.01)
            decline(house)
        return then

    return said


async def test_a_no_in_the_moment_in_which_the_task_is_made(house: House) -> None:
    """正在建的那一秒说了不发：建好的那条记着，半分钟内收回，不会留在她手机上。"""
    house.wecom.script[LOST] = [no(house)]
    assert await house.ask() == WAITS
    [template] = house.open
    row = house.row()
    assert (row.state, row.reason, row.provider_id) == ("awaiting", "declined", template.msgid)
    house.on(0.5)
    assert await house.sender.take_back("ww-sample") == 1
    assert (house.row().state, template.cancelled) == ("recalled", True)
    assert [await house.ask(), await house.ask("theme.day")] == [NOT_TODAY] * 2


@pytest.mark.parametrize("code", [48002, 41048])
async def test_a_no_while_wecom_refuses_the_task(house: House, code: int) -> None:
    """建的时候说了不发，企业微信也没收：当天不再建，也不去问换了的群主。"""
    await house.leader("wr1")
    house.wecom.groups["wr1"]["owner"] = "staff"
    house.wecom.script[LOST] = [no(house, code)]
    assert await house.ask() == NOT_TODAY
    assert (house.row().state, house.row().reason) == ("recalled", "declined")
    assert await house.ask() == NOT_TODAY
    assert not house.wecom.templates


async def test_a_no_while_the_connection_is_lost(house: House) -> None:
    house.wecom.script[LOST] = [no(house, "drop")]
    assert (await house.ask())[0] is Outcome.RETRY
    assert (house.row().state, house.row().reason) == ("recalled", "declined")
    assert await house.ask() == NOT_TODAY
    assert not house.wecom.templates


async def test_a_no_while_one_more_push_is_to_join(house: House) -> None:
    """要并进一条的时候，早上那条收没收回不知道，她又说了不发：在等的那条半分钟内收回。"""
    await house.ask()
    house.on(10)
    house.wecom.script[CANCEL] = [no(house, 45009)]
    house.wecom.script[RESULT] = [None, "drop"]
    assert await house.ask("topic.morning", "theme.day") == WAITS
    assert (house.row().state, house.row().reason) == ("awaiting", "declined")
    assert await house.sender.take_back("ww-sample") == 1
    assert house.open == []


async def test_a_no_while_the_group_gets_another_owner(house: House) -> None:
    """换了群主，旧的那条刚收回，她说了不发：不再给新群主建。"""
    await house.ask()
    house.wecom.groups["wr1"]["owner"] = "staff"
    house.known.clear()
    house.wecom.script[CANCEL] = [no(house)]
    assert (await house.ask())[0] is Outcome.RETRY
    assert (house.row().state, house.row().reason, len(house.wecom.templates)) == ("recalled", "declined", 1)
    assert await house.ask() == NOT_TODAY


async def test_a_no_that_nobody_asked_for_any_more(house: House) -> None:
    """没回话的那条查不到，也没人再问：记成她不要，下午再有推送也不请她。"""
    house.wecom.script[LOST] = ["drop", "cut"]
    await house.ask()
    await house.ask()
    house.wecom.unlisted = set(house.wecom.templates)
    decline(house)
    house.on(60)
    assert await house.sender.watch("ww-sample") == {"recalled": 1}
    assert await house.ask("evening.words") == NOT_TODAY
    assert len(house.wecom.templates) == 1
