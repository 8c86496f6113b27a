"""冲正: one entry of the own group, with a reason, once, and the way back."""

from __future__ import annotations

from pathlib import Path

import pytest

from engagement.registry import FEATURES
from storage import ledger
from tests.engagement.stage import Stage, keys, open_stage, placeholders_match, shown


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    opened = open_stage(tmp_path, FEATURES, "2026-12-01T09:00")
    opened.say("李阿姨", "签到")
    opened.say("周团长", "加分 李阿姨 20 帮忙搬货")
    return opened


def entry_of(stage: Stage, what: str) -> int:
    """The number that the leader sees beside something."""
    (history,) = stage.say("周团长", "积分明细 李阿姨")
    (row,) = [row for row in history.values["rows"] if row["what"] == what]  # type: ignore[attr-defined]
    return int(row["entry"])


def test_a_leader_reverses_with_a_reason(stage: Stage) -> None:
    """
    周团长: 积分明细 李阿姨 → #2 帮忙搬货 +20，#1 签到 +5，[冲正 #2] [冲正 #1]
    周团长: 冲正 1 机器记重了 → -5，打卡天数不受影响
    李阿姨: 积分明细 → 机器记重了 -5
    """
    (history,) = stage.say("周团长", "积分明细 李阿姨")
    assert history.key == "points.history_of"
    assert len(history.buttons) == 2
    number = entry_of(stage, "签到")
    (done,) = stage.say("周团长", f"冲正 {number} 机器记重了")
    assert (done.key, done.values["balance"]) == ("points.reversed", 20)
    assert placeholders_match(done)
    (mine,) = stage.say("李阿姨", "积分明细")
    assert "机器记重了 -5" in shown(mine)
    (again,) = stage.say("周团长", f"冲正 {number} 机器记重了")
    assert again.key == "points.reversed_already"
    (next_day,) = stage.say("李阿姨", "签到", "2026-12-02T09:00")
    assert next_day.values["streak"] == 2, "the streak is not touched"
    (final,) = stage.say("周团长", f"冲正 {number + 2} 再冲一回")
    assert final.key == "points.entry_final"


def test_a_reversal_can_be_taken_back(stage: Stage) -> None:
    (done,) = stage.say("周团长", f"冲正 {entry_of(stage, '帮忙搬货')} 搞错人了")
    assert stage.points("李阿姨") == 5
    (undone,) = stage.say("周团长", "", button=done.buttons[0].key)
    assert (undone.key, undone.values["balance"]) == ("points.undone", 25)
    (again,) = stage.say("周团长", "", button=done.buttons[0].key)
    assert again.key == "leader.undone_already"
    assert stage.database.read_now(ledger.check).wrong_balances == 0


def test_a_taking_is_reversed_too(stage: Stage) -> None:
    stage.say("周团长", "扣分 李阿姨 7 发错了")
    (done,) = stage.say("周团长", f"冲正 {entry_of(stage, '发错了')} 没有错")
    assert (done.values["amount"], done.values["balance"]) == ("+7", 25)
    stage.say("周团长", "扣分 李阿姨 25 换了东西")
    (spent,) = stage.say("周团长", "", button=done.buttons[0].key)
    assert spent.key == "points.spent_already"


def test_the_button_asks_for_the_reason(stage: Stage) -> None:
    (history,) = stage.say("周团长", "积分明细 李阿姨")
    (ask,) = stage.say("周团长", "", button=history.buttons[0].key)
    assert (ask.key, ask.values["amount"]) == ("points.reverse_ask", "+20")
    assert keys(stage.say("李阿姨", "我来说", quoting=ask)) == ["guard.leader_only"]
    (done,) = stage.say("周团长", "搬货的是王姐", quoting=ask)
    assert (done.key, done.values["reason"]) == ("points.reversed", "搬货的是王姐")
    assert stage.points("李阿姨") == 5


def test_who_may_not(stage: Stage) -> None:
    stage.say("周团长", "签到")
    number = entry_of(stage, "签到")
    for text, key in {
        "冲正": "points.reverse_how",
        "冲正 李阿姨": "points.reverse_how",
        f"冲正 {number}": "points.reverse_reason",
        "冲正 999999 没有": "points.no_such_entry",
        f"冲正 {number + 2} 自己的": "points.not_oneself",
        "积分明细 没这个人": "points.no_such_member",
    }.items():
        assert keys(stage.say("周团长", text)) == [key], text
    assert keys(stage.say("李阿姨", "积分明细 周团长")) == ["points.others_leader_only"]
    assert keys(stage.say("李阿姨", "积分明细 李阿姨")) == ["points.history"]
    assert keys(stage.say("李阿姨", "", button=f"reverse:{number}")) == ["guard.leader_only"]
    assert stage.points("李阿姨") == 25


def test_spent_points_are_not_reversed(stage: Stage) -> None:
    number = entry_of(stage, "帮忙搬货")
    stage.say("周团长", "扣分 李阿姨 24 换了东西")
    (no,) = stage.say("周团长", f"冲正 {number} 搞错人了")
    assert (no.key, no.values["balance"]) == ("points.spent_already", 1)


def test_a_member_without_points(stage: Stage) -> None:
    stage.say("路过", "帮助")
    (none,) = stage.say("周团长", "积分明细 路过")
    assert none.key == "points.no_history_of"
