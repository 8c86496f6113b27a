"""Other words for a region or a group: what staff or a leader say instead of a ready text.

A slot names the ready text (``beat:17``, ``month:11:opening``); the nearest scope wins: a group's own, then its region's,
then everybody's.

Source: F27.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import UniqueConstraint, or_
from sqlmodel import Field, SQLModel, col, select

from storage.columns import pk, ref, utc
from storage.engine import Session
from storage.groups import Group


class Wording(SQLModel, table=True):
    """A scope's own words for a slot.

    Attributes:
        scope: ``all``, ``region:ID`` or ``group:ID``.
        text: with the same placeholders as the ready text.
    """

    __tablename__ = "wording"
    __table_args__ = (UniqueConstraint("slot", "scope"),)
    id: int | None = pk()
    slot: str = Field(max_length=80)
    scope: str = Field(max_length=80)
    text: str = Field(max_length=1000)
    written_by: int | None = ref("person.id", nullable=True)
    written_at: datetime = utc()


def own(session: Session, slots: Collection[str], group_ids: Collection[int]) -> Mapping[tuple[str, int], str]:
    """Return (slot, group id) → the words that the group has instead; absent where it has the ready ones."""
    if not slots or not group_ids:
        return {}
    rows = session.exec(select(Wording.slot, Wording.scope, Wording.text).where(col(Wording.slot).in_(slots))).all()
    if not rows:
        return {}
    words = {(slot, scope): text for slot, scope, text in rows}
    regions = dict(session.exec(select(Group.id, Group.region_id).where(col(Group.id).in_(group_ids))).all())
    found: dict[tuple[str, int], str] = {}
    for slot in slots:
        for group, region in regions.items():
            scopes = (f"group:{group}", f"region:{region}", "all")
            text = next((words[slot, scope] for scope in scopes if (slot, scope) in words), "")
            if text and group is not None:
                found[slot, group] = text
    return found


def of_slots(session: Session, slots: Collection[str]) -> Mapping[str, Mapping[str, str]]:
    """Return slot → scope → words, of slots for which anybody has other words."""
    found: dict[str, dict[str, str]] = {}
    wanted = select(Wording).where(col(Wording.slot).in_(slots)).order_by(col(Wording.scope))
    for row in session.exec(wanted).all():
        found.setdefault(row.slot, {})[row.scope] = row.text
    return found


def beginning(session: Session, prefix: str) -> Mapping[str, Mapping[str, str]]:
    """Return slot → scope → words, of the slots whose name begins so; by the index."""
    after = prefix[:-1] + chr(ord(prefix[-1]) + 1)
    wanted = select(Wording).where(col(Wording.slot) >= prefix, col(Wording.slot) < after)
    found: dict[str, dict[str, str]] = {}
    for row in session.exec(wanted.order_by(col(Wording.slot), col(Wording.scope))).all():
        found.setdefault(row.slot, {})[row.scope] = row.text
    return found


def page(session: Session, scope: str, prefixes: Collection[str], after: int, most: int) -> list[Wording]:
    """Return the other words there are, by number, after one; of a scope, or of all when it is empty."""
    begins = [col(Wording.slot).startswith(prefix, autoescape=True) for prefix in prefixes]
    wanted = select(Wording).where(or_(*begins), col(Wording.id) > after).order_by(col(Wording.id)).limit(most)
    return list(session.exec(wanted.where(Wording.scope == scope) if scope else wanted).all())


def write(session: Session, slot: str, scope: str, text: str, by: int | None, now: datetime) -> str:
    """Set a scope's words, or take them away when ``text`` is empty; returns what stood there before."""
    row = session.exec(select(Wording).where(Wording.slot == slot, Wording.scope == scope)).first()
    before = row.text if row is not None else ""
    if not text:
        if row is not None:
            session.delete(row)
    elif row is None:
        session.add(Wording(slot=slot, scope=scope, text=text, written_by=by, written_at=now))
    else:
        row.text, row.written_by, row.written_at = text, by, now
        session.add(row)
    session.flush()
    return before
