"""A leader who does not want the day's message: before she is asked, while she is, and in the moments between."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
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
