"""Small worlds for storage tests: a group, a member with an account, postings."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime

from sqlmodel import col, select

from storage import identities, ledger
from storage.engine import Session
from storage.groups import Group
from storage.inbox import Inbox
from storage.ledger import Posted, Posting

NOW = datetime(2026, 12, 1, 1, 0, tzinfo=UTC)
TODAY = date(2026, 12, 1)


@dataclass(frozen=True)
class Somebody:
    """Ids of a member with an account."""

    group_id: int
    person_id: int
    member_id: int
    account_id: int


def a_group(session: Session, external_id: str = "g1") -> int:
    """A group's id, made if absent."""
    row = identities.group_row(session, "play", "", external_id)
    if row is not None:
        return int(str(row[0]))
    group = Group(channel="play", external_id=external_id, name=external_id, created_at=NOW)
    session.add(group)
    session.flush()
    assert group.id is not None
    return group.id


def a_member(session: Session, external_id: str = "u1", group: str = "g1") -> Somebody:
    """A member with an account, made if absent."""
    group_id = a_group(session, group)
    person = identities.meet(session, "play", external_id, external_id, NOW)
    member = identities.enter(session, group_id, person.person_id, external_id, NOW)
    assert member.id is not None
    account = identities.open_account(session, member.id, NOW)
    return Somebody(group_id, person.person_id, member.id, account)


def post(session: Session, who: Somebody, amount: int, key: str, kind: str = "checkin") -> Posted:
    """Post points for somebody."""
    return ledger.post(session, Posting(who.account_id, who.group_id, who.member_id, amount, kind, key, TODAY, NOW))


def waiting(session: Session) -> list[tuple[int, str]]:
    """Return (id, body) of what was received and not handled, oldest first."""
    found = select(col(Inbox.id), Inbox.body).where(Inbox.state == "pending").order_by(col(Inbox.id))
    return [(number, body) for number, body in session.exec(found) if number is not None]
