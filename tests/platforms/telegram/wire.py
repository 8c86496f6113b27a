"""Just enough HTTP/1.1 on asyncio, on both sides: light, so that a benchmark measures the bot and not its platform."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from email.message import Message
from email.parser import BytesParser
from urllib.parse import parse_qsl, urlsplit

_PHRASES = {
    200: "OK",
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    409: "Conflict",
    429: "Too Many Requests",
}


@dataclass(slots=True)
class Request:
    """A request read to its end."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.partition("?")[0]

    def fields(self) -> dict[str, str | bytes]:
        """Query and form fields; an uploaded file is bytes."""
        found: dict[str, str | bytes] = dict(parse_qsl(self.target.partition("?")[2], keep_blank_values=True))
        kind = self.headers.get("content-type", "")
        if kind.startswith("application/x-www-form-urlencoded"):
            found.update(parse_qsl(self.body.decode(), keep_blank_values=True))
        elif kind.startswith("multipart/form-data"):
            head = f"Content-Type: {kind}\r\n\r\n".encode()
            parsed: Message = BytesParser().parsebytes(head + self.body)
            for part in parsed.walk():
                name = part.get_param("name", header="content-disposition")
                if isinstance(name, str):
                    payload = part.get_payload(decode=True)
                    assert isinstance(payload, bytes)
                    found[name] = payload if part.get_filename() else payload.decode()
        return found


@dataclass(slots=True)
class Response:
    """An answer; `drop` cuts the connection instead."""

    status: int = 200
    body: bytes = b"{}"
    drop: bool = False
    kind: str = "application/json"
    location: str = ""

    def encode(self) -> bytes:
        """Write it out."""
        phrase = _PHRASES.get(self.status, "Status")
        to = f"location: {self.location}\r\n" if self.location else ""
        head = f"HTTP/1.1 {self.status} {phrase}\r\ncontent-type: {self.kind}\r\ncontent-length: {len(self.body)}\r\n"
        return f"{head}{to}\r\n".encode() + self.body


Handler = Callable[[Request], Response | Awaitable[Response]]


class Connection(asyncio.Protocol):
    """One client's connection; one request at a time."""

    def __init__(self, handler: Handler, open_connections: set[Connection]) -> None:
        """Answer with `handler`."""
        self._handler = handler
        self._open = open_connections
        self._buffer = b""
        self._busy: asyncio.Task[None] | None = None
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._open.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._open.discard(self)
        if self._busy is not None:
            self._busy.cancel()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if self._busy is None:
            self._serve()

    def _serve(self) -> None:
        while (request := self._next()) is not None:
            answered = self._handler(request)
            if inspect.isawaitable(answered):
                self._busy = asyncio.ensure_future(self._later(answered))
                return
            self._answer(answered)

    async def _later(self, answered: Awaitable[Response]) -> None:
        response = await answered
        self._busy = None
        self._answer(response)
        self._serve()

    def _answer(self, response: Response) -> None:
        if self.transport is None or self.transport.is_closing():
            return
        if response.drop:
            self.transport.abort()
        else:
            self.transport.write(response.encode())

    def _next(self) -> Request | None:
        head, separator, rest = self._buffer.partition(b"\r\n\r\n")
        if not separator:
            return None
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = int(headers.get("content-length", "0"))
        if len(rest) < length:
            return None
        self._buffer = rest[length:]
        method, target, _ = first.split(" ", 2)
        return Request(method, target, headers, rest[:length])


@dataclass(slots=True)
class Poster:
    """Posts bodies to one server over a few kept connections, as a platform does to a webhook."""

    url: str
    idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = field(default_factory=list)

    async def post(self, body: bytes, headers: dict[str, str]) -> int:
        """Return the status; a kept connection that went stale is replaced once.

        Raises:
            OSError: nobody answers.
        """
        while self.idle:
            reader, writer = self.idle.pop()
            try:
                return await self._on(reader, writer, body, headers)
            except (OSError, EOFError):
                writer.close()
        parts = urlsplit(self.url)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        try:
            return await self._on(reader, writer, body, headers)
        except EOFError as error:
            writer.close()
            raise ConnectionResetError("cut off") from error

    async def _on(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, body: bytes, headers: dict[str, str]
    ) -> int:
        parts = urlsplit(self.url)
        lines = [f"POST {parts.path or '/'} HTTP/1.1", f"host: {parts.netloc}", "content-type: application/json"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        lines += [f"content-length: {len(body)}", "", ""]
        writer.write("\r\n".join(lines).encode() + body)
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        length = next((int(line[15:]) for line in head.split("\r\n") if line.startswith("content-length:")), 0)
        await reader.readexactly(length)
        if "connection: close" in head:
            writer.close()
        else:
            self.idle.append((reader, writer))
        return int(head.split(" ", 2)[1])

    def close(self) -> None:
        """Close what is kept."""
        for _, writer in self.idle:
            writer.close()
        self.idle.clear()
