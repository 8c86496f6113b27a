"""The morning's topic and the evening's summary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from engagement import calendar
from engagement.kernel import Kind, Reply
from engagement.pushes import Occurrence, Planned
from engagement.topic import rules, service
from prompts.loader import texts
from storage.engine import Session


def plan_topic(session: Session, occurrences: Sequence[Occurrence], now: datetime) -> Sequence[Planned]:
    """Say what each group talks about today.

    Skips: ``leader_skipped``, ``nothing`` (the bank has no topic for the day).

    Source: F32.
    """
    rows = service.days_of(session, [(one.group.id, one.local_date) for one in occurrences], now)
    planned = []
    for one in occurrences:
        row = rows.get((one.group.id, one.local_date))
        if row is None:
            planned.append(Planned(one, skip="nothing"))
        elif row.state == "skipped":
            planned.append(Planned(one, skip="leader_skipped"))
        else:
            values = {"question": row.question, "hint": row.hint, "points": rules.points_of(one.group.settings)}
            how = "topic.push_how" if one.group.hears else "topic.push_how_page"
            tails = ["topic.push_hint", how] if row.hint else [how]
            special = _double(one)
            if special:
                values["special"] = texts().raw(f"checkin.special_{special}")
                tails.append("topic.push_double")
            planned.append(Planned(one, Reply("topic.push", values, tails, kind=Kind.PUSH, subject=f"topic:{row.id}")))
    return planned


def _double(one: Occurrence) -> str:
    """Say why check-ins bring double points today, or nothing: the morning's one message tells it, not a further one."""
    mine = one.group.settings.get("checkin")
    return calendar.double_day(mine, one.local_date) if isinstance(mine, Mapping) else ""


def plan_summary(session: Session, occurrences: Sequence[Occurrence], now: datetime) -> Sequence[Planned]:
    """Say in the evening how many answered, and up to three answers; forget the words of a month ago.

    Skips: ``nothing`` when fewer than two answered.
    """
    service.forget_old(session, now)
    rows = service.known_days(session, [(one.group.id, one.local_date) for one in occurrences])
    answers = service.answers_of(session, [row.id for row in rows.values() if row.id is not None])
    planned = []
    for one in occurrences:
        row = rows.get((one.group.id, one.local_date))
        said = answers[row.id] if row is not None and row.id is not None else ()
        if row is None or len(said) < rules.FEWEST_FOR_SUMMARY:
            planned.append(Planned(one, skip="nothing"))
            continue
        shown = rules.shown(said)
        values = {"question": row.question, "answers": len(said), "shown": shown}
        tails = ["topic.summary_shown", "topic.summary_end"] if shown else ["topic.summary_end"]
        planned.append(Planned(one, Reply("topic.summary", values, tails, kind=Kind.PUSH, subject=f"topic:{row.id}")))
    return planned
