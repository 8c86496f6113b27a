"""What a leader reads and says about the one message a day that she confirms."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlmodel import select

from engagement.kernel import Kind
from engagement.mass_sends import rules
from engagement.registry import FEATURES
from storage import mass_sends
from storage.customer_groups import CustomerGroup
from storage.groups import Group, Member
from storage.mass_sends import Asked
from tests.engagement.stage import Stage, keys, open_stage, shown

LEADER = "周团长"
TODAY = date(2026, 12, 1)


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    """A customer group: nobody hears the bot there, its leader writes to it in private."""
    opened = open_stage(tmp_path, FEATURES, "2026-12-01T07:00")
    opened.say(LEADER, "签到")
    opened.say("李阿姨", "签到")
    own(opened, "g1")
    return opened


def own(stage: Stage, chat: str) -> None:
    row = CustomerGroup(channel="play", account="", conversation=chat, owner="zhou", stale=0)
    stage.database.write_now(lambda s: s.add(row))


def second_group(stage: Stage) -> None:
    def make(session) -> None:  # type: ignore[no-untyped-def]
        group = Group(channel="play", external_id="g2", name="二期", created_at=stage.clock.now())
        session.add(group)
        session.flush()
        member = Member(
            group_id=group.id or 0, person_id=stage.person(LEADER), name=LEADER, joined_at=stage.clock.now()
        )
        member.role = "leader"
        session.add(member)

    stage.database.write_now(make)
    own(stage, "g2")


def row(stage: Stage, chat: str = "g1", day: date = TODAY) -> Asked | None:
    where = {"channel": "play", "account": "", "conversation": chat, "local_date": day}
    return stage.database.read_now(lambda s: mass_sends.find(s, **where))  # type: ignore[arg-type]


def ask(stage: Stage, state: str = "awaiting", why: str = "", reminders: int = 0, chat: str = "g1") -> None:
    """The channel has asked the leader."""
    where = {"channel": "play", "account": "", "conversation": chat, "local_date": TODAY}
    now = stage.clock.now()
    stage.database.write_now(
        lambda s: mass_sends.begin(s, leader="zhou", parts=("a",), now=now, **where)  # type: ignore[arg-type]
    )
    found = row(stage, chat)
    assert found is not None
    stage.database.write_now(lambda s: mass_sends.move(s, found, state, now, why=why, reminders=reminders))


def move(stage: Stage, state: str, reminders: int = 0) -> None:
    found = row(stage)
    assert found is not None
    stage.database.write_now(lambda s: mass_sends.move(s, found, state, stage.clock.now(), reminders=reminders))


def private(stage: Stage, text: str, when: str = "") -> str:
    return "\n".join(shown(one) for one in stage.say(LEADER, text, when, private=True))


def test_how_the_day_stands(stage: Stage) -> None:
    """07:00 今天的群发 → 还没到时候。08:00 请了；09:30 提醒过一次。10:00 她点了。"""
    assert "还没到时候" in private(stage, "今天的群发")
    stage.clock.set(stage.clock.now() + timedelta(hours=1))
    ask(stage)
    assert "8:00 起等你点“发送”，在企业微信" in private(stage, "今天的群发", "2026-12-01T08:30")
    move(stage, "awaiting", reminders=1)
    said = private(stage, "今天的群发", "2026-12-01T09:30")
    assert "8:00 起等你点“发送”，提醒过 1 次。这个月用了 1 次。" in said
    move(stage, "sent")
    assert "9:30 看到已经发出去了" in private(stage, "今日群发", "2026-12-01T10:00")


def test_not_today(stage: Stage) -> None:
    """今天不发 → 先问一遍 → 点了才算；再问一遍，说已经不发了；按钮第二天不算数。"""
    ask(stage)
    (sure,) = stage.say(LEADER, "今天不发", private=True)
    found = row(stage)
    assert (keys([sure]), found is not None and found.reason) == (["mass_sends.sure"], "")
    button = sure.buttons[0].key
    for expected in ("mass_sends.taken_back", "mass_sends.stands"):
        assert keys(stage.say(LEADER, "", button=button, private=True)) == [expected]
    found = row(stage)
    assert found is not None
    assert (found.state, found.reason) == ("awaiting", "declined")
    assert "你说了今天不发" in private(stage, "今天不发")
    stage.clock.set(stage.clock.now() + timedelta(days=1))
    assert keys(stage.say(LEADER, "", button=button, private=True)) == ["guard.old_button"]
    assert row(stage, day=TODAY + timedelta(days=1)) is None


def test_before_anybody_was_asked(stage: Stage) -> None:
    (sure,) = stage.say(LEADER, "今天不发了", private=True)
    assert keys(stage.say(LEADER, "", button=sure.buttons[0].key, private=True)) == ["mass_sends.declined"]
    found = row(stage)
    assert found is not None
    assert (found.state, found.reason, found.leader) == ("recalled", "declined", "zhou")
    assert "这个月用了 0 次" in private(stage, "今天的群发")


@pytest.mark.parametrize(
    ("state", "why", "words"),
    [
        ("sent", "", "已经发出去了"),
        ("recalled", "not_confirmed", "没等到你点，7:00 收回了"),
        ("refused", "month_full", "没发成，这个月的群发次数用完了"),
        ("refused", "errcode_1", "没发成，原因在后台"),
        ("unknown", "cut_off", "正在请企业微信建任务"),
    ],
)
def test_every_end_in_words(stage: Stage, state: str, why: str, words: str) -> None:
    ask(stage, state, why)
    assert words in private(stage, "今天的群发")
    if state != "unknown":
        assert words in private(stage, "今天不发")


def test_several_groups(stage: Stage) -> None:
    """两个群：列出来，各有一个按钮；今天不发先问哪个，点了只停那一个。"""
    second_group(stage)
    for chat in ("g1", "g2"):
        ask(stage, chat=chat)
    (listed,) = stage.say(LEADER, "群发", private=True)
    assert [one.key for one in listed.buttons] == ["nosend_ask:1", "nosend_ask:2"]
    (which,) = stage.say(LEADER, "今天不发", private=True)
    assert keys([which]) == ["mass_sends.which"]
    (sure,) = stage.say(LEADER, "", button="nosend_ask:2", private=True)
    stage.say(LEADER, "", button=sure.buttons[0].key, private=True)
    first, second = row(stage), row(stage, "g2")
    assert first is not None
    assert second is not None
    assert (first.reason, second.reason) == ("", "declined")


def test_who_leads_no_such_group(stage: Stage) -> None:
    """A neighbour is told that leaders do this; a leader of groups where the bot speaks by itself, how he has it quiet."""
    assert keys(stage.say("李阿姨", "今天不发", private=True)) == ["guard.leader_only"]
    assert keys(stage.say("李阿姨", "", button="nosend:1:2026-12-01", private=True)) == ["guard.leader_only"]
    stage.database.write_now(lambda s: s.delete(s.get_one(CustomerGroup, ("play", "", "g1"))))
    for text in ("今天不发", "今天的群发"):
        assert keys(stage.say(LEADER, text, private=True)) == ["mass_sends.none"]
    assert keys(stage.say(LEADER, "", button="nosend:1:2026-12-01", private=True)) == ["guard.old_button"]
    assert row(stage) is None


def test_the_day_at_a_glance(stage: Stage) -> None:
    """今日一览：群发怎么样了；昨天群里多热闹，写明是平台的合计。"""
    ask(stage)
    assert "今天的群发：7:00 起等你点" in private(stage, "今日一览")
    figures = {"msg_total": 120, "member_has_msg": 35, "member_total": 180, "chat_total": 1}
    day = TODAY - timedelta(days=1)

    def put(counted: dict[str, int]) -> None:
        stage.database.write_now(
            lambda s: mass_sends.put_figures(
                s, channel="play", account="", owner="zhou", local_date=day, figures=counted
            )
        )

    put(figures)
    assert "昨天群里 120 条消息，35 位说过话（群里 180 人，企业微信的合计）" in private(stage, "今日一览")
    put(figures | {"chat_total": 2})
    assert "昨天你的 2 个客户群一共 120 条消息" in private(stage, "今日一览")


def test_rules() -> None:
    assert [rules.can_be_declined(*one) for one in (("", ""), ("making", ""), ("awaiting", "declined"))] == [
        True,
        True,
        False,
    ]


def quiet(stage: Stage) -> None:
    def change(session) -> None:  # type: ignore[no-untyped-def]
        for group in session.exec(select(Group)).all():
            group.hears = group.speaks = False
            session.add(group)

    stage.database.write_now(change)


@pytest.mark.parametrize(
    ("state", "why", "told"),
    [
        ("recalled", "not_confirmed", True),
        ("refused", "month_full", True),
        ("recalled", "declined", False),
        ("recalled", "called_back", False),
        ("sent", "", False),
    ],
)
def test_what_was_not_sent_is_told_in_the_evening(stage: Stage, state: str, why: str, *, told: bool) -> None:
    """21:30 没点的、没发成的，私聊说一遍为什么；自己说不发的、发出去的，不说。"""
    stage.say(LEADER, "今日一览", private=True)
    ask(stage, state, why)
    assert stage.push("mass_send_evening", "2026-12-01T21:30") is None, "a group in which the bot speaks"
    quiet(stage)
    planned = stage.push("mass_send_evening", "2026-12-01T21:30")
    assert (planned is not None) is told
    if planned is not None:
        said = shown(stage.pushed("mass_send_evening", "2026-12-01T21:30"))
        assert ("没等到你点" if why == "not_confirmed" else "次数用完了") in said
        assert planned.reply is not None
        assert (planned.reply.kind, planned.reply.to) == (Kind.DM, stage.person(LEADER))
