"""Help, and the rights over one's own data."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sqlmodel import select

from engagement.kernel import Event, Kind
from engagement.members import service
from engagement.registry import FEATURES
from storage import ledger
from storage.engine import Session
from storage.groups import Consent, Group, Identity, Member
from tests.engagement.stage import Stage, keys, open_stage, placeholders_match, shown


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return open_stage(tmp_path, FEATURES, "2026-12-01T09:00")


def test_help_needs_no_consent_and_shows_a_leader_more(stage: Stage) -> None:
    """
    李阿姨: 帮助 → 六样常用的，其余发「全部功能」
    李阿姨: 全部功能 → 私聊发给她
    周团长: 帮助 → 多一句「团长帮助」；团长帮助 → 私聊
    """
    (resident,) = stage.say("李阿姨", "帮助")
    assert placeholders_match(resident)
    assert "签到" in shown(resident)
    assert len(shown(resident).splitlines()) <= 12
    assert "团长帮助" not in shown(resident)
    told, everything = stage.say("李阿姨", "全部功能")
    assert told.key == "members.sent_privately"
    assert "切换群" in shown(everything)
    assert "加分" not in shown(everything)
    assert "全部功能" not in shown(everything), "who reads the list need not be told of it"
    (leader,) = stage.say("周团长", "帮助")
    assert "团长帮助" in shown(leader)
    (all_of_it,) = stage.say("周团长", "团长帮助", private=True)
    assert "加分" in shown(all_of_it)
    assert "团长帮助" not in shown(all_of_it)
    assert keys(stage.say("李阿姨", "团长帮助", private=True)) == ["guard.leader_only"]
    consents = stage.database.read_now(lambda s: len(s.exec(select(Consent)).all()))
    assert consents <= 1


def test_a_leader_s_help_is_one_screen(stage: Stage) -> None:
    """
    周团长（群里）: 团长帮助 → 私聊：五样，每样三条最常用的，点一下看一样的全部
    李阿姨按那个按钮 → 这个只有本群团长可以操作
    """
    told, listed = stage.say("周团长", "团长帮助")
    assert (told.key, listed.kind) == ("members.sent_privately", Kind.DM)
    lines = shown(listed).splitlines()
    assert len(lines) <= 22
    assert [len(one["lines"]) for one in listed.values["rows"]] == [3] * 5  # type: ignore[attr-defined]
    (points,) = stage.say("周团长", "", button="leader_help:points", private=True)
    assert "积分上限 邻居 300" in shown(points)
    assert "积分上限" not in shown(listed)
    assert placeholders_match(points)
    assert keys(stage.say("李阿姨", "", button="leader_help:points", private=True)) == ["guard.leader_only"]
    assert keys(stage.say("周团长", "", button="leader_help:nothing", private=True)) == ["guard.old_button"]


def test_start(stage: Stage) -> None:
    assert keys(stage.say("路人", "/start", private=True)) == ["members.about_no_group"]
    stage.say("李阿姨", "签到")
    assert keys(stage.say("李阿姨", "/start", private=True)) == ["members.about"]


def test_my_data_goes_to_me_alone(stage: Stage) -> None:
    stage.say("李阿姨", "签到")
    public, private = stage.say("李阿姨", "我的数据")
    assert public.key == "members.sent_privately"
    assert (private.kind, private.to) == (Kind.DM, "李阿姨")
    assert "打过卡" in shown(private)
    assert keys(stage.say("李阿姨", "我的数据", private=True)) == ["members.mine"]


def test_what_grows_with_the_days_is_counted_up_to_a_bound(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The check-ins and the streak they make are one line: three rows after two days; after four, more than are counted."""
    monkeypatch.setattr(service, "MANY", 4)

    def line() -> str:
        (told,) = stage.say("李阿姨", "我的数据", private=True)
        return next(one for one in shown(told).splitlines() if "打过卡" in one)

    for day in (1, 2):
        stage.say("李阿姨", "签到", f"2026-12-0{day}T09:00")
    assert line().endswith("（3 条）")
    for day in (3, 4):
        stage.say("李阿姨", "签到", f"2026-12-0{day}T09:00")
    assert line().endswith("（4+ 条）")
    _, copy = stage.say("李阿姨", "导出")
    assert copy.document is not None
    assert len(json.loads(copy.document.text)["checkin"]) == 4


def test_export_is_a_readable_copy_of_mine_only(stage: Stage) -> None:
    stage.say("李阿姨", "签到")
    stage.say("王姐", "签到")
    _, copy = stage.say("李阿姨", "导出")
    assert copy.document is not None
    data = json.loads(copy.document.text)
    assert data["ledger_entry"][0]["points"] == 5
    assert "王姐" not in copy.document.text
    assert keys(stage.say("李阿姨", "导出", private=True)) == ["members.export"]


def test_withdrawal_and_return(stage: Stage) -> None:
    """
    李阿姨: 退出 → 不再记
    李阿姨: 退出 → 本来就没在记
    李阿姨: 签到 → 又开始记了，看说明发「隐私」
    """
    stage.say("李阿姨", "签到")
    assert keys(stage.say("李阿姨", "退出")) == ["members.withdrawn"]
    assert keys(stage.say("李阿姨", "退出")) == ["members.withdrawn_already"]
    back = stage.say("李阿姨", "签到", "2026-12-02T09:00")
    assert keys(back) == ["👍checkin.done", "members.notice_back"]


def test_erasure_needs_my_own_confirmation_and_leaves_sums_intact(stage: Stage) -> None:
    stage.say("李阿姨", "签到")
    stage.say("周团长", "加分 李阿姨 20 帮忙搬货")
    person = stage.person("李阿姨")
    (ask,) = stage.say("李阿姨", "删除我的数据")
    (other,) = stage.say("王姐", "", button=ask.buttons[0].key)
    assert other.key == "members.not_yours"
    assert keys(stage.say("李阿姨", "", button=ask.buttons[1].key)) == ["members.kept"]
    assert keys(stage.say("李阿姨", "", button=ask.buttons[0].key)) == ["members.erased"]
    assert stage.database.read_now(lambda s: s.exec(select(Identity).where(Identity.person_id == person)).all()) == []
    names = stage.database.read_now(lambda s: s.exec(select(Member.name).where(Member.person_id == person)).all())
    assert names == [""]
    check = stage.database.read_now(ledger.check)
    assert (check.entries, check.wrong_balances) == (2, 0)
    (fresh,) = stage.say("李阿姨", "积分")
    assert fresh.values["balance"] == 0


def test_buttons_of_erasure_record_nobody(stage: Stage) -> None:
    """
    李阿姨: 删除我的数据 → [先不删]（没用过的人不会因此被记录）
    李阿姨: [确定删除] 两次 → 删好了；第二次什么也没有
    """

    def consents() -> int:
        return stage.database.read_now(
            lambda s: len(s.exec(select(Consent).where(Consent.withdrawn_at == None)).all())  # noqa: E711
        )

    before = consents()
    (ask,) = stage.say("李阿姨", "删除我的数据")
    assert keys(stage.say("李阿姨", "", button=ask.buttons[1].key)) == ["members.kept"]
    assert consents() == before
    stage.say("李阿姨", "签到")
    (ask,) = stage.say("李阿姨", "删除我的数据")
    assert keys(stage.say("李阿姨", "", button=ask.buttons[0].key)) == ["members.erased"]
    assert keys(stage.say("李阿姨", "", button=ask.buttons[0].key)) == ["members.not_yours"]
    assert consents() == before


def test_after_leaving_a_look_is_no_return(stage: Stage) -> None:
    """
    李阿姨: 退出
    李阿姨: 积分 → 照样看得到，不算回来
    李阿姨: 请问 几点提货 → 照样回答，不算回来
    李阿姨: 签到 → 又开始记了
    """
    stage.say("李阿姨", "签到")
    stage.say("李阿姨", "退出")
    for text in ("积分", "积分明细", "排行榜", "打卡日历", "请问 几点提货"):
        assert all("members.notice" not in message.tails for message in stage.say("李阿姨", text)), text
    assert keys(stage.say("李阿姨", "退出")) == ["members.withdrawn_already"]
    assert keys(stage.say("李阿姨", "签到", "2026-12-02T09:00")) == ["👍checkin.done", "members.notice_back"]


def test_a_first_question_carries_the_notice(stage: Stage) -> None:
    (said, _to_leader) = stage.say("李阿姨", "请问 几点提货")
    assert said.tails[-1] == "members.notice"


def test_private_answers_name_their_group_where_there_are_several(stage: Stage) -> None:
    stage.say("李阿姨", "签到")
    (one,) = stage.say("李阿姨", "排行榜", private=True)
    assert "guard.about_group" not in one.tails

    def another(session: Session) -> None:
        group = Group(channel="play", external_id="g2", name="金桂苑", created_at=stage.clock.now())
        session.add(group)
        session.flush()
        session.add(
            Member(
                group_id=group.id or 0,
                person_id=session.exec(select(Identity.person_id).where(Identity.external_id == "李阿姨")).one(),
                name="李阿姨",
                joined_at=stage.clock.now(),
            )
        )

    stage.database.write_now(another)
    (two,) = stage.say("李阿姨", "排行榜", private=True)
    assert "金桂苑" in shown(two)
    assert "guard.about_group" in two.tails


def test_the_whole_notice_once_a_day_and_group(tmp_path: Path) -> None:
    """
    12-01 周团长: 积分                  → 说明全文，当天就这一次
    12-01 李阿姨: 签到、王姐: 积分         → 一行：看说明发「隐私」，不要了发「删除我的数据」
    12-01 刘姐私聊: 签到                → 私聊里说全
    12-02 赵姐: 签到、孙姐: 签到          → 第二天第一位说全，后面一行
    李阿姨: 隐私                        → 全文
    """
    stage = open_stage(tmp_path, FEATURES, "2026-12-01T09:00")
    (whole,) = stage.say("周团长", "积分")
    assert whole.tails[-1] == "members.notice"
    short = [stage.say("李阿姨", "签到")[0], stage.say("王姐", "积分")[0]]
    assert [one.tails[-1] for one in short] == ["members.notice_short"] * 2
    assert all(word in shown(short[0]) for word in ("「隐私」", "「删除我的数据」", "会记下"))
    assert all("members.notice" not in one.tails for one in short)
    stage.say("刘姐", "早上好")
    (private,) = stage.say("刘姐", "签到", private=True)
    assert private.tails[-1] == "members.notice"
    first, second = (stage.say(who, "签到", "2026-12-02T09:00")[0] for who in ("赵姐", "孙姐"))
    assert (first.tails[-1], second.tails[-1]) == ("members.notice", "members.notice_short")
    (whole,) = stage.say("李阿姨", "隐私")
    assert whole.key == "members.privacy"
    granted = stage.database.read_now(lambda s: s.exec(select(Consent)).all())
    assert {one.person_id for one in granted} >= {stage.person(who) for who in ("李阿姨", "王姐", "刘姐", "孙姐")}


def test_a_newcomer_reads_the_notice_once(stage: Stage) -> None:
    """
    王姐进群 → 欢迎，带说明全文（当天第一次）；王姐: 签到 → 只有一行
    刘姐进群 → 欢迎，带一行；刘姐第二天早上第一个签到 → 还是一行
    """
    when = "2026-12-02T09:00"
    (welcome,) = stage.happen(Event.JOIN, "王姐", when, subject="王姐", subject_name="王姐")
    assert (welcome.key, welcome.tails) == ("groups.welcome", ("members.notice",))
    (first,) = stage.say("王姐", "签到")
    assert first.tails[-1] == "members.notice_short"
    (next_one,) = stage.happen(Event.JOIN, "刘姐", when, subject="刘姐", subject_name="刘姐")
    assert next_one.tails == ("members.notice_short",)
    (early,) = stage.say("刘姐", "签到", "2026-12-03T07:30")
    assert early.tails[-1] == "members.notice_short"
    (neighbour,) = stage.say("老邻居", "签到")
    assert neighbour.tails[-1] == "members.notice"
