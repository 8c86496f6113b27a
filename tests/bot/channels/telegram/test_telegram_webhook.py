"""The webhook: who may speak, how much, in which form; and that 200 comes only after the event is written down."""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from bot.channels.telegram.channel import Me, TelegramSettings, webhook_routes
from bot.channels.telegram.webhook import LARGEST_BODY
from engagement.clocks import SetClock
from engagement.kernel import Incoming
from tests.platforms.telegram.chats import Chat, message_update, person, press_update

SECRET = "a-secret-of-24-letters--"
NOW = datetime(2026, 9, 1, tzinfo=UTC)
ME = Me(42, "tuantuan_bot")
GROUP = Chat(-100, "阳光花园", "supergroup")


class Inbox:
    """Takes events, or fails as a database does."""

    def __init__(self) -> None:
        self.events: list[Incoming] = []
        self.pressed: list[str] = []
        self.fails: Exception | None = None
        self.me: Me | None = ME

    async def receive(self, event: Incoming) -> None:
        await asyncio.sleep(0)
        if self.fails is not None:
            raise self.fails
        self.events.append(event)


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


@pytest.fixture
async def client(inbox: Inbox) -> AsyncIterator[httpx.AsyncClient]:
    settings = TelegramSettings.model_validate(
        {"token": "42:x", "mode": "webhook", "webhook_url": "http://bot.example", "secret": SECRET}
    )
    routes = webhook_routes(
        settings, inbox.receive, me=lambda: inbox.me, clock=SetClock(NOW), pressed=inbox.pressed.append
    )
    transport = httpx.ASGITransport(Starlette(routes=routes), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://bot.example") as client:
        yield client


def update(text: str = "签到", number: int = 5) -> dict[str, Any]:
    return {"update_id": number} | message_update(GROUP, person(7, "李阿姨"), text)


async def post(client: httpx.AsyncClient, body: Any, secret: str | bytes | None = SECRET) -> int:
    headers = [] if secret is None else [("x-telegram-bot-api-secret-token", secret)]
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return (await client.post("/telegram/webhook", content=content, headers=headers)).status_code  # type: ignore[arg-type]


async def test_an_update_is_written_down_and_then_acknowledged(client: httpx.AsyncClient, inbox: Inbox) -> None:
    assert await post(client, update()) == 200
    assert [(e.text, e.dedupe_key, e.received_at) for e in inbox.events] == [("签到", "u5", NOW)]


@pytest.mark.parametrize(
    "secret", [None, "", "x", SECRET[:-1], SECRET + "x", SECRET.upper(), " " + SECRET, "密".encode(), b"\xff" * 24]
)
async def test_a_wrong_secret_has_no_effect(
    client: httpx.AsyncClient, inbox: Inbox, secret: str | bytes | None
) -> None:
    if secret == " " + SECRET:
        secret = SECRET + " ."
    assert await post(client, update(), secret) == 403
    assert await post(client, b"not json", secret) == 403, "the body is not even read"
    assert inbox.events == []


async def test_two_secrets_are_none(client: httpx.AsyncClient, inbox: Inbox) -> None:
    headers = [("x-telegram-bot-api-secret-token", SECRET)] * 2
    response = await client.post("/telegram/webhook", content=json.dumps(update()), headers=headers)
    assert response.status_code == 403
    assert inbox.events == []


async def test_the_secret_is_compared_in_constant_time(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared = []

    def compare(given: bytes, right: bytes) -> bool:
        compared.append((given, right))
        return given == right

    monkeypatch.setattr(hmac, "compare_digest", compare)
    assert await post(client, update()) == 200
    assert await post(client, update(), None) == 403
    assert compared == [(SECRET.encode(), SECRET.encode()), (b"", SECRET.encode())]


def test_without_a_secret_there_is_no_webhook(inbox: Inbox) -> None:
    with pytest.raises(ValueError, match="secret"):
        webhook_routes(TelegramSettings(), inbox.receive, me=lambda: ME, clock=SetClock(NOW))


async def test_a_database_that_fails_is_told_to_telegram(client: httpx.AsyncClient, inbox: Inbox) -> None:
    inbox.fails = OSError("disk full")
    assert await post(client, update()) == 500
    inbox.fails = None
    assert await post(client, update()) == 200
    assert len(inbox.events) == 1


async def test_before_we_know_who_we_are_telegram_must_wait(client: httpx.AsyncClient, inbox: Inbox) -> None:
    inbox.me = None
    assert await post(client, update()) == 503
    assert inbox.events == []


async def test_a_button_is_answered_only_when_its_event_is_written_down(
    client: httpx.AsyncClient, inbox: Inbox
) -> None:
    pressed = {"update_id": 6} | press_update(GROUP, person(7), 1, "faq:1", "q9")
    inbox.fails = OSError("disk full")
    assert await post(client, pressed) == 500
    assert inbox.pressed == []
    inbox.fails = None
    assert await post(client, pressed) == 200
    assert inbox.pressed == ["q9"]


async def test_size_and_method(client: httpx.AsyncClient, inbox: Inbox) -> None:
    text = json.dumps(update("啊" * 10, 8), ensure_ascii=False).encode()
    assert await post(client, text + b" " * (LARGEST_BODY - len(text))) == 200
    assert await post(client, text + b" " * (LARGEST_BODY + 1 - len(text))) == 413

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(60_000):
            yield b" " * 1000

    headers = {"x-telegram-bot-api-secret-token": SECRET}
    assert (await client.post("/telegram/webhook", content=chunks(), headers=headers)).status_code == 413
    assert (await client.put("/telegram/webhook", content=text, headers=headers)).status_code == 405
    assert (await client.get("/telegram/webhook", headers=headers)).status_code == 405
    assert len(inbox.events) == 1


async def test_a_body_that_drips_is_given_up(
    client: httpx.AsyncClient, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.channels.telegram.webhook.BODY_SECONDS", 0.05)

    async def drip() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b" "
            await asyncio.sleep(0.02)

    headers = {"x-telegram-bot-api-secret-token": SECRET}
    assert (await client.post("/telegram/webhook", content=drip(), headers=headers)).status_code == 408


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"[]", b"null", b"[" * 100_000, b'{"update_id": 1e3}', b'{"update_id": NaN}', b"\x1f\x8b\x08\x00"],
)
async def test_what_is_not_an_update_is_refused(client: httpx.AsyncClient, inbox: Inbox, body: bytes) -> None:
    assert await post(client, body) == 400
    assert inbox.events == []


@pytest.mark.parametrize(
    "odd", [{"message": {"odd": True}}, {"message": None}, {"callback_query": {"id": "q1", "message": 5, "data": "a"}}]
)
async def test_an_update_that_cannot_be_read_is_taken_once(client: httpx.AsyncClient, inbox: Inbox, odd: Any) -> None:
    """A no would bring it again and again, for hours, before whatever comes after it; polling leaves it behind as well."""
    assert await post(client, json.dumps({"update_id": 9} | odd).encode()) == 200
    assert inbox.events == []


async def test_every_row_of_the_json_collection(client: httpx.AsyncClient, inbox: Inbox, shared: Path) -> None:
    """As the body, and inside a message: never 500; as the body never an event."""
    lines = (shared / "data/abuse/wire/json_parsing_dev.jsonl").read_text("utf-8").strip().split("\n")
    statuses: dict[int, int] = {}
    for line in lines:
        row = json.loads(line)
        body = row["input"].encode("utf-8", "surrogatepass")
        status = await post(client, body)
        assert status == 400, row["name"]
        for wrapped in (b'{"update_id": 9, "message": %s}' % body, b'{"update_id": 9, "x": %s}' % body):
            status = await post(client, wrapped)
            assert status in (200, 400), row["name"]
            if row["expect"] == "reject" and status == 200:
                # Two halves that are JSON only together: `1}` and the like.
                json.loads(wrapped)
            statuses[status] = statuses.get(status, 0) + 1
    assert inbox.events == []
    assert statuses[200] > 20, "rows that are JSON are read, and ignored where we do not look"


async def test_every_row_of_the_other_wire_collections(client: httpx.AsyncClient, inbox: Inbox, shared: Path) -> None:
    """XML of other platforms' callbacks is refused like any other body that is not JSON."""
    import base64

    for name in ("xml_bombs_defusedxml_dev", "xml_not_wellformed_dev"):
        for line in (shared / f"data/abuse/wire/{name}.jsonl").read_text("utf-8").strip().split("\n"):
            assert await post(client, base64.b64decode(json.loads(line)["b64"])[:LARGEST_BODY]) == 400
    assert inbox.events == []


async def test_every_row_of_the_text_collections(client: httpx.AsyncClient, inbox: Inbox, shared: Path) -> None:
    rows = 0
    for name in ("blns_dev", "names_nasty_dev", "time_edges_dev"):
        for line in (shared / f"data/abuse/text/{name}.jsonl").read_text("utf-8").strip().split("\n"):
            text = json.loads(line).get("text", line)
            rows += 1
            assert await post(client, update(text, rows)) == 200
    assert rows > 500
    assert len(inbox.events) == rows
