"""Sending, the token, the menu and the web sign-in, against a platform that enforces its windows and counts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from bot.channels.choices import meant
from bot.channels.wechat.api import ApiError
from bot.channels.wechat.channel import Item, WeChatChannel, WeChatSettings
from bot.channels.wechat.menu import menu_of, set_menu, usual
from bot.rendering.render import Rendered
from engagement.clocks import ShiftedClock
from engagement.errors import Refusal, TooLarge, Unfetchable
from engagement.kernel import Incoming, Kind, Outcome, Outgoing, Place, Receipt
from tests.platforms.wechat import FakeWeChat
from tests.platforms.wechat.server import PNG
from tests.platforms.wechat.signing import AES_KEY, APP_ID, SECRET, TOKEN

SEND = "/cgi-bin/message/custom/send"
TOKENS = "/cgi-bin/stable_token"


def settings(wechat: FakeWeChat, **more: Any) -> WeChatSettings:
    return WeChatSettings.model_validate(
        {
            "app_id": APP_ID,
            "secret": SECRET,
            "token": TOKEN,
            "aes_key": AES_KEY,
            "base_url": wechat.url,
            "timeout": 1.0,
            "patience": 0.0,
            **more,
        }
    )


class Bench:
    """A channel whose words can be set; its followers' words are received and forgotten."""

    def __init__(self, wechat: FakeWeChat, pictures: Path, **more: Any) -> None:
        from starlette.applications import Starlette

        self.wechat = wechat
        self.clock = ShiftedClock()
        self.words = Rendered(("好的",))
        self.pictures = pictures
        self.channel = WeChatChannel(settings(wechat, **more), self.receive, lambda _: self.words, self.clock, pictures)
        wechat.callback = "http://bot.example/wechat/callback"
        wechat.transport = httpx.ASGITransport(Starlette(routes=self.channel.routes()))

    async def receive(self, _: Incoming) -> bool:
        return True

    async def send(self, who: str = "o-li", kind: Kind = Kind.DM, place: Place = Place.DM, **more: Any) -> Receipt:
        message = Outgoing(kind, "wechat", APP_ID, place, who, "demo", "demo.text", {}, **more)
        return await self.channel.sender.send(message)


@pytest.fixture
async def wechat() -> AsyncIterator[FakeWeChat]:
    async with FakeWeChat() as platform:
        yield platform


@pytest.fixture
async def bench(wechat: FakeWeChat, tmp_path: Path) -> AsyncIterator[Bench]:
    bench = Bench(wechat, tmp_path)
    yield bench
    await bench.channel.close()


# ---------------------------------------------------------------- the window


async def test_five_messages_in_two_days_and_no_sixth_is_tried(wechat: FakeWeChat, bench: Bench) -> None:
    await wechat.say("o-li", "你好")
    outcomes = [(await bench.send()).outcome for _ in range(7)]
    assert outcomes == [Outcome.SENT] * 5 + [Outcome.REJECTED] * 2
    assert len(wechat.log) == 5, "what is known to be refused is not asked"
    assert await bench.send() == Receipt(Outcome.REJECTED, reason="window_closed")
    await wechat.say("o-li", "还在吗")
    assert (await bench.send()).outcome is Outcome.SENT


async def test_after_two_days_the_window_is_closed(wechat: FakeWeChat, bench: Bench) -> None:
    await wechat.say("o-li", "你好")
    assert (await bench.send()).outcome is Outcome.SENT
    wechat.shift = 172_801.0
    assert (await bench.send()).reason == "window_closed", "the platform says so"
    assert wechat.log[-1].code == 45015


async def test_a_follow_allows_three_for_a_minute(wechat: FakeWeChat, bench: Bench) -> None:
    await wechat.act("o-li", "subscribe")
    assert [(await bench.send()).outcome for _ in range(4)] == [Outcome.SENT] * 3 + [Outcome.REJECTED]
    await wechat.say("o-li", "你好")
    assert (await bench.send()).outcome is Outcome.SENT


async def test_the_platforms_next_try_allows_no_more(wechat: FakeWeChat, bench: Bench) -> None:
    wechat._grant("o-li", "message")
    fields = wechat.text("o-li", "你好")
    for _ in range(3):
        await wechat.deliver(fields)
        await bench.send()
        await bench.send()
    assert [one.code for one in wechat.log] == [0] * 5, "the sixth is not tried"


async def test_a_next_try_among_other_words_allows_no_more(wechat: FakeWeChat, bench: Bench) -> None:
    wechat._grant("o-li", "message")
    first, second = wechat.text("o-li", "你好"), wechat.text("o-li", "在吗")
    for fields in (first, second):
        await wechat.deliver(fields)
    for _ in range(3):
        await bench.send()
    await wechat.deliver(first)
    outcomes = [(await bench.send()).outcome for _ in range(3)]
    assert outcomes == [Outcome.SENT] * 2 + [Outcome.REJECTED] and not [one for one in wechat.log if one.code]


async def test_a_number_means_nothing_that_was_never_shown(wechat: FakeWeChat, bench: Bench) -> None:
    async def one() -> str:
        return await meant(bench.channel._shared.choices, "o-li", "1", bench.clock.now())

    bench.words = Rendered(("选哪个？",), numbered=("vote:1",))
    await wechat.say("o-li", "投票")
    wechat.fail(SEND, 45047)
    assert (await bench.send()).outcome is Outcome.REJECTED
    assert await one() == ""
    assert (await bench.send()).outcome is Outcome.SENT
    assert await one() == "vote:1"


async def test_who_left_is_not_written_to(wechat: FakeWeChat, bench: Bench) -> None:
    await wechat.say("o-li", "你好")
    await wechat.act("o-li", "unsubscribe")
    assert (await bench.send()).outcome is Outcome.REJECTED and wechat.log == []


async def test_after_a_restart_the_platform_counts(wechat: FakeWeChat, bench: Bench, tmp_path: Path) -> None:
    await wechat.say("o-li", "你好")
    for _ in range(5):
        await bench.send()
    again = Bench(wechat, tmp_path)
    assert await again.send() == Receipt(Outcome.REJECTED, reason="window_used")
    assert (await again.send("o-nobody")).outcome is Outcome.GONE
    wechat.person("o-li").follows = False
    assert await again.send() == Receipt(Outcome.GONE, reason="not_following")
    await again.channel.close()


# ---------------------------------------------------------------- what can be said


async def test_what_this_channel_has_not(wechat: FakeWeChat, bench: Bench) -> None:
    await wechat.say("o-li", "你好")
    assert (await bench.send(place=Place.GROUP)).reason == "no_groups"
    bench.words = Rendered(())
    assert (await bench.send(kind=Kind.REACTION, emoji="👍")).reason == "empty"
    assert wechat.log == []


async def test_an_edit_is_a_new_message(wechat: FakeWeChat, bench: Bench) -> None:
    await wechat.say("o-li", "你好")
    first = await bench.send()
    assert first.provider_id
    assert (await bench.send(kind=Kind.EDIT, reply_to=first.provider_id)).outcome is Outcome.SENT


async def test_a_long_message_in_parts(wechat: FakeWeChat, bench: Bench) -> None:
    await wechat.say("o-li", "你好")
    bench.words = Rendered(("长" * 682, "尾"))
    assert (await bench.send()).outcome is Outcome.SENT
    assert wechat.shown("o-li") == ["长" * 682, "尾"]
    bench.words = Rendered(("长" * 683,))
    assert (await bench.send()).reason == "too_long"
    bench.words = Rendered(("头", "长" * 683))
    assert (await bench.send()).reason == "too_long", "its end is never shown, which is not hidden"


async def test_a_picture_is_uploaded_once_and_never_costs_the_words(wechat: FakeWeChat, bench: Bench) -> None:
    (bench.pictures / "card.png").write_bytes(PNG + b"card")
    for who in ("o-1", "o-2", "o-3"):
        await wechat.say(who, "你好")
    await asyncio.gather(*(bench.send(who, picture="card.png") for who in ("o-1", "o-2", "o-3")))
    assert len(wechat.media) == 1
    (media_id,) = wechat.media
    assert wechat.shown("o-1") == ["好的", media_id]
    wechat.media.clear()
    await bench.send("o-1", picture="card.png")
    assert len(wechat.media) == 1, "an id that is over is uploaded anew"
    await bench.send("o-1", picture="card.png")
    assert wechat.shown("o-1")[-1] == "好的" and len(wechat.shown("o-1")) == 5, "one left: for the words"
    (bench.pictures / "bad.png").write_bytes(b"GIF8")
    assert (await bench.send("o-2", picture="bad.png")).outcome is Outcome.SENT
    for name in ("nowhere.png", "../card.png", "/etc/hostname"):
        assert (await bench.send("o-3", picture=name)).outcome is Outcome.SENT


# ---------------------------------------------------------------- errors and the token


@pytest.mark.parametrize(
    ("code", "outcome", "reason"),
    [
        (45009, Outcome.RETRY, "quota"),
        (45011, Outcome.RETRY, "too_many"),
        (-1, Outcome.RETRY, "busy"),
        (45015, Outcome.REJECTED, "window_closed"),
        (45047, Outcome.REJECTED, "window_used"),
        (48001, Outcome.REJECTED, "no_permission"),
        (43004, Outcome.GONE, "not_following"),
        (99999, Outcome.REJECTED, "error_99999"),
        (None, Outcome.UNKNOWN, "cut_off"),
        (2.0, Outcome.UNKNOWN, "cut_off"),
        (b"not json", Outcome.UNKNOWN, "cut_off"),
        (b"[]", Outcome.UNKNOWN, "cut_off"),
        (b"<html>502", Outcome.RETRY, "busy"),
    ],
)
async def test_what_each_no_means(
    wechat: FakeWeChat, bench: Bench, code: float | bytes | None, outcome: Outcome, reason: str
) -> None:
    await bench.channel.api.token()
    wechat.fail(SEND, code)
    receipt = await bench.send()
    assert (receipt.outcome, receipt.reason) == (outcome, reason)
    assert (receipt.retry_after > 0) is (outcome is Outcome.RETRY)


@pytest.mark.parametrize("code", [40001, 40014, 42001])
async def test_a_token_that_is_refused_is_replaced_once(wechat: FakeWeChat, bench: Bench, code: int) -> None:
    await wechat.say("o-li", "你好")
    await bench.send()
    wechat.fail(SEND, code)
    assert (await bench.send()).outcome is Outcome.SENT
    wechat.fail(SEND, code, times=9)
    receipt = await bench.send()
    assert (receipt.outcome, receipt.reason) == (Outcome.RETRY, "token")


async def test_fifty_who_want_a_token_cause_one_request(wechat: FakeWeChat, bench: Bench) -> None:
    wechat.fail(TOKENS, 0.2)
    tokens = await asyncio.gather(*(bench.channel.api.token() for _ in range(50)))
    assert len(set(tokens)) == 1 and wechat.calls.count(TOKENS) == 1
    wechat.expire_tokens()
    wechat.calls.clear()
    await asyncio.gather(*(bench.channel.api.token(instead_of=tokens[0]) for _ in range(50)))
    assert wechat.calls.count(TOKENS) == 1


async def test_a_token_that_cannot_be_had_is_not_asked_for_by_each(wechat: FakeWeChat, bench: Bench) -> None:
    wechat.fail(TOKENS, -1, times=99)
    outcomes = await asyncio.gather(*(bench.send() for _ in range(50)))
    assert {(one.outcome, one.reason) for one in outcomes} == {(Outcome.RETRY, "busy")}
    assert wechat.calls.count(TOKENS) == 1


async def test_a_token_is_not_forced_twice_a_minute(wechat: FakeWeChat, bench: Bench) -> None:
    """The platform allows twenty a day; an account that refuses every token must not use them up."""
    await wechat.say("o-li", "你好")
    wechat.fail(SEND, 40001, times=99)
    for _ in range(5):
        assert (await bench.send()).reason == "token"
    # One to begin with, the same once more, and another by force; then the same each time, or nothing within two seconds.
    assert wechat.forced == 1


async def test_two_processes_do_not_spoil_each_others_token(wechat: FakeWeChat, bench: Bench, tmp_path: Path) -> None:
    other = Bench(wechat, tmp_path)
    assert await bench.channel.api.token() == await other.channel.api.token()
    await other.channel.close()


async def test_a_start_with_wrong_settings_says_so(wechat: FakeWeChat, tmp_path: Path) -> None:
    for wrong, key in (
        ({"secret": "no"}, "wechat.wrong_secret"),
        ({"app_id": "wx0000000000"}, "wechat.wrong_app_id"),
        ({"base_url": "http://127.0.0.1:9"}, "wechat.unreachable"),
    ):
        bench = Bench(wechat, tmp_path, **wrong)
        with pytest.raises(Refusal) as refusal:
            await bench.channel.start()
        assert refusal.value.key == key
        await bench.channel.close()


def test_settings_that_cannot_work() -> None:
    assert WeChatSettings().problems() == [
        "wechat.no_app_id",
        "wechat.no_secret",
        "wechat.bad_token",
        "wechat.bad_aes_key",
    ]
    good = {"app_id": APP_ID, "secret": SECRET, "token": TOKEN}
    assert WeChatSettings.model_validate({**good, "mode": "plain"}).problems() == []
    assert WeChatSettings.model_validate({**good, "mode": "plain"}).weaknesses() == ["wechat.plain_mode"]
    assert WeChatSettings.model_validate({**good, "aes_key": "x" * 42}).problems() == ["wechat.bad_aes_key"]
    for where in ("http://api.example", "//api.example", "ftp://127.0.0.1", "https://", "https://[::1", "api.example"):
        for name in ("base_url", "open_url"):
            wrong = WeChatSettings.model_validate({**good, "mode": "plain", name: where})
            assert wrong.problems() == ["wechat.bad_url"], where
    assert WeChatSettings.model_validate({**good, "mode": "plain", "base_url": "http://[::1]:9"}).problems() == []
    assert WeChatSettings.model_validate({**good, "aes_key": AES_KEY, "path": "x"}).problems() == ["wechat.bad_path"]


# ---------------------------------------------------------------- menu, media, web sign-in


async def test_the_menu(wechat: FakeWeChat, bench: Bench) -> None:
    await bench.channel.start(usual("https://tuan.example"))
    assert [one["type"] for one in wechat.menu["button"]] == ["click", "view"]
    assert wechat.menu["button"][1]["url"] == "https://tuan.example/h5"
    wechat.verified = False
    await bench.channel.start(usual())
    with pytest.raises(ApiError):
        await set_menu(bench.channel.api, usual())


@pytest.mark.parametrize(
    "items",
    [
        [],
        [Item("一", says="一")] * 4,
        [Item("一二三四五六", says="一")],
        [Item("一")],
        [Item("一", says="一", url="https://x.example")],
        [Item("一", url="javascript:alert(1)")],
        [Item("一", says="长" * 43)],
        [Item("一", below=[Item("二", says="二")] * 6)],
        [Item("一", below=[Item("二", below=[Item("三", says="三")])])],
    ],
)
def test_a_menu_that_the_platform_would_not_take(items: list[Item]) -> None:
    with pytest.raises(ValueError, match=r"[a-z]"):
        menu_of(items)


async def test_a_file_that_somebody_sent(wechat: FakeWeChat, bench: Bench) -> None:
    wechat.media["m1"] = (b"#!AMR" + b"a" * 100, 0.0)
    assert (await bench.channel.fetch("m1", 105)).startswith(b"#!AMR")
    with pytest.raises(TooLarge):
        await bench.channel.fetch("m1", 104)
    with pytest.raises(Unfetchable):
        await bench.channel.fetch("m2", 104)
