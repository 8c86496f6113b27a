"""What a leader did: a copy of it for him, and its deletion."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from storage import actions
from storage.engine import Session


def export(session: Session, person_id: int) -> Sequence[dict[str, object]]:
    """Return what a person did as a leader in the last days."""
    return [{"action": one.kind, "at": one.done_at.isoformat()} for one in actions.of_person(session, person_id)]


def erase(session: Session, person_id: int, _now: datetime) -> None:
    """Delete it; what was done stays done."""
    for one in actions.of_person(session, person_id):
        session.delete(one)
