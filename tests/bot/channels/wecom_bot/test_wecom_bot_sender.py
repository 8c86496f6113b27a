"""Frames and callbacks of the AI bot read, and messages sent: greetings, cards, long answers, limits."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.channels.begun import SECONDS
from bot.channels.wecom_bot import frames
from bot.channels.wecom_bot.budget import Budget
from bot.channels.wecom_bot.cards import OVER
from bot.channels.wecom_bot.receive import parse, without_mention
from bot.channels.wecom_bot.settings import WecomBotSettings
from bot.channels.wecom_bot.words import STREAM_BYTES, as_words, cut
from engagement.clocks import SetClock
from engagement.kernel import Button, Event, Incoming, Kind, Outcome, Place
from prompts.loader import texts
from storage.engine import Database
from tests.platforms.wecom_bot import FakeWecomBot
from tests.platforms.wecom_bot.bench import Bench, bench, outgoing

NOW = datetime(2026, 12, 1, 1, tzinfo=UTC)


@pytest.fixture
async def here(wecom: FakeWecomBot, database: Database) -> AsyncIterator[Bench]:
    async with bench(database, wecom.url, timeout=3.0, ping=30.0) as one:
        one.answer = lambda _: None
        await wecom.wait_for(lambda: one.channel.connection.is_open)
        yield one


async def asked(wecom: FakeWecomBot, here: Bench, text: str = "在吗", **more: Any) -> Incoming:
    count = len(here.came)
    await wecom.say("zhang", text, **more)
    await wecom.wait_for(lambda: len(here.came) > count)
    return here.came[-1]


# ---------------------------------------------------------------- frames


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "[]",
        "nonsense",
        '{"cmd": 1}',
        '{"cmd": "a", "cmd": "b"}',
        '{"headers": {"req_id": 7}}',
        '{"headers": "x"}',
        '{"body": [1]}',
        '{"errcode": "0"}',
        '{"errcode": NaN}',
        b"\xff\xfe",
        "[" * 100_000,
        json.dumps({"headers": {"req_id": "x" * 257}}),
        json.dumps({"cmd": "x" * frames.LARGEST_FRAME}),
        "\ud800",
    ],
)
def test_what_is_no_frame_is_refused(raw: str | bytes) -> None:
    with pytest.raises(ValueError):
        frames.read(raw)


def test_a_frame_is_written_and_read() -> None:
    written = frames.write(frames.SEND, "r1", {"text": "签到"})
    assert json.loads(written) == {"cmd": "aibot_send_msg", "headers": {"req_id": "r1"}, "body": {"text": "签到"}}
    assert frames.read(written) == frames.Frame(frames.SEND, "r1", {"text": "签到"})
    assert frames.read('{"headers":{"req_id":"r"},"errcode":0,"errmsg":"ok"}').code == 0
    with pytest.raises(ValueError):
        frames.write(frames.SEND, "r", {"text": "x" * frames.LARGEST_WRITTEN})


# ---------------------------------------------------------------- callbacks


def callback(cmd: str = frames.MESSAGE, **body: Any) -> Incoming | None:
    whole: dict[str, Any] = {"msgid": "7", "chattype": "single", "from": {"userid": "zhang"}} | body
    return parse(frames.Frame(cmd, "r1", whole), "bot-1", "", NOW)


def test_messages_become_events() -> None:
    said = callback(msgtype="text", text={"content": " 签到 "})
    assert said is not None
    assert (said.event, said.text, said.place, said.conversation) == (Event.MESSAGE, "签到", Place.DM, "zhang")
    assert (said.dedupe_key, said.message_id, said.account, said.addressed) == ("m:7", "m:r1", "bot-1", True)
    group = callback(msgtype="text", text={"content": "@团团 签到"}, chattype="group", chatid="g1")
    assert group is not None and (group.place, group.conversation, group.text) == (Place.GROUP, "g1", "签到")
    assert group.group_name.endswith(" g1") and said.group_name == ""
    heard = callback(msgtype="voice", voice={"content": "积分"})
    assert heard is not None and (heard.text, heard.media) == ("积分", "heard")
    items = [{"msgtype": "text", "text": {"content": "打卡"}}, {"msgtype": "image", "image": {"url": "x"}}]
    mixed = callback(msgtype="mixed", mixed={"msg_item": items})
    assert mixed is not None and (mixed.text, mixed.media) == ("打卡", "photo")
    sent = {"url": "https://files.example.org/a?sign=1", "aeskey": "a2V5"}
    shown = callback(msgtype="image", image=sent, chattype="group", chatid="g1")
    assert shown is not None and (shown.media, shown.media_id) == ("photo", "a2V5 https://files.example.org/a?sign=1")
    assert callback(msgtype="image", image=sent) is None, "in private a picture alone asks for nothing"
    file = callback(msgtype="file", file=sent)
    assert file is not None and (file.media, file.media_id) == ("file", shown.media_id)
    keyless = callback(msgtype="file", file={"url": "https://files.example.org/a"})
    assert keyless is not None and keyless.media_id == "", "what cannot be fetched says so"
    assert callback(msgtype="file", file=sent, chattype="group", chatid="g1") is None
    assert callback(msgtype="text", text={"content": ""}) is None
    nobody: dict[str, Any] = {"from": {}}
    assert callback(**nobody) is None


@pytest.mark.parametrize(
    "body",
    [
        {"msgid": ""},
        {"msgid": 7},
        {"from": {"userid": "x" * 65}},
        {"chattype": "group", "chatid": "x" * 65},
        {"msgtype": "file", "file": "x"},
        {"msgtype": "image", "image": {"url": 7}},
        {"from": "zhang"},
        {"chattype": "group"},
        {"chattype": "channel"},
        {"msgtype": "text", "text": "x"},
        {"msgtype": "mixed", "mixed": {"msg_item": {"a": 1}}},
        {"msgtype": "mixed", "mixed": {"msg_item": [1]}},
    ],
)
def test_callbacks_of_another_shape_are_refused(body: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        callback(**body)


_FIELDS = (
    "msgid",
    "from",
    "userid",
    "chattype",
    "chatid",
    "msgtype",
    "text",
    "content",
    "image",
    "url",
    "aeskey",
    "mixed",
)
_MORE = (
    "msg_item",
    "event",
    "eventtype",
    "feedback_event",
    "template_card_event",
    "event_key",
    "id",
    "type",
    "create_time",
)
_WORDS = st.sampled_from(
    ["text", "image", "mixed", "file", "voice", "group", "single", "enter_chat", "feedback_event", "7"]
)
_ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | _WORDS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(_FIELDS + _MORE), inner, max_size=6)
        | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=30,
)


@given(
    cmd=st.sampled_from([frames.MESSAGE, frames.EVENT]),
    body=st.dictionaries(st.sampled_from(_FIELDS + _MORE), _ANYTHING),
)
def test_whatever_comes_the_intake_goes_on(cmd: str, body: dict[str, Any]) -> None:
    """A callback is read, passed over or refused; nothing else may end the one who reads them."""
    whole = {"msgid": "7", "from": {"userid": "zhang"}, "msgtype": "text"} | body
    with contextlib.suppress(ValueError):
        found = parse(frames.Frame(cmd, "r1", whole), "bot-1", "", NOW)
        assert found is None or (
            len(found.sender) <= 64
            and len(found.dedupe_key) <= 160
            and Incoming.load(found.dump()).sender == found.sender
        )


def test_events_become_events() -> None:
    entered = callback(frames.EVENT, event={"eventtype": "enter_chat"}, create_time=1_780_000_000)
    assert entered is not None and (entered.text, entered.message_id, entered.dedupe_key) == ("/start", "w:r1", "e:7")
    assert entered.occurred_at == datetime.fromtimestamp(1_780_000_000, UTC)
    card = {"eventtype": "template_card_event", "template_card_event": {"event_key": "vote:3", "task_id": "t"}}
    pressed = callback(frames.EVENT, event=card)
    assert pressed is not None and (pressed.event, pressed.button) == (Event.BUTTON, "vote:3")
    for kind, way in ((1, "up"), (2, "down")):
        liked = callback(
            frames.EVENT, event={"eventtype": "feedback_event", "feedback_event": {"id": "5:a", "type": kind}}
        )
        assert liked is not None and liked.button == f"{way}:5:a"
    why = {"id": "5:a", "type": 2, "content": " 少了周末的时间 ", "inaccurate_reason_list": [2, 2, 99, "1", 4]}
    missed = callback(frames.EVENT, event={"eventtype": "feedback_event", "feedback_event": why})
    assert missed is not None and missed.text == "说得不全；数据不对；少了周末的时间"
    for odd in (
        {"id": "5:a", "type": 3},
        {"id": "5:a", "type": [1]},
        {"id": "", "type": 1},
        {"id": "x" * 70, "type": 1},
    ):
        assert callback(frames.EVENT, event={"eventtype": "feedback_event", "feedback_event": odd}) is None
    assert callback(frames.EVENT, event={"eventtype": "something_new"}) is None
    assert callback(frames.EVENT, event={"eventtype": "enter_chat"}, chattype="group", chatid="g") is None


def test_an_event_without_a_number_has_a_key_of_its_own() -> None:
    event = {"eventtype": "template_card_event", "template_card_event": {"event_key": "vote:3"}}
    keys = [callback(frames.EVENT, msgid="", event=event, create_time=1_780_000_000 + late) for late in (0, 0, 1)]
    first, again, later = (one.dedupe_key for one in keys if one is not None)
    assert first == again != later


def test_the_bots_name_is_taken_out() -> None:
    assert without_mention("@团团 小助手 签到", "团团 小助手").strip() == "签到"
    assert without_mention("请 @李四 签到", "") == "请 @李四 签到"


# ---------------------------------------------------------------- sending


async def test_an_answer_has_the_platforms_thumbs_and_buttons_in_cards(wecom: FakeWecomBot, here: Bench) -> None:
    question = await asked(wecom, here)
    buttons = [Button("up:5:a", "👍"), Button("down:5:a", "👎"), *(Button(f"x:{n}", f"第{n}个") for n in range(8))]
    receipt = await here.channel.sender.send(outgoing("zhang", "答案", reply_to=question.message_id, buttons=buttons))
    words, first, second = wecom.seen
    assert receipt.outcome is Outcome.SENT
    assert (words.by, words.text, words.feedback, words.finished) == ("stream", "答案", "5:a", True)
    assert first.buttons + second.buttons == [f"x:{n}" for n in range(8)] and len(first.buttons) == 6


async def test_a_second_answer_to_one_message_and_further_parts_are_pushed(wecom: FakeWecomBot, here: Bench) -> None:
    question = await asked(wecom, here)
    parts = {"parts": "一|二"}
    await here.channel.sender.send(outgoing("zhang", "", reply_to=question.message_id, values=parts))
    await here.channel.sender.send(outgoing("zhang", "三", reply_to=question.message_id))
    assert [(one.by, one.text) for one in wecom.seen] == [("stream", "一"), ("send", "二"), ("send", "三")]


async def test_who_comes_in_is_greeted_in_time(wecom: FakeWecomBot, here: Bench) -> None:
    await wecom.enter("wang")
    await wecom.wait_for(lambda: here.came)
    receipt = await here.channel.sender.send(outgoing("wang", "你好", reply_to=here.came[0].message_id))
    assert (receipt.outcome, wecom.seen[0].by) == (Outcome.SENT, "welcome")
    wecom.welcome_seconds = 0.0
    await wecom.enter("wang")
    await wecom.wait_for(lambda: len(here.came) == 2)
    late = await here.channel.sender.send(outgoing("wang", "你好", reply_to=here.came[1].message_id))
    assert (late.outcome, late.reason) == (Outcome.GONE, "not_started"), "this chat has never spoken"


async def test_a_pressed_button_is_answered_by_a_push(wecom: FakeWecomBot, here: Bench) -> None:
    await asked(wecom, here)
    await wecom.press("zhang", "vote:3")
    await wecom.wait_for(lambda: len(here.came) == 2)
    receipt = await here.channel.sender.send(outgoing("zhang", "记下了", reply_to=here.came[1].message_id))
    assert (here.came[1].button, receipt.outcome, wecom.seen[-1].by) == ("vote:3", Outcome.SENT, "send")


async def test_a_pressed_card_says_what_was_chosen_and_has_no_buttons_any_more(
    wecom: FakeWecomBot, here: Bench
) -> None:
    """In private the whole card is replaced; the grey button that is left means nothing."""
    await asked(wecom, here)
    buttons = [Button("bond_yes:3", "是我", settles=True), Button("bond_no:3", "不是我", settles=True)]
    await here.channel.sender.send(outgoing("zhang", "是你吗？", kind=Kind.PUSH, buttons=buttons))
    card = wecom.seen[-1]
    await wecom.press("zhang", "bond_no:3")
    await wecom.wait_for(lambda: card.changed)
    title, keys = card.changed[""]
    assert "不是我" in title and keys == [OVER]
    assert here.came[-1].button == "bond_no:3"
    count = len(here.came)
    await wecom.press("zhang", OVER)
    await asked(wecom, here)
    assert len(here.came) == count + 1, "nothing came of the grey one"


@pytest.mark.parametrize(
    "key", ["glance:2", "do:topic:1", "fill:1.place", "kb_list:8", "kb_diff:3.1", "leader_help:day"]
)
async def test_a_menu_keeps_its_buttons(wecom: FakeWecomBot, here: Bench, key: str) -> None:
    """今日一览点了一个群，还要点下一个；看了改动，还要能发布。"""
    await asked(wecom, here)
    buttons = [Button(key, "看看"), Button("kb_go:3.1", "发布", settles=True)]
    await here.channel.sender.send(outgoing("zhang", "选一个", kind=Kind.PUSH, buttons=buttons))
    card = wecom.seen[-1]
    await wecom.press("zhang", key)
    await wecom.wait_for(lambda: here.came[-1].button == key)
    await wecom.press("zhang", "kb_go:3.1")
    await wecom.wait_for(lambda: card.changed)
    assert card.changed[""][0] == texts().fill("wecom_bot.chosen", {"label": "发布"})


async def test_in_a_group_a_card_changes_only_for_who_pressed(wecom: FakeWecomBot, here: Bench) -> None:
    await asked(wecom, here, "@团团 在吗", group="g1")
    buttons = [Button("bond_yes:3", "是我", settles=True), Button("bond_no:3", "不是我", settles=True)]
    await here.channel.sender.send(outgoing("g1", "是你吗？", kind=Kind.PUSH, group=True, buttons=buttons))
    card = wecom.seen[-1]
    for person, key in (("zhang", "bond_yes:3"), ("li", "bond_no:3")):
        await wecom.press(person, key, chattype="group", chatid="g1")
        await wecom.wait_for(lambda person=person: person in card.changed)  # type: ignore[misc]
    assert {person: title for person, (title, _) in card.changed.items()} == {
        "zhang": texts().fill("wecom_bot.chosen", {"label": "是我"}),
        "li": texts().fill("wecom_bot.chosen", {"label": "不是我"}),
    }


async def test_a_card_of_an_earlier_life_changes_too_and_what_cannot_be_changed_counts(
    wecom: FakeWecomBot, here: Bench
) -> None:
    await asked(wecom, here)
    await here.channel.sender.send(
        outgoing("zhang", "选一个", kind=Kind.PUSH, buttons=[Button("bond_yes:3", "是我", settles=True)])
    )
    here.channel.cards._labels.clear()
    card = wecom.seen[-1]
    await wecom.press("zhang", "bond_yes:3")
    await wecom.wait_for(lambda: card.changed)
    assert card.changed[""][0] == texts().raw("wecom_bot.pressed")
    wecom.welcome_seconds = 0.0
    card.changed.clear()
    for task in ("known", ""):
        event = {"event_key": "!bond_yes:3", "task_id": card.task if task else ""}
        await wecom.event("zhang", {"eventtype": "template_card_event", "template_card_event": event})
    await wecom.wait_for(lambda: len(here.came) == 4)
    await here.channel.cards.drain()
    assert not card.changed, "too late, and a card without a number"
    assert [one.button for one in here.came[1:]] == ["bond_yes:3"] * 3


async def test_only_chats_that_have_spoken_are_pushed_to(wecom: FakeWecomBot, here: Bench) -> None:
    never = await here.channel.sender.send(outgoing("g1", "早上好", kind=Kind.PUSH, group=True))
    await asked(wecom, here, "@团团 在吗", group="g1")
    spoken = await here.channel.sender.send(outgoing("g1", "早上好", kind=Kind.PUSH, group=True))
    assert (never.outcome, never.reason) == (Outcome.REJECTED, "gone"), (
        "the group stays: nothing tells when the bot is back"
    )
    assert (spoken.outcome, wecom.shown("g1")) == (Outcome.SENT, ["早上好"])
    person = await here.channel.sender.send(outgoing("nobody", "早上好", kind=Kind.PUSH))
    assert (person.outcome, person.reason) == (Outcome.GONE, "not_started")


async def test_the_thirty_first_message_in_a_minute_waits(wecom: FakeWecomBot, here: Bench) -> None:
    await asked(wecom, here)
    receipts = [await here.channel.sender.send(outgoing("zhang", f"{n}", kind=Kind.PUSH)) for n in range(31)]
    assert [receipt.outcome for receipt in receipts] == [Outcome.SENT] * 30 + [Outcome.RETRY]
    assert 50 < receipts[-1].retry_after <= 61 and wecom.count("frame") == 30, "the platform was not asked"


async def test_a_later_step_that_has_to_wait_does_not_repeat_an_earlier_one(wecom: FakeWecomBot, here: Bench) -> None:
    await asked(wecom, here)
    wecom.per_minute = 1
    message = outgoing("zhang", "", kind=Kind.PUSH, values={"parts": "一|二"})
    waits = await here.channel.sender.send(message)
    wecom.per_minute = 30
    # The latest moment at which it may come again, were it asked to wait that long.
    here.channel.sender._begun._timer = lambda: time.monotonic() + SECONDS + waits.retry_after - 30
    done = await here.channel.sender.send(message)
    assert (waits.outcome, done.outcome, wecom.shown("zhang")) == (Outcome.RETRY, Outcome.SENT, ["一", "二"])


async def test_a_stream_that_took_too_long_is_followed_by_a_push(wecom: FakeWecomBot, here: Bench) -> None:
    question = await asked(wecom, here)
    wecom.stream_seconds = 0.0
    await here.channel.sender.draft("zhang", 1, "想", reply_to=question.message_id)
    receipt = await here.channel.sender.send(outgoing("zhang", "想好了", reply_to=question.message_id))
    assert receipt.outcome is Outcome.SENT and wecom.shown("zhang") == ["想", "想好了"]


async def test_what_would_change_a_message_is_said_anew_in_private_alone(wecom: FakeWecomBot, here: Bench) -> None:
    """A file was read: 读到 3 页 comes as a message of its own; the group's summary is not said again and again."""
    await asked(wecom, here)
    said = await here.channel.sender.send(outgoing("zhang", "读到 3 页", kind=Kind.EDIT, reply_to="5a"))
    group = await here.channel.sender.send(outgoing("g1", "5 位邻居", kind=Kind.EDIT, group=True, reply_to="5a"))
    assert (said.outcome, wecom.shown("zhang")) == (Outcome.SENT, ["读到 3 页"])
    assert (group.outcome, group.reason) == (Outcome.REJECTED, "no_edit")
    assert (await here.channel.sender.send(outgoing("zhang", " "))).reason == "empty"


async def test_thumbs_stand_on_a_card_where_the_stream_began_without_them(wecom: FakeWecomBot, here: Bench) -> None:
    """The platform takes thumbs with a stream's first frame alone; words that grew had none."""
    question = await asked(wecom, here)
    await here.channel.sender.draft("zhang", 1, "想", question.message_id)
    buttons = [Button("up:5:a", "👍"), Button("down:5:a", "👎")]
    await here.channel.sender.send(outgoing("zhang", "想好了", reply_to=question.message_id, buttons=buttons))
    grown, card = wecom.seen
    assert (grown.feedback, grown.text, card.buttons) == ("", "想好了", ["up:5:a", "down:5:a"])


async def test_a_draft_that_the_platform_does_not_take_is_the_last_one(
    wecom: FakeWecomBot, here: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.channels.wecom_bot.sender.DRAFT_SECONDS", 0.0)
    question = await asked(wecom, here)
    wecom.per_minute = 0
    for words in ("一", "一二", "一二三"):
        await here.channel.sender.draft("zhang", 1, words, question.message_id)
    assert wecom.count("frame") == 1


async def test_the_same_card_may_be_pushed_again_another_day(wecom: FakeWecomBot, here: Bench) -> None:
    """The platform refuses a second card with the same number; two days' messages may be word for word the same."""
    await asked(wecom, here)
    for _ in range(2):
        same = outgoing("zhang", "早上好", kind=Kind.PUSH, buttons=[Button("checkin:1", "签到")])
        assert (await here.channel.sender.send(same)).outcome is Outcome.SENT
    assert [one.buttons for one in wecom.seen] == [[], ["checkin:1"]] * 2


async def test_what_is_asked_again_has_a_number_of_its_own(wecom: FakeWecomBot, here: Bench) -> None:
    """提货点在哪里？ is asked today as it was last week; what is answered belongs to today's."""
    await asked(wecom, here)
    question = outgoing("zhang", "提货点在哪里？", kind=Kind.DM, subject="fill:1")
    numbers = {(await here.channel.sender.send(question)).provider_id for _ in range(2)}
    assert len(numbers) == 2 and all(numbers)


async def test_an_hour_has_its_own_limit(database: Database) -> None:
    clock = SetClock(NOW)
    budget = Budget(database, clock, WecomBotSettings(bot_id="b", per_minute=2, per_hour=3))
    assert [await budget.take(where) for where in ("g", "G", "g", "h")] == [0.0, 0.0, 61.0, 0.0]
    clock.set(NOW + timedelta(seconds=61))
    assert await budget.take("g") == 0.0
    clock.set(NOW + timedelta(seconds=130))
    assert await budget.take("g") == 3601.0 - 130.0
    clock.set(NOW + timedelta(seconds=4000))
    assert await budget.take("g") == 0.0


async def test_what_cannot_be_counted_is_not_said(
    wecom: FakeWecomBot, here: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    await asked(wecom, here)

    async def full(_: object) -> None:
        raise OSError("disk")

    monkeypatch.setattr(here.channel.sender._budget._database, "write", full)
    receipt = await here.channel.sender.send(outgoing("zhang", "早上好", kind=Kind.PUSH))
    monkeypatch.undo()
    assert (receipt.outcome, receipt.retry_after, wecom.count("frame")) == (Outcome.RETRY, 5.0, 0)


async def test_a_restart_does_not_begin_the_minute_anew(wecom: FakeWecomBot, database: Database) -> None:
    """Three a minute: two before, one after, and the fourth waits without the platform being asked."""
    receipts = []
    for count in (2, 2):
        async with bench(database, wecom.url, per_minute=3) as one:
            one.answer = lambda _: None
            await wecom.wait_for(lambda now=one: now.channel.connection.is_open)  # type: ignore[misc]
            await wecom.say("zhang", "在吗")
            said = [outgoing("zhang", f"{number}", kind=Kind.PUSH) for number in range(count)]
            receipts.extend([await one.channel.sender.send(message) for message in said])
        await wecom.wait_for(lambda: wecom.live is None)
    assert [receipt.outcome for receipt in receipts] == [Outcome.SENT] * 3 + [Outcome.RETRY]
    assert receipts[-1].reason == "too_many" and (wecom.count("frame"), wecom.count("too many")) == (3, 0)


def test_a_text_is_cut_between_characters() -> None:
    found = cut("签" * STREAM_BYTES)
    assert len(found.encode()) <= STREAM_BYTES and set(found) == {"签"}


def test_marks_in_somebodys_words_are_shown_and_not_obeyed() -> None:
    assert as_words("<@all> **粗** [看](http://x.example/a_b)\n# 大\n> 引") == (
        "＜@all> ＊＊粗＊＊ [看］（http://x.example/a_b)\n＃ 大\n＞ 引"
    )


def test_the_address_of_a_page_is_not_touched() -> None:
    """A link is good once and has any letters in it; one that was widened leads nowhere."""
    link = "https://tuan.example/enter/a__b~~c-_?x=1&y=2"
    assert as_words(f"点开：{link}（十分钟内有效）\n__粗__") == f"点开：{link}（十分钟内有效）\n＿＿粗＿＿"
    assert as_words("http://a.example/`x`") == "http://a.example/｀x｀"


def test_half_a_character_does_not_end_a_connection() -> None:
    assert json.loads(frames.write(frames.SEND, "r", {"text": "a\ud800b"}))["body"]["text"] == "a?b"


def test_settings_say_what_is_wrong() -> None:
    assert WecomBotSettings().problems() == ["wecom_bot.no_bot_id", "wecom_bot.no_secret"]
    fine = {"bot_id": "b", "secret": "s"}
    assert WecomBotSettings.model_validate(fine).problems() == []
    for url in ("ws://example.org", "https://example.org", "wss://", ""):
        assert WecomBotSettings.model_validate(fine | {"url": url}).problems() == ["wecom_bot.bad_url"]
    assert WecomBotSettings.model_validate(fine | {"url": "ws://127.0.0.1:9"}).problems() == []
    assert WecomBotSettings.model_validate({"leaders": " zhou ,Wang,"}).leading == {"zhou", "wang"}
