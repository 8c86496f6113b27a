"""The desk: what somebody does on a web page, through the same door as a private message (console.desk is its port)."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from sqlmodel import col, select

from bot.rendering.capabilities import DESK
from bot.rendering.render import render
from console.desk import FAULT, REPEATED, Desk, Line, Said
from engagement.kernel import MAX_TEXT, Event, Incoming, Kind, Outgoing, Place
from prompts.loader import texts
from storage import identities
from storage.engine import Session
from storage.groups import Identity

if TYPE_CHECKING:
    from bot.main import Program

MARK = "desk:"
"""Conversations that are a page; nothing is ever sent to one."""
NOWHERE = "web"
"""The channel of somebody who is on none."""
LONGEST_KEY = 64
_ANSWERED = frozenset({"reverse", "topic", "topic_write"})
"""Subjects that are quoted with an answer in a chat; on a page there is a field for it."""


def conversation(person_id: int) -> str:
    """Return the conversation of a person's pages."""
    return f"{MARK}{person_id}"


class ProgramDesk(Desk):
    """A desk over the running program."""

    def __init__(self, program: Program) -> None:
        """Take the program."""
        self._program = program
        self._asks = _ANSWERED.union(*(feature.asks for feature in program.dispatcher.features))

    async def say(self, person_id: int, group_id: int, text: str, key: str, about: str = "", *, role: str = "") -> Said:
        """Run what somebody would type."""
        words, about = _storable(text[:MAX_TEXT]), _storable(about)
        return await self._run(person_id, group_id, key, role, text=words, about=about)

    async def press(self, person_id: int, group_id: int, button: str, key: str, *, role: str = "") -> Said:
        """Press a button."""
        return await self._run(person_id, group_id, key, role, button=_storable(button))

    async def _run(
        self, person_id: int, group_id: int, key: str, role: str, *, text: str = "", button: str = "", about: str = ""
    ) -> Said:
        channel, account, sender = await self._program.database.read(lambda s: _whose(s, person_id, group_id))
        now = self._program.clock.now()
        incoming = Incoming(
            event=Event.BUTTON if button else Event.MESSAGE,
            channel=channel,
            account=account,
            dedupe_key=_once(person_id, group_id, key, f"{button}\0{about}\0{text}"),
            place=Place.DM,
            conversation=conversation(person_id),
            sender=sender,
            occurred_at=now,
            received_at=now,
            text=text,
            button=button,
            addressed=True,
            desk_person=person_id,
            desk_group=group_id,
            desk_about=about,
            desk_role=role,
        )
        handled = await self._program.pump.at_desk(incoming)
        if handled.outcome == REPEATED:
            return Said(REPEATED, (Line(texts().raw("guard.desk_repeated")),))
        if handled.outcome == "down":
            return Said(FAULT, (Line(texts().raw("guard.desk_down")),))
        lines = tuple(self._line(one.message) for one in handled.queued if one.is_shown)
        return Said(handled.outcome, lines)

    def _line(self, message: Outgoing) -> Line:
        if message.kind is Kind.REACTION and not message.key:
            return Line(message.emoji)
        shown = render(message, DESK)
        buttons = tuple((choice.key, choice.label) for row in shown.buttons for choice in row)
        document = None if message.document is None else (message.document.name, message.document.text)
        about = message.subject if message.subject.partition(":")[0] in self._asks else ""
        return Line(shown.text, buttons, document, tuple(message.citations), about)


def _whose(session: Session, person_id: int, group_id: int) -> tuple[str, str, str]:
    """Return the channel and account of the group, and what the person is called there by the channel.

    Who is not on that channel (staff) goes by the page's own name, which no channel knows.
    """
    row = identities.group_row_by_id(session, group_id) if group_id else None
    if row is not None:
        found = identities.address(session, person_id, str(row[1]))
        return str(row[1]), str(row[2]), conversation(person_id) if found is None else found[0]
    first = session.exec(
        select(Identity.channel, Identity.external_id)
        .where(Identity.person_id == person_id)
        .order_by(col(Identity.id))
        .limit(1)
    ).first()
    return (NOWHERE, "", conversation(person_id)) if first is None else (first[0], "", first[1])


def _storable(text: str) -> str:
    """Take out what no row can hold: halves of characters."""
    return text.encode("utf-8", "ignore").decode()


def _once(person_id: int, group_id: int, key: str, what: str) -> str:
    """Return the event's natural key: the form's id with what it says, so that a form sent twice has one effect."""
    said = hashlib.sha256(f"{group_id}\0{key[:LONGEST_KEY]}\0{what}".encode("utf-8", "replace")).hexdigest()[:32]
    return f"{MARK}{person_id}:{said}"
