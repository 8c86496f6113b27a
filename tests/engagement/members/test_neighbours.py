"""新邻居, 沉默邻居, and names that pass for the leader's."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from sqlmodel import select

from engagement.kernel import Event, Incoming, Kind, Place
from engagement.registry import FEATURES
from storage.audit import AuditRow
from storage.groups import Member
from tests.engagement.stage import Stage, keys, open_stage, shown


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    opened = open_stage(tmp_path, FEATURES, "2026-12-01T09:00")
    opened.say("周团长", "积分", private=True)
    return opened


def seen(stage: Stage, who: str, days_ago: int) -> None:
    def change(session: object) -> None:
        member = session.exec(select(Member).where(Member.name == who)).one()  # type: ignore[attr-defined]
        member.last_seen = (stage.clock.now() - timedelta(days=days_ago)).date()
        session.add(member)  # type: ignore[attr-defined]

    stage.database.write_now(change)


def audited(stage: Stage, action: str) -> int:
    return stage.database.read_now(lambda s: len(s.exec(select(AuditRow).where(AuditRow.action == action)).all()))


def test_who_is_new(stage: Stage) -> None:
    """
    周团长: 新邻居（群里）→ 私聊我看
    周团长: 新邻居（私聊）→ 王姐：打过卡、看过积分；小李：还没用过我
    """
    stage.happen(Event.JOIN, "王姐", "2026-12-01T10:00", subject="王姐", subject_name="王姐")
    stage.happen(Event.JOIN, "小李", "2026-12-01T10:01", subject="小李", subject_name="小李")
    stage.say("王姐", "签到")
    stage.say("王姐", "积分")
    assert keys(stage.say("周团长", "新邻居")) == ["members.look_privately"]
    (told,) = stage.say("周团长", "新邻居", private=True)
    assert "王姐：打过卡、看过积分" in shown(told)
    assert "小李：还没用过我" in shown(told)
    (later,) = stage.say("周团长", "新邻居", "2026-12-20T10:00", private=True)
    assert later.key == "members.newcomers_none"
    assert keys(stage.say("王姐", "新邻居", private=True)) == ["guard.leader_only"]


def test_many_new_neighbours_are_counted(stage: Stage) -> None:
    for number in range(12):
        who = f"新来{number}号"
        stage.happen(Event.JOIN, who, subject=who, subject_name=who)
    (told,) = stage.say("周团长", "新邻居", private=True)
    assert (told.values["count"], len(told.values["rows"])) == (12, 10)  # type: ignore[arg-type]
    assert told.tails[0] == "members.newcomers_more"


def test_who_went_silent(stage: Stage) -> None:
    """
    周团长: 沉默邻居（群里）→ 私聊我看
    周团长: 沉默邻居（私聊）→ 2 位：李阿姨 20 天，张哥 15 天；没同意记录的只数人数
    """
    for who in ("李阿姨", "张哥", "王姐"):
        stage.say(who, "签到")
    stage.happen(Event.JOIN, "没用过", subject="没用过", subject_name="没用过")
    seen(stage, "李阿姨", 20)
    seen(stage, "张哥", 14)
    seen(stage, "王姐", 13)
    seen(stage, "没用过", 60)
    assert keys(stage.say("周团长", "沉默邻居")) == ["members.look_privately"]
    (told,) = stage.say("周团长", "沉默邻居", private=True)
    assert [row["name"] for row in told.values["rows"]] == ["张哥", "李阿姨"]  # type: ignore[attr-defined]
    assert "没用过" not in shown(told)
    assert told.values["unknown"] == 1
    assert audited(stage, "members.silent_seen") == 1
    stage.say("李阿姨", "退出")
    (fewer,) = stage.say("周团长", "沉默邻居", private=True)
    assert [row["name"] for row in fewer.values["rows"]] == ["张哥"]  # type: ignore[attr-defined]
    seen(stage, "张哥", 0)
    assert keys(stage.say("周团长", "沉默邻居", private=True)) == ["members.silent_none"]
    assert keys(stage.say("王姐", "沉默邻居", private=True)) == ["guard.leader_only"]


# ---------------------------------------------------------------- names


def alarms(messages: list[object]) -> list[tuple[str, str]]:
    return [(m.key, m.to) for m in messages if m.key.startswith("members.lookalike")]  # type: ignore[attr-defined]


def test_a_joiner_under_the_leader_s_name_is_told_once(stage: Stage) -> None:
    """
    「周团長」进群 → 私聊团长一次；再进一次、再说话都不再提
    """
    said = stage.happen(Event.JOIN, "u66", subject="u66", subject_name="周团長")
    assert alarms(said) == [("members.lookalike", "周团长")]  # type: ignore[arg-type]
    assert [m.kind for m in said if m.key == "members.lookalike"] == [Kind.DM]
    assert audited(stage, "lookalike.flagged") == 1
    assert alarms(stage.happen(Event.JOIN, "u66", subject="u66", subject_name="周团長")) == []  # type: ignore[arg-type]
    assert audited(stage, "lookalike.flagged") == 1


def rename(stage: Stage, who: str, name: str, text: str = "积分") -> list[object]:
    """Somebody types under another name."""
    now = stage.clock.now()
    number = f"r{next(stage._ids)}"
    incoming = Incoming(
        Event.MESSAGE, "play", number, Place.GROUP, "g1", who, now, now, sender_name=name, text=text, message_id=number
    )
    handled = asyncio.run(stage._handle(incoming))
    assert handled.outcome == "done", handled
    return [queued.message for queued in handled.queued]


def test_a_neighbour_who_takes_the_leader_s_name(stage: Stage) -> None:
    stage.say("王姐", "签到")
    assert alarms(rename(stage, "王姐", "王姐姐")) == []
    assert alarms(rename(stage, "王姐", "周团长官方")) == [("members.lookalike", "周团长")]
    assert alarms(rename(stage, "王姐", "周团长官方")) == []
    assert alarms(rename(stage, "王姐", "周 团 长")) == [("members.lookalike", "周团长")]
    assert audited(stage, "lookalike.flagged") == 2


def test_a_first_question_under_the_leader_s_name(stage: Stage) -> None:
    """The alarm also comes when the first message is a question, which is answered in two transactions."""
    assert alarms(rename(stage, "u77", "周团长小号", "请问 几点提货")) == [("members.lookalike", "周团长")]


def test_a_name_that_is_only_a_role(stage: Stage) -> None:
    said = stage.happen(Event.JOIN, "u66", subject="u66", subject_name="群主")
    assert alarms(said) == [("members.lookalike_role", "周团长")]  # type: ignore[arg-type]


def test_leaders_and_ordinary_names_raise_no_alarm(stage: Stage) -> None:
    stage.say("王姐", "签到")
    stage.say("周团长", "设团长 王姐")
    assert alarms(rename(stage, "王姐", "周团长2")) == []
    for name in ("李阿姨", "周姐", "小周"):
        assert alarms(stage.happen(Event.JOIN, name, subject=name, subject_name=name)) == []  # type: ignore[arg-type]
    assert audited(stage, "lookalike.flagged") == 0
