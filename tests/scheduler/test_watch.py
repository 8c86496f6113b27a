"""What is known about the schedules is believed as long as nothing that it depends on has changed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from engagement.pushes import JobSpec
from engagement.rhythm import Rhythm
from scheduler import schedules
from scheduler.clock import plan_due
from scheduler.watch import BELIEVED, Watch
from storage.engine import Session
from tests.scheduler.community import Town, database_at, job
from tests.scheduler.test_planner import DAY
from tests.scheduler.test_together import DAYS, TEN, begin, mend, moments, own

CHANGES: dict[str, Callable[[Town, pytest.MonkeyPatch], object]] = {
    "a group comes": lambda here, _: here.add(),
    "a group moves": lambda here, _: here.change_group(2, zone="Asia/Tokyo"),
    "a group leaves": lambda here, _: here.change_group(2, state="removed"),
    "two groups change places": lambda here, _: run(
        here, "UPDATE chat_group SET zone = CASE id WHEN 1 THEN 'Asia/Tokyo' ELSE 'Asia/Shanghai' END WHERE id != 2"
    ),
    "a campaign begins": lambda here, _: begin(here, "fair"),
    "a minute is to be worked out": lambda here, _: run(here, "UPDATE schedule SET next_at = NULL WHERE id = 1"),
    "a schedule is gone": lambda here, _: run(here, "DELETE FROM schedule WHERE id = 1"),
    "a far day": lambda here, _: run(here, "UPDATE schedule SET next_at = next_at + 864000000000 WHERE id = 1"),
    "other days": lambda _, patch: patch.setitem(DAYS, "spring", [(DAY, TEN)]),
}

OWN = own(rhythm=Rhythm(moments, partial(mend, shifts={}), lambda *_: True))


def run(here: Town, statement: str) -> None:
    here.database.write_now(lambda session: session.execute(text(statement)))


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    found: list[datetime] = []
    really = schedules.unsettled

    def unsettled(session: Session, jobs: Sequence[JobSpec], now: datetime) -> list[JobSpec]:
        found.append(now)
        return really(session, jobs, now)

    monkeypatch.setattr(schedules, "unsettled", unsettled)
    return found


async def settle(here: Town, watch: Watch) -> None:
    for _ in range(3):
        await plan_due(here.database, here.jobs, here.clock.now(), watch=watch)


def prepare(here: Town) -> Any:
    here.add(2)
    here.add(1, zone="Asia/Tokyo")
    begin(here, "spring")


@pytest.mark.parametrize("change", CHANGES)
async def test_every_change_is_noticed(
    change: str, town: Callable[..., Town], looks: list[datetime], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, watch = town(job(), OWN), Watch()
    prepare(here)
    await settle(here, watch)
    before = len(looks)
    await settle(here, watch)
    assert len(looks) == before, "nothing has changed"
    CHANGES[change](here, monkeypatch)
    await plan_due(here.database, here.jobs, here.clock.now(), watch=watch)
    assert len(looks) == before + 1


async def test_what_was_noticed_is_mended_and_after_some_minutes_it_is_looked_at_again(
    town: Callable[..., Town], looks: list[datetime]
) -> None:
    here, watch = town(), Watch()
    here.add(2)
    await settle(here, watch)
    here.change_group(2, zone="Europe/London")
    await settle(here, watch)
    assert [row.zone for row in here.schedules()] == ["Asia/Shanghai", "Europe/London"]
    before = len(looks)
    here.clock.set(here.clock.now() + BELIEVED - timedelta(seconds=1))
    await settle(here, watch)
    assert len(looks) == before
    here.clock.set(here.clock.now() + timedelta(seconds=1))
    await settle(here, watch)
    assert len(looks) == before + 1
    here.clock.set(here.clock.now() - timedelta(days=1))
    await settle(here, watch)
    assert len(looks) > before + 1, "a clock that was set back"


@pytest.mark.postgres
async def test_on_postgresql(tmp_path: Path, postgres_url: str, looks: list[datetime]) -> None:
    here, watch = Town(database_at(tmp_path, postgres_url), job(), OWN), Watch()
    prepare(here)
    await settle(here, watch)
    before = len(looks)
    await settle(here, watch)
    assert len(looks) == before
    here.change_group(2, zone="Asia/Tokyo")
    await plan_due(here.database, here.jobs, here.clock.now(), watch=watch)
    assert len(looks) == before + 1
    here.database.close()
