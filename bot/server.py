"""``serve``: one process that receives, answers, pushes and shows; started, watched and drained here."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from bot import diagnosis, logs, transfer, weekly
from bot.courier import LEFT_AFTER
from bot.desk import NOWHERE
from bot.listening import announce, bounded_protocol, channels_are_local, drained_server, listen
from bot.main import Busy, Program, open_program
from bot.moved import MovedClock
from bot.pump import LEFT_AFTER as HANDLED_AFTER
from bot.settings import Mode, Settings
from bot.switchboard import Line, connect, pushing
from engagement.clocks import Movable, ShiftedClock
from engagement.errors import Refusal
from prompts.loader import texts
from scheduler import turns

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.routing import BaseRoute


log = structlog.get_logger("bot.server")
FLUSH_SECONDS = 5.0
EARLY_SECONDS = 30.0
DRAIN_SECONDS = 10.0
_FULL_COLLECTION = 100
"""Collections of the middle generation before one of everything; Python's own is 10."""


class Server:
    """The running program with its channels.

    A ``web`` receives and answers, a ``worker`` plans and delivers what nobody asked for, ``all`` does both. What a dead
    process received and did not answer goes on with whoever looks first and can speak there.
    """

    def __init__(self, program: Program, channels: list[str], role: str) -> None:
        """Wire; :meth:`start` begins."""
        self.program = program
        self.channels = channels
        self.role = role
        self.receives = role != "worker"
        self.ready = False
        self._stops: list[Any] = []
        self.refusal: Refusal | None = None
        self._flusher: asyncio.Task[None] | None = None
        self._warming: asyncio.Task[None] | None = None
        self.routes: list[BaseRoute] = []
        self._lines: dict[str, Line] = {}
        self._pages: Any = None
        self._terminal: Any = None

    def compose(self) -> Starlette:
        """Make the web application: health, webhooks, simulator, console."""
        from starlette.applications import Starlette
        from starlette.responses import JSONResponse, PlainTextResponse
        from starlette.routing import Route

        async def health(_request: object) -> PlainTextResponse:
            return PlainTextResponse("ok\n")

        async def ready(_request: object) -> JSONResponse:
            return JSONResponse({"ready": self.ready}, status_code=200 if self.ready else 503)

        async def metrics(_request: object) -> PlainTextResponse:
            from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

            return PlainTextResponse(generate_latest().decode(), media_type=CONTENT_TYPE_LATEST)

        routes: list[BaseRoute] = [
            Route("/healthz", health),
            Route("/readyz", ready),
            Route("/metrics", metrics),
            *self._channel_routes(),
        ]

        @contextlib.asynccontextmanager
        async def lifespan(_app: object) -> AsyncIterator[None]:
            try:
                await self.start()
            except Refusal as refusal:
                # A wrong token, an address that the platform refuses: said in one line by run().
                self.refusal = refusal
                raise
            try:
                yield
            finally:
                await self.stop()

        return Starlette(routes=routes, lifespan=lifespan)

    def _channel_routes(self) -> list[BaseRoute]:
        program = self.program
        self._lines = connect(program, self.channels)
        if not self.receives:
            return []
        routes = [route for line in self._lines.values() for route in line.routes()]
        if "terminal" in self.channels:
            from bot.pages import terminal

            self._terminal = terminal(program)
        if "sim" in self.channels or "web" in self.channels:
            from bot.pages import Pages

            doors = [line.door for line in self._lines.values() if line.door is not None]
            self._pages = Pages(
                program,
                sim="sim" in self.channels,
                web="web" in self.channels,
                alone=not self._lines,
                door=doors[0] if doors else None,
                neighbours={name: line.neighbours for name, line in self._lines.items() if line.neighbours is not None},
            )
            routes.extend(self._pages.routes())
        return routes

    async def start(self) -> None:
        """Begin: what an earlier process left, the channels, the beat."""
        program = self.program
        await program.fence.begin()
        if not self.receives:
            program.live.forget()
        await self._go_on(timedelta(), timedelta())
        program.fence.keep(partial(self._go_on, HANDLED_AFTER, LEFT_AFTER))
        for line in self._lines.values():
            await line.start(self.role)
            self._stops.append(line.channel.stop)
        if self.role != "web":
            await self._start_beat()
        if self._pages is not None:
            await self._pages.start()
            self._stops.append(self._pages.stop)
        if self._terminal is not None:
            await self._terminal.start()
            self._stops.append(self._terminal.stop)
        self._flusher = asyncio.create_task(self._flush(), name="flush")
        await self._listen()
        if not gc.isenabled():
            # Switched off by `serve`: what was made while starting stays for good and need never be looked through.
            gc.freeze()
            gc.enable()
            # What is loaded when it is first asked for comes after that: 60 ms each time all of it is looked through, which
            # a page that reads some thousand rows brought about every second. Young garbage is found as often as before.
            gc.set_threshold(*gc.get_threshold()[:2], _FULL_COLLECTION)
        self.ready = True
        self._warming = asyncio.create_task(self._paint(), name="pictures")

    async def _go_on(self, handled_after: timedelta, said_after: timedelta) -> None:
        """Handle, and say, what is left of processes that live no more; of this one, what it let lie for so long."""
        program = self.program
        # One server alone has to go on with everything; of several, who can speak there.
        several = program.database.dialect != "sqlite"
        await program.pump.resume(handled_after, {*program.senders, NOWHERE} if several else None)
        await program.courier.resume(said_after)

    async def _listen(self) -> None:
        """Take the command line's `kb` and `push test` requests, for this process owns the directory and the channels."""
        from bot import control, trial
        from knowledge import requests, scratch, sweeping

        answering = self.program.answering
        if answering is None:
            return
        zone = self.program.settings.knowledge.zone

        async def handle(request: dict[str, Any], progress: Any) -> dict[str, Any]:
            return await requests.handle(answering, {**request, "zone": zone}, self.program.clock.now(), progress)

        # What a kill left of a document that was being taken in; a younger one may be under way in another process.
        await asyncio.to_thread(
            sweeping.sweep, answering.database, before=self.program.clock.now() - timedelta(hours=1)
        )
        await asyncio.to_thread(scratch.sweep)

        server = await control.listen(
            self.program.directory, {"kb": handle, "push": partial(trial.handle, self.program)}
        )

        async def close() -> None:
            server.close()

        self._stops.append(close)

    async def _start_beat(self) -> None:
        program = self.program
        if isinstance(program.clock, ShiftedClock):
            from scheduler.clock import Ticker

            ticker = Ticker(program.run_due)
            await ticker.start()
            self._stops.append(ticker.stop)
            return
        from scheduler.delivery import concurrency_for
        from scheduler.engine import Engine, Parts

        telegram = program.settings.telegram
        bots = 1 + len(telegram.more)
        engine = Engine(
            Parts(
                program.directory,
                program.database,
                program.jobs,
                pushing(program, self._lines),
                program.clock,
                program.gate,
                program.settings.database.url.get_secret_value(),
                concurrency_for(telegram.rate * bots, telegram.connections * bots),
                illustrate=program.pictures,
            )
        )
        await engine.start()
        self._stops.append(engine.stop)

    async def _flush(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            await _again_and_again(self._turn, "flush.failed")

    async def _turn(self) -> None:
        await self.program.pump.flush()
        await self.program.attend()
        await self.program.prune()
        await self.program.plan_year()
        await weekly.turn(self.program.database, self.program.clock.now())

    async def _paint(self) -> None:
        """Have the brush ready; where pushes are sent, draw before their hour what they go out with."""
        await self.program.pictures.warm()
        while self.role != "web":
            await _again_and_again(self.program.draw_early, "pictures.not_early")
            await asyncio.sleep(EARLY_SECONDS)

    async def stop(self) -> None:
        """Receive no more, finish what was received, let go."""
        self.ready = False
        for stop in self._stops:
            await stop()
        for task in (self._flusher, self._warming):
            if task is not None:
                task.cancel()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.program.pump.drain(), DRAIN_SECONDS)
        for line in self._lines.values():
            await line.channel.close()
        await self.program.fence.end()
        if isinstance(self.program.clock, MovedClock):
            self.program.clock.keep()


async def _again_and_again(act: Callable[[], Awaitable[object]], otherwise: str) -> None:
    """Do what comes round again: whatever goes wrong, the next time is not given up for it."""
    try:
        await turns.tried(act)
    except turns.Failed as error:
        log.warning(otherwise, kind=type(error.__cause__).__name__)


def run(directory: Path, channels: list[str], role: str) -> int:
    """Serve until a signal; returns the exit code (2: refused to start, with the reason on stderr)."""
    import uvicorn

    settings = Settings()
    # On a desk the addresses must stay in sight; a server in earnest says what it does.
    quiet = channels_are_local(channels) and "log_level" not in settings.model_fields_set
    logs.set_up(level="WARNING" if quiet else settings.log_level)
    wrong = diagnosis.problems(settings, channels, role)
    if wrong:
        for key in wrong:
            sys.stderr.write(texts().raw(key) + "\n")
        return 2
    transfer.tell(settings, channels)
    local = settings.mode is Mode.LOCAL
    directory.mkdir(parents=True, exist_ok=True)
    clock: Movable | None = MovedClock(directory) if local and role == "all" and channels_are_local(channels) else None
    try:
        program = open_program(directory, settings, clock=clock, seed=True)
    except Busy:
        sys.stderr.write(texts().fill("cli.busy", {"path": directory}) + "\n")
        return 2
    server = Server(program, channels, role)
    try:
        app = server.compose()
    except Refusal as refusal:
        sys.stderr.write(texts().fill(refusal.key, refusal.values) + "\n")
        program.close()
        return 2
    config = uvicorn.Config(
        app,
        host=settings.web.host,
        port=settings.web.port,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=int(DRAIN_SECONDS),
        server_header=False,
        http=bounded_protocol(),
    )
    try:
        listening = listen(settings.web.host, settings.web.port)
    except OSError:
        sys.stderr.write(texts().fill("cli.port_taken", {"port": settings.web.port}) + "\n")
        program.close()
        return 2
    web = drained_server(config)
    port = listening.getsockname()[1]
    if "web" in channels and local and not program.dispatcher.pages:
        program.dispatcher.pages = f"http://{settings.web.host}:{port}"
    announce(settings, channels, port)
    try:
        # uvicorn ends the process itself when the start fails; the reason is told below.
        with contextlib.suppress(SystemExit):
            asyncio.run(web.serve(sockets=[listening]))
    finally:
        program.close()
    if server.refusal is not None:
        sys.stderr.write(texts().fill(server.refusal.key, server.refusal.values) + "\n")
        return 2
    return 0 if web.started else 1
