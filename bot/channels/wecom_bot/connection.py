"""The long connection: subscribe, signs of life, questions with their answers, and a new connection after every kind of end.

Source: CHANNELS (the AI bot protocol); ADR-0022; FAULTS F2, F4, F16.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import uuid
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol
from weakref import WeakValueDictionary

import structlog

from bot.channels.wecom_bot import frames
from bot.channels.wecom_bot.frames import Frame

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

    from bot.channels.wecom_bot.settings import WecomBotSettings

log = structlog.get_logger("bot.channels.wecom_bot")
_WIRE = logging.getLogger("bot.channels.wecom_bot.wire")
_WIRE.setLevel(logging.INFO)  # below that the library writes every frame, and the first one holds the secret
ROOM_SECONDS = 0.05
"""Between two looks whether there is room again."""
WAITING = 2000
"""Callbacks that wait to be written down; beyond it nothing more is read, and the platform holds the rest."""
REFUSED_SECONDS = 60.0
"""Between two tries with a bot id or secret that the platform does not take, at least."""
CLOSING_SECONDS = 2.0
_LONGEST_STAND_BY = 86_400.0
Pause = Callable[[float], Awaitable[None]]


class NotSent(Exception):
    """Not a byte of the frame went out: saying it again doubles nothing."""


class CutOff(Exception):
    """The frame went out, or part of it, and no answer came: nobody knows."""


class End(StrEnum):
    """Why a connection ended."""

    UNREACHABLE = "unreachable"
    REFUSED = "refused"
    CLOSED = "closed"
    SILENT = "silent"
    KICKED = "kicked"
    LEASE_LOST = "lease_lost"


class Right(Protocol):
    """The right to connect (:class:`bot.channels.wecom_bot.lease.Lease`)."""

    held: asyncio.Event
    lost: asyncio.Event

    @property
    def is_sure(self) -> bool:
        """It is ours at this moment; ``held`` and ``lost`` say so a little later, or much later after a freeze."""
        ...


class Connection:
    """One bot's connection; :meth:`run` keeps it, :meth:`ask` uses it, :attr:`heard` is what came.

    Attributes:
        heard: callbacks in the order of their arrival.
        ends: why earlier connections ended, the latest last; a few.
    """

    def __init__(
        self, settings: WecomBotSettings, right: Right, rng: random.Random | None = None, pause: Pause = asyncio.sleep
    ) -> None:
        """Prepare; nothing is opened yet.

        Args:
            rng: spreads the tries of many clients after an outage.
            pause: waits.
        """
        self._settings = settings
        self._right = right
        self._rng = rng or random.Random()
        self._pause = pause
        self._socket: ClientConnection | None = None
        self._open = asyncio.Event()
        self._broken = asyncio.Event()
        self._leaving = asyncio.Event()
        self._kicked = False
        self._waiting: dict[str, deque[asyncio.Future[Frame]]] = {}
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self.heard: asyncio.Queue[Frame] = asyncio.Queue()
        self.ends: deque[End] = deque(maxlen=32)

    # ---------------------------------------------------------------- using it

    @property
    def is_open(self) -> bool:
        """The platform has taken our subscription, nothing has gone wrong since, and we still have the right to it."""
        return self._open.is_set() and self._right.is_sure

    @property
    def state(self) -> str:
        """``open``, ``connecting``, or why it ended last (:class:`End`)."""
        if self.is_open:
            return "open"
        return self.ends[-1].value if self.ends else "connecting"

    @property
    def is_elsewhere(self) -> bool:
        """Another replica has the right to connect."""
        return self._right.lost.is_set()

    async def ready(self, seconds: float) -> bool:
        """Wait until it is open, at most so long; not at all, or no longer, where another replica has the right to it."""
        if self.is_open or self.is_elsewhere or seconds <= 0:
            return self.is_open
        waiting = [asyncio.create_task(event.wait()) for event in (self._open, self._right.lost)]
        try:
            await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
        return self.is_open

    async def ask(self, cmd: str, body: Mapping[str, Any], req_id: str = "") -> Frame:
        """Send a frame and wait for its answer.

        Args:
            cmd, body: see :mod:`bot.channels.wecom_bot.frames`.
            req_id: of the callback that is answered; empty = a new one. Frames with the same id go one after the other.

        Raises:
            NotSent, CutOff: see there.
            ValueError: the frame is too large.
        """
        req_id = req_id or uuid.uuid4().hex
        turn = self._turns.get(req_id)
        if turn is None:
            turn = self._turns[req_id] = asyncio.Lock()
        async with turn:
            if self._socket is None or not self.is_open:
                raise NotSent
            return await self._ask(self._socket, cmd, req_id, body)

    async def _ask(
        self, socket: ClientConnection, cmd: str, req_id: str, body: Mapping[str, Any] | None = None
    ) -> Frame:
        from websockets.exceptions import ConnectionClosed
        from websockets.protocol import State

        text = frames.write(cmd, req_id, body)
        if socket.state is not State.OPEN:
            raise NotSent
        answer: asyncio.Future[Frame] = asyncio.get_running_loop().create_future()
        # Answers bear the question's id and nothing else: who has stopped waiting keeps his place in the line.
        self._waiting.setdefault(req_id, deque()).append(answer)
        try:
            async with asyncio.timeout(self._settings.timeout):
                await socket.send(text)
                return await answer
        except (ConnectionClosed, TimeoutError) as error:
            if isinstance(error, TimeoutError):
                # From here on answers could be taken for those of other questions: begin anew.
                self._open.clear()
                self._broken.set()
            raise CutOff from error

    # ---------------------------------------------------------------- keeping it

    async def run(self) -> None:
        """Connect whenever this replica has the right to, and again after every end, until cancelled."""
        failures = kicks = 0
        loop = asyncio.get_running_loop()
        while True:
            await self._right.held.wait()
            began = loop.time()
            end = await self._live()
            self.ends.append(end)
            if loop.time() - began > 2 * self._settings.ping:
                failures = kicks = 0
            match end:
                case End.LEASE_LOST:
                    # A moment, until whoever keeps the lease has noticed as well.
                    await self._paused(self._settings.first_pause)
                    continue
                case End.KICKED:
                    # Somebody else is this bot now. Coming back at once would throw him out, and he us, without an end.
                    pause = min(_LONGEST_STAND_BY, self._settings.stand_by * 2.0**kicks)
                    kicks = min(kicks + 1, 16)
                case End.REFUSED:
                    pause = max(REFUSED_SECONDS, self._settings.longest_pause)
                case _:
                    pause = min(self._settings.longest_pause, self._settings.first_pause * 2.0**failures)
                    pause *= 0.5 + self._rng.random() / 2
                    failures = min(failures + 1, 16)
            log.warning("wecom_bot.ended", why=end.value, again_in=round(pause, 1))
            if await self._paused(pause):
                # It was another replica that took our place: the lease is its, and when it comes back to us nobody is there.
                kicks = 0

    async def _paused(self, seconds: float) -> bool:
        """Wait; True when the right to connect was lost meanwhile, or already was."""
        waiting = [asyncio.ensure_future(self._pause(seconds)), asyncio.create_task(self._right.lost.wait())]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
        return self._right.lost.is_set()

    async def _live(self) -> End:
        from websockets.asyncio.client import connect
        from websockets.exceptions import WebSocketException

        try:
            async with connect(
                self._settings.url,
                max_size=frames.LARGEST_READ,
                logger=_WIRE,
                compression=None,
                ping_interval=None,  # the platform has signs of life of its own
                open_timeout=self._settings.timeout,
                close_timeout=min(CLOSING_SECONDS, self._settings.timeout),
                proxy=None if self._settings.on_this_machine else True,
            ) as socket:
                return await self._serve(socket)
        except (OSError, TimeoutError, WebSocketException, ValueError, ImportError) as error:
            # An address that is none, or a proxy of a kind that needs a package which is not there, are found here too.
            log.info("wecom_bot.unreachable", kind=type(error).__name__)
            return End.UNREACHABLE

    async def _serve(self, socket: ClientConnection) -> End:
        self._kicked = False
        self._leaving.clear()
        self._broken.clear()
        if not self._right.is_sure:
            # To subscribe now would throw out whoever has the right by now.
            return End.LEASE_LOST
        reader = asyncio.create_task(self._read(socket), name="wecom bot reading")
        tasks: list[asyncio.Task[Any]] = [reader]
        try:
            secret = self._settings.secret.get_secret_value()
            answer = await self._ask(
                socket, frames.SUBSCRIBE, uuid.uuid4().hex, {"bot_id": self._settings.bot_id, "secret": secret}
            )
            if answer.code:
                log.error("wecom_bot.refused", code=answer.code)
                return End.REFUSED
            self._socket = socket
            self._open.set()
            log.info("wecom_bot.open")
            pinging = asyncio.create_task(self._stay(socket), name="wecom bot pinging")
            lost = asyncio.create_task(self._right.lost.wait())
            tasks += [pinging, lost]
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if self._kicked:
                return End.KICKED
            if lost.done():
                return End.LEASE_LOST
            return End.CLOSED if reader.done() else End.SILENT
        except (NotSent, CutOff) as error:
            if self._kicked:
                return End.KICKED
            return End.SILENT if isinstance(error.__cause__, TimeoutError) else End.CLOSED
        finally:
            self._open.clear()
            self._socket = None
            for task in tasks[1:]:
                task.cancel()
            await self._hang_up(socket, reader)
            ended = await asyncio.gather(*tasks, return_exceptions=True)
            self._cut_off()
            for task, bug in zip(tasks, ended, strict=True):
                if isinstance(bug, Exception):
                    # The connection begins anew, and somebody has to hear of it.
                    log.error("wecom_bot.bug", part=task.get_name(), kind=type(bug).__name__)

    async def _hang_up(self, socket: ClientConnection, reader: asyncio.Task[None]) -> None:
        """Say farewell, and take in what was said before the platform heard it: nobody says it again."""
        self._leaving.set()
        try:
            await socket.close()
            await asyncio.wait([reader], timeout=CLOSING_SECONDS)
        finally:
            reader.cancel()

    async def _read(self, socket: ClientConnection) -> None:
        """Hand out what comes, until the connection ends or another one has taken its place."""
        from websockets.exceptions import ConnectionClosed

        try:
            async for raw in socket:
                try:
                    frame = frames.read(raw)
                except ValueError:
                    log.warning("wecom_bot.malformed_frame", size=len(raw))
                    continue
                if frame.event == frames.DISCONNECTED:
                    self._kicked = True
                    return
                if frame.cmd in (frames.MESSAGE, frames.EVENT):
                    await self._room()
                    self.heard.put_nowait(frame)
                else:
                    self._answered(frame)
        except ConnectionClosed as error:
            log.info("wecom_bot.closed", code=error.rcvd.code if error.rcvd is not None else 1006)
        finally:
            self._open.clear()
            self._cut_off()

    async def _room(self) -> None:
        """Wait until what came can be kept; once we have said farewell all of it is, for there is no end of it to fear."""
        while self.heard.qsize() >= WAITING and not self._leaving.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(ROOM_SECONDS):
                    await self._leaving.wait()

    async def _stay(self, socket: ClientConnection) -> None:
        """Give signs of life; returns when one is not answered with a yes, or when anything else was not answered."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._settings.ping):
                    await self._broken.wait()
                return
            try:
                answer = await self._ask(socket, frames.PING, uuid.uuid4().hex)
            except (NotSent, CutOff):
                return
            if answer.code:
                # The platform has forgotten that we subscribed: it would tell us nothing any more, and never hang up.
                log.warning("wecom_bot.forgotten", code=answer.code)
                return

    async def once(self) -> End | None:
        """Connect and hang up; returns why it did not work, None when it did."""
        live = asyncio.create_task(self._live())
        opened = asyncio.create_task(self._open.wait())
        try:
            await asyncio.wait([live, opened], return_when=asyncio.FIRST_COMPLETED)
            return None if opened.done() else live.result()
        finally:
            for task in (live, opened):
                task.cancel()
            await asyncio.gather(live, opened, return_exceptions=True)

    def _answered(self, frame: Frame) -> None:
        line = self._waiting.get(frame.req_id)
        if not line or (frame.cmd and frame.code is None):
            log.debug("wecom_bot.unasked", cmd=frame.cmd)
            return
        answer = line.popleft()
        if not line:
            del self._waiting[frame.req_id]
        if not answer.done():
            answer.set_result(frame)

    def _cut_off(self) -> None:
        waiting, self._waiting = self._waiting, {}
        for line in waiting.values():
            for answer in line:
                if not answer.done():
                    answer.set_exception(CutOff())
                    answer.exception()  # whoever waits hears of it; nobody waiting is no fault


class _Always:
    """The right to connect, for who only tries."""

    def __init__(self) -> None:
        self.held, self.lost = asyncio.Event(), asyncio.Event()
        self.held.set()
        self.is_sure = True


async def probe(settings: WecomBotSettings) -> str:
    """Connect once, subscribe and hang up. It throws out whoever is connected as this bot: see first that nobody is.

    Returns:
        The key of a text that says what does not work; empty when it did.
    """
    end = await Connection(settings, _Always()).once()
    if end is None:
        return ""
    return {End.UNREACHABLE: "wecom_bot.unreachable", End.REFUSED: "wecom_bot.refused"}.get(end, "wecom_bot.silent")
