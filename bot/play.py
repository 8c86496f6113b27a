"""Replays a script on a simulated clock through the real gateway, storage, planner and delivery (CONTRACT).

Nothing here keeps real time and nothing waits: between two lines of the script the clock jumps from one due instant to the
next, and what is due fires on the way.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import func, select

from bot.rendering.capabilities import PLAY
from bot.rendering.render import render
from engagement import calendar
from engagement.clocks import Movable, SetClock
from engagement.errors import TooLarge, Unfetchable
from engagement.feature import Fetch
from engagement.kernel import Event, Incoming, Kind, Outcome, Outgoing, Place, Receipt, Sender
from storage import identities
from storage.campaigns import Delivery
from storage.engine import Database, Session
from storage.groups import RoleGrant
from storage.outbox import Outbox

CHANNEL = "play"
PICTURES = "pictures"
"""Where a line's picture is, in the data directory."""
ROLES = ("staff", "manager", "admin")
MEDIA = ("", "photo", "voice")
"""What may go with a line's words; the thing itself is not there. A ``file`` is: the line names its path."""
YEARS = range(1970, 2200)
"""Years that a script may play in; calendars and clocks have an end."""


class BadScript(ValueError):
    """A line that cannot be played; the message names the line and says what is wrong."""


@dataclass(frozen=True, slots=True)
class Line:
    """One parsed line of a script: when, and the event (None: only the clock moves) or the role to give."""

    at: datetime
    event: Incoming | None = None
    grant: str = ""
    member: str = ""


def read_script(path: Path) -> Iterator[Line]:
    """Parse a script; files that its lines name are looked for in its folder.

    Raises:
        BadScript: a line is not JSON, lacks ``at``, goes back in time, or has a wrong type.
    """
    last: datetime | None = None
    with path.open(encoding="utf-8", errors="surrogateescape") as script:
        for number, text in enumerate(script, start=1):
            if not text.strip():
                continue
            try:
                line = parse_line(json.loads(text), number, path.parent)
            except (ValueError, TypeError, RecursionError) as error:
                raise BadScript(f"line {number}: {error}") from error
            if last is not None and line.at < last:
                raise BadScript(f"line {number}: `at` goes back in time")
            last = line.at
            yield line


def _text(data: Mapping[str, Any], key: str) -> str:
    value = data.get(key, "")
    if value is None:
        return ""
    if not isinstance(value, str):
        raise BadScript(f"`{key}` must be a string")
    # What a platform could not have sent (lone surrogates) does not come in here either.
    return value.encode("utf-8", "replace").decode("utf-8")


def _at(data: Mapping[str, Any]) -> datetime:
    at = datetime.fromisoformat(_text(data, "at"))
    if at.tzinfo is None:
        raise BadScript("`at` needs an offset")
    if at.year not in YEARS:
        raise BadScript(f"`at` must lie in the years {YEARS.start} to {YEARS.stop - 1}")
    return at.astimezone(UTC)


def parse_line(data: object, number: int, folder: Path = Path()) -> Line:
    """Parse one decoded line; ``number`` is its place in the script, 1-based, ``folder`` that of the files it names.

    Raises:
        BadScript, ValueError, TypeError: a value is missing or of another shape.
    """
    if not isinstance(data, dict):
        raise BadScript("not a JSON object")
    at = _at(data)
    group, member, key = (
        _text(data, "group"),
        _text(data, "member"),
        _text(data, "id") or f"line:{number}:{at.isoformat()}",
    )
    if "grant" in data:
        role = _text(data, "grant")
        if role not in ROLES or not member:
            raise BadScript("`grant` must be staff, manager or admin, with a `member`")
        return Line(at, grant=role, member=member)
    base = Incoming(
        event=Event.MESSAGE,
        channel=CHANNEL,
        dedupe_key=key[:160],
        place=Place.GROUP if group else Place.DM,
        conversation=group or member,
        sender=member,
        sender_name=_text(data, "name"),
        message_id=_text(data, "id") or key,
        occurred_at=at,
        received_at=at,
        account="",
    )
    if "create" in data:
        return Line(at, _created(base, data["create"]))
    for word, event in (("join", Event.JOIN), ("leave", Event.LEAVE)):
        if word in data:
            return Line(at, _moved(base, event, _text(data, word), _text(data, "invited_by")))
    if "button" in data:
        if not member:
            raise BadScript("`button` needs a `member`")
        return Line(at, replace(base, event=Event.BUTTON, button=_text(data, "button")[:64], addressed=True))
    if data.get("file"):
        return Line(at, _sent(base, _text(data, "file"), _text(data, "text"), folder))
    if "text" in data or data.get("media"):
        return Line(at, _typed(base, data))
    return Line(at)


def _typed(base: Incoming, data: Mapping[str, Any]) -> Incoming:
    if not base.sender:
        raise BadScript("`text` needs a `member`")
    media = _text(data, "media")
    if media not in MEDIA:
        raise BadScript("`media` must be photo or voice")
    quoted = _text(data, "reply_to")
    return replace(
        base,
        text=_text(data, "text")[:2000],
        media=media,
        media_id=base.message_id if media else "",
        reply_to=quoted,
        addressed=bool(data.get("addressed")) or quoted.startswith("o"),
    )


def _sent(base: Incoming, path: str, caption: str, folder: Path) -> Incoming:
    if base.place is not Place.DM or not base.sender:
        raise BadScript("`file` needs a `member` and no `group`")
    file = (folder / path).resolve()
    if not file.is_file():
        raise BadScript("`file` is not there")
    return replace(
        base,
        text=caption[:2000],
        media="file",
        media_id=str(file),
        file_name=file.name,
        file_size=file.stat().st_size,
        addressed=True,
    )


async def fetch(media_id: str, most: int) -> bytes:
    """Hand out a file that a script named.

    Raises:
        TooLarge, Unfetchable: as every channel does.
    """
    try:
        with Path(media_id).open("rb") as file:  # noqa: ASYNC230  (nothing else runs on a simulated clock)
            found = file.read(most + 1)
    except OSError as error:
        raise Unfetchable(type(error).__name__) from error
    if len(found) > most:
        raise TooLarge
    return found


def _created(base: Incoming, created: object) -> Incoming:
    if base.place is not Place.GROUP or not isinstance(created, dict):
        raise BadScript("`create` needs a `group` and an object")
    zone = _text(created, "zone") or "Asia/Shanghai"
    calendar.zone(zone)
    return replace(
        base,
        event=Event.BOT_ADDED,
        sender=_text(created, "leader"),
        sender_name=_text(created, "leader_name"),
        group_name=_text(created, "name"),
        zone=zone,
        can_read=True,
    )


def _moved(base: Incoming, event: Event, who: str, invited_by: str) -> Incoming:
    if base.place is not Place.GROUP or not who:
        raise BadScript(f"`{event.value}` needs a `group` and a member")
    return replace(base, event=event, sender=who, subject=who, subject_name=base.sender_name, invited_by=invited_by)


class Stage:
    """The sending half of the channel: writes output lines."""

    def __init__(self, clock: SetClock, first: int, write: Callable[[dict[str, object]], None]) -> None:
        """Number the lines from ``first`` on."""
        self._clock = clock
        self._next = first
        self._write = write
        self.counts: Counter[str] = Counter()

    async def send(self, message: Outgoing) -> Receipt:
        """Write one line; its id is what a later line may quote."""
        name = f"o{self._next}"
        self._next += 1
        self.counts["pushes" if message.kind is Kind.PUSH else "replies"] += 1
        rendered = render(message, PLAY)
        self._write(
            {
                "id": name,
                "at": self._clock.now().isoformat(),
                "kind": message.kind.value,
                "group": message.conversation if message.place is Place.GROUP else None,
                "to": message.to or (message.conversation if message.place is Place.DM else None) or None,
                "reply_to": message.reply_to or None,
                "feature": message.feature,
                "key": message.key,
                "text": rendered.text if message.kind is not Kind.REACTION else message.emoji,
                "values": dict(message.values),
                "buttons": [{"key": choice.key, "label": choice.label} for row in rendered.buttons for choice in row],
                "picture": f"{PICTURES}/{message.picture}" if message.picture else None,
                "citations": [{"document": c.document, "chunk": c.chunk, "quote": c.quote} for c in message.citations],
            }
        )
        # As on a platform, an edited message stays the one it was: the next edit is of it too.
        return Receipt(Outcome.SENT, provider_id=message.reply_to if message.kind is Kind.EDIT else name)


class Playable(Protocol):
    """What a player needs of the program (bot.main composes it)."""

    database: Database
    senders: dict[str, Sender]

    @property
    def sources(self) -> dict[str, Fetch]:
        """Channel → how it hands out files that people sent."""
        ...

    async def advance(self, clock: Movable, to: datetime) -> None:
        """Move the clock; everything due fires on its way, at its time."""
        ...

    async def take(self, incoming: Incoming) -> str:
        """Handle one event and send what it brings; returns the outcome."""
        ...

    async def run_due(self) -> None:
        """Plan and send what is due now."""
        ...

    async def flush(self) -> None:
        """Write what is buffered."""
        ...


class Player:
    """A program on a clock that the script moves."""

    def __init__(self, program: Playable, clock: SetClock, write: Callable[[dict[str, object]], None]) -> None:
        """Take the stage."""
        self.program = program
        self.clock = clock
        self.stage = Stage(clock, 1 + program.database.read_now(_lines_before), write)
        program.senders[CHANNEL] = self.stage
        program.sources[CHANNEL] = fetch
        self.counts: Counter[str] = Counter()

    async def play(self, script: Iterable[Line]) -> dict[str, int]:
        """Play a whole script and return the summary."""
        for line in script:
            await self.line(line)
        await self.program.flush()
        return {
            "messages": self.counts["messages"],
            "replies": self.stage.counts["replies"],
            "pushes": self.stage.counts["pushes"],
            "refusals": self.counts["refused"],
            "faults": self.counts["fault"],
            "bugs": self.counts["bug"],
        }

    async def line(self, line: Line) -> None:
        """Play one line."""
        await self.program.advance(self.clock, line.at)
        if line.grant:
            await self.program.database.write(lambda session: _grant(session, line))
        incoming = line.event
        if incoming is None:
            return
        if incoming.event is Event.MESSAGE:
            self.counts["messages"] += 1
        self.counts[await self.program.take(incoming)] += 1
        if incoming.event is Event.BOT_ADDED:
            await self.program.run_due()


def _lines_before(session: Session) -> int:
    return sum(
        int(session.execute(select(func.count()).select_from(table)).scalar_one()) for table in (Outbox, Delivery)
    )


def _grant(session: Session, line: Line) -> None:
    person = identities.meet(session, CHANNEL, line.member, "", line.at)
    if session.get(RoleGrant, (person.person_id, line.grant)) is None:
        session.add(RoleGrant(person_id=person.person_id, role=line.grant, granted_at=line.at))
