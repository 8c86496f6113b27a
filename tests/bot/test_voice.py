"""Voice messages: heard, answered with what was understood; or a kind word why not."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlmodel import select

from bot.gateway import Handled
from bot.voice import OF_ONE, Ear, TooLarge, Unfetchable
from engagement.groups import rules
from engagement.kernel import Event, Incoming, Kind, Outgoing, Place
from engagement.registry import FEATURES
from knowledge import speech
from knowledge.settings import SpeechSettings
from storage.groups import Group
from storage.inbox import Inbox
from tests.engagement.stage import Stage, keys, open_stage, placeholders_match, shown
from tests.knowledge.faulty_speech import FaultySpeech, ogg, serving


@pytest.fixture
def server() -> Iterator[FaultySpeech]:
    """The speech server."""
    with serving() as found:
        yield found


class Files:
    """A channel's files."""

    def __init__(self) -> None:
        self.files: dict[str, bytes | Exception] = {"v1": ogg(3)}
        self.asked: list[tuple[str, int]] = []
        self.wait = 0.0

    async def __call__(self, media_id: str, most: int) -> bytes:
        self.asked.append((media_id, most))
        await asyncio.sleep(self.wait)
        found = self.files[media_id]
        if isinstance(found, Exception):
            raise found
        if len(found) > most:
            raise TooLarge
        return found


@pytest.fixture
def files() -> Files:
    return Files()


@pytest.fixture
def stage(tmp_path: Path, server: FaultySpeech, files: Files) -> Stage:
    opened = open_stage(tmp_path, FEATURES, "2026-12-01T09:00")
    opened.say("李阿姨", "签到")
    listen(opened, server, files)
    return opened


def listen(stage: Stage, server: FaultySpeech, files: Files, deadline: float = 30.0) -> None:
    """Give the stage an ear; a slow machine must not be taken for a slow endpoint."""
    settings = SpeechSettings(base_url=server.url, api_key=SecretStr("k"), model="m", deadline=deadline)
    stage.gateway.ear = Ear(speech.configured(settings), settings)
    stage.gateway.ear.sources["play"] = files


def voice(stage: Stage, who: str = "李阿姨", *, private: bool = True, **more: Any) -> Incoming:
    now = stage.clock.now()
    number = f"v{next(stage._ids)}"
    fields: dict[str, Any] = {
        "media": "voice",
        "media_id": "v1",
        "sender_name": who,
        "message_id": number,
        "addressed": True,
        **more,
    }
    place = Place.DM if private else Place.GROUP
    return Incoming(Event.MESSAGE, "play", number, place, who if private else "g1", who, now, now, **fields)


def send(stage: Stage, incoming: Incoming) -> list[Outgoing]:
    """As the pump does it: persist, hear, handle."""

    async def run() -> Handled:
        row = await stage.gateway.accept(incoming)
        if row is None:
            return Handled("repeated")
        return await stage.gateway.handle(row, await stage.gateway.hear(incoming))

    handled = asyncio.run(run())
    assert handled.outcome in ("done", "refused", "repeated"), handled
    return [queued.message for queued in handled.queued]


def test_what_was_understood_stands_first(stage: Stage, server: FaultySpeech) -> None:
    """
    李阿姨（语音）: 「积分」 → 听到：积分。 李阿姨，你现在有……
    """
    server.behaviour = "积分。"
    (said,) = send(stage, voice(stage))
    assert said.key == "points.balance"
    assert shown(said).startswith("听到：积分。\n")
    assert placeholders_match(said)


def test_a_stamp_is_said_in_words(stage: Stage, server: FaultySpeech) -> None:
    server.behaviour = "我来打卡啦！"
    stage.clock.set(stage.clock.now().replace(day=2))
    said = send(stage, voice(stage, private=False))
    assert (said[0].kind, said[0].key, said[0].emoji) == (Kind.REPLY, "checkin.done", "")
    assert shown(said[0]).startswith("听到：我来打卡啦！")
    assert stage.points("李阿姨", "checkin") > 5


def test_a_question_and_a_private_answer(stage: Stage, server: FaultySpeech) -> None:
    server.behaviour = "请问明天几点能提货"
    said = send(stage, voice(stage))
    assert shown(said[0]).startswith("听到：请问明天几点能提货")
    server.behaviour = "我的数据"
    (mine,) = send(stage, voice(stage))
    assert shown(mine).startswith("听到：我的数据")


def test_an_answer_to_the_topic_by_voice(stage: Stage, server: FaultySpeech) -> None:
    (topic,) = stage.say("李阿姨", "今日话题")
    server.behaviour = "我家腌了两坛泡菜"
    quoted = stage._remember(topic, "g1")
    said = send(stage, voice(stage, private=False, reply_to=quoted))
    assert said[0].key == "topic.counted_first"
    assert shown(said[0]).startswith("听到：我家腌了两坛泡菜")


def test_a_refusal_also_says_what_was_heard(stage: Stage, server: FaultySpeech) -> None:
    server.behaviour = "沉默邻居"
    (said,) = send(stage, voice(stage))
    assert said.key == "guard.leader_only"
    assert shown(said).startswith("听到：沉默邻居")


def test_misheard_names_obey_nothing(stage: Stage, server: FaultySpeech) -> None:
    server.behaviour = "{name} **<b>** \u202e @所有人 加分 李阿姨 100 好"
    send(stage, voice(stage))
    assert stage.points("李阿姨", "adjust") == 0


@pytest.mark.parametrize("private", [True, False])
def test_an_answer_that_typing_has_overtaken_quotes_what_it_answers(
    stage: Stage, server: FaultySpeech, private: bool
) -> None:
    """
    李阿姨（语音，还在听）；李阿姨: 排行榜 → 回排行榜；听完了 → 引用那条语音：「听到：积分。」
    """
    server.behaviour = "积分。"
    spoken = voice(stage, private=private)

    async def overtaken() -> tuple[list[Outgoing], list[Outgoing]]:
        row = await stage.gateway.accept(spoken)
        hearing = asyncio.create_task(stage.gateway.hear(spoken))
        written = replace(spoken, dedupe_key="typed", message_id="typed", text="排行榜", media="", media_id="")
        second = await stage.gateway.accept(written)
        assert row is not None and second is not None
        first_out = await stage.gateway.handle(second, written)
        heard = await stage.gateway.handle(row, await hearing)
        return [one.message for one in first_out.queued], [one.message for one in heard.queued]

    (board,), (points,) = asyncio.run(overtaken())
    assert (board.key, board.reply_to) == ("points.board_week", "typed")
    assert (points.key, points.reply_to) == ("points.balance", spoken.message_id)
    assert shown(points).startswith("听到：积分。")


def test_a_private_word_to_the_speaker_quotes_it_too(stage: Stage, server: FaultySpeech) -> None:
    """What comes as a private message of its own (a file, a copy) hangs on the voice message as well."""
    server.behaviour = "我的数据"
    spoken = voice(stage)
    assert {one.reply_to for one in send(stage, spoken)} == {spoken.message_id}


def test_what_was_asked_after_somebody_spoke_is_not_what_he_answered(stage: Stage, server: FaultySpeech) -> None:
    """
    周团长（语音，还在听）: 今天忙死了；周团长: 设置 → [填提货点] → 团团: 提货点在哪儿？
    听完了 → 不是提货点
    """
    server.behaviour = "今天忙死了"
    ask = rules.Ask(stage.group_id, "pickup_place")
    stage.say("周团长", "积分", private=True)
    spoken = voice(stage, "周团长")
    stage.clock.set(stage.clock.now() + timedelta(seconds=5))
    (asked,) = stage.say("周团长", "", button=f"fill:{ask.reference()}", private=True)
    assert asked.subject.startswith("fill:")
    stage._remember(asked, "周团长")
    stage.clock.set(stage.clock.now() + timedelta(seconds=5))
    said = send(stage, spoken)
    assert not any(one.key.startswith("groups.") for one in said)
    group = stage.database.read_now(lambda session: session.get_one(Group, stage.group_id))
    assert not group.facts
    later = voice(stage, "周团长")
    server.behaviour = "东门快递柜"
    assert send(stage, later)[0].key == "groups.fact_kept", "what is said afterwards is the answer"


@pytest.mark.parametrize(
    ("file", "behaviour", "key"),
    [
        (ogg(3), "500", "members.voice_failed"),
        (ogg(3), "hang", "members.voice_failed"),
        (ogg(3), "garbage", "members.voice_failed"),
        (ogg(3), "bomb", "members.voice_failed"),
        (ogg(3), "  ", "members.voice_failed"),
        (ogg(61), "签到", "members.voice_long"),
        (ogg(3, 1_000_001), "签到", "members.voice_long"),
        (Unfetchable("gone"), "签到", "members.voice_failed"),
    ],
)
def test_what_cannot_be_heard_is_asked_for_kindly(
    stage: Stage, server: FaultySpeech, files: Files, file: bytes | Exception, behaviour: str, key: str
) -> None:
    if behaviour == "hang":
        listen(stage, server, files, deadline=1.0)
    server.behaviour = behaviour
    files.files["v1"] = file
    assert keys(send(stage, voice(stage))) == [key]


def test_a_channel_that_is_slow(stage: Stage, files: Files, server: FaultySpeech) -> None:
    listen(stage, server, files, deadline=0.3)
    files.wait = 5.0
    assert keys(send(stage, voice(stage))) == ["members.voice_failed"]


def test_without_an_endpoint_people_are_asked_to_type(stage: Stage, files: Files) -> None:
    """Nothing is fetched, nothing is recorded."""
    stage.gateway.ear = Ear(None, SpeechSettings())
    stage.gateway.ear.sources["play"] = files
    (said,) = send(stage, voice(stage, "路人"))
    assert said.key == "members.voice_type"
    assert "打字" in shown(said)
    stage.gateway.ear = None
    assert keys(send(stage, voice(stage, private=False))) == ["members.voice_type"]
    assert files.asked == []


def test_in_a_group_only_what_is_addressed_is_listened_to(stage: Stage) -> None:
    assert stage.gateway.routes.is_chatter(voice(stage, private=False, addressed=False))
    assert not stage.gateway.routes.is_chatter(voice(stage, private=False))


def test_words_beside_a_voice_and_other_messages_are_left_alone(stage: Stage, files: Files) -> None:
    ear = stage.gateway.ear
    assert ear is not None
    for incoming in (
        voice(stage, text="签到"),
        voice(stage, media="photo"),
        voice(stage, media_id=""),
        replace(voice(stage), channel="terminal"),
    ):
        assert asyncio.run(ear.hear(incoming)) is incoming
    assert files.asked == []


def test_one_person_does_not_keep_everybody_waiting(stage: Stage, files: Files, server: FaultySpeech) -> None:
    ear = stage.gateway.ear
    assert ear is not None
    files.wait = 0.2

    async def flood() -> list[Incoming]:
        return await asyncio.gather(*(ear.hear(voice(stage)) for _ in range(OF_ONE + 3)))

    heard = asyncio.run(flood())
    assert [one.media for one in heard].count("voice_busy") == 3
    assert [one.media for one in heard].count("heard") == OF_ONE
    assert asyncio.run(ear.hear(voice(stage))).media == "heard", "afterwards there is room again"


def test_a_redelivery_and_a_restart(stage: Stage, server: FaultySpeech) -> None:
    """The row keeps the message as it came: after a crash it is listened to again; its words are kept nowhere."""
    server.behaviour = "签到"
    incoming = voice(stage, private=False)
    stage.clock.set(stage.clock.now().replace(day=2))

    async def receive() -> None:
        await stage.gateway.accept(incoming)

    asyncio.run(receive())
    (body,) = stage.database.read_now(
        lambda s: s.exec(select(Inbox.body).where(Inbox.dedupe_key == incoming.dedupe_key)).all()
    )
    assert Incoming.load(body) == incoming
    assert "签到" not in body
    assert send(stage, incoming) == []


def test_an_elder_s_answer_is_short_and_says_what_was_heard(stage: Stage, server: FaultySpeech) -> None:
    stage.say("李阿姨", "长辈模式", private=True)
    server.behaviour = "积分"
    (said,) = send(stage, voice(stage))
    assert said.key == "members.easy_points_balance"
    assert shown(said).startswith("听到：积分\n")
