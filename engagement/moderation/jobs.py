"""Twice a day: what came in at night, what still waits; and the words that have been kept long enough are forgotten."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import or_
from sqlmodel import col
from sqlmodel import select as pick

from engagement.kernel import Button, Kind, Reply
from engagement.moderation import service
from engagement.moderation.tables import ModerationCase
from engagement.pushes import Occurrence, Planned
from storage.engine import Session

MORNING_MINUTE = 9 * 60 + 5
EVENING_MINUTE = 18 * 60 + 5
_NIGHT = timedelta(hours=13)
_DAY = timedelta(hours=24)
"""Nobody is reminded of what is older: it stays under 「待审核」."""


def plan_morning(session: Session, occurrences: Sequence[Occurrence], now: datetime) -> Sequence[Planned]:
    """Tell leaders in private what nobody has told them yet, and of the night's appeals.

    Skips: ``nothing``.

    Source: F125.
    """
    service.forget_old(session, now)

    def fresh(case: ModerationCase) -> bool:
        if case.appeal_state == "waiting":
            return case.appealed_at is not None and case.appealed_at > now - _NIGHT
        return case.told_at is None

    return _planned(session, occurrences, now, fresh)


def plan_evening(session: Session, occurrences: Sequence[Occurrence], now: datetime) -> Sequence[Planned]:
    """Remind leaders once of what came in since yesterday evening and still waits; skipped ``nothing`` when nothing does."""

    def fresh(case: ModerationCase) -> bool:
        return max(case.created_at, case.appealed_at or case.created_at) > now - _DAY

    return _planned(session, occurrences, now, fresh)


def _planned(
    session: Session, occurrences: Sequence[Occurrence], now: datetime, fresh: Callable[[ModerationCase], bool]
) -> Sequence[Planned]:
    waiting = _waiting(session, [one.group.id for one in occurrences], fresh)
    leaders = service.reachable(session, list(waiting)) if waiting else {}
    planned: list[Planned] = []
    for one in occurrences:
        told = _told(waiting.get(one.group.id, ()), leaders.get(one.group.id, ()), now)
        for person, count in told.items():
            values = {"count": count, "group": one.group.name}
            button = Button("mod_next:", "moderation.button_next")
            reply = Reply("moderation.to_leader_many", values, kind=Kind.DM, to=person, buttons=[button])
            planned.append(Planned(one, reply))
        if not told:
            planned.append(Planned(one, skip="nothing"))
    return planned


def _waiting(
    session: Session, groups: Sequence[int], fresh: Callable[[ModerationCase], bool]
) -> Mapping[int, Sequence[ModerationCase]]:
    rows = session.exec(
        pick(ModerationCase)
        .where(
            col(ModerationCase.group_id).in_(groups),
            or_(col(ModerationCase.state) == "waiting", col(ModerationCase.appeal_state) == "waiting"),
        )
        .order_by(col(ModerationCase.id))
    )
    found: dict[int, list[ModerationCase]] = {}
    for case in rows:
        if fresh(case):
            found.setdefault(case.group_id, []).append(case)
    return found


def _told(cases: Sequence[ModerationCase], leaders: Sequence[int], now: datetime) -> Mapping[int, int]:
    """Return leader → how many wait for him: a case goes to the first, an appeal to one who has not decided it."""
    counts: Counter[int] = Counter()
    for case in cases:
        person = next((one for one in leaders if one != case.decided_by), next(iter(leaders), None))
        if person is not None:
            counts[person] += 1
            case.told_at = case.told_at or now
    return counts
