"""Files that people send the AI bot, and pictures and files that it sends: fetched, opened, named, laid down; each bounded."""

from __future__ import annotations

import base64
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.channels.wecom_bot.files import Files, is_allowed, media_id, name_in, unseal
from bot.channels.wecom_bot.media import PIECE
from bot.voice import Ear
from engagement.errors import TooLarge, Unfetchable
from engagement.kernel import Card, Document, Incoming, Kind, Outcome
from knowledge.settings import SpeechSettings
from storage.engine import Database
from tests.platforms.wecom_bot import FakeWecomBot
from tests.platforms.wecom_bot.bench import Bench, bench, outgoing
from tests.platforms.wecom_bot.store import Store, seal

KEY = base64.b64encode(bytes(range(32))).decode()
BY_OPENSSL = "qRW2FuEcMe5VgZmbzgCLh+Y0PnnN+vYSTQe1mYXV+ydDKMFxP+IhaH8ipWnm3I1r2s/Ds+0WN+2wFd3mFmSIhg=="
"""What `openssl enc -aes-256-cbc -nopad` makes of the words below, padded to 64 bytes, with the key 00…1f and its half as IV."""


@pytest.fixture
async def here(wecom: FakeWecomBot, database: Database, tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench(database, wecom.url, timeout=3.0, ping=30.0, pictures=tmp_path) as one:
        one.answer = lambda _: None
        await wecom.wait_for(lambda: one.channel.connection.is_open)
        await wecom.say("zhang", "在吗")
        await wecom.wait_for(lambda: one.came)
        yield one


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    async with Store() as opened:
        yield opened


# ---------------------------------------------------------------- opening


def test_what_another_program_sealed_is_opened() -> None:
    assert unseal(base64.b64decode(BY_OPENSSL), KEY).decode() == "签到, the platform pads to 32."
    assert unseal(base64.b64decode(BY_OPENSSL), KEY.rstrip("=")).decode().startswith("签到")


@pytest.mark.parametrize("length", [0, 1, 31, 32, 33, 4096])
def test_every_length_is_opened(length: int) -> None:
    content = os.urandom(length)
    assert unseal(seal(content, bytes(range(32))), KEY) == content


@pytest.mark.parametrize(
    ("sealed", "key"),
    [
        (b"", KEY),
        (b"x" * 31, KEY),
        (base64.b64decode(BY_OPENSSL), base64.b64encode(bytes(32)).decode()),
        (base64.b64decode(BY_OPENSSL), base64.b64encode(bytes(16)).decode()),
        (base64.b64decode(BY_OPENSSL), "no base64!"),
        (base64.b64decode(BY_OPENSSL), "签"),
        (base64.b64decode(BY_OPENSSL)[:32], KEY),
    ],
)
def test_what_does_not_open_is_said_to_be_so(sealed: bytes, key: str) -> None:
    with pytest.raises(Unfetchable):
        unseal(sealed, key)


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ('attachment; filename="rules.docx"', "rules.docx"),
        ("attachment; filename*=UTF-8''%E8%A7%84%E5%88%99.docx", "规则.docx"),
        ('attachment; filename="%E8%A7%84%E5%88%99.docx"', "规则.docx"),
        ('attachment; filename="../../etc/passwd"', "passwd"),
        ('attachment; filename="C:\\\\x\\\\a.pdf"', "a.pdf"),
        ("attachment; filename*=UTF-8''..%2f..%2fa.txt", "a.txt"),
        ("attachment", ""),
        ("", ""),
        ("attachment; filename=" + "x" * 999, "x" * 255),
    ],
)
def test_a_files_name_is_read_without_folders(header: str, name: str) -> None:
    assert name_in(header) == name


def test_only_the_platforms_addresses_are_asked() -> None:
    assert is_allowed("https://files.example.org/a?sign=1", local=False)
    for url in (
        "http://files.example.org/a",
        "file:///etc/passwd",
        "https://127.0.0.1/a",
        "https://10.0.0.1/a",
        "https://[::1]/a",
        "https://localhost/a",
        "https://",
        "https://[x",
        "",
    ):
        assert not is_allowed(url, local=False), url
    assert is_allowed("http://127.0.0.1:1/a", local=True) and not is_allowed("http://10.0.0.1/a", local=True)


# ---------------------------------------------------------------- what comes in


async def test_a_file_is_looked_at_and_fetched(wecom: FakeWecomBot, here: Bench, store: Store) -> None:
    """张 sends 规则.txt in private: it has a name and a size before anybody reads it, and its bytes after."""
    content = "三十天内可退。".encode() * 100
    sent = store.keep(content, "attachment; filename*=UTF-8''%E8%A7%84%E5%88%99.txt")
    await wecom.say("zhang", "", msgtype="file", file=sent)
    await wecom.wait_for(lambda: len(here.came) == 2)
    came = here.came[1]
    ear = Ear(None, SpeechSettings())
    ear.looks["wecom_bot"] = here.channel.look
    heard = await ear.hear(came)
    assert (came.media, came.file_name, heard.file_name) == ("file", "", "规则.txt")
    assert len(content) < heard.file_size <= len(content) + 32
    assert await here.channel.fetch(heard.media_id, 10_000) == content
    assert Incoming.load(heard.dump()) == heard


async def test_a_file_that_is_gone_is_said_to_be_gone(here: Bench, store: Store) -> None:
    """Five minutes later the address is no good any more: the person is asked to send it again, nobody waits."""
    sent = store.keep(b"late", "")
    next(iter(store.files.values())).expired = True
    number = media_id(sent["url"], sent["aeskey"])
    with pytest.raises(Unfetchable, match="status_403"):
        await here.channel.fetch(number, 1000)
    ear = Ear(None, SpeechSettings())
    ear.looks["wecom_bot"] = here.channel.look
    came = here.came[0].__class__.load(here.came[0].dump())
    lost = await ear.hear(_with_file(came, number))
    assert (lost.media_id, lost.file_name) == ("", "")


async def test_a_large_file_is_not_read_to_its_end(here: Bench, store: Store) -> None:
    sent = store.keep(b"x" * 500_000)
    next(iter(store.files.values())).slow = 0.05
    began = time.monotonic()
    with pytest.raises(TooLarge):
        await here.channel.fetch(media_id(sent["url"], sent["aeskey"]), 5_000)
    assert time.monotonic() - began < 5.0, "to its end it takes twenty-five seconds"
    exact = store.keep(b"x" * 1000)
    number = media_id(exact["url"], exact["aeskey"])
    assert len(await here.channel.fetch(number, 1000)) == 1000
    with pytest.raises(TooLarge):
        await here.channel.fetch(number, 999)


async def test_looking_does_not_read_the_file(store: Store) -> None:
    sent = store.keep(b"x" * 200_000, 'attachment; filename="a.pdf"')
    next(iter(store.files.values())).slow = 0.05
    began = time.monotonic()
    assert await Files(local=True).look(media_id(sent["url"], sent["aeskey"])) == ("a.pdf", 200_032)
    assert time.monotonic() - began < 2.0, "to its end it takes ten seconds"


def _with_file(came: Incoming, number: str) -> Incoming:
    from dataclasses import replace

    return replace(came, media="file", media_id=number)


# ---------------------------------------------------------------- what goes out


async def test_a_picture_is_laid_down_once_and_stands_under_the_words(
    wecom: FakeWecomBot, here: Bench, tmp_path: Path
) -> None:
    content = os.urandom(PIECE * 2 + 5)
    (tmp_path / "day.png").write_bytes(content)
    for text in ("早上好", "中午好"):
        message = outgoing("zhang", text, kind=Kind.PUSH, card=Card("day"), picture="day.png")
        assert (await here.channel.sender.send(message)).outcome is Outcome.SENT
    words, picture, *more = wecom.seen
    assert (words.text, picture.media and picture.media.content) == ("早上好", content)
    assert [one.text for one in more] == ["中午好", "day.png"]
    assert wecom.count("upload") == 5, "init, three pieces, finish; the second time none"


async def test_an_export_arrives_as_a_file(wecom: FakeWecomBot, here: Bench) -> None:
    message = outgoing("zhang", "你的数据", kind=Kind.DM, document=Document("../mine.json", '{"name": "张"}'))
    assert (await here.channel.sender.send(message)).outcome is Outcome.SENT
    assert wecom.seen[1].media is not None
    assert (wecom.seen[1].media.name, wecom.seen[1].media.content.decode()) == ("mine.json", '{"name": "张"}')


async def test_a_picture_that_is_not_taken_lets_the_words_stand_and_a_file_is_missed(
    wecom: FakeWecomBot, here: Bench, tmp_path: Path
) -> None:
    (tmp_path / "tiny.png").write_bytes(b"1")  # the platform takes nothing below five bytes
    shown = await here.channel.sender.send(outgoing("zhang", "早上好", kind=Kind.PUSH, picture="tiny.png"))
    missed = await here.channel.sender.send(outgoing("zhang", "数据", kind=Kind.DM, document=Document("a.txt", "1")))
    gone = await here.channel.sender.send(outgoing("zhang", "晚上好", kind=Kind.PUSH, picture="../house/clock.json"))
    assert (shown.outcome, gone.outcome, missed.outcome, missed.reason) == (
        Outcome.SENT,
        Outcome.SENT,
        Outcome.REJECTED,
        "no_file",
    )
    assert wecom.shown("zhang") == ["早上好", "数据", "晚上好"]
