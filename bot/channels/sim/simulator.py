"""The simulator: people who are typed for, a bot that answers, a clock that can be moved. Local mode only.

It is a channel like any other: it turns what is played into :class:`Incoming` and is the :class:`Sender` of ``sim``.

Source: CONTRACT (make run), F130.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bot.channels.sim import community
from bot.channels.sim.backstage import Backstage
from bot.channels.sim.community import Person, Room
from bot.channels.sim.history import History, Line
from bot.channels.sim.lines import segments, words_of
from bot.channels.sim.timepiece import Timepiece
from bot.channels.sim.uploads import Uploads
from bot.channels.worded import Worded
from engagement.clocks import Clock
from engagement.errors import Refusal
from engagement.kernel import Event, Incoming, Kind, Outcome, Outgoing, Place, Receipt, one_line
from prompts.loader import texts

CHANNEL = "sim"
BOT = "bot"
LONGEST = 500
LONGEST_NAME = 12
MEDIA = ("", "photo", "voice")
MOST_PEOPLE = 100
_MURMUR = "…"


class Simulator(Timepiece):
    """The world of one data directory: its people, its groups, and what is said in them."""

    name = CHANNEL

    def __init__(
        self,
        directory: Path,
        clock: Clock,
        *,
        receive: Callable[[Incoming], Awaitable[bool]],
        settle: Callable[[], Awaitable[None]],
        advance: Callable[[datetime], Awaitable[None]],
        render: Callable[[Outgoing], Worded],
        backstage: Backstage | None = None,
    ) -> None:
        """Open the world.

        Args:
            directory: the data directory.
            clock: the program's; the host's own beside live channels, and then it cannot be moved.
            receive: hands an event to the program; returns when it is durable.
            settle: waits until what was received is answered.
            advance: moves the program's clock to an instant; what is due fires on the way.
            render: words of a message.
            backstage: what the sample weeks pull; default: nothing.
        """
        super().__init__(clock, History(directory / "simulator.jsonl"), settle, advance)
        self.pictures = directory / "pictures"
        self.uploads = Uploads()
        self._receive = receive
        self._render = render
        self.backstage = backstage or Backstage()
        self.people: dict[str, Person] = {}
        self.rooms: dict[str, Room] = {}
        self._open_cast()

    # ---------------------------------------------------------------- who is here

    def _open_cast(self) -> None:
        kept = self.history.cast
        if kept:
            self.people = {one["id"]: Person(one["id"], one["name"], one["cast"]) for one in kept["people"]}
            self.rooms = {one["id"]: community.room_of(one) for one in kept["groups"]}
            return
        sample = community.sample()
        self.people = {person.id: person for person in sample.people}
        self.rooms = {room.id: room for room in sample.rooms}

    def cast(self) -> dict[str, Any]:
        """Return people and groups as the page gets them."""
        order = {person: number for number, person in enumerate(self.people)}
        return {
            "people": [
                {"id": one.id, "name": one.name, "cast": one.cast, "colour": order[one.id] % community.COLOURS}
                for one in self.people.values()
            ],
            "groups": [community.kept(room) for room in self.rooms.values()],
        }

    def keep_cast(self) -> None:
        """Write down who is in which group."""
        self.history.put_cast(self.cast())

    # ---------------------------------------------------------------- what the bot says

    async def send(self, message: Outgoing) -> Receipt:
        """Show a message of the bot; implements :class:`engagement.kernel.Sender`."""
        conversation = message.conversation
        if conversation not in self.rooms and conversation not in self.people:
            return Receipt(Outcome.GONE, reason="no_chat")
        if message.kind in (Kind.REACTION, Kind.EDIT):
            return await self._change(message)
        words = self._render(message)
        line = self._line(conversation, BOT, texts().raw("sim.bot"), self.clock.now(), message.kind.value)
        line["key"] = message.key
        line["parts"] = segments(words)
        line["buttons"] = [[{"key": b.key, "label": b.label} for b in row] for row in words.buttons]
        line["citations"] = [{"document": one.document, "quote": one.quote} for one in message.citations]
        line["quote"] = self._quoted(conversation, message.reply_to)
        line["picture"] = message.picture
        self.history.put(line)
        if message.kind is Kind.PUSH and self.moving is not None:
            self.note_fired(line)
        await self.tell()
        return Receipt(Outcome.SENT, provider_id=str(line["id"]))

    async def _change(self, message: Outgoing) -> Receipt:
        line = self.history.get(message.conversation, message.reply_to)
        if line is None:
            return Receipt(Outcome.REJECTED, reason="no_message")
        line = dict(line)
        if message.kind is Kind.REACTION:
            line["reactions"] = [*(one for one in line["reactions"] if one != message.emoji), message.emoji]
        else:
            words = self._render(message)
            line["parts"] = segments(words)
            line["buttons"] = [[{"key": b.key, "label": b.label} for b in row] for row in words.buttons]
            line["edited"] = True
        self.history.put(line)
        await self.tell()
        return Receipt(Outcome.SENT, provider_id=message.reply_to)

    def _line(self, conversation: str, sender: str, name: str, at: datetime, kind: str) -> Line:
        number_id, number = self.history.next_id()
        return {
            "id": number_id,
            "number": number,
            "conversation": conversation,
            "from": sender,
            "name": name,
            "at": at.astimezone(UTC).isoformat(),
            "kind": kind,
            "key": "",
            "parts": [],
            "buttons": [],
            "citations": [],
            "reactions": [],
            "quote": None,
            "edited": False,
            "addressed": False,
            "picture": "",
        }

    def _quoted(self, conversation: str, line_id: str) -> dict[str, str] | None:
        line = self.history.get(conversation, line_id) if line_id else None
        if line is None:
            return None
        return {"id": line["id"], "name": line["name"], "text": words_of(line)[:60]}

    # ---------------------------------------------------------------- what people do

    def _person(self, person: str) -> Person:
        found = self.people.get(person)
        if found is None:
            raise Refusal("sim.failed")
        return found

    def _check_place(self, conversation: str, person: str) -> Place:
        if conversation == person:
            return Place.DM
        room = self.rooms.get(conversation)
        if room is None or person not in room.members:
            raise Refusal("sim.failed")
        return Place.GROUP

    async def say(
        self,
        conversation: str,
        person: str,
        text: str,
        *,
        reply_to: str = "",
        addressed: bool = False,
        media: str = "",
    ) -> str:
        """Type a message for somebody; returns its id. It may be chatter that the bot passes over.

        Args:
            media: ``photo`` or ``voice`` goes with the words, or stands without any; nothing is uploaded.

        Raises:
            Refusal: nobody of that id, not in this group, nothing typed, or too long.
        """
        if self.preparing:
            raise Refusal("sim.busy")
        now = self.clock.now()
        line = self.speak(conversation, person, text, now, reply_to=reply_to, addressed=addressed, media=media)
        await self.tell()
        await self._receive(self.incoming(line))
        return str(line["id"])

    def speak(
        self,
        conversation: str,
        person: str,
        text: str,
        at: datetime,
        *,
        reply_to: str = "",
        addressed: bool = False,
        media: str = "",
    ) -> Line:
        """Put somebody's words on the page, without telling the program."""
        who = self._person(person)
        self._check_place(conversation, person)
        text = text.strip()
        if media not in MEDIA or not (text or media):
            raise Refusal("sim.failed")
        if len(text) > LONGEST:
            raise Refusal("sim.too_long")
        quoted = self._quoted(conversation, reply_to)
        line = self._line(conversation, person, who.name, at, "said")
        mention = texts().raw("sim.mention")
        if text.startswith(mention):
            addressed, text = True, text[len(mention) :].strip() or text
        target = self.history.get(conversation, reply_to) if quoted else None
        line["media"] = media
        line["said"] = text
        line["parts"] = [[texts().fill(f"sim.media_{media}", {"text": text}).strip() if media else text, False]]
        line["quote"] = quoted
        line["mention"] = addressed
        line["addressed"] = addressed or (target is not None and target["from"] == BOT)
        self.history.put(line)
        return line

    async def give(self, person: str, name: str, content: bytes) -> str:
        """Send a file to the bot in private; returns the id of the line.

        Raises:
            Refusal: nobody of that id, or nothing in it.
        """
        if self.preparing:
            raise Refusal("sim.busy")
        who = self._person(person)
        if not content:
            raise Refusal("sim.failed")
        line = self._line(person, person, who.name, self.clock.now(), "said")
        shown = one_line(name, 80) or "document"
        line |= {"media": "file", "said": "", "file": name[:255], "size": len(content), "mention": False}
        line["parts"] = [[texts().fill("sim.media_file", {"text": shown}), False]]
        line["addressed"] = True
        self.uploads.put(str(line["id"]), content)
        self.history.put(line)
        await self.tell()
        await self._receive(self.incoming(line))
        return str(line["id"])

    def incoming(self, line: Line) -> Incoming:
        """Turn a line of a neighbour into the event that the program gets."""
        conversation, person = str(line["conversation"]), str(line["from"])
        at = datetime.fromisoformat(str(line["at"]))
        quote = line["quote"]
        return Incoming(
            event=Event.MESSAGE,
            channel=CHANNEL,
            dedupe_key=str(line["id"]),
            place=self._check_place(conversation, person),
            conversation=conversation,
            sender=person,
            sender_name=str(line["name"]),
            text=str(line["said"]) if "said" in line else words_of(line),
            media=str(line.get("media", "")),
            media_id=str(line["id"]) if line.get("media") else "",
            file_name=str(line.get("file", "")),
            file_size=int(line.get("size", 0)),
            message_id=str(line["id"]),
            reply_to="" if quote is None else str(quote["id"]),
            addressed=bool(line["addressed"]),
            occurred_at=at,
            received_at=max(at, self.clock.now()),
        )

    def event(self, event: Event, conversation: str, person: str, **more: Any) -> Incoming:
        """Make an event that is not words."""
        name_id, _number = self.history.next_id()
        now = self.clock.now()
        return Incoming(
            event=event,
            channel=CHANNEL,
            dedupe_key=name_id,
            place=Place.GROUP if conversation in self.rooms else Place.DM,
            conversation=conversation,
            sender=person,
            sender_name=self._person(person).name,
            occurred_at=now,
            received_at=now,
            **more,
        )

    async def hand_over(self, events: Sequence[Incoming]) -> None:
        """Give the program several events and wait until all are answered (the sample weeks)."""
        await asyncio.gather(*(self._receive(event) for event in events))
        await self._settle()

    async def overhear(self, room: Room, moments: Sequence[datetime]) -> None:
        """Let the program count neighbours' talk of these moments; nothing of it is shown or kept."""
        for moment in moments:
            event = self.event(Event.MESSAGE, room.id, room.members[0], text=_MURMUR)
            await self._receive(replace(event, occurred_at=moment, received_at=moment))

    async def press(self, conversation: str, person: str, line_id: str, key: str) -> None:
        """Press a button under a message of the bot.

        Raises:
            Refusal: the message has no such button.
        """
        self._check_place(conversation, person)
        line = self.history.get(conversation, line_id)
        if line is None or not any(button["key"] == key for row in line["buttons"] for button in row):
            raise Refusal("sim.failed")
        await self._receive(
            self.event(Event.BUTTON, conversation, person, button=key, message_id=line_id, addressed=True)
        )

    async def join(self, conversation: str, name: str, invited_by: str) -> str:
        """Bring a new neighbour into a group; returns the new person's id.

        Raises:
            Refusal: no such group, or a name that is empty or too long.
        """
        room = self.rooms.get(conversation)
        shown = one_line(name, LONGEST_NAME + 1)
        if room is None or len(self.people) >= MOST_PEOPLE:
            raise Refusal("sim.failed")
        if not 0 < len(shown) <= LONGEST_NAME:
            raise Refusal("sim.name_bad")
        same = next((one for one in self.people.values() if one.name == shown), None)
        if same is not None and same.id in room.members:
            raise Refusal("sim.name_bad")
        person = same or Person(f"new-{self.history.next_id()[0]}", shown, cast=True)
        person.cast = True
        self.people[person.id] = person
        room.members.append(person.id)
        self.keep_cast()
        self.note(conversation, "sim.joined", name=shown)
        await self.tell()
        await self._receive(
            self.event(
                Event.JOIN,
                conversation,
                person.id,
                subject=person.id,
                subject_name=shown,
                invited_by=invited_by if invited_by in room.members else "",
            )
        )
        return person.id

    async def leave(self, conversation: str, person: str) -> None:
        """Take a neighbour out of a group; the leader stays.

        Raises:
            Refusal: not there, or the leader.
        """
        room = self.rooms.get(conversation)
        if room is None or person not in room.members or person == room.leader:
            raise Refusal("sim.failed")
        room.members.remove(person)
        self.keep_cast()
        self.note(conversation, "sim.left", name=self._person(person).name)
        await self.tell()
        await self._receive(
            self.event(Event.LEAVE, conversation, person, subject=person, subject_name=self._person(person).name)
        )

    def note(self, conversation: str, key: str, **values: object) -> None:
        """Put a grey line into a conversation that nobody said."""
        line = self._line(conversation, "", "", self.clock.now(), "note")
        line["parts"] = [[texts().fill(key, values), False]]
        self.history.put(line)

    def close(self) -> None:
        """Let go of the file."""
        self.history.close()
