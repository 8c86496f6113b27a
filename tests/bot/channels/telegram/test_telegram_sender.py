"""Sending, against a server that answers, refuses, stalls and hangs up as Telegram does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from bot.channels.telegram import pictures as telegram_pictures
from bot.channels.telegram.channel import TelegramSender, TelegramSettings, build_bot
from bot.rendering import TELEGRAM, Choice, Rendered, render
from engagement.kernel import Document, Kind, Outcome, Outgoing, Place, Receipt
from prompts.cards import draw
from tests.platforms.telegram import FakeTelegram, Limits, answer, delay, drop, too_many
from tests.platforms.telegram.bodies import Upload

GROUP = -1001


def message(kind: Kind = Kind.REPLY, conversation: int = GROUP, **more: Any) -> Outgoing:
    place = Place.GROUP if conversation < 0 else Place.DM
    return Outgoing(kind, "telegram", "1", place, str(conversation), "demo", "demo.text", {}, **more)


def worded(*parts: str, html: bool = False, buttons: Sequence[Sequence[Choice]] = ()) -> Callable[[Outgoing], Rendered]:
    rendered = Rendered(parts or ("好的",), html, tuple(tuple(row) for row in buttons))
    return lambda _: rendered


@pytest.fixture
async def telegram() -> AsyncIterator[FakeTelegram]:
    async with FakeTelegram() as platform:
        platform.add_group(GROUP)
        platform.chat(7)
        yield platform


class Bench:
    """A sender whose words can be set."""

    def __init__(self, telegram: FakeTelegram, pictures: Path, timeout: float) -> None:
        settings = TelegramSettings.model_validate(
            {"token": "1:test", "base_url": telegram.url, "timeout": timeout, "connections": 8}
        )
        self.bot = build_bot(settings)
        self.pictures = pictures
        self.words: Callable[[Outgoing], Any] = worded()

    async def send(self, outgoing: Outgoing | None = None) -> Receipt:
        sender = TelegramSender(self.bot, self.words, self.pictures)
        return await sender.send(outgoing or message())


@pytest.fixture
async def bench(telegram: FakeTelegram, tmp_path: Path) -> AsyncIterator[Bench]:
    bench = Bench(telegram, tmp_path, 2.0)
    await bench.bot.initialize()
    telegram.log.clear()
    yield bench
    await bench.bot.shutdown()


async def test_a_reply_quotes_what_it_answers(telegram: FakeTelegram, bench: Bench) -> None:
    asked = await telegram.say(GROUP, 7, "/积分")
    bench.words = worded("你有 <b>5</b> 分", html=True, buttons=[[Choice("points:more", "明细")]])
    receipt = await bench.send(message(reply_to=str(asked)))
    (sent,) = telegram.sent(GROUP)
    assert receipt == Receipt(Outcome.SENT, provider_id=str(sent.message_id))
    assert (sent.text, sent.entities, sent.buttons) == ("你有 5 分", [("bold", "5")], [["points:more"]])
    assert sent.reply_to == asked


async def test_a_reply_to_a_message_that_is_gone_still_comes(telegram: FakeTelegram, bench: Bench) -> None:
    assert (await bench.send(message(reply_to="999"))).outcome is Outcome.SENT
    assert telegram.sent()[0].reply_to == 0


async def test_words_without_markup_are_sent_as_they_are(telegram: FakeTelegram, bench: Bench) -> None:
    bench.words = worded("1 < 2 & <b>")
    assert (await bench.send()).outcome is Outcome.SENT
    assert telegram.sent()[0].text == "1 < 2 & <b>"


async def test_a_topic_thread_and_a_private_message(telegram: FakeTelegram, bench: Bench) -> None:
    telegram.chat(GROUP).topics = {77: True}
    await bench.send(message(Kind.PUSH, thread="77"))
    await bench.send(message(Kind.DM, 7))
    assert [(d.chat, d.params.get("message_thread_id")) for d in telegram.sent()] == [(GROUP, 77), (7, None)]


async def test_an_edit_and_an_edit_that_changes_nothing(telegram: FakeTelegram, bench: Bench) -> None:
    first = await bench.send()
    bench.words = worded("新的")
    edit = message(Kind.EDIT, reply_to=first.provider_id)
    assert await bench.send(edit) == Receipt(Outcome.SENT, provider_id=first.provider_id)
    assert await bench.send(edit) == Receipt(Outcome.SENT, provider_id=first.provider_id)
    assert [d.status for d in telegram.log] == [200, 200, 400]
    gone = await bench.send(message(Kind.EDIT, reply_to="999"))
    assert gone == Receipt(Outcome.REJECTED, reason="edit_gone")
    assert (await bench.send(message(Kind.EDIT))).reason == "no_message"


async def test_a_reaction(telegram: FakeTelegram, bench: Bench) -> None:
    said = await telegram.say(GROUP, 7, "签到")
    receipt = await bench.send(message(Kind.REACTION, reply_to=str(said), emoji="👍"))
    assert receipt.outcome is Outcome.SENT
    assert [(d.method, d.text) for d in telegram.log] == [("setMessageReaction", "👍")]
    assert (await bench.send(message(Kind.REACTION, emoji="👍"))).outcome is Outcome.REJECTED
    assert (await bench.send(message(Kind.REACTION, emoji="👍", reply_to="99"))).reason == "reaction"


async def test_a_picture_with_words_under_it(telegram: FakeTelegram, bench: Bench) -> None:
    (bench.pictures / "card.png").write_bytes(draw("poster", {"group": "阳光花园一期", "link": "https://t.me/x"}))
    assert (await bench.send(message(picture="card.png"))).outcome is Outcome.SENT
    assert [(d.method, d.text) for d in telegram.log] == [("sendPhoto", "好的")]
    bench.words = worded("长" * 1025)
    assert (await bench.send(message(picture="card.png"))).outcome is Outcome.SENT
    assert [d.method for d in telegram.log[1:]] == ["sendPhoto", "sendMessage"]
    for name in ("nowhere.png", "../card.png", "/etc/hostname"):
        telegram.log.clear()
        assert (await bench.send(message(picture=name))).outcome is Outcome.SENT
        assert [d.method for d in telegram.log] == ["sendMessage"]


def uploads(telegram: FakeTelegram) -> list[bool]:
    """Of each picture that was sent, whether it came as a file; else it was named by its id."""
    return [isinstance(d.params["photo"], Upload) for d in telegram.log if d.method == "sendPhoto" and d.status == 200]


async def test_a_poster_of_fifty_groups_is_uploaded_once(telegram: FakeTelegram, bench: Bench) -> None:
    """Eight sends at a time begin together: the others wait for the first one's upload."""
    telegram.limits = Limits.none()
    groups = [telegram.add_group(-2000 - number).id for number in range(50)]
    (bench.pictures / "poster.png").write_bytes(draw("campaign", {"name": "邻里运动会"}))
    telegram.fail("sendPhoto", delay(0.2))
    sender = TelegramSender(bench.bot, worded("**来**"), bench.pictures)
    queue = iter(groups)

    async def drive() -> list[Outcome]:
        return [(await sender.send(message(Kind.PUSH, group, picture="poster.png"))).outcome for group in queue]

    outcomes = [one for some in await asyncio.gather(*(drive() for _ in range(8))) for one in some]
    assert outcomes == [Outcome.SENT] * 50
    assert uploads(telegram).count(True) == 1
    assert len(telegram.sent()) == 50 and len(telegram.photos) == 1
    await sender.send(message(Kind.PUSH, groups[0], picture="poster.png"))
    (bench.pictures / "other.png").write_bytes(draw("campaign", {"name": "年货节"}))
    await sender.send(message(Kind.PUSH, groups[1], picture="other.png"))
    assert uploads(telegram)[-2:] == [False, True]


async def test_an_id_that_telegram_has_forgotten_is_uploaded_anew(telegram: FakeTelegram, bench: Bench) -> None:
    (bench.pictures / "poster.png").write_bytes(draw("campaign", {"name": "邻里运动会"}))
    sender = TelegramSender(bench.bot, worded("来"), bench.pictures)
    await sender.send(message(picture="poster.png"))
    telegram.photos.clear()
    assert (await sender.send(message(picture="poster.png"))).outcome is Outcome.SENT
    assert (await sender.send(message(picture="poster.png"))).outcome is Outcome.SENT
    assert uploads(telegram) == [True, True, False]
    # A group that takes no photos has its words; the others keep the id.
    telegram.fail("sendPhoto", answer(400, "Bad Request: not enough rights to send photos to the chat"))
    await sender.send(message(picture="poster.png"))
    await sender.send(message(picture="poster.png"))
    assert uploads(telegram) == [True, True, False, False]
    assert [d.method for d in telegram.log[-2:]] == ["sendMessage", "sendPhoto"]


async def test_nobody_waits_long_for_the_upload_of_another(
    telegram: FakeTelegram, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first upload hangs; the second send takes its time out of nobody's, and the known pictures are few."""
    monkeypatch.setattr(telegram_pictures, "PATIENCE", 0.1)
    monkeypatch.setattr(telegram_pictures, "MOST_KNOWN", 1)
    for name in ("a.png", "b.png"):
        (bench.pictures / name).write_bytes(draw("campaign", {"name": name}))
    telegram.fail("sendPhoto", delay(1.0))
    sender = TelegramSender(bench.bot, worded("来"), bench.pictures)
    slow = asyncio.create_task(sender.send(message(picture="a.png")))
    await asyncio.sleep(0.05)
    begin = asyncio.get_running_loop().time()
    await sender.send(message(picture="a.png"))
    assert asyncio.get_running_loop().time() - begin < 0.9
    assert (await slow).outcome is Outcome.SENT
    assert uploads(telegram) == [True, True]
    for name in ("b.png", "a.png"):
        await sender.send(message(picture=name))
    assert uploads(telegram)[2:] == [True, True], "only the last one is known"


async def test_a_picture_that_is_not_taken_leaves_the_words(telegram: FakeTelegram, bench: Bench) -> None:
    said = await telegram.say(GROUP, 7, "打卡日历")
    bench.words = worded("好的", buttons=[[Choice("a:1", "好")]])
    (bench.pictures / "card.png").write_bytes(b"\x89PNG" + b"0" * 500)
    assert (await bench.send(message(picture="card.png", reply_to=str(said)))).outcome is Outcome.SENT
    assert [(d.method, d.status) for d in telegram.log] == [("sendPhoto", 400), ("sendMessage", 200)]
    assert (telegram.log[1].text, telegram.log[1].buttons, telegram.log[1].reply_to) == ("好的", [["a:1"]], said)
    for fault, expected in (
        (answer(400, "Bad Request: not enough rights to send photos to the chat"), Outcome.SENT),
        (drop(after_sending=True), Outcome.UNKNOWN),
        (too_many(3), Outcome.RETRY),
    ):
        telegram.log.clear()
        telegram.fail("sendPhoto", fault)
        assert (await bench.send(message(picture="card.png"))).outcome is expected
        assert [d.method for d in telegram.log][1:] == (["sendMessage"] if expected is Outcome.SENT else [])


async def test_the_words_under_a_picture_can_be_edited(telegram: FakeTelegram, bench: Bench) -> None:
    (bench.pictures / "card.png").write_bytes(draw("board", {"group": "阳光花园一期"}))
    first = await bench.send(message(picture="card.png"))
    bench.words = worded("新的")
    edit = message(Kind.EDIT, reply_to=first.provider_id)
    assert await bench.send(edit) == Receipt(Outcome.SENT, provider_id=first.provider_id)
    assert await bench.send(edit) == Receipt(Outcome.SENT, provider_id=first.provider_id)
    assert [d.method for d in telegram.log[1:]] == ["editMessageText", "editMessageCaption"] * 2
    assert [d.status for d in telegram.log[1:]] == [400, 200, 400, 400]


async def test_a_file_with_words_under_it(telegram: FakeTelegram, bench: Bench) -> None:
    outgoing = message(Kind.DM, 7, document=Document("../我的数据.json", '{"积分": 5}'))
    assert (await bench.send(outgoing)).outcome is Outcome.SENT
    assert [(d.method, d.chat, d.text) for d in telegram.log] == [("sendDocument", 7, "好的")]
    assert telegram.log[0].params["document"] == "<13 bytes>"


async def test_a_long_message_goes_in_parts_and_the_buttons_come_last(telegram: FakeTelegram, bench: Bench) -> None:
    bench.words = worded("一", "二", "三", buttons=[[Choice("a:1", "好")]])
    receipt = await bench.send(message(reply_to="5"))
    assert [d.text for d in telegram.sent()] == ["一", "二", "三"]
    assert [d.buttons for d in telegram.sent()] == [[], [], [["a:1"]]]
    assert receipt.provider_id == str(telegram.sent()[0].message_id)


async def test_a_long_message_that_is_interrupted_is_not_said_twice(telegram: FakeTelegram, bench: Bench) -> None:
    bench.words = worded("一", "二")
    calls = iter([None, too_many(1), None])
    telegram.hook = lambda *_: next(calls, None)
    assert (await bench.send()).outcome is Outcome.SENT
    assert [d.text for d in telegram.sent()] == ["一", "二"]
    telegram.log.clear()
    calls = iter([None, answer(403, "Forbidden: bot was kicked from the group chat")])
    receipt = await bench.send()
    assert (receipt.outcome, receipt.unsaid, receipt.reason) == (Outcome.SENT, (0,), "in_part")
    assert receipt.provider_id == str(telegram.sent()[0].message_id), "what is out can be quoted"
    assert [d.text for d in telegram.sent()] == ["一"]


@pytest.mark.parametrize(
    ("fault", "wait"), [(too_many(4000), 4000.0), (answer(502, raw=b"<html>"), 2.0)], ids=["too many", "down"]
)
async def test_the_rest_of_a_long_message_is_said_later(
    telegram: FakeTelegram, bench: Bench, fault: Any, wait: float
) -> None:
    """In order, also when the platform asks to wait twice; what was said is not said again, and another message begins anew."""
    bench.words = worded("一", "二", "三", buttons=[[Choice("a:1", "好")]])
    calls = iter([None, fault, fault])
    telegram.hook = lambda *_: next(calls, None)
    sender = TelegramSender(bench.bot, bench.words, bench.pictures)
    receipts = [await sender.send(message(reply_to="5")) for _ in range(3)]
    first = str(telegram.sent()[0].message_id)
    assert [(one.outcome, one.provider_id) for one in receipts] == [
        (Outcome.RETRY, first),
        (Outcome.RETRY, first),
        (Outcome.SENT, first),
    ]
    assert receipts[0].retry_after == wait
    assert [d.text for d in telegram.sent()] == ["一", "二", "三"]
    assert telegram.sent()[-1].buttons == [["a:1"]]
    telegram.log.clear()
    await sender.send(message(reply_to="5"))
    assert [d.text for d in telegram.sent()] == ["一", "二", "三"]


async def test_the_rest_of_what_stands_under_a_picture_is_said_later(telegram: FakeTelegram, bench: Bench) -> None:
    (bench.pictures / "card.png").write_bytes(draw("poster", {"group": "阳光花园一期", "link": "https://t.me/x"}))
    bench.words = worded("一", "二")
    telegram.fail("sendMessage", too_many(60))
    sender = TelegramSender(bench.bot, bench.words, bench.pictures)
    assert (await sender.send(message(picture="card.png"))).outcome is Outcome.RETRY
    assert (await sender.send(message())).outcome is Outcome.SENT, "the picture is not looked at again"
    assert [(d.method, d.text) for d in telegram.log if d.status == 200] == [("sendPhoto", "一"), ("sendMessage", "二")]


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (too_many(3), Receipt(Outcome.RETRY, retry_after=3.0, reason="too_many")),
        (too_many(4000), Receipt(Outcome.RETRY, retry_after=4000.0, reason="too_many")),
        (answer(403, "Forbidden: bot was kicked from the supergroup chat"), Receipt(Outcome.GONE, reason="removed")),
        (answer(403, "Forbidden: bot was blocked by the user"), Receipt(Outcome.GONE, reason="blocked")),
        (answer(403, "Forbidden: user is deactivated"), Receipt(Outcome.GONE, reason="deactivated")),
        (
            answer(403, "Forbidden: bot can't initiate conversation with a user"),
            Receipt(Outcome.GONE, reason="not_started"),
        ),
        (answer(403, "Forbidden: something new"), Receipt(Outcome.GONE, reason="forbidden")),
        (answer(400, "Bad Request: chat not found"), Receipt(Outcome.GONE, reason="chat_not_found")),
        (answer(400, "Bad Request: not enough rights to send"), Receipt(Outcome.REJECTED, reason="no_rights")),
        (answer(403, "Forbidden: CHAT_WRITE_FORBIDDEN"), Receipt(Outcome.REJECTED, reason="no_rights")),
        (answer(403, "Forbidden: not enough rights to send"), Receipt(Outcome.REJECTED, reason="no_rights")),
        (answer(400, "Bad Request: CHAT_SEND_PLAIN_FORBIDDEN"), Receipt(Outcome.REJECTED, reason="no_rights")),
        (answer(400, "Bad Request: CHAT_ADMIN_REQUIRED"), Receipt(Outcome.REJECTED, reason="no_rights")),
        (answer(400, "Bad Request: USER_IS_BLOCKED"), Receipt(Outcome.GONE, reason="blocked")),
        (answer(400, "Bad Request: TOPIC_CLOSED"), Receipt(Outcome.REJECTED, reason="thread_closed")),
        (answer(400, "Bad Request: whatever"), Receipt(Outcome.REJECTED, reason="bad_request")),
        (answer(401, "Unauthorized"), Receipt(Outcome.RETRY, retry_after=60.0, reason="token")),
        (answer(409, "Conflict"), Receipt(Outcome.RETRY, retry_after=2.0, reason="conflict")),
        (answer(500, "Internal Server Error"), Receipt(Outcome.RETRY, retry_after=2.0, reason="network")),
        (answer(502, raw=b"<html>Bad Gateway</html>"), Receipt(Outcome.RETRY, retry_after=2.0, reason="network")),
        (answer(504, raw=b"<html>"), Receipt(Outcome.UNKNOWN, reason="cut_off")),
        (answer(200, raw=b"<html>"), Receipt(Outcome.UNKNOWN, reason="cut_off")),
        (drop(), Receipt(Outcome.UNKNOWN, reason="cut_off")),
        (drop(after_sending=True), Receipt(Outcome.UNKNOWN, reason="cut_off")),
    ],
)
async def test_what_each_no_means(telegram: FakeTelegram, bench: Bench, fault: Any, expected: Receipt) -> None:
    telegram.fail("sendMessage", fault)
    assert await bench.send() == expected
    assert (await bench.send()).outcome is Outcome.SENT, "the next one goes out"


async def test_an_edit_whose_end_is_unknown_may_be_tried_again(telegram: FakeTelegram, bench: Bench) -> None:
    first = await bench.send()
    bench.words = worded("新的")
    telegram.fail("editMessageText", drop(after_sending=True))
    edit = message(Kind.EDIT, reply_to=first.provider_id)
    assert (await bench.send(edit)).outcome is Outcome.RETRY
    assert (await bench.send(edit)).outcome is Outcome.SENT


async def test_a_group_that_moved(telegram: FakeTelegram, bench: Bench) -> None:
    new = await telegram.migrate(GROUP, tell=False)
    assert await bench.send() == Receipt(Outcome.MIGRATED, new_id=str(new))
    assert (await bench.send(message(conversation=new))).outcome is Outcome.SENT


async def test_a_group_that_threw_the_bot_out(telegram: FakeTelegram, bench: Bench) -> None:
    await telegram.remove_bot(GROUP, tell=False)
    assert await bench.send() == Receipt(Outcome.GONE, reason="removed")


async def test_a_server_that_is_not_there_took_nothing(telegram: FakeTelegram, bench: Bench) -> None:
    await telegram.stop()
    await asyncio.sleep(0.1)  # the kept connection is seen to be closed; a moment earlier nobody could know
    assert await bench.send() == Receipt(Outcome.RETRY, retry_after=2.0, reason="network")


async def test_an_answer_that_does_not_come_leaves_the_end_unknown(telegram: FakeTelegram, tmp_path: Path) -> None:
    bench = Bench(telegram, tmp_path, 0.2)
    await bench.bot.initialize()
    telegram.fail("sendMessage", delay(1.0))
    assert await bench.send() == Receipt(Outcome.UNKNOWN, reason="cut_off")
    assert len(telegram.sent()) == 1, "it did go out"
    await bench.bot.shutdown()


async def test_slow_answers_do_not_queue_up(telegram: FakeTelegram, bench: Bench) -> None:
    telegram.limits = Limits.none()
    telegram.hook = lambda *_: delay(0.1)
    loop = asyncio.get_running_loop()
    began = loop.time()
    receipts = await asyncio.gather(*(bench.send() for _ in range(32)))
    assert all(receipt.outcome is Outcome.SENT for receipt in receipts)
    assert loop.time() - began < 2.0, "eight connections carry 32 messages of 0.1 s in 0.4 s"


async def test_when_every_connection_is_busy_too_long_nothing_was_sent(telegram: FakeTelegram, tmp_path: Path) -> None:
    bench = Bench(telegram, tmp_path, 0.3)
    await bench.bot.initialize()
    telegram.limits = Limits.none()
    telegram.hook = lambda *_: delay(0.25)
    receipts = await asyncio.gather(*(bench.send() for _ in range(24)))
    assert {receipt.outcome for receipt in receipts} <= {Outcome.SENT, Outcome.RETRY}
    sent = sum(receipt.outcome is Outcome.SENT for receipt in receipts)
    assert 8 <= sent < 24
    assert len(telegram.sent()) == sent
    await bench.bot.shutdown()


async def test_the_platforms_limits_are_met_as_retry(telegram: FakeTelegram, bench: Bench) -> None:
    receipts = [await bench.send() for _ in range(21)]
    assert [receipt.outcome for receipt in receipts].count(Outcome.SENT) == 20
    assert receipts[-1].outcome is Outcome.RETRY
    assert 50 < receipts[-1].retry_after <= 60


async def test_a_pressed_button_is_answered_in_the_background(telegram: FakeTelegram, bench: Bench) -> None:
    sender = TelegramSender(bench.bot, bench.words)
    telegram.fail("answerCallbackQuery", answer(400, "Bad Request: query is too old"))
    sender.answer("q1")
    sender.answer("q2")
    await sender.drain()
    assert [d.status for d in telegram.log if d.method == "answerCallbackQuery"] == [400, 200]


async def test_what_rendering_makes_is_what_telegram_takes(telegram: FakeTelegram, bench: Bench) -> None:
    bench.words = lambda outgoing: render(outgoing, TELEGRAM)
    outgoing = Outgoing(
        Kind.REPLY, "telegram", "1", Place.GROUP, str(GROUP), "render", "render.document", {"name": "<b>*@all*&\n"},
        mention=True, to="7", to_name="李<阿>姨",
    )  # fmt: skip
    assert (await bench.send(outgoing)).outcome is Outcome.SENT
    assert telegram.sent()[0].text == "@李<阿>姨 《<b>*＠all*& 》"
    assert [kind for kind, _ in telegram.sent()[0].entities] == ["text_mention"]


async def test_what_is_being_written_is_shown_and_a_no_is_of_no_consequence(
    telegram: FakeTelegram, bench: Bench
) -> None:
    sender = TelegramSender(bench.bot, worded(), bench.pictures)
    await sender.draft("7", 12, "提货后拍照。", "5")
    await sender.draft(str(GROUP), 12, "在群里不显示", "6")
    assert [entry.method for entry in telegram.log] == ["sendMessageDraft", "sendMessageDraft"]
    assert telegram.log[0].chat == 7
