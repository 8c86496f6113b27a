"""A small stage for slices: a real database, the real gateway, a clock that is set, and jobs called by hand."""

from __future__ import annotations

import asyncio
import atexit
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cache, lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

from sqlmodel import SQLModel, select

from bot import routing
from bot.gateway import Gateway, Handled
from bot.rendering.capabilities import PLAY
from bot.rendering.render import render
from engagement.clocks import SetClock
from engagement.dispatch import Dispatcher
from engagement.feature import Feature, GroupView
from engagement.kernel import Event, Incoming, Kind, Outgoing, Place
from engagement.pushes import JobSpec, Occurrence, Planned
from prompts.loader import texts
from storage import outbox
from storage.engine import Database, Session
from storage.groups import Group, Identity, Member
from storage.ledger import Entry
from tests.databases import FILE, closed, open_at_once, with_tables


def at(text: str) -> datetime:
    """An instant from ISO text with an offset; +08:00 when it has none."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else datetime.fromisoformat(f"{text}+08:00")


@dataclass
class Stage:
    """One group on a stage.

    Attributes:
        said: every message that the bot put out, in order.
    """

    database: Database
    clock: SetClock
    gateway: Gateway
    jobs: dict[str, JobSpec]
    group_id: int = 0
    said: list[Outgoing] = field(default_factory=list)
    _ids: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def say(
        self,
        who: str,
        text: str,
        when: str = "",
        *,
        quoting: Outgoing | None = None,
        button: str = "",
        private: bool = False,
        dedupe_key: str = "",
        occurred: str = "",
        media: str = "",
        channel: str = "play",
    ) -> list[Outgoing]:
        """Somebody types or presses; returns what the bot says to it. Other channels than the group's are private."""
        if when:
            self.clock.set(at(when))
        number = dedupe_key or f"m{next(self._ids)}"
        incoming = Incoming(
            event=Event.BUTTON if button else Event.MESSAGE,
            channel=channel,
            dedupe_key=number,
            place=Place.DM if private or channel != "play" else Place.GROUP,
            conversation=who if private or channel != "play" else "g1",
            sender=who,
            sender_name=who,
            occurred_at=at(occurred) if occurred else self.clock.now(),
            received_at=self.clock.now(),
            text=text,
            message_id=number,
            reply_to=self._remember(quoting, who if private else "g1") if quoting else "",
            addressed=quoting is not None,
            button=button,
            media=media,
        )
        handled = _loop().run_until_complete(self._handle(incoming))
        assert handled.outcome in {"done", "refused", "repeated"}, handled
        mine = [queued.message for queued in handled.queued]
        self.said += mine
        return mine

    def happen(self, event: Event, who: str, when: str = "", **more: Any) -> list[Outgoing]:
        """Something happens to the chat itself (joins, leaves, the bot comes and goes)."""
        if when:
            self.clock.set(at(when))
        now = self.clock.now()
        number = f"m{next(self._ids)}"
        incoming = Incoming(event, "play", number, Place.GROUP, "g1", who, now, now, sender_name=who, **more)
        handled = _loop().run_until_complete(self._handle(incoming))
        assert handled.outcome == "done", handled
        return [queued.message for queued in handled.queued]

    def incoming(self, who: str) -> Incoming:
        """A message of somebody, for a context made by hand."""
        now = self.clock.now()
        return Incoming(Event.MESSAGE, "play", "by hand", Place.GROUP, "g1", who, now, now)

    async def _handle(self, incoming: Incoming) -> Handled:
        row = await self.gateway.accept(incoming)
        return Handled("repeated") if row is None else await self.gateway.handle(row, incoming)

    def _remember(self, message: Outgoing, conversation: str) -> str:
        number = f"b{next(self._ids)}"
        self.database.write_now(
            lambda session: outbox.remember(
                session,
                channel="play",
                account="",
                conversation=conversation,
                provider_id=number,
                subject=message.subject,
                sent_at=self.clock.now(),
            )
        )
        return number

    def push(self, kind: str, when: str) -> Planned | None:
        """What a job makes of this group at a moment; None when it makes nothing."""
        self.clock.set(at(when))
        moment = self.clock.now()

        def plan(session: Session) -> Sequence[Planned]:
            group = session.get_one(Group, self.group_id)
            view = GroupView.of(group)
            one = Occurrence(view, 1, at(when).date(), moment)
            return self.jobs[kind].plan(session, [one], moment)

        planned = self.database.write_now(plan)
        assert len(planned) <= 1
        return planned[0] if planned else None

    def pushed(self, kind: str, when: str) -> Outgoing:
        """The same, as a message that went out."""
        planned = self.push(kind, when)
        assert planned is not None
        reply = planned.reply
        assert reply is not None, planned.skip
        return Outgoing(
            kind=Kind.PUSH,
            channel="play",
            account="",
            place=Place.GROUP,
            conversation="g1",
            feature=kind,
            key=reply.key,
            values=reply.values,
            tails=tuple(reply.tails),
            subject=reply.subject,
        )

    def points(self, who: str, kind: str = "") -> int:
        """Ledger points of somebody in this group, of one kind or all."""

        def add(session: Session) -> int:
            rows = session.exec(
                select(Entry)
                .join(Member, Member.id == Entry.member_id)  # type: ignore[arg-type]
                .join(Identity, Identity.person_id == Member.person_id)  # type: ignore[arg-type]
                .where(Identity.external_id == who)
            )
            return sum(row.amount for row in rows if not kind or row.kind == kind)

        return self.database.read_now(add)

    def person(self, who: str) -> int:
        """The person behind a channel's id."""
        return self.database.read_now(
            lambda session: session.exec(select(Identity.person_id).where(Identity.external_id == who)).one()
        )

    def change(self, **fields: object) -> None:
        """Change the group's row."""

        def change(session: Session) -> None:
            group = session.get_one(Group, self.group_id)
            for name, value in fields.items():
                setattr(group, name, value)
            session.add(group)

        self.database.write_now(change)


@cache
def _loop() -> asyncio.AbstractEventLoop:
    """One for all stages: to make one takes as long as to answer."""
    loop = asyncio.new_event_loop()
    atexit.register(loop.close)
    return loop


def shown(message: Outgoing) -> str:
    """The text as the local channel shows it."""
    return render(message, PLAY).text


def keys(messages: Sequence[Outgoing]) -> list[str]:
    """The text keys, a reaction with its emoji before."""
    return [f"{m.emoji}{m.key}" if m.kind is Kind.REACTION else m.key for m in messages]


def open_stage(
    folder: Path, features: Sequence[Feature], start: str, *, leader: str = "周团长", url: str = ""
) -> Stage:
    """Make a database with one group g1 in Asia/Shanghai and its leader.

    On SQLite it is set once for the same arguments, and a stage opens on a copy of the file.
    """
    if url:
        stage = _stage(with_tables(folder, url), features, start)
        return _set(stage, leader)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FILE).write_bytes(_scene(frozenset(SQLModel.metadata.tables), _Cast(tuple(features)), start, leader))
    stage = _stage(open_at_once(folder), features, start)
    stage.group_id = 1
    next(stage._ids)
    return stage


class _Cast(tuple[Feature, ...]):
    """Features, the same only as themselves: a test may change one and leave its name."""

    __slots__ = ()

    def __hash__(self) -> int:
        return hash(tuple(map(id, self)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Cast) and tuple(map(id, self)) == tuple(map(id, other))


@lru_cache(maxsize=4)
def _scene(_tables: frozenset[str], features: _Cast, start: str, leader: str) -> bytes:
    with TemporaryDirectory() as folder:
        stage = _set(_stage(with_tables(Path(folder)), features, start), leader)
        assert stage.group_id == 1
        return closed(stage.database, Path(folder))


def _stage(database: Database, features: Sequence[Feature], start: str) -> Stage:
    clock = SetClock(at(start))
    with patch.object(routing, "normal", _normal):
        gateway = Gateway(database, Dispatcher(features), clock)
    return Stage(database, clock, gateway, {job.kind: job for feature in features for job in feature.jobs})


_normal = lru_cache(maxsize=8192)(routing.normal)
"""The features have some 4000 spellings, and every stage has a table of them."""


def _set(stage: Stage, leader: str) -> Stage:
    def make(session: Session) -> int:
        group = Group(
            channel="play", external_id="g1", name="阳光花园一期", created_at=stage.clock.now().astimezone(UTC)
        )
        session.add(group)
        session.flush()
        assert group.id is not None
        return group.id

    stage.group_id = stage.database.write_now(make)
    stage.say(leader, "今日话题")

    def lead(session: Session) -> None:
        member = session.exec(select(Member).where(Member.name == leader)).one()
        member.role = "leader"
        session.add(member)

    stage.database.write_now(lead)
    stage.said.clear()
    return stage


def day(text: str) -> date:
    """A local day from ISO text."""
    return date.fromisoformat(text)


def placeholders_match(message: Outgoing) -> bool:
    """Every text of the message gets the values it asks for."""
    return all(texts().placeholders(key) <= message.values.keys() for key in (message.key, *message.tails))
