"""A leader's day in the chat: the overview, muting, and the way back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from sqlmodel import select

from engagement.events import Suspected
from engagement.feature import Actor, Context, GroupView
from engagement.kernel import Event, Kind, Outgoing, Reply
from engagement.pushes import Occurrence, Planned
from engagement.registry import FEATURES
from prompts.loader import texts
from storage import identities
from storage.actions import LeaderAction
from storage.audit import AuditRow
from storage.campaigns import Campaign, Delivery, Schedule
from storage.documents import Question
from storage.engine import Session
from storage.groups import Group, Member
from tests.engagement.stage import Stage, at, keys, open_stage, placeholders_match, shown

LEADER = "周团长"


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    opened = open_stage(tmp_path, FEATURES, "2026-12-01T09:00")
    yield opened
    opened.database.close()


def second_group(stage: Stage, leader: str = LEADER, name: str = "金桂苑") -> int:
    """Another group of the same leader."""

    def make(session: Session) -> int:
        group = Group(channel="play", external_id="g2", name=name, created_at=stage.clock.now())
        session.add(group)
        session.flush()
        assert group.id is not None
        person = identities.meet(session, "play", leader, leader, stage.clock.now()).person_id
        member = identities.enter(session, group.id, person, leader, stage.clock.now())
        member.role = "leader"
        session.add(member)
        return group.id

    return stage.database.write_now(make)


def suspect(stage: Stage, who: str) -> None:
    """The points slice finds somebody's points odd."""

    def tell(session: Session) -> None:
        known = identities.known(session, "play", who, stage.group_id)
        assert known is not None
        assert known.member_id is not None
        group = GroupView.of(session.get_one(Group, stage.group_id))
        ctx = stage.gateway.dispatcher.context(session, stage.incoming(who), Actor(0, ""), group, stage.clock.now())
        assert isinstance(ctx, Context)
        ctx.emit(Suspected(stage.group_id, known.member_id, "burst"))

    stage.database.write_now(tell)


def labels(message: Outgoing) -> list[str]:
    return [button.key.split(":")[0] + ":" + button.key.split(":")[1] for button in message.buttons]


# ---------------------------------------------------------------- 今日一览


def test_the_day_at_a_glance(stage: Stage) -> None:
    """
    （昨天两位签到；今天李阿姨第 7 天、王姐也签到了，王姐聊了话题，路过的问了两个问题）
    周团长（私聊）: 今日一览
    团团: 签到 2 位（昨天全天 2），聊话题 1 位…… [明日话题] [待回复] [设置] [每晚 8:30 发我]
    """
    for number in range(1, 7):
        stage.say("李阿姨", "签到", f"2026-12-{number:02d}T08:00")
    stage.say("王姐", "签到", "2026-12-06T08:00")
    (topic,) = stage.say("王姐", "今日话题", "2026-12-07T08:10")
    stage.say("王姐", "我家腌了两坛泡菜", quoting=topic)
    for who in ("李阿姨", "王姐", "新来的"):
        stage.say(who, "签到", "2026-12-07T08:15")
    stage.say("李阿姨", "问团长 明天到什么货", "2026-12-07T09:00")
    (said,) = stage.say(LEADER, "今日一览", "2026-12-07T14:00", private=True)
    assert said.key == "leader.today"
    assert {name: said.values[name] for name in ("checkins", "yesterday", "answers", "newcomers", "open")} == {
        "checkins": 3,
        "yesterday": 2,
        "answers": 1,
        "newcomers": 1,
        "open": 1,
    }
    words = shown(said)
    assert "李阿姨连签 7 天" in words
    assert "最早的等了 5 小时" in words
    assert "明天 7:30 的话题：" in words
    assert len(words.splitlines()) <= 8, "one screen"
    assert labels(said) == ["do:topic", "do:faq", "do:groups", "evening:on"]
    assert placeholders_match(said)
    for number, key in enumerate(["topic.tomorrow", "faq.waiting", "groups.settings"]):
        assert keys(stage.say(LEADER, "", button=said.buttons[number].key, private=True))[0].startswith(key)


def test_in_the_group_it_is_short_and_names_nobody(stage: Stage) -> None:
    """周团长: 今日一览 → 几个数字；谁签了、谁在问，私聊看"""
    stage.say("李阿姨", "签到")
    stage.say("李阿姨", "问团长 明天到什么货")
    (said,) = stage.say(LEADER, "今日一览")
    assert said.key == "leader.today_here"
    assert said.buttons == ()
    assert "李阿姨" not in shown(said)
    assert keys(stage.say("李阿姨", "今日一览")) == ["guard.leader_only"]
    assert keys(stage.say("李阿姨", "", button=f"do:topic:{stage.group_id}")) == ["guard.leader_only"]


def test_an_empty_day_is_said_in_few_words(stage: Stage) -> None:
    (said,) = stage.say(LEADER, "今日一览", private=True)
    assert "leader.today_none_waiting" in said.tails
    assert not {"leader.today_praise", "leader.today_coming", "leader.today_said"} & set(said.tails)


def test_what_went_out_and_what_is_still_to_come(stage: Stage) -> None:
    def rows(session: Session) -> None:
        for number, (kind, hour) in enumerate(
            (("topic", 7), ("topic_summary", 20), ("question_reminder", 18), ("calendar", 21)), start=1
        ):
            session.add(Campaign(id=number, key=kind, kind=kind, created_at=stage.clock.now()))
            session.flush()
            due = at(f"2026-12-0{1 if hour > 9 else 2}T{hour:02d}:00")
            session.add(
                Schedule(
                    campaign_id=number,
                    group_id=stage.group_id,
                    kind=kind,
                    zone="Asia/Shanghai",
                    local_minute=hour * 60,
                    next_at=due,
                )
            )
        now = stage.clock.now()
        session.add(
            Delivery(
                campaign_id=1,
                group_id=stage.group_id,
                local_date=now.date(),
                shard="x",
                state="sent",
                due_at=now,
                expires_at=now,
                sent_at=at("2026-12-01T07:31"),
            )
        )
        identities.spend_unasked(session, stage.group_id, "2026-12-01", 4)

    stage.database.write_now(rows)
    (said,) = stage.say(LEADER, "今日一览", private=True)
    assert "我主动说了 1 条（一天最多 4 条）：7:31 话题。" in shown(said)
    assert "今天还有（有内容才发）：20:00 话题小结、21:00 活动。" in shown(said)
    stage.happen(Event.JOIN, "王姐", subject="王姐", subject_name="王姐")
    (more,) = stage.say(LEADER, "今日一览", private=True)
    assert "我主动说了 2 条（一天最多 4 条）：7:31 话题，还有 1 条打招呼、祝福。" in shown(more)


def test_what_looks_like_farming_is_told_with_names_in_private_only(stage: Stage) -> None:
    stage.say("王姐", "签到")
    suspect(stage, "王姐")
    suspect(stage, "王姐")
    (said,) = stage.say(LEADER, "今日一览", private=True)
    assert "有 2 次像在刷分：王姐。" in shown(said)
    assert "王姐" not in shown(stage.say(LEADER, "今日一览")[0])
    (tomorrow,) = stage.say(LEADER, "今日一览", "2026-12-02T09:00", private=True)
    assert "刷分" not in shown(tomorrow)
    suspect(stage, "王姐")
    stage.say("王姐", "删除我的数据")
    stage.say("王姐", "", button=f"erase:{stage.person('王姐')}")
    (after,) = stage.say(LEADER, "今日一览", private=True)
    assert "有 1 次像在刷分。" in shown(after)


def test_a_leader_of_two_groups_opens_one(stage: Stage) -> None:
    """
    周团长（私聊）: 今日一览 → 两行，[阳光花园一期] [金桂苑]
    点开金桂苑，再点它下面的「设置」：说的是金桂苑；回头点阳光花园那条的按钮，说的是阳光花园
    """
    other = second_group(stage)
    (both,) = stage.say(LEADER, "今日一览", private=True)
    assert both.key == "leader.today_groups"
    assert [row["group"] for row in both.values["rows"]] == ["阳光花园一期", "金桂苑"]  # type: ignore[attr-defined]
    (first,) = stage.say(LEADER, "", button=both.buttons[0].key, private=True)
    (second,) = stage.say(LEADER, "", button=both.buttons[1].key, private=True)
    assert (first.values["group"], second.values["group"]) == ("阳光花园一期", "金桂苑")
    assert stage.say(LEADER, "设置", private=True)[0].values["group"] == "金桂苑"
    settings = next(button.key for button in first.buttons if button.key.startswith("do:groups"))
    assert stage.say(LEADER, "", button=settings, private=True)[0].values["group"] == "阳光花园一期"
    assert keys(stage.say("李阿姨", "", button=f"glance:{other}", private=True)) == ["guard.no_group"]
    assert keys(stage.say("李阿姨", "", button=f"glance:{other}")) == ["guard.old_button"]


def test_every_evening_for_who_asked(stage: Stage) -> None:
    """
    周团长点 [每晚 8:30 发我] → 好的
    （20:30）团团私聊周团长: 阳光花园一期 今天……
    点 [晚上不用发了] → 不发了；[撤销] → 又发
    """
    assert stage.push("leader_evening", "2026-12-01T20:30") is None
    (day,) = stage.say(LEADER, "今日一览", private=True)
    (on,) = stage.say(LEADER, "", button=day.buttons[-1].key, private=True)
    assert on.key == "leader.evening_on"
    assert "20:30" in shown(on)
    stage.say("李阿姨", "签到", "2026-12-02T08:00")
    planned = stage.push("leader_evening", "2026-12-02T20:30")
    assert planned is not None
    assert planned.reply is not None
    assert (planned.reply.kind, planned.reply.to) == (Kind.DM, stage.person(LEADER))
    assert planned.reply.values["checkins"] == 1
    off = next(button.key for button in planned.reply.buttons if button.key.startswith("evening:off"))
    (stopped,) = stage.say(LEADER, "", button=off, private=True)
    assert stage.push("leader_evening", "2026-12-03T20:30") is None
    assert keys(stage.say(LEADER, "", button=stopped.buttons[0].key, private=True)) == ["leader.put_back"]
    assert stage.push("leader_evening", "2026-12-04T20:30") is not None
    stage.say(LEADER, "删除我的数据", private=True)
    stage.say(LEADER, "", button=f"erase:{stage.person(LEADER)}", private=True)
    assert stage.push("leader_evening", "2026-12-05T20:30") is None


def evening_of_several(stage: Stage, when: str, groups: Sequence[Sequence[int]]) -> list[Planned]:
    """What the job makes of groups that are planned together, one list of ids a transaction."""
    stage.clock.set(at(when))
    planned: list[Planned] = []
    for some in groups:

        def plan(session: Session, some: Sequence[int] = some) -> Sequence[Planned]:
            due = [Occurrence(GroupView.of(session.get_one(Group, one)), 1, at(when).date(), at(when)) for one in some]
            return stage.jobs["leader_evening"].plan(session, due, at(when))

        planned += stage.database.write_now(plan)
    return planned


def test_a_leader_of_several_groups_gets_one_message(stage: Stage) -> None:
    """
    （20:30）团团私聊周团长: 你的几个群今天：阳光花园一期 签到 1…；金桂苑 签到 0… [阳光花园一期] [金桂苑] [晚上不用发了]
    王姐 leads only one of the two and reads about that one; however the planner cuts its batches, it is one each.
    """
    other = second_group(stage)
    for group in (stage.group_id, other):
        stage.say(LEADER, "", button=f"evening:on:{group}", private=True)
    stage.say("王姐", "签到")
    stage.say(LEADER, "设团长 王姐")
    stage.say("王姐", "", button=f"evening:on:{stage.group_id}", private=True)
    merged = alone = Reply("")
    for batches in ([[stage.group_id, other]], [[stage.group_id], [other]], [[other], [stage.group_id]]):
        planned = evening_of_several(stage, "2026-12-01T20:30", batches)
        replies = {one.reply.to: one.reply for one in planned if one.reply is not None}
        assert len(planned) == len(replies) == 2
        merged, alone = replies[stage.person(LEADER)], replies[stage.person("王姐")]
        assert (merged.key, alone.key) == ("leader.evening_groups", "leader.evening")
    assert [row["group"] for row in merged.values["rows"]] == ["阳光花园一期", "金桂苑"]  # type: ignore[attr-defined]
    words = texts().fill(merged.key, merged.values)
    assert "**阳光花园一期**：签到 1（昨天 0）" in words
    assert [one.key for one in merged.buttons] == [f"glance:{stage.group_id}", f"glance:{other}", "evening:off:0"]
    (off,) = stage.say(LEADER, "", button="evening:off:0", private=True)
    assert off.key == "leader.evening_off"
    assert [
        one.reply.to for one in evening_of_several(stage, "2026-12-02T20:30", [[stage.group_id, other]]) if one.reply
    ] == [stage.person("王姐")]
    assert keys(stage.say("李阿姨", "", button="evening:off:0", private=True)) == ["guard.leader_only"]


def test_groups_that_are_asleep_elsewhere_come_on_their_own(stage: Stage) -> None:
    """Another zone is due at another time; a group whose evening push is off says nothing and carries nothing."""
    far = second_group(stage)
    for group in (stage.group_id, far):
        stage.say(LEADER, "", button=f"evening:on:{group}", private=True)

    def move(session: Session) -> None:
        group = session.get_one(Group, far)
        group.zone = "Asia/Urumqi"
        session.add(group)

    stage.database.write_now(move)
    (alone,) = evening_of_several(stage, "2026-12-01T20:30", [[stage.group_id]])
    assert alone.reply is not None
    assert alone.reply.key == "leader.evening"
    (later,) = evening_of_several(stage, "2026-12-01T22:30", [[far]])
    assert later.reply is not None
    assert later.reply.values["group"] == "金桂苑"


def test_who_leads_no_more_gets_no_evening(stage: Stage) -> None:
    stage.say("王姐", "签到")
    stage.say(LEADER, "设团长 王姐")
    stage.say("王姐", "", button=f"evening:on:{stage.group_id}", private=True)
    assert stage.push("leader_evening", "2026-12-01T20:30") is not None
    stage.say(LEADER, "取消团长 王姐")
    assert stage.push("leader_evening", "2026-12-02T20:30") is None


# ---------------------------------------------------------------- 禁言


def test_muting_and_the_way_back(stage: Stage) -> None:
    """
    周团长: 禁言 王姐 2小时 刷屏      → 好的，2 小时内我不理 王姐 发的口令（群里不说原因）
    王姐: 签到                        → 团长让我先不回应你
    周团长: 禁言名单（群里）           → 有 1 位，是谁私聊看
    周团长: 禁言名单（私聊）           → 王姐，还有 2 小时（刷屏）
    周团长点「撤销」                   → 王姐 可以照常用我了
    """
    stage.say("王姐", "签到")
    stage.say("王姐", "积分", private=True)
    said = stage.say(LEADER, "禁言 王姐 2小时 刷屏")
    assert keys(said) == ["leader.muted", "leader.you_are_muted"]
    assert "刷屏" not in shown(said[0])
    assert (said[1].kind, "刷屏" in shown(said[1])) == (Kind.DM, True)
    assert keys(stage.say("王姐", "积分")) == ["guard.muted"]
    assert keys(stage.say("王姐", "我的数据", private=True)) == ["members.mine"]
    (count,) = stage.say(LEADER, "禁言名单")
    assert "王姐" not in shown(count)
    (listed,) = stage.say(LEADER, "禁言名单", private=True)
    assert "· 王姐，到 11:00（刷屏）" in shown(listed)
    stage.say("刘姐", "签到")
    stage.say(LEADER, "禁言 刘姐 2天")
    assert "· 刘姐，到 12月3日 9:00" in shown(stage.say(LEADER, "禁言名单", private=True)[0])
    stage.say(LEADER, "解除禁言 刘姐")
    (which,) = stage.say(LEADER, "撤销", private=True)
    assert _label(which, 2) == "禁言王姐 2 小时"
    assert _label(stage.say(LEADER, "撤销")[0], 2) == "禁言一位邻居 2 小时"
    assert keys(stage.say(LEADER, "", button=said[0].buttons[0].key)) == ["leader.unmuted"]
    assert keys(stage.say("王姐", "积分")) == ["points.balance"]
    assert keys(stage.say(LEADER, "禁言名单")) == ["leader.nobody_muted"]
    assert keys(stage.say(LEADER, "", button=said[0].buttons[0].key)) == ["leader.undone_already"]


def _label(message: Outgoing, number: int) -> str:
    from bot.rendering.capabilities import PLAY
    from bot.rendering.render import render

    return [choice.label for row in render(message, PLAY).buttons for choice in row][number]


def test_a_mute_ends_by_itself_and_can_be_ended(stage: Stage) -> None:
    stage.say("王姐", "签到")
    stage.say(LEADER, "禁言 王姐 30分钟")
    assert keys(stage.say("王姐", "积分", "2026-12-01T09:29")) == ["guard.muted"]
    assert keys(stage.say("王姐", "积分", "2026-12-01T09:31")) == ["points.balance"]
    assert keys(stage.say(LEADER, "解除禁言 王姐")) == ["leader.not_muted"]
    stage.say(LEADER, "禁言 王姐 刷屏")
    done = stage.say(LEADER, "解除禁言 王姐")
    assert keys(done) == ["leader.unmuted"]
    assert keys(stage.say("王姐", "积分")) == ["points.balance"]
    assert keys(stage.say(LEADER, "", button=done[0].buttons[0].key)) == ["leader.muted_again"]
    assert keys(stage.say("王姐", "积分")) == ["guard.muted"]


def test_a_muted_neighbour_is_told_once(stage: Stage) -> None:
    """
    周团长: 禁言 王姐 2小时
    王姐: 签到 → 团长让我先不回应你；再发什么，群里只有一个 🙊，私聊里照说
    过后再禁言一次 → 再说一次
    """
    stage.say("王姐", "签到")
    stage.say(LEADER, "禁言 王姐 2小时")
    first = stage.say("王姐", "签到", dedupe_key="once")
    assert keys(first) == ["guard.muted"]
    assert [keys(stage.say("王姐", text)) for text in ("积分", "签到")] == [["🙊"], ["🙊"]]
    assert keys(stage.say("王姐", "积分", private=True)) == ["guard.muted"]
    stage.say(LEADER, "禁言 王姐 3小时")
    assert keys(stage.say("王姐", "积分")) == ["guard.muted"]
    assert keys(stage.say("王姐", "积分")) == ["🙊"]


def test_no_time_is_guessed(stage: Stage) -> None:
    """
    周团长: 禁言 王姐 100年   → 「100年」不行，最短 1 分钟、最长 30 天
    周团长: 禁言 王姐 一会儿  → 没听懂「一会儿」是多久
    周团长: 禁言 王姐 一个月  → 30 天；禁言 王姐 刷屏 → 1 小时
    """
    stage.say("王姐", "签到")
    for text, key, heard in (
        ("100年", "leader.mute_long", "「100年」"),
        ("一百年 刷屏", "leader.mute_long", "「一百年」"),
        ("30秒", "leader.mute_long", "「30秒」"),
        ("99999年", "leader.mute_long", "「99999年」"),
        ("一会儿", "leader.mute_unclear", "「一会儿」"),
        ("永久 刷屏", "leader.mute_unclear", "「永久」"),
        ("1.5小时", "leader.mute_unclear", "「1.5小时」"),
        ("到明天早上", "leader.mute_unclear", "「到明天早上」"),
    ):
        (said,) = stage.say(LEADER, f"禁言 王姐 {text}")
        assert said.key == key, text
        assert heard in shown(said)
        assert "最长 30 天" in shown(said)
    assert keys(stage.say("王姐", "积分")) == ["points.balance"], "nothing was muted"
    assert stage.say(LEADER, "禁言 王姐 一个月")[0].values["length"] == "30 天"
    assert stage.say(LEADER, "禁言 王姐 三十五分钟")[0].values["length"] == "35 分钟"
    assert stage.say(LEADER, "禁言 王姐 刷屏")[0].values["length"] == "1 小时"


def test_whom_nobody_can_mute(stage: Stage) -> None:
    stage.say("王姐", "签到")
    for text, key in (
        ("禁言 周团长 2小时", "leader.mute_leader"),
        ("禁言 谁 2小时", "groups.no_such_member"),
        ("禁言 王姐 31天", "leader.mute_long"),
        ("禁言 王姐 5", "leader.mute_how"),
        ("禁言", "leader.mute_how"),
        ("解除禁言 谁", "groups.no_such_member"),
        ("解除禁言", "leader.unmute_how"),
        ("设团长", "groups.leader_how"),
        ("取消团长 @", "groups.unleader_how"),
    ):
        assert keys(stage.say(LEADER, text)) == [key], text
    assert keys(stage.say("王姐", "禁言 周团长 2小时")) == ["guard.leader_only"]
    for name in ("a", "b"):
        stage.happen(Event.JOIN, name, subject=name, subject_name="李姐")
    assert keys(stage.say(LEADER, "禁言 李姐 2小时")) == ["groups.same_names"]


def test_the_reason_of_a_mute_leaves_with_the_person(stage: Stage) -> None:
    stage.say("王姐", "签到")
    stage.say(LEADER, "禁言 王姐 2小时 刷广告")
    (copy,) = stage.say("王姐", "导出", private=True)
    assert copy.document is not None
    assert "刷广告" in copy.document.text
    stage.say("王姐", "删除我的数据", private=True)
    stage.say("王姐", "", button=f"erase:{stage.person('王姐')}", private=True)
    rows = stage.database.read_now(lambda s: list(s.exec(select(LeaderAction))))
    assert rows == []
    acts = stage.database.read_now(lambda s: [row.action for row in s.exec(select(AuditRow))])
    assert "member.muted" in acts


# ---------------------------------------------------------------- 撤销


def test_an_undo_in_private_stays_with_its_group(stage: Stage) -> None:
    """周团长在两个群之间换来换去，旧消息下面的「撤销」还是说那个群"""
    other = second_group(stage)
    stage.say(LEADER, "", button=f"group:{other}", private=True)
    (kept,) = stage.say(LEADER, "群信息 热线 400-000-0000", private=True)
    stage.say(LEADER, "", button=f"group:{stage.group_id}", private=True)
    assert stage.say(LEADER, "", button=kept.buttons[0].key, private=True)[0].key == "groups.restored"
    facts = stage.database.read_now(lambda s: {group.id: group.facts or {} for group in s.exec(select(Group))})
    assert facts == {stage.group_id: {}, other: {}}


def test_nothing_to_undo_after_a_week(stage: Stage) -> None:
    (kept,) = stage.say(LEADER, "免打扰 21:00-8:00")
    late = "2026-12-08T10:00"
    assert keys(stage.say(LEADER, "撤销", late)) == ["leader.nothing_to_undo"]
    assert keys(stage.say(LEADER, "", button=kept.buttons[0].key)) == ["guard.old_button"]


def test_a_muted_member_of_another_group_is_not_mine(stage: Stage) -> None:
    """An action's row names a member of this group, or it is refused."""
    stage.say("王姐", "签到")
    (said, *_) = stage.say(LEADER, "禁言 王姐 2小时")
    other = second_group(stage)

    def move(session: Session) -> None:
        member = session.exec(select(Member).where(Member.name == "王姐")).one()
        member.group_id = other
        session.add(member)

    stage.database.write_now(move)
    assert keys(stage.say(LEADER, "", button=said.buttons[0].key)) == ["guard.old_button"]
    assert stage.clock.now() + timedelta(hours=1) > stage.clock.now()
    assert stage.database.read_now(lambda s: s.exec(select(Question)).first()) is None


@pytest.mark.postgres
def test_the_same_on_postgresql(tmp_path: Path, postgres_url: str) -> None:
    """The overview's figures, the marks of the day, a mute and the way back."""
    opened = open_stage(tmp_path, FEATURES, "2026-12-01T09:00", url=postgres_url)
    for number in range(1, 8):
        opened.say("王姐", "签到", f"2026-12-{number:02d}T09:00")
    opened.say("王姐", "问团长 明天到什么货")
    suspect(opened, "王姐")
    (said,) = opened.say(LEADER, "今日一览", "2026-12-07T12:00", private=True)
    words = shown(said)
    for part in ("签到 **1** 位（昨天全天 1）", "等了 3 小时", "王姐连签 7 天", "有 1 次像在刷分：王姐"):
        assert part.replace("**", "") in words, words
    (muted, *_) = opened.say(LEADER, "禁言 王姐 2小时 刷屏")
    assert keys(opened.say("王姐", "积分")) == ["guard.muted"]
    assert keys(opened.say(LEADER, "", button=muted.buttons[0].key)) == ["leader.unmuted"]
    opened.say(LEADER, "", button=f"evening:on:{opened.group_id}", private=True)
    assert opened.push("leader_evening", "2026-12-07T20:30") is not None
    opened.database.close()
