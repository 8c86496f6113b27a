"""What people type about check-ins, by table: what is meant, and what is only talk."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from bot.routing import Routes
from engagement.checkin import rules, words
from engagement.errors import Refusal
from engagement.registry import FEATURES

TODAY = date(2026, 12, 10)
FITNESS = rules.Topic("t1", "健身")
SETTINGS = {"checkin": {"topics": [FITNESS.kept(), rules.Topic("t2", "亲子读书").kept()]}}
HERE, THERE = ("play", "", "g1"), ("play", "", "g2")


@pytest.fixture
def routes() -> Routes:
    made = Routes(FEATURES)
    made.learn(HERE, SETTINGS)
    return made


@pytest.mark.parametrize(
    ("text", "argument"),
    [
        ("健身打卡", "t1"),
        ("打卡 健身", "t1"),
        ("打卡健身", "t1"),
        ("健身签到", "t1"),
        ("签到健身", "t1"),
        ("今天健身打卡啦", "t1"),
        ("✅健身打卡！", "t1"),
        ("健 身 打 卡", "t1"),
        ("健身簽到", "t1"),
        ("我亲子读书打卡+1", "t2"),
        ("打卡 游泳", "打卡 游泳"),
    ],
)
def test_a_topic_is_heard(routes: Routes, text: str, argument: str) -> None:
    target = routes.command(text, HERE)
    assert target is not None
    assert target.argument == argument
    assert routes.command(text, THERE) is None
    assert routes.command(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "健身",
        "健身打卡吗",
        "健身打卡？",
        "大家记得健身打卡哦",
        "忘了健身打卡",
        "明天健身打卡",
        "健身打卡怎么弄",
        "有没有人去健身打卡",
        "打卡 吗",
        "打卡 怎么弄",
        "打卡 大家快来",
        "打卡 明天再说",
        "打卡这个事情真麻烦",
        "游泳打卡",
    ],
)
def test_talk_about_it_is_talk(routes: Routes, text: str) -> None:
    assert routes.command(text, HERE) is None


def test_the_table_s_commands_come_first(routes: Routes) -> None:
    settings = {"checkin": {"topics": [rules.Topic("t9", "主题").kept()]}}
    routes.learn(HERE, settings)
    target = routes.command("打卡主题", HERE)
    assert target is not None
    assert target.command is not None
    routes.learn(HERE, {})
    assert routes.command("主题签到", HERE) is None, "what is gone is forgotten"


@pytest.mark.parametrize(
    ("text", "topic"),
    [
        ("垃圾分类", rules.Topic("t3", "垃圾分类", 2)),
        ("垃圾分类 3分", rules.Topic("t3", "垃圾分类", 3)),
        (
            "垃圾分类打卡 3 要照片、工作日 连签",
            rules.Topic("t3", "垃圾分类", 3, photo=True, weekdays=True, streak=True),
        ),
        ("垃圾分类 ＋５積分", rules.Topic("t3", "垃圾分类", 5)),
        ("广场舞 0分", rules.Topic("t3", "广场舞", 0)),
        ("早餐 要照片 连签 可补签", rules.Topic("t3", "早餐", photo=True, streak=True, makeup=True)),
        ("早睡 连签 不能补签", rules.Topic("t3", "早睡", streak=True, makeup=False)),
    ],
)
def test_a_new_topic(text: str, topic: rules.Topic) -> None:
    assert words.read_topic(text, rules.topics_of(SETTINGS["checkin"])) == topic


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("昨天", (None, date(2026, 12, 9))),
        ("健身", (FITNESS, None)),
        ("健身打卡 12-08", (FITNESS, date(2026, 12, 8))),
        ("前天，健身", (FITNESS, date(2026, 12, 8))),
        ("12-31 健身", (FITNESS, date(2026, 12, 31))),
    ],
)
def test_what_is_to_be_made_up_for(text: str, found: tuple[rules.Topic | None, date | None]) -> None:
    assert words.read_makeup(text, TODAY, [FITNESS]) == found


@pytest.mark.parametrize("text", ["游泳", "昨天 前天", "健身 健身", "健身 昨天 随便", "?"])
def test_what_is_not(text: str) -> None:
    with pytest.raises(Refusal, match=r"checkin\.makeup_how"):
        words.read_makeup(text, TODAY, [FITNESS])


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("", "checkin.topic_how"),
        ("打卡 3分", "checkin.topic_how"),
        ("健身", "checkin.topic_there"),
        ("日历", "checkin.topic_name"),
        ("怎么弄", "checkin.topic_name"),
        ("<b>", "checkin.topic_name"),
        ("一二三四五六七八九", "checkin.topic_name"),
        ("跑步 21分", "checkin.topic_points"),
        ("跑步 99999999分", "checkin.topic_how"),
        ("跑步 天天开心", "checkin.topic_how"),
    ],
)
def test_what_is_no_topic(text: str, key: str) -> None:
    with pytest.raises(Refusal) as no:
        words.read_topic(text, rules.topics_of(SETTINGS["checkin"]))
    assert no.value.key == key


def test_topics_have_an_end_and_a_stopped_one_keeps_its_key() -> None:
    many = tuple(rules.Topic(f"t{n}", f"主题{n}") for n in range(1, 9))
    with pytest.raises(Refusal, match="topic_many"):
        words.read_topic("跑步", many)
    stopped = (*many[:3], rules.Topic("t4", "跑步", active=False))
    assert words.read_topic("跑步 5分", stopped) == rules.Topic("t4", "跑步", 5)
    ever = tuple(rules.Topic(f"t{n}", f"主题{n}", active=False) for n in range(1, 41))
    with pytest.raises(Refusal, match="topic_many"):
        words.read_topic("跑步", ever)


@pytest.mark.parametrize(
    ("text", "past", "day"),
    [
        ("昨天", True, "2026-12-09"),
        ("前天", True, "2026-12-08"),
        ("12-03", True, "2026-12-03"),
        ("12月3日", True, "2026-12-03"),
        ("１２．３", True, "2026-12-03"),
        ("12-20", True, "2025-12-20"),
        ("12-20", False, "2026-12-20"),
        ("1-2", False, "2027-01-02"),
        ("2-29", False, None),
        ("2027-2-15", False, "2027-02-15"),
        ("2027-2-30", False, None),
        ("13-1", False, None),
        ("昨", True, None),
        ("9" * 30, True, None),
        ("", True, None),
    ],
)
def test_days(text: str, past: bool, day: str | None) -> None:
    assert words.read_day(text, TODAY, past=past) == (None if day is None else date.fromisoformat(day))


@pytest.mark.parametrize(
    ("text", "first", "last", "reason"),
    [
        ("2027-02-15 2027-02-21 春节", "2027-02-15", "2027-02-21", "春节"),
        ("2-15 到 2-21", "2027-02-15", "2027-02-21", ""),
        ("2-15至2-21 春节", "2027-02-15", "2027-02-21", "春节"),
        ("12-30 1-2 元旦", "2026-12-30", "2027-01-02", "元旦"),
        ("12-12", "2026-12-12", "2026-12-12", ""),
        ("12-12 停电", "2026-12-12", "2026-12-12", "停电"),
        ("昨天 明天", "2026-12-09", "2026-12-11", ""),
    ],
)
def test_freezes(text: str, first: str, last: str, reason: str) -> None:
    assert words.read_freeze(text, TODAY) == (date.fromisoformat(first), date.fromisoformat(last), reason)


@pytest.mark.parametrize("text", ["春节", "2027-02-21 2027-02-15", "x y z", "-1", "2-30 3-1"])
def test_what_is_no_freeze(text: str) -> None:
    with pytest.raises(Refusal, match="freeze_how"):
        words.read_freeze(text, TODAY)


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("3天", ("2026-12-10", "2026-12-12")),
        ("三天", ("2026-12-10", "2026-12-12")),
        ("两天", ("2026-12-10", "2026-12-11")),
        ("明天", ("2026-12-11", "2026-12-11")),
        ("明天 2天", ("2026-12-11", "2026-12-12")),
        ("12-12 12-14", ("2026-12-12", "2026-12-14")),
        ("12-12 到 12-14", ("2026-12-12", "2026-12-14")),
        ("12-14 12-12", None),
        ("0天", None),
        ("回家", None),
        ("回家 两天", None),
        ("明天 回家", None),
        ("到周日", ("2026-12-10", "2026-12-13")),
        ("到 星期天", ("2026-12-10", "2026-12-13")),
        ("至本周日", ("2026-12-10", "2026-12-13")),
        ("到周四", ("2026-12-10", "2026-12-10")),
        ("到下周一", ("2026-12-10", "2026-12-14")),
        ("到12月12日", ("2026-12-10", "2026-12-12")),
        ("到 12月12号", ("2026-12-10", "2026-12-12")),
        ("到本周一", None),
        ("到哪天", None),
    ],
)
def test_leaves(text: str, span: tuple[str, str] | None) -> None:
    expected: Any = None if span is None else tuple(date.fromisoformat(day) for day in span)
    assert words.read_leave(text, TODAY) == expected


@pytest.mark.parametrize(
    "text", ["请假到周日", "请假到 12月8日", "请假三天", "请假 到周日", "请假到下周一", "请假到12月8号", "请假到 周日"]
)
def test_a_leave_up_to_a_day_is_a_leave(routes: Routes, text: str) -> None:
    target = routes.command(text, HERE)
    assert target is not None and target.command is not None
    assert target.command.name == "checkin.leave"
