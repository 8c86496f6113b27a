"""The server's own socket: answers go out at once, and nobody holds a place without asking for something."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from bot import listening
from bot.listening import LARGEST_HEAD, bounded_protocol, drained_server, listen
from tests.platforms.serving import free_port

WHOLE = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\n"


def test_what_is_accepted_sends_small_pieces_at_once() -> None:
    port = free_port()
    with listen("127.0.0.1", port) as accepting:
        accepting.listen()
        with socket.create_connection(("127.0.0.1", port)):
            accepted, _ = accepting.accept()
            with accepted:
                assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
                assert accepting.proto == socket.IPPROTO_TCP


async def _echo(scope: Any, receive: Any, send: Any) -> None:
    """Answer with what was sent."""
    assert scope["type"] == "http"
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


@asynccontextmanager
async def _served() -> AsyncIterator[int]:
    import uvicorn

    port = free_port()
    config = uvicorn.Config(_echo, log_config=None, access_log=False, lifespan="off", http=bounded_protocol())
    server = drained_server(config)
    with listen("127.0.0.1", port) as accepting:
        task = asyncio.create_task(server.serve(sockets=[accepting]))
        try:
            for _ in range(3000):
                if server.started:
                    break
                await asyncio.sleep(0.01)
            yield port
        finally:
            server.should_exit = True
            await task


async def _ended(reader: asyncio.StreamReader, seconds: float = 20.0) -> float:
    """Wait until the server hangs up; returns after how long."""
    began = time.monotonic()
    with suppress(ConnectionResetError):
        assert await asyncio.wait_for(reader.read(), seconds) == b""
    return time.monotonic() - began


@pytest.mark.parametrize("begun", [b"", b"GET / HTTP/1.1\r\nhost: x\r\n", WHOLE + b"abcGET /"])
async def test_who_never_comes_to_the_point_is_hung_up_on(monkeypatch: pytest.MonkeyPatch, begun: bytes) -> None:
    """Nothing at all, a head that drips, and a further one behind a request that was answered."""
    monkeypatch.setattr(listening, "HEAD_SECONDS", 0.5)
    async with _served() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(begun)
        if begun.startswith(WHOLE):
            assert (await reader.readuntil(b"abc")).startswith(b"HTTP/1.1 200")

        async def drip() -> None:
            with suppress(OSError):
                while begun:
                    writer.write(b"x")
                    await writer.drain()
                    await asyncio.sleep(0.05)

        dripping = asyncio.create_task(drip())
        assert await _ended(reader) < 15.0
        dripping.cancel()
        writer.close()


async def test_a_head_without_end_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "HEAD_SECONDS", 60.0)
    async with _served() as port:
        for one in (b"x-%d: %s\r\n" % (7, b"y" * 1000), b"z" * 1000):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET / HTTP/1.1\r\nx-first: ")
            sent = 0
            with suppress(OSError):
                while sent < 200 * LARGEST_HEAD and not reader.at_eof():
                    writer.write(one)
                    sent += len(one)
                    await writer.drain()
            assert sent < 200 * LARGEST_HEAD, "the line was cut long before"
            await _ended(reader)
            writer.close()


async def test_who_says_what_he_wants_has_the_application_s_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The body of a request is the application's to wait for; many requests go over one line."""
    monkeypatch.setattr(listening, "HEAD_SECONDS", 0.3)
    async with _served() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(3):
            writer.write(WHOLE)
            for piece in (b"a", b"b", b"c"):
                await writer.drain()
                await asyncio.sleep(0.2)
                writer.write(piece)
            assert (await reader.readuntil(b"abc")).startswith(b"HTTP/1.1 200")
        large = b"v" * (LARGEST_HEAD * 4)
        writer.write(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % len(large) + large)
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200") and await reader.readexactly(len(large)) == large
        writer.close()


async def test_many_at_once_keep_nobody_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "HEAD_SECONDS", 5.0)
    async with _served() as port:
        idle = [await asyncio.open_connection("127.0.0.1", port) for _ in range(300)]
        for _, writer in idle:
            writer.write(b"GET / HTTP/1.1\r\n")
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(WHOLE + b"abc")
        assert (await asyncio.wait_for(reader.readuntil(b"abc"), 10)).startswith(b"HTTP/1.1 200")
        writer.close()
        await asyncio.gather(*(_ended(reader, 40.0) for reader, _ in idle))
        for _, writer in idle:
            writer.close()
