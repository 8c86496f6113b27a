"""Questions that nobody answered in time: they are closed, and who asked is told so once.

Source: F68.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import col
from sqlmodel import select as pick

from engagement import calendar
from engagement.faq import complaints
from engagement.faq.service import SHORT, SHOWN
from engagement.kernel import Kind, Place, Reply, one_line
from engagement.pushes import Occurrence, Planned
from storage import bots
from storage.documents import Question
from storage.engine import Session
from storage.groups import Group, Member


@dataclass(frozen=True, slots=True)
class Ended:
    """A question that was closed.

    Attributes:
        person_id: who asked; 0 when nobody knows.
        in_private: it was asked in private, so no group hears of it.
        present: the asker is still in the group.
    """

    group_id: int
    person_id: int
    name: str
    text: str
    in_private: bool
    present: bool
    asked_at: datetime

    @property
    def promised(self) -> bool:
        """A complaint, which was to have its result by an hour that is long over."""
        return complaints.until(self.text, self.asked_at) is not None


def expire(session: Session, before: datetime, group_ids: Sequence[int]) -> list[Ended]:
    """Close questions of some groups that were asked before an instant, and those that no active group has.

    Returns:
        Those of the groups, oldest first.
    """
    gone = pick(Group.id).where(Group.state != "active")
    where = col(Question.group_id)
    rows = session.exec(
        pick(Question, Member)
        .outerjoin(Member, col(Member.id) == col(Question.member_id))
        .where(Question.state == "open", Question.asked_at < before)
        .where(where.in_(group_ids) | where.is_(None) | where.in_(gone))
        .order_by(col(Question.id))
    ).all()
    found = []
    for question, member in rows:
        question.state = "expired"
        session.add(question)
        if question.group_id in group_ids:
            found.append(_ended(question, member))
    return found


def _ended(question: Question, member: Member | None) -> Ended:
    relay = question.relay or {}
    person = relay.get("person")
    return Ended(
        group_id=question.group_id or 0,
        person_id=person if isinstance(person, int) else 0,
        name="" if member is None else member.name,
        text=question.text,
        in_private=relay.get("place") == Place.DM.value,
        present=member is not None and member.left_at is None,
        asked_at=question.asked_at,
    )


def told(session: Session, one: Occurrence, ended: Sequence[Ended]) -> list[Planned]:
    """Tell who asked: in private where that is open, else where he asked, all of one reader in one message."""
    said: list[Planned] = []
    alone: dict[int, list[Mapping[str, object]]] = {}
    aloud: list[Ended] = []
    broken: set[int] = set()
    for row in ended:
        if row.person_id and bots.is_open(session, row.person_id, one.group.channel):
            day = calendar.local_day(row.asked_at, one.group.zone)
            shown = {"question": one_line(row.text, SHORT), "month": day.month, "day": day.day}
            alone.setdefault(row.person_id, []).append(shown)
            if row.promised:
                broken.add(row.person_id)
        elif row.present and row.name and not row.in_private and one.group.speaks:
            aloud.append(row)
    for person, mine in alone.items():
        values: dict[str, object] = {"group": one.group.name}
        key, more = ("faq.ended_several", {"rows": mine}) if len(mine) > 1 else ("faq.ended", mine[0])
        tails = ["faq.ended_promise"] if person in broken else []
        said.append(Planned(one, Reply(key, {**values, **more}, tails, kind=Kind.DM, to=person)))
    if aloud:
        rows = [{"name": row.name, "question": one_line(row.text, SHORT), "until": ""} for row in aloud[:SHOWN]]
        tails = ["faq.ended_promise"] if any(row.promised for row in aloud) else []
        said.insert(0, Planned(one, Reply("faq.ended_here", {"rows": rows}, tails, kind=Kind.PUSH)))
    return said
