"""Names among the neighbours' chatter that pass for a leader's: an impostor talks to the neighbours, not to the bot.

Nothing is kept of what is said. In memory stands under which name somebody spoke last, so that a name is looked at once; a
name that passes for a leader's goes on to the gateway as an event without words, which tells the leader once.

Source: FAULTS A9.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeAlias

from sqlmodel import col, select

from engagement.kernel import Incoming, one_line
from engagement.members import rules
from storage.engine import Database, Session
from storage.groups import Group, Identity, Member

FRESH = timedelta(minutes=10)
"""How long the leaders of a group are believed to be the same."""
_REMEMBERED = 50_000
_Chat: TypeAlias = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class _Leaders:
    since: datetime
    ids: frozenset[str]
    names: tuple[str, ...]


class Watch:
    """Looks at every new name of those who chat."""

    def __init__(self, database: Database) -> None:
        """Know nobody yet."""
        self._database = database
        self._names: OrderedDict[tuple[str, ...], str] = OrderedDict()
        self._leaders: OrderedDict[_Chat, _Leaders] = OrderedDict()

    async def look(self, incoming: Incoming) -> Incoming | None:
        """Return a message's event without its words when its sender's name passes for a leader's; mostly None."""
        if not incoming.sender or not incoming.sender_name:
            return None
        chat = (incoming.channel, incoming.account, incoming.conversation)
        who = (*chat, incoming.sender)
        if self._names.get(who) == incoming.sender_name:
            return None
        self._names[who] = incoming.sender_name
        if len(self._names) > _REMEMBERED:
            self._names.popitem(last=False)
        leaders = await self._of(chat, incoming.received_at)
        name = one_line(incoming.sender_name)
        if incoming.sender in leaders.ids or not leaders.names:
            return None
        if not rules.claims_a_role(name) and not any(rules.passes_for(name, leader) for leader in leaders.names):
            return None
        return replace(incoming, text="", reply_to="", media="", media_id="", addressed=False)

    async def _of(self, chat: _Chat, now: datetime) -> _Leaders:
        known = self._leaders.get(chat)
        if known is None or now - known.since > FRESH:
            found = await self._database.read(lambda session: _read(session, chat))
            known = _Leaders(now, frozenset(who for who, _ in found), tuple(name for _, name in found if name))
            self._leaders[chat] = known
            if len(self._leaders) > _REMEMBERED:
                self._leaders.popitem(last=False)
        return known


def _read(session: Session, chat: _Chat) -> list[tuple[str, str]]:
    """Return (the channel's id, name) of a chat's leaders."""
    rows = session.exec(
        select(Identity.external_id, Member.name)
        .join(Member, col(Member.person_id) == col(Identity.person_id))
        .join(Group, col(Group.id) == col(Member.group_id))
        .where(
            Group.channel == chat[0],
            Group.account == chat[1],
            Group.external_id == chat[2],
            Identity.channel == chat[0],
            Member.role == "leader",
            col(Member.left_at).is_(None),
        )
    )
    return [(who, name) for who, name in rows]
