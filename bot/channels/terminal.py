"""The terminal: one group, typed as 「李阿姨: 签到」. For a look without a browser; local mode only.

Source: CONTRACT (serve), F130.
"""

from __future__ import annotations

import asyncio
import re
import signal
import sys
import threading
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta

from bot.channels.worded import Worded
from engagement import calendar
from engagement.clocks import Clock
from engagement.errors import Refusal
from engagement.kernel import Event, Incoming, Kind, Outcome, Outgoing, Place, Receipt, one_line
from prompts.loader import texts

CHANNEL = "terminal"
GROUP = "terminal"
ZONE = "Asia/Shanghai"
_SAID = re.compile(r"^\s*([^:：>]{1,32})\s*([:：>])\s*(.+)$", re.DOTALL)
_AT = re.compile(r"^/at\s+(\d{1,2}):(\d{2})\s*$")
_DAY = "/day"
_QUIT = ("/quit", "/exit")


class Terminal:
    """Reads lines of neighbours, writes what the bot says."""

    name = CHANNEL

    def __init__(
        self,
        clock: Clock,
        *,
        receive: Callable[[Incoming], Awaitable[bool]],
        settle: Callable[[], Awaitable[None]],
        advance: Callable[[datetime], Awaitable[None]],
        render: Callable[[Outgoing], Worded],
        write: Callable[[str], object] | None = None,
    ) -> None:
        """Wire; see :class:`bot.channels.sim.simulator.Simulator` for the arguments."""
        self._clock = clock
        self._receive = receive
        self._settle = settle
        self._advance = advance
        self._render = render
        self._write = write or _print
        self._number = 0
        self._choices: dict[str, Sequence[str]] = {}
        self._reader: asyncio.Task[None] | None = None

    async def send(self, message: Outgoing) -> Receipt:
        """Write a message; implements :class:`engagement.kernel.Sender`."""
        words = self._render(message)
        self._choices[message.conversation] = tuple(words.numbered)
        text = message.emoji if message.kind is Kind.REACTION else words.text
        whose = message.to_name or message.to or message.conversation
        to = texts().fill("sim.terminal_to", {"name": whose}) if message.place is Place.DM and whose else ""
        self._write(texts().fill("sim.terminal_said", {"to": to, "text": ""}) + text)
        self._number += 1
        return Receipt(Outcome.SENT, provider_id=f"t{self._number}")

    async def open(self) -> None:
        """Bring the bot into the group."""
        words = texts()
        self._write(words.raw("sim.terminal_hello"))
        leader = words.raw("sim.terminal_leader")
        added = self._event(Event.BOT_ADDED, leader, Place.GROUP, group_name=words.raw("sim.terminal_group"), zone=ZONE)
        await self._receive(added)
        await self._settle()

    async def line(self, text: str) -> bool:
        """Do what a typed line says; False when it says to end."""
        text = text.strip()
        if text in _QUIT:
            return False
        moved = _AT.match(text)
        said = _SAID.match(text)
        if text == _DAY:
            await self._move(self._clock.now() + timedelta(days=1))
        elif moved is not None and int(moved.group(1)) < 24 and int(moved.group(2)) < 60:
            minute = int(moved.group(1)) * 60 + int(moved.group(2))
            await self._move(calendar.next_due(self._clock.now(), minute, ZONE))
        elif said is not None and not text.startswith("/"):
            await self._say(one_line(said.group(1)), said.group(3), private=said.group(2) == ">")
        elif text:
            self._write(texts().raw("sim.terminal_how"))
        return True

    async def _move(self, to: datetime) -> None:
        try:
            await self._advance(to)
        except Refusal as refusal:
            self._write(texts().fill(refusal.key, refusal.values))
            return
        await self._settle()
        shown = f"{self._clock.now().astimezone(calendar.zone(ZONE)):%m-%d %H:%M}"
        self._write(texts().fill("sim.terminal_at", {"time": shown}))

    async def _say(self, name: str, text: str, *, private: bool) -> None:
        place = Place.DM if private else Place.GROUP
        mention = texts().raw("sim.mention")
        addressed = text.startswith(mention)
        words = text.removeprefix(mention).strip() or text
        choices = self._choices.get(name if private else GROUP, ())
        if words.isdecimal() and len(words) < 3 and 0 < int(words) <= len(choices):
            key = choices[int(words) - 1]
            await self._receive(self._event(Event.BUTTON, name, place, button=key, addressed=True))
        else:
            await self._receive(self._event(Event.MESSAGE, name, place, text=words[:2000], addressed=addressed))
        await self._settle()

    def _event(
        self,
        event: Event,
        name: str,
        place: Place,
        *,
        text: str = "",
        button: str = "",
        addressed: bool = False,
        group_name: str = "",
        zone: str = "",
    ) -> Incoming:
        self._number += 1
        now = self._clock.now()
        return Incoming(
            event=event,
            channel=CHANNEL,
            dedupe_key=f"{now.isoformat()}:{self._number}",
            place=place,
            conversation=GROUP if place is Place.GROUP else name,
            sender=name,
            sender_name=name,
            text=text,
            message_id=f"t{self._number}",
            addressed=addressed,
            button=button,
            group_name=group_name,
            zone=zone,
            can_read=True if event is Event.BOT_ADDED else None,
            occurred_at=now,
            received_at=now,
        )

    # ---------------------------------------------------------------- the keyboard

    async def start(self) -> None:
        """Open the group and read the keyboard until it ends."""
        await self.open()
        self._reader = asyncio.create_task(self._read(), name="terminal")

    async def stop(self) -> None:
        """Read no more."""
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.gather(self._reader, return_exceptions=True)

    async def _read(self) -> None:
        loop = asyncio.get_running_loop()
        typed: asyncio.Queue[str] = asyncio.Queue()

        def listen() -> None:
            for text in sys.stdin:
                loop.call_soon_threadsafe(typed.put_nowait, text)

        # A daemon: a thread that waits for the keyboard must not keep the program from ending.
        threading.Thread(target=listen, name="keyboard", daemon=True).start()
        while True:
            if not await self.line(await typed.get()):
                signal.raise_signal(signal.SIGINT)
                return


def _print(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
