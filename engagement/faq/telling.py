"""What a leader is told of a question that waits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from engagement.faq import complaints, service
from engagement.faq.service import Waiting
from engagement.feature import Context
from engagement.kernel import Kind, Reply
from storage.documents import Question


def leaders(ctx: Context, persons: Sequence[int], question: Question, name: str) -> list[Reply]:
    """Tell leaders of a question of the group here."""
    values = {"group": ctx.here.name, "name": name, "question": question.text}
    owed = complaints.owed(question.text, question.asked_at, ctx.here.zone, ctx.now)
    return [_asked("faq.to_leader", values, owed, question.id, person) for person in persons]


def again(row: Waiting, now: datetime) -> Reply:
    """Tell whoever looks of a question that still waits."""
    return _asked("faq.waiting", {"group": row.group, "name": row.name, "question": row.text}, row.owed(now), row.id)


def _asked(
    key: str, values: Mapping[str, object], owed: Mapping[str, object], question_id: int | None, person: int = 0
) -> Reply:
    kind, to = (Kind.DM, person) if person else (Kind.REPLY, None)
    buttons = [service.answer_button(question_id, str(values["name"]))]
    tails = ["faq.answer_by_over" if owed["over"] else "faq.answer_by"] if owed else []
    return Reply(key, {**values, **owed}, tails, kind=kind, to=to, subject=f"question:{question_id}", buttons=buttons)
