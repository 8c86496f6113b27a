"""The long connection among strange things: a process that was frozen, frames of any size and shape, lines that never open."""

from __future__ import annotations

import asyncio
import json
import logging
import random
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from websockets.asyncio.server import ServerConnection, serve

from bot.channels.wecom_bot import frames
from bot.channels.wecom_bot.connection import Connection, End, NotSent
from bot.channels.wecom_bot.lease import Lease
from bot.channels.wecom_bot.media import Attachment
from bot.channels.wecom_bot.words import STREAM_BYTES
from bot.push_words import word
from engagement.clocks import SystemClock
from engagement.kernel import Incoming, Kind, Outcome
from storage.engine import Database
from tests.platforms.wecom_bot import FakeWecomBot
from tests.platforms.wecom_bot.bench import bench, outgoing, settings


class Always:
    """The right to connect, as long as nobody says otherwise."""

    def __init__(self) -> None:
        self.held, self.lost, self.is_sure = asyncio.Event(), asyncio.Event(), True
        self.held.set()


@asynccontextmanager
async def running(connection: Connection) -> AsyncIterator[None]:
    task = asyncio.create_task(connection.run())
    try:
        yield
        assert not task.done(), "it goes on whatever happens"
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


# ---------------------------------------------------------------- who was frozen


async def test_who_wakes_up_after_the_leases_time_says_nothing(
    wecom: FakeWecomBot, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its line still stands and no timer has told it anything; by now another one may speak."""
    async with bench(database, wecom.url, lease=60.0, ping=30.0) as here:
        here.answer = lambda _: None
        await wecom.wait_for(lambda: here.channel.connection.is_open)
        await wecom.say("zhang", "在吗")
        await wecom.wait_for(lambda: here.came)
        timer = here.channel.lease._timer
        monkeypatch.setattr(here.channel.lease, "_timer", lambda: timer() + 41.0)
        assert here.channel.lease.held.is_set(), "nobody has looked yet"
        receipt = await here.channel.sender.send(outgoing("zhang", "早上好", kind=Kind.PUSH))
        assert receipt.outcome is Outcome.RETRY
        with pytest.raises(NotSent):
            await here.channel.connection.ask("aibot_send_msg", {})
        assert (wecom.count("frame"), here.channel.connection.is_open) == (0, False)


async def test_a_yes_that_is_read_too_late_is_none(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    lease = Lease(database, SystemClock(), "bot-1", "one", 3.0, timer=lambda: now[0])

    async def late() -> bool:
        now[0] += 2.5
        return True

    monkeypatch.setattr(lease, "_try", late)
    keeping = asyncio.create_task(lease.keep())
    await asyncio.sleep(0.1)
    assert lease.lost.is_set() and not lease.held.is_set() and not lease.is_sure
    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)


async def test_who_wakes_up_while_connecting_throws_nobody_out(wecom: FakeWecomBot) -> None:
    right = Always()
    right.is_sure = False
    connection = Connection(settings(wecom.url), right)
    async with running(connection):
        await wecom.wait_for(lambda: len(connection.ends) >= 2)
        assert set(connection.ends) == {End.LEASE_LOST} and wecom.count("subscribed") == 0
        right.is_sure = True
        await wecom.wait_for(lambda: connection.is_open)


@pytest.mark.parametrize("how", ["lease", "close"])
async def test_what_was_said_before_we_hung_up_is_not_lost(wecom: FakeWecomBot, database: Database, how: str) -> None:
    """400 messages in one breath, and we hang up in the midst of them."""
    async with bench(database, wecom.url, lease=60.0, timeout=3.0) as here:
        here.answer = lambda _: None
        await wecom.wait_for(lambda: here.channel.connection.is_open)
        for number in range(400):
            await wecom.say("zhang", f"{number}")
        if how == "lease":
            here.channel.lease.lost.set()
            await wecom.wait_for(lambda: End.LEASE_LOST in here.channel.connection.ends)
        else:
            await here.channel.close()
        await wecom.wait_for(lambda: len(here.came) == 400)
        assert [one.text for one in here.came] == [str(number) for number in range(400)]


async def test_while_the_database_is_slow_no_more_is_read_than_can_be_kept(
    wecom: FakeWecomBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.channels.wecom_bot.connection.WAITING", 5)
    connection = Connection(settings(wecom.url, ping=30.0), Always())
    async with running(connection):
        await wecom.wait_for(lambda: connection.is_open)
        for number in range(40):
            await wecom.say("zhang", f"{number}")
        await asyncio.sleep(0.2)
        assert connection.heard.qsize() == 5
        came = [(await asyncio.wait_for(connection.heard.get(), 2)).body["text"]["content"] for _ in range(40)]
        assert came == [str(number) for number in range(40)]


# ---------------------------------------------------------------- strange frames


async def test_strange_frames_are_passed_over_and_the_line_stays(wecom: FakeWecomBot, database: Database) -> None:
    """A megabyte, half a frame, bytes, what nobody knows, what is for another bot: then 张 is answered as always."""
    async with bench(database, wecom.url, ping=30.0) as here:
        await wecom.wait_for(lambda: here.channel.connection.is_open)
        assert wecom.live is not None
        body = {"msgid": "x", "chattype": "single", "from": {"userid": "zhang"}, "msgtype": "text", "text": {}}
        for odd in (
            json.dumps({"cmd": frames.MESSAGE, "headers": {"req_id": "r"}, "body": body | {"more": "x" * (1 << 20)}}),
            '{"cmd": "aibot_msg_callback", "headers"',
            b"\xff\x00\xfe",
            "[]",
            json.dumps({"cmd": "aibot_something_new", "headers": {"req_id": "r"}, "body": {}}),
            json.dumps({"headers": {"req_id": "nobody asked"}, "errcode": 0}),
            json.dumps({"cmd": frames.MESSAGE, "headers": {"req_id": "r"}, "body": body | {"text": 7}}),
            json.dumps(
                {
                    "cmd": frames.MESSAGE,
                    "headers": {"req_id": "r"},
                    "body": body | {"aibotid": "another-bot", "text": {"content": "签到"}},
                }
            ),
        ):
            await wecom.live.send(odd)
        await wecom.say("zhang", "签到")
        await wecom.wait_for(lambda: here.receipts)
        assert wecom.shown("zhang") == ["好的：签到"] and [one.text for one in here.came] == ["签到"]
        assert not here.channel.connection.ends and wecom.count("subscribed") == 1


async def test_each_question_gets_its_own_answer_in_whatever_order_they_come() -> None:
    """Thirty questions at once; answered backwards, and between them a command that bears a question's number."""
    asked: list[dict[str, Any]] = []

    async def platform(line: ServerConnection) -> None:
        async for raw in line:
            frame = json.loads(raw)
            if frame["cmd"] == frames.SUBSCRIBE:
                await line.send(json.dumps({"headers": frame["headers"], "errcode": 0}))
                continue
            asked.append(frame)
            if len(asked) == 30:
                for one in reversed(asked):
                    odd = {"cmd": "aibot_something_new", "headers": one["headers"], "body": {"number": -1}}
                    answer = {"headers": one["headers"], "errcode": 0, "body": one["body"]}
                    for told in (odd, answer):
                        await line.send(json.dumps(told))

    async with serve(platform, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        connection = Connection(settings(f"ws://127.0.0.1:{port}", ping=30.0, timeout=3.0), Always())
        async with running(connection):
            assert await connection.ready(3)
            answers = await asyncio.gather(*(connection.ask(frames.SEND, {"number": n}, f"r{n}") for n in range(30)))
        assert [answer.body["number"] for answer in answers] == list(range(30))


async def test_nothing_is_lost_of_a_text_whose_marks_grow(wecom: FakeWecomBot, database: Database) -> None:
    """17,000 stars are 51,000 bytes when they are shown and not obeyed: three messages, and not one cut off."""
    async with bench(database, wecom.url, ping=30.0, timeout=3.0) as here:
        here.answer = lambda _: "*" * 17_000
        await wecom.wait_for(lambda: here.channel.connection.is_open)
        await wecom.say("zhang", "说")
        await wecom.wait_for(lambda: here.receipts)
        shown = wecom.shown("zhang")
        assert sum(text.count("＊") for text in shown) == 17_000
        assert all(len(text.encode()) <= STREAM_BYTES for text in shown)


async def test_an_event_that_brings_a_bug_about_does_not_make_the_bot_deaf(
    wecom: FakeWecomBot, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.channels.wecom_bot.receive._FIRST_PAUSE", 0.01)
    async with bench(database, wecom.url) as here:
        receive = here.channel.intake._receive

        async def broken(incoming: Incoming) -> object:
            if incoming.text == "坏":
                raise KeyError("bug")
            return await receive(incoming)

        monkeypatch.setattr(here.channel.intake, "_receive", broken)
        await wecom.wait_for(lambda: here.channel.connection.is_open)
        await wecom.say("zhang", "坏")
        await wecom.say("zhang", "签到")
        await wecom.wait_for(lambda: here.receipts)
        assert [one.text for one in here.came] == ["签到"]


async def test_a_file_as_large_as_the_platform_takes_goes_up_in_as_many_pieces_as_it_takes(
    wecom: FakeWecomBot, database: Database
) -> None:
    async with bench(database, wecom.url, ping=30.0, timeout=5.0) as here:
        await wecom.wait_for(lambda: here.channel.connection.is_open)
        content = bytes(20 * 1024 * 1024)
        body = await here.channel.sender._uploads.body(Attachment("file", "a.txt", content))
        assert wecom.laid.media[body["file"]["media_id"]].content == content


async def test_the_secret_stands_in_no_log(
    wecom: FakeWecomBot, database: Database, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also when everything that any library has to say is written down."""
    wecom.secret = "canary-secret"
    with caplog.at_level(logging.DEBUG):
        async with bench(database, wecom.url, secret="canary-secret") as here:
            await wecom.wait_for(lambda: here.channel.connection.is_open)
            await wecom.say("zhang", "canary-words")
            await wecom.wait_for(lambda: here.receipts)
    assert "canary" not in "\n".join([caplog.text, *capsys.readouterr()])


# ---------------------------------------------------------------- lines that never open


async def test_the_pauses_grow_are_spread_and_have_an_end() -> None:
    pauses: list[float] = []
    enough = asyncio.Event()

    async def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 12:
            enough.set()
            await asyncio.sleep(60)

    given = settings("ws://127.0.0.1:9", first_pause=1.0, longest_pause=60.0)
    connection = Connection(given, Always(), random.Random(3), pause)
    async with running(connection):
        async with asyncio.timeout(5):
            await enough.wait()
    assert all(0.5 <= seconds / min(60.0, 2.0**number) <= 1.0 for number, seconds in enumerate(pauses))
    assert len({round(seconds, 3) for seconds in pauses[6:]}) > 1, "not all clients come back at the same moment"
    assert set(connection.ends) == {End.UNREACHABLE}


async def test_a_name_that_nobody_knows_and_a_certificate_of_somebody_else(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "no such name")

    async def nobody(_line: ServerConnection) -> None:
        raise AssertionError("whose certificate is not believed is told nothing")

    async with serve(nobody, "127.0.0.1", 0, ssl=_certificate(tmp_path)) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        assert await _end(f"wss://127.0.0.1:{port}") is End.UNREACHABLE
    with monkeypatch.context() as patched:
        patched.setattr(socket, "getaddrinfo", unknown)
        assert await _end("wss://openws.nowhere.invalid") is End.UNREACHABLE


async def test_an_address_that_is_none_does_not_end_the_one_who_connects() -> None:
    """A label of 70 letters is refused before anybody is asked, with an error that is no network's."""
    assert await _end(f"wss://{'a' * 70}.example.org") is End.UNREACHABLE


async def test_a_proxy_that_needs_a_package_which_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "socks5://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    assert await _end("wss://openws.example.org") is End.UNREACHABLE


async def test_a_no_that_nobody_has_met_before_is_said_in_words(
    wecom: FakeWecomBot, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader of the board of pushes reads why, and no number; that stands in the log."""
    async with bench(database, wecom.url, ping=30.0) as here:
        here.answer = lambda _: None
        await wecom.wait_for(lambda: here.channel.connection.is_open)
        await wecom.say("zhang", "在吗")
        monkeypatch.setattr(wecom, "_send", lambda _body: 40_123)
        receipt = await here.channel.sender.send(outgoing("zhang", "早上好", kind=Kind.PUSH))
        assert (receipt.outcome, receipt.reason) == (Outcome.REJECTED, "rejected")
    for reason in ("rejected", "no_edit", "no_file", "over", "empty", "cut_off"):
        assert word("reason", reason) != reason


async def test_who_was_forgotten_subscribes_again(wecom: FakeWecomBot) -> None:
    """The line stands, each sign of life is answered with a no, and nothing that anybody says would ever come."""
    connection = Connection(settings(wecom.url), Always())
    async with running(connection):
        await wecom.wait_for(lambda: connection.is_open)
        wecom._subscribed.clear()
        await wecom.wait_for(lambda: wecom.count("subscribed") == 2 and connection.is_open)


async def test_a_handshake_that_is_refused_is_tried_again(wecom: FakeWecomBot) -> None:
    wecom.refuse_handshakes = 3
    connection = Connection(settings(wecom.url), Always())
    async with running(connection):
        await wecom.wait_for(lambda: connection.is_open)
        assert list(connection.ends) == [End.UNREACHABLE] * 3 and wecom.count("subscribed") == 1


async def _end(url: str) -> End:
    """Return why the first try to connect there did not work, of a connection that goes on trying."""
    tried = asyncio.Event()

    async def pause(_seconds: float) -> None:
        tried.set()
        await asyncio.sleep(60)

    connection = Connection(settings(url), Always(), pause=pause)
    async with running(connection), asyncio.timeout(5):
        await tried.wait()
    return connection.ends[0]


def _certificate(folder: Path) -> ssl.SSLContext:
    """Make a certificate that nobody vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "openws.example.org")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = folder / "pem"
    pem.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + made.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context
