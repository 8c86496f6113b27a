"""Who has begun to own customer groups is led through the first steps in private, once: the app may write to the company's own.

Source: ADR-0019; CHANNELS (WeCom app).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import select

from bot.channels.wecom import CHANNEL
from bot.channels.wecom.customer_groups import CustomerGroup
from engagement.kernel import Event, Incoming, Place, one_line
from storage import customer_groups as rows
from storage import identities
from storage.engine import Database, Session
from storage.groups import Group

Receive = Callable[[Incoming], Awaitable[object]]
_LED = "wecom_led_by"
"""Mark in a group's settings: the person who was last known, and told, to lead it as its owner."""


@dataclass(frozen=True, slots=True)
class _Leader:
    """An owner who is new; ``first``: he has owned no other group so far."""

    person_id: int
    first: bool


class Welcome:
    """Says to the program that a leader has begun; what she is told is engagement.groups' to say."""

    def __init__(self, database: Database, account: str, receive: Receive) -> None:
        """Take the rows, the company, and what takes events."""
        self._database = database
        self._account = account
        self._receive = receive

    async def meet(self, group: CustomerGroup, now: datetime) -> None:
        """Look whether a group that is kept has an owner who was not told; noted after the event was persisted."""
        leader = await self._database.read(lambda session: self._unwelcomed(session, group))
        if leader is None:
            return
        if leader.first:
            await self._receive(
                Incoming(
                    Event.BOT_ADDED,
                    CHANNEL,
                    f"s:{group.chat}:leads:{leader.person_id}",
                    Place.GROUP,
                    group.chat,
                    group.owner,
                    now,
                    now,
                    account=self._account,
                    group_name=one_line(group.name, 60),
                )
            )
        await self._database.write(lambda session: self._note(session, group.chat, leader.person_id))

    def _unwelcomed(self, session: Session, group: CustomerGroup) -> _Leader | None:
        row = group_of(session, self._account, group.chat)
        person = identities.known(session, CHANNEL, group.owner, None)
        if row is None or person is None or (row.settings or {}).get(_LED) == person.person_id:
            return None
        others = rows.owned(session, CHANNEL, self._account, group.owner) - {group.chat}
        return _Leader(person.person_id, first=not others)

    def _note(self, session: Session, chat: str, person_id: int) -> None:
        row = group_of(session, self._account, chat)
        if row is not None:
            row.settings = {**(row.settings or {}), _LED: person_id}
            session.add(row)
            session.flush()


def group_of(session: Session, account: str, chat: str) -> Group | None:
    """Return the row of a company's group."""
    return session.exec(
        select(Group).where(Group.channel == CHANNEL, Group.account == account, Group.external_id == chat)
    ).first()
