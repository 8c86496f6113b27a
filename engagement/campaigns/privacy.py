"""What the calendar keeps about people: who wrote and approved a campaign, and whose words a group has; export and erasure.

Source: F116, F118.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import delete, or_, update
from sqlmodel import col
from sqlmodel import select as pick

from engagement.campaigns.tables import Plan
from storage.engine import Session
from storage.wordings import Wording


def export_plans(session: Session, person_id: int) -> Sequence[Mapping[str, object]]:
    """Return which campaigns a person wrote or approved."""
    rows = session.exec(
        pick(Plan)
        .where(or_(col(Plan.written_by) == person_id, col(Plan.approved_by) == person_id))
        .order_by(col(Plan.id))
    )
    return [
        {
            "campaign": one.name,
            "written": one.written_at.isoformat() if one.written_by == person_id else "",
            "approved": one.approved_at.isoformat() if one.approved_by == person_id and one.approved_at else "",
        }
        for one in rows
    ]


def erase_plans(session: Session, person_id: int, now: datetime) -> None:  # noqa: ARG001
    """Take a person off the campaigns; what groups are told is nobody's own."""
    session.execute(update(Plan).where(col(Plan.written_by) == person_id).values(written_by=None))
    session.execute(update(Plan).where(col(Plan.approved_by) == person_id).values(approved_by=None))


def export_wordings(session: Session, person_id: int) -> Sequence[Mapping[str, object]]:
    """Return the words that a person gave groups or regions instead of the ready ones."""
    rows = session.exec(pick(Wording).where(Wording.written_by == person_id).order_by(col(Wording.id)))
    return [{"for": one.scope, "words": one.text, "at": one.written_at.isoformat()} for one in rows]


def erase_wordings(session: Session, person_id: int, now: datetime) -> None:  # noqa: ARG001
    """Delete a person's own words; where they stood the ready ones are said again."""
    session.execute(delete(Wording).where(col(Wording.written_by) == person_id))
