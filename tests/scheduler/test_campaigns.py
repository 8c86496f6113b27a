"""What is foreseen is what happens; and pause, resume, cancel do what they say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta

import pytest
from sqlmodel import select

from engagement.kernel import Reply
from engagement.pushes import Occurrence, Planned
from scheduler import campaigns
from scheduler.foresight import TooMuch, foresee
from storage.campaigns import Campaign
from storage.engine import Session
from tests.scheduler.community import EIGHT, Town, job
from tests.scheduler.test_planner import at

DAY = date(2026, 11, 23)


def only_mondays(_session: Session, occurrences: Sequence[Occurrence], _now: datetime) -> Sequence[Planned]:
    """Speak on Mondays; skip Tuesdays with a word; nothing at all on other days."""
    said = {0: {"reply": Reply("theme.beat", {})}, 1: {"skip": "rest"}}
    return [Planned(one, **said.get(one.local_date.weekday(), {})) for one in occurrences]  # type: ignore[arg-type]


def busy(town: Callable[..., Town]) -> Town:
    here = town(
        job(),
        job("theme", 10 * 60, plan=only_mondays),
        job("early", 6 * 60, grace_minutes=90),
        job("night", 23 * 60, grace_minutes=30),
        job("more", EIGHT + 5),
    )
    here.add(3, daily_budget=2)
    here.add(1, zone="America/New_York", daily_budget=0)
    here.add(1, zone="Europe/London", daily_budget=9)
    return here


async def test_what_is_foreseen_is_what_happens(town: Callable[..., Town]) -> None:
    here = busy(town)
    await here.run()
    before = here.clock.now()
    found = foresee(here.database, here.jobs, DAY + timedelta(days=1), DAY + timedelta(days=8), before).pushes
    assert here.deliveries() == []
    assert here.unasked() == {}
    await here.advance(at(0, 0, DAY + timedelta(days=11)))
    kinds = {row.id: row.kind for row in here.database.read_now(campaigns_of)}
    really = {
        (kinds[row.campaign_id], row.group_id, row.local_date): (row.state, row.reason, row.sent_at)
        for row in here.deliveries()
        if DAY < row.local_date <= DAY + timedelta(days=8)
    }
    foreseen = {
        (one.campaign, one.group.id, one.local_date): (
            "sent" if one.state == "planned" else one.state,
            one.reason,
            one.at if one.state == "planned" else None,
        )
        for one in found
    }
    assert foreseen == really
    assert {reason for _, reason, _ in really.values()} == {"", "budget", "quiet", "rest"}
    afterwards = foresee(
        here.database, here.jobs, DAY + timedelta(days=1), DAY + timedelta(days=8), here.clock.now()
    ).pushes
    assert {(one.campaign, one.group.id, one.local_date): (one.state, one.reason) for one in afterwards} == {
        key: value[:2] for key, value in really.items()
    }


def campaigns_of(session: Session) -> list[Campaign]:
    return list(session.exec(select(Campaign)).all())


def test_an_empty_installation_foresees_from_the_defaults_and_leaves_no_trace(town: Callable[..., Town]) -> None:
    """Groups that no tick has seen yet."""
    here = busy(town)
    found = foresee(here.database, here.jobs, DAY, DAY, here.clock.now()).pushes
    assert {one.campaign for one in found} == {"topic", "theme", "early", "night", "more"}
    assert here.schedules() == []
    assert here.database.read_now(campaigns_of) == []


def test_a_range_of_days_is_checked(town: Callable[..., Town]) -> None:
    here = town()
    for last in (DAY - timedelta(days=1), DAY + timedelta(days=63)):
        with pytest.raises(TooMuch):
            foresee(here.database, here.jobs, DAY, last, here.clock.now())


async def test_pause_resume_cancel(town: Callable[..., Town]) -> None:
    here = town()
    here.add(2)
    await here.run()

    def move(how: str) -> str | None:
        return here.database.write_now(lambda s: campaigns.move(s, "topic", how, here.clock.now()))

    assert move("pause") == "paused"
    one, *_ = foresee(here.database, here.jobs, DAY, DAY, here.clock.now()).pushes
    assert (one.state, one.reason) == ("skipped", "paused")
    await here.run(at(8))
    assert here.states() == [("pending", "")] * 2
    assert move("resume") == "running"
    await here.run(at(8, 20))
    assert here.states() == [("sent", "")] * 2
    here.clock.set(at(8, 0, DAY + timedelta(days=1)))
    await here.plan()
    assert move("cancel") == "cancelled"
    assert here.states()[2:] == [("cancelled", "cancelled")] * 2
    assert move("pause") is None
    assert move("resume") == "running"
    await here.run(at(8, 0, DAY + timedelta(days=2)))
    assert here.states()[4:] == [("sent", "")] * 2
    assert here.database.write_now(lambda s: campaigns.move(s, "nothing", "pause", here.clock.now())) is None


async def test_standings_add_up(town: Callable[..., Town]) -> None:
    here = busy(town)
    await here.run()
    await here.live(at(12), timedelta(minutes=30))
    found = here.database.read_now(campaigns.standings)
    assert sum(sum(one.counts.values()) for one in found) == len(here.deliveries())
    (topic,) = here.database.read_now(lambda s: campaigns.standings(s, "topic"))
    assert topic.counts["sent"] == 3
    assert topic.next_at is not None
    assert topic.next_at > here.clock.now()
    assert here.database.read_now(lambda s: campaigns.standings(s, "nothing")) == []
