"""A gateway over a real database, with a probe among the slices that does on command what slices should not."""

from __future__ import annotations

import asyncio
import itertools
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from sqlmodel import SQLModel, col
from sqlmodel import select as pick

from bot.gateway import Gateway, Handled
from engagement.clocks import SetClock
from engagement.dispatch import Dispatcher
from engagement.errors import Fault, Refusal
from engagement.feature import Command, Context, Feature, Slow
from engagement.kernel import Event, Incoming, Kind, Outgoing, Place, Reply
from engagement.registry import FEATURES
from storage.engine import Database, Session, open_database
from storage.inbox import Inbox

NOW = datetime(2026, 12, 1, 1, 0, tzinfo=UTC)
"""Nine in the morning in Shanghai, a Tuesday."""


@dataclass
class Probe:
    """A slice that fails as it is told.

    Attributes:
        error: what its next calls raise.
        times: how often.
        said: what it says when it raises nothing.
        calls: how often it was called.
    """

    error: Callable[[], Exception] | None = None
    times: int = 0
    said: Sequence[Reply] = (Reply("members.kept"),)
    calls: int = 0
    meanwhile: Callable[[], Any] | None = None

    def run(self, ctx: Context) -> Sequence[Reply]:
        """The handler."""
        self.calls += 1
        if self.error is not None and self.times > 0:
            self.times -= 1
            raise self.error()
        return self.said

    async def work(self, state: object) -> object:
        """The waiting part of the slow handler."""
        if self.meanwhile is not None:
            found = self.meanwhile()
            if asyncio.iscoroutine(found):
                await found
        return state

    def feature(self) -> Feature:
        """Its declaration."""
        slow = Slow(lambda ctx: self.run(ctx) and ctx.argument, self.work, lambda ctx, found: [*self.said])
        return Feature(
            "probe",
            commands=(
                Command("probe.run", ("探针",), self.run, consent=False, takes="optional"),
                Command("probe.keep", ("探针记录",), self.run),
                Command("probe.slow", ("慢探针",), slow, takes="optional"),
                Command("probe.staff", ("运营探针",), self.run, roles=frozenset({"staff"}), consent=False),
            ),
            buttons={"probe": self.run},
            quotes={"probe": self.run, "probe_ask": slow},
            asks=frozenset({"probe_ask"}),
            lifecycle={"leave": self.run},
        )


@dataclass
class House:
    """The gateway and what happens at its door."""

    database: Database
    clock: SetClock
    gateway: Gateway
    probe: Probe
    folder: Path
    _ids: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def incoming(self, text: str = "", who: str = "u1", **more: Any) -> Incoming:
        """A message in group g1, or what ``more`` makes of it."""
        number = f"m{next(self._ids)}"
        fields: dict[str, Any] = {
            "event": Event.MESSAGE,
            "channel": "play",
            "dedupe_key": number,
            "place": Place.GROUP,
            "conversation": "g1",
            "sender": who,
            "sender_name": f"邻居{who}" if who else "",
            "occurred_at": self.clock.now(),
            "received_at": self.clock.now(),
            "text": text,
            "message_id": number,
        }
        if more.pop("private", False):
            fields |= {"place": Place.DM, "conversation": who}
        if "button" in more:
            fields |= {"event": Event.BUTTON}
        return Incoming(**(fields | more))

    async def deal(self, incoming: Incoming) -> Handled:
        """Persist and handle."""
        row = await self.gateway.accept(incoming)
        return Handled("repeated") if row is None else await self.gateway.handle(row, incoming)

    def tell(self, text: str = "", who: str = "u1", **more: Any) -> tuple[str, list[Outgoing]]:
        """Somebody says something; returns the outcome and what the bot says."""
        handled = asyncio.run(self.deal(self.incoming(text, who, **more)))
        return handled.outcome, [queued.message for queued in handled.queued]

    def keys(self, text: str = "", who: str = "u1", **more: Any) -> list[str]:
        """The same; only the text keys of what is said in words."""
        return [m.key for m in self.tell(text, who, **more)[1] if m.kind is not Kind.REACTION]

    def count(self, table: type[SQLModel]) -> int:
        """How many rows a table has."""
        return self.database.read_now(lambda s: int(s.execute(select(func.count()).select_from(table)).scalar_one()))

    def counts(self, *, without: Sequence[str] = ()) -> dict[str, int]:
        """The number of rows of every table."""
        return self.database.read_now(
            lambda s: {
                table.name: int(s.execute(select(func.count()).select_from(table)).scalar_one())
                for table in SQLModel.metadata.sorted_tables
                if table.name not in without
            }
        )

    def inbox(self) -> list[tuple[str, str]]:
        """State and body of every event."""
        return self.database.read_now(
            lambda s: [(r.state, r.body) for r in s.exec(pick(Inbox).order_by(col(Inbox.id)))]
        )

    def change(self, table: type[SQLModel], key: object, **fields: object) -> None:
        """Change a row."""

        def work(session: Session) -> None:
            row = session.get_one(table, key)
            for name, value in fields.items():
                setattr(row, name, value)
            session.add(row)

        self.database.write_now(work)

    def bytes(self) -> bytes:
        """Everything that stands in the database's files, the log included."""
        return b"".join(path.read_bytes() for path in sorted(self.folder.iterdir()))


def open_house(folder: Path, migrated: Path, *, paced: Sequence[str] = ()) -> House:
    """Open a gateway on a copy of a migrated database; the caller closes the database."""
    shutil.copytree(migrated, folder, dirs_exist_ok=True)
    database = open_database(folder)
    clock = SetClock(NOW)
    probe = Probe()
    gateway = Gateway(database, Dispatcher((*FEATURES, probe.feature())), clock, paced)
    return House(database, clock, gateway, probe, folder)


__all__ = ["NOW", "Fault", "House", "Probe", "Refusal", "open_house"]
