"""The simulator's page: what the browser asks for and what it sends. Local mode only, on this machine only.

The page gets words and never markup; its script puts them into elements. Pages ask for changes and are answered as soon
as there is one, or after two seconds, so that stopping the server never waits for a page.

Source: CONTRACT (make run), F130.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from bot.channels.sim.rehearsal import Rehearsal
from bot.channels.sim.simulator import CHANNEL, Simulator
from bot.channels.sim.uploads import LARGEST
from engagement.errors import Refusal
from prompts.loader import texts

__all__ = ["CHANNEL", "Simulator", "WebSimulator"]
HERE = Path(__file__).parent / "sim"
SHOWN = 60
"""Lines of a conversation that a page gets at first, and at each 「看更早的」."""
PATIENCE_SECONDS = 2.0
LARGEST_BODY = 16 * 1024
_CHIPS = ("checkin", "points", "board", "topic", "question", "theme")
_PRIVATE_CHIPS = ("points", "topic", "help", "tomorrow", "mine", "settings")
_PICTURE = re.compile(r"[0-9a-f]{40}\.png")
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}

Action = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]


class WebSimulator:
    """The routes under /sim, and the sample weeks at the first start."""

    def __init__(self, simulator: Simulator) -> None:
        """Take the world."""
        self.simulator = simulator
        self._rehearsal: asyncio.Task[None] | None = None
        self._pages = Environment(
            loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined
        )

    # ---------------------------------------------------------------- life

    async def start(self) -> None:
        """Begin the sample weeks in the background where nothing was ever played; pages show how far they are."""
        if self.simulator.history.fresh:
            self.simulator.history.fresh = False
            self.simulator.preparing = True
            self._rehearsal = asyncio.create_task(Rehearsal(self.simulator).play(), name="rehearsal")

    async def prepared(self) -> None:
        """Wait until the sample weeks are over."""
        if self._rehearsal is not None:
            await self._rehearsal

    async def stop(self) -> None:
        """Stop the sample weeks if they still run, and close the file."""
        if self._rehearsal is not None and not self._rehearsal.done():
            self._rehearsal.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._rehearsal
        self.simulator.close()

    def routes(self) -> list[BaseRoute]:
        """Return what the web application mounts."""
        posts: dict[str, Action] = {
            "say": self._say,
            "press": self._press,
            "join": self._join,
            "leave": self._leave,
            "clock": self._clock,
        }
        return [
            Route("/sim", self.page, methods=["GET"]),
            Route("/sim/api/state", self.state, methods=["GET"]),
            Route("/sim/api/changes", self.changes, methods=["GET"]),
            Route("/sim/api/lines", self.lines, methods=["GET"]),
            Route("/sim/pictures/{name}", self.picture, methods=["GET"]),
            *(Route(f"/sim/api/{name}", _posted(action), methods=["POST"]) for name, action in posts.items()),
            Route("/sim/api/file", self.file, methods=["POST"]),
            Mount("/sim/static", StaticFiles(directory=HERE / "static"), name="sim-static"),
        ]

    # ---------------------------------------------------------------- reading

    async def page(self, request: Request) -> Response:
        """Return the page; what is in it comes by script."""
        if not _at_home(request):
            return _refused(421)
        words = texts()
        template = self._pages.get_template("sim.html")

        def say(key: str, **values: object) -> str:
            return words.fill(f"sim.{key}", values)

        rooms = [room for room in self.simulator.rooms.values() if room.desk]
        return HTMLResponse(template.render(t=say, rooms=rooms, words=self._words()), headers=HEADERS)

    @staticmethod
    def _words() -> str:
        words = texts()
        return json.dumps(
            {key.removeprefix("sim."): words.raw(key) for key in words.keys() if key.startswith("sim.")},  # noqa: SIM118
            ensure_ascii=False,
        )

    async def state(self, request: Request) -> Response:
        """Return everything that an opened page shows."""
        if not _at_home(request):
            return _refused(421)
        sim, words = self.simulator, texts()
        chips = {
            "group": [words.raw(f"sim.chip_{name}") for name in _CHIPS],
            "private": [words.raw(f"sim.chip_{name}") for name in _PRIVATE_CHIPS],
        }
        # What no desk shows is not sent: the private chats of those whom nobody plays, a room without a desk.
        desks = [room.id for room in sim.rooms.values() if room.desk]
        played = [person.id for person in sim.people.values() if person.cast]
        lines = {name: sim.history.last(name, SHOWN) for name in (*desks, *played)}
        body = {"event": sim.history.event, "clock": sim.clock_state(), **sim.cast(), "lines": lines, "chips": chips}
        return JSONResponse(body, headers=HEADERS)

    async def changes(self, request: Request) -> Response:
        """Return what changed after an event number, waiting a little when there is nothing."""
        if not _at_home(request):
            return _refused(421)
        sim = self.simulator
        after = _number(request.query_params.get("after"))
        if after == sim.history.event:
            await sim.wait(after, PATIENCE_SECONDS)
        changes = sim.history.since(after)
        # The clock goes with every answer: it runs by itself, and may have been moved by another page.
        body = {"event": sim.history.event, "changes": changes, "clock": sim.clock_state()}
        return JSONResponse(body, headers=HEADERS)

    async def lines(self, request: Request) -> Response:
        """Return older lines of a conversation."""
        if not _at_home(request):
            return _refused(421)
        conversation = request.query_params.get("conversation", "")
        before = _number(request.query_params.get("before"))
        return JSONResponse(
            {"lines": self.simulator.history.last(conversation, SHOWN, before)},
            headers=HEADERS,
        )

    async def picture(self, request: Request) -> Response:
        """Return a drawn card."""
        path = self.simulator.pictures / request.path_params["name"]
        if not _at_home(request) or not _PICTURE.fullmatch(path.name) or not path.is_file():
            return _refused(404)
        # Named after what is on it, so it never changes.
        return FileResponse(path, headers={**HEADERS, "Cache-Control": "private, max-age=86400, immutable"})

    # ---------------------------------------------------------------- playing

    async def file(self, request: Request) -> Response:
        """Take a file that somebody sends in private; its bytes are the body."""
        if not _at_home(request) or not _same_origin(request):
            return _refused(403)
        # A form of another site cannot send this type without asking first.
        if request.headers.get("content-type", "") != "application/octet-stream":
            return _refused(415)
        raw = await _body(request, LARGEST)
        if raw is None:
            return _refused(413)
        names = dict(request.query_params)
        try:
            line = await self.simulator.give(_text(names, "person"), _text(names, "name"), raw)
        except Refusal as refusal:
            return JSONResponse({"refused": texts().fill(refusal.key, refusal.values)}, 409, headers=HEADERS)
        return JSONResponse({"id": line}, headers=HEADERS)

    async def _say(self, body: dict[str, Any]) -> dict[str, Any]:
        line = await self.simulator.say(
            _text(body, "conversation"),
            _text(body, "person"),
            _text(body, "text"),
            reply_to=_text(body, "reply_to"),
            media=_text(body, "media"),
            addressed=body.get("addressed") is True,
        )
        return {"id": line}

    async def _press(self, body: dict[str, Any]) -> dict[str, Any]:
        names = ("conversation", "person", "line", "key")
        await self.simulator.press(*(_text(body, name) for name in names))
        return {}

    async def _join(self, body: dict[str, Any]) -> dict[str, Any]:
        person = await self.simulator.join(_text(body, "conversation"), _text(body, "name"), _text(body, "invited_by"))
        return {"person": person}

    async def _leave(self, body: dict[str, Any]) -> dict[str, Any]:
        await self.simulator.leave(_text(body, "conversation"), _text(body, "person"))
        return {}

    async def _clock(self, body: dict[str, Any]) -> dict[str, Any]:
        sim = self.simulator
        await sim.move(sim.target(_text(body, "move"), _text(body, "to")))
        return {"clock": sim.clock_state()}


def _posted(action: Action) -> Callable[[Request], Awaitable[Response]]:
    """Wrap an action: same origin, small JSON body, refusals as words."""

    async def endpoint(request: Request) -> Response:
        if not _at_home(request) or not _same_origin(request):
            return _refused(403)
        if request.headers.get("content-type", "").split(";")[0] != "application/json":
            return _refused(415)
        raw = await _body(request, LARGEST_BODY)
        if raw is None:
            return _refused(413)
        try:
            body = json.loads(raw)
        except (ValueError, RecursionError):
            return _refused(400)
        if not isinstance(body, dict):
            return _refused(400)
        try:
            found = await action(body)
        except Refusal as refusal:
            return JSONResponse({"refused": texts().fill(refusal.key, refusal.values)}, 409, headers=HEADERS)
        return JSONResponse(found, headers=HEADERS)

    return endpoint


async def _body(request: Request, most: int) -> bytes | None:
    """Read a body; None when it has more than ``most`` bytes."""
    raw = bytearray()
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > most:
            return None
    return bytes(raw)


def _refused(status: int) -> Response:
    return JSONResponse({"refused": texts().raw("sim.failed")}, status, headers=HEADERS)


def _at_home(request: Request) -> bool:
    """Say whether the page was asked for by a name of this machine (a foreign name that points here is an attack)."""
    host = request.headers.get("host", "")
    name = urlsplit(f"//{host}").hostname or ""
    return name in ("localhost", "127.0.0.1", "::1", "testserver")


def _same_origin(request: Request) -> bool:
    origin = request.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == request.headers.get("host", "")


def _text(body: dict[str, Any], key: str) -> str:
    value = body.get(key, "")
    # What no keyboard sends (lone surrogates) does not come in.
    return value.encode("utf-8", "replace").decode("utf-8")[:2000] if isinstance(value, str) else ""


def _number(text: str | None) -> int:
    return int(text) if text is not None and text.isdecimal() and len(text) < 16 else 0
