"""签到 and 打卡日历: arguments → service → reply."""

from __future__ import annotations

from collections.abc import Sequence

from engagement.checkin import rules, service
from engagement.feature import Context
from engagement.kernel import Button, Kind, Reply

_STAMP = "👍"


def check_in(ctx: Context) -> Sequence[Reply]:
    """Check in. A first time or a milestone gets words, a routine one an emoji where the group wants quiet."""
    done = service.check_in(ctx)
    values: dict[str, object] = {
        "name": ctx.actor.name,
        "streak": done.streak,
        "points": done.points,
        "bonus": done.bonus,
        "balance": done.balance,
        "total": done.total,
        "left": rules.next_milestone(done.streak),
    }
    if done.repeated:
        return [Reply("checkin.already", values)]
    if done.total == 1:
        said = Reply("checkin.first", values, buttons=[Button("points:show", "checkin.button_points")])
    elif done.bonus:
        said = Reply("checkin.milestone", values)
    elif ctx.here.quiet_acks:
        said = Reply("checkin.done", values, kind=Kind.REACTION, emoji=_STAMP)
    else:
        said = Reply("checkin.done", values)
    return [said, *done.replies]


def calendar(ctx: Context) -> Sequence[Reply]:
    """Answer 打卡日历: this month's days in words."""
    assert ctx.actor.member_id is not None
    month = service.month_of(ctx.session, ctx.actor.member_id, ctx.today)
    values = {
        "name": ctx.actor.name,
        "month": ctx.today.month,
        "count": len(month.days),
        "days": "、".join(str(day) for day in month.days),
        "streak": month.streak,
        "longest": month.longest,
    }
    if not month.days:
        return [Reply("checkin.calendar_empty", values)]
    return [Reply("checkin.calendar", values, tails=() if month.checked_today else ("checkin.calendar_today",))]
