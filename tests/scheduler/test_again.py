"""Work that is too much for one transaction: the slice says so, and its occurrence comes due once more."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from sqlmodel import select

from engagement.pushes import Occurrence, Planned
from storage.campaigns import Delivery, Fire, Schedule
from storage.engine import Session
from tests.scheduler.community import Town, job
from tests.scheduler.test_once import write
from tests.scheduler.test_planner import at


async def test_it_comes_again_until_it_is_finished(town: Callable[..., Town]) -> None:
    """Three groups; the second one's work takes three turns: it is asked three times, the others once."""
    asked: list[int] = []

    def plan(_session: Session, occurrences: Sequence[Occurrence], _now: datetime) -> Sequence[Planned]:
        asked.extend(one.group.id for one in occurrences)
        return [Planned(one, again=asked.count(2) < 3) for one in occurrences if one.group.id == 2]

    daily = job("sweep", plan=plan, minute=8 * 60)
    here = town(daily)
    here.add(3)
    await here.run(at(7))
    for second in range(6):
        await here.run(at(8) + timedelta(seconds=second))
    assert asked == [1, 2, 3, 2, 2]
    fires = here.database.read_now(lambda session: session.exec(select(Fire)).all())
    assert sorted(one.group_id for one in fires) == [1, 2, 3]
    assert not here.database.read_now(lambda session: session.exec(select(Delivery)).all())
    following = here.database.read_now(lambda session: session.exec(select(Schedule.next_at)).all())
    assert set(following) == {at(8) + timedelta(days=1)}


async def test_so_does_what_is_due_once(town: Callable[..., Town]) -> None:
    turns: list[int] = []

    def plan(_session: Session, occurrences: Sequence[Occurrence], _now: datetime) -> Sequence[Planned]:
        turns.append(len(occurrences))
        return [Planned(one, again=len(turns) < 2) for one in occurrences]

    once = job("work", once=True, unasked=False, minute=0, plan=plan)
    here = town(once)
    here.add()
    write(here, "work", at(9), [1])
    for second in range(4):
        await here.run(at(9) + timedelta(seconds=second))
    assert turns == [1, 1]
