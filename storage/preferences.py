"""What people chose for themselves: what they like, and which private notices they do not want.

Any job that writes to people privately asks :func:`wants` first; suggestions read :func:`chosen`.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlmodel import Field, SQLModel, col
from sqlmodel import select as pick

from storage.columns import ref
from storage.engine import Session

NOTICES = ("points", "birthday", "activity")
"""Kinds of private notices that can be switched off: points that expire, birthday greetings, reminders of activities."""


class Preference(SQLModel, table=True):
    """One thing that a person likes.

    Attributes:
        kind: ``category``, ``taste`` or ``pack``.
        value: a fixed word of that kind, e.g. ``fruit``.
    """

    __tablename__ = "preference"
    person_id: int = ref("person.id", primary_key=True, index=False)
    kind: str = Field(primary_key=True, max_length=10)
    value: str = Field(primary_key=True, max_length=20)


class NoticeOff(SQLModel, table=True):
    """A kind of private notice that a person does not want; no row = wanted."""

    __tablename__ = "notice_off"
    person_id: int = ref("person.id", primary_key=True, index=False)
    kind: str = Field(primary_key=True, max_length=20)


def wants(session: Session, person_ids: Collection[int], kind: str) -> set[int]:
    """Return those of the persons who want a kind of private notice (:data:`NOTICES`); everybody does until said so.

    Raises:
        ValueError: no such kind.

    Source: F85, F120.
    """
    if kind not in NOTICES:
        raise ValueError(f"unknown notice: {kind!r}")
    asked = sorted(set(person_ids))
    off: set[int] = set()
    for start in range(0, len(asked), 500):
        some = asked[start : start + 500]
        off.update(
            session.exec(pick(NoticeOff.person_id).where(NoticeOff.kind == kind, col(NoticeOff.person_id).in_(some)))
        )
    return set(asked) - off


def switched_off(session: Session, person_id: int) -> list[str]:
    """Return the kinds of notices that a person does not want, in the order of :data:`NOTICES`."""
    off = set(session.exec(pick(NoticeOff.kind).where(NoticeOff.person_id == person_id)))
    return [kind for kind in NOTICES if kind in off]


def switch(session: Session, person_id: int, kind: str, *, on: bool) -> None:
    """Switch a kind of notice on or off; the same twice changes nothing."""
    row = session.get(NoticeOff, (person_id, kind))
    if on and row is not None:
        session.delete(row)
    elif not on and row is None:
        session.add(NoticeOff(person_id=person_id, kind=kind))
    session.flush()


def chosen(session: Session, person_id: int) -> dict[str, list[str]]:
    """Return kind → values that a person likes, sorted; kinds without any are absent."""
    found: dict[str, list[str]] = {}
    rows = session.exec(
        pick(Preference).where(Preference.person_id == person_id).order_by(col(Preference.kind), col(Preference.value))
    )
    for row in rows:
        found.setdefault(row.kind, []).append(row.value)
    return found


def choose(session: Session, person_id: int, kind: str, value: str, *, on: bool, only: bool = False) -> None:
    """Note or forget one thing that a person likes; the same twice changes nothing.

    Args:
        only: it replaces what was chosen of this kind.
    """
    for row in session.exec(pick(Preference).where(Preference.person_id == person_id, Preference.kind == kind)):
        if (row.value == value and not on) or (row.value != value and on and only):
            session.delete(row)
    session.flush()
    if on and session.get(Preference, (person_id, kind, value)) is None:
        session.add(Preference(person_id=person_id, kind=kind, value=value))
        session.flush()


def forget_choices(session: Session, person_id: int) -> None:
    """Delete everything that a person said to like."""
    for row in session.exec(pick(Preference).where(Preference.person_id == person_id)):
        session.delete(row)


def forget_switches(session: Session, person_id: int) -> None:
    """Delete a person's choices of notices."""
    for row in session.exec(pick(NoticeOff).where(NoticeOff.person_id == person_id)):
        session.delete(row)
