"""The platform itself: a fake that lets everything pass proves nothing."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import httpx
import pytest

from tests.platforms.serving import ROOT
from tests.platforms.telegram import FakeTelegram, Limits, answer, delay, drop, too_many
from tests.platforms.telegram.markup import CannotParse, read, units
from tests.platforms.telegram.wire import Connection, Response


async def call(telegram: FakeTelegram, method: str, **params: object) -> httpx.Response:
    async with httpx.AsyncClient(trust_env=False) as client:
        return await client.post(f"{telegram.url}/bot{telegram.token}/{method}", json=params)


def test_limits_slide() -> None:
    limits = Limits(per_second=3, per_group=2, group_window=10)
    assert [limits.admit(-1, now) for now in (0.0, 0.1, 0.2)] == [0, 0, 10]
    assert [limits.admit(-2, now) for now in (0.3, 0.4)] == [0, 1], "three in any second over all"
    assert limits.admit(-2, 1.01) == 0
    assert limits.admit(-1, 10.0) == 0
    assert [limits.admit(7, 20 + n / 100) for n in range(4)] == [0, 0, 0, 1], "private chats have no group's limit"
    assert limits.refused == 3
    assert all(Limits.none().admit(-1, 0.0) == 0 for _ in range(100))


async def test_limits_are_answered_with_429() -> None:
    async with FakeTelegram(limits=Limits(per_second=5)) as telegram:
        telegram.add_group(-1)
        answers = [await call(telegram, "sendMessage", chat_id=-1, text="x") for _ in range(6)]
        assert [a.status_code for a in answers] == [200] * 5 + [429]
        assert answers[-1].json()["parameters"]["retry_after"] == 1
        assert len(telegram.sent(-1)) == 5


async def test_noes() -> None:
    async with FakeTelegram() as telegram:
        telegram.add_group(-1)
        for params, word in [
            ({"chat_id": -9, "text": "x"}, "chat not found"),
            ({"chat_id": -1, "text": ""}, "empty"),
            ({"chat_id": -1, "text": "😀" * 2049}, "too long"),
            ({"chat_id": -1, "text": "<b>", "parse_mode": "HTML"}, "parse"),
            ({"chat_id": -1, "text": "x", "reply_parameters": {"message_id": 9}}, "not found"),
            (
                {"chat_id": -1, "text": "x", "reply_markup": {"inline_keyboard": [[{"callback_data": "x" * 65}]]}},
                "BUTTON",
            ),
        ]:
            refused = await call(telegram, "sendMessage", **params)
            assert refused.status_code == 400
            assert word in refused.json()["description"]
        new = await telegram.migrate(-1, tell=False)
        moved = await call(telegram, "sendMessage", chat_id=-1, text="x")
        assert moved.json()["parameters"] == {"migrate_to_chat_id": new}
        await telegram.remove_bot(new, tell=False)
        assert (await call(telegram, "sendMessage", chat_id=new, text="x")).status_code == 403
        assert (await call(telegram, "noSuchMethod")).status_code == 404
        async with httpx.AsyncClient(trust_env=False) as client:
            assert (await client.post(f"{telegram.url}/bot9:wrong/getMe")).status_code == 401
        assert telegram.sent() == []


async def test_faults() -> None:
    async with FakeTelegram(limits=Limits.none()) as telegram:
        telegram.add_group(-1)
        telegram.add_group(-2)
        telegram.fail("sendMessage", too_many(7), chat=-2)
        assert (await call(telegram, "sendMessage", chat_id=-1, text="x")).status_code == 200
        assert (await call(telegram, "sendMessage", chat_id=-2, text="x")).json()["parameters"]["retry_after"] == 7
        telegram.fail("*", drop())
        with pytest.raises(httpx.HTTPError):
            await call(telegram, "sendMessage", chat_id=-1, text="lost")
        telegram.fail("*", drop(after_sending=True))
        with pytest.raises(httpx.HTTPError):
            await call(telegram, "sendMessage", chat_id=-1, text="out")
        assert [d.text for d in telegram.sent(-1)] == ["x", "out"]
        telegram.fail("*", delay(0.2))
        began = asyncio.get_running_loop().time()
        await call(telegram, "getMe")
        assert asyncio.get_running_loop().time() - began >= 0.2
        telegram.fail("*", answer(502, raw=b"<html>"))
        assert (await call(telegram, "getMe")).content == b"<html>"


async def test_privacy_mode_hides_plain_words() -> None:
    async with FakeTelegram(privacy=True) as telegram:
        telegram.add_group(-1)
        await telegram.say(-1, 7, "签到")
        await telegram.say(-1, 7, "@tuantuan_bot 你好")
        await telegram.say(-1, 7, "/checkin")
        await telegram.say(7, 7, "积分")
        assert [update["message"]["text"] for update in telegram.pending] == ["@tuantuan_bot 你好", "/checkin", "积分"]
        telegram.chat(-1).bot = "administrator"
        await telegram.say(-1, 7, "签到")
        assert len(telegram.pending) == 4
        await telegram.join(-1, 8)
        assert "chat_member" not in telegram.pending[-1], "nobody asked for chat_member"


async def test_an_update_is_offered_until_the_bot_says_200() -> None:
    statuses = iter([500, 503, 200])
    seen: list[bytes] = []

    def handler(request: object) -> Response:
        seen.append(request.body)  # type: ignore[attr-defined]
        return Response(next(statuses), b"")

    connections: set[Connection] = set()
    server = await asyncio.get_running_loop().create_server(lambda: Connection(handler, connections), "127.0.0.1", 0)
    async with FakeTelegram(privacy=False) as telegram:
        telegram.webhook = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
        await telegram.say(7, 7, "签到")
    assert len(seen) == 3
    assert len(set(seen)) == 1
    server.close()
    await server.wait_closed()


def test_markup_is_read_as_telegram_reads_it() -> None:
    assert read("<b>5</b> &lt;分&gt; @durov http://x.cn", "HTML") == (
        "5 <分> @durov http://x.cn",
        [("bold", "5"), ("mention", "@durov"), ("url", "http://x.cn")],
    )
    assert read("<b>5</b>", None) == ("<b>5</b>", [])
    for wrong in ("<b>", "</b>", "<b><i></b></i>", "<img src=x>", "<!-- x -->"):
        with pytest.raises(CannotParse):
            read(wrong, "HTML")
    assert units("好😀") == 3


async def test_it_runs_as_a_process_of_its_own(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tests.platforms.telegram", "--groups", "2", "--log", str(log)),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    url = (await asyncio.wait_for(process.stdout.readline(), 30)).decode().strip()
    try:
        async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
            await client.post("/_/fail", json={"method": "sendMessage", "answer": 429, "retry_after": 2})
            sent = [await client.post("/bot1:test/sendMessage", json={"chat_id": -1, "text": "好"}) for _ in range(2)]
            assert [answered.status_code for answered in sent] == [429, 200]
            assert (await client.post("/_/say", json={"chat": -1, "user": 7, "text": "签到"})).json()["message_id"] == 2
            updates = (await client.post("/bot1:test/getUpdates", json={"timeout": 0})).json()["result"]
            assert [update["message"]["text"] for update in updates] == ["签到"]
            entries = (await client.get("/_/log?after=1")).json()["entries"]
            assert [(entry["text"], entry["status"]) for entry in entries] == [("好", 200)]
    finally:
        process.terminate()
        await process.wait()
    with log.open(encoding="utf-8") as lines:
        assert [json.loads(line)["status"] for line in lines] == [429, 200]


async def test_a_forum_takes_what_belongs_into_it() -> None:
    async with FakeTelegram() as telegram:
        room = telegram.add_group(-1)
        refused = await call(telegram, "sendMessage", chat_id=-1, text="x", message_thread_id=5)
        assert refused.json()["description"] == "Bad Request: message thread not found", "no forum"
        room.topics = {5: True, 6: False, 0: False}
        said = [
            await call(telegram, "sendMessage", chat_id=-1, text="x", **({"message_thread_id": n} if n else {}))
            for n in (5, 6, 7, 0)
        ]
        assert [one.json().get("description", "") for one in said] == [
            "",
            "Bad Request: TOPIC_CLOSED",
            "Bad Request: message thread not found",
            "Bad Request: TOPIC_CLOSED",
        ]
        assert [d.thread for d in telegram.sent(-1)] == [5]
        room.bot = "administrator"
        closed = await call(telegram, "sendMessage", chat_id=-1, text="x", message_thread_id=6)
        assert closed.status_code == 200, "an administrator writes into a closed topic"
        await telegram.say(-1, 7, "/x", thread=5)
        message = telegram.pending[-1]["message"]
        assert (message["message_thread_id"], message["is_topic_message"], message["chat"]["is_forum"]) == (
            5,
            True,
            True,
        )


async def test_rights_that_are_missing_are_said_as_telegram_says_them() -> None:
    async with FakeTelegram() as telegram:
        room = telegram.add_group(-1)
        number = await telegram.say(-1, 7, "/x")
        room.denied = {"messages", "reactions"}
        text = await call(telegram, "sendMessage", chat_id=-1, text="x")
        assert text.json()["description"] == "Bad Request: not enough rights to send text messages to the chat"
        stamp = await call(telegram, "setMessageReaction", chat_id=-1, message_id=number, reaction=[{"emoji": "👍"}])
        assert stamp.json()["description"] == "Bad Request: REACTION_INVALID"
        room.denied = {"photos"}
        assert (await call(telegram, "sendMessage", chat_id=-1, text="x")).status_code == 200
        photo = await call(telegram, "sendPhoto", chat_id=-1, photo="p")
        assert photo.json()["description"] == "Bad Request: not enough rights to send photos to the chat"


async def test_who_was_only_met_in_a_group_is_not_written_to() -> None:
    async with FakeTelegram(privacy=False) as telegram:
        telegram.add_group(-1)
        await telegram.say(-1, 7, "早")
        refused = await call(telegram, "sendMessage", chat_id=7, text="x")
        assert refused.json()["description"] == "Forbidden: bot can't initiate conversation with a user"
        await telegram.say(7, 7, "/start")
        assert (await call(telegram, "sendMessage", chat_id=7, text="x")).status_code == 200
        await telegram.block(7)
        assert telegram.pending[-1]["my_chat_member"]["new_chat_member"]["status"] == "kicked"
        refused = await call(telegram, "sendMessage", chat_id=7, text="x")
        assert refused.json()["description"] == "Forbidden: bot was blocked by the user"


async def test_two_bots_on_one_platform() -> None:
    async with FakeTelegram("1:one", username="one_bot") as telegram:
        other = telegram.twin("2:two", "two_bot")
        other.add_group(-1)
        assert (await call(telegram, "sendMessage", chat_id=-1, text="x")).status_code == 400
        assert (await call(other, "sendMessage", chat_id=-1, text="x")).status_code == 200
        assert (await call(other, "getMe")).json()["result"]["username"] == "two_bot"
        assert [len(one.sent()) for one in (telegram, other)] == [0, 1]
