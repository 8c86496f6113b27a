"""The HTTP seam under the Telegram library, over real sockets: what a failure says about whether anything was sent."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from telegram import InputFile
from telegram.error import NetworkError, TimedOut
from telegram.request import RequestData
from telegram.request._requestparameter import RequestParameter

from bot.channels.telegram.api import receipt_of
from bot.channels.telegram.connections import Connections
from engagement.kernel import Outcome
from tests.platforms.serving import free_port

Peer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
OK = b'HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\n{"ok":true}'


@asynccontextmanager
async def listening(peer: Peer) -> AsyncIterator[str]:
    async def whole(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await peer(reader, writer)
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    server = await asyncio.start_server(whole, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/bot1:sample/sendMessage"
    finally:
        server.close()
        await server.wait_closed()


@asynccontextmanager
async def connections(size: int = 2, seconds: float = 0.3) -> AsyncIterator[Connections]:
    found = Connections(size, seconds, trust_env=False)
    try:
        yield found
    finally:
        await found.shutdown()


def words(**values: object) -> RequestData:
    return RequestData([RequestParameter.from_input(name, value) for name, value in values.items()])


async def head_and_body(reader: asyncio.StreamReader) -> tuple[str, bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    length = next((line for line in head.lower().splitlines() if line.startswith("content-length:")), "x: 0")
    return head, await reader.readexactly(int(length.partition(":")[2]))


async def test_words_go_out_as_a_form_and_the_connection_is_kept() -> None:
    seen: list[tuple[str, bytes]] = []
    opened = 0

    async def peer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal opened
        opened += 1
        while True:
            seen.append(await head_and_body(reader))
            writer.write(OK)

    async with listening(peer) as url, connections() as found:
        for _ in range(3):
            assert await found.do_request(url, "POST", words(chat_id=-5, text="早安 & 好")) == (200, b'{"ok":true}')
    assert opened == 1
    assert "application/x-www-form-urlencoded" in seen[0][0]
    assert seen[0][1] == b"chat_id=-5&text=%E6%97%A9%E5%AE%89+%26+%E5%A5%BD"


async def test_a_picture_goes_out_in_parts() -> None:
    seen: list[bytes] = []

    async def peer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append((await head_and_body(reader))[1])
        writer.write(OK)

    picture = InputFile(b"\x89PNG sample", filename="card.png")
    async with listening(peer) as url, connections() as found:
        assert (await found.do_request(url, "POST", words(chat_id=-5, photo=picture)))[0] == 200
    assert b'filename="card.png"' in seen[0]
    assert b"\x89PNG sample" in seen[0]
    assert b'name="chat_id"\r\n\r\n-5' in seen[0]


async def test_what_a_refused_connection_did_not_take_may_go_again() -> None:
    async with connections() as found:
        with pytest.raises(NetworkError) as refused:
            await found.do_request(f"http://127.0.0.1:{free_port()}/x", "POST", words(text="a"))
    assert receipt_of(refused.value, repeatable=False).outcome is Outcome.RETRY


async def test_an_answer_that_does_not_come_leaves_it_open_whether_it_was_sent() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with listening(silent) as url, connections() as found:
        with pytest.raises(TimedOut) as late:
            await found.do_request(url, "POST", words(text="a"))
    assert receipt_of(late.value, repeatable=False).outcome is Outcome.UNKNOWN
    assert receipt_of(late.value, repeatable=True).outcome is Outcome.RETRY


async def test_a_line_that_is_cut_leaves_it_open_whether_it_was_sent() -> None:
    async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head_and_body(reader)
        writer.write(OK[:20])

    async with listening(cut) as url, connections() as found:
        with pytest.raises(NetworkError) as broken:
            await found.do_request(url, "POST", words(text="a"))
    assert receipt_of(broken.value, repeatable=False).outcome is Outcome.UNKNOWN


async def test_who_finds_no_free_connection_has_sent_nothing() -> None:
    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head_and_body(reader)
        await reader.read()

    async with listening(slow) as url, connections(size=1, seconds=0.2) as found:
        first = asyncio.create_task(found.do_request(url, "POST", words(text="a"), read_timeout=5.0))
        await asyncio.sleep(0.05)
        with pytest.raises(TimedOut) as waiting:
            await found.do_request(url, "POST", words(text="b"))
        first.cancel()
    assert receipt_of(waiting.value, repeatable=False).outcome is Outcome.RETRY


async def test_a_kept_connection_that_the_platform_closed_is_not_used_again() -> None:
    answered = 0

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal answered
        await head_and_body(reader)
        answered += 1
        writer.write(OK)

    async with listening(once) as url, connections() as found:
        for _ in range(3):
            assert (await found.do_request(url, "POST", words(text="a")))[0] == 200
            await asyncio.sleep(0.02)
    assert answered == 3
