"""A whole group's streaks after a freeze of days that are over: a few in a transaction, exact all the time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlmodel import col, select

from engagement.checkin import catchup, pauses, records
from engagement.checkin.tables import Checkin, CheckinStreak
from engagement.registry import FEATURES
from scheduler.clock import run_due
from scheduler.gate import no_gate
from storage import identities
from storage.engine import Session
from storage.groups import Group, Member
from tests.engagement.stage import Stage, at, keys, open_stage

MEMBERS = 2 * catchup.AT_ONCE + 10
LAST = f"邻居{MEMBERS - 1}"


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """Everybody has checked in from 1 to 6 December, but not on the 4th: a streak of two, which was one of six."""
    made = open_stage(tmp_path, FEATURES, "2026-12-07T09:00")

    def fill(session: Session) -> None:
        now = made.clock.now()
        for number in range(MEMBERS):
            name = f"邻居{number}"
            person = identities.meet(session, "play", name, name, now)
            member = Member(
                group_id=made.group_id, person_id=person.person_id, name=name, joined_at=at("2026-01-01T09:00")
            )
            session.add(member)
            session.flush()
            assert member.id is not None
            identities.grant_consent(session, person.person_id, now)
            identities.open_account(session, member.id, now)
            session.add_all(
                Checkin(member_id=member.id, local_date=date(2026, 12, day), occurred_at=now) for day in (1, 2, 3, 5, 6)
            )
            session.add(CheckinStreak(member_id=member.id, streak=2, longest=3, total=5, last_date=date(2026, 12, 6)))

    made.database.write_now(fill)
    yield made
    made.database.close()


def streaks(stage: Stage) -> list[int]:
    wanted = select(CheckinStreak.streak).order_by(col(CheckinStreak.member_id))
    return stage.database.read_now(lambda session: list(session.exec(wanted)))


def is_behind(stage: Stage) -> bool:
    group = stage.database.read_now(lambda session: session.get_one(Group, stage.group_id))
    return catchup.SETTING in (group.settings or {})["checkin"]  # type: ignore[operator]


def beat(stage: Stage, seconds: int = 1) -> None:
    """One tick of the planner, a second later."""
    stage.clock.set(stage.clock.now() + timedelta(seconds=seconds))
    jobs = [job for job in stage.jobs.values() if job.once]
    asyncio.run(run_due(stage.database, jobs, stage.clock, {}, no_gate()))


def test_a_few_in_each_transaction(stage: Stage) -> None:
    """冻结连签 12-04: two chunks are left for the next seconds; every chunk is as small as the first."""
    (frozen,) = stage.say("周团长", "冻结连签 12-04 12-04 停电")
    assert frozen.key == "checkin.frozen"
    left = [streaks(stage).count(2)]
    while is_behind(stage):
        assert stage.database.read_now(records.wrong_streaks) == 0, "what is known to be behind is not wrong"
        beat(stage)
        left.append(streaks(stage).count(2))
    assert left == [MEMBERS - catchup.AT_ONCE, MEMBERS - 2 * catchup.AT_ONCE, 0]
    assert set(streaks(stage)) == {5}
    assert stage.database.read_now(records.wrong_streaks) == 0
    before = streaks(stage)
    beat(stage)
    assert streaks(stage) == before, "it is over"


def test_meanwhile_everything_is_counted_from_the_facts(stage: Stage) -> None:
    """The last one checks in before his turn: his sixth day in a row, with its reward; the calendar says so, too."""
    stage.say("周团长", "冻结连签 12-04 12-04 停电")
    assert streaks(stage)[-1] == 2
    (calendar,) = stage.say(LAST, "打卡日历")
    assert calendar.values["streak"] == 5
    (done,) = stage.say(LAST, "签到")
    assert done.values["streak"] == 6
    (again,) = stage.say(LAST, "签到")
    assert again.values["streak"] == 6
    other = f"邻居{MEMBERS - 2}"
    assert stage.say(other, "签到", occurred="2026-12-06T20:00")[0].values["streak"] == 5, "a repeat of yesterday's"
    while is_behind(stage):
        beat(stage)
    assert stage.database.read_now(records.wrong_streaks) == 0
    assert streaks(stage)[-1] == 6


def test_a_kill_between_loses_and_repeats_nothing(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process dies in the second chunk, is away for a day, and goes on where it was."""
    stage.say("周团长", "冻结连签 12-04 12-04 停电")
    first = streaks(stage)
    real, calls = pauses.restreak, 0

    def dying(session: Session, group: object, member: int, topic: str = "daily", **more: object) -> int:
        nonlocal calls
        calls += 1
        if calls == 5:
            raise OSError("killed")
        return real(session, group, member, topic, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(pauses, "restreak", dying)
    with monkeypatch.context() as patch:
        patch.setattr("scheduler.planner._world_failed", lambda _error: True)
        with pytest.raises(OSError, match="killed"):
            beat(stage)
    assert streaks(stage) == first and is_behind(stage)
    monkeypatch.setattr(pauses, "restreak", real)
    beat(stage, seconds=86_400)
    while is_behind(stage):
        beat(stage)
    assert set(streaks(stage)) == {5}
    assert stage.database.read_now(records.wrong_streaks) == 0


def test_taken_back_while_it_is_under_way(stage: Stage) -> None:
    (frozen,) = stage.say("周团长", "冻结连签 12-04 12-04 停电")
    beat(stage)
    assert keys(stage.say("周团长", "", button=frozen.buttons[0].key)) == ["checkin.unfrozen"]
    while is_behind(stage):
        beat(stage)
    assert set(streaks(stage)) == {2}
    assert stage.database.read_now(records.wrong_streaks) == 0
