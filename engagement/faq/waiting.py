"""Questions that wait for an answer, for pages: read only, bounded.

Source: F68.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sqlalchemy import func
from sqlmodel import col
from sqlmodel import select as pick

from engagement.faq.service import Waiting
from storage.documents import Question
from storage.engine import Session
from storage.groups import Group, Member


def waiting(session: Session, group_ids: Collection[int] | None, most: int = 20) -> list[Waiting]:
    """Return the oldest open questions.

    Args:
        group_ids: of these groups; None = of all.
    """
    query = (
        pick(Question, Group.name, Group.zone, Member.name)
        .join(Group, col(Group.id) == col(Question.group_id))
        .outerjoin(Member, col(Member.id) == col(Question.member_id))
        .where(Question.state == "open", Group.state == "active", Question.text != "")
        .limit(most)
    )
    number = col(Question.id)
    if group_ids is None:
        query = query.order_by(number)
    else:
        # With nothing added SQLite would walk through all that is open anywhere, in this order, to save sorting a few.
        query = query.where(col(Question.group_id).in_(sorted(group_ids))).order_by(number + 0)
    return [
        Waiting(one.id or 0, one.group_id or 0, group, zone, name or "", one.text, one.asked_at)
        for one, group, zone, name in session.exec(query)
    ]


def counts(session: Session, most: int = 20) -> Mapping[int, int]:
    """Return group id → its open questions, of the groups where most wait."""
    rows = session.exec(
        pick(Question.group_id, func.count())
        .where(Question.state == "open", col(Question.group_id).is_not(None))
        .group_by(col(Question.group_id))
        .order_by(func.count().desc(), col(Question.group_id))
        .limit(most)
    )
    return {group_id: count for group_id, count in rows if group_id is not None}
