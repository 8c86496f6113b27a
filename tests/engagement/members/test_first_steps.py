"""新手任务: a newcomer's path, told under the replies, paid once; silence for everybody else."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlmodel import select

from engagement.entry import joining
from engagement.entry.joining import Account
from engagement.kernel import Event, Kind
from engagement.registry import FEATURES
from knowledge.answer import Answer, Citation
from storage.engine import Session
from storage.groups import Group, Member
from tests.engagement.stage import Stage, at, keys, open_stage, placeholders_match, shown


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return open_stage(tmp_path, FEATURES, "2026-12-01T09:00")


def join(stage: Stage, who: str, when: str = "") -> list[str]:
    return [message.key for message in stage.happen(Event.JOIN, who, when, subject=who, subject_name=who)]


def steps(stage: Stage, who: str) -> int | None:
    return stage.database.read_now(lambda s: s.exec(select(Member.steps).where(Member.name == who)).first())


def test_a_newcomer_is_led_from_step_to_step(stage: Stage) -> None:
    """
    王姐进群 → 欢迎（照旧）
    王姐: 签到 → 第一次打卡，下一步聊话题（1/4）
    王姐: 积分 → 积分，下一步还是聊话题（2/4）
    王姐: （回复话题）→ +2，下一步问一句（3/4）
    王姐: 请问 几点提货 → 回答，新手任务都做完了 +10
    之后谁也不再提
    """
    assert join(stage, "王姐") == ["groups.welcome"]
    (first,) = stage.say("王姐", "签到")
    assert first.tails == ("checkin.first_how", "members.step_topic", "members.notice_short")
    assert "新手任务 1/4，下一步：发「今日话题」" in shown(first)
    (points,) = stage.say("王姐", "积分")
    assert points.tails[-1:] == ("members.step_topic",)
    assert "2/4" in shown(points)
    (topic,) = stage.say("王姐", "今日话题")
    assert not any(key.startswith("members.") for key in topic.tails)
    answered = stage.say("王姐", "我家腌了两坛泡菜", quoting=topic)
    assert "members.step_ask" in answered[0].tails
    said = stage.say("王姐", "请问 几点提货")
    assert "members.steps_gift" in said[0].tails
    assert all(placeholders_match(message) for message in [first, points, *answered, *said])
    assert stage.points("王姐", "onboarding") == 10
    assert steps(stage, "王姐") == 15
    for text in ("积分", "请问 几点提货"):
        assert not any("step" in key for message in stage.say("王姐", text) for key in message.tails)
    stage.say("王姐", "签到", "2026-12-02T09:00")
    assert stage.points("王姐", "onboarding") == 10


def test_alone_with_the_bot_nobody_is_sent_into_a_chat(stage: Stage) -> None:
    """
    王姐在公众号里: 签到 → 发「今日话题」；今日话题 → 发「话题」加上你的话，不叫她回复哪一条
    话题 … → 下一步：问我一句，不用 @
    """
    join(stage, "王姐")
    stage.change(hears=False, speaks=False)
    words = [shown(one) for text in ("签到", "积分", "今日话题") for one in stage.say("王姐", text, private=True)]
    assert "发「话题」加上你的话" in words[-1]
    (answered,) = stage.say("王姐", "话题 我家腌了两坛泡菜", private=True)
    assert "members.step_ask_alone" in answered.tails
    words += [shown(one) for one in (answered, *stage.say("王姐", "新手任务", private=True))]
    assert not [one for one in words if "回复" in one or "@我" in one or "群里发" in one]
    assert "· 问我一个问题" in words[-1]


def test_nothing_is_said_unasked(stage: Stage) -> None:
    """Every line of the path stands under an answer to the newcomer's own message."""
    join(stage, "王姐")
    before = len(stage.said)
    for text in ("签到", "积分", "排行榜", "请问 几点提货"):
        for message in stage.say("王姐", text):
            assert message.kind is not Kind.PUSH
            assert not message.key.startswith("members.step")
    assert len(stage.said) > before


def test_who_was_there_before_hears_nothing_of_it_until_asked(stage: Stage) -> None:
    """
    李阿姨（一直在群里）: 签到、积分 → 和以前一样
    李阿姨: 新手任务 → 1/4（今早打过卡），都做完送 10
    李阿姨: 签到（第二天）→ 只点赞；聊话题 → 带下一步
    """
    for message in (*stage.say("李阿姨", "签到"), *stage.say("李阿姨", "积分")):
        assert not any("step" in key for key in message.tails)
    (asked,) = stage.say("李阿姨", "新手任务")
    assert (asked.key, asked.values["steps_done"]) == ("members.steps", 1)
    assert "✓ 发一次「签到」" in shown(asked)
    assert "都做完送你 10 积分" in shown(asked)
    (next_day,) = stage.say("李阿姨", "签到", "2026-12-02T09:00")
    assert next_day.kind is Kind.REACTION
    (looked,) = stage.say("李阿姨", "积分")
    assert looked.tails[-1] == "members.step_topic"
    (shown_now,) = stage.say("李阿姨", "新手任务")
    assert "✓ 看一眼「积分」" in shown(shown_now)
    assert "· 聊一次「今日话题」" in shown(shown_now)


def test_who_comes_back_is_no_newcomer(stage: Stage) -> None:
    stage.say("李阿姨", "签到")
    stage.happen(Event.LEAVE, "李阿姨", subject="李阿姨", subject_name="李阿姨")
    join(stage, "李阿姨", "2026-12-02T09:00")
    assert steps(stage, "李阿姨") is None
    join(stage, "王姐", "2026-12-02T09:05")
    join(stage, "王姐", "2026-12-02T09:06")
    assert steps(stage, "王姐") == 0


def test_somebody_brought_by_another_is_on_the_path(stage: Stage) -> None:
    stage.say("李阿姨", "签到")
    stage.happen(Event.JOIN, "李阿姨", subject="王姐", subject_name="王姐", invited_by="李阿姨")
    assert (steps(stage, "王姐"), steps(stage, "李阿姨")) == (0, None)
    (first,) = stage.say("王姐", "签到")
    assert "members.step_topic" in first.tails


def test_the_gift_is_the_group_s_to_set(stage: Stage) -> None:
    stage.change(settings={"members": {"onboarding_points": 0}})
    join(stage, "王姐")
    (topic,) = stage.say("王姐", "今日话题")
    stage.say("王姐", "我家腌了两坛泡菜", quoting=topic)
    for text in ("签到", "请问 几点提货"):
        stage.say("王姐", text)
    assert "都做完送你" not in shown(stage.say("王姐", "新手任务")[0])
    (last,) = stage.say("王姐", "积分")
    assert last.tails[-1] == "members.steps_thanks"
    assert stage.points("王姐", "onboarding") == 0
    assert keys(stage.say("王姐", "新手任务")) == ["members.steps_done"]


def test_a_button_and_a_leader_count_alike(stage: Stage) -> None:
    """The button under the first check-in is a look at one's points; a redelivery changes nothing."""
    join(stage, "王姐")
    (first,) = stage.say("王姐", "签到")
    (looked,) = stage.say("王姐", "", button=first.buttons[0].key, dedupe_key="b1")
    assert "2/4" in shown(looked)
    assert stage.say("王姐", "", button=first.buttons[0].key, dedupe_key="b1") == []
    assert steps(stage, "王姐") == 5


def test_after_a_withdrawal_nothing_is_counted(stage: Stage) -> None:
    join(stage, "王姐")
    stage.say("王姐", "签到")
    stage.say("王姐", "退出")
    (looked,) = stage.say("王姐", "积分")
    assert not any("step" in key for key in looked.tails)
    assert steps(stage, "王姐") == 1


def test_erased_and_back_begins_anew(stage: Stage) -> None:
    join(stage, "王姐")
    stage.say("王姐", "签到")
    (sure,) = stage.say("王姐", "删除我的数据")
    stage.say("王姐", "", button=sure.buttons[0].key)
    assert steps(stage, "王姐") is None
    assert steps(stage, "") is None
    (again,) = stage.say("王姐", "签到", "2026-12-02T09:00")
    assert not any("step" in key for key in again.tails)


def test_a_path_in_one_group_is_no_path_in_another(stage: Stage) -> None:
    join(stage, "王姐")

    def another(session: object) -> None:
        session.add(  # type: ignore[attr-defined]
            Group(channel="play", external_id="g2", name="金桂苑", created_at=stage.clock.now())
        )

    stage.database.write_now(another)
    stage.say("王姐", "签到")
    assert (
        stage.database.read_now(lambda s: s.exec(select(Member.steps).where(Member.group_id != stage.group_id)).all())
        == []
    )


def came_by_link(stage: Stage, who: str, when: str) -> None:
    """Somebody for whom WeChat vouches presses the button behind the link of a customer group."""
    stage.clock.set(at(when))

    def come(session: Session) -> None:
        group = session.get_one(Group, stage.group_id)
        joining.join(session, group, who, stage.clock.now(), account=Account("wechat", who))

    stage.database.write_now(come)


def test_who_is_in_danger_or_gives_up_hears_of_no_task(stage: Stage) -> None:
    """
    王姐（新手任务 1/4）: 我不想活了 → 12356，不提新手任务，也不算问过
    王姐: 算了 → 好的，那就先不弄了。也不算
    """
    join(stage, "王姐")
    stage.say("王姐", "签到")
    for text in ("问 我不想活了", "问团长 我老公打我"):
        said = stage.say("王姐", text)
        assert said[0].key in ("faq.self_harm", "faq.violence"), text
        assert not any("step" in key for message in said for key in (message.key, *message.tails)), text
        assert steps(stage, "王姐") == 1, text
    (alone,) = stage.say("王姐", "我不想活了", private=True)
    assert (alone.key, alone.tails) == ("faq.self_harm", ())
    (how,) = stage.say("王姐", "签到")
    object.__setattr__(how, "subject", "again:")
    (over,) = stage.say("王姐", "算了", quoting=how)
    assert (over.key, over.tails, steps(stage, "王姐")) == ("guard.given_up", (), 1)


@pytest.mark.parametrize(
    "text",
    ["请问 把李阿姨踢了", "请问 我要投诉", "问团长 什么破平台，气死我了", "请问 群里有人骂我", "请问 团长怎么不回消息"],
)
def test_who_quarrels_or_complains_hears_of_no_task(stage: Stage, text: str) -> None:
    """王姐（新手任务 1/4）: 把李阿姨踢了 → 移不移人由团长定……，不提新手任务"""
    entries = {"群里有人骂我": "group.conflict", "团长怎么不回消息": "group.leader_no_reply"}

    class Base:
        async def ask(self, question: str, **_more: object) -> Answer:
            cited = Citation("《群公约》", entries.get(question, "pickup.hours"), "先消消气。")
            return Answer("answered", "先消消气。", (cited,), (), 0.5, None, 1.0)

    stage.gateway.dispatcher.answering = Base()  # type: ignore[assignment]
    join(stage, "王姐")
    stage.say("王姐", "签到")
    said = stage.say("王姐", text)
    assert not any("step" in key for message in said for key in (message.key, *message.tails)), said
    assert steps(stage, "王姐") == 1


def test_who_comes_by_the_groups_link_is_led_like_any_newcomer_once(stage: Stage) -> None:
    """
    客户群，王姐点链接进来（公众号）: 签到 → 新手任务 1/4 …… 做完 +10
    她退了群又点一次链接：不从头来，也没有第二份
    """
    stage.change(hears=False, speaks=False)
    came_by_link(stage, "王姐", "2026-12-01T09:00")
    assert steps(stage, "王姐") == 0
    (first,) = stage.say("王姐", "签到", channel="wechat")
    assert "新手任务 1/4，下一步：发「今日话题」" in shown(first)
    for text in ("积分", "话题 我家腌了两坛泡菜"):
        stage.say("王姐", text, channel="wechat")
    (last, *_) = stage.say("王姐", "几点能提货", channel="wechat")
    assert "members.steps_gift" in last.tails
    assert stage.points("王姐", "onboarding") == 10

    def leave(session: Session) -> None:
        member = session.exec(select(Member).where(Member.name == "王姐")).one()
        member.left_at = stage.clock.now()
        session.add(member)

    stage.database.write_now(leave)
    came_by_link(stage, "王姐", "2026-12-02T09:00")
    (again,) = stage.say("王姐", "签到", channel="wechat")
    assert not any("step" in key for key in again.tails) and steps(stage, "王姐") == 15
    assert stage.points("王姐", "onboarding") == 10


def test_by_the_link_in_a_group_that_is_known_it_begins_nothing_for_who_was_there(stage: Stage) -> None:
    stage.say("李阿姨", "签到", channel="play")
    stage.change(hears=False, speaks=False)
    person = stage.person("李阿姨")

    def come(session: Session) -> None:
        joining.join(session, session.get_one(Group, stage.group_id), "李阿姨", stage.clock.now(), person_id=person)

    stage.clock.set(at("2026-12-02T09:00"))
    stage.database.write_now(come)
    assert steps(stage, "李阿姨") is None


def test_who_was_brought_says_so_by_a_code(stage: Stage) -> None:
    """客户群里有人进群是平台说的；点链接进来的平台不说，一样填得了邀请码；七天以后不行。"""
    stage.say("李阿姨", "签到")
    join(stage, "赵哥")
    stage.change(hears=False, speaks=False)
    (poster,) = stage.say("李阿姨", "邀请海报", private=True)
    code = poster.values["code"]
    assert "私聊我发「邀请码" in shown(poster)
    came_by_link(stage, "早来的", "2026-12-02T09:00")
    assert keys(stage.say("早来的", f"邀请码 {code}", channel="wechat")) == ["invites.not_new"], "the group is young"
    for who in ("王姐", "小张"):
        came_by_link(stage, who, "2026-12-20T09:00")
    assert keys(stage.say("王姐", f"邀请码 {code}", channel="wechat")) == ["invites.code_kept"]
    assert keys(stage.say("小张", f"邀请码 {code}", "2026-12-27T09:01", channel="wechat")) == ["invites.not_new"]
