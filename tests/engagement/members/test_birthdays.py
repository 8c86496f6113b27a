"""我的生日: given with consent, greeted where the person wants, paid once a year, gone when asked."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest
from sqlmodel import col, select

from engagement.feature import GroupView
from engagement.kernel import Kind
from engagement.members import birthdays
from engagement.members.tables import Birthday
from engagement.pushes import Occurrence, Planned
from engagement.registry import FEATURES
from storage import ledger, preferences
from storage.groups import Group, Member
from tests.engagement.stage import Stage, at, day, keys, open_stage, placeholders_match, shown


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return open_stage(tmp_path, FEATURES, "2026-12-01T09:00")


def give(stage: Stage, who: str, text: str, choice: int, *, private: bool = False) -> str:
    """Type a birthday and press a button; returns what is said to it."""
    (sure,) = stage.say(who, f"我的生日 {text}", private=private)
    return keys(stage.say(who, "", button=sure.buttons[choice].key, private=private))[0]


def rows(stage: Stage) -> list[tuple[int, int, bool]]:
    return stage.database.read_now(lambda s: [(b.month, b.day, b.in_group) for b in s.exec(select(Birthday)).all()])


def morning(stage: Stage, when: str) -> list[Planned]:
    """What the job says on a day."""
    moment: datetime = at(when)

    def plan(session: object) -> list[Planned]:
        group = session.get_one(Group, stage.group_id)  # type: ignore[attr-defined]
        one = Occurrence(GroupView.of(group), 1, moment.date(), moment)
        return list(birthdays.plan(session, [one], moment))  # type: ignore[arg-type]

    return stage.database.write_now(plan)


def lines(planned: list[Planned]) -> list[tuple[str, Kind, int | None]]:
    return [(one.reply.key, one.reply.kind, one.reply.to) for one in planned if one.reply is not None]


def test_nothing_is_kept_before_the_person_says_how(stage: Stage) -> None:
    """
    李阿姨: 我的生日 → 怎么发
    李阿姨: 我的生日 1958-5-20 → 记下吗？[在群里祝我][只私聊祝我][先不记]（年份不看）
    王姐按了李阿姨的按钮 → 是给别人的
    李阿姨: [先不记] → 什么都没记；[在群里祝我] → 记下了
    """
    stage.say("李阿姨", "签到")
    stage.say("王姐", "签到")
    assert keys(stage.say("李阿姨", "我的生日")) == ["members.birthday_how"]
    (sure,) = stage.say("李阿姨", "我的生日 1958-5-20")
    assert "不记年份" in shown(sure)
    assert "1958" not in shown(sure) + str(sure.buttons)
    assert rows(stage) == []
    assert keys(stage.say("王姐", "", button=sure.buttons[0].key)) == ["members.birthday_not_yours"]
    assert keys(stage.say("李阿姨", "", button=sure.buttons[2].key)) == ["members.birthday_not_kept"]
    assert rows(stage) == []
    assert keys(stage.say("李阿姨", "", button=sure.buttons[0].key)) == ["members.birthday_kept_group"]
    assert rows(stage) == [(5, 20, True)]
    (kept,) = stage.say("李阿姨", "我的生日")
    assert kept.key == "members.birthday_in_group"
    stage.say("李阿姨", "", button=kept.buttons[0].key)
    assert rows(stage) == [(5, 20, False)]
    assert keys(stage.say("李阿姨", "我的生日")) == ["members.birthday_in_private"]
    assert keys(stage.say("李阿姨", "删除生日")) == ["members.birthday_deleted"]
    assert keys(stage.say("李阿姨", "删除生日")) == ["members.birthday_none"]
    assert rows(stage) == []


def test_forged_buttons_keep_nothing(stage: Stage) -> None:
    stage.say("李阿姨", "签到")
    person = stage.person("李阿姨")
    for key in ("g0230", "g1301", "x0520", "g520", "g05200", "", "g٠٥٢٠"):
        assert keys(stage.say("李阿姨", "", button=f"birthday:{key}:{person}")) == ["guard.old_button"]
    assert rows(stage) == []


def test_the_day_itself(stage: Stage) -> None:
    """
    早上 8:40：群里一句，祝同意在群里的两位；只私聊的那位收到私聊；没说过话的收不到
    每人 10 积分，一年一次，重来一遍也一样
    """
    for who in ("李阿姨", "王姐", "张哥", "没私聊过"):
        stage.say(who, "签到")
    stage.say("张哥", "积分", private=True)
    assert give(stage, "李阿姨", "12-5", 0) == "members.birthday_kept_group"
    assert give(stage, "王姐", "12月5日", 0) == "members.birthday_kept_group"
    assert give(stage, "张哥", "12.5", 1, private=True) == "members.birthday_kept_private"
    (sure,) = stage.say("没私聊过", "我的生日 12-5")
    (kept,) = stage.say("没私聊过", "", button=sure.buttons[1].key)
    assert kept.tails == ("members.speak_first",)
    assert [one.skip for one in morning(stage, "2026-12-04T08:40")] == ["nothing"]
    said = morning(stage, "2026-12-05T08:40")
    assert lines(said) == [
        ("members.birthday_group", Kind.PUSH, None),
        ("members.birthday_dm", Kind.DM, stage.person("张哥")),
    ]
    assert said[0].reply is not None
    assert said[0].reply.values["names"] == "李阿姨、王姐"
    assert all(placeholders_match(one.reply) for one in said if one.reply is not None)  # type: ignore[arg-type]
    for who in ("李阿姨", "王姐", "张哥", "没私聊过"):
        assert stage.points(who, "birthday") == 10
    morning(stage, "2026-12-05T08:41")
    assert stage.points("李阿姨", "birthday") == 10
    assert stage.database.read_now(ledger.check).wrong_balances == 0
    morning(stage, "2027-12-05T08:40")
    assert stage.points("李阿姨", "birthday") == 20


def test_changing_the_day_brings_no_second_gift(stage: Stage) -> None:
    stage.say("李阿姨", "签到")
    give(stage, "李阿姨", "12-5", 0)
    morning(stage, "2026-12-05T08:40")
    give(stage, "李阿姨", "12-6", 0)
    stage.change(settings={"members": {"birthday_points": 50}})
    (said,) = morning(stage, "2026-12-06T08:40")
    assert said.reply is not None
    assert said.reply.tails == ()
    assert stage.points("李阿姨", "birthday") == 10


def test_who_opted_out_left_withdrew_or_was_erased_is_not_greeted(stage: Stage) -> None:
    for who in ("李阿姨", "王姐", "张哥", "陈叔"):
        stage.say(who, "签到")
        give(stage, who, "12-5", 0)
    stage.database.write_now(lambda s: preferences.switch(s, stage.person("李阿姨"), "birthday", on=False))
    stage.say("王姐", "退出")
    (sure,) = stage.say("张哥", "删除我的数据")
    stage.say("张哥", "", button=sure.buttons[0].key)

    def leave(session: object) -> None:
        member = session.exec(select(Member).where(Member.name == "陈叔")).one()  # type: ignore[attr-defined]
        member.left_at = stage.clock.now()
        session.add(member)  # type: ignore[attr-defined]

    stage.database.write_now(leave)
    assert [one.skip for one in morning(stage, "2026-12-05T08:40")] == ["nothing"]
    assert stage.points("李阿姨", "birthday") == 10, "the notice is not wanted, the gift is the group's"
    assert len(rows(stage)) == 3


def test_the_29th_of_february(stage: Stage) -> None:
    stage.say("李阿姨", "签到")
    give(stage, "李阿姨", "2-29", 0)
    assert lines(morning(stage, "2027-02-28T08:40")) == [("members.birthday_group", Kind.PUSH, None)]
    assert lines(morning(stage, "2027-03-01T08:40")) == []
    assert lines(morning(stage, "2028-02-28T08:40")) == []
    assert lines(morning(stage, "2028-02-29T08:40")) == [("members.birthday_group", Kind.PUSH, None)]
    assert stage.points("李阿姨", "birthday") == 20


def test_many_on_one_day_are_one_line(stage: Stage) -> None:
    stage.change(settings={"members": {"birthday_points": 0}})
    for number in range(8):
        stage.say(f"邻居{number}", "签到")
        give(stage, f"邻居{number}", "12-5", 0)
    (said,) = morning(stage, "2026-12-05T08:40")
    assert said.reply is not None
    assert (said.reply.key, said.reply.values["count"], said.reply.tails) == ("members.birthday_group_more", 8, ())
    assert stage.points("邻居0", "birthday") == 0


def test_in_two_groups_one_private_greeting(stage: Stage) -> None:
    stage.say("李阿姨", "签到")
    stage.say("李阿姨", "积分", private=True)
    give(stage, "李阿姨", "12-5", 1)

    def another(session: object) -> Group:
        group = Group(channel="play", external_id="g2", name="金桂苑", created_at=stage.clock.now())
        session.add(group)  # type: ignore[attr-defined]
        session.flush()  # type: ignore[attr-defined]
        here = session.exec(select(Member).where(Member.name == "李阿姨")).one()  # type: ignore[attr-defined]
        session.add(  # type: ignore[attr-defined]
            Member(
                group_id=group.id or 0,
                person_id=here.person_id,
                name="李阿姨",
                joined_at=stage.clock.now(),
                account_id=here.account_id,
            )
        )
        return group

    stage.database.write_now(another)
    moment = at("2026-12-05T08:40")

    def plan(session: object) -> list[Planned]:
        groups = session.exec(select(Group).order_by(col(Group.id))).all()  # type: ignore[attr-defined]
        due = [Occurrence(GroupView.of(group), 1, day("2026-12-05"), moment) for group in groups]
        return list(birthdays.plan(session, due, moment))  # type: ignore[arg-type]

    said = stage.database.write_now(plan)
    assert lines(said) == [("members.birthday_dm", Kind.DM, stage.person("李阿姨"))]
    assert said[1].skip == "nothing"


def test_where_the_bot_does_not_speak_only_a_private_word_is_offered(stage: Stage) -> None:
    """
    客户群，李阿姨在公众号里: 我的生日 12-5 → 记下吗？[只私聊祝我][先不记]，不提群里
    以前选了群里的、旧消息上的「在群里祝我」→ 也是私聊；到那天，群里什么也不说
    """
    for who in ("李阿姨", "王姐"):
        stage.say(who, "签到")
    assert give(stage, "王姐", "12-5", 0) == "members.birthday_kept_group"
    stage.change(hears=False, speaks=False)
    (sure,) = stage.say("李阿姨", "我的生日 12-5", private=True)
    assert sure.key == "members.birthday_sure_private" and "群" not in shown(sure)
    assert [one.label for one in sure.buttons] == ["members.button_in_private", "members.button_no_birthday"]
    old = sure.buttons[0].key.replace("birthday:p", "birthday:g")
    (kept,) = stage.say("李阿姨", "", button=old, private=True)
    assert (kept.key, kept.tails) == ("members.birthday_kept_private", ())
    (mine,) = stage.say("王姐", "我的生日", private=True)
    assert (mine.key, mine.buttons) == ("members.birthday_in_private", ())
    assert sorted(lines(morning(stage, "2026-12-05T08:40"))) == sorted(
        ("members.birthday_dm", Kind.DM, stage.person(who)) for who in ("李阿姨", "王姐")
    )
    assert stage.points("王姐", "birthday") == 10
