"""Who has to confirm a mass-send now, since when, and how much of the group's month is used: what staff look at.

Source: ADR-0019.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import func, select

from storage.engine import Session
from storage.groups import Group, Identity
from storage.mass_sends import IS_OPEN, MassSend

_M = MassSend.__table__  # type: ignore[attr-defined]
_G = Group.__table__  # type: ignore[attr-defined]
_I = Identity.__table__  # type: ignore[attr-defined]
_NOT_COUNTED = ("refused", "recalled")


@dataclass(frozen=True, slots=True)
class Confirmation:
    """A group that waits for its leader.

    Attributes:
        leader: as the platform calls her, or her id there.
        state, reason: of the row.
        had: messages that the group has got, or may still get, in the month, this one among them.
    """

    group_id: int
    group: str
    leader: str
    state: str
    reason: str
    local_date: date
    asked_at: datetime
    reminders: int
    had: int


def waiting(session: Session, first: date, last: date, most: int) -> tuple[list[Confirmation], int]:
    """Return who is waited for, the longest first and at most ``most`` of them, and how many there are.

    Args:
        first, last: the month, both inclusive, of which ``had`` is counted.
    """
    here = (_G.c.channel == _M.c.channel) & (_G.c.account == _M.c.account) & (_G.c.external_id == _M.c.conversation)
    known = (_I.c.channel == _M.c.channel) & (_I.c.external_id == _M.c.leader)
    month = _M.alias("month")
    had = (
        select(func.count())
        .select_from(month)
        .where(
            month.c.channel == _M.c.channel,
            month.c.account == _M.c.account,
            month.c.conversation == _M.c.conversation,
            month.c.local_date.between(first, last),
            month.c.state.not_in(_NOT_COUNTED),
        )
        .scalar_subquery()
    )
    total = session.execute(select(func.count()).select_from(_M.join(_G, here)).where(IS_OPEN)).scalar_one()
    rows = session.execute(
        select(
            _G.c.id,
            _G.c.name,
            func.coalesce(func.nullif(_I.c.name, ""), _M.c.leader),
            _M.c.state,
            _M.c.reason,
            _M.c.local_date,
            _M.c.asked_at,
            _M.c.reminders,
            had,
        )
        .select_from(_M.join(_G, here).outerjoin(_I, known))
        .where(IS_OPEN)
        .order_by(_M.c.asked_at, _M.c.id)
        .limit(most)
    )
    return [Confirmation(*row) for row in rows], int(total)
