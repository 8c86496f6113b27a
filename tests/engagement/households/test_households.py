"""Families from the asking to the parting: both sides want it, nobody loses a point, the board does not see it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from sqlmodel import col, select

from engagement.feature import Feature
from engagement.households.tables import FamilyRequest
from engagement.kernel import Event, Kind, Outgoing
from engagement.registry import FEATURES
from storage import identities, ledger
from storage.engine import Session
from storage.groups import Group, Member
from storage.ledger import Entry, Posting
from tests.engagement.stage import Stage, at, day, keys, open_stage, placeholders_match, shown

LEADER = "周团长"


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """李阿姨 has 60 points, 王姐 40, 小满 nothing but her check-in."""
    made = open_stage(tmp_path, FEATURES, "2026-12-01T09:00")
    for who, points in (("李阿姨", 60), ("王姐", 40), ("小满", 0)):
        made.say(who, "签到")
        earn(made, who, points - balance(made, who))
    made.said.clear()
    yield made
    assert all(placeholders_match(message) for message in made.said if message.key.startswith("households."))
    checked = made.database.read_now(ledger.check)
    assert (checked.wrong_balances, checked.negative_balances, checked.wrong_reversals) == (0, 0, 0)
    made.database.close()


def member(stage: Stage, who: str) -> Member:
    return stage.database.read_now(lambda session: session.exec(select(Member).where(Member.name == who)).one())


def balance(stage: Stage, who: str) -> int:
    """What 积分 shows."""
    value = stage.say(who, "积分")[0].values["balance"]
    assert isinstance(value, int)
    return value


def earn(stage: Stage, who: str, amount: int, kind: str = "topic") -> None:
    """Points from nowhere; a negative amount is spent."""
    somebody = member(stage, who)
    number = next(stage._ids)

    def post(session: Session) -> None:
        assert somebody.account_id is not None and somebody.id is not None
        now = stage.clock.now()
        row = Posting(
            somebody.account_id, stage.group_id, somebody.id, amount, kind, f"test:{number}", day("2026-12-01"), now
        )
        ledger.post(session, row)

    if amount:
        stage.database.write_now(post)


def press(stage: Stage, who: str, message: Outgoing, which: int = 0, **how: bool) -> list[Outgoing]:
    return stage.say(who, "", button=message.buttons[which].key, **how)  # type: ignore[arg-type]


def unite(stage: Stage, *others: str, host: str = "李阿姨") -> None:
    for other in others:
        (asked,) = stage.say(other, f"加入家庭 {host}")
        assert keys(press(stage, host, asked)) == ["households.joined"]


def shares(stage: Stage, who: str) -> dict[str, int]:
    rows: Sequence[dict[str, object]] = stage.say(who, "我的家庭")[0].values["rows"]  # type: ignore[assignment]
    return {str(row["name"]): int(str(row["points"])) for row in rows}


# ---------------------------------------------------------------- coming together


def test_both_say_yes_and_share(stage: Stage) -> None:
    """王姐: 加入家庭 李阿姨 → 「@李阿姨 王姐 想来你家…」 [同意] [不用了]
    李阿姨 presses 同意 → 「@王姐 成啦，李阿姨 点头了，你们现在是一家，一共 100 积分」
    """
    (asked,) = stage.say("王姐", "加入家庭 李阿姨")
    assert (asked.key, asked.to, asked.mention, len(asked.buttons)) == ("households.asked_join", "李阿姨", True, 2)
    assert "王姐" in shown(asked)
    (joined,) = press(stage, "李阿姨", asked)
    assert "李阿姨 点头了，你们现在是一家，一共 100 积分" in shown(joined)
    assert joined.to == "王姐"
    assert (balance(stage, "王姐"), balance(stage, "李阿姨")) == (100, 100)
    assert shares(stage, "王姐") == {"李阿姨": 60, "王姐": 40}


def test_an_invitation_brings_the_other_one_in(stage: Stage) -> None:
    (asked,) = stage.say("王姐", "邀请家人 @李阿姨")
    assert asked.key == "households.asked_invite"
    press(stage, "李阿姨", asked)
    assert member(stage, "李阿姨").account_id == member(stage, "王姐").account_id
    assert shares(stage, "李阿姨") == {"李阿姨": 60, "王姐": 40}


@pytest.mark.parametrize("words", ["同意加入", "同意加入 王姐", "/family_accept 王姐"])
def test_a_yes_in_words(stage: Stage, words: str) -> None:
    stage.say("王姐", "加入家庭 李阿姨")
    assert keys(stage.say("李阿姨", words)) == ["households.joined"]


def test_a_quote_answers(stage: Stage) -> None:
    """李阿姨 quotes the request: 好的 → joined; what is no answer goes on as a question."""
    (asked,) = stage.say("王姐", "加入家庭 李阿姨")
    assert "households" not in {m.feature for m in stage.say("李阿姨", "合了以后还能分开吗？", quoting=asked)}
    assert "households.joined" in keys(stage.say("李阿姨", "好的", quoting=asked))


def test_several_wait_and_one_is_chosen(stage: Stage) -> None:
    stage.say("王姐", "加入家庭 李阿姨")
    stage.say("小满", "邀请家人 李阿姨")
    (which,) = stage.say("李阿姨", "同意加入")
    assert (which.key, len(which.buttons)) == ("households.which_request", 2)
    assert keys(press(stage, "李阿姨", which)) == ["households.joined"]
    assert keys(stage.say("李阿姨", "同意加入 小满")) == ["households.no_request"], "who has a family joins no other"


def test_a_no_is_quiet(stage: Stage) -> None:
    """不用了 → the request only loses its buttons; the asker cannot tell, and cannot ask again at once."""
    (asked,) = stage.say("王姐", "加入家庭 李阿姨")
    stage._remember(asked, "g1")
    (settled,) = press(stage, "李阿姨", asked, 1)
    assert (settled.kind, settled.key) == (Kind.EDIT, "households.settled")
    assert keys(stage.say("王姐", "加入家庭 李阿姨")) == ["households.asked_already"]
    (mine,) = stage.say("王姐", "我的家庭")
    assert "等对方答复：李阿姨" in shown(mine)
    assert keys(press(stage, "李阿姨", asked)) == ["households.answered_already"]
    assert balance(stage, "李阿姨") == 60
    stage.say("王姐", "签到", "2026-12-04T09:00")
    assert keys(stage.say("王姐", "加入家庭 李阿姨")) == ["households.asked_join"]


def test_only_the_one_who_was_asked_can_answer(stage: Stage) -> None:
    (asked,) = stage.say("王姐", "加入家庭 李阿姨")
    for who in ("王姐", "小满", LEADER):
        for which in (0, 1):
            assert keys(press(stage, who, asked, which)) == ["households.not_yours_to_answer"]
        assert keys(stage.say(who, "同意加入 王姐")) == ["households.no_request"]
    assert member(stage, "王姐").account_id != member(stage, "李阿姨").account_id


def test_a_request_can_be_taken_back(stage: Stage) -> None:
    (asked,) = stage.say("王姐", "加入家庭 李阿姨")
    (mine,) = stage.say("王姐", "我的家庭")
    assert keys(press(stage, "李阿姨", mine)) == ["households.not_yours"]
    assert keys(press(stage, "王姐", mine)) == ["households.withdrawn"]
    assert keys(press(stage, "李阿姨", asked)) == ["households.answered_already"]
    assert keys(press(stage, "王姐", mine)) == ["guard.old_button"]
    assert keys(stage.say("王姐", "加入家庭 李阿姨")) == ["households.asked_and_taken_back"], (
        "nobody is called again and again"
    )


def test_my_family_shows_what_waits(stage: Stage) -> None:
    stage.say("王姐", "加入家庭 李阿姨")
    (mine,) = stage.say("李阿姨", "我的家庭")
    assert mine.key == "households.alone_mine"
    assert "等你答复：王姐" in shown(mine)
    assert keys(press(stage, "李阿姨", mine)) == ["households.joined"]
    (mine,) = stage.say("李阿姨", "我的家庭")
    assert mine.key == "households.mine_unnamed"
    assert "转给家人" in shown(mine)


@pytest.mark.parametrize(
    ("words", "key"),
    [
        ("加入家庭", "join_how"),
        ("邀请家人", "invite_how"),
        ("加入家庭 @", "join_how"),
        ("加入家庭 谁也不是", "no_such_member"),
        ("加入家庭 王姐", "not_oneself"),
        ("邀请家人 新来的", "not_yet_member"),
        ("同意加入", "no_request"),
        ("退出家庭", "alone"),
        ("家庭名 幸福一家", "alone"),
        ("转给家人 李阿姨 5", "give_outside"),
        ("转给家人 王姐 5", "not_oneself"),
        ("转给家人 李阿姨", "give_how"),
    ],
)
def test_what_cannot_be(stage: Stage, words: str, key: str) -> None:
    stage.happen(Event.JOIN, LEADER, subject="新来的", subject_name="新来的")
    assert keys(stage.say("王姐", words)) == [f"households.{key}"]


def test_who_withdrew_is_not_asked(stage: Stage) -> None:
    stage.say("李阿姨", "退出")
    assert keys(stage.say("王姐", "加入家庭 李阿姨")) == ["households.not_yet_member"]


def test_a_member_has_one_family_and_a_family_eight(stage: Stage) -> None:
    others = [f"邻居{number}" for number in range(6)]
    for who in others:
        stage.say(who, "签到")
    unite(stage, "王姐", *others)
    assert keys(stage.say("小满", "加入家庭 李阿姨")) == ["households.full"]
    assert keys(stage.say("李阿姨", "邀请家人 小满")) == ["households.full"]
    assert keys(stage.say("小满", "邀请家人 王姐")) == ["households.other_in_one"]
    assert keys(stage.say("王姐", "加入家庭 小满")) == ["households.in_one_already"]
    assert keys(stage.say("王姐", "邀请家人 李阿姨")) == ["households.together_already"]
    (mine,) = stage.say("李阿姨", "我的家庭")
    assert "满员" in shown(mine)
    assert len(shares(stage, "李阿姨")) == 8


def test_the_last_place_is_given_once(stage: Stage) -> None:
    """Two ask while one place is left; both are told yes: the second one hears that the family is full."""
    others = [f"邻居{number}" for number in range(6)]
    for who in (*others, "晚来的"):
        stage.say(who, "签到")
    unite(stage, *others)
    (first,), (second,) = stage.say("王姐", "加入家庭 李阿姨"), stage.say("晚来的", "加入家庭 邻居0")
    assert keys(press(stage, "李阿姨", first)) == ["households.joined"]
    assert keys(press(stage, "邻居0", second)) == ["households.full"]
    press(stage, "王姐", stage.say("王姐", "退出家庭")[0])
    assert keys(press(stage, "邻居0", second)) == ["households.joined"], "a place became free"


def test_one_asks_a_family_s_worth_and_not_a_group_s(stage: Stage) -> None:
    for number in range(8):
        stage.say(f"邻居{number}", "签到")
    asked = [keys(stage.say("王姐", f"邀请家人 邻居{number}"))[0] for number in range(8)]
    assert asked == ["households.asked_invite"] * 7 + ["households.asked_many"]


# ---------------------------------------------------------------- points


def test_the_board_does_not_see_a_move(stage: Stage) -> None:
    """What is moved is not earned: ranks and weeks stay as they were."""
    before = [stage.say("小满", f"排行榜 {period}")[0].values["rows"] for period in ("日", "周", "月", "总")]
    unite(stage, "王姐", "小满")
    stage.say("王姐", "转给家人 小满 30")
    (sure,) = stage.say("王姐", "退出家庭")
    stage.say("王姐", "", button=sure.buttons[0].key)
    after = [stage.say("小满", f"排行榜 {period}")[0].values["rows"] for period in ("日", "周", "月", "总")]
    assert before == after


def test_nobody_leaves_by_another_s_button(stage: Stage) -> None:
    """王姐: 退出家庭, in the group; 小满 presses [确定退出] → 「这个按钮不是给你的…」, and stays."""
    unite(stage, "王姐", "小满")
    (sure,) = stage.say("王姐", "退出家庭")
    for which in (0, 1):
        assert keys(press(stage, "小满", sure, which)) == ["households.not_yours"]
    assert set(shares(stage, "小满")) == {"李阿姨", "王姐", "小满"}
    assert keys(press(stage, "王姐", sure, 1)) == ["households.stayed"]
    assert keys(press(stage, "王姐", sure)) == ["households.left"]


def test_giving_inside_the_family(stage: Stage) -> None:
    """李阿姨: 转给家人 王姐 20 → 「@王姐 收到 20 积分，是 李阿姨 转给你的…家里的总数不变，还是 100」"""
    unite(stage, "王姐")
    (given,) = stage.say("李阿姨", "转给家人 王姐 20")
    assert (given.key, given.to, given.mention) == ("households.given", "王姐", True)
    assert "还是 100" in shown(given)
    assert shares(stage, "王姐") == {"李阿姨": 40, "王姐": 60}
    (too_much,) = stage.say("李阿姨", "转给家人 王姐 41")
    assert (too_much.key, too_much.values["points"]) == ("households.give_too_much", 40)
    assert keys(stage.say("李阿姨", "转给家人 小满 1")) == ["households.give_outside"]
    assert keys(stage.say("小满", "转积分 李阿姨 1")) == ["households.give_outside"]


def test_leaving_takes_one_s_own_along(stage: Stage) -> None:
    """王姐: 退出家庭 → 「能带走自己剩下的 20 积分，家里还有 30…确定吗？」 → [确定退出]"""
    unite(stage, "王姐")
    earn(stage, "李阿姨", -50, "exchange")
    (sure,) = stage.say("王姐", "退出家庭")
    assert (sure.values["points"], sure.values["rest"]) == (20, 30)
    assert keys(press(stage, "小满", sure)) == ["households.not_yours"], "somebody else's press is no leave"
    assert keys(press(stage, "王姐", sure, 1)) == ["households.stayed"]
    (left,) = press(stage, "王姐", sure)
    assert (left.key, left.values["other"]) == ("households.left", "李阿姨")
    assert (balance(stage, "王姐"), balance(stage, "李阿姨")) == (20, 30)
    assert keys(press(stage, "王姐", sure)) == ["guard.old_button"]
    assert keys(stage.say("李阿姨", "退出家庭")) == ["households.alone"], "the last one keeps the rest"
    unite(stage, "王姐")
    assert shares(stage, "王姐") == {"李阿姨": 30, "王姐": 20}


def test_who_takes_the_family_over_finds_the_name_gone(stage: Stage) -> None:
    unite(stage, "王姐")
    assert keys(stage.say("王姐", "家庭名 「幸福一家」")) == ["households.named"]
    assert shown(stage.say("李阿姨", "我的家庭")[0]).startswith("幸福一家 现在有 100 积分")
    press(stage, "王姐", stage.say("王姐", "退出家庭")[0])
    unite(stage, "小满")
    assert stage.say("小满", "我的家庭")[0].key == "households.mine_unnamed"


def test_who_leaves_the_group_keeps_his_place(stage: Stage) -> None:
    unite(stage, "王姐")
    stage.happen(Event.LEAVE, "王姐")
    assert "王姐（已退群）：40" in shown(stage.say("李阿姨", "我的家庭")[0])
    assert keys(stage.say("李阿姨", "转给家人 王姐 1")) == ["households.give_outside"]
    stage.say("王姐", "签到", "2026-12-02T09:00")
    assert shares(stage, "王姐")["王姐"] > 40


def test_who_erases_his_data_leaves_it_to_the_family(stage: Stage) -> None:
    unite(stage, "王姐", "小满")
    (sure,) = stage.say("王姐", "删除我的数据")
    press(stage, "王姐", sure)
    left = shares(stage, "李阿姨")
    assert set(left) == {"李阿姨", "小满"}
    assert sum(left.values()) == balance(stage, "李阿姨") == 100
    assert balance(stage, "王姐") == 0


def test_points_of_a_household_are_called_that(stage: Stage) -> None:
    """王姐: 积分 → 「王姐，你家（你和李阿姨）现在有 100 积分，这周家里 +100…」; who is alone reads 你."""
    assert "你现在有 40 积分" in shown(stage.say("王姐", "积分")[0])
    unite(stage, "王姐")
    (mine,) = stage.say("王姐", "积分")
    assert shown(mine).startswith("王姐，你家（你和李阿姨）现在有 100 积分，这周家里 +100，你自己在群里第 ")
    (later,) = stage.say("王姐", "积分", "2026-12-08T09:00")
    assert (later.key, later.values["week"]) == ("points.home_unranked", 0)
    assert shown(later).startswith("王姐，你家（你和李阿姨）现在有 100 积分，你自己这周还没有新的。")
    unite(stage, "小满")
    assert shown(stage.say("小满", "积分")[0]).startswith("小满，你家（你和李阿姨、王姐）现在有 ")
    assert "你现在有" in shown(stage.say(LEADER, "积分")[0])


def test_in_private_over_several_groups_too(stage: Stage) -> None:
    """The list of all groups says which balance is a household's."""
    unite(stage, "王姐")

    def second(session: Session) -> None:
        group = Group(channel="play", external_id="g2", name="金桂苑", created_at=stage.clock.now())
        session.add(group)
        session.flush()
        assert group.id is not None
        fresh = identities.new_account(session, group.id, stage.clock.now())
        person = session.exec(select(Member.person_id).where(Member.name == "王姐")).one()
        there = Member(group_id=group.id, person_id=person, name="王姐", account_id=fresh, joined_at=stage.clock.now())
        session.add(there)

    stage.database.write_now(second)
    (mine,) = stage.say("王姐", "积分", private=True)
    assert mine.key == "points.balances"
    assert "阳光花园一期（你家：你和李阿姨）：100 积分" in shown(mine)
    assert "金桂苑：0 积分" in shown(mine)


def test_the_statement_says_who_earned_what(stage: Stage) -> None:
    unite(stage, "王姐")
    earn(stage, "李阿姨", 7)
    (mine,) = stage.say("王姐", "积分明细")
    assert "李阿姨 聊话题 +7" in shown(mine)
    assert "12月1日 家里转分 +40" in shown(mine)
    (sure,) = stage.say("李阿姨", "删除我的数据")
    press(stage, "李阿姨", sure)
    assert "以前的家人 聊话题 +7" in shown(stage.say("王姐", "积分明细")[0])
    assert balance(stage, "王姐") == 107


def test_a_leader_s_undo_finds_the_points_where_they_are(stage: Stage) -> None:
    """加分 before a family is founded, undone when the points are in it; 扣分 in it, undone after the parting."""
    (given,) = stage.say(LEADER, "加分 王姐 20 搬货")
    unite(stage, "王姐")
    (undone,) = press(stage, LEADER, given)
    assert (undone.key, undone.values["balance"]) == ("points.undone", 100)
    assert shares(stage, "王姐") == {"李阿姨": 60, "王姐": 40}
    (taken,) = stage.say(LEADER, "扣分 王姐 30 记重了")
    press(stage, "王姐", stage.say("王姐", "退出家庭")[0])
    (undone,) = press(stage, LEADER, taken)
    assert undone.values["balance"] == 40
    assert keys(press(stage, LEADER, taken)) == ["points.undone_already"]
    assert (balance(stage, "王姐"), balance(stage, "李阿姨")) == (40, 60)


def test_a_leader_s_undo_of_points_that_are_gone(stage: Stage) -> None:
    (given,) = stage.say(LEADER, "加分 小满 20 搬货")
    unite(stage, "小满")
    earn(stage, "李阿姨", -75, "exchange")
    assert keys(press(stage, LEADER, given)) == ["points.spent_already"]
    assert balance(stage, "小满") == 5


def test_what_a_family_spent_comes_back_to_it(stage: Stage) -> None:
    unite(stage, "王姐")
    earn(stage, "王姐", -50, "exchange")
    spent = stage.database.read_now(lambda s: s.exec(select(Entry.id).order_by(col(Entry.id).desc())).first())
    press(stage, "王姐", stage.say("王姐", "退出家庭")[0])
    now = stage.clock.now()
    stage.database.write_now(lambda s: ledger.reverse(s, spent or 0, local_date=day("2026-12-01"), occurred_at=now))
    assert (balance(stage, "王姐"), balance(stage, "李阿姨")) == (20, 80)


# ---------------------------------------------------------------- races and redeliveries


def test_asking_each_other_is_a_yes(stage: Stage) -> None:
    for mine in ("加入家庭", "邀请家人"):
        for theirs in ("加入家庭", "邀请家人"):
            stage.say("王姐", f"{mine} 李阿姨", "2026-12-01T10:00")
            assert keys(stage.say("李阿姨", f"{theirs} 王姐")) == ["households.joined"]
            press(stage, "王姐", stage.say("王姐", "退出家庭")[0])
    assert balance(stage, "李阿姨") + balance(stage, "王姐") == 100


def test_an_expired_request_is_no_more(stage: Stage) -> None:
    (asked,) = stage.say("王姐", "加入家庭 李阿姨")
    stage.clock.set(at("2026-12-04T09:00"))
    assert keys(press(stage, "李阿姨", asked)) == ["households.expired"]
    assert keys(stage.say("李阿姨", "同意加入")) == ["households.no_request"]
    (again,) = stage.say("王姐", "加入家庭 李阿姨")
    assert keys(press(stage, "李阿姨", asked)) == ["households.answered_already"]
    assert keys(press(stage, "李阿姨", again)) == ["households.joined"]


def test_a_yes_after_the_asker_left(stage: Stage) -> None:
    (asked,) = stage.say("王姐", "加入家庭 李阿姨")
    stage.happen(Event.LEAVE, "王姐")
    assert keys(press(stage, "李阿姨", asked)) == ["households.gone"]
    stage.say("王姐", "退出")
    assert keys(press(stage, "李阿姨", asked)) == ["households.gone"], "back, but does not want to be recorded"


def test_two_who_accept_at_once(stage: Stage) -> None:
    """王姐 asked 李阿姨 and 小满; both say yes: the second hears that she has a family."""
    (first,) = stage.say("王姐", "加入家庭 李阿姨")
    (second,) = stage.say("王姐", "加入家庭 小满")
    assert keys(press(stage, "李阿姨", first)) == ["households.joined"]
    assert keys(press(stage, "小满", second)) == ["households.answered_already"]
    assert keys(press(stage, "李阿姨", first)) == ["households.together_already"]
    assert balance(stage, "李阿姨") == 100


def test_a_redelivered_yes_moves_nothing_twice(stage: Stage) -> None:
    (asked,) = stage.say("王姐", "加入家庭 李阿姨")
    button = asked.buttons[0].key
    assert keys(stage.say("李阿姨", "", button=button, dedupe_key="yes")) == ["households.joined"]
    assert stage.say("李阿姨", "", button=button, dedupe_key="yes") == []
    assert balance(stage, "王姐") == 100


def test_a_leave_and_a_return_in_the_same_minute(stage: Stage) -> None:
    """Each move has a key of its own; the clock stands still all the while."""
    for _ in range(3):
        unite(stage, "王姐")
        press(stage, "王姐", stage.say("王姐", "退出家庭")[0])
    assert (balance(stage, "王姐"), balance(stage, "李阿姨")) == (40, 60)


# ---------------------------------------------------------------- in private


def test_in_private_the_other_one_must_have_spoken_to_us(stage: Stage) -> None:
    assert keys(stage.say("王姐", "加入家庭 李阿姨", private=True)) == ["households.ask_in_group"]
    assert stage.database.read_now(lambda s: s.exec(select(col(FamilyRequest.id))).all()) == []
    stage.say("李阿姨", "积分", private=True)
    said = stage.say("王姐", "加入家庭 李阿姨", private=True)
    assert keys(said) == ["households.waits", "households.asked_join_privately"]
    assert (said[1].kind, said[1].to) == (Kind.DM, "李阿姨")
    joined = press(stage, "李阿姨", said[1], private=True)
    assert [(m.key, m.to) for m in joined] == [
        ("households.joined_privately", ""),
        ("households.joined_privately", "王姐"),
    ]
    given = stage.say("王姐", "转给家人 李阿姨 5", private=True)
    assert [(m.key, m.to) for m in given] == [("households.given_privately", ""), ("households.told_given", "李阿姨")]
    (sure,) = stage.say("王姐", "退出家庭", private=True)
    left = press(stage, "王姐", sure, private=True)
    assert [(m.key, m.to) for m in left] == [("households.left", ""), ("households.told_left", "李阿姨")]
    assert (balance(stage, "王姐"), balance(stage, "李阿姨")) == (35, 65)


def test_where_nobody_is_heard_the_request_waits_for_him(stage: Stage) -> None:
    """
    客户群，王姐在公众号里: 加入家庭 李阿姨（没私聊过）→ 记下了，请跟 TA 说一声；没有一句叫她到群里发
    李阿姨: 我的家庭 → 等你答复：王姐 → 点同意，一家了
    """
    stage.change(hears=False, speaks=False)
    (waits,) = stage.say("王姐", "加入家庭 李阿姨", private=True)
    assert waits.key == "households.waits_quietly" and "群里" not in shown(waits).replace("点群里的「打卡」链接", "")
    (again,) = stage.say("王姐", "加入家庭 李阿姨", private=True)
    assert again.key == "households.asked_already"
    (hers,) = stage.say("李阿姨", "我的家庭", private=True)
    assert "等你答复：王姐" in shown(hers)
    assert keys(press(stage, "李阿姨", hers, private=True))[0] == "households.joined_privately"


def test_a_no_in_private_is_confirmed(stage: Stage) -> None:
    stage.say("李阿姨", "积分", private=True)
    (_, asked) = stage.say("王姐", "邀请家人 李阿姨", private=True)
    assert keys(press(stage, "李阿姨", asked, 1, private=True)) == ["households.declined"]


def test_the_slice_stands_alone(tmp_path: Path) -> None:
    """Without the others it still opens; nothing of it is needed by them."""
    from engagement.households.manifest import FEATURE

    alone: tuple[Feature, ...] = (*(one for one in FEATURES if one.name in {"members", "topic"}), FEATURE)
    made = open_stage(tmp_path, alone, "2026-12-01T09:00")
    assert keys(made.say("王姐", "我的家庭")) == ["households.alone_mine"]
    made.database.close()


# ---------------------------------------------------------------- two groups


def in_second_group(stage: Stage, who: str, text: str = "", button: str = "") -> list[Outgoing]:
    """The same people meet in g2."""
    event = Event.BUTTON if button else Event.MESSAGE
    incoming = replace(
        stage.incoming(who),
        event=event,
        conversation="g2",
        dedupe_key=f"second{next(stage._ids)}",
        sender_name=who,
        text=text,
        button=button,
    )
    return [queued.message for queued in asyncio.run(stage._handle(incoming)).queued]


def test_a_family_is_of_one_group(stage: Stage) -> None:
    """Together in g1, each alone in g2; there it takes another yes, and the points of the two never mix."""
    for who in ("李阿姨", "王姐"):
        in_second_group(stage, who, "签到")
    unite(stage, "王姐")
    (mine,) = in_second_group(stage, "王姐", "我的家庭")
    assert (mine.key, mine.values["balance"]) == ("households.alone_mine", 5)
    (asked,) = in_second_group(stage, "李阿姨", "加入家庭 王姐")
    (joined,) = in_second_group(stage, "王姐", button=asked.buttons[0].key)
    assert joined.values["balance"] == 10
    assert balance(stage, "王姐") == 100
    (_, both) = stage.say("王姐", "切换群", private=True)[0].buttons
    stage.say("王姐", "", button=both.key, private=True)
    assert stage.say("王姐", "我的家庭", private=True)[0].values["balance"] == 10


def test_a_request_of_one_group_is_answered_in_private_whatever_group_is_chosen(stage: Stage) -> None:
    """小满 asks in g1; 李阿姨's private chat is about g2: her yes still counts in g1, and says so."""
    in_second_group(stage, "李阿姨", "签到")
    stage.say("李阿姨", "积分", private=True)
    (_, asked) = stage.say("小满", "邀请家人 李阿姨", private=True)
    said = press(stage, "李阿姨", asked, private=True)
    assert "在「阳光花园一期」成一家了" in shown(said[0])
    assert shares(stage, "小满")["李阿姨"] == 60
