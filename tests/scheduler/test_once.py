"""What is due once: schedules that a slice writes itself, beside the daily ones that the scheduler keeps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlmodel import select

from engagement.kernel import Kind, Outcome, Receipt, Reply
from engagement.pushes import JobSpec, Occurrence, Planned
from scheduler import campaigns, schedules
from scheduler.foresight import foresee
from storage.campaigns import Campaign, Schedule
from storage.engine import Session
from tests.scheduler.community import Town, job
from tests.scheduler.test_planner import DAY, at

NOON = at(12)


def say_once(key: str, kind: Kind = Kind.PUSH, quotes: str = "") -> Callable[..., Sequence[Planned]]:
    def plan(_session: Session, occurrences: Sequence[Occurrence], _now: datetime) -> Sequence[Planned]:
        subject = "news:1" if kind is Kind.EDIT else f"{key}:1"
        return [
            Planned(one, Reply("topic.push", {"title": key}, kind=kind, subject=subject, quotes=quotes))
            for one in occurrences
        ]

    return plan


def news(kind: str = "news", **changes: Any) -> JobSpec:
    return job(kind, **{"once": True, "unasked": False, "minute": 0, "plan": say_once(kind), **changes})


def write(here: Town, kind: str, due: datetime, groups: Sequence[int], grace: int = 60) -> None:
    """What a slice does: a campaign with a schedule a group."""

    def rows(session: Session) -> None:
        campaign = Campaign(key=f"{kind}:1", kind=kind, created_at=due)
        session.add(campaign)
        session.flush()
        assert campaign.id is not None
        for group in groups:
            session.add(
                Schedule(
                    campaign_id=campaign.id,
                    group_id=group,
                    kind=kind,
                    zone="Asia/Shanghai",
                    local_minute=0,
                    grace_minutes=grace,
                    next_at=due,
                )
            )

    here.database.write_now(rows)


async def test_it_fires_once_and_nothing_is_scheduled_for_other_groups(town: Callable[..., Town]) -> None:
    here = town(job(), news())
    here.add(3)
    await here.run(at(11))
    write(here, "news", NOON, [1, 2])
    await here.run(NOON)
    assert [one.conversation for one in here.phone.sent if one.values["title"] == "news"] == ["g0", "g1"]
    for day in range(1, 9):
        await here.run(NOON + timedelta(days=day))
    assert len([one for one in here.phone.sent if one.values["title"] == "news"]) == 2
    mine = here.database.read_now(lambda s: list(s.exec(select(Schedule).where(Schedule.kind == "news")).all()))
    assert [one.next_at for one in mine] == [None, None]
    assert "news" not in here.database.write_now(lambda s: schedules.campaigns(s, here.jobs, NOON))


async def test_it_is_late_after_its_grace_and_says_so(town: Callable[..., Town]) -> None:
    here = town(news())
    here.add()
    write(here, "news", NOON, [1])
    await here.run(NOON + timedelta(days=9))
    assert here.states() == [("skipped", "late")]


async def test_the_rehearsal_shows_what_was_sent_and_invents_nothing(town: Callable[..., Town]) -> None:
    here = town(job(), news())
    here.add()
    await here.run(at(11))
    write(here, "news", NOON, [1])
    await here.run(NOON)
    found = foresee(here.database, here.jobs, DAY, DAY + timedelta(days=3), here.clock.now()).pushes
    assert [(one.campaign, one.state) for one in found if one.campaign.startswith("news")] == [("news:1", "sent")]
    (standing,) = here.database.read_now(lambda s: campaigns.standings(s, "news:1"))
    assert standing.counts == {"sent": 1}


async def test_a_later_message_quotes_or_edits_the_first(town: Callable[..., Town]) -> None:
    here = town(
        news(), news("more", plan=say_once("more", quotes="news:1")), news("end", plan=say_once("end", Kind.EDIT))
    )
    here.add()
    write(here, "news", NOON, [1])
    await here.run(NOON)
    for kind in ("more", "end"):
        write(here, kind, NOON, [1])
        await here.run()
    first, more, end = here.phone.sent
    assert (first.kind, more.kind, end.kind) == (Kind.PUSH, Kind.PUSH, Kind.EDIT)
    assert first.reply_to == ""
    assert more.reply_to == end.reply_to == "p1"
    assert here.unasked() == {}


async def test_what_cannot_be_quoted_goes_out_and_what_cannot_be_edited_does_not(town: Callable[..., Town]) -> None:
    here = town(
        news(), news("more", plan=say_once("more", quotes="news:1")), news("end", plan=say_once("end", Kind.EDIT))
    )
    here.phone.answer = lambda message: Receipt(
        Outcome.REJECTED if message.values["title"] == "news" else Outcome.SENT, provider_id="p"
    )
    here.add()
    for kind in ("news", "more", "end"):
        write(here, kind, NOON, [1])
        await here.run(NOON)
    assert here.states() == [("failed", "rejected"), ("sent", ""), ("skipped", "no_address")]


@pytest.mark.parametrize(("kind", "unasked"), [(Kind.PUSH, 1), (Kind.EDIT, 0)])
async def test_an_edit_takes_nothing_from_the_budget(town: Callable[..., Town], kind: Kind, unasked: int) -> None:
    here = town(news(), news("more", plan=say_once("more", kind), unasked=True))
    here.add()
    write(here, "news", NOON, [1])
    await here.run(NOON)
    write(here, "more", NOON, [1])
    await here.run()
    assert sum(here.unasked().values()) == unasked
    assert here.states()[-1] == ("sent", "")
