"""Pushes of which nobody knows: sent once more or settled by a person; and failed ones, which stay what they are."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlmodel import select

from engagement.kernel import Outcome, Outgoing, Receipt
from scheduler import letters
from scheduler.letters import Unfit
from storage.audit import AuditRow
from storage.campaigns import Campaign
from storage.groups import Group
from tests.scheduler.community import Town, job
from tests.scheduler.test_planner import DAY, at


def answering(*answers: Receipt) -> Callable[[Outgoing], Receipt]:
    left = list(answers)
    return lambda _message: left.pop(0) if left else Receipt(Outcome.SENT, provider_id="late")


async def doubtful(town: Callable[..., Town]) -> Town:
    """Three groups: one unknown, one refused, one that has it."""
    here = town(job(resend_ambiguous=False))
    here.add(3)
    here.phone.answer = answering(Receipt(Outcome.UNKNOWN, reason="cut"), Receipt(Outcome.REJECTED, reason="rejected"))
    await here.run()
    await here.run(at(8))
    assert here.states() == [("unknown", "cut"), ("failed", "rejected"), ("sent", "")]
    return here


def unfit(here: Town, number: int) -> str:
    with pytest.raises(Unfit) as found:
        here.database.write_now(lambda s: letters.resend(s, [number], here.jobs, here.clock.now()))
    return found.value.why


async def test_what_failed_and_what_is_unknown_is_listed_with_its_reason(town: Callable[..., Town]) -> None:
    here = await doubtful(town)
    found = here.database.read_now(lambda s: letters.letters(s, at(0, 0, DAY)))
    assert [(one.state, one.reason, one.group.name, one.message is None) for one in found] == [
        ("unknown", "cut", "g0", False),
        ("failed", "rejected", "g1", True),
    ]
    assert here.database.read_now(lambda s: letters.letters(s, at(9, 0, DAY))) == []
    assert len(here.database.read_now(lambda s: letters.letters(s, at(0, 0, DAY), "topic"))) == 2
    assert here.database.read_now(lambda s: letters.letters(s, at(0, 0, DAY), "theme")) == []


async def test_an_unknown_one_goes_out_once_more_and_is_not_asked_about_again(town: Callable[..., Town]) -> None:
    here = await doubtful(town)
    one, failed, sent = here.deliveries()
    now = here.clock.now()
    assert here.database.write_now(lambda s: letters.resend(s, [one.id or 0], here.jobs, now)) == now
    await here.run()
    assert here.states() == [("sent", ""), ("failed", "rejected"), ("sent", "")]
    assert [message.conversation for message in here.phone.sent].count("g0") == 1
    assert [unfit(here, row.id or 0) for row in (one, failed, sent)] == [
        "letter_settled",
        "letter_failed",
        "letter_settled",
    ]
    assert unfit(here, 999) == "no_letter"
    assert [row.action for row in here.database.read_now(lambda s: s.exec(select(AuditRow)).all())] == ["push.resent"]


async def test_at_night_it_waits_for_the_morning_and_not_past_its_grace(town: Callable[..., Town]) -> None:
    here = await doubtful(town)
    number = here.deliveries()[0].id or 0
    night = at(23, 30, DAY)
    here.clock.set(night)
    morning = here.database.write_now(lambda s: letters.resend(s, [number], here.jobs, night))
    assert morning == at(7, 0, DAY + timedelta(days=1))
    row = here.deliveries()[0]
    assert (row.state, row.not_before) == ("pending", morning)
    assert row.expires_at == morning + timedelta(minutes=120)


async def test_all_or_none(town: Callable[..., Town]) -> None:
    here = await doubtful(town)
    one, failed, _ = here.deliveries()
    with pytest.raises(Unfit):
        here.database.write_now(lambda s: letters.resend(s, [one.id or 0, failed.id or 0], here.jobs, at(9)))
    assert here.states()[0] == ("unknown", "cut")


async def test_a_group_without_the_bot_and_a_stopped_campaign_are_refused(town: Callable[..., Town]) -> None:
    here = await doubtful(town)
    number = here.deliveries()[0].id or 0

    def stop(session: object) -> None:
        (campaign,) = session.exec(select(Campaign)).all()  # type: ignore[attr-defined]
        campaign.state = "cancelled"
        session.add(campaign)  # type: ignore[attr-defined]

    here.database.write_now(stop)
    assert unfit(here, number) == "letter_stopped"

    def remove(session: object) -> None:
        group = session.get(Group, 1)  # type: ignore[attr-defined]
        group.state = "removed"
        session.add(group)  # type: ignore[attr-defined]

    here.database.write_now(remove)
    assert unfit(here, number) == "letter_gone"


@pytest.mark.parametrize(("how", "reason"), [("sent", ""), ("skipped", "settled")])
async def test_somebody_has_looked(town: Callable[..., Town], how: str, reason: str) -> None:
    here = await doubtful(town)
    number = here.deliveries()[0].id or 0
    here.database.write_now(lambda s: letters.settle(s, number, how, at(9)))
    row = here.deliveries()[0]
    assert (row.state, row.reason, row.body) == (how, reason, "")
    assert (row.sent_at is None) == (how == "skipped")
    await here.run(at(9, 30))
    assert len(here.phone.sent) == 1
    with pytest.raises(Unfit):
        here.database.write_now(lambda s: letters.settle(s, number, how, at(9)))
