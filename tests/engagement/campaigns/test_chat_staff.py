"""What the staff and the managers of a region type about the calendar: drafts, approval, pauses, cancelling, progress."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlmodel import select

from engagement.campaigns.words import Pace
from storage.audit import AuditRow
from storage.campaigns import Campaign, Delivery
from storage.engine import Session
from storage.groups import Region
from tests.engagement.campaigns import scene
from tests.engagement.campaigns.scene import COURSE, LEADER, LESSON, MEMBER_DAY, dm, labels, press, run
from tests.engagement.stage import Stage, keys, shown

ANN, BOB, EAST = "安运营", "波运营", "东区经理"


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """Two of the staff, a manager of the east with one group there, and three drafts: one written by ANN."""
    opened = scene.scene(tmp_path, LESSON, approved=False)
    opened.database.write_now(lambda s: s.add(Region(name="东区")))
    scene.grant(opened, ANN)
    scene.grant(opened, BOB)
    scene.grant(opened, EAST, "manager", 1)
    scene.elsewhere(opened, "东区一群", 1)
    scene.plan(opened, MEMBER_DAY, by=opened.person(ANN), approved=False)
    scene.plan(opened, COURSE, scope="region:1", approved=False)
    yield opened
    opened.database.close()


def campaign(stage: Stage) -> str:
    return stage.database.read_now(lambda s: s.exec(select(Campaign.state)).first()) or ""


def test_drafts_with_who_wrote_them_and_all_their_words(stage: Stage) -> None:
    found = dm(stage, "活动草稿", who=ANN)
    assert [row["number"] for row in found.values["rows"]] == [3, 1, 2]  # type: ignore[attr-defined]
    assert "会员日｜6月18日（周五）到 6月22日（周二）｜所有群｜安运营" in shown(found)
    one = press(stage, found, "campaigns.button_show", who=ANN)
    assert one.key == "campaigns.plan" and "第 1 天" in shown(one)
    assert labels(one) == ["button_approve", "button_try", "button_page"]
    assert press(stage, one, "campaigns.button_page", who=ANN).values["rows"][0]["place"] == 5  # type: ignore[index]
    words = dm(stage, "活动 2", who=BOB)
    assert "{group}聊聊米，热线 {hotline}。\n一袋吃多久？" in shown(words)
    trial = press(stage, words, "campaigns.button_try", who=BOB)
    assert trial.key == "campaigns.trial" and "「阳光花园一期」会看到" in shown(trial) and trial.card is not None


def test_who_wrote_it_leaves_the_approval_to_a_colleague(stage: Stage) -> None:
    assert dm(stage, "批准 2", who=ANN).key == "campaigns.second_person"
    assert "button_approve" not in labels(dm(stage, "活动 2", who=ANN))
    assert dm(stage, button="cal_approve:2", who=ANN).key == "campaigns.second_person"
    done = dm(stage, "批准 2", who=BOB)
    assert done.key == "campaigns.approved" and done.values["groups"] == 2
    assert dm(stage, "批准 2", who=BOB).key == "campaigns.approved_already"
    assert press(stage, done, "campaigns.button_back", who=BOB).key == "campaigns.drafted"
    assert scene.stage_of(stage, 2) == "draft"
    assert dm(stage, "退回 2", who=BOB).key == "campaigns.draft_already"
    actions = stage.database.read_now(lambda s: [one.action for one in s.exec(select(AuditRow))])
    assert actions[-2:] == ["calendar.approved", "calendar.withdrawn"]


def test_alone_one_approves_ones_own(tmp_path: Path) -> None:
    stage = scene.scene(tmp_path)
    scene.grant(stage, ANN)
    scene.plan(stage, MEMBER_DAY, by=stage.person(ANN), approved=False)
    assert dm(stage, "批准 1", who=ANN).key == "campaigns.approved"


def test_what_has_begun_is_not_withdrawn_but_paused(stage: Stage) -> None:
    dm(stage, "批准 2", who=BOB)
    run(stage, "2027-06-18T10:00")
    assert dm(stage, "退回 2", who=BOB).key == "campaigns.begun"
    paused = dm(stage, "暂停活动 2", who=BOB)
    assert paused.key == "campaigns.paused" and campaign(stage) == "paused"
    assert dm(stage, "暂停活动 2", who=BOB).key == "campaigns.already_paused"
    assert dm(stage, "活动 2", who=LEADER).tails == ("campaigns.one_paused",)
    assert run(stage, "2027-06-22T10:00") == []
    resumed = press(stage, paused, "campaigns.button_resume", who=BOB)
    assert resumed.key == "campaigns.resumed_paused"
    assert dm(stage, "恢复活动 2", who=BOB).key == "campaigns.already_running"
    assert len(run(stage, "2027-06-22T10:05")) == 2  # within its time of grace


def test_a_cancelling_is_asked_once_more(stage: Stage) -> None:
    dm(stage, "批准 2", who=BOB)
    sure = dm(stage, "取消活动 2", who=BOB)
    assert sure.key == "campaigns.cancel_sure" and sure.values["groups"] == 2 and campaign(stage) == "running"
    done = press(stage, sure, "campaigns.button_end", who=BOB)
    assert done.key == "campaigns.cancelled" and campaign(stage) == "cancelled"
    assert run(stage, "2027-06-18T10:00") == []
    assert dm(stage, "取消活动 2", who=BOB).key == "campaigns.already_cancelled"
    assert dm(stage, "活动 2", who=LEADER).tails == ("campaigns.one_cancelled",)
    assert press(stage, done, "campaigns.button_resume", who=BOB).key == "campaigns.resumed_cancelled"
    assert len(run(stage, "2027-06-22T10:00")) == 2


def test_after_a_cancel_the_next_of_its_days_counts_as_from_the_command_line(stage: Stage) -> None:
    """10:00 passed while it was cancelled: at 11:00 it is not made up for, though it would be in time."""
    dm(stage, "批准 2", who=BOB)
    assert run(stage, "2027-06-18T09:00") == []
    done = press(stage, dm(stage, "取消活动 2", who=BOB), "campaigns.button_end", who=BOB)
    assert run(stage, "2027-06-18T11:00") == []
    press(stage, done, "campaigns.button_resume", who=BOB)
    assert run(stage, "2027-06-18T11:01") == []
    assert len(run(stage, "2027-06-22T10:00")) == 2


def test_progress_in_figures_reasons_and_time(stage: Stage) -> None:
    assert dm(stage, "活动进度 2", who=BOB).key == "campaigns.still_draft"
    dm(stage, "批准 2", who=BOB)
    assert dm(stage, "活动进度 2", who=BOB).tails == ("campaigns.progress_none",)
    stage.change(settings={"calendar": {"off": ["member_day"]}})
    run(stage, "2027-06-18T10:00")
    said = dm(stage, "活动进度 2", who=BOB)
    assert "6月18日（周五）那条：已发 1 条，在等 0 条，没发 1 条。\n没发的：团长关掉了这一类 1。" in shown(said)
    assert "这条 10:00 发完了。\n下一次：6月22日（周二）10:00。" in shown(said) and said.subject == ""

    def waits(session: Session) -> None:
        for row in session.exec(select(Delivery)):
            row.state, row.reason, row.not_before = "pending", "", None
            session.add(row)
        row.not_before = stage.clock.now() + timedelta(hours=2)

    stage.database.write_now(waits)
    later = dm(stage, "活动进度 2", who=BOB)
    assert "在等 2 条" in shown(later) and "其中 1 条在等免打扰过去，最晚 12:00 发。" in shown(later)
    assert "campaigns.progress_early" in later.tails and later.subject == "cal_live:2"
    stage.clock.set(stage.clock.now() + timedelta(seconds=20))
    some = dm(stage, "活动进度 2", who=BOB)  # one went out in the last minute
    assert "照刚才 20 秒的速度，还要大约 20 秒。" in shown(some)
    stage.clock.set(stage.clock.now() + timedelta(minutes=2))
    slow = press(stage, later, "campaigns.button_again_look", who=BOB)
    assert "campaigns.progress_slow" in slow.tails
    dm(stage, "暂停活动 2", who=BOB)
    assert "campaigns.progress_paused" in dm(stage, "活动进度 2", who=BOB).tails


def test_a_group_that_has_it_later_counts_for_the_same_day(stage: Stage) -> None:
    dm(stage, "批准 2", who=BOB)
    dm(stage, "换日子 2 晚 1 天")
    run(stage, "2027-06-18T10:00")
    run(stage, "2027-06-19T10:00")
    assert "6月18日（周五）那条：已发 2 条" in shown(dm(stage, "活动进度 2", who=BOB))


def test_what_runs(stage: Stage) -> None:
    assert dm(stage, "活动进度", who=BOB).key == "campaigns.running_none"
    for number in (1, 2, 3):
        dm(stage, f"批准 {number}", who=BOB)
    found = dm(stage, "活动", who=BOB)
    assert [row["number"] for row in found.values["rows"]] == [1, 2, 3]  # type: ignore[attr-defined]
    assert dm(stage, "活动草稿", who=BOB).key == "campaigns.drafts_none"


def test_a_manager_looks_after_one_region(stage: Stage) -> None:
    found = dm(stage, "活动草稿", who=EAST)
    assert [row["number"] for row in found.values["rows"]] == [3, 1, 2]  # type: ignore[attr-defined]
    assert dm(stage, "批准 2", who=EAST).key == "campaigns.not_yours"
    assert dm(stage, "批准 3", who=EAST).key == "campaigns.approved_joined"
    assert labels(dm(stage, "活动 2", who=EAST)) == ["button_try"]
    dm(stage, "批准 2", who=BOB)
    run(stage, "2027-06-18T10:00")
    assert dm(stage, "活动进度 2", who=EAST).values["sent"] == 1  # of the two groups that have it
    for words in ("暂停活动 2", "取消活动 2", "退回 2"):
        assert dm(stage, words, who=EAST).key == "campaigns.not_yours"
    (west,) = scene.plan(stage, scene.TERMS, scope="group:1")
    assert dm(stage, f"活动进度 {west}", who=EAST).key == "campaigns.unknown_plan"


def test_who_leads_a_group_and_is_of_the_staff_has_both(stage: Stage) -> None:
    """His own group's comes first; what only the staff see yet is shown as the staff see it."""
    scene.grant(stage, LEADER)
    assert dm(stage, "活动 2", who=LEADER).key == "campaigns.plan"
    assert dm(stage, "批准 2", who=LEADER).key == "campaigns.approved"
    assert dm(stage, "活动 2", who=LEADER).key == "campaigns.one"
    assert dm(stage, "活动", who=LEADER).key == "campaigns.list"
    assert dm(stage, "暂停活动 2", who=LEADER).key == "campaigns.paused"


def test_what_is_finished_can_only_be_looked_at(stage: Stage) -> None:
    dm(stage, "批准 2", who=BOB)
    run(stage, "2027-06-22T10:00")
    run(stage, "2027-06-29T10:00")
    assert campaign(stage) == "finished"
    assert dm(stage, "取消活动 2", who=BOB).key == "campaigns.finished"
    assert dm(stage, "活动进度 2", who=BOB).key == "campaigns.progress"
    assert dm(stage, "参加 2", who=LEADER).key == "campaigns.over"


def test_a_manager_without_a_region_and_somebody_without_a_role(stage: Stage) -> None:
    scene.grant(stage, "新经理", "manager")
    assert dm(stage, "活动草稿", who="新经理").key == "campaigns.no_region"
    for words in ("活动草稿", "批准 2", "退回 2", "活动进度 2"):
        assert dm(stage, words, who=LEADER).key == "guard.staff_only"
    for button in ("cal_approve:2", "cal_end:2", "cal_pause:2", "cal_progress:2", "cal_draft:2.0", "cal_trial:2.1"):
        assert dm(stage, button=button, who=LEADER).key == "guard.staff_only"
    assert keys(stage.say(BOB, "活动草稿")) == ["guard.private_only"]


def test_the_same_on_postgresql(tmp_path: Path, postgres_url: str) -> None:
    stage = scene.scene(tmp_path, MEMBER_DAY, LESSON, COURSE, url=postgres_url)
    scene.grant(stage, BOB)
    assert len(dm(stage, "活动").values["rows"]) == 2  # type: ignore[arg-type]
    dm(stage, "换日子 1 晚 1 天")
    run(stage, "2027-06-19T10:00")
    assert dm(stage, "课程").values["count"] == 0
    assert dm(stage, "活动", who=BOB).values["count"] == 3
    assert dm(stage, "活动进度 1", who=BOB).values["sent"] == 1
    assert dm(stage, "活动进度 3", who=BOB).key == "campaigns.progress"
    assert dm(stage, "不参加 1").key == "campaigns.part_off"
    assert dm(stage, "取消活动 1", who=BOB).values["groups"] == 0
    stage.database.close()


@pytest.mark.parametrize("text", ["批准活动", "退回活动", "暂停这个活动", "恢复这个活动", "取消活动"])
def test_without_a_number_it_says_how(stage: Stage, text: str) -> None:
    assert dm(stage, text, who=BOB).key.endswith("_how")


def test_without_a_number_there_are_buttons_for_what_can_be_done(stage: Stage) -> None:
    """
    王经理（私聊）: 批准 → 批准哪个？…… [2 会员日]；批准了再问 批准 → 批准哪个？没有按钮
    """
    asked = dm(stage, "批准", who=BOB)
    assert asked.key == "campaigns.approve_how" and "campaigns.which_tap" in asked.tails
    assert press(stage, asked, "campaigns.button_show", who=BOB).key == "campaigns.approved"
    number = asked.buttons[0].values["number"]
    offered = {word: dm(stage, word, who=BOB) for word in ("退回", "暂停活动", "取消活动", "试发")}
    for word, answer in offered.items():
        assert number in [one.values["number"] for one in answer.buttons], word
    assert dm(stage, "恢复活动", who=BOB).buttons == ()
    dm(stage, f"暂停活动 {number}", who=BOB)
    assert [one.values["number"] for one in dm(stage, "恢复活动", who=BOB).buttons] == [number]
    trial = dm(stage, button=next(b.key for b in offered["试发"].buttons if b.values["number"] == number), who=BOB)
    assert trial.key.startswith("campaigns.trial")
    assert dm(stage, f"试发 {number}", who=BOB).key == trial.key


def test_how_long_it_takes_is_said_only_where_it_is_known() -> None:
    assert Pace(0, 0, 60).left == 0
    assert Pace(10, 0, 60).left is None
    assert Pace(10, 3, 4).left is None
    assert Pace(300, 100, 60).left == 180
