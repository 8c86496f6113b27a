"""The bank of daily topics and the twelve month themes: shape, length, wording, and enough of them on any day."""

from __future__ import annotations

import re
import string
import tomllib
from itertools import combinations, pairwise, product
from pathlib import Path
from typing import Any

import pytest

from tests.each import each

PROMPTS = Path(__file__).resolve().parents[2] / "prompts"

SEASONS = {
    "spring": {3, 4, 5},
    "summer": {6, 7, 8},
    "autumn": {9, 10, 11},
    "winter": {12, 1, 2},
}
TOPIC_FILES = {
    "life", "kitchen", "neighbours", "family", "weekend", "festival",
    "season_spring", "season_summer", "season_autumn", "season_winter",
    "parents", "elders", "workers", "newcomers",
}  # fmt: skip
FESTIVALS = {
    "yuandan", "laba", "xiaonian", "chuxi", "chunjie", "yuanxiao", "longtaitou", "funvjie", "zhishujie", "qingming",
    "laodongjie", "muqinjie", "ertongjie", "duanwu", "fuqinjie", "qixi", "zhongqiu", "guoqing", "chongyang", "dongzhi",
}  # fmt: skip
# Qingming and the winter solstice are solar terms too, and stand above.
SOLAR_TERMS = {
    "lichun", "yushui", "jingzhe", "chunfen", "guyu", "lixia", "xiaoman", "mangzhong", "xiazhi", "xiaoshu", "dashu",
    "liqiu", "chushu", "bailu", "qiufen", "hanlu", "shuangjiang", "lidong", "xiaoxue", "daxue", "xiaohan", "dahan",
}  # fmt: skip
TOPIC_KEYS = {"id", "question", "hint", "seasons", "months", "weekdays", "festival", "groups"}
COMMANDS = {"签到", "积分", "积分明细", "排行榜", "今日话题", "话题", "本月主题", "挑战", "帮助"}
RULE_PLACEHOLDERS = {"group", "leader", "month_name", "target", "reward_points"}
CLOSING_PLACEHOLDERS = RULE_PLACEHOLDERS | {"participants", "checkins", "answers", "winners", "completed"}

# Superlatives of the advertising law, goods and draws that nobody promised, health claims, religion, private matters,
# and the voice of a shop.
BANNED = re.compile(
    "最佳|最高级|国家级|顶级|极品|独家|全网|史上|销冠|第一(?![次天周口])|秒杀|抢购|特价|优惠|折扣|包邮|限时|下单|优选|爆款"
    "|礼盒|礼品|奖品|大奖|抽奖|红包|优惠券|免费|治疗|疗效|养生|降压|排毒|减肥|祛湿|补气|菩萨|佛|上帝|烧香"
    "|工资|收入|多少钱|存款|身份证|门牌|几号楼|几单元|住哪|几岁|哪个学校|哪个班|班主任|亲们|小伙伴|宝子|家人们"
    "|小名|没人在家|备用钥匙|血压|血糖|吃药|生病|住院"
)
EMOJI = re.compile("[\U0001f300-\U0001faff\u2600-\u27bf\u2b50\u2b55]")


def load_topics() -> list[dict[str, Any]]:
    """Every topic of every file, in the order of the files' names."""
    return [
        topic
        for path in sorted((PROMPTS / "topics").glob("*.toml"))
        for topic in tomllib.loads(path.read_text(encoding="utf-8"))["topic"]
    ]


def load_months() -> list[dict[str, Any]]:
    """The month files, in the order of their names."""
    return [
        tomllib.loads(path.read_text(encoding="utf-8")) for path in sorted((PROMPTS / "calendar").glob("month_*.toml"))
    ]


TOPICS = load_topics()
MONTHS = load_months()
every_topic = each(TOPICS, lambda topic: str(topic["id"]))


def eligible(topic: dict[str, Any], month: int, weekday: int) -> bool:
    """Whether a topic may be asked on an ordinary day; a festival's topic waits for its day."""
    return (
        "festival" not in topic
        and "groups" not in topic
        and month in topic.get("months", range(1, 13))
        and weekday in topic.get("weekdays", range(7))
        and any(month in SEASONS[season] for season in topic.get("seasons", SEASONS))
    )


def faults_of_wording(text: str) -> list[str]:
    """What is wrong with a text whoever reads it: banned words, emoji, half-width marks, commands that do not exist."""
    faults = [f"banned: {word}" for word in BANNED.findall(text)]
    if len(EMOJI.findall(text)) > 1:
        faults.append("more than one emoji")
    faults += [f"half-width mark: {mark}" for mark in re.findall(r"(?<=[\u4e00-\u9fff])[,.!?:;()]", text)]
    faults += [f"no such command: {name}" for name in re.findall("发「(.+?)」", text) if name not in COMMANDS]
    if text != text.strip():
        faults.append("blank at the edge")
    return faults


def placeholders(text: str) -> set[str]:
    """The names between braces."""
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def likeness(one: str, other: str) -> float:
    """Share of two-character pieces that two questions have in common, 0 to 1 inclusive."""
    pieces = [{text[i : i + 2] for i in range(len(text) - 1)} for text in (one, other)]
    return len(pieces[0] & pieces[1]) / len(pieces[0] | pieces[1])


def texts_of(month: dict[str, Any]) -> list[str]:
    """Every text of a month that somebody reads."""
    challenge = month["challenge"]
    beats = [beat[key] for beat in month["beat"] for key in ("title", "text")]
    return [
        *(month[key] for key in ("name", "slogan", "opening", "closing")),
        *beats,
        *(challenge[key] for key in ("name", "rule", "goal_text")),
    ]


# ---------------------------------------------------------------- topics


def test_the_bank_is_large_and_its_files_are_known() -> None:
    assert {path.stem for path in (PROMPTS / "topics").glob("*.toml")} == TOPIC_FILES
    assert len(TOPICS) >= 365


def test_ids_are_unique_and_begin_with_their_file() -> None:
    ids = [topic["id"] for topic in TOPICS]
    assert len(ids) == len(set(ids))
    for path in (PROMPTS / "topics").glob("*.toml"):
        stem = path.stem.removeprefix("season_")
        for topic in tomllib.loads(path.read_text(encoding="utf-8"))["topic"]:
            assert re.fullmatch(rf"{stem}\.[a-z][a-z_]*", topic["id"]), topic["id"]


@every_topic
def test_a_topic_is_one_short_question(topic: dict[str, Any]) -> None:
    question = topic["question"]
    assert topic.keys() <= TOPIC_KEYS
    assert question.endswith("？")
    assert question.count("？") <= 2
    assert 6 <= len(question) <= 40
    assert 1 <= len(topic.get("hint", "。")) <= 20
    assert not faults_of_wording(question) + faults_of_wording(topic.get("hint", ""))
    assert not placeholders(question + topic.get("hint", ""))


@every_topic
def test_a_topic_can_come_up(topic: dict[str, Any]) -> None:
    assert set(topic.get("seasons", [])) <= SEASONS.keys()
    assert set(topic.get("months", [])) <= set(range(1, 13))
    assert set(topic.get("weekdays", [])) <= set(range(7))
    if "groups" in topic:
        assert topic["groups"] == [topic["id"].partition(".")[0]]
        assert not topic.keys() & {"seasons", "months", "weekdays", "festival"}
    elif "festival" in topic:
        assert topic["id"] == f"festival.{topic['festival']}"
        assert not topic.keys() & {"seasons", "months", "weekdays"}
    else:
        assert any(eligible(topic, month, weekday) for month, weekday in product(range(1, 13), range(7)))


def test_each_festival_has_its_topic_and_no_unknown_one() -> None:
    days = {topic["festival"] for topic in TOPICS if "festival" in topic}
    assert days >= FESTIVALS
    assert len(days & SOLAR_TERMS) >= 12
    assert days <= FESTIVALS | SOLAR_TERMS


@pytest.mark.parametrize("month", range(1, 13))
def test_any_day_of_any_year_has_topics_enough(month: int) -> None:
    """Only the month and the weekday matter, so 84 pairs stand for all days of all years."""
    for weekday in range(7):
        assert sum(eligible(topic, month, weekday) for topic in TOPICS) >= 10


def test_no_two_questions_are_nearly_the_same() -> None:
    alike = [
        (one["id"], other["id"])
        for one, other in combinations(TOPICS, 2)
        if likeness(one["question"], other["question"]) >= 0.45
    ]
    assert not alike


# ---------------------------------------------------------------- months


def test_twelve_months_with_the_two_given_names() -> None:
    assert [month["month"] for month in MONTHS] == list(range(1, 13))
    names = [month["name"] for month in MONTHS]
    assert names[2] == "春日焕新季"
    assert names[8] == "金秋丰收节"
    assert len(set(names)) == 12
    assert len({month["challenge"]["name"] for month in MONTHS}) == 12


@pytest.mark.parametrize("month", MONTHS, ids=lambda month: f"{month['month']:02d}")
def test_the_texts_of_a_month(month: dict[str, Any]) -> None:
    assert len(month["slogan"]) <= 40
    assert len(month["opening"]) <= 160
    assert len(month["closing"]) <= 160
    assert all(len(beat["text"]) <= 120 and len(beat["title"]) <= 16 for beat in month["beat"])
    assert len(month["challenge"]["goal_text"]) <= 60
    assert [faults for text in texts_of(month) if (faults := faults_of_wording(text))] == []
    for text in texts_of(month):
        assert placeholders(text) <= (CLOSING_PLACEHOLDERS if text == month["closing"] else RULE_PLACEHOLDERS)


@pytest.mark.parametrize("month", MONTHS, ids=lambda month: f"{month['month']:02d}")
def test_a_month_says_its_name_how_to_join_and_what_it_is_worth(month: dict[str, Any]) -> None:
    challenge = month["challenge"]
    # The opening stands under the theme's name already.
    assert month["name"] not in month["opening"]
    assert f"「{month['name']}」" in month["closing"]
    for text in (month["opening"], month["closing"]):
        assert f"「{challenge['name']}」" in text
        assert "{reward_points}" in text
    assert "「签到」" in month["opening"].splitlines()[-1]
    assert "{target}" in month["opening"]
    assert {"target", "reward_points"} <= placeholders(challenge["rule"])
    assert f"{challenge['top']} 位" in challenge["rule"]
    assert CLOSING_PLACEHOLDERS - RULE_PLACEHOLDERS <= placeholders(month["closing"])
    # A line of its own, so that it can be left out when there is nobody to name.
    assert any(re.fullmatch("[^{}]+：{winners}", line) for line in month["closing"].splitlines())


@pytest.mark.parametrize("month", MONTHS, ids=lambda month: f"{month['month']:02d}")
def test_beats_are_weekly_and_the_challenge_can_be_won(month: dict[str, Any]) -> None:
    days = [beat["day"] for beat in month["beat"]]
    assert len(days) == 4
    assert days[0] > 1
    assert days[-1] < 28, "the closing comes on the last day, which may be the 28th"
    assert all(later - earlier >= 6 for earlier, later in pairwise(days))
    challenge = month["challenge"]
    # At most two points a day: half of the shortest month must be enough for whoever does both.
    assert 0 < challenge["target"] <= 28
    assert challenge["reward_points"] > 0
    assert challenge["top"] > 0


# ---------------------------------------------------------------- the checks can fail


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("全小区最佳的一碗汤", "banned: 最佳"),
        ("销量第一的米", "banned: 第一"),
        ("满分送礼盒", "banned: 礼盒"),
        ("热闹🎉开心🎉", "more than one emoji"),
        ("今天吃什么?", "half-width mark: ?"),
        ("想参加就发「报名」", "no such command: 报名"),
        ("走走 ", "blank at the edge"),
    ],
)
def test_bad_wording_is_noticed(text: str, fault: str) -> None:
    assert faults_of_wording(text) == [fault]


def test_plain_wording_is_let_through() -> None:
    assert faults_of_wording("放得最久的是什么？第一次做饭呢？发「签到」🍲") == []


def test_a_turned_question_counts_as_alike() -> None:
    assert likeness("今天早饭吃的什么？", "今天早饭你吃的什么？") >= 0.5
    assert not eligible({"seasons": ["winter"], "months": [12]}, 1, 0)
    assert not eligible({"festival": "dongzhi"}, 12, 0)
