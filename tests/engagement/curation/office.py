"""A stage with staff, files that can be fetched, and a knowledge base of its own."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC
from pathlib import Path
from typing import Any

from engagement.errors import TooLarge, Unfetchable
from engagement.kernel import Event, Incoming, Outgoing, Place
from engagement.registry import FEATURES
from knowledge.answer import Answer
from knowledge.answering import Answering
from knowledge.base import KnowledgeBase
from knowledge.settings import KnowledgeSettings
from storage import identities
from storage.engine import Session
from storage.groups import RoleGrant
from tests.engagement.stage import Stage, open_stage

WANG, SUN = "王运营", "孙运营"


@dataclass
class Office:
    """Two of the staff, a leader and residents, with what they send."""

    stage: Stage
    files: dict[str, bytes] = field(default_factory=dict)
    fetched: list[str] = field(default_factory=list)

    async def fetch(self, media_id: str, most: int) -> bytes:
        """Hand out a file as a channel does."""
        self.fetched.append(media_id)
        if media_id not in self.files:
            raise Unfetchable("gone")
        if len(self.files[media_id]) > most:
            raise TooLarge
        return self.files[media_id]

    def grant(self, who: str, role: str = "staff", region: int | None = None) -> None:
        """Give somebody a role over groups."""

        def make(session: Session) -> None:
            now = self.stage.clock.now().astimezone(UTC)
            person = identities.meet(session, "play", who, who, now)
            session.add(RoleGrant(person_id=person.person_id, role=role, region_id=region, granted_at=now))

        self.stage.database.write_now(make)

    def incoming(self, who: str, name: str, content: str | bytes, caption: str = "", key: str = "") -> Incoming:
        """A file that somebody sends in private."""
        raw = content.encode() if isinstance(content, str) else content
        number = key or f"f{len(self.files)}.{len(self.fetched)}.{who}"
        self.files[number] = raw
        now = self.stage.clock.now()
        return Incoming(
            Event.MESSAGE,
            "play",
            number,
            Place.DM,
            who,
            who,
            now,
            now,
            sender_name=who,
            text=caption,
            message_id=number,
            addressed=True,
            media="file",
            media_id=number,
            file_name=name,
            file_size=len(raw),
        )

    def send(self, who: str, name: str, content: str | bytes, caption: str = "", key: str = "") -> list[Outgoing]:
        """Somebody sends a file in private; returns what the bot says to it."""
        return self.take(self.incoming(who, name, content, caption, key))

    def take(self, incoming: Incoming) -> list[Outgoing]:
        """Handle an event."""
        handled = asyncio.run(self.stage._handle(incoming))
        assert handled.outcome in {"done", "refused", "repeated"}, handled
        return [one.message for one in handled.queued]

    def say(self, who: str, text: str, when: str = "", **more: Any) -> Outgoing:
        """Somebody types in private; returns the one answer."""
        (answer,) = self.stage.say(who, text, when, private=True, **more)
        return answer

    def press(self, who: str, message: Outgoing, prefix: str) -> Outgoing:
        """Press the first button whose key begins so."""
        key = next(one.key for one in message.buttons if one.key.startswith(prefix))
        return self.say(who, "", button=key)

    def ask(self, question: str, group: bool = True) -> Answer:
        """What a resident would be answered."""
        answering = self.stage.gateway.dispatcher.answering
        assert answering is not None
        group_id = self.stage.group_id if group else None
        return asyncio.run(answering.ask(question, now=self.stage.clock.now(), group_id=group_id))


def open_office(folder: Path, start: str = "2026-12-01T09:00") -> Office:
    """Open a stage with two of the staff and an empty base."""
    stage = open_stage(folder, FEATURES, start)
    base = KnowledgeBase(folder, KnowledgeSettings())
    answering = Answering(stage.database, base)
    stage.database.read_now(base.open)
    stage.gateway.dispatcher.answering = answering
    office = Office(stage)
    stage.gateway.dispatcher.sources["play"] = office.fetch
    office.grant(WANG)
    office.grant(SUN)
    return office


def closed(office: Office) -> None:
    """Let go of everything."""
    answering = office.stage.gateway.dispatcher.answering
    if answering is not None:
        answering.close()
    office.stage.database.close()
