"""The callback: who may speak, for whom, when; and that 200 comes only after the event is written down."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import httpx
import pytest
from starlette.applications import Starlette

from bot.channels.wecom.callback import Changed, callback_routes, events_of
from bot.channels.wecom.settings import HOOK_PATH, WecomSettings
from bot.channels.wecom.wire import LARGEST_BODY, parse_xml
from engagement.clocks import SetClock
from engagement.kernel import Event, Incoming, Place
from tests.platforms.wecom.sealing import Seal, signature

CORP, TOKEN, KEY = "ww-sample", "token-of-a-sample", "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C"
NOW = datetime(2026, 9, 1, tzinfo=UTC)
STAMP = str(int(NOW.timestamp()))
SEAL = Seal.of(KEY, CORP)


class Inbox:
    """Unique on the dedupe key, as the rows are; or fails as a database does."""

    def __init__(self) -> None:
        self.events: dict[str, Incoming] = {}
        self.fails: Exception | None = None

    async def receive(self, event: Incoming | Changed) -> None:
        await asyncio.sleep(0)
        if self.fails is not None:
            raise self.fails
        assert isinstance(event, Incoming)
        self.events.setdefault(event.dedupe_key, event)


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


@pytest.fixture
async def client(inbox: Inbox) -> AsyncIterator[httpx.AsyncClient]:
    settings = WecomSettings.model_validate(
        {"corp_id": CORP, "agent_id": 7, "secret": "s", "token": TOKEN, "aes_key": KEY}
    )
    assert settings.problems() == []
    transport = httpx.ASGITransport(
        Starlette(routes=callback_routes(settings, inbox.receive, SetClock(NOW))), raise_app_exceptions=False
    )
    async with httpx.AsyncClient(transport=transport, base_url="http://bot.example") as client:
        yield client


def text(words: str = "签到", number: str = "901", sender: str = "li", corp: str = CORP) -> str:
    return (
        f"<xml><ToUserName>{corp}</ToUserName><FromUserName>{sender}</FromUserName><CreateTime>{STAMP}</CreateTime>"
        f"<MsgType>text</MsgType><Content>{words}</Content><MsgId>{number}</MsgId><AgentID>7</AgentID></xml>"
    )


def change(detail: str, *who: str, kind: str = "update") -> str:
    items = "".join(f"<Item>{one}</Item>" for one in who)
    return (
        f"<xml><ToUserName>{CORP}</ToUserName><FromUserName>sys</FromUserName><CreateTime>{STAMP}</CreateTime>"
        f"<MsgType>event</MsgType><Event>change_external_chat</Event><ChatId>wr1</ChatId><ChangeType>{kind}</ChangeType>"
        f"<UpdateDetail>{detail}</UpdateDetail><MemChangeList>{items}</MemChangeList></xml>"
    )


async def post(client: httpx.AsyncClient, inner: str | bytes, seal: Seal = SEAL, **query: str) -> int:
    sealed = seal.close(inner if isinstance(inner, bytes) else inner.encode())
    asked = {"timestamp": STAMP, "nonce": "n1", **query}
    asked.setdefault("msg_signature", signature(TOKEN, (asked["timestamp"], asked["nonce"], sealed)))
    body = f"<xml><ToUserName>{CORP}</ToUserName><Encrypt><![CDATA[{sealed}]]></Encrypt></xml>"
    return (await client.post(HOOK_PATH, params=asked, content=body.encode())).status_code


async def test_a_message_is_written_down_and_then_acknowledged(client: httpx.AsyncClient, inbox: Inbox) -> None:
    assert await post(client, text()) == 200
    [event] = inbox.events.values()
    assert (event.event, event.place, event.conversation, event.sender) == (Event.MESSAGE, Place.DM, "li", "li")
    assert (event.text, event.account, event.occurred_at, event.received_at) == ("签到", CORP, NOW, NOW)


async def test_three_times_is_once_and_two_people_are_two(client: httpx.AsyncClient, inbox: Inbox) -> None:
    for nonce in ("a", "b", "c"):
        assert await post(client, text(), nonce=nonce) == 200
    assert await post(client, text(sender="wang")) == 200
    assert len(inbox.events) == 2


@pytest.mark.parametrize("number", ["0", ""])
async def test_a_message_without_an_id_is_known_by_its_second(
    client: httpx.AsyncClient, inbox: Inbox, number: str
) -> None:
    for _ in range(3):
        assert await post(client, text(number=number)) == 200
    assert len(inbox.events) == 1


async def test_no_acknowledgement_without_a_commit(client: httpx.AsyncClient, inbox: Inbox) -> None:
    inbox.fails = OSError("disk")
    assert await post(client, text()) == 500
    inbox.fails = None
    assert await post(client, text()) == 200
    assert len(inbox.events) == 1


@pytest.mark.parametrize("seconds", [-301, 301, -86400, 3600])
async def test_an_old_callback_is_not_heard(client: httpx.AsyncClient, inbox: Inbox, seconds: int) -> None:
    assert await post(client, text(), timestamp=str(int(STAMP) + seconds)) == 403
    assert not inbox.events


@pytest.mark.parametrize("seconds", [-300, 300])
async def test_five_minutes_are_within(client: httpx.AsyncClient, seconds: int) -> None:
    assert await post(client, text(), timestamp=str(int(STAMP) + seconds)) == 200


async def test_forged_callbacks(client: httpx.AsyncClient, inbox: Inbox) -> None:
    wrong = [("msg_signature", ""), ("msg_signature", "0" * 40), ("timestamp", "x"), ("timestamp", "９" * 10)]
    for name, value in wrong:
        assert await post(client, text(), SEAL, **{name: value}) == 403
    # The signature is right for another body: the address alone proves nothing.
    other = SEAL.close(text("换一句").encode())
    assert await post(client, text(), msg_signature=signature(TOKEN, (STAMP, "n1", other))) == 403
    assert await post(client, text(), seal=Seal.of(KEY, "ww-another")) == 403
    assert await post(client, text(corp="ww-another")) == 400
    assert not inbox.events


async def test_a_query_that_says_it_twice(client: httpx.AsyncClient, inbox: Inbox) -> None:
    sealed = SEAL.close(text().encode())
    good = signature(TOKEN, (STAMP, "n1", sealed))
    body = f"<xml><Encrypt>{sealed}</Encrypt></xml>".encode()
    for query in (
        f"msg_signature={good}&msg_signature={good}&timestamp={STAMP}&nonce=n1",
        f"msg_signature={good}&timestamp={STAMP}",
        f"msg_signature={good.upper()}&timestamp={STAMP}&nonce=n1",
        "",
    ):
        assert (await client.post(f"{HOOK_PATH}?{query}", content=body)).status_code == 403
    assert not inbox.events


@pytest.mark.parametrize(
    "inner",
    [b"", b"{}", b"<xml></xml>", b"<!DOCTYPE x [<!ENTITY a 'b'>]><xml>&a;</xml>", b"\xff", text(sender="").encode()],
)
async def test_rubbish_that_is_sealed_well(client: httpx.AsyncClient, inbox: Inbox, inner: bytes) -> None:
    assert await post(client, inner) == 400
    assert not inbox.events


async def test_an_id_that_is_too_long_is_nobody_s(client: httpx.AsyncClient, inbox: Inbox) -> None:
    """Cut off, it would be that of somebody else."""
    for inner in (text(sender="w" * 65), text(number="9" * 65), change("", kind="update").replace("wr1", "r" * 65)):
        assert await post(client, inner) == 400
    assert not inbox.events


async def test_a_body_that_is_too_large(client: httpx.AsyncClient) -> None:
    query = {"msg_signature": "x", "timestamp": STAMP, "nonce": "n"}
    assert (await client.post(HOOK_PATH, params=query, content=b"x" * (LARGEST_BODY + 1))).status_code == 413
    assert (await client.post(HOOK_PATH, params=query, content=b"x" * LARGEST_BODY)).status_code == 400


async def test_a_busy_hour(client: httpx.AsyncClient, inbox: Inbox) -> None:
    """2,000 callbacks, a third of them repeated, shuffled, a twentieth forged or late: each true one once, no other."""
    chance = random.Random(7)
    calls = [(number, "true") for number in range(1200)] + [(chance.randrange(1200), "true") for _ in range(700)]
    calls += [(number + 5000, chance.choice(["forged", "late", "another"])) for number in range(100)]
    chance.shuffle(calls)
    took = []
    for number, kind in calls:
        query: dict[str, str] = {"msg_signature": "0" * 40} if kind == "forged" else {}
        if kind == "late":
            query = {"timestamp": str(int(STAMP) - 301)}
        seal = Seal.of(KEY, "ww-another") if kind == "another" else SEAL
        begun = time.perf_counter()
        assert await post(client, text(number=str(number + 1)), seal, **query) == (200 if kind == "true" else 403)
        took.append(time.perf_counter() - begun)
    assert sorted(int(one.message_id) for one in inbox.events.values()) == list(range(1, 1201))
    assert sorted(took)[int(len(took) * 0.99)] < 1.0


async def test_the_address_is_verified(client: httpx.AsyncClient) -> None:
    echo = SEAL.close(b"1616140317555161061")
    query = {"msg_signature": signature(TOKEN, (STAMP, "n", echo)), "timestamp": STAMP, "nonce": "n", "echostr": echo}
    answer = await client.get(HOOK_PATH, params=query)
    assert (answer.status_code, answer.content) == (200, b"1616140317555161061")
    for wrong in ({"echostr": ""}, {"echostr": echo[:-4]}, {"nonce": "m"}):
        assert (await client.get(HOOK_PATH, params=query | wrong)).status_code == 403


async def test_who_joined_and_who_left_a_customer_group(client: httpx.AsyncClient, inbox: Inbox) -> None:
    """李阿姨和王叔进群，王叔又退了；平台把进群说了两遍。"""
    for inner in (change("add_member", "wm-li", "wm-wang"), change("add_member", "wm-li", "wm-wang")):
        assert await post(client, inner) == 200
    assert await post(client, change("del_member", "wm-wang")) == 200
    assert [(e.event, e.place, e.conversation, e.subject) for e in inbox.events.values()] == [
        (Event.JOIN, Place.GROUP, "wr1", "wm-li"),
        (Event.JOIN, Place.GROUP, "wr1", "wm-wang"),
        (Event.LEAVE, Place.GROUP, "wr1", "wm-wang"),
    ]


@pytest.mark.parametrize(
    ("inner", "event"),
    [
        (change("", kind="create"), Changed("wr1")),
        (change("", kind="dismiss"), Event.BOT_REMOVED),
        (change("change_name"), Changed("wr1")),
        (change("change_owner"), Changed("wr1")),
        (change("add_member"), Changed("wr1")),
        (text().replace("text", "location"), None),
    ],
)
def test_what_else_is_said(inner: str, event: Event | Changed | None) -> None:
    found = events_of(parse_xml(inner.encode()), CORP, NOW)
    assert [one if isinstance(one, Changed) else one.event for one in found] == ([event] if event else [])


@pytest.mark.parametrize(("marked", "heard"), [("7", 1), ("0", 1), ("", 1), ("8", 0), ("70", 0)])
def test_what_is_another_app_s_is_not_ours(marked: str, heard: int) -> None:
    inner = text().replace("<AgentID>7<", f"<AgentID>{marked}<").encode()
    if heard:
        assert len(events_of(parse_xml(inner), CORP, NOW, agent=7)) == heard
    else:
        with pytest.raises(ValueError, match="another app"):
            events_of(parse_xml(inner), CORP, NOW, agent=7)


@pytest.mark.parametrize(("kind", "event"), [("click", Event.MESSAGE), ("template_card_event", Event.BUTTON)])
def test_menu_and_card(kind: str, event: Event) -> None:
    inner = (
        f"<xml><ToUserName>{CORP}</ToUserName><FromUserName>li</FromUserName><CreateTime>{STAMP}</CreateTime>"
        f"<MsgType>event</MsgType><Event>{kind}</Event><EventKey>积分</EventKey></xml>"
    )
    [found] = events_of(parse_xml(inner.encode()), CORP, NOW)
    assert isinstance(found, Incoming)
    assert (found.event, found.text or found.button) == (event, "积分")


def test_keys_of_the_longest_ids_fit_and_differ() -> None:
    long = "w" * 63
    inner = change("add_member", long + "a", long + "b").replace("wr1", "r" * 64)
    found = events_of(parse_xml(inner.encode()), CORP, NOW)
    keys = {one.dedupe_key for one in found if isinstance(one, Incoming)}
    assert len(keys) == 2
    assert max(map(len, keys)) <= 160
