"""A question that nobody answers: its leader hears of it once more, and who asked is told that it has ended."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlmodel import select

from engagement.feature import GroupView, Occurrence, Planned
from engagement.kernel import Kind
from engagement.registry import FEATURES
from prompts.loader import texts
from storage.documents import Question
from storage.engine import Session
from storage.groups import Group, Member
from tests.engagement.stage import Stage, at, keys, open_stage

EVENING = at("2026-12-01T18:00")


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    opened = open_stage(tmp_path, FEATURES, "2026-12-01T09:00")
    opened.say("李阿姨", "签到")
    opened.say("王姐", "签到")
    return opened


def evening(stage: Stage, day: int) -> list[tuple[str, Kind, int]]:
    """(text key, kind, person) of what is said at 18:00 so many days after the first."""
    when: datetime = EVENING + timedelta(days=day)
    stage.clock.set(when)

    def plan(session: Session) -> Sequence[Planned]:
        view = GroupView.of(session.get_one(Group, stage.group_id))
        return stage.jobs["question_reminder"].plan(session, [Occurrence(view, 1, when.date(), when)], when)

    planned = stage.database.write_now(plan)
    return [(one.reply.key, one.reply.kind, one.reply.to or 0) for one in planned if one.reply is not None]


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
