"""打卡: the first room of a resident's pages. A calendar of any month, one big button, what can be made up for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from console.auth import Area
from console.pages import h5_frame
from console.pages.h5_frame import Mine
from console.policy import RESIDENT, Allow
from engagement import calendar
from engagement.checkin import makeups, pauses, rules, service
from engagement.checkin.card import Month
from engagement.points import service as points
from storage.engine import Session

router = APIRouter()
OPEN = Allow(Area.H5, RESIDENT)


@dataclass(frozen=True, slots=True)
class Day:
    """A cell of the calendar; number 0 = before the first of the month; state: on, made_up, off or empty."""

    number: int
    state: str = ""
    today: bool = False
    ahead: bool = False


@router.get("/h5", dependencies=[Depends(OPEN)])
async def look(request: Request, group: str = "", month: str = "", topic: str = "") -> Response:
    """Show the calendar and the button."""
    return await h5_frame.show(request, "checkin", lambda s, me: _read(s, me, month, topic), group)


@router.post("/h5", dependencies=[Depends(OPEN)])
async def do(request: Request) -> Response:
    """Check in, make up for a day, take days off."""
    return await h5_frame.do(request, "checkin", lambda s, me: _read(s, me, "", ""))


def _read(session: Session, me: Mine, month: str, topic: str) -> Mapping[str, Any]:
    if me.member is None or not me.account_id:
        return {}
    here, today = me.here, me.today
    topics = [one for one in rules.topics_of(pauses.settings_of(here)) if one.active]
    chosen = next((one for one in topics if one.key == topic), None)
    key = service.PLAIN if chosen is None else chosen.key
    daily = service.month_of(session, here, me.member_id, today)
    now = daily if chosen is None else service.month_of(session, here, me.member_id, today, key)
    first = _month(month, today, calendar.local_day(me.member.joined_at, here.zone))
    this = calendar.month_start(today)
    shown = now if first == this else service.month_of(session, here, me.member_id, calendar.month_end(first), key)
    done = service.done_on(session, me.member_id, today)
    may = chosen is None or chosen.allows_makeups
    return {
        "topics": [(one, one.key in done) for one in topics],
        "chosen": chosen,
        "daily": daily,
        "month": now,
        "first": first,
        "days": cells(first, today, shown),
        "count": len(shown.days) + len(shown.made_up),
        "marks": {"made_up": bool(shown.made_up), "off": bool(shown.frozen)},
        "before": _before(first, calendar.local_day(me.member.joined_at, here.zone)),
        "after": calendar.month_end(first) + timedelta(days=1) if first < this else None,
        "missed": makeups.possible(session, here, me.member_id, today, key) if may else [],
        "checked": service.PLAIN in done,
        "weekend": today.weekday() >= rules.SATURDAY,
        "standing": points.standing(session, me.group_id, here.name, me.member_id, me.account_id, today),
        "left": rules.next_milestone(daily.streak),
        "bonus": rules.milestone_bonus(
            rules.Rewards.of(pauses.settings_of(here)), daily.streak + rules.next_milestone(daily.streak)
        ),
    }


def _month(wanted: str, today: date, joined: date) -> date:
    """Return the first of the month asked for, between the one of joining and this one; rubbish is this one."""
    this = calendar.month_start(today)
    try:
        first = date.fromisoformat(f"{wanted}-01") if len(wanted) == len("2026-01") else this
    except ValueError:
        first = this
    return min(this, max(first, calendar.month_start(joined)))


def _before(first: date, joined: date) -> date | None:
    """Return the first of the month before, unless it lies before the one of joining."""
    earlier = calendar.month_start(first - timedelta(days=1))
    return earlier if earlier >= calendar.month_start(joined) else None


def cells(first: date, today: date, month: Month) -> list[Day]:
    """Lay out the days of a month, Monday first, empty cells before the first."""
    states = {
        **dict.fromkeys(month.frozen, "off"),
        **dict.fromkeys(month.made_up, "made_up"),
        **dict.fromkeys(month.days, "on"),
    }
    days = [Day(0) for _ in range(first.weekday())]
    for number in range(1, calendar.month_end(first).day + 1):
        day = first.replace(day=number)
        days.append(Day(number, states.get(number, ""), day == today, day > today))
    return days
