"""Other people's bombs at every callback, bare and in a right envelope: refused at once; no file, no socket, no effect."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.channels.telegram.channel import Me, TelegramSettings, webhook_routes
from bot.channels.telegram.webhook import LARGEST_BODY
from bot.channels.wecom_bot import frames
from bot.channels.wecom_bot.receive import Intake
from engagement.clocks import SetClock
from engagement.kernel import Incoming
from tests.platforms.doors import NAMES, NOW, Door, cost, door_of, hands_off, traced
from tests.platforms.wechat.signing import Post, document

pytestmark = [pytest.mark.timeout(120), pytest.mark.untraced]
SECONDS, MEGABYTES = 0.05, 10


def rows(shared: Path, *names: str) -> Iterator[dict[str, Any]]:
    for name in names:
        for line in (shared / f"data/abuse/wire/{name}_dev.jsonl").read_text("utf-8").strip().split("\n"):
            yield json.loads(line)


def bombs(shared: Path) -> list[tuple[str, bytes]]:
    found = rows(shared, "xml_bombs_defusedxml", "xml_not_wellformed")
    return [(row["name"], base64.b64decode(row["b64"])) for row in found]


def test_the_watch_sees_what_it_is_to_see(tmp_path: Path) -> None:
    with hands_off() as touched, (tmp_path / "x").open("w"), socket.socket(socket.AF_UNIX) as nobody:
        nobody.connect_ex(str(tmp_path / "nobody"))
    assert {"open", "socket.connect"} <= set(touched)
    with traced() as grown:
        assert len(bytearray(3_000_000)) <= grown() < 4_000_000
        assert grown() < 100_000


@pytest.mark.parametrize("where", ["bare", "sealed"])
@pytest.mark.parametrize("name", NAMES)
async def test_xml_that_others_collected(shared: Path, name: str, where: str) -> None:
    """Each answered within 50 ms of the processor and 10 MB, no file, no socket, a plain no, and nothing comes of it."""
    async with door_of(name) as door:
        assert await door.knock(door.sealed(document(door.sound))) == 200
        posts = [(title, getattr(door, where)(body)) for title, body in bombs(shared)]
        assert await door.knock(posts[0][1]) in (400, 403)
        slowest, longest = 0.0, 0.0
        with hands_off() as touched:
            for title, post in posts:
                cpu, wall = await cost(lambda post=post: refused(door, post), SECONDS)  # type: ignore[misc]
                assert cpu < SECONDS, title
                slowest, longest = max(slowest, cpu), max(longest, wall)
        assert touched == []
        with traced() as grown:
            for title, post in posts:
                await refused(door, post)
                assert grown() < MEGABYTES * 1_000_000, title
        assert len(posts) > 500
        assert len(door.events) == 1
    sys.stderr.write(
        f"{name}, {where}: {slowest * 1000:.2f} ms of the processor, {longest * 1000:.2f} ms by the clock\n"
    )


async def refused(door: Door, post: Post) -> None:
    assert await door.knock(post) in (400, 403)


DOCTYPES = (
    b"<!DOCTYPE xml><xml>%s</xml>",
    b"\xef\xbb\xbf<!DOCTYPE xml [<!ENTITY a 'b'>]><xml>%s</xml>",
    b"<?xml version='1.0'?>\n<!DOCTYPE xml SYSTEM 'file:///etc/passwd'><xml>%s</xml>",
    b"<!DOCTYPE xml PUBLIC '-//W3C//DTD XHTML 1.0//EN' 'http://127.0.0.1:1/x.dtd'><xml>%s</xml>",
    b"<!DOCTYPE xml [<!ENTITY %% p SYSTEM 'http://127.0.0.1:1/p'> %%p;]><xml>%s</xml>",
    b"<!DOCTYPE xml [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;&a;'>]><xml>%s</xml>",
    b"<!DOCTYPE xml [<!ATTLIST xml a CDATA 'x'>]><xml>%s</xml>",
    b"<!DOCTYPE xml [<!NOTATION n SYSTEM 'x'>]><xml>%s</xml>",
)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "utf-32"])
@pytest.mark.parametrize("name", NAMES)
async def test_a_document_type_is_refused_around_a_message_that_would_be_taken(name: str, encoding: str) -> None:
    """The same words without it are taken, so it is the DOCTYPE that is refused."""
    async with door_of(name) as door:
        inside = document(door.sound).removeprefix(b"<xml>").removesuffix(b"</xml>")
        for form in DOCTYPES:
            body = (form % inside).decode("utf-8").encode(encoding)
            await refused(door, door.sealed(body))
            await refused(door, door.bare(body))
        assert door.events == {}
        assert await door.knock(door.sealed(document(door.sound))) == 200
        assert len(door.events) == 1


# ---------------------------------------------------------------- JSON


def spread(row: dict[str, Any], *shapes: str) -> Iterator[bytes]:
    """Put the words of a case alone, and wherever a platform's own would stand."""
    for shape in ("@", *shapes):
        yield shape.replace("@", row["input"]).encode("utf-8", "surrogatepass")


async def test_json_that_others_collected_at_the_telegram_webhook(shared: Path) -> None:
    """Never a 500, and no word that somebody is made to say."""
    taken: list[Incoming] = []

    async def receive(event: Incoming) -> None:
        taken.append(event)

    secret = "a-secret-of-24-letters--"
    settings = TelegramSettings.model_validate(
        {"token": "42:x", "mode": "webhook", "webhook_url": "http://bot.example", "secret": secret}
    )
    (route,) = webhook_routes(settings, receive, me=lambda: Me(42, "tuantuan_bot"), clock=SetClock(NOW))
    sent: list[int] = []

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            sent.append(int(message["status"]))

    async def knock(body: bytes) -> None:
        async def read() -> Any:
            return {"type": "http.request", "body": body, "more_body": False}

        headers = [(b"x-telegram-bot-api-secret-token", secret.encode())]
        await route.app({"type": "http", "method": "POST", "path": "/", "headers": headers}, read, send)  # type: ignore[attr-defined]

    shapes = (
        '{"update_id":@}',
        '{"update_id":5,"message":@}',
        '{"update_id":5,"message":{"message_id":@,"date":1788220800,"chat":{"id":7,"type":"private"},"text":"1"}}',
        '{"update_id":5,"message":{"message_id":1,"date":@,"chat":{"id":@,"type":"private"},"from":@,"text":@}}',
        '{"update_id":5,"callback_query":{"id":@,"from":@,"message":@,"data":@}}',
        '{"update_id":5,"chat_member":@,"my_chat_member":@,"poll_answer":@}',
    )
    for row in rows(shared, "json_parsing"):
        for body in spread(row, *shapes):
            cpu, _ = await cost(lambda body=body: knock(body), SECONDS)  # type: ignore[misc]
            assert sent[-1] == 413 if len(body) > LARGEST_BODY else sent[-1] in (200, 400), (row["name"], body[:100])
            assert cpu < SECONDS, (row["name"], body[:100])
        if row["expect"] == "reject" and "\ufffd" not in row["input"]:
            await knock(row["input"].encode())
            assert sent[-1] == 400, row["name"]
    # A number where a message's number stands makes a message: of nobody, and nobody is spoken for.
    assert all(one.sender == "" for one in taken) and len(sent) > 1000


async def test_json_that_others_collected_in_frames_of_the_ai_bot(shared: Path) -> None:
    """A frame is one or it is refused; what is no callback is passed over, and the reader goes on."""
    heard: asyncio.Queue[frames.Frame] = asyncio.Queue()
    taken: list[Any] = []

    async def receive(event: Any) -> None:
        taken.append(event)

    intake = Intake(heard, receive, SetClock(NOW), "bot-1", "")
    running = asyncio.create_task(intake.run())
    head = '{"cmd":"aibot_msg_callback","headers":{"req_id":"r"},"body":'
    event = '{"cmd":"aibot_event_callback","headers":{"req_id":"r"},"body":{"from":{"userid":"li"},"event":'
    shapes = (
        '{"cmd":@,"headers":@,"body":@}',
        '{"cmd":"aibot_msg_callback","headers":{"req_id":@},"body":{}}',
        head + "@}",
        head + '{"from":@,"chatid":@,"chattype":@,"msgid":@,"msgtype":"text","text":{"content":"x"}}}',
        head + '{"from":{"userid":"li"},"msgid":"1","create_time":@,"msgtype":"text","text":@}}',
        head + '{"from":{"userid":"li"},"msgid":"1","msgtype":"mixed","mixed":{"msg_item":@}}}',
        head + '{"from":{"userid":"li"},"msgid":"1","msgtype":"image","image":@}}',
        event + "@}}",
        event + '{"eventtype":"template_card_event","template_card_event":@}}}',
        event + '{"eventtype":"feedback_event","feedback_event":{"type":@,"id":@}}}}',
    )
    read = 0
    for row in rows(shared, "json_parsing"):
        for body in spread(row, *shapes):
            try:
                frame = frames.read(body)
            except ValueError:
                continue
            read += 1
            heard.put_nowait(frame)
    assert await intake.drained(30.0) and not running.done()
    running.cancel()
    assert read > 100
    # What somebody said may well be odd, but it is somebody's, and has words.
    assert all(one.sender and (one.text or one.button or one.media) for one in taken)
