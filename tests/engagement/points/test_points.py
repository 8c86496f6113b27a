"""积分, 明细, 排行榜 and the leader's gifts."""

from __future__ import annotations

from pathlib import Path

import pytest

from engagement.registry import FEATURES
from storage import audit, ledger
from tests.engagement.stage import Stage, keys, open_stage, placeholders_match, shown


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return open_stage(tmp_path, FEATURES, "2026-12-01T09:00")


def test_points_in_words(stage: Stage) -> None:
    """
    李阿姨: 积分 → 0 分，告诉怎么得
    李阿姨: 签到 → +5
    李阿姨: 积分 → 5 分，这周 +5，第 1
    （一周以后）李阿姨: 积分 → 5 分，这周还没有新的
    """
    (none,) = stage.say("李阿姨", "积分")
    assert (none.key, none.values["balance"]) == ("points.none", 0)
    stage.say("李阿姨", "签到")
    (some,) = stage.say("李阿姨", "我的积分")
    assert (some.key, some.values["balance"], some.values["rank"]) == ("points.balance", 5, 1)
    assert placeholders_match(some)
    (later,) = stage.say("李阿姨", "积分", "2026-12-10T09:00")
    assert (later.key, later.values["balance"]) == ("points.balance_unranked", 5)


def test_history(stage: Stage) -> None:
    (empty,) = stage.say("李阿姨", "积分明细")
    assert empty.key == "points.no_history"
    stage.say("李阿姨", "签到")
    stage.say("周团长", "加分 李阿姨 20 帮忙搬货")
    (full,) = stage.say("李阿姨", "明细")
    assert shown(full).splitlines()[1:3] == ["12月1日 帮忙搬货 +20", "12月1日 签到 +5"]


def test_who_withdrew_is_on_no_board_and_hears_when_he_is_back(stage: Stage) -> None:
    """
    王姐: 退出 → 榜上没有王姐，王姐自己看也没有
    王姐: 签到 → 又开始记了，榜上又有
    """
    for name in ("李阿姨", "王姐"):
        stage.say(name, "签到")
    stage.say("王姐", "退出")
    for name in ("李阿姨", "王姐"):
        assert "王姐" not in shown(stage.say(name, "排行榜")[0])
    back = stage.say("王姐", "签到", "2026-12-02T09:00")
    assert "又开始记" in "".join(shown(one) for one in back if one.key)
    assert "王姐" in shown(stage.say("李阿姨", "排行榜")[0])


def test_board_and_its_buttons(stage: Stage) -> None:
    (empty,) = stage.say("李阿姨", "排行榜")
    assert empty.key == "points.board_empty_week"
    stage.say("李阿姨", "签到")
    stage.say("王姐", "签到")
    stage.say("周团长", "加分 王姐 20 帮忙搬货")
    (mine,) = stage.say("李阿姨", "排行榜 月")
    assert mine.key == "points.board_month"
    assert mine.tails == ("points.board_mine",)
    assert (mine.values["rank"], mine.values["gap"]) == (2, 20)
    (top,) = stage.say("王姐", "总榜")
    assert (top.key, top.tails) == ("points.board_all", ("points.board_top",))
    (today,) = stage.say("陈师傅", "", button="board:day")
    assert "1. 王姐：25 分" in shown(today)
    assert "还没有你" in shown(today)
    (old,) = stage.say("陈师傅", "", button="board:year")
    assert old.key == "guard.old_button"
    (what,) = stage.say("陈师傅", "排行榜 年")
    assert what.key == "points.unknown_period"


def test_a_place_that_is_shared_is_called_so(stage: Stage) -> None:
    """
    李阿姨: 签到、积分 → 群里第 1
    王姐: 签到、积分   → 群里并列第 1；排行榜：你和另外 1 位并列第 1
    """
    stage.say("李阿姨", "签到")
    assert "，群里第 1。" in shown(stage.say("李阿姨", "积分")[0])
    stage.say("王姐", "签到")
    assert "，群里并列第 1。" in shown(stage.say("王姐", "积分")[0])
    assert "你和另外 1 位并列第 1，5 分。" in shown(stage.say("王姐", "排行榜")[0])


def test_only_the_leader_gives(stage: Stage) -> None:
    stage.say("李阿姨", "签到")
    (no,) = stage.say("李阿姨", "加分 李阿姨 20 我想要")
    assert no.key == "points.leader_only"
    (no,) = stage.say("李阿姨", "", button="undo_points:1")
    assert no.key == "guard.leader_only"
    assert stage.points("李阿姨") == 5


def test_a_gift_can_be_undone_once(stage: Stage) -> None:
    stage.say("李阿姨", "签到")
    (given,) = stage.say("周团长", "加分 李阿姨 20 帮忙搬货")
    assert (given.key, given.values["balance"]) == ("points.given", 25)
    button = given.buttons[0].key
    (undone,) = stage.say("周团长", "", button=button)
    assert (undone.key, undone.values["balance"]) == ("points.undone", 5)
    (again,) = stage.say("周团长", "", button=button)
    assert again.key == "points.undone_already"
    for nonsense in ("undo_points:", "undo_points:9999", "undo_points:x", "undo_points:1"):
        (old,) = stage.say("周团长", "", button=nonsense)
        assert old.key == "guard.old_button"
    assert stage.database.read_now(audit.broken_links) == (2, None)
    assert stage.database.read_now(ledger.check).wrong_reversals == 0


def test_a_gift_stands_in_the_list_of_what_can_be_taken_back(stage: Stage) -> None:
    """周团长: 扣分 李阿姨 2 发错了 → 撤销 → [扣了一位邻居 2 分] → 李阿姨 +2; its own button takes a gift out too."""
    stage.say("李阿姨", "签到")
    (given,) = stage.say("周团长", "加分 李阿姨 20 帮忙搬货")
    stage.say("周团长", "扣分 李阿姨 2 发错了")
    (which,) = stage.say("周团长", "撤销")
    assert [(one.label, one.values) for one in which.buttons] == [
        ("points.did_take", {"name": "一位邻居", "amount": 2}),
        ("points.did_give", {"name": "一位邻居", "amount": 20}),
    ]
    (undone,) = stage.say("周团长", "", button=which.buttons[0].key)
    assert (undone.key, undone.values["amount"], undone.values["balance"]) == ("points.undone", "+2", 25)
    (again,) = stage.say("周团长", "", button=which.buttons[0].key)
    assert again.key == "leader.undone_already"
    stage.say("周团长", "", button=given.buttons[0].key)
    assert stage.points("李阿姨") == 5
    (nothing,) = stage.say("周团长", "撤销")
    assert nothing.key == "leader.nothing_to_undo"


def test_how_points_are_taken_is_told_with_its_own_word(stage: Stage) -> None:
    """周团长: 扣分 → 「扣分 李阿姨 5 加错了」, not how they are given."""
    stage.say("李阿姨", "签到")
    for text, key in (("扣分", "take_how"), ("扣分 李阿姨", "take_how"), ("扣分 李阿姨 5", "take_reason")):
        (how,) = stage.say("周团长", text)
        assert how.key == f"points.{key}"
        assert "扣分" in shown(how)
    (much,) = stage.say("周团长", "扣分 李阿姨 99999 加错了")
    assert much.key == "points.gift_amount"
    (how,) = stage.say("周团长", "加分")
    assert how.key == "points.gift_how"


def test_a_week_is_never_less_than_nothing(stage: Stage) -> None:
    """What a leader took of last week's points is no minus of this week."""
    stage.say("李阿姨", "签到")
    stage.say("周团长", "扣分 李阿姨 2 发错了", "2026-12-08T09:00")
    (here,) = stage.say("李阿姨", "积分")
    assert (here.key, here.values["balance"], here.values["week"]) == ("points.balance_unranked", 3, 0)


def test_spent_points_cannot_be_taken_back(stage: Stage) -> None:
    stage.say("李阿姨", "签到")
    (given,) = stage.say("周团长", "加分 李阿姨 20 帮忙搬货")
    stage.say("周团长", "扣分 李阿姨 24 换了东西")
    (undone,) = stage.say("周团长", "", button=given.buttons[0].key)
    assert undone.key == "points.spent_already"
    (more,) = stage.say("周团长", "扣分 李阿姨 2 再扣")
    assert (more.key, more.values["balance"]) == ("points.too_few", 1)


def test_whom_a_leader_cannot_give(stage: Stage) -> None:
    stage.say("李阿姨", "帮助")
    stage.say("周团长", "签到")
    expected = {
        "加分 没这个人 5 谢谢": "points.no_such_member",
        "加分 李阿姨 5 谢谢": "points.not_yet_member",
        "加分 周团长 5 谢谢": "points.not_oneself",
        "加分": "points.gift_how",
    }
    for text, key in expected.items():
        assert keys(stage.say("周团长", text)) == [key], text


def test_a_day_s_cap(stage: Stage) -> None:
    stage.say("李阿姨", "签到")
    for _ in range(5):
        stage.say("周团长", "加分 李阿姨 100 帮忙搬货")
    (no,) = stage.say("周团长", "加分 李阿姨 1 帮忙搬货")
    assert (no.key, no.values["left"]) == ("points.day_cap", 0)
    (tomorrow,) = stage.say("周团长", "加分 李阿姨 1 帮忙搬货", "2026-12-02T09:00")
    assert tomorrow.key == "points.given"


def test_in_private_every_group_is_listed(stage: Stage) -> None:
    stage.say("李阿姨", "签到")
    (one,) = stage.say("李阿姨", "积分", private=True)
    assert (one.key, one.values["balance"]) == ("points.balance", 5)
    (nobody,) = stage.say("路人", "积分", private=True)
    assert nobody.key == "guard.no_group"


def test_what_is_spent_lowers_no_board(stage: Stage) -> None:
    """
    12-07（周一）… 12-09 签到（+5 +3 +4），12-10 忘了，12-11 签到 +2
    李阿姨: 补签，[用 10 积分补] → 12-12 积分：一共少了 10，这周还是 +14，第 1
    周团长: 冲正那次补签          → 退回 10，榜上不多；撤销 → 又用掉，榜上不少
    周团长: 扣分 李阿姨 4、再冲正 → 更正照算
    """
    for number in (7, 8, 9, 11):
        stage.say("李阿姨", "签到", f"2026-12-{number:02d}T09:00")

    def week() -> tuple[str, object, object]:
        (said,) = stage.say("李阿姨", "积分")
        (board,) = stage.say("李阿姨", "排行榜 周")
        assert board.values["points"] == said.values.get("week"), "the board and one's own figure agree"
        return said.key, said.values["balance"], said.values.get("week")

    assert week() == ("points.balance", 14, 14)
    (asked,) = stage.say("李阿姨", "补签")
    assert keys(stage.say("李阿姨", "", button=asked.buttons[0].key)) == ["checkin.makeup_made"]
    assert week() == ("points.balance", 4, 14)
    (history,) = stage.say("周团长", "积分明细 李阿姨")
    (ask,) = stage.say("周团长", "", button=history.buttons[0].key)
    (reversed_,) = stage.say("周团长", "记错了", quoting=ask)
    assert (reversed_.key, *week()[1:]) == ("points.reversed", 14, 14)
    stage.say("周团长", "", button=reversed_.buttons[0].key)
    assert week() == ("points.balance", 4, 14)
    stage.say("周团长", "扣分 李阿姨 4 加错了")
    assert week() == ("points.balance", 0, 10)
    (history,) = stage.say("周团长", "积分明细 李阿姨")
    (ask,) = stage.say("周团长", "", button=history.buttons[0].key)
    stage.say("周团长", "没错", quoting=ask)
    assert week() == ("points.balance", 4, 14)
    assert stage.database.read_now(ledger.check).wrong_balances == 0


@pytest.mark.parametrize(
    ("said", "key", "amount"),
    [
        ("加分 李阿姨20 帮忙搬货", "points.given", 20),
        ("加分 李阿姨+20 帮忙搬货", "points.given", 20),
        ("加分 李阿姨 20帮忙搬货", "points.given", 20),
        ("加分 李阿姨20", "points.gift_reason", None),
        ("加分 李阿姨 +20", "points.gift_reason", None),
        ("扣分 李阿姨20", "points.take_reason", None),
        ("加分 张姐220 帮忙搬货", "points.gift_where", None),
        ("加分 张姐2 20 帮忙搬货", "points.given", 20),
        ("加分 没这个人20 帮忙搬货", "points.no_such_member", None),
        ("加分 20", "points.gift_how", None),
    ],
)
def test_a_gift_without_blanks(stage: Stage, said: str, key: str, amount: int | None) -> None:
    """
    团长: 加分 李阿姨20 帮忙搬货 → 加了；加分 张姐220 → 名字自己带数字的，问一句
    """
    for who in ("李阿姨", "张姐2"):
        stage.say(who, "签到")
    (told,) = stage.say("周团长", said)
    assert (told.key, told.values.get("amount")) == (key, amount)
    assert placeholders_match(told)
