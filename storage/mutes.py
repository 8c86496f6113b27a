"""Mutes: a membership keeps one moment, the latest end of all of them; here one of several is put on, or taken away.

Whoever binds two accounts into one person has the later end of both. A mute is still one leader's word about one of them:
taking it back ends that mute, wherever it lies by now, and leaves standing what another one has said. One that is taken back
while a longer one hides it is remembered as ended, so that the end of the longer one does not bring it back.

Source: F125, ADR-0020.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlmodel import col, or_, select

from storage import bonds
from storage.bonds import Bond, Meeting, Moved
from storage.columns import instant, micros
from storage.engine import Session
from storage.groups import Member


def later(one: datetime | None, other: datetime | None) -> datetime | None:
    """Return the later end of two; None is no mute."""
    return _latest([one, other])


def _latest(ends: Sequence[datetime | None]) -> datetime | None:
    return max((end for end in ends if end is not None), default=None)


def add(session: Session, member: Member, until: datetime) -> Member:
    """Mute a membership, or the one that acts for it, at least until then; a leader never. Returns the one that acts."""
    acts = bonds.acting(session, member)
    if acts.role != "leader":
        acts.muted_until = later(acts.muted_until, until)
    for one in {member.id: member, acts.id: acts}.values():
        one.mutes_ended = {
            end: stood for end, stood in (one.mutes_ended or {}).items() if end != str(micros(until))
        } or None
        session.add(one)
    session.flush()
    return acts


def lift(session: Session, member: Member, until: datetime, before: datetime | None = None) -> Member:
    """End one mute of a membership; another one that lies on it goes on. Returns the membership that acts for it.

    Args:
        until: the end of the mute that is taken back; where a longer one holds by now, that one goes on.
        before: the end of what it was put in the place of.
    """
    acts = bonds.acting(session, member)
    bearers = _bearers(session, member, acts, until)
    ended = {end: stood for one, _ in bearers for end, stood in (one.mutes_ended or {}).items()}
    for one, beside in bearers:
        if one.muted_until == until:
            one.muted_until = _latest([_standing(end, ended) for end in (before, *beside)])
        elif one.muted_until is not None and one.muted_until > until:
            one.mutes_ended = {
                **(one.mutes_ended or {}),
                str(micros(until)): None if before is None else micros(before),
            }
        session.add(one)
    session.flush()
    return acts


def _standing(end: datetime | None, ended: Mapping[str, int | None]) -> datetime | None:
    """Return the end itself, or that of what stands beneath it when it was taken back while it was hidden."""
    left = dict(ended)
    while end is not None and str(micros(end)) in left:
        stood = left.pop(str(micros(end)))
        end = None if stood is None else instant(stood)
    return end


def _bearers(session: Session, member: Member, acts: Member, until: datetime) -> list[tuple[Member, list[datetime]]]:
    """Return on whom a mute may lie, and the ends of what lay beside it when two met: those of a bond, or of a former one."""
    persons = {member.person_id, acts.person_id}
    rows = session.exec(
        select(Bond).where(
            col(Bond.state).in_(("bound", "parted")),
            or_(col(Bond.survivor_id).in_(persons), col(Bond.absorbed_id).in_(persons)),
        )
    ).all()
    about = {member.id, acts.id}
    met = [one for bond in rows for one in Moved.of(bond).met if about & {one.member, one.into}]
    ids = about | {which for one in met for which in (one.member, one.into)}
    found = session.exec(select(Member).where(col(Member.id).in_(ids))).all()
    return [(one, _beside([m for m in met if one.id in (m.member, m.into)], until)) for one in found]


def _beside(met: list[Meeting], until: datetime) -> list[datetime]:
    """Return the ends that were brought together with a later one, which hid them; a still later one has been lifted."""
    ends = [{None if end is None else instant(end) for end in (one.muted, one.into_muted)} for one in met]
    return [end for both in ends if until in both for end in both if end is not None and end < until]
