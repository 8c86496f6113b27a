"""The ready year: never two things on a day by accident, never a flood or a gap, lawful words, nothing said twice.

Source: F22, F27-F31, F34-F37, F39-F42, F44, F112.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from datetime import date, timedelta
from functools import cache
from itertools import pairwise
from typing import NamedTuple

import pytest

from engagement.calendar import is_holiday, month_end
from engagement.campaigns.rules import year_of
from engagement.moderation import claims as wording
from engagement.registry import FEATURES
from prompts.campaigns import FOLDER, FORMS, PLACEHOLDERS, Line, Pack, packs, read
from prompts.claims import claims
from prompts.packs import Topic, topics
from tests.each import each
from tests.prompts.test_topics_and_calendar import EMOJI, MONTHS, texts_of

YEARS = range(2026, 2031)
DAY = timedelta(days=1)
MOST_A_WEEK = 4
LONGEST_GAP = 7
FESTIVALS = {
    "yuandan", "laba", "xiaonian", "chuxi", "chunjie", "yuanxiao", "funvjie", "qingming", "laodongjie", "muqinjie",
    "duanwu", "ertongjie", "fuqinjie", "qixi", "zhongqiu", "guoqing", "chongyang",
}  # fmt: skip
TERMS = {
    "lichun", "yushui", "jingzhe", "chunfen", "qingming", "guyu", "lixia", "xiaoman", "mangzhong", "xiazhi", "xiaoshu",
    "dashu", "liqiu", "chushu", "bailu", "qiufen", "hanlu", "shuangjiang", "lidong", "xiaoxue", "daxue", "dongzhi",
    "xiaohan", "dahan",
}  # fmt: skip
PACKS = {pack.key: pack for pack in packs()}
COMMANDS = {word for feature in FEATURES for command in feature.commands for word in command.words}

# What only a leader can set, the voice of a shop, and what may be no business of a group.
BANNED = re.compile(
    "优惠|折扣|打折|半价|特价|秒杀|抢购|包邮|限时|红包|优惠券|奖品|大奖|抽奖|免费|赠送|爆款|优选|下单立减"
    "|亲们|亲爱的|小伙伴|宝子|宝宝们|家人们|！|!|养生|祛湿|补气|排毒|菩萨|烧香|下葬"
)
TRADE = re.compile("[订团卖买货单价钱]")
SOMETIMES = PLACEHOLDERS - {"year", "month", "peak", "days_left", "name", "slogan", "group"}
"""Not every group has told these: the line that names one is left out there."""


class Said(NamedTuple):
    """One thing said on a day."""

    day: date
    minute: int
    pack: Pack
    line: Line

    @property
    def moves(self) -> bool:
        """Whether its day is another one each year, so that nobody can keep it apart from everything."""
        return bool(self.line.festival or self.pack.when.festival)


# ---------------------------------------------------------------- the days of a year


@cache
def days(year: int) -> tuple[date, ...]:
    first = date(year, 1, 1)
    return tuple(first + DAY * n for n in range((date(year + 1, 1, 1) - first).days))


@cache
def of_year(year: int) -> tuple[Said, ...]:
    """All that belongs to the campaigns of a year, also where it lies in the year before or after."""
    return tuple(Said(one.day, one.line.minute, pack, one.line) for pack in packs() for one in year_of(pack, year))


@cache
def said(year: int, audience: str) -> tuple[Said, ...]:
    """All that is said in a year, in the order of the days; the late slot and a new leader's week stand apart."""
    found = [
        one
        for near in (year - 1, year, year + 1)
        for one in of_year(near)
        if one.day.year == year and one.pack.audience == audience and not one.pack.night and not one.pack.when.joined
    ]
    return tuple(sorted(found, key=lambda one: one.day))


def theme_days(year: int) -> set[date]:
    beats = {date(year, month["month"], beat["day"]) for month in MONTHS for beat in month["beat"]}
    openings = {date(year, month, 1) for month in range(1, 13)}
    return beats | openings | {month_end(day) for day in openings}


both = pytest.mark.parametrize("audience", ["groups", "leaders"])
every_year = pytest.mark.parametrize("year", YEARS)
every_pack = each(sorted(PACKS))


@every_year
@both
def test_two_things_on_a_day_only_where_a_festival_forces_them_and_then_at_one_hour(year: int, audience: str) -> None:
    together: dict[date, list[Said]] = defaultdict(list)
    for one in said(year, audience):
        together[one.day].append(one)
    for day, things in together.items():
        assert len({one.pack.key for one in things}) == len(things), day
        assert len(things) <= 2, day
        if len(things) == 2:
            assert any(one.moves for one in things), day
            assert len({one.minute for one in things}) == 1, day


@every_year
@both
def test_no_flood(year: int, audience: str) -> None:
    """At most four in any seven days, also over the turn of the year."""
    a_day = Counter(one.day for near in (year, year + 1) for one in said(near, audience))
    for first in days(year):
        assert sum(a_day[first + DAY * n] for n in range(7)) <= MOST_A_WEEK, first


@every_year
@both
def test_no_gap(year: int, audience: str) -> None:
    filled = {one.day for near in (year, year + 1) for one in said(near, audience)}
    if audience == "groups":
        filled |= theme_days(year) | theme_days(year + 1)
    else:
        # A holiday takes its Monday's lesson with it, and is none that anybody misses.
        filled |= {day for near in (year, year + 1) for day in days(near) if day.weekday() == 0 and is_holiday(day)}
    ordered = sorted(filled)
    assert max(later - earlier for earlier, later in pairwise(ordered)).days <= LONGEST_GAP


@every_year
def test_a_group_is_spoken_to_at_most_three_times_a_week_on_average(year: int) -> None:
    assert 100 <= len(said(year, "groups")) <= 156
    assert 52 <= len(said(year, "leaders")) <= 104


@every_pack
def test_the_hours_are_those_of_waking_people(key: str) -> None:
    pack = PACKS[key]
    if pack.night:
        allowed = {(22, 10)}
    elif pack.audience == "leaders":
        allowed = {(9, 10), (9, 40)}
    else:
        allowed = {(10, 0), (10, 30)} | ({(16, 30), (19, 30)} if pack.form == "live" else set())
    assert {divmod(line.minute, 60) for line in pack.lines} <= allowed


# ---------------------------------------------------------------- what there is


def test_every_kind_of_campaign_is_there() -> None:
    count = Counter((pack.form, pack.audience) for pack in packs())
    assert {form for form, _ in count} == set(FORMS) - {"own"}
    assert count["event", "groups"] == 4
    assert count["farm", "groups"] == count["contest", "groups"] == 4
    assert all(count["gala", audience] for audience in ("groups", "leaders"))
    assert [pack.key for pack in packs() if pack.night] == ["night-talk"]


def test_each_festival_and_each_solar_term_has_its_say() -> None:
    assert {pack.when.festival for pack in packs() if pack.form == "festival"} - {""} == FESTIVALS
    terms = PACKS["solar-terms"].lines
    assert sorted(line.festival for line in terms) == sorted(TERMS)
    assert all(line.text.endswith("？") for line in terms)


def test_a_key_is_its_file() -> None:
    assert all(read(path).key == path.stem for path in FOLDER.glob("*.toml"))


@pytest.mark.parametrize(
    ("key", "turns", "beats"),
    [("night-talk", 8, 1), ("member-day", 12, 2), ("live-day", 5, 2)],
)
def test_each_turn_comes_in_a_year_and_says_as_much_as_the_others(key: str, turns: int, beats: int) -> None:
    per_turn = Counter(line.turn for line in PACKS[key].lines)
    assert (len(per_turn), set(per_turn.values())) == (turns, {beats})
    for year in YEARS:
        assert {one.line.turn for one in of_year(year) if one.pack.key == key} == set(per_turn)


def test_each_lesson_comes_in_its_turn_over_the_years_and_none_on_a_holiday() -> None:
    found = [one for year in YEARS for one in of_year(year) if one.pack.key == "weekly-lesson"]
    assert {line.turn for line in PACKS["weekly-lesson"].lines} == set(range(1, 53))
    assert [one.line.turn for one in found] == [(found[0].line.turn - 1 + n) % 52 + 1 for n in range(len(found))]
    assert not [one.day for one in found if is_holiday(one.day)]


def test_a_new_leader_hears_one_thing_on_each_of_seven_days() -> None:
    assert [line.offset for line in PACKS["first-week"].lines] == list(range(1, 8))


def test_events_rise_and_fall_and_carry_pictures() -> None:
    for pack in packs():
        if pack.audience == "groups" and pack.form in {"event", "gala", "farm", "contest"}:
            course = [line.phase for line in sorted(pack.lines, key=lambda line: line.offset)]
            assert course == sorted(course, key=["warm", "peak", "last"].index), pack.key
            assert {"warm", "peak"} <= set(course), pack.key
            assert 1 <= sum(line.poster for line in pack.lines) <= 3, pack.key


def test_the_peak_has_a_second_wording_in_many_campaigns() -> None:
    compared = [line for pack in packs() for line in pack.lines if line.other]
    assert len({pack.key for pack in packs() if any(line.other for line in pack.lines)}) >= 8
    assert all(line.phase == "peak" and line.other != line.text for line in compared)


ORDINARY = {
    "你家", "今天", "今晚", "今早", "什么", "说说", "还是", "老家", "一个", "一年", "家里", "今年", "年前",
}  # fmt: skip
"""Words that two questions may both have and still be two; also those of a day in whose name they are."""
OWN_WORDS = re.compile(
    "元旦|腊八|小年|除夕|过年|春节|元宵节?|妇女节|清明|五一|劳动节|母亲节?|妈妈|父亲节?|爸爸|六一|端午|七夕|中秋|国庆|重阳"
    "|立[春夏秋冬]|雨水|惊蛰|[春秋]分|谷雨|小满|芒种|[夏冬]至|[小大][暑雪寒]|处暑|白露|寒露|霜降"
)


def _words(*said: str) -> set[str]:
    """Two characters in a row, without those that any day's question has."""
    runs = re.findall("[\u4e00-\u9fff]+", OWN_WORDS.sub("，", "，".join(said)))
    return {run[at : at + 2] for run in runs for at in range(len(run) - 1)} - ORDINARY


@each([topic for topic in topics() if topic.festival], lambda topic: topic.id)
def test_the_mornings_topic_and_the_days_push_ask_two_things(topic: Topic) -> None:
    """Both come on a festival's own day, two hours and a half apart: no word of the one is the other's."""
    for pack in packs():
        for line in pack.lines if pack.audience == "groups" else ():
            if (line.festival or pack.when.festival) == topic.festival and not line.offset:
                both = _words(topic.question, topic.hint) & _words(line.title, line.text, line.other)
                assert not both, f"{line.title}: {sorted(both)}"


# ---------------------------------------------------------------- what is said


def wordings(pack: Pack) -> list[str]:
    """Every text of a campaign that somebody reads."""
    lines = [text for line in pack.lines for text in (line.title, line.text, line.other) if text]
    return [pack.name, pack.slogan, *lines]


@every_pack
def test_nothing_is_claimed_promised_or_shouted(key: str) -> None:
    for text in wordings(PACKS[key]):
        assert not wording.find(text, claims()), text
        assert not BANNED.findall(text), text
        assert len(EMOJI.findall(text)) <= 1, text
        assert not re.search(r"(?<=[\u4e00-\u9fff])[,.?:;()]", text), text
        assert text.count("“") == text.count("”"), text


@every_pack
def test_commands_that_are_named_exist(key: str) -> None:
    for text in wordings(PACKS[key]):
        for named in re.findall("「([^」]*)」", text):
            assert named.split()[0] in COMMANDS, named


@every_pack
def test_a_text_holds_without_what_a_group_has_not_told(key: str) -> None:
    for line in PACKS[key].lines:
        assert not re.search(r"\{(?!year)", line.title)
        for text in filter(None, (line.text, line.other)):
            left = [row for row in text.splitlines() if not any(f"{{{name}}}" in row for name in SOMETIMES)]
            assert sum(map(len, left)) >= 20, text
            assert "{days_left}" not in text or line.offset < 0


def test_no_sentence_stands_twice_in_the_year() -> None:
    texts = [text for pack in packs() for text in wordings(pack)[2:]]
    texts += [text for month in MONTHS for text in dict.fromkeys(texts_of(month))]
    own = Counter(
        sentence
        for text in texts
        for sentence in re.split("[。？\n]", text)
        if len(sentence) >= 6 and not re.fullmatch(r"[^{}]+：\{\w+\}", sentence)
    )
    themes = Counter(
        sentence
        for month in MONTHS
        for text in dict.fromkeys(texts_of(month))
        for sentence in re.split("[。？\n]", text)
    )
    assert [sentence for sentence, times in own.items() if times > 1 and times != themes[sentence]] == []


def test_no_trade_on_the_day_of_mourning() -> None:
    (day,) = (line for line in PACKS["festival-qingming"].lines if line.offset == 0)
    assert not TRADE.search(day.title + day.text + day.other)
    for year in YEARS:
        own = next(one.day for one in said(year, "groups") if one.line is day)
        assert [one.pack.key for one in said(year, "groups") if one.day == own] == ["festival-qingming"]


UNCONFIRMED = re.compile(
    r"(?:明天|今天|今晚|明晚)(?:是|的)?直播|直播日|昨晚看|可以订了|开团了|一团开了|陆续到|上周(?:团|买|一起|换|的)|上回的水果|年前买"
    r"|(?:\d+|[一二三四五六七八九十]+)折|优惠|特价|包邮|免费|赠|满\d+减"
)
"""What only a leader knows: whether there is a live show, what is sold, what came, what it costs."""


@pytest.mark.parametrize("key", sorted(key for key, pack in PACKS.items() if pack.audience == "groups"))
def test_no_text_tells_a_group_what_its_leader_has_not_said(key: str) -> None:
    for line in PACKS[key].lines:
        found = UNCONFIRMED.search(f"{line.title}\n{line.text}\n{line.other}")
        assert found is None, (line.title, found)


# ---------------------------------------------------------------- the checks can fail


@pytest.mark.parametrize("text", ["明天是直播日", "今天起可以订了", "上周的米下锅了吗", "全场八折", "东西陆续到"])
def test_an_unconfirmed_claim_is_noticed(text: str) -> None:
    assert UNCONFIRMED.search(text)


@pytest.mark.parametrize("text", ["全场特价", "快来！", "家人们早"])
def test_bad_wording_is_noticed(text: str) -> None:
    assert BANNED.search(text)


def test_what_is_read_is_the_year_as_it_comes() -> None:
    """A known year: Spring Festival on 6 February, and no 立秋, since 七夕 has its day."""
    year = {(one.pack.key, one.line.offset): one.day for one in said(2027, "groups")}
    assert year["festival-chunjie", 0] == date(2027, 2, 6)
    assert year["new-year-goods", -12] == date(2027, 1, 25)
    assert year["neighbour-games", 0] == date(2027, 5, 22)
    assert [one.line.title for one in said(2027, "groups") if one.day == date(2027, 8, 8)] == [
        "七夕，做道他爱的",
        "今天聊聊冻货",
    ]
