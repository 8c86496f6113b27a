"""Customer groups as a platform last told of them: whose they are, and which have to be looked at again.

A callback that names nobody only marks its group; who reads it anew finds the mark here, also after a restart (ADR-0019).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, case, literal_column, select, update
from sqlmodel import Field, SQLModel

from storage.columns import instant, micros, utc
from storage.engine import Session
from storage.groups import Group, Identity, Member
from storage.statements import Prepared


class CustomerGroup(SQLModel, table=True):
    """A customer group of a company.

    Attributes:
        conversation: the platform's id of the group.
        owner: the platform's id of the member of staff who owns it and confirms; empty until it was looked at.
        stale: how often something has changed since; a mark that comes while the group is being read stays.
        looked_at: when it was read; None = never.
    """

    __tablename__ = "customer_group"
    channel: str = Field(max_length=20, primary_key=True)
    account: str = Field(max_length=64, primary_key=True)
    conversation: str = Field(max_length=128, primary_key=True)
    owner: str = Field(default="", max_length=64)
    stale: int = 1
    looked_at: datetime | None = utc(nullable=True)


@dataclass(frozen=True, slots=True)
class Known:
    """A row, without its key's first two columns."""

    conversation: str
    owner: str
    stale: int
    looked_at: datetime | None


_C = CustomerGroup.__table__  # type: ignore[attr-defined]
_M = Member.__table__  # type: ignore[attr-defined]
_G = Group.__table__  # type: ignore[attr-defined]
_I = Identity.__table__  # type: ignore[attr-defined]
_OF = (_C.c.channel == bindparam("in_channel")) & (_C.c.account == bindparam("of"))
_MARK = Prepared(
    "customer_group.mark",
    lambda insert: (
        insert(_C)
        .values(
            channel=bindparam("in_channel"),
            account=bindparam("of"),
            conversation=bindparam("chat"),
            owner="",
            stale=1,
        )
        .on_conflict_do_update(index_elements=["channel", "account", "conversation"], set_={"stale": _C.c.stale + 1})
    ),
)
_ADD = Prepared(
    "customer_group.add",
    lambda insert: (
        insert(_C)
        .values(
            channel=bindparam("in_channel"),
            account=bindparam("of"),
            conversation=bindparam("chat"),
            owner="",
            stale=1,
        )
        .on_conflict_do_nothing(index_elements=["channel", "account", "conversation"])
    ),
)
_LOOKED = Prepared(
    "customer_group.looked",
    update(_C)
    .where(_OF, _C.c.conversation == bindparam("chat"))
    .values(
        owner=bindparam("whose"),
        stale=case((_C.c.stale == bindparam("marked"), literal_column("0")), else_=_C.c.stale),
        looked_at=bindparam("now"),
    ),
)
_MARKS = Prepared("customer_group.marks", select(_C.c.stale).where(_OF, _C.c.conversation == bindparam("chat")))
_KNOWN = Prepared(
    "customer_group.known",
    select(_C.c.owner, _C.c.stale, _C.c.looked_at).where(_OF, _C.c.conversation == bindparam("chat")),
)


def mark(session: Session, channel: str, account: str, conversation: str) -> None:
    """Note that a group has changed, or is new."""
    session.run(_MARK, in_channel=channel, of=account, chat=conversation)


def add(session: Session, channel: str, account: str, conversations: Collection[str]) -> None:
    """Note groups that there are; those that are known stay as they are."""
    for conversation in conversations:
        session.run(_ADD, in_channel=channel, of=account, chat=conversation)


def marks(session: Session, channel: str, account: str, conversation: str) -> int:
    """Return how often a group was marked since it was read; take it before reading."""
    row = session.row(_MARKS, in_channel=channel, of=account, chat=conversation)
    return 1 if row is None else int(row[0])


def looked(
    session: Session, channel: str, account: str, conversation: str, owner: str, marked: int, now: datetime
) -> None:
    """Note that a group was read.

    Args:
        marked: its :func:`marks` before it was read; a later one stays.
    """
    values = {"in_channel": channel, "of": account, "chat": conversation, "whose": owner}
    session.run(_LOOKED, **values, marked=marked, now=micros(now))


def known(session: Session, channel: str, account: str, conversation: str) -> Known | None:
    """Return what we know of a group; None when it was never told of."""
    row = session.row(_KNOWN, in_channel=channel, of=account, chat=conversation)
    if row is None:
        return None
    return Known(conversation, str(row[0]), int(row[1]), None if row[2] is None else instant(int(row[2])))


def to_look_at(session: Session, channel: str, account: str, before: datetime, most: int) -> list[Known]:
    """Return groups that have changed, or were last read before an instant; those longest unread first."""
    rows = session.execute(
        select(_C.c.conversation, _C.c.owner, _C.c.stale, _C.c.looked_at)
        .where(_C.c.channel == channel, _C.c.account == account)
        .where((_C.c.stale > 0) | _C.c.looked_at.is_(None) | (_C.c.looked_at < before))
        .order_by(_C.c.looked_at.nulls_first(), _C.c.conversation)
        .limit(most)
    )
    return [Known(*row) for row in rows]


def conversations(session: Session, channel: str, account: str) -> set[str]:
    """Return all groups that we know of."""
    return set(
        session.execute(select(_C.c.conversation).where(_C.c.channel == channel, _C.c.account == account)).scalars()
    )


def owners(session: Session, channel: str, account: str) -> list[str]:
    """Return everybody who owns a group, in order."""
    rows = session.execute(
        select(_C.c.owner)
        .where(_C.c.channel == channel, _C.c.account == account, _C.c.owner != "")
        .distinct()
        .order_by(_C.c.owner)
    )
    return list(rows.scalars())


def owned(session: Session, channel: str, account: str, owner: str) -> set[str]:
    """Return the groups that were read and that somebody owned then."""
    mine = (_C.c.channel == channel, _C.c.account == account, _C.c.owner == owner)
    return set(session.execute(select(_C.c.conversation).where(*mine, _C.c.looked_at.is_not(None))).scalars())


def forget(session: Session, channel: str, account: str, conversation: str) -> None:
    """Forget a group that is no more."""
    session.execute(
        _C.delete().where(_C.c.channel == channel, _C.c.account == account, _C.c.conversation == conversation)
    )


def members(session: Session, channel: str, account: str, conversation: str) -> set[str]:
    """Return the platform's ids of who is in a group, as we last had them: staff and residents alike."""
    rows = session.execute(
        select(_I.c.external_id)
        .join(_M, _M.c.person_id == _I.c.person_id)
        .join(_G, _G.c.id == _M.c.group_id)
        .where(_G.c.channel == channel, _G.c.account == account, _G.c.external_id == conversation)
        .where(_I.c.channel == channel, _M.c.left_at.is_(None))
    )
    return set(rows.scalars())


def outside(session: Session, channel: str, account: str, conversation: str, inside: Collection[str]) -> set[str]:
    """Return the ids in a group that are not in its chat, and that is no leaving; who is in the chat is as everybody from now on.

    Those of who came by its link alone, and of a person who is in the chat by another account.

    Args:
        inside: the platform's ids of all who are in the chat.
    """
    found = session.execute(
        select(_I.c.external_id, _M.c.id, _M.c.by_link)
        .join(_M, _M.c.person_id == _I.c.person_id)
        .join(_G, _G.c.id == _M.c.group_id)
        .where(_G.c.channel == channel, _G.c.account == account, _G.c.external_id == conversation)
        .where(_I.c.channel == channel, _M.c.left_at.is_(None))
    ).all()
    there = {member for who, member, _ in found if who in inside}
    met = {member for _, member, by_link in found if by_link and member in there}
    if met:
        session.execute(update(_M).where(_M.c.id.in_(met)).values(by_link=False))
        session.expire_all()
    return {who for who, member, by_link in found if who not in inside and (member in there or by_link)}
