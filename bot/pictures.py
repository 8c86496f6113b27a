"""Draws a message's card just before it goes out: the file in ``DIR/pictures``, its name in the message.

Drawing happens in a process of its own that is asked over a pipe, one card after the other, from one thread: the event loop
never waits, and a card that takes longer than ``DRAW_SECONDS``, or brings the process down, is a message without a picture.

Files are named after what is on them, so a repeated send finds its picture, and what thousands of groups get is drawn once;
they are forgotten after ``KEEP_DAYS``. What will be needed soon is drawn before its time, behind what is being sent.

Source: ADR-0012.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import select
import struct
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import structlog

from bot.abilities import able
from engagement.clocks import Clock
from engagement.kernel import Card, Kind, Outgoing
from prompts import cards

log = structlog.get_logger("bot.pictures")

FOLDER = "pictures"
KEEP_DAYS = 7
DRAW_SECONDS = 2.0
START_SECONDS = 10.0
REST_SECONDS = 60.0
"""How long nothing is drawn after ``FAILURES`` cards in a row failed."""
FAILURES = 3
MOST_WAITING = 4
"""Different cards waiting for the brush; with more, messages go out without, for words that come late help nobody."""
MOST_EARLY = 20
"""Cards that one call of :meth:`Pictures.early` draws at most."""
MOST_AHEAD = 200
"""Cards that a replay may be ahead of the brush."""
LARGEST_REQUEST = 32 * 1024
"""Bytes of one card's values; less than a pipe holds, so that asking never blocks."""
RENEW_AFTER = 2000
_ROOT = Path(__file__).resolve().parents[1]


class Broken(Exception):
    """The process that draws has ended or does not answer; the message is a fixed word."""


class Easel:
    """The process that draws, started when it is first needed. Used by one thread at a time."""

    def __init__(self, command: tuple[str, ...] = ("-m", "prompts.easel"), seconds: float = DRAW_SECONDS) -> None:
        """Take what the interpreter runs, and how long one card may take."""
        self._command = command
        self._seconds = seconds
        self._process: subprocess.Popen[bytes] | None = None
        self._drawn = 0

    def draw(self, card: Card) -> bytes:
        """Return the PNG; empty when there is no such picture.

        Raises:
            Broken: it took too long or crashed; the next call starts another process.
        """
        asked = json.dumps({"name": card.name, "values": dict(card.values)}).encode() + b"\n"
        if len(asked) > LARGEST_REQUEST:
            return b""
        try:
            process = self._running()
            assert process.stdin is not None
            process.stdin.write(asked)
            found = self._answer(process, self._seconds)
        except (Broken, OSError) as error:
            self.close()
            raise error if isinstance(error, Broken) else Broken("pipe") from error
        self._drawn += 1
        return found

    def start(self) -> None:
        """Have it ready before the first card.

        Raises:
            Broken: it does not start.
        """
        try:
            self._running()
        except (Broken, OSError) as error:
            self.close()
            raise error if isinstance(error, Broken) else Broken("start") from error

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._drawn >= RENEW_AFTER:
            self.close()
        if self._process is None:
            self._drawn = 0
            self._process = subprocess.Popen(  # noqa: S603  (our own interpreter and module, no shell)
                [sys.executable, "-X", "faulthandler=0", *self._command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                cwd=_ROOT,
                env={
                    "PYTHONPATH": str(_ROOT),
                    "PYTHONUTF8": "1",
                    "PATH": os.environ.get("PATH", ""),
                    "HOME": "/nonexistent",
                    # Cards look the same on every machine: they are written with the project's fonts and no other.
                    "FONTCONFIG_FILE": "/nonexistent",
                    # A picture's pixels go back to the system: 20 MB less at rest.
                    "MALLOC_ARENA_MAX": "1",
                    "MALLOC_TRIM_THRESHOLD_": "100000",
                },
            )
            self._answer(self._process, START_SECONDS)
        return self._process

    @staticmethod
    def _answer(process: subprocess.Popen[bytes], seconds: float) -> bytes:
        assert process.stdout is not None
        pipe, until = process.stdout.fileno(), time.monotonic() + seconds
        waiting = select.poll()
        waiting.register(pipe, select.POLLIN)

        def read(size: int) -> bytes:
            found = bytearray()
            while len(found) < size:
                if not waiting.poll(max(0.0, until - time.monotonic()) * 1000):
                    raise Broken("timeout")
                piece = os.read(pipe, min(size - len(found), 1 << 20))
                if not piece:
                    raise Broken("crash")
                found += piece
            return bytes(found)

        (size,) = struct.unpack(">I", read(4))
        return read(size)

    def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        with contextlib.suppress(OSError):
            process.communicate()


class Pictures:
    """The folder of drawn cards, and what draws into it."""

    def __init__(self, directory: Path, clock: Clock, *, replay: bool = False, easel: Easel | None = None) -> None:
        """Open it.

        Args:
            directory: the data directory.
            clock: dates the files, since they are pruned by it.
            replay: a script is played: nobody waits for a picture, so lines name it at once and it is drawn beside
                the play, at the latest when this is closed; and none is forgotten, since lines name them.
        """
        self.folder = directory / FOLDER
        self._clock = clock
        self._replay = replay
        self._easel = easel or Easel(seconds=START_SECONDS if replay else DRAW_SECONDS)
        self._hand = ThreadPoolExecutor(1, "pictures")
        self._drawing: dict[str, asyncio.Future[str]] = {}
        self._ahead: deque[Future[str]] = deque()
        self._failures = 0
        self._rest_until = 0.0

    async def __call__(self, message: Outgoing) -> Outgoing:
        """Return the message with its picture; as it was when it has no card, or none can be shown there or drawn now."""
        card = message.card
        if card is None or message.kind in (Kind.EDIT, Kind.REACTION) or not able(message).picture:
            return message
        if self._replay:
            return await self._promised(message, card)
        name = cards.address(card.name, card.values)
        if not self._found(name):
            if name not in self._drawing and len(self._drawing) >= MOST_WAITING:
                log.warning("pictures.not_drawn", card=card.name, why="queue")
                return message
            name = await self._drawn(name, card)
        return replace(message, picture=name) if name else message

    async def early(self, wanted: Iterable[Card]) -> int:
        """Draw what will be needed soon, one card after the other, so that a send waits for one of them at most.

        Returns:
            How many were drawn; no more than ``MOST_EARLY``, and none while the brush rests.
        """
        drawn = 0
        for name, card in {cards.address(card.name, card.values): card for card in wanted}.items():
            if drawn == MOST_EARLY or self._replay or time.monotonic() < self._rest_until:
                break
            if not self._found(name):
                drawn += bool(await self._drawn(name, card))
        return drawn

    def _found(self, name: str) -> bool:
        """Say whether a card is drawn already; it is needed, so it is kept."""
        now = self._clock.now().timestamp()
        try:
            os.utime(self.folder / name, (now, now))
        except OSError:
            return False
        return True

    async def _drawn(self, name: str, card: Card) -> str:
        """Draw a card, or wait for who is drawing the same one."""
        drawing = self._drawing.get(name)
        if drawing is None:
            drawing = asyncio.get_running_loop().run_in_executor(self._hand, self._file, card)
            self._drawing[name] = drawing
            drawing.add_done_callback(lambda _: self._drawing.pop(name, None))
        # Who gives up waiting takes the picture from nobody else.
        return await asyncio.shield(drawing)

    async def _promised(self, message: Outgoing, card: Card) -> Outgoing:
        try:
            cards.page(card.name, card.values)
        except cards.CannotDraw:
            return message
        drawing = self._hand.submit(self._file, card)
        self._ahead.append(drawing)
        if len(self._ahead) > MOST_AHEAD:
            await asyncio.wrap_future(self._ahead.popleft())
        return replace(message, picture=cards.address(card.name, card.values))

    def read(self, card: Card) -> bytes:
        """Return a drawn card's picture; empty when it is not drawn."""
        try:
            return (self.folder / cards.address(card.name, card.values)).read_bytes()
        except OSError:
            return b""

    async def warm(self) -> None:
        """Start the process, so that the first card does not wait for it."""
        await asyncio.get_running_loop().run_in_executor(self._hand, self._start)

    def _start(self) -> None:
        try:
            self._easel.start()
        except Broken as error:
            self._failed("", error)

    def _file(self, card: Card) -> str:
        """Return the name of the card's file, drawn if it is not there; empty when it cannot be."""
        name = cards.address(card.name, card.values)
        path = self.folder / name
        now = self._clock.now().timestamp()
        try:
            if not path.exists():
                if time.monotonic() < self._rest_until:
                    return ""
                picture = self._easel.draw(card)
                self._failures = 0
                if not picture:
                    log.warning("pictures.not_drawn", card=card.name, why="values")
                    return ""
                self._put(path, picture)
            os.utime(path, (now, now))
        except (Broken, OSError) as error:
            self._failed(card.name, error)
            return ""
        return name

    def _failed(self, card: str, error: Exception) -> None:
        why = str(error) if isinstance(error, Broken) else "disk"
        self._failures += 1
        if self._failures >= FAILURES:
            self._failures = 0
            self._rest_until = time.monotonic() + REST_SECONDS
        log.warning("pictures.not_drawn", card=card, why=why)

    def _put(self, path: Path, picture: bytes) -> None:
        """Write a file so that it is there whole or not at all."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = path.with_suffix(".new")
        fresh.write_bytes(picture)
        fresh.replace(path)

    async def prune(self, now: datetime) -> None:
        """Forget the pictures of messages that are long sent."""
        if not self._replay:
            await asyncio.get_running_loop().run_in_executor(self._hand, self._prune, now)

    def _prune(self, now: datetime) -> None:
        before = (now - timedelta(days=KEEP_DAYS)).timestamp()
        with contextlib.suppress(FileNotFoundError):
            for path in self.folder.iterdir():
                if path.suffix in (".png", ".new") and path.stat().st_mtime < before:
                    path.unlink(missing_ok=True)

    def close(self) -> None:
        """Let go; what a replay has promised is drawn first."""
        self._hand.shutdown(wait=True, cancel_futures=not self._replay)
        self._easel.close()
