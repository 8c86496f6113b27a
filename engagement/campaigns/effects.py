"""What came of a campaign: whom it reached, who answered, what it cost, and which of two wordings did better.

A participant is somebody who answered a campaign (:mod:`engagement.campaigns.echoes`); members are those that the program
knows of, for a platform does not say who else reads along. What cannot be said from the figures is not said.

Source: F89, F98.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from statistics import fmean, variance
from typing import Any

from sqlalchemy import case, exists, func, or_, select
from sqlmodel import col
from sqlmodel import select as pick

from engagement import calendar
from engagement.campaigns import rules, service
from engagement.campaigns.saying import slot
from engagement.campaigns.tables import Beat, Echo, Plan
from storage import bonds, wordings
from storage.campaigns import Campaign, Delivery, Schedule
from storage.engine import Session
from storage.groups import Member

FEWEST_GROUPS = 10
"""With fewer groups a side nothing is said about two wordings."""
_Z = 1.959963984540054
"""97.5 % of a normal distribution."""
_D = Delivery.__table__  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two wordings, each in its own groups.

    Attributes:
        a, b: groups with the first and with the other wording.
        share_a, share_b: mean over the groups of the share of members that answered, 0 … 1.
        low, high: 95 % interval of ``share_b - share_a``; None where there are too few groups or answers to tell.
        verdict: ``few`` (groups), ``silent`` (nobody answered), ``unclear`` (the interval has 0 in it), ``a``, ``b`` (is better).
    """

    a: int
    b: int
    share_a: float
    share_b: float
    low: float | None
    high: float | None
    verdict: str

    @property
    def difference(self) -> float:
        """How much more members answered the other wording; negative = fewer."""
        return self.share_b - self.share_a


@dataclass(slots=True)
class Effect:
    """A campaign in figures.

    Attributes:
        state: of the campaign.
        over: no answer can be added any more, anywhere.
        groups: that had at least one message of it.
        members: known there at present, or gone but with an answer; of what is for leaders, the leaders who were told.
        participants: members who answered.
        answers: how often they did.
        messages: sent for it; what was said along in another one's message cost none and stands in ``along``.
        missed: delivery state → reason → rows that were not sent; ``pending`` has no reason.
        comparison: of two wordings; None where it had one, or no group has read the two yet.
        own_words: groups left out of it, since they read words of their own.
    """

    key: str
    name: str
    audience: str
    state: str
    over: bool
    groups: int = 0
    members: int = 0
    participants: int = 0
    answers: int = 0
    messages: int = 0
    along: int = 0
    missed: dict[str, dict[str, int]] = field(default_factory=dict)
    comparison: Comparison | None = None
    own_words: int = 0

    @property
    def participation(self) -> float | None:
        """Participants among the members, 0 … 1; None where there are no members."""
        return self.participants / self.members if self.members else None


# ------------------------------------------------------------------ two wordings


def compare(a: Sequence[float], b: Sequence[float]) -> Comparison:
    """Compare what share of each group's members answered, with the first wording and with the other one.

    A group is what was assigned to a wording, so a group is what counts: neighbours of one group answer alike, and taking each
    for himself would make the interval far too narrow. Welch's interval, for the two sides need not be equally uneven.

    Source: B. L. Welch (1947), Biometrika 34.
    """
    share_a, share_b = fmean(a) if a else 0.0, fmean(b) if b else 0.0

    def said(verdict: str, low: float | None = None, high: float | None = None) -> Comparison:
        return Comparison(len(a), len(b), share_a, share_b, low, high, verdict)

    if min(len(a), len(b)) < FEWEST_GROUPS:
        return said("few")
    of_a, of_b = variance(a) / len(a), variance(b) / len(b)
    if of_a + of_b == 0:
        return said("silent")
    freedom = (of_a + of_b) ** 2 / (of_a**2 / (len(a) - 1) + of_b**2 / (len(b) - 1))
    off = _student(freedom) * math.sqrt(of_a + of_b)
    low, high = share_b - share_a - off, share_b - share_a + off
    return said("b" if low > 0 else "a" if high < 0 else "unclear", low, high)


def _student(freedom: float) -> float:
    """Return 97.5 % of Student's distribution, from 9 degrees of freedom on right to a thousandth.

    Source: Abramowitz and Stegun 26.7.5.
    """
    z, n = _Z, freedom
    return (
        z
        + (z**3 + z) / (4 * n)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * n**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * n**3)
    )


# ------------------------------------------------------------------ figures


def meant(session: Session, text: str) -> Plan | None:
    """Find the campaign that somebody means by its key, its key without the year, or its name; the latest that began."""
    wanted = or_(col(Plan.key) == text, col(Plan.key).startswith(f"{text}:", autoescape=True), col(Plan.name) == text)
    first = case((col(Plan.key) == text, 0), else_=1)
    begun = case((exists().where(_D.c.campaign_id == col(Plan.campaign_id)), 0), else_=1)
    return session.exec(pick(Plan).where(wanted).order_by(first, begun, col(Plan.first_day).desc())).first()


def effects(session: Session, now: datetime, plan: Plan | None = None) -> list[Effect]:
    """Return every campaign that anything was to be sent of, the latest first, or the one that is asked for."""
    wanted = pick(Plan, Campaign).join(Campaign, col(Campaign.id) == col(Plan.campaign_id))
    if plan is not None:
        wanted = wanted.where(col(Plan.id) == plan.id)
    else:
        wanted = wanted.where(exists().where(_D.c.campaign_id == col(Plan.campaign_id)))
    return [_effect(session, *row, now) for row in session.exec(wanted.order_by(col(Plan.first_day).desc())).all()]


def _effect(session: Session, plan: Plan, campaign: Campaign, now: datetime) -> Effect:
    last = plan.last_day + timedelta(days=rules.MOST_SHIFT + rules.ANSWERED_DAYS + 1)
    over = not plan.joined and calendar.local_day(now, service.HOME) > last
    found = Effect(plan.key, plan.name, plan.audience, campaign.state, over)
    mine = _D.c.campaign_id == campaign.id
    for state, reason, count, carried in session.execute(
        select(_D.c.state, _D.c.reason, func.count(), func.count(_D.c.carrier))
        .where(mine)
        .group_by(_D.c.state, _D.c.reason)
    ):
        if state == "sent":
            found.messages += count - carried
            found.along += carried
        else:
            found.missed.setdefault(state, {})[reason] = count
    members = _members(session, plan, campaign)
    answered: dict[int, int] = {}
    for group, people, times in session.execute(
        select(col(Echo.group_id), func.count(bonds.acts().distinct()), func.sum(col(Echo.answers)))
        .join(Member, col(Member.id) == col(Echo.member_id))
        .where(col(Echo.plan_id) == plan.id)
        .group_by(col(Echo.group_id))
    ):
        answered[group] = people
        found.participants += people
        found.answers += times
    found.groups, found.members = len(members), sum(members.values())
    sides = _sides(session, plan, campaign)
    if sides is not None:
        shares: tuple[list[float], list[float]] = ([], [])
        for group, second in sides.items():
            if second is None:
                found.own_words += 1
            elif members.get(group):
                shares[second].append(answered.get(group, 0) / members[group])
        found.comparison = compare(*shares) if any(shares) else None
    return found


def _members(session: Session, plan: Plan, campaign: Campaign) -> Mapping[int, int]:
    """Return group → known members, of the groups that had something; of a campaign for leaders, those who were told."""
    sent = (_D.c.campaign_id == campaign.id) & (_D.c.state == "sent")
    if plan.audience == "leaders":
        told = select(_D.c.group_id, func.count(_D.c.recipient.distinct())).where(sent).group_by(_D.c.group_id)
        return dict(session.execute(told).all())
    reached = [group for (group,) in session.execute(select(_D.c.group_id).where(sent).distinct())]
    found = dict.fromkeys(reached, 0)
    echoed = exists().where(col(Echo.plan_id) == plan.id, col(Echo.member_id) == col(Member.id))
    there = (
        select(col(Member.group_id), func.count(bonds.acts().distinct()))
        .where(or_(col(Member.left_at).is_(None), echoed))
        .where(exists().where(sent, _D.c.group_id == col(Member.group_id)))
        .group_by(col(Member.group_id))
    )
    for group, count in session.execute(there):
        found[group] = count
    return found


def _sides(session: Session, plan: Plan, campaign: Campaign) -> Mapping[int, bool | None] | None:
    """Return group → whether it read the other wording, None where it read its own words; None without two wordings.

    Only groups that had a beat with two wordings count.
    """
    beats = session.exec(pick(Beat).where(Beat.plan_id == plan.id, Beat.other != "")).all()
    if not beats or plan.audience == "leaders":
        return None
    days = {beat.local_day for beat in beats}
    rows: Any = session.execute(
        select(_D.c.group_id, _D.c.local_date, func.coalesce(col(Schedule.shift_days), 0))
        .outerjoin(
            Schedule, (col(Schedule.campaign_id) == _D.c.campaign_id) & (col(Schedule.group_id) == _D.c.group_id)
        )
        .where(_D.c.campaign_id == campaign.id, _D.c.state == "sent")
    )
    groups = {group for group, day, shift in rows if day - timedelta(days=shift) in days}
    own = {group for _, group in wordings.own(session, [slot(beat) for beat in beats], groups)}
    return {group: None if group in own else rules.is_second(plan.key, group) for group in sorted(groups)}
