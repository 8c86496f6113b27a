"""A person's own data: what is kept, a copy of it, and its deletion; consent and its withdrawal."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

from sqlmodel import col
from sqlmodel import select as pick

from engagement.feature import Feature
from engagement.members import rules
from storage import audit, bonds, identities
from storage.engine import Session
from storage.groups import Consent, Group, Identity, Member, Person, RoleGrant

MANY = 200
"""More rows of a kind than these are not counted."""


def export_everything(session: Session, features: Sequence[Feature], person_id: int) -> str:
    """Collect a copy of everything that is kept about a person, as JSON text.

    Source: PIPL 45, F120, FAULTS E9.
    """
    sections: dict[str, object] = {}
    selves = _selves(session, person_id)
    for feature in features:
        for data in feature.personal_data:
            rows = [row for one in selves for row in data.export(session, one)]
            if rows:
                sections[data.table] = rows
    return json.dumps(sections, ensure_ascii=False, indent=2, default=str)


def kept(session: Session, features: Sequence[Feature], person_id: int) -> list[tuple[str, str]]:
    """Say what is kept: (purpose's text key, number of rows) for every table that has some.

    What grows with the days is counted up to ``MANY`` and is ``200+`` beyond.
    """
    found: dict[str, int] = {}
    selves = _selves(session, person_id)
    for feature in features:
        for data in feature.personal_data:
            counted = data.count
            rows = sum(
                len(data.export(session, one)) if counted is None else counted(session, one, MANY + 1) for one in selves
            )
            if rows:
                found[data.purpose] = found.get(data.purpose, 0) + rows
    return [(purpose, f"{MANY}+" if number > MANY else str(number)) for purpose, number in found.items()]


def erase_everything(session: Session, features: Sequence[Feature], person_id: int, now: datetime) -> None:
    """Delete or empty every personal column; the ledger's sums stay, on a pseudonym.

    Source: PIPL 47, FAULTS E10.
    """
    for one in reversed(_selves(session, person_id)):
        identities.withdraw_consent(session, one, now)
        for feature in reversed(features):
            for data in feature.personal_data:
                data.erase(session, one, now)
                session.flush()
    audit.record(session, at=now, actor_id=person_id, group_id=None, action="data.erased")


def _selves(session: Session, person_id: int) -> list[int]:
    """Return the person, and those for whom he goes on: what is kept about them is kept about him."""
    return [person_id, *bonds.absorbed(session, person_id)]


def export_identity(session: Session, person_id: int) -> Sequence[dict[str, object]]:
    """Return the accounts on channels."""
    rows = session.exec(pick(Identity).where(Identity.person_id == person_id))
    return [{"channel": i.channel, "id": i.external_id, "name": i.name, "short_answers": i.elder} for i in rows]


def export_membership(session: Session, person_id: int) -> Sequence[dict[str, object]]:
    """Return the memberships."""
    rows = session.exec(
        pick(Member, Group.name)
        .join(Group, col(Group.id) == col(Member.group_id))
        .where(col(Member.person_id) == person_id)
        .order_by(col(Member.id))
    )
    return [
        {
            "group": name,
            "name": m.name,
            "role": m.role,
            "joined": m.joined_at.isoformat(),
            "left": m.left_at.isoformat() if m.left_at else None,
            "last_seen": m.last_seen.isoformat() if m.last_seen else None,
            "first_steps": rules.done_steps(m.steps or 0),
        }
        for m, name in rows
    ]


def export_consent(session: Session, person_id: int) -> Sequence[dict[str, object]]:
    """Return what was agreed to and when."""
    found = session.get(Consent, person_id)
    if found is None:
        return ()
    withdrawn = found.withdrawn_at.isoformat() if found.withdrawn_at else None
    return [{"notice": found.notice_version, "granted": found.granted_at.isoformat(), "withdrawn": withdrawn}]


def export_roles(session: Session, person_id: int) -> Sequence[dict[str, object]]:
    """Return the roles over groups."""
    rows = session.exec(pick(RoleGrant).where(RoleGrant.person_id == person_id).order_by(col(RoleGrant.role)))
    return [{"role": grant.role, "region": grant.region_id, "granted": grant.granted_at.isoformat()} for grant in rows]


def erase_identity(session: Session, person_id: int) -> None:
    """Delete the accounts on channels: from then on nobody can tell who the pseudonym was."""
    for row in session.exec(pick(Identity).where(Identity.person_id == person_id)):
        session.delete(row)
    for grant in session.exec(pick(RoleGrant).where(RoleGrant.person_id == person_id)):
        session.delete(grant)
    person = session.get_one(Person, person_id)
    person.current_group_id = None
    session.add(person)


def erase_membership(session: Session, person_id: int, now: datetime) -> None:
    """Empty the names and end the memberships."""
    for member in session.exec(pick(Member).where(Member.person_id == person_id)):
        member.name = ""
        member.role = "member"
        member.last_seen = None
        member.steps = None
        member.mutes_ended = None
        member.left_at = member.left_at or now
        session.add(member)
