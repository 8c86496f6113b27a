"""First steps, birthdays, likes, and names that pass for a leader's."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from engagement.errors import Refusal
from engagement.members import rules

# ---------------------------------------------------------------- first steps


def test_steps_are_proposed_in_order_and_may_be_done_in_any() -> None:
    assert rules.next_step(0) == "checkin"
    after = rules.with_step(0, "points")
    assert (rules.done_steps(after), rules.next_step(after)) == (["points"], "checkin")
    for step in rules.STEPS:
        after = rules.with_step(after, step)
    assert after == rules.ALL_STEPS
    assert rules.next_step(after) == ""


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, (10, 10)),
        ({"members": "x"}, (10, 10)),
        ({"members": {"onboarding_points": 0, "birthday_points": 30}}, (0, 30)),
        ({"members": {"onboarding_points": True, "birthday_points": -1, "other": 5}}, (10, 10)),
        ({"members": {"onboarding_points": 1001, "birthday_points": "9"}}, (10, 10)),
    ],
)
def test_gifts_of_a_group(settings: dict[str, object], expected: tuple[int, int]) -> None:
    gifts = rules.Gifts.of(settings)
    assert (gifts.onboarding_points, gifts.birthday_points) == expected


# ---------------------------------------------------------------- birthdays


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5-20", (5, 20)),
        ("5月20日", (5, 20)),
        (" ５－２０ ", (5, 20)),
        ("5.20", (5, 20)),
        ("05/02", (5, 2)),
        ("5月20号", (5, 20)),
        ("五月二十", (5, 20)),
        ("十月初", None),
        ("十二月三十一号", (12, 31)),
        ("十月十日", (10, 10)),
        ("1958年5月20日", (5, 20)),
        ("1958-5-20", (5, 20)),
        ("2-29", (2, 29)),
        ("2-30", None),
        ("13-1", None),
        ("0-5", None),
        ("5-0", None),
        ("4-31", None),
        ("一十月", None),
        ("十十月十", None),
        ("五六月十", None),
        ("五月三十十", None),
        ("五月十二三", None),
        ("腊月初八", None),
        ("520", None),
        ("", None),
        ("明天", None),
        ("5-20-1958", None),
    ],
)
def test_a_birthday_is_a_month_and_a_day(text: str, expected: tuple[int, int] | None) -> None:
    if expected is not None:
        assert rules.read_birthday(text) == expected
        return
    with pytest.raises(Refusal, match=r"members\.birthday_how"):
        rules.read_birthday(text)


def test_who_was_born_on_the_29th_is_greeted_every_year() -> None:
    assert rules.greeted_on(date(2027, 2, 28)) == [(2, 28), (2, 29)]
    assert rules.greeted_on(date(2028, 2, 28)) == [(2, 28)]
    assert rules.greeted_on(date(2028, 2, 29)) == [(2, 29)]
    days = [day for n in range(365) for day in rules.greeted_on(date(2027, 1, 1) + timedelta(days=n))]
    assert len(days) == len(set(days)) == 366


def test_silence_begins_after_two_weeks() -> None:
    assert rules.silent_before(date(2026, 12, 15)) == date(2026, 12, 1)


def test_likes_are_asked_one_kind_after_the_other() -> None:
    kinds = list(rules.WISHES)
    assert [rules.following(kind) for kind in kinds] == [*kinds[1:], ""]


# ---------------------------------------------------------------- names

LEADERS = ("周团长", "王姐", "李阿姨", "陈师傅", "小美妈妈", "Anna", "Lily姐", "301张哥", "花姐团购", "老刘")
PASS_FOR = {
    "周团长": (
        "周团长",
        "周團長",
        "周 团 长",
        "周\u200b团长",
        "周团长。",
        "★周团长★",
        "周团长官方",
        "官方周团长",
        "周团长（小号）",
        "周团长客服",
        "周团长本人",
        "周团长2",
        "周团长 工作号",
        "州团长",
        "洲团长",
        "周团镸",
        "周团长🌸",
    ),
    "王姐": ("王姐", "王 姐", "王姐客服", "王姐小号", "王姐1", "王姐\u2060", "王姐(新号)"),
    "李阿姨": ("李阿姨", "李阿姨官方", "李啊姨", "李阿姨Official", "李阿咦"),
    "陈师傅": ("陈师傅", "陈师付", "陈师父", "陈 师 傅"),
    "小美妈妈": ("小美妈妈", "小美妈妈通知", "小镁妈妈", "小美妈妈３"),
    "Anna": ("anna", "ANNA", "Аnna", "Ａｎｎａ", "Anna_official", "Ánna", "αnna"),
    "Lily姐": ("lily姐", "Li1y姐", "Liⅼy姐", "Lily姐VIP"),
    "301张哥": ("301张哥", "３０１张哥", "3O1张哥", "30l张哥", "301 张哥"),
    "花姐团购": ("花姐团购", "花姐團购", "花姐团购客服", "花姐团够"),
    "老刘": ("老刘", "老刘助理", "老 刘", "老刘88"),
}
ORDINARY = (
    *(
        "王哥",
        "王姨",
        "王阿姨",
        "小王",
        "王芳",
        "汪姐",
        "姐",
        "周姐",
        "周老师",
        "小周",
        "周周",
        "团子",
        "长乐",
        "周日团",
    ),
    *("李叔", "李姐", "阿姨", "李奶奶", "黎阿姨", "小李", "李明", "李阿婆", "刘阿姨", "陈叔", "陈姐", "师傅", "程师傅"),
    *(
        "沈师傅",
        "陈老师",
        "小美",
        "小美爸爸",
        "小梅妈妈的店",
        "小满妈妈",
        "妞妞妈妈",
        "小雨妈妈",
        "安娜",
        "Ana",
        "Hanna",
    ),
    *("Annie", "Joanna", "Lucy姐", "Lily", "Lila姐", "Lilly姐", "302张哥", "301李哥", "张哥", "303张姐", "301", "花花"),
    *("花姐", "红姐团购", "兰姐团购", "团购小助手王", "老李", "老柳", "老六", "大刘", "刘老", "刘叔", "老牛", "老王"),
    *(
        "阳光",
        "晴天",
        "平安是福",
        "静水流深",
        "岁月静好",
        "A水电维修",
        "快乐一家",
        "好运来",
        "一帆风顺",
        "向日葵",
        "荷花",
    ),
    *(
        "3号楼张姐",
        "5栋小赵",
        "12-301",
        "孙大圣",
        "开心果",
        "豆豆",
        "豆豆妈",
        "糖糖爸爸",
        "乐乐奶奶",
        "天天姥姥",
        "外婆",
    ),
    *(
        "垚垚",
        "燚",
        "𠮷野家",
        "🌸",
        "...",
        "ᠠ",
        "Tom",
        "Jack Ma",
        "김민수",
        "さくら",
        "Иван",
        "محمد",
        "小客服店主",
        "正版人生",
    ),
    *(
        "赵团",
        "团长夫人",
        "团长家属",
        "我爱团长",
        "副团长小陈",
        "周末团建",
        "周转",
        "微信用户",
        "本人已睡",
        "通知我一声",
    ),
)


@pytest.mark.parametrize("leader", LEADERS)
def test_names_that_pass_for_a_leader(leader: str) -> None:
    assert [name for name in PASS_FOR[leader] if not rules.passes_for(name, leader)] == []


def test_ordinary_names_raise_no_alarm() -> None:
    """Measured: every ordinary name against every leader."""
    alarms = [(name, leader) for name in ORDINARY for leader in LEADERS if rules.passes_for(name, leader)]
    roles = [name for name in ORDINARY if rules.claims_a_role(name)]
    assert len(ORDINARY) * len(LEADERS) > 1000
    assert alarms == []
    assert roles == []


def test_neighbours_called_as_neighbours_are_raise_no_alarm() -> None:
    """Measured: 360 names of surname and title, each against each."""
    surnames = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗汪章武沈程于余俞柳方"
    titles = ("姐", "哥", "阿姨", "叔叔", "老师", "师傅", "奶奶", "爷爷", "大姐", "大哥", "妈妈", "嫂子")
    names = [surname + title for surname in surnames for title in titles]
    alarms = [(one, other) for one in names for other in names if one != other and rules.passes_for(one, other)]
    assert len(names) == 360
    assert alarms == []


def test_two_people_are_two_people() -> None:
    for one, other in (
        ("王姐", "王哥"),
        ("张阿姨", "章阿姨"),
        ("李姐01", "李姐02"),
        ("吴老师", "武老师"),
        ("小红", "小虹"),
    ):
        assert not rules.passes_for(one, other)
        assert not rules.passes_for(other, one)


def test_a_name_without_letters_passes_for_nobody() -> None:
    assert not rules.passes_for("🌸", "周团长")
    assert not rules.passes_for("周团长", "🌸")
    assert not rules.passes_for("", "")
    assert not rules.claims_a_role("🌸")


@pytest.mark.parametrize(
    "name", ["团长", "群主", "团 长", "官方团长", "本群团长", "群管理员", "团长本人", "團長", "团团"]
)
def test_a_name_that_is_only_a_role(name: str) -> None:
    assert rules.claims_a_role(name)
