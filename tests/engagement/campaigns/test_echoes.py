"""Who answers a campaign, once a person however often; what is a question goes where questions go."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import col, select

from engagement.campaigns import service
from engagement.campaigns.rules import asks, still_counts
from engagement.campaigns.tables import Echo, Plan
from engagement.kernel import Kind, Outgoing, Place
from engagement.registry import FEATURES
from storage import outbox
from storage.campaigns import Delivery, Schedule
from storage.engine import Session
from tests.engagement.campaigns.test_year_rules import pack
from tests.engagement.stage import Stage, at, keys, open_stage

EVENT = pack({"day": "12-05"}, {"day": -1, "phase": "warm"}, {"phase": "peak"}, key="event")
OTHER = pack({"day": "12-05"}, {"phase": "peak"}, key="other")
SHANGHAI = "Asia/Shanghai"


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    """A group whose residents have used the bot."""
    opened = open_stage(tmp_path, FEATURES, "2026-12-05T09:00")
    opened.say("李阿姨", "签到")
    opened.say("王叔", "签到")
    return opened


class Calendar:
    """Two campaigns of which one message was sent."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.plans = stage.database.write_now(lambda s: [self._approved(s, one) for one in (EVENT, OTHER)])

    def _approved(self, session: Session, one: Any) -> int:
        made = service.plan(session, one, 2026, at("2026-12-01T09:00"))
        service.approve(session, made, None, at("2026-12-01T09:00"))
        assert made.id is not None
        return made.id

    def sent(
        self, *plans: int, subject: str = "", recipient: int = 0, provider: str = "p1", shift: int = 0
    ) -> Outgoing:
        """One message went out in which these plans are said; a quote of it is about ``subject``."""

        def write(session: Session) -> None:
            now = self.stage.clock.now()
            for plan in plans:
                campaign = session.get_one(Plan, plan).campaign_id
                here: dict[str, Any] = {"campaign_id": campaign, "group_id": self.stage.group_id}
                what: dict[str, Any] = {
                    "recipient": recipient,
                    "local_date": now.date(),
                    "state": "sent",
                    "provider_id": provider,
                }
                session.add(Delivery(**here, **what, shard="s", due_at=now, expires_at=now))
                if shift:
                    session.add(Schedule(**here, kind="calendar", zone=SHANGHAI, local_minute=0, shift_days=shift))
            chat = "周团长" if recipient else "g1"
            where = {"channel": "play", "account": "", "conversation": chat, "provider_id": provider}
            outbox.remember(session, **where, subject=subject or f"campaign:{plans[0]}", sent_at=now)

        self.stage.database.write_now(write)
        return Outgoing(Kind.PUSH, "play", "", Place.GROUP, "g1", "campaigns", provider, {})

    def quote(self, who: str, text: str, message: Outgoing, *, private: bool = False, key: str = "") -> list[Outgoing]:
        stage = self.stage
        # What was sent stands under its own number.
        stage._remember = lambda message, conversation: message.key  # type: ignore[method-assign]
        return stage.say(who, text, quoting=message, private=private, dedupe_key=key)

    def answers(self) -> list[tuple[int, int]]:
        """(plan, how often) of everybody."""
        found = select(Echo.plan_id, Echo.answers).order_by(col(Echo.plan_id), col(Echo.member_id))
        return self.stage.database.read_now(lambda s: [tuple(row) for row in s.exec(found).all()])  # type: ignore[misc]


@pytest.fixture
def calendar(stage: Stage) -> Calendar:
    return Calendar(stage)


def test_a_quote_counts_a_person_once_and_each_of_his_answers(calendar: Calendar) -> None:
    """
    > 团团: **今天** 我们的活动
    李阿姨（引用）: 我跳绳
    > 👍
    """
    plan, _ = calendar.plans
    message = calendar.sent(plan)
    (stamp,) = calendar.quote("李阿姨", "我跳绳", message)
    assert (stamp.kind, stamp.emoji) == (Kind.REACTION, "👍")
    assert calendar.answers() == [(plan, 1)]
    calendar.quote("李阿姨", "还踢毽子", message, key="m77")
    assert calendar.quote("李阿姨", "还踢毽子", message, key="m77") == [], "a redelivery"
    calendar.quote("王叔", "散步", message)
    assert calendar.answers() == [(plan, 2), (plan, 1)]


@pytest.mark.parametrize("text", ["几点开始", "要报名费吗", "在哪集合？"])
def test_a_question_is_no_answer(calendar: Calendar, text: str) -> None:
    plan, _ = calendar.plans
    said = calendar.quote("李阿姨", text, calendar.sent(plan))
    assert said and all(one.feature == "faq" for one in said)
    assert calendar.answers() == []


def test_a_command_in_a_quote_is_no_answer(calendar: Calendar) -> None:
    calendar.quote("李阿姨", "积分", calendar.sent(calendar.plans[0]))
    assert calendar.answers() == []


def test_a_message_that_carried_others_counts_for_all_of_them(calendar: Calendar) -> None:
    """The month's theme went out with two campaigns in it: a quote of it answers both."""
    message = calendar.sent(*calendar.plans, subject="theme:2026-12")
    assert keys(calendar.quote("李阿姨", "我家也做", message)) == ["👍theme.heard"]
    assert calendar.answers() == [(plan, 1) for plan in calendar.plans]


def test_who_has_no_record_is_acknowledged_and_gets_one_with_his_own_words_only(calendar: Calendar) -> None:
    """A press keeps nothing of a stranger; his words make the record, with the notice, as everywhere."""
    plan, _ = calendar.plans
    message = calendar.sent(plan)
    (stamp,) = calendar.stage.say("新邻居", "", button=f"cal_in:{plan}")
    assert stamp.kind is Kind.REACTION and calendar.answers() == []
    stamp, notice = calendar.quote("新邻居", "我也来", message)
    assert notice.key.startswith("members.notice")
    assert calendar.answers() == [(plan, 1)]


def test_a_press_is_one_answer_however_often(calendar: Calendar) -> None:
    plan, other = calendar.plans
    calendar.sent(plan)
    for _ in range(3):
        (stamp,) = calendar.stage.say("李阿姨", "", button=f"cal_in:{plan}")
        assert stamp.kind is Kind.REACTION
    calendar.stage.say("李阿姨", "", button=f"cal_in:{other}")  # was never sent here
    calendar.stage.say("李阿姨", "", button=f"cal_in:{plan}", private=True)  # under a trial
    assert calendar.answers() == [(plan, 1)]


def test_what_is_long_over_counts_no_more(calendar: Calendar) -> None:
    plan, other = calendar.plans
    stage = calendar.stage
    first, late = calendar.sent(plan), calendar.sent(other, provider="p2", shift=2)
    stage.clock.set(at("2026-12-08T23:00"))
    calendar.quote("李阿姨", "我来", first)
    stage.clock.set(at("2026-12-09T01:00"))
    assert [one.kind for one in calendar.quote("王叔", "我来", first)] == [Kind.REACTION]
    stage.say("王叔", "", button=f"cal_in:{plan}")
    calendar.quote("王叔", "我来", late)
    assert calendar.answers() == [(plan, 1), (other, 1)]


def test_a_leader_answers_a_lesson_in_private(calendar: Calendar) -> None:
    """Numbers of messages are those of a chat: the same one in the group is another message."""
    plan, other = calendar.plans
    stage = calendar.stage
    stage.say("周团长", "签到")
    lesson = calendar.sent(plan, recipient=stage.person("周团长"))
    calendar.sent(other)
    calendar.quote("周团长", "学完了", lesson, private=True)
    assert calendar.answers() == [(plan, 1)]


def test_the_days_that_count() -> None:
    last = date(2026, 12, 5)
    assert [still_counts(last, shift, last + timedelta(days=4)) for shift in (0, 1, -1)] == [False, True, False]
    assert still_counts(last, 0, last + timedelta(days=3))


def test_what_is_a_question() -> None:
    assert not [one for one in ("我跳绳", "明天带孩子来", "两点去公园走走", "好的") if asks(one)]
    assert all(map(asks, ("几点", "在哪集合", "可以带狗吗", "真的？", "要多少钱")))
