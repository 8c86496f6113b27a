"""Announcements that somebody wrote and has not sent yet: for pages, read only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import col
from sqlmodel import select as pick

from engagement.announcements.service import DRAFT_LIVES
from engagement.announcements.tables import AnnouncementRound
from engagement.kernel import one_line
from storage.engine import Session


@dataclass(frozen=True, slots=True)
class Pending:
    """A draft that waits for its button; ``reference`` stands in the button's key."""

    reference: str
    words: str
    at: datetime


def pending(session: Session, person_id: int, now: datetime) -> list[Pending]:
    """Return the person's drafts that can still be sent, the newest first."""
    rows = session.exec(
        pick(AnnouncementRound)
        .where(
            AnnouncementRound.author_id == person_id,
            AnnouncementRound.state == "draft",
            col(AnnouncementRound.made_at) >= now - DRAFT_LIVES,
        )
        .order_by(col(AnnouncementRound.id).desc())
        .limit(3)
    )
    return [Pending(f"{one.id}.{one.changes}", one_line(one.words, 160), one.made_at) for one in rows]
