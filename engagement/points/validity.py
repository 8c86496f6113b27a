"""How long a group's points are good, who is told before they expire, and the leader's say in it.

Months are counted to the end of a month, so that what came in one month goes on one day. A rule touches only what comes after
it. While a group has no rule nothing expires there, what had a day keeps it for later; and when a rule comes back, nothing goes
before the end of the next month.

Source: F6.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta

from sqlmodel import col
from sqlmodel import select as pick

from engagement.feature import Context, GroupView
from engagement.kernel import Kind, Reply
from engagement.points import rules, service
from engagement.pushes import Occurrence, Planned
from storage import audit, bots, expiry, lots, preferences
from storage.engine import Session
from storage.groups import Group, Member

EXPIRED_AT_ONCE = 200
"""Accounts in one transaction, well below 50 ms; the rest goes a second later, until everything has gone."""


def set_months(ctx: Context, months: int) -> Mapping[str, object]:
    """Set how long points are good from now on; returns what stood before, for the way back.

    Args:
        months: 0 = for ever.
    """
    before = rules.expiry_months(ctx.here.settings)
    if months and not before:
        lots.prolong(ctx.session, ctx.here.id, rules.last_day(ctx.today, 1))
    _write(ctx, months)
    audit.record(
        ctx.session,
        at=ctx.now,
        actor_id=ctx.actor.person_id,
        group_id=ctx.here.id,
        action="points.expiry_set",
        months=months,
        before=before,
    )
    return {"months": before}


def restore(ctx: Context, before: Mapping[str, object]) -> None:
    """Put the rule back that stood before; points that came meanwhile keep what they were given."""
    months = before.get("months")
    set_months(ctx, months if isinstance(months, int) else 0)


def _write(ctx: Context, months: int) -> None:
    group = ctx.session.get_one(Group, ctx.here.id)
    settings = dict(group.settings or {})
    own = settings.get("points")
    points: dict[str, object] = dict(own) if isinstance(own, Mapping) else {}
    points["expiry_months"] = months
    group.settings = {**settings, "points": points}
    ctx.session.add(group)
    ctx.session.flush()
    ctx.group = GroupView.of(group)


# ---------------------------------------------------------------- what is due


def _with_rule(occurrences: Sequence[Occurrence]) -> list[Occurrence]:
    return [one for one in occurrences if rules.expiry_months(one.group.settings)]


def plan_expiry(session: Session, occurrences: Sequence[Occurrence], now: datetime) -> Sequence[Planned]:
    """Take what has expired, of missed days too; says nothing, and comes again until nothing is left."""
    due = _with_rule(occurrences)
    swept = expiry.expire(session, {one.group.id: one.local_date for one in due}, now, EXPIRED_AT_ONCE)
    if occurrences:
        service.forget_traces(session, min(one.local_date for one in occurrences))
    return [Planned(one, again=True) for one in due if one.group.id in swept.unfinished]


def plan_notices(session: Session, occurrences: Sequence[Occurrence], _now: datetime) -> Sequence[Planned]:
    """Tell people in private 30, 7 and 1 days before points of theirs expire, if their private chat is open."""
    planned: list[Planned] = []
    days: dict[date, list[Occurrence]] = {}
    for one in _with_rule(occurrences):
        days.setdefault(one.local_date, []).append(one)
    for today, there in days.items():
        by_group = {one.group.id: one for one in there}
        ahead = [today + timedelta(days=number) for number in rules.NOTICE_DAYS]
        found = lots.expiring_on(session, sorted(by_group), ahead)
        people = _reachable(session, [notice.account_id for notice in found])
        known = [person for some in people.values() for person, _ in some]
        wanted = preferences.wants(session, known, "points")
        for notice in found:
            one = by_group[notice.group_id]
            for person, name in people.get(notice.account_id, ()):
                if person in wanted:
                    planned.append(Planned(one, _notice(one, notice, today, person, name)))
    # Whoever has two of the days before him on one day hears of the nearer one.
    nearest: dict[tuple[int, int | None], Planned] = {}
    for plan in sorted(planned, key=_days_left):
        assert plan.reply is not None
        nearest.setdefault((plan.occurrence.group.id, plan.reply.to), plan)
    return list(nearest.values())


def _days_left(plan: Planned) -> int:
    assert plan.reply is not None
    return int(str(plan.reply.values["days"]))


def _notice(one: Occurrence, notice: lots.Notice, today: date, person: int, name: str) -> Reply:
    left = (notice.expires_on - today).days
    values = {
        "name": name,
        "group": one.group.name,
        "amount": notice.amount,
        "month": notice.expires_on.month,
        "day": notice.expires_on.day,
        "days": left,
    }
    return Reply("points.expires_tomorrow" if left == 1 else "points.expires", values, kind=Kind.DM, to=person)


def _reachable(session: Session, account_ids: Sequence[int]) -> dict[int, list[tuple[int, str]]]:
    """Return account → (person, name) of its present members who have a private chat open, on whatever channel."""
    found: dict[int, list[tuple[int, str]]] = {}
    rows = session.exec(
        pick(Member.account_id, Member.person_id, Member.name)
        .where(
            col(Member.account_id).in_(account_ids),
            col(Member.left_at).is_(None),
            bots.can_be_told(col(Member.person_id)),
        )
        .order_by(col(Member.id))
    )
    for account, person, name in rows:
        assert account is not None
        found.setdefault(account, []).append((person, name))
    return found
