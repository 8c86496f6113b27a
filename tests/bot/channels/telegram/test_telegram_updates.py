"""What the bot makes of Telegram's updates, and what it refuses."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.channels.fields import decode
from bot.channels.telegram.channel import Me, parse, parse_all
from bot.channels.telegram.updates import callback_id
from engagement.kernel import MAX_TEXT, RIGHTS, Event, Incoming, Place
from tests.platforms.telegram.chats import Chat, member_update, message_update, person, press_update

NOW = datetime(2026, 9, 1, 0, 0, tzinfo=UTC)
SENT = 1_788_220_000
ME = Me(42, "TuanTuan_bot")
GROUP = Chat(-1001234567890, "阳光花园", "supergroup")


def update(**parts: Any) -> dict[str, Any]:
    return {"update_id": 5, **parts}


def message(text: str | None = "签到", **more: Any) -> dict[str, Any]:
    found = message_update(GROUP, person(7, "李阿姨"), text or "", **more)["message"]
    found["date"] = SENT
    if text is None:
        del found["text"]
    return update(message=found)


def one(raw: dict[str, Any], me: Me = ME) -> Incoming:
    found = parse_all(raw, me, NOW)
    assert len(found) == 1
    assert found[0] == Incoming.load(found[0].dump())
    return found[0]


def test_a_message_in_a_group() -> None:
    got = one(message(" 签到 "))
    assert (got.event, got.channel, got.account, got.dedupe_key) == (Event.MESSAGE, "telegram", "42", "u5")
    assert (got.place, got.conversation, got.group_name) == (Place.GROUP, "-1001234567890", "阳光花园")
    assert (got.sender, got.sender_name, got.text, got.addressed) == ("7", "李阿姨", "签到", False)
    assert got.occurred_at == datetime.fromtimestamp(SENT, UTC)
    assert got.message_id
    assert parse(message("签到"), "42", NOW, "tuantuan_bot", 42) is not None


def test_a_private_message_is_addressed() -> None:
    raw = message("积分")
    raw["message"]["chat"] = {"id": 7, "type": "private", "first_name": "李"}
    got = one(raw)
    assert (got.place, got.conversation, got.addressed, got.group_name) == (Place.DM, "7", True, "")


@pytest.mark.parametrize(
    ("text", "words", "addressed"),
    [
        ("@tuantuan_bot 几点提货", "几点提货", True),
        ("几点提货 @TUANTUAN_BOT？", "几点提货  ？", True),
        ("/checkin@TuanTuan_bot", "/checkin", True),
        ("/checkin@tuantuan_bot 补签", "/checkin 补签", True),
        ("/checkin", "/checkin", False),
        ("@tuantuan_bots 你好", "@tuantuan_bots 你好", False),
        ("mail@tuantuan_bot", "mail@tuantuan_bot", False),
        ("@别人 你好", "@别人 你好", False),
    ],
)
def test_the_bots_name_is_heard_and_taken_out(text: str, words: str, addressed: bool) -> None:
    got = one(message(text))
    assert (got.text, got.addressed) == (words, addressed)


def test_a_command_for_another_bot_is_not_ours() -> None:
    assert parse_all(message("/checkin@other_bot"), ME, NOW) == ()


def test_a_mention_by_link_is_cut_out_in_utf16() -> None:
    raw = message("🎉团团 签到", entities=[{"type": "text_mention", "offset": 2, "length": 2, "user": {"id": 42}}])
    assert (one(raw).text, one(raw).addressed) == ("🎉 签到", True)
    raw["message"]["entities"][0] |= {"offset": -5, "length": 10**9}
    assert one(raw).addressed


def test_a_quote_of_the_bot_addresses_it_and_a_topics_root_does_not() -> None:
    quoted = {"message_id": 77, "from": {"id": 42}, "chat": GROUP.json()}
    got = one(message("我也想知道", reply_to_message=quoted))
    assert (got.reply_to, got.addressed) == ("77", True)
    other = quoted | {"from": {"id": 8}}
    got = one(message("哈哈", reply_to_message=other))
    assert (got.reply_to, got.addressed) == ("77", False)
    root = quoted | {"forum_topic_created": {"name": "闲聊"}}
    got = one(message("哈哈", reply_to_message=root, is_topic_message=True, message_thread_id=77))
    assert (got.reply_to, got.addressed, got.thread) == ("", False, "77")
    assert one(message("哈哈", message_thread_id=77)).thread == "", "a thread that is no topic"


def test_nobody_stands_behind_an_anonymous_administrator() -> None:
    raw = message("签到", sender_chat=GROUP.json())
    raw["message"]["from"] = {"id": 1087968824, "is_bot": True, "first_name": "Group", "username": "GroupAnonymousBot"}
    got = one(raw)
    assert (got.sender, got.sender_is_admin) == ("", True)
    del raw["message"]["sender_chat"]
    assert one(raw).sender == ""


def test_what_is_not_for_us() -> None:
    raw = message("签到")["message"]
    bot = copy.deepcopy(raw)
    bot["from"] = person(9, bot=True)
    channel = copy.deepcopy(raw)
    channel["chat"] = {"id": -100, "type": "channel", "title": "频道"}
    forwarded = raw | {"is_automatic_forward": True, "sender_chat": {"id": -100, "type": "channel", "title": "频道"}}
    pinned = {key: value for key, value in raw.items() if key != "text"} | {"pinned_message": raw}
    early, late = raw | {"date": -1}, raw | {"date": 99_999_999_999}
    for unwanted in (bot, channel, forwarded, pinned, early, late):
        assert parse_all(update(message=unwanted), ME, NOW) == ()
    for kind in ("edited_message", "channel_post", "edited_channel_post", "poll", "inline_query"):
        assert parse_all(update(**{kind: raw}), ME, NOW) == ()


def test_pictures_count_as_life_in_a_group_and_as_nothing_in_private() -> None:
    assert one(message(None, photo=[{"file_id": "x"}])).text == ""
    assert one(message(None, photo=[{"file_id": "x"}], caption="签到")).text == "签到"
    raw = message(None, photo=[{"file_id": "x"}])
    raw["message"]["chat"] = {"id": 7, "type": "private"}
    assert parse_all(raw, ME, NOW) == ()


def test_what_goes_with_the_words_is_told_of_and_not_fetched() -> None:
    sizes = [{"file_id": "small"}, {"file_id": "large"}]
    photo = one(message(None, photo=sizes, caption="健身打卡"))
    assert (photo.text, photo.media, photo.media_id) == ("健身打卡", "photo", "large")
    voice = one(message(None, voice={"file_id": "v", "duration": 3}))
    assert (voice.text, voice.media, voice.media_id) == ("", "voice", "v")
    as_file = one(message(None, document={"file_id": "d", "mime_type": "image/jpeg"}, caption="健身打卡"))
    assert (as_file.media, as_file.media_id) == ("photo", "d")
    other = one(message(None, document={"file_id": "d", "mime_type": "application/pdf"}, caption="看看"))
    assert (other.media, other.media_id) == ("", "")
    assert one(message("签到")).media == ""


@pytest.mark.parametrize(
    "wrong", [{"photo": []}, {"photo": "x"}, {"photo": [3]}, {"voice": "x"}, {"voice": {"file_id": 3}}]
)
def test_what_is_no_photo_or_voice_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        parse_all(message(None, **wrong), ME, NOW)


def test_in_private_a_voice_message_and_a_photo_that_quotes_come_through() -> None:
    private = {"id": 7, "type": "private"}
    voice = message(None, voice={"file_id": "v"})
    voice["message"]["chat"] = private
    assert one(voice).media == "voice"
    photo = message(None, photo=[{"file_id": "x"}], reply_to_message={"message_id": 5, "from": {"id": ME.id}})
    photo["message"]["chat"] = private
    assert (one(photo).media, one(photo).reply_to) == ("photo", "5")


def test_words_are_cut_and_made_storable() -> None:
    assert len(one(message("啊" * 5000)).text) == MAX_TEXT
    assert one(message("签\ud83d到\x00")).text == "签到"
    raw = message()
    raw["message"]["from"] |= {"first_name": "\udc00" + "长" * 500, "last_name": "尾"}
    one(raw).dump().encode("utf-8")
    assert len(one(raw).sender_name) < 400


def test_a_button() -> None:
    got = one(update(**press_update(GROUP, person(7), 3, "faq:12", "q1")))
    assert (got.event, got.button, got.message_id, got.sender) == (Event.BUTTON, "faq:12", "3", "7")
    assert got.occurred_at == NOW, "a button tells no time of its own"
    assert callback_id(update(**press_update(GROUP, person(7), 3, "faq:12", "q1"))) == "q1"
    assert callback_id(message()) == ""
    lost = update(callback_query={"id": "q", "from": person(7), "inline_message_id": "x", "data": "a"})
    assert parse_all(lost, ME, NOW) == ()


def test_several_people_who_join_together_are_several_events() -> None:
    people = [person(8, "王姐"), person(9, bot=True), person(10, "小满妈妈")]
    raw = message(None, new_chat_members=people)
    got = parse_all(raw, ME, NOW)
    assert [(e.event, e.subject, e.subject_name, e.invited_by) for e in got] == [
        (Event.JOIN, "8", "王姐", "7"),
        (Event.JOIN, "10", "小满妈妈", "7"),
    ]
    assert [e.dedupe_key for e in got] == ["u5", "u5:1"]
    raw["message"]["new_chat_members"] = [person(7, "李阿姨")]
    assert one(raw).invited_by == "", "who comes alone was brought by nobody"
    assert parse_all(message(None, new_chat_members=[person(42, bot=True)]), ME, NOW) == ()


def test_who_leaves() -> None:
    got = one(message(None, left_chat_member=person(8, "王姐")))
    assert (got.event, got.subject) == (Event.LEAVE, "8")


@pytest.mark.parametrize(
    ("before", "after", "event"),
    [
        ("left", "member", Event.JOIN),
        ("kicked", "member", Event.JOIN),
        ("member", "left", Event.LEAVE),
        ("administrator", "kicked", Event.LEAVE),
        ("member", "administrator", None),
        ("left", "kicked", None),
    ],
)
def test_changes_of_membership(before: str, after: str, event: Event | None) -> None:
    raw = update(**member_update(GROUP, person(8, "王姐"), person(7), before, after))
    got = parse_all(raw, ME, NOW)
    assert [e.event for e in got] == ([event] if event else [])


@pytest.mark.parametrize(
    ("before", "after", "reads_all", "event", "can_read"),
    [
        ("left", "member", False, Event.BOT_ADDED, False),
        ("left", "member", True, Event.BOT_ADDED, True),
        ("left", "member", None, Event.BOT_ADDED, None),
        ("left", "administrator", False, Event.BOT_ADDED, True),
        ("member", "administrator", False, Event.BOT_ADDED, True),
        ("administrator", "member", False, Event.BOT_ADDED, False),
        ("member", "kicked", False, Event.BOT_REMOVED, None),
        ("member", "left", False, Event.BOT_REMOVED, None),
    ],
)
def test_the_bot_comes_and_goes(
    before: str, after: str, reads_all: bool | None, event: Event, can_read: bool | None
) -> None:
    raw = update(**member_update(GROUP, person(42, bot=True), person(7, "周团长"), before, after, "my_chat_member"))
    got = one(raw, Me(42, "tuantuan_bot", reads_all))
    assert (got.event, got.can_read, got.sender, got.sender_name) == (event, can_read, "7", "周团长")
    changed = event is Event.BOT_ADDED and before != "left"
    assert got.text == (RIGHTS if changed else ""), "who was here before does not come"


def test_who_lets_somebody_in_has_not_brought_him() -> None:
    """An administrator who says yes to those who ask to join would else be thanked for inviting them all."""
    raw = update(**member_update(GROUP, person(8, "王姐"), person(7, "周团长"), "left", "member"))
    assert one(raw).invited_by == "7"
    raw["chat_member"]["via_join_request"] = True
    assert (one(raw).subject, one(raw).invited_by) == ("8", "")


@pytest.mark.parametrize(("before", "after"), [("restricted", "member"), ("member", "restricted")])
def test_the_bot_may_speak_again_or_no_more(before: str, after: str) -> None:
    """What the leader was told of it is looked at anew."""
    raw = update(**member_update(GROUP, person(42, bot=True), person(7, "周团长"), before, after, "my_chat_member"))
    for side in ("old_chat_member", "new_chat_member"):
        raw["my_chat_member"][side]["is_member"] = True
    got = one(raw, Me(42, "tuantuan_bot", True))
    assert (got.event, got.text, got.can_read) == (Event.BOT_ADDED, RIGHTS, True)


def test_a_restricted_member_is_here_or_gone() -> None:
    raw = update(**member_update(GROUP, person(8), person(7), "left", "restricted"))
    raw["chat_member"]["new_chat_member"]["is_member"] = True
    assert one(raw).event is Event.JOIN
    raw["chat_member"]["new_chat_member"]["is_member"] = False
    assert parse_all(raw, ME, NOW) == ()


def test_a_migration_is_told_by_both_chats_and_happens_once() -> None:
    before = message(None, migrate_to_chat_id=-100777)
    before["message"]["chat"] = {"id": -777, "type": "group", "title": "阳光花园"}
    after = message(None, migrate_from_chat_id=-777)
    after["message"]["chat"] = {"id": -100777, "type": "supergroup", "title": "阳光花园"}
    first, second = one(before), one(after | {"update_id": 6})
    assert (first.event, first.conversation, first.new_id) == (Event.MIGRATED, "-777", "-100777")
    assert (second.conversation, second.new_id, second.dedupe_key) == ("-777", "-100777", first.dedupe_key)


# ---------------------------------------------------------------- hostile shapes

GOOD = [
    message("签到 @tuantuan_bot", reply_to_message={"message_id": 7, "from": {"id": 42}}),
    message(None, new_chat_members=[person(8)]),
    message(None, left_chat_member=person(8)),
    message(None, migrate_to_chat_id=-100777),
    update(**press_update(GROUP, person(7), 3, "faq:12", "q1")),
    update(**member_update(GROUP, person(8), person(7), "left", "member")),
    update(**member_update(GROUP, person(42, bot=True), person(7), "left", "member", "my_chat_member")),
]
ODD: list[Any] = [
    None,
    True,
    False,
    0,
    -1,
    1.5,
    2**63,
    -(2**70),
    "",
    "x",
    "1",
    [],
    [[]],
    {},
    {"id": 1},
    "\ud800",
    "\x00",
]


FIELDS = ["message_id", "from", "chat", "id", "type", "date", "text", "new_chat_members", "user", "status", "message"]


def paths(value: Any, here: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield here
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from paths(inner, (*here, key))


def refused_or_storable(raw: Any) -> bool:
    """Return True when it was taken; anything but a clean refusal propagates."""
    try:
        found = parse_all(raw, ME, NOW)
    except ValueError:
        return False
    for event in found:
        event.dump().encode("utf-8")
        assert len(event.text) <= MAX_TEXT
        assert len(event.dedupe_key) <= 160
        assert len(event.conversation) <= 160
        assert len(event.button.encode()) <= 256
    return True


@pytest.mark.parametrize("good", GOOD)
def test_every_field_replaced_by_every_odd_thing(good: dict[str, Any]) -> None:
    taken = refused = 0
    for path in paths(good):
        for odd in ODD:
            raw = copy.deepcopy(good)
            target = raw
            for key in path[:-1]:
                target = target[key]
            if path:
                target[path[-1]] = odd
            else:
                raw = odd
            if refused_or_storable(raw):
                taken += 1
            else:
                refused += 1
    assert taken
    assert refused


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=4),
        max_leaves=12,
    )
)
def test_no_json_at_all_breaks_it(value: Any) -> None:
    refused_or_storable(value)
    refused_or_storable({"update_id": 1, "message": value})
    refused_or_storable({"update_id": 1, "callback_query": value, "chat_member": value})


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xef\xbb\xbf{}",
        b"\xff\xfe{\x00}\x00",
        b'{"a": NaN}',
        b'{"a": -Infinity}',
        b'{"a": 1e400}',
        b'{"a": ' + b"1" * 5000 + b"}",
        b'{"a": 1, "a": 2}',
        b"[" * 100_000,
        b'{"a":' * 50_000,
        "签到".encode("gbk"),
        b'{"a": 1} x',
        b"{'a': 1}",
    ],
)
def test_json_that_is_none_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError):
        decode(body)


def test_json_with_a_lone_surrogate_is_read_and_cleaned() -> None:
    raw = decode(json.dumps(message("签\ud83d到")).encode())
    assert one(raw).text == "签到"


def test_rows_of_the_text_collections(shared: Path) -> None:
    """Every naughty string and nasty name as words, as a name and as a title."""
    count = 0
    for name in ("blns_dev", "names_nasty_dev"):
        for line in (shared / f"data/abuse/text/{name}.jsonl").read_text("utf-8").strip().split("\n"):
            text = json.loads(line)["text"]
            raw = message(text)
            raw["message"]["from"] |= {"first_name": text, "last_name": text}
            raw["message"]["chat"] = GROUP.json() | {"title": text}
            got = parse_all(decode(json.dumps(raw).encode()), ME, NOW)
            for event in got:
                event.dump().encode("utf-8")
                assert "\x00" not in event.text + event.sender_name + event.group_name
            count += 1
    assert count > 400


def _document(chat: dict[str, Any], **fields: Any) -> dict[str, Any]:
    raw = message(None)
    raw["message"]["chat"] = chat
    raw["message"]["document"] = {"file_id": "BQAD1", "file_name": "规则.docx", "file_size": 1234, **fields}
    return raw


def test_a_file_in_private_has_its_name_and_size() -> None:
    private = {"id": 7, "type": "private", "first_name": "李"}
    got = one(_document(private))
    assert (got.media, got.media_id, got.file_name, got.file_size) == ("file", "BQAD1", "规则.docx", 1234)
    assert got.place is Place.DM and got.text == ""
    captioned = _document(private)
    captioned["message"]["caption"] = "给团长"
    assert one(captioned).text == "给团长"
    long = one(_document(private, file_name="长" * 5000, file_size=-4))
    assert (len(long.file_name), long.file_size) == (255, 0)
    for bad in ({"file_name": 7}, {"file_size": "x"}, {"file_id": None}):
        with pytest.raises(ValueError, match="expected"):
            parse_all(_document(private, **bad), ME, NOW)


def test_a_file_in_a_group_is_only_its_words() -> None:
    raw = _document({"id": GROUP.id, "type": "supergroup", "title": "阳光花园"})
    raw["message"]["caption"] = "签到"
    got = one(raw)
    assert (got.media, got.file_name, got.text) == ("", "", "签到")
