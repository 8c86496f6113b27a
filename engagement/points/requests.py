"""Gifts beyond what one leader may do alone, that wait for a second one: for pages, read only.

Source: F6, FAULTS B13.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import col, func
from sqlmodel import select as pick

from engagement.points import rules
from engagement.points.tables import GiftRequest
from storage.engine import Session
from storage.groups import Group, Member

_LOOKED_THROUGH = 2000


@dataclass(frozen=True, slots=True)
class Request:
    """A gift (or, negative, a taking) that somebody else has to confirm."""

    id: int
    group_id: int
    group: str
    name: str
    amount: int
    reason: str
    at: datetime


def waiting(
    session: Session, group_ids: Collection[int] | None, now: datetime, *, but_of: int, most: int = 20
) -> list[Request]:
    """Return what waits, the oldest first.

    Args:
        group_ids: of these groups; None = of all.
        but_of: who asked cannot confirm.
    """
    query = (
        pick(GiftRequest, Member.name, Group.name)
        .join(Member, col(Member.id) == col(GiftRequest.member_id))
        .join(Group, col(Group.id) == col(GiftRequest.group_id))
        .where(
            GiftRequest.state == "open",
            GiftRequest.maker_id != but_of,
            col(GiftRequest.asked_at) >= now - timedelta(hours=rules.REQUEST_HOURS),
        )
        .order_by(col(GiftRequest.id))
        .limit(most)
    )
    if group_ids is None:
        # Without a group there is no index: the latest requests of all groups are looked through.
        latest = pick(func.max(GiftRequest.id)).scalar_subquery()
        query = query.where(col(GiftRequest.id) > func.coalesce(latest, 0) - _LOOKED_THROUGH)
    else:
        query = query.where(col(GiftRequest.group_id).in_(sorted(group_ids)))
    return [
        Request(one.id or 0, one.group_id, group, name, one.amount, one.reason, one.asked_at)
        for one, name, group in session.exec(query)
    ]
