"""The topics of a group's days that are written down, for pages: read only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sqlmodel import col, select

from engagement.topic import service
from engagement.topic.tables import OWN, TopicDay
from storage.engine import Session


@dataclass(frozen=True, slots=True)
class Shown:
    """A day's topic.

    Attributes:
        own: the leader wrote it.
        skipped: none is sent that day.
    """

    id: int
    day: date
    question: str
    hint: str
    own: bool
    skipped: bool


def known(session: Session, group_id: int, days: Sequence[date]) -> Mapping[date, Shown]:
    """Return the topics of days; a day for which none was chosen yet is absent."""
    rows = session.exec(select(TopicDay).where(TopicDay.group_id == group_id, col(TopicDay.local_date).in_(list(days))))
    return {
        one.local_date: Shown(
            one.id or 0, one.local_date, one.question, one.hint, one.source == OWN, one.state == "skipped"
        )
        for one in rows
    }


def answers(session: Session, topic_day_id: int) -> int:
    """Count who answered a topic."""
    return service.answerers(session, topic_day_id)
