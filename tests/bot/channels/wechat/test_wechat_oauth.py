"""The way to the platform and back: what is sent, which states hold, what each answer means."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from bot.channels.wechat import oauth
from bot.channels.wechat.api import Api
from bot.channels.wechat.oauth import LASTS, OAuth
from bot.channels.wechat.settings import WeChatSettings
from engagement.entry.joining import Account
from engagement.errors import Refusal
from tests.platforms.wechat import FakeWeChat
from tests.platforms.wechat.signin import AGENT
from tests.platforms.wechat.signing import AES_KEY, APP_ID, SECRET, TOKEN

EXCHANGE = "/sns/oauth2/access_token"
BACK = "https://tuan.example/door/wechat"
NOW = datetime(2026, 11, 19, 3, 20, tzinfo=UTC)


@pytest.fixture
async def wechat() -> AsyncIterator[FakeWeChat]:
    async with FakeWeChat() as platform:
        yield platform


def settings(wechat: FakeWeChat, **more: object) -> WeChatSettings:
    given = {"app_id": APP_ID, "secret": SECRET, "token": TOKEN, "aes_key": AES_KEY, "base_url": wechat.url}
    return WeChatSettings.model_validate({**given, "timeout": 0.5, **more})


@pytest.fixture
async def door(wechat: FakeWeChat) -> AsyncIterator[OAuth]:
    api = Api(settings(wechat))
    yield OAuth(settings(wechat), api, b"s" * 32)
    await api.close()


def state_of(address: str) -> str:
    return parse_qs(urlsplit(address).query)["state"][0]


def refused(door: OAuth, state: str, target: str = "/h5/points", browser: str = "browser-1", later: float = 0) -> bool:
    try:
        ends = door.check(state, target, browser, NOW + timedelta(seconds=later))
    except Refusal as refusal:
        return refusal.key == "wechat.oauth_again"
    assert ends > NOW + timedelta(seconds=later)
    return False


async def no_of(door: OAuth, code: str) -> str:
    with pytest.raises(Refusal) as refusal:
        await door.who(code)
    return refusal.value.key


def test_what_the_platform_is_asked(door: OAuth) -> None:
    address = door.start(BACK, "/h5/points", "browser-1", NOW)
    assert address.startswith("https://open.weixin.qq.com/connect/oauth2/authorize?appid=")
    assert address.endswith("#wechat_redirect")
    query = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
    assert list(query) == ["appid", "redirect_uri", "response_type", "scope", "state"], "in this order"
    assert (query["appid"], query["response_type"], query["scope"]) == (APP_ID, "code", "snsapi_base")
    assert query["redirect_uri"] == f"{BACK}?to=%2Fh5%2Fpoints"
    assert query["state"].isalnum() and len(query["state"]) <= 128
    assert SECRET not in address
    assert state_of(door.start(BACK, "/h5/points", "browser-1", NOW)) != query["state"]


@pytest.mark.parametrize(
    "target",
    ["", "/", "//evil.example", "/h5//evil.example", "https://evil.example", "/console/me", "/h5/../console", "/h5?x=1",
     "/h5/\\evil", "/h5/a\n", "/h5x", "/h5/" + "a/" * 7 + "a", "/h5/密"],
)  # fmt: skip
def test_only_the_residents_pages_are_a_target(door: OAuth, target: str) -> None:
    with pytest.raises(Refusal, match="oauth_again"):
        door.start(BACK, target, "browser-1", NOW)


def test_which_states_hold(door: OAuth, wechat: FakeWeChat) -> None:
    state = state_of(door.start(BACK, "/h5/points", "browser-1", NOW))
    assert not refused(door, state) and not refused(door, state, later=LASTS)
    assert refused(door, state, later=LASTS + 1) and refused(door, state, later=-2)
    assert refused(door, state, browser="browser-2") and refused(door, state, browser="")
    assert refused(door, state, target="/h5/mine") and refused(door, state, target="https://evil.example")
    for wrong in ("", state[:-1], state + "0", state.upper(), "0" * 88, "密" * 88, f"{state[:-1]}{'01'[state[-1] == '0']}",
                  f"{int(state[:8], 16) + 60:08x}{state[8:]}"):  # fmt: skip
        assert refused(door, wrong), wrong
    other = OAuth(settings(wechat), door._api, b"t" * 32)
    assert refused(other, state), "another installation's"
    elsewhere = OAuth(settings(wechat, app_id="wx0000000000000000"), door._api, b"s" * 32)
    assert refused(elsewhere, state), "another account's"
    nobody = state_of(door.start(BACK, "/h5/points", "", NOW))
    assert refused(door, nobody, browser=""), "a browser without a mark is nobody's"
    with pytest.raises(ValueError, match="secret"):
        OAuth(settings(wechat), door._api, b"")


async def test_codes(door: OAuth, wechat: FakeWeChat) -> None:
    code = wechat.web.code("o-li")
    assert (await door.who(code)).external_id == "o-li"
    assert await no_of(door, code) == "wechat.oauth_again", "a second time"
    assert await no_of(door, wechat.web.code("o-li", "wx0000000000000000")) == "wechat.oauth_again", "another account's"
    late = wechat.web.code("o-li")
    wechat.web.shift = 301.0
    assert await no_of(door, late) == "wechat.oauth_again"
    asked = wechat.calls.count(EXCHANGE)
    for rubbish in ("", "a b", "密", "x" * 513, "../", "<script>"):
        assert await no_of(door, rubbish) == "wechat.oauth_again"
    assert wechat.calls.count(EXCHANGE) == asked, "what can be none is not asked about"
    wechat.web.preview = True
    assert await no_of(door, wechat.web.code("o-li")) == "wechat.oauth_preview"


@pytest.mark.parametrize("how", [-1, 40001, 40013, 40125, 45009, 48001, 50002, None, 1.0, b"no json", b"<html>502"])
async def test_what_is_ours_to_mend_is_not_the_persons_fault(
    door: OAuth, wechat: FakeWeChat, how: float | bytes | None
) -> None:
    wechat.fail(EXCHANGE, how)
    assert await no_of(door, wechat.web.code("o-li")) == "wechat.oauth_later"
    assert (await door.who(wechat.web.code("o-li"))).external_id == "o-li", "and the next one comes in"


@pytest.mark.parametrize(
    "body", [b'{"openid": ""}', b'{"openid": 7}', b'{"openid": "a b"}', b"{}", b'{"openid": null}']
)
async def test_an_answer_that_names_nobody(door: OAuth, wechat: FakeWeChat, body: bytes) -> None:
    wechat.fail(EXCHANGE, body)
    assert await no_of(door, wechat.web.code("o-li")) == "wechat.oauth_again"


async def test_a_crowd_at_the_door_leaves_room_for_messages(
    door: OAuth, wechat: FakeWeChat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oauth, "WAITS", 0.1)
    wechat.fail(EXCHANGE, 0.4, times=99)
    codes = [wechat.web.code(f"o-{number}") for number in range(oauth.AT_ONCE + 5)]
    came = await asyncio.gather(*(door.who(code) for code in codes), return_exceptions=True)
    assert [one.external_id for one in came if isinstance(one, Account)] == [
        f"o-{number}" for number in range(oauth.AT_ONCE)
    ]
    assert {one.key for one in came if isinstance(one, Refusal)} == {"wechat.oauth_later"}


def test_whose_browser_it_is(door: OAuth) -> None:
    assert door.is_inside(AGENT)
    assert not door.is_inside("Mozilla/5.0 (Linux; Android 14) Chrome/126.0 Mobile Safari/537.36")
    assert not door.is_inside(f"{AGENT} wxwork/4.1.26"), "WeCom's knows no Official Account"
    assert not door.is_inside("")
