"""积分有效期: the leader's rule, what is told before, what goes, and what never does."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy.exc import ObjectNotExecutableError

from engagement.feature import GroupView
from engagement.kernel import Outgoing
from engagement.points import validity
from engagement.pushes import Occurrence, Planned
from engagement.registry import FEATURES
from scheduler.addressing import outgoing
from scheduler.clock import run_due
from scheduler.gate import no_gate
from storage import expiry, ledger
from storage.engine import Session
from storage.groups import Group, Identity
from tests.engagement.stage import Stage, at, day, keys, open_stage, placeholders_match, shown


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return open_stage(tmp_path, FEATURES, "2026-12-01T09:00")


def run(stage: Stage, kind: str, when: str) -> list[Planned]:
    """A job's answers for this group."""
    stage.clock.set(at(when))
    moment: datetime = stage.clock.now()

    def plan(session: Session) -> list[Planned]:
        view = GroupView.of(session.get_one(Group, stage.group_id))
        return list(stage.jobs[kind].plan(session, [Occurrence(view, 1, day(when[:10]), moment)], moment))

    return stage.database.write_now(plan)


def test_only_what_comes_after_the_rule_expires(stage: Stage) -> None:
    """
    李阿姨: 签到（没有有效期）→ +5
    周团长: 积分有效期 3个月 → 从今天起
    李阿姨: 签到 → +3，到 2027-03-31
    （3 月 5 日）李阿姨: 积分 → 有 3 分 3月31日到期
    （4 月 1 日 0:10）到期 3 分，老的 5 分还在
    """
    stage.say("李阿姨", "签到")
    (how,) = stage.say("周团长", "积分有效期")
    assert how.key == "points.expiry_none"
    (done,) = stage.say("周团长", "积分有效期 3个月")
    assert (done.key, done.values["months"]) == ("points.expiry_set", 3)
    assert (done.values["year"], done.values["month"], done.values["day"]) == (2027, 3, 31)
    assert placeholders_match(done)
    stage.say("李阿姨", "签到", "2026-12-02T09:00")
    (far,) = stage.say("李阿姨", "积分")
    assert far.tails == ()
    (near,) = stage.say("李阿姨", "积分", "2027-03-05T09:00")
    assert "有 3 分 3月31日到期" in shown(near)
    assert run(stage, "points_expiry", "2027-03-31T00:10") == []
    assert stage.points("李阿姨") == 8
    assert run(stage, "points_expiry", "2027-04-03T15:00") == [], "days were missed"
    assert stage.points("李阿姨", "expiry") == -3
    run(stage, "points_expiry", "2027-04-04T00:10")
    (after,) = stage.say("李阿姨", "积分", "2027-04-04T09:00")
    assert (after.values["balance"], after.tails) == (5, ())
    (history,) = stage.say("李阿姨", "积分明细")
    assert "到期 -3" in shown(history)
    check = stage.database.read_now(ledger.check)
    assert (check.wrong_balances, check.wrong_lots, check.lots) == (0, 0, 0)


def test_who_has_a_private_chat_is_told_before(stage: Stage) -> None:
    stage.say("周团长", "积分有效期 3个月")
    stage.say("李阿姨", "签到")
    stage.say("王姐", "签到")
    assert run(stage, "points_notice", "2027-03-01T09:30") == []
    stage.say("李阿姨", "积分", private=True)
    for when, days, key in (
        ("2027-03-01T09:30", 30, "points.expires"),
        ("2027-03-24T09:30", 7, "points.expires"),
        ("2027-03-30T09:30", 1, "points.expires_tomorrow"),
    ):
        (planned,) = run(stage, "points_notice", when)
        assert planned.reply is not None
        assert (planned.reply.key, planned.reply.values["days"], planned.reply.values["amount"]) == (key, days, 5)
        assert planned.reply.to == stage.person("李阿姨")
    assert run(stage, "points_notice", "2027-03-29T09:30") == []
    stage.say("周团长", "扣分 李阿姨 5 换了东西")
    assert run(stage, "points_notice", "2027-03-30T09:30") == []


def test_who_writes_to_us_elsewhere_is_told_there(stage: Stage) -> None:
    """王姐's group says nothing in private; she is told once, where a chat stays open: the Official Account's shuts by itself."""
    stage.say("周团长", "积分有效期 3个月")
    stage.say("王姐", "签到")
    who = stage.person("王姐")

    def follow(session: Session) -> None:
        for channel in ("wechat", "wecom_bot"):
            session.add(
                Identity(person_id=who, channel=channel, external_id=f"{channel}-wang", name="王姐", dm_open=True)
            )

    stage.database.write_now(follow)
    (planned,) = run(stage, "points_notice", "2027-03-01T09:30")
    reply = planned.reply
    assert reply is not None and reply.to == who

    def sent(session: Session) -> Outgoing | None:
        return outgoing(session, reply, GroupView.of(session.get_one(Group, stage.group_id)))

    message = stage.database.read_now(sent)
    assert message is not None
    assert (message.channel, message.conversation, message.key) == ("wecom_bot", "wecom_bot-wang", "points.expires")


def beat(stage: Stage, when: str, seconds: int = 0) -> None:
    """One tick of the planner."""
    stage.clock.set(at(when) + timedelta(seconds=seconds))
    asyncio.run(run_due(stage.database, [stage.jobs["points_expiry"]], stage.clock, {}, no_gate()))


def test_however_many_expire_it_is_done_the_same_night(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twelve accounts of one group, five in a transaction: three ticks; a process that dies between loses nothing."""
    monkeypatch.setattr(validity, "EXPIRED_AT_ONCE", 5 + expiry.LOOK)
    stage.say("周团长", "积分有效期 3个月")
    neighbours = [f"邻居{number}" for number in range(12)]
    for who in neighbours:
        stage.say(who, "签到")
    beat(stage, "2027-03-31T12:00")
    expired: list[int] = []
    for second in range(3):
        if second == 1:
            with monkeypatch.context() as patch:
                patch.setattr("storage.expiry._EMPTY", "no statement")
                patch.setattr("scheduler.planner._world_failed", lambda _error: True)
                with pytest.raises(ObjectNotExecutableError):
                    beat(stage, "2027-04-01T00:10", second)
        beat(stage, "2027-04-01T00:10", second)
        expired.append(sum(stage.points(who, "expiry") == -5 for who in neighbours))
    assert expired == [5, 10, 12]
    for hour in ("2027-04-01T09:30", "2027-04-02T00:10"):
        beat(stage, hour)
    assert {stage.points(who) for who in neighbours} == {0}
    check = stage.database.read_now(ledger.check)
    assert (check.wrong_balances, check.wrong_lots, check.lots) == (0, 0, 0)


def test_a_rule_taken_away_lets_nothing_expire_and_comes_back_kindly(stage: Stage) -> None:
    stage.say("周团长", "积分有效期 3个月")
    stage.say("李阿姨", "签到")
    (off,) = stage.say("周团长", "积分有效期 无", "2027-03-30T09:00")
    assert off.key == "points.expiry_off"
    run(stage, "points_expiry", "2027-05-01T00:10")
    assert run(stage, "points_notice", "2027-05-01T09:30") == []
    assert stage.points("李阿姨") == 5
    stage.say("周团长", "积分有效期 半年", "2027-05-10T09:00")
    (on,) = stage.say("周团长", "积分有效期 六个月")
    assert on.key == "points.expiry_set"
    run(stage, "points_expiry", "2027-06-30T00:10")
    (told,) = stage.say("李阿姨", "积分", "2027-06-30T09:00")
    assert "有 5 分 6月30日到期" in shown(told)
    run(stage, "points_expiry", "2027-07-01T00:10")
    assert stage.points("李阿姨") == 0


def test_the_rule_can_be_taken_back(stage: Stage) -> None:
    (done,) = stage.say("周团长", "积分有效期 一年")
    assert done.values["months"] == 12
    (undone,) = stage.say("周团长", "", button=done.buttons[0].key)
    assert undone.key == "points.expiry_none"
    stage.say("李阿姨", "签到")
    assert stage.database.read_now(ledger.check).lots == 0


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("积分有效期 2个月", "points.expiry_bounds"),
        ("积分有效期 0", "points.expiry_how"),
        ("积分有效期 十一年", "points.expiry_how"),
        ("积分有效期 99年", "points.expiry_bounds"),
        ("积分有效期 12", "points.expiry_how"),
        ("积分有效期 一年六个月", "points.expiry_set"),
        ("積分有效期 永久", "points.expiry_off"),
    ],
)
def test_what_leaders_type(stage: Stage, text: str, key: str) -> None:
    assert keys(stage.say("周团长", text)) == [key]


def test_residents_do_not_set_it(stage: Stage) -> None:
    assert keys(stage.say("李阿姨", "积分有效期 3个月")) == ["guard.leader_only"]


def test_gifts_expire_and_an_expired_one_is_not_undone(stage: Stage) -> None:
    stage.say("李阿姨", "签到")
    stage.say("周团长", "积分有效期 3个月")
    (given,) = stage.say("周团长", "加分 李阿姨 20 帮忙搬货")
    run(stage, "points_expiry", "2027-04-01T00:10")
    (no,) = stage.say("周团长", "", "2027-04-01T09:00", button=given.buttons[0].key)
    assert no.key == "points.lapsed_already"
    assert stage.points("李阿姨") == 5


def test_in_private_with_several_groups_the_one_that_expires_is_named(stage: Stage) -> None:
    stage.say("周团长", "积分有效期 3个月")
    stage.say("李阿姨", "签到")

    def second(session: Session) -> None:
        from storage import identities

        group = Group(channel="play", external_id="g2", name="金桂苑", created_at=stage.clock.now())
        session.add(group)
        session.flush()
        known = identities.known(session, "play", "李阿姨", None)
        assert known is not None and group.id is not None
        member = identities.enter(session, group.id, known.person_id, "李阿姨", stage.clock.now())
        identities.open_account(session, int(member.id or 0), stage.clock.now())

    stage.database.write_now(second)
    (said,) = stage.say("李阿姨", "积分", "2027-03-20T09:00", private=True)
    assert "阳光花园一期有 5 分 3月31日到期" in shown(said)


def test_a_group_without_a_rule_is_not_even_looked_at(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.say("李阿姨", "签到")
    monkeypatch.setattr("storage.lots.next_expiring", lambda *_: pytest.fail("looked"))
    monkeypatch.setattr("storage.lots.open_lot", lambda *_: pytest.fail("wrote"))
    monkeypatch.setattr("storage.lots.use", lambda *_: pytest.fail("looked"))
    stage.say("李阿姨", "积分")
    stage.say("李阿姨", "签到", "2026-12-02T09:00")
    assert validity.plan_expiry is stage.jobs["points_expiry"].plan
