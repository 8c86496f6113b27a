"""Writing a campaign by hand: its head and its beats while it is a draft, and the day of a beat while nobody has it.

Source: F27, F31.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import select, update
from sqlmodel import col
from sqlmodel import select as pick

from engagement.calendar import local_day
from engagement.campaigns import rules, service, words
from engagement.campaigns.tables import Beat, Plan
from engagement.errors import Refusal
from engagement.kernel import one_line
from prompts.campaigns import MOST_NAME, MOST_SLOGAN, MOST_TITLE, PHASES
from storage import audit
from storage.campaigns import Fire, Schedule
from storage.engine import Session

FARTHEST = timedelta(days=14)
"""How far a beat may be moved at once."""
MOST_BEATS = 60
_S = Schedule.__table__  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class Written:
    """A beat as somebody wrote it."""

    minute: int
    phase: str
    title: str
    text: str
    other: str = ""
    poster: bool = False


def _note(session: Session, act: str, plan: Plan, by: int | None, now: datetime, **more: int | str) -> None:
    audit.record(session, at=now, actor_id=by, group_id=None, action=f"calendar.{act}", plan=plan.id or 0, **more)


def _draft(session: Session, plan_id: int) -> Plan:
    plan = session.get(Plan, plan_id)
    if plan is None:
        raise Refusal("campaigns.unknown_plan", number=plan_id)
    if plan.stage != "draft":
        raise Refusal("campaigns.no_draft", name=plan.name)
    return plan


def _by_hand(plan: Plan, by: int | None, now: datetime) -> None:
    """Whoever changes a draft has written it: somebody else approves it."""
    if by is not None:
        plan.written_by, plan.written_at = by, now


def checked(written: Written, audience: str) -> Written:
    """Return a beat's words as they are kept.

    Raises:
        Refusal: a title or text that is empty, too long or names what nobody knows; a time or phase that is none.
    """
    title = one_line(written.title, 200)
    if not title or len(title) > MOST_TITLE:
        raise Refusal("campaigns.title_long", length=len(title), most=MOST_TITLE)
    if not 0 <= written.minute < 24 * 60 or written.phase not in PHASES:
        raise Refusal("campaigns.bad_time")
    text = words.wording(written.text, audience)
    other = words.wording(written.other, audience) if written.other.strip() else ""
    return Written(written.minute, written.phase, title, text, other, written.poster)


def head(session: Session, plan_id: int, name: str, slogan: str, by: int | None, now: datetime) -> None:
    """Name a draft.

    Raises:
        Refusal: ``campaigns.no_draft``, ``campaigns.name_long``.
    """
    plan = _draft(session, plan_id)
    name, slogan = one_line(name, 200), one_line(slogan, 200)
    if not name or len(name) > MOST_NAME or len(slogan) > MOST_SLOGAN:
        raise Refusal("campaigns.name_long", name=MOST_NAME, slogan=MOST_SLOGAN)
    plan.name, plan.slogan = name, slogan
    _by_hand(plan, by, now)
    session.add(plan)
    _note(session, "edited", plan, by, now)


def edit(session: Session, beat_id: int, written: Written, by: int | None, now: datetime) -> None:
    """Write a draft's beat anew.

    Raises:
        Refusal: as :func:`checked`; ``campaigns.no_draft``.
    """
    beat = _beat(session, beat_id)
    plan = _draft(session, beat.plan_id)
    kept = checked(written, plan.audience)
    beat.minute, beat.phase, beat.title, beat.text, beat.other, beat.poster = (
        kept.minute,
        kept.phase,
        kept.title,
        kept.text,
        kept.other,
        kept.poster,
    )
    _by_hand(plan, by, now)
    session.add_all([beat, plan])
    _note(session, "edited", plan, by, now, beat=beat_id)
    session.flush()


def add(session: Session, plan_id: int, day: date, written: Written, by: int | None, now: datetime) -> int:
    """Let a draft say something on one more day; returns the beat's id.

    Raises:
        Refusal: as :func:`checked`; ``campaigns.no_draft``, ``campaigns.day_taken``, ``campaigns.day_past``.
    """
    plan = _draft(session, plan_id)
    kept = checked(written, plan.audience)
    beats = _beats(session, plan_id)
    if plan.joined or len(beats) >= MOST_BEATS:
        raise Refusal("campaigns.beats_full", most=MOST_BEATS)
    if day < local_day(now, service.HOME) or day > local_day(now, service.HOME) + timedelta(days=800):
        raise Refusal("campaigns.day_past")
    if any(one.local_day == day for one in beats):
        raise Refusal("campaigns.day_taken", day=words.day(day))
    made = Beat(
        plan_id=plan_id,
        local_day=day,
        minute=kept.minute,
        phase=kept.phase,
        title=kept.title,
        text=kept.text,
        other=kept.other,
        poster=kept.poster,
    )
    session.add(made)
    session.flush()
    service.days_changed(session, plan)
    _by_hand(plan, by, now)
    session.add(plan)
    _note(session, "edited", plan, by, now, beat=made.id or 0)
    return made.id or 0


def remove(session: Session, beat_id: int, by: int | None, now: datetime) -> None:
    """Take a day out of a draft that has others.

    Raises:
        Refusal: ``campaigns.no_draft``, ``campaigns.last_beat``.
    """
    beat = _beat(session, beat_id)
    plan = _draft(session, beat.plan_id)
    if len(_beats(session, beat.plan_id)) < 2:
        raise Refusal("campaigns.last_beat")
    session.delete(beat)
    session.flush()
    service.days_changed(session, plan)
    _by_hand(plan, by, now)
    session.add(plan)
    _note(session, "edited", plan, by, now)


def begin(
    session: Session, key: str, name: str, scope: str, day: date, written: Written, by: int | None, now: datetime
) -> int:
    """Write a campaign of one's own down as a draft with its first day; returns the plan's id.

    Args:
        key: of the form; the same one makes the campaign once.

    Raises:
        Refusal: as :func:`head` and :func:`add`.
    """
    there = session.exec(pick(Plan).where(Plan.key == f"own:{key}")).first()
    if there is not None:
        return there.id or 0
    made = Plan(
        key=f"own:{key}", name="", form="own", scope=scope, first_day=day, last_day=day, written_by=by, written_at=now
    )
    session.add(made)
    session.flush()
    head(session, made.id or 0, name, "", by, now)
    add(session, made.id or 0, day, written, by, now)
    return made.id or 0


# ------------------------------------------------------------------ days


def _beat(session: Session, beat_id: int) -> Beat:
    beat = session.get(Beat, beat_id) if 0 < beat_id < 1 << 62 else None
    if beat is None:
        raise Refusal("campaigns.beat_gone")
    return beat


def _beats(session: Session, plan_id: int) -> Sequence[Beat]:
    return session.exec(pick(Beat).where(Beat.plan_id == plan_id).order_by(col(Beat.local_day))).all()


def windows(session: Session, plan_id: int, now: datetime) -> Mapping[int, tuple[date, date]]:
    """Return beat id → the days [first, last] that it may be moved to; what cannot be moved is absent.

    A beat stays between its neighbours, so that a course stays one, and never goes into the past. A festival's and a term's
    day is given, and so is the day that others count towards; what a group has read stays where it was.
    """
    plan = session.get(Plan, plan_id)
    if plan is None or plan.joined or plan.form in words.FIXED:
        return {}
    beats = _beats(session, plan_id)
    said, today = _said(session, plan, now), local_day(now, service.HOME)
    days = [one.local_day for one in beats]
    found: dict[int, tuple[date, date]] = {}
    for place, one in enumerate(beats):
        window = span(days, place, today)
        if window is not None and one.local_day not in said and one.peak != one.local_day:
            found[one.id or 0] = window
    return found


def span(days: Sequence[date], place: int, today: date) -> tuple[date, date] | None:
    """Return the days [first, last] between which one of a plan's days may lie; None when it is over or has no room.

    Args:
        days: of the plan, ascending.
    """
    day = days[place]
    if day < today:
        return None
    first, last = max(today, day - FARTHEST), day + FARTHEST
    if place:
        first = max(first, days[place - 1] + timedelta(days=1))
    if place + 1 < len(days):
        last = min(last, days[place + 1] - timedelta(days=1))
    return (first, last) if first < last else None


def _said(session: Session, plan: Plan, now: datetime) -> set[date]:
    """Return the days to come, before groups' shifts, that came due in some group that has them earlier; and today's."""
    if plan.campaign_id is None:
        return set()
    shift = col(Schedule.shift_days)
    rows = session.execute(
        select(col(Fire.local_date), shift)
        .outerjoin(
            Schedule,
            (col(Schedule.campaign_id) == col(Fire.campaign_id)) & (col(Schedule.group_id) == col(Fire.group_id)),
        )
        .where(
            col(Fire.campaign_id) == plan.campaign_id,
            col(Fire.local_date) >= local_day(now, service.HOME) - timedelta(days=rules.MOST_SHIFT + 1),
        )
        .distinct()
    ).all()
    return {day - timedelta(days=by or 0) for day, by in rows}


def shift(session: Session, beat_id: int, day: date, by: int | None, now: datetime) -> date:
    """Move a beat to another day; returns the day it had.

    Raises:
        Refusal: ``campaigns.beat_gone``; ``campaigns.beat_fixed``; ``campaigns.beat_window``.
    """
    beat = _beat(session, beat_id)
    before = beat.local_day
    if day == before:
        return before
    window = windows(session, beat.plan_id, now).get(beat_id)
    if window is None:
        raise Refusal("campaigns.beat_fixed", title=beat.title)
    if not window[0] <= day <= window[1]:
        raise Refusal("campaigns.beat_window", first=words.day(window[0]), last=words.day(window[1]))
    beat.local_day = day
    session.add(beat)
    session.flush()
    plan = session.get_one(Plan, beat.plan_id)
    service.days_changed(session, plan)
    if plan.stage == "approved":
        # Worked out again at the next tick: a schedule that points at the old day would miss an earlier one.
        session.execute(update(_S).where(_S.c.campaign_id == plan.campaign_id).values(next_at=None))
    else:
        _by_hand(plan, by, now)
    session.add(plan)
    _note(session, "shifted", plan, by, now, beat=beat_id)
    session.flush()
    return before
