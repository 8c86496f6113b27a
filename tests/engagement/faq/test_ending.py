"""A question that nobody answers: its leader hears of it once more, and who asked is told that it has ended."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlmodel import select

from engagement.feature import GroupView
from engagement.kernel import Kind, Outgoing, Reply
from engagement.pushes import Occurrence, Planned
from engagement.registry import FEATURES
from prompts.loader import texts
from scheduler.addressing import outgoing
from scheduler.planner import Verdict, decide
from scheduler.rows import with_part
from storage.campaigns import Campaign
from storage.documents import Question
from storage.engine import Session
from storage.groups import Group, GroupDay, Member
from tests.engagement.stage import Stage, at, keys, open_stage, placeholders_match, shown

EVENING = at("2026-12-01T18:00")


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    opened = open_stage(tmp_path, FEATURES, "2026-12-01T09:00")
    opened.say("李阿姨", "签到")
    opened.say("王姐", "签到")
    return opened


def evening(stage: Stage, day: int) -> list[tuple[str, Kind, int]]:
    """(text key, kind, person) of what is said at 18:00 so many days after the first."""
    return [(one.key, one.kind, one.to or 0) for one in planned(stage, day)]


def planned(stage: Stage, day: int) -> list[Reply]:
    """What is said at 18:00 so many days after the first."""
    when: datetime = EVENING + timedelta(days=day)
    stage.clock.set(when)

    def plan(session: Session) -> Sequence[Planned]:
        view = GroupView.of(session.get_one(Group, stage.group_id))
        return stage.jobs["question_reminder"].plan(session, [Occurrence(view, 1, when.date(), when)], when)

    return [one.reply for one in stage.database.write_now(plan) if one.reply is not None]


def states(stage: Stage) -> list[str]:
    return stage.database.read_now(lambda s: list(s.exec(select(Question.state).order_by("id"))))


def test_in_the_group_one_sentence_for_all(stage: Stage) -> None:
    """
    李阿姨: 问团长 能代收燃气灶吗 … 王姐: 问团长 能寄快递吗
    （第 6 天 18:00）（私聊）周团长 ← 快满 7 天了
    （第 7 天 18:00）群里 ← 一直没等到回话
    """
    stage.say("李阿姨", "问团长 能代收燃气灶吗", "2026-12-01T09:30")
    stage.say("王姐", "问团长 能寄快递吗", "2026-12-01T09:40")
    leader = stage.person("周团长")
    said = {day: evening(stage, day) for day in range(9)}
    assert said[0] == said[1] == [("faq.reminder", Kind.DM, leader)]
    assert said[6] == [("faq.ending", Kind.DM, leader)]
    assert said[7] == [("faq.ended_here", Kind.PUSH, 0)]
    assert not any(said[day] for day in (2, 3, 4, 5, 8)), said
    assert states(stage) == ["expired", "expired"]


def test_in_private_where_that_is_open(stage: Stage) -> None:
    """Who may be written to is told alone; what was asked in private is never told in the group."""
    stage.say("李阿姨", "问团长 能代收燃气灶吗", "2026-12-01T09:30")
    stage.say("王姐", "问团长 能寄快递吗", "2026-12-01T09:40", private=True)
    assert evening(stage, 7) == [("faq.ended_here", Kind.PUSH, 0), ("faq.ended", Kind.DM, stage.person("王姐"))]


def test_a_complaint_does_not_end_as_a_question_does(stage: Stage) -> None:
    """
    （私聊）王姐: 问团长 鸡蛋全碎了，我要投诉 … （私聊）李阿姨: 问团长 能寄快递吗
    （第 7 天 18:00）（私聊）王姐 ← 说好 72 小时，没做到；怎么绕过团长。李阿姨 ← 先放下了
    """
    stage.say("王姐", "问团长 鸡蛋全碎了，我要投诉", "2026-12-01T09:30", private=True)
    stage.say("李阿姨", "问团长 能寄快递吗", "2026-12-01T09:40", private=True)
    told = {reply.to: reply.tails for reply in planned(stage, 7)}
    assert list(told[stage.person("王姐")]) == ["faq.ended_promise"]
    assert not told[stage.person("李阿姨")]


def test_who_asked_twice_in_private_hears_of_both_in_one_message(stage: Stage) -> None:
    """
    （私聊）王姐: 问团长 能代收燃气灶吗 … （私聊）王姐: 问团长 能寄快递吗
    （第 7 天 18:00）（私聊）王姐 ← 12月1日：能代收燃气灶吗 12月1日：能寄快递吗
    """
    stage.say("王姐", "问团长 能代收燃气灶吗", "2026-12-01T09:30", private=True)
    stage.say("王姐", "问团长 能寄快递吗", "2026-12-01T09:40", private=True)
    (told,) = planned(stage, 7)
    assert (told.key, told.to) == ("faq.ended_several", stage.person("王姐"))
    said = texts().fill(told.key, told.values)
    assert "12月1日：能代收燃气灶吗" in said and "12月1日：能寄快递吗" in said
    assert states(stage) == ["expired", "expired"]


def test_what_ends_soon_does_not_hide_what_came_in(stage: Stage) -> None:
    """The evening tells of all that waits: what ends first, then the newest."""
    for day, question in enumerate(["能代收燃气灶吗", "能寄快递吗", "有儿童座椅吗"]):
        stage.say("李阿姨", f"问团长 {question}", f"2026-12-0{1 + 3 * day}T09:30")
    (told,) = planned(stage, 6)
    assert told.key == "faq.ending"
    assert "能代收燃气灶吗" in texts().fill("faq.ending", told.values)
    assert (told.values["count"], told.values["others"]) == (1, 2)
    assert list(told.tails) == ["faq.also_waiting", "faq.reply_each"] and not told.buttons
    said = texts().fill("faq.also_waiting", told.values)
    assert "能代收燃气灶吗" not in said
    assert said.index("有儿童座椅吗") < said.index("能寄快递吗")


def test_the_group_hears_of_the_end_also_when_its_day_is_full(stage: Stage) -> None:
    """It was asked for, so it costs nothing of the budget of what nobody asked for."""
    stage.say("李阿姨", "问团长 能代收燃气灶吗", "2026-12-01T09:30")
    when = EVENING + timedelta(days=7)

    def full(session: Session) -> list[Verdict]:
        session.merge(GroupDay(group_id=stage.group_id, local_date=when.date(), unasked=99))
        campaign = Campaign(key="evening", kind="question_reminder", name="", created_at=when)
        session.add(campaign)
        session.flush()
        view = GroupView.of(session.get_one(Group, stage.group_id))
        one = Occurrence(view, campaign.id or 0, when.date(), when)
        return decide(session, [Verdict(one, stage.jobs["question_reminder"], when + timedelta(hours=3))], [], when)

    stage.clock.set(when)
    (verdict,) = stage.database.write_now(full)
    assert verdict.state == "pending" and verdict.reply is not None
    assert verdict.reply.key == "faq.ended_here"


def test_who_leads_two_groups_is_told_of_both_at_once(stage: Stage) -> None:
    """One message at 18:00, whichever group it came from."""
    stage.say("李阿姨", "问团长 能代收燃气灶吗", "2026-12-01T09:30")

    def second(session: Session) -> int:
        group = Group(channel="play", external_id="g2", name="二期", created_at=stage.clock.now())
        session.add(group)
        session.flush()
        now, number, leader = stage.clock.now(), group.id or 0, stage_leader(session)
        session.add(Member(group_id=number, person_id=leader, name="周团长", role="leader", joined_at=now))
        session.add(Question(group_id=number, text="二期几点关门", asked_at=now))
        return number

    other = stage.database.write_now(second)

    def plan(session: Session) -> Sequence[Planned]:
        due = [
            Occurrence(GroupView.of(session.get_one(Group, one)), 1, EVENING.date(), EVENING)
            for one in (stage.group_id, other)
        ]
        return stage.jobs["question_reminder"].plan(session, due, EVENING)

    first, rest = stage.database.write_now(plan)
    assert first.reply is not None and rest.skip == "nothing"
    assert (first.reply.key, first.reply.values["count"]) == ("faq.reminder_groups", 2)
    said = texts().fill("faq.reminder_groups", first.reply.values)
    assert "「阳光花园一期」李阿姨：能代收燃气灶吗" in said and "「二期」" in said


def stage_leader(session: Session) -> int:
    return session.exec(select(Member.person_id).where(Member.role == "leader")).one()


def test_what_was_answered_or_put_aside_ends_in_silence(stage: Stage) -> None:
    said = stage.say("李阿姨", "问团长 能代收燃气灶吗", "2026-12-01T09:30")
    stage.say("周团长", "可以的，放提货点", quoting=said[-1], private=True)
    other = stage.say("王姐", "问团长 能寄快递吗", "2026-12-01T09:40")
    stage.say("周团长", "不用回", quoting=other[-1], private=True)
    assert evening(stage, 6) == evening(stage, 7) == []


def test_further_words_to_one_that_has_ended_let_it_wait_anew(stage: Stage) -> None:
    said = stage.say("李阿姨", "问团长 能代收燃气灶吗", "2026-12-01T09:30")
    assert evening(stage, 7)
    assert "faq.added" in keys(stage.say("李阿姨", "是双灶的", quoting=said[0]))
    leader = stage.person("周团长")
    assert evening(stage, 8) == [("faq.reminder", Kind.DM, leader)], "it does not end on the next day"
    assert states(stage) == ["open"]


def test_a_complaint_has_an_hour_and_its_leader_hears_before_it_and_about_it(stage: Stage) -> None:
    """
    王姐: 问团长 鸡蛋全碎了，我要投诉 → 编号……最晚 12月4日 9:30 给结果
    （第 2、3 天 18:00）（私聊）周团长 ← 1 条投诉该有结果了；还在等的别的也说
    """
    said, told = stage.say("王姐", "问团长 鸡蛋全碎了，我要投诉", "2026-12-01T09:30")
    assert "24 小时内回话，最晚 12月4日 9:30 给结果" in shown(said)
    assert "答应 TA 24 小时内回话、最晚 12月4日 9:30 给结果" in shown(told)
    (again,) = stage.say("周团长", "待回复", private=True)
    assert "最晚 12月4日 9:30 给结果" in shown(again)
    stage.say("李阿姨", "问团长 能寄快递吗", "2026-12-03T09:30")
    leader = stage.person("周团长")
    assert evening(stage, 1) == [("faq.reminder", Kind.DM, leader)]
    (due,) = planned(stage, 2)
    assert (due.key, list(due.tails)) == ("faq.due", ["faq.also_waiting", "faq.reply_each"])
    text = texts().fill("faq.due", due.values)
    assert "王姐：鸡蛋全碎了，我要投诉（投诉，最晚 12月4日 9:30 给结果）" in text
    assert "能寄快递吗" in texts().fill("faq.also_waiting", due.values)
    assert evening(stage, 3) == [("faq.due", Kind.DM, leader)]
    assert evening(stage, 4) == []


def test_a_plain_question_has_no_hour(stage: Stage) -> None:
    said, told = stage.say("王姐", "问团长 能代收燃气灶吗")
    assert said.key == "faq.passed_on"
    assert list(told.tails) == [] and "最晚" not in shown(told)
    assert evening(stage, 2) == []


def test_what_ends_and_what_is_promised_are_one_list_and_a_quote_of_it_is_about_none(stage: Stage) -> None:
    """
    李阿姨: 问团长 能寄快递吗 …（第 4 天）王姐: 问团长 鸡蛋全碎了，我要投诉
    （第 6 天 18:00）（私聊）周团长 ← 该有结果了：王姐……；快满 7 天了：李阿姨……；发「待回复」一条条回
    周团长 引用: 可以，放门口 → 分不清回的是哪条
    """
    stage.say("李阿姨", "问团长 能寄快递吗", "2026-12-01T09:30")
    stage.say("王姐", "问团长 鸡蛋全碎了，我要投诉", "2026-12-05T09:30")
    message = merged(stage, planned(stage, 6))
    said = shown(message)
    assert "王姐：鸡蛋全碎了" in said and "李阿姨：能寄快递吗" in said
    assert said.count("待回复") == 1 and "引用" not in said and not message.buttons
    assert keys(stage.say("周团长", "可以，放门口", quoting=message, private=True)) == ["faq.which_waiting"]


def merged(stage: Stage, replies: Sequence[Reply]) -> Outgoing:
    """As the planner writes down what one kind tells one person twice."""

    def address(session: Session) -> list[Outgoing | None]:
        view = GroupView.of(session.get_one(Group, stage.group_id))
        return [outgoing(session, one, view) for one in replies]

    first, second = stage.database.read_now(address)
    assert first is not None and second is not None
    return with_part(first, second)


def test_a_leader_reads_of_an_hour_that_is_over_that_it_is(stage: Stage) -> None:
    """（第 3 天 18:00）（私聊）周团长 ← 答应 12月4日 9:30 前给结果，已过；待回复 → 一样"""
    stage.say("王姐", "问团长 鸡蛋全碎了，我要投诉", "2026-12-01T09:30")
    (due,) = planned(stage, 3)
    assert "（投诉，答应 12月4日 9:30 前给结果，已过）" in texts().fill(due.key, due.values)
    (waits,) = stage.say("周团长", "待回复", private=True)
    assert "12月4日 9:30 给结果，已过" in shown(waits) and placeholders_match(waits)


def test_further_words_that_make_a_complaint_have_their_days_from_then_on(stage: Stage) -> None:
    """王姐: 问团长 能代收燃气灶吗 …（第 5 天）引用: 你们骗人 → 最晚 12月9日 9:30；再补一句，还是那时候"""
    said = stage.say("王姐", "问团长 能代收燃气灶吗", "2026-12-01T09:30")
    _, told = stage.say("王姐", "你们骗人，货都不收", "2026-12-06T09:30", quoting=said[0])
    assert "最晚 12月9日 9:30 给结果" in shown(told)
    _, told = stage.say("王姐", "退钱", "2026-12-07T09:30", quoting=said[0])
    assert "最晚 12月9日 9:30 给结果" in shown(told)
    stage.say("周团长", "马上来收", "2026-12-08T09:30", quoting=told, private=True)
    _, told = stage.say("王姐", "没人来，骗人", "2026-12-10T09:30", quoting=said[0])
    assert "最晚 12月13日 9:30 给结果" in shown(told)
