"""A group's freezes: days on which nobody's streak breaks, also after the fact.

Source: F1.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from sqlmodel import col
from sqlmodel import select as pick

from engagement.checkin import catchup, pauses, rules
from engagement.checkin.tables import CheckinPause
from engagement.errors import Refusal
from engagement.feature import Context
from prompts.loader import shown_day
from storage import audit


def freeze(ctx: Context, first: date, last: date, reason: str) -> int:
    """Freeze the streaks of a whole group for [first, last]; returns its id.

    Raises:
        Refusal: it begins too long ago, is too long, or meets one that stands.

    Source: F1.
    """
    if (ctx.today - first).days > rules.FREEZE_BACK or (first - ctx.today).days > 366:
        raise Refusal("checkin.freeze_when", days=rules.FREEZE_BACK)
    if (last - first).days >= rules.LONGEST_FREEZE:
        raise Refusal("checkin.freeze_long", most=rules.LONGEST_FREEZE)
    met = next((one for one in freezes(ctx) if one.first_day <= last and first <= one.last_day), None)
    if met is not None:
        raise Refusal("checkin.freeze_there", first=shown_day(met.first_day), last=shown_day(met.last_day))
    pause = CheckinPause(group_id=ctx.here.id, first_day=first, last_day=last, reason=reason)
    made = pauses.add(ctx, pause, "checkin.frozen")
    # Who has not checked in after the first of the days keeps the streak that ended before or on it.
    catchup.begin(ctx, since=first + timedelta(days=1))
    return made


def unfreeze(ctx: Context, pause_id: int) -> bool:
    """Take a group's freeze away; streaks are what the facts say without it. False when it is gone already."""
    pause = ctx.session.get(CheckinPause, pause_id)
    if pause is None or pause.group_id != ctx.here.id or pause.member_id is not None:
        return False
    first = pause.first_day
    ctx.session.delete(pause)
    ctx.session.flush()
    audit.record(ctx.session, at=ctx.now, actor_id=ctx.actor.person_id, group_id=ctx.here.id, action="checkin.unfrozen")
    catchup.begin(ctx, since=first + timedelta(days=1))
    return True


def freezes(ctx: Context) -> Sequence[CheckinPause]:
    """Return the group's freezes that are not over, and those of the last days, by day."""
    return list(
        ctx.session.exec(
            pick(CheckinPause)
            .where(
                CheckinPause.group_id == ctx.here.id,
                col(CheckinPause.member_id).is_(None),
                col(CheckinPause.last_day) >= ctx.today.replace(day=1),
            )
            .order_by(col(CheckinPause.first_day))
        )
    )
