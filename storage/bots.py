"""Several bot accounts of one channel: which one serves a chat, and which one a person wrote to in private; and chats that move.

Source: DESIGN §4 (several bot accounts may serve one installation, each group bound to one); FAULTS A11.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import ColumnElement, SQLColumnExpression, Text, bindparam, cast, exists, func, select, update
from sqlmodel import select as pick

from storage.engine import Session
from storage.groups import Group, Identity
from storage.identities import Known
from storage.outbox import SentMessage
from storage.statements import Prepared

LAPSING = "wechat"
"""The channel on which a chat closes by itself, a day or two after the person's last words there: the last choice of several."""
WAS = "was"
"""Mark in a group's settings: the id that its chat had before it became a supergroup."""
_G = Group.__table__  # type: ignore[attr-defined]
_I = Identity.__table__  # type: ignore[attr-defined]
_S = SentMessage.__table__  # type: ignore[attr-defined]
_OPEN = Prepared(
    "identity.open",
    update(_I).where(_I.c.id == bindparam("row")).values(dm_open=bindparam("flag"), account=bindparam("bot")),
)
_LOST = Prepared(
    "identity.lost",
    update(_I)
    .where(
        _I.c.channel == bindparam("channel"),
        _I.c.external_id == bindparam("external_id"),
        _I.c.account.in_(["", bindparam("bot")]),
        _I.c.dm_open,
    )
    .values(dm_open=False),
)
_REACH = Prepared(
    "identity.reach",
    select(_I.c.channel, _I.c.external_id, _I.c.name, _I.c.dm_open, _I.c.account)
    .where(_I.c.person_id == bindparam("person"))
    .order_by(
        _I.c.dm_open.desc(),
        _I.c.dm_open & (_I.c.channel == LAPSING),
        (_I.c.channel == bindparam("in_channel")).desc(),
        _I.c.id,
    )
    .limit(1),
)
_BOT_OF = Prepared(
    "identity.bot",
    select(_I.c.account).where(_I.c.channel == bindparam("channel"), _I.c.external_id == bindparam("external_id")),
)
_ELSEWHERE = Prepared(
    "group.elsewhere",
    select(_G.c.id, _G.c.state, _G.c.account)
    .where(
        _G.c.channel == bindparam("channel"),
        _G.c.external_id == bindparam("external_id"),
        _G.c.account != bindparam("account"),
    )
    .order_by(_G.c.state, _G.c.id)
    .limit(1),
)
_MOVED_FROM = Prepared(
    "group.moved_from",
    select(_G.c.id)
    .where(
        _G.c.channel == bindparam("channel"),
        _G.c.account == bindparam("account"),
        cast(_G.c.settings, Text).like(bindparam("mark"), escape="/"),
    )
    .limit(1),
)
_FOLLOW = Prepared(
    "sent_message.follow",
    update(_S)
    .where(
        _S.c.channel == bindparam("in_channel"),
        _S.c.account == bindparam("before"),
        _S.c.conversation == bindparam("chat"),
    )
    .values(account=bindparam("after")),
)


def open_private(session: Session, person: Known, account: str) -> None:
    """Note that a person has spoken to a bot account in private, so that it may write first."""
    if not person.dm_open or person.account != account:
        session.run(_OPEN, row=person.identity_id, flag=True, bot=account)
        person.dm_open, person.account = True, account


def close_private(session: Session, person: Known, account: str) -> None:
    """Note that a bot account may not write to a person any more; another one to which he wrote since still may."""
    if person.dm_open and person.account in ("", account):
        session.run(_OPEN, row=person.identity_id, flag=False, bot=person.account)
        person.dm_open = False


def lost_private(session: Session, channel: str, account: str, external_id: str) -> None:
    """Note that a platform says of a private chat that the bot may not write there any more; its word of it was missed.

    From then on its person is reached where he can be, and nobody is told that he was.
    """
    session.run(_LOST, channel=channel, external_id=external_id, bot=account)


def bot_of(session: Session, channel: str, external_id: str) -> str:
    """Return the bot account to which a person wrote in private last; empty when nobody knows."""
    row = session.row(_BOT_OF, channel=channel, external_id=external_id)
    return "" if row is None else str(row[0])


@dataclass(frozen=True, slots=True)
class Reach:
    """How somebody is reached in private: on which channel, by which of its bot accounts ("" unknown), under which id and name.

    Attributes:
        is_open: he has written there, so that the bot may.
    """

    channel: str
    external_id: str
    name: str
    is_open: bool
    account: str


def reach(session: Session, person_id: int, channel: str) -> Reach | None:
    """Return how a person is reached in private: on ``channel`` if he has written there, else where he has.

    Where a chat closes by itself comes last: nobody here can be sure that it has not. Who has written nowhere is tried on
    ``channel`` if he is known on it; None = not at all.

    Source: ADR-0021.
    """
    row = session.row(_REACH, person=person_id, in_channel=channel)
    if row is None or not (row[3] or row[0] == channel):
        return None
    return Reach(row[0], row[1], row[2], bool(row[3]), row[4])


def name_of(session: Session, person_id: int) -> str:
    """Return how a person is called on any channel; empty for nobody."""
    row = session.row(_REACH, person=person_id, in_channel="")
    return "" if row is None else str(row[2])


def is_open(session: Session, person_id: int, channel: str) -> bool:
    """Say whether a person has a private chat in which the bot may write, on ``channel`` or on any other."""
    found = reach(session, person_id, channel)
    return found is not None and found.is_open


def can_be_told(person: SQLColumnExpression[int]) -> ColumnElement[bool]:
    """Return the condition that somebody has a private chat in which the bot may write, on whatever channel.

    Args:
        person: the column with the person's id.
    """
    return exists().where(_I.c.person_id == person, _I.c.dm_open)


def elsewhere(session: Session, channel: str, account: str, external_id: str) -> tuple[int, str] | None:
    """Return (id, account) of a chat's group that another bot account serves, an active one first; None if there is none.

    The account is empty when that one was taken out.
    """
    row = session.row(_ELSEWHERE, channel=channel, account=account, external_id=external_id)
    return None if row is None else (int(row[0]), str(row[2]) if row[1] == "active" else "")


def unserved(session: Session, channel: str, running: Collection[str]) -> dict[str, int]:
    """Return account → active groups, of the accounts that serve groups and are none of ``running``."""
    groups = select(_G.c.account, func.count()).where(_G.c.channel == channel, _G.c.state == "active")
    rows = session.execute(groups.group_by(_G.c.account).order_by(_G.c.account))
    return {str(account): int(count) for account, count in rows if account not in running}


def moved_from(session: Session, channel: str, account: str, external_id: str) -> int | None:
    """Return the id of the group whose chat had another id before, as its settings tell; None when there is none.

    It looks through the account's groups: for chats only that nobody knows.
    """
    # What people choose as an id elsewhere (the simulator) may hold a character that LIKE reads as any.
    plain = external_id.replace("/", "//").replace("%", "/%").replace("_", "/_")
    mark = f'%"{WAS}": "{plain}"%'
    row = session.row(_MOVED_FROM, channel=channel, account=account, mark=mark)
    return None if row is None else int(row[0])


def moves(group: Group, before: str, after: str) -> None:
    """Give a group its chat's new id, and remember the former one, by which late events still call it; not flushed."""
    if before != after:
        kept = group.settings or {}
        mine = kept.get("groups")
        group.settings = {**kept, "groups": {**(mine if isinstance(mine, dict) else {}), WAS: before}}
    group.external_id = after


def follow(session: Session, channel: str, account: str, before: str, after: str) -> bool:
    """Let the group of a chat that was found to have moved move with it, before the platform's own word of it is handled.

    Returns:
        False when another row has the new id: what becomes of it is decided when that word comes (groups.moving).
    """
    if not after or before == after:
        return bool(after)
    taken = select(_G.c.id).where(_G.c.channel == channel, _G.c.account == account, _G.c.external_id == after)
    if session.execute(taken).first() is not None:
        return False
    group = session.exec(
        pick(Group).where(Group.channel == channel, Group.account == account, Group.external_id == before)
    ).first()
    if group is not None:
        moves(group, before, after)
        session.add(group)
        session.flush()
    return True


def hand_over(session: Session, channel: str, before: str, after: str, conversation: str) -> None:
    """Let what one bot account said in a chat count as said by another one, which serves the chat from now on."""
    session.run(_FOLLOW, in_channel=channel, before=before, after=after, chat=conversation)
