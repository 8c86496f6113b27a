"""What waits for a decision in some groups, for pages: read only, bounded."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import col
from sqlmodel import select as pick

from engagement.kernel import one_line
from engagement.moderation.tables import APPEALED, WAITS, ModerationCase
from prompts.loader import texts
from storage.engine import Session
from storage.groups import Group, Member

LOOKED_BACK = timedelta(days=30)
"""Older cases have lost their words."""
_SHORT = 120


@dataclass(frozen=True, slots=True)
class WaitingCase:
    """A text that was held back, or an appeal against that.

    Attributes:
        buttons: (key, label) of what can be decided.
    """

    id: int
    group_id: int
    group: str
    name: str
    why: str
    text: str
    appeal: str
    appealed: bool
    at: datetime
    buttons: tuple[tuple[str, str], ...]


def waiting(
    session: Session, group_ids: Collection[int] | None, now: datetime, *, but_of: int = 0, most: int = 20
) -> list[WaitingCase]:
    """Return what waits, appeals first, then the oldest.

    Args:
        group_ids: of these groups; None = of all.
        but_of: a person whose own cases are left out.

    Source: F125.
    """
    query = (
        pick(ModerationCase, Member.name, Group.name)
        .join(Member, col(Member.id) == col(ModerationCase.member_id))
        .join(Group, col(Group.id) == col(ModerationCase.group_id))
        .where(
            ModerationCase.text != "",
            col(ModerationCase.created_at) >= now - LOOKED_BACK,
            Member.person_id != but_of,
        )
        .order_by(col(ModerationCase.id))
    )
    if group_ids is not None:
        query = query.where(col(ModerationCase.group_id).in_(sorted(group_ids)))
    # One after the other: sorted by both, all that waits would be read for the first few.
    rows = session.exec(query.where(APPEALED).limit(most)).all()
    if len(rows) < most:
        rest = query.where(WAITS, ModerationCase.appeal_state != "waiting").limit(most - len(rows))
        rows = [*rows, *session.exec(rest).all()]
    words = texts()
    found = []
    for case, name, group in rows:
        is_appeal = case.appeal_state == "waiting"
        acts = ("yes", "no") if is_appeal else ("pass", "drop", "remind", "mute")
        buttons = tuple((f"mod_{act}:{case.id}", words.raw(f"moderation.button_{act}")) for act in acts)
        found.append(
            WaitingCase(
                case.id or 0,
                case.group_id,
                group,
                name,
                words.raw(f"moderation.why_{case.reason}"),
                one_line(case.text, _SHORT),
                one_line(case.appeal, _SHORT),
                is_appeal,
                case.created_at,
                buttons,
            )
        )
    return found
