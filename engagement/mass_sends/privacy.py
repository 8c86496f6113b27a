"""What the rows about mass-sends say of a leader, by her ids on the channels; how she reads and erases it.

Source: PIPL 45, 47.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlmodel import col
from sqlmodel import select as pick

from storage import send_counts
from storage.customer_groups import CustomerGroup
from storage.engine import Session
from storage.groups import Group, Identity
from storage.mass_sends import MassSend, OwnerDay
from storage.send_counts import SendCount


def _ids(session: Session, person_id: int) -> list[tuple[str, str]]:
    """Return (channel, the channel's id) of a person."""
    rows = session.exec(pick(Identity).where(Identity.person_id == person_id).order_by(col(Identity.id)))
    return [(one.channel, one.external_id) for one in rows]


def _asked(session: Session, person_id: int) -> list[MassSend]:
    return [
        row
        for channel, who in _ids(session, person_id)
        for row in session.exec(
            pick(MassSend).where(MassSend.channel == channel, MassSend.leader == who).order_by(col(MassSend.id))
        )
    ]


def _days(session: Session, person_id: int) -> list[OwnerDay]:
    return [
        row
        for channel, who in _ids(session, person_id)
        for row in session.exec(
            pick(OwnerDay).where(OwnerDay.channel == channel, OwnerDay.owner == who).order_by(col(OwnerDay.local_date))
        )
    ]


def _owned(session: Session, person_id: int) -> list[CustomerGroup]:
    return [
        row
        for channel, who in _ids(session, person_id)
        for row in session.exec(pick(CustomerGroup).where(CustomerGroup.channel == channel, CustomerGroup.owner == who))
    ]


def export_asked(session: Session, person_id: int) -> Sequence[dict[str, object]]:
    """Return what a leader was asked to confirm, and what became of it."""
    return [
        {"day": row.local_date.isoformat(), "state": row.state, "reminders": row.reminders}
        for row in _asked(session, person_id)
    ]


def erase_asked(session: Session, person_id: int) -> None:
    """Keep that a group was asked, and not who was."""
    for row in _asked(session, person_id):
        row.leader = ""
        session.add(row)


def export_days(session: Session, person_id: int) -> Sequence[dict[str, object]]:
    """Return the figures of each day that the platform counted of her groups."""
    return [{"day": row.local_date.isoformat(), "figures": row.figures or {}} for row in _days(session, person_id)]


def erase_days(session: Session, person_id: int) -> None:
    """Delete them."""
    for row in _days(session, person_id):
        session.delete(row)


def export_owned(session: Session, person_id: int) -> Sequence[dict[str, object]]:
    """Return the groups that she owns on the platform."""
    return [{"owns": _name(session, row)} for row in _owned(session, person_id)]


def _name(session: Session, row: CustomerGroup) -> str:
    found = session.exec(
        pick(Group.name).where(
            Group.channel == row.channel, Group.account == row.account, Group.external_id == row.conversation
        )
    ).first()
    return found or ""


def erase_owned(session: Session, person_id: int) -> None:
    """Forget that they are hers; who owns a group on the platform is known again when it is read the next time."""
    for row in _owned(session, person_id):
        row.owner = ""
        session.add(row)


def export_counts(session: Session, person_id: int) -> Sequence[dict[str, object]]:
    """Return how many messages went to her in the last hour."""
    found: list[Any] = []
    for channel, who in _ids(session, person_id):
        found += session.exec(
            pick(SendCount)
            .where(SendCount.channel == channel, SendCount.name == who.lower())
            .order_by(col(SendCount.at))
        )
    return [{"at": row.at.isoformat(), "sent": row.sent} for row in found]


def erase_counts(session: Session, person_id: int) -> None:
    """Delete them."""
    for channel, who in _ids(session, person_id):
        send_counts.erase(session, channel, who.lower())
