"""What people type about check-ins: topics, days, spans. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any

from engagement.checkin import rules
from engagement.errors import Refusal
from engagement.kernel import one_line, simplified

LONGEST_NAME = 8
LONGEST_REASON = 12
_HALF_A_YEAR = 183
_ONES = "一二三四五六七八九"  # zh: numbers as people type them
_TEN, _TWO = "十", "两"  # zh: numbers as people type them
ACTS = ("打卡", "签到")  # zh: what people type
_BEFORE = ("", "今天", "今日", "我", "我要", "来", "早")  # zh: what people type around a topic
_AFTER = ("", "了", "啦", "喽", "1", "来了", "成功", "完成")  # zh: what people type around a topic
_DAILY_ACTS = ("签到", "打卡", "签到打卡", "打卡签到", "签个到", "打个卡")  # zh: what people type
_DAILY_BEFORE = (  # zh: what people type before it
    *("", "我", "我要", "我来", "来", "我也", "今日", "今天", "每日", "早", "早上好", "早安"),
    *("大家早", "大家早上好", "大家好", "上午好", "中午好", "下午好", "晚上好"),
)
_DAILY_AFTER = (  # zh: what people type behind it
    *("", "了", "啦", "喽", "嘍", "咯", "啊", "呀", "哈", "哦", "嘞", "1", "来了", "来啦", "成功"),
)
_DAILY_OTHERS = (  # zh: what people type instead of it
    *("已签到", "已打卡", "签", "签到签到", "打卡打卡", "签到签到签到", "打卡打卡打卡"),
    *("签道", "签倒", "打咔", "qd", "打卞"),
)
_DAYS_SAID = ("{act}第{day}天", "第{day}天{act}")  # zh: what people type
_NAME = re.compile(rf"[0-9A-Za-z\u3400-\u4dbf\u4e00-\u9fff]{{1,{LONGEST_NAME}}}")
_POINTS = re.compile(r"\+?(\d{1,4})积?分?")
_OPTIONS = {  # zh: what leaders type behind a topic's name
    **dict.fromkeys(("要照片", "照片", "拍照", "传照片", "要图", "晒图", "需要照片"), "photo"),
    **dict.fromkeys(("工作日", "仅工作日", "只工作日", "周一到周五"), "weekdays"),
    **dict.fromkeys(("连签", "算连签", "连续", "连续天数"), "streak"),
    **dict.fromkeys(("可补签", "能补签", "可以补签", "补签"), "makeup"),
}
_OPPOSITES = {  # zh: what leaders type behind a topic's name
    **dict.fromkeys(("不补签", "不能补签", "不可补签", "不可以补签"), "makeup"),
}
_RELATIVE = {  # zh: days as people type them
    "今天": 0,
    "今日": 0,
    "昨天": -1,
    "昨日": -1,
    "前天": -2,
    "大前天": -3,
    "明天": 1,
    "明日": 1,
    "后天": 2,
}
_UNTIL = re.compile(r"(?:到|至)\s*(\S+)")
_WEEKDAY = re.compile(r"([这本下]?)个?(?:周|星期|礼拜)([一二三四五六日天])")
_WEEK = "一二三四五六日"  # zh: numbers as people type them
_DAY = re.compile(r"(?:(\d{4})[-/.年])?(\d{1,2})[-/.月](\d{1,2})[日号]?")
_SPAN = re.compile(r"(\S+?)\s*(?:\s|到|至|~|—+|--+)\s*(\S+)(?:\s+(.*))?", re.DOTALL)
_SEPARATED = re.compile(r"[\s,，、;；]+")
_COUNT = re.compile(r"(\d{1,3}|[一二两三四五六七八九十]{1,3})[天日]?")
_AROUND = " 「」“”\"'#@"  # zh: marks that people type around a name
_NEVER_A_TOPIC = re.compile(
    r"[?？吗么呢]$|怎么|怎样|没|不|忘|补|昨|明天|谁|哪|多少|几|为什么|能|可以|提醒|快|记得|别|大家"
)
_COMMANDS = frozenset(  # zh: names that would hide a command: 打卡日历
    {"日历", "主题", "记录", "项目", "榜", "每日", "今日", "今天", "我的", "新增", "停用"}
)


def numeral(number: int) -> str:
    """Write 1 … 99 as people say it."""
    tens, ones = divmod(number, 10)
    return ("" if tens == 0 else _TEN if tens == 1 else _ONES[tens - 1] + _TEN) + ("" if ones == 0 else _ONES[ones - 1])


def spellings() -> tuple[str, ...]:
    """Return what people type to check in; somebody whose words are not heard loses a streak without knowing why.

    Marks, blanks and emoji are taken out before: 「签到+1」 is heard as 签到1.
    """
    words = [first + act + last for act in _DAILY_ACTS for first in _DAILY_BEFORE for last in _DAILY_AFTER]
    words += _DAILY_OTHERS
    for day in [*range(1, 367), *(numeral(number) for number in range(1, 100))]:
        words += [form.format(act=act, day=day) for act in _DAILY_ACTS[:2] for form in _DAYS_SAID]
    return tuple(dict.fromkeys(words))


DAILY_WORDS = spellings()


def leave_spellings() -> tuple[str, ...]:
    """Return what people type in one for so many days off, and up to which day: 「请假3天」, 「请假到周日」."""
    counts = [f"请假{number}天" for number in (*"1234567", *_ONES[:7], _TWO)]  # zh: what people type
    weekdays = [
        f"{of}{week}{day}"
        for of in ("", "这", "本", "下")  # zh: this, this, next
        for week in ("周", "星期", "礼拜")  # zh: a week's day, as people type it
        for day in _WEEK + "天"  # zh: Sunday, as people type it
    ]
    dates = [(month, day) for month in range(1, 13) for day in range(1, 32)]
    days = [f"{month}月{day}{end}" for month, day in dates for end in "日号"]  # zh: a date, as people type it
    until = (*weekdays, "明天", "后天", *days)  # zh: tomorrow, the day after
    return tuple(dict.fromkeys([*counts, *(f"请假到{one}" for one in until)]))  # zh: what people type


LEAVE_WORDS = leave_spellings()


def topic_spellings(settings: Mapping[str, Any]) -> dict[str, str]:
    """Return what checks in on a group's own topics: spelling → the topic's key. Stopped ones too: who types it is told.

    Args:
        settings: the whole settings of the group.

    Source: F2.
    """
    part = settings.get("checkin")
    found: dict[str, str] = {}
    for topic in rules.topics_of(part) if isinstance(part, dict) else ():
        for act in ACTS:
            for after in _AFTER:
                found[f"{act}{topic.name}{after}"] = topic.key
                for before in _BEFORE:
                    found[f"{before}{topic.name}{act}{after}"] = topic.key
    return found


UNKNOWN_TOPIC = re.compile(rf"(?:打卡|签到)[ :：,，]+(\S{{1,{LONGEST_NAME}}})")
"""「打卡 游泳」 in a group that has topics, but not this one."""


def may_be_topic(name: str) -> bool:
    """Say whether the word behind 打卡 may be meant as a topic, and is no question or talk about checking in."""
    return _NEVER_A_TOPIC.search(simplified(name)) is None


def topic_name(text: str) -> str:
    """Take the act off: 「健身打卡」 and 「打卡 健身」 name 健身."""
    name = simplified(unicodedata.normalize("NFKC", text)).strip(_AROUND)
    for act in ACTS:
        name = name.removeprefix(act).removesuffix(act)
    return name.strip()


def read_topic(text: str, topics: Iterable[rules.Topic]) -> rules.Topic:
    """Read 「健身 3分 要照片 工作日 连签」 as a new topic, or a stopped one that begins again.

    Raises:
        Refusal: ``checkin.topic_how``, ``checkin.topic_name``, ``checkin.topic_points``, ``checkin.topic_there`` or
            ``checkin.topic_many``.
    """
    topics = tuple(topics)
    name, *rest = _SEPARATED.split(simplified(unicodedata.normalize("NFKC", text)).strip())
    name = topic_name(name)
    if not _NAME.fullmatch(name) or not may_be_topic(name) or name in _COMMANDS:
        raise Refusal("checkin.topic_name" if name else "checkin.topic_how", most=LONGEST_NAME)
    points = 2
    options: dict[str, bool] = {}
    for word in rest:
        number = _POINTS.fullmatch(word)
        if number:
            points = int(number.group(1))
        elif word in _OPTIONS:
            options[_OPTIONS[word]] = True
        elif word in _OPPOSITES:
            options[_OPPOSITES[word]] = False
        elif word:
            raise Refusal("checkin.topic_how")
    if points > rules.MOST_TOPIC_POINTS:
        raise Refusal("checkin.topic_points", most=rules.MOST_TOPIC_POINTS)
    known = find(topics, name)
    if known is not None and known.active:
        raise Refusal("checkin.topic_there", topic=known.name)
    if sum(topic.active for topic in topics) >= rules.MOST_TOPICS or (
        known is None and len(topics) >= rules.MOST_TOPICS_EVER
    ):
        raise Refusal("checkin.topic_many", most=rules.MOST_TOPICS)
    return rules.Topic(rules.next_key(topics) if known is None else known.key, name, points, **options)


def find(topics: Iterable[rules.Topic], name: str) -> rules.Topic | None:
    """Find a topic by what people call it."""
    name = name.casefold()
    return next((topic for topic in topics if topic.name.casefold() == name), None)


def read_day(text: str, today: date, *, past: bool, back: int = 0) -> date | None:
    """Read 「昨天」, 「12-03」, 「12月3日」 or 「2026-12-03」; None when it is none of these.

    Args:
        past: a day without its year is the latest one up to today, else the first one from today on.
        back: … or from so many days before today on.
    """
    word = simplified(unicodedata.normalize("NFKC", text)).strip()
    if word in _RELATIVE:
        return today + timedelta(days=_RELATIVE[word])
    match = _DAY.fullmatch(word)
    if match is None:
        return None
    year, month, day = match.groups()
    years = (int(year),) if year else (today.year - 1, today.year, today.year + 1)
    found = [one for one in (_date(of_year, int(month), int(day)) for of_year in years) if one is not None]
    if year:
        return found[0] if found else None
    earliest = today - timedelta(days=back)
    near = [one for one in found if (one <= today if past else one >= earliest)]
    return (max(near) if past else min(near)) if near else None


def read_makeup(text: str, today: date, topics: Iterable[rules.Topic]) -> tuple[rules.Topic | None, date | None]:
    """Read 「健身 昨天」, 「昨天」 or 「健身」 as (topic, day); what is not said is None, as is the plain check-in.

    Raises:
        Refusal: ``checkin.makeup_how``.
    """
    topic: rules.Topic | None = None
    day: date | None = None
    topics = tuple(topics)
    for word in _SEPARATED.split(unicodedata.normalize("NFKC", text).strip()):
        read = read_day(word, today, past=True)
        if read is not None and (today - read).days > _HALF_A_YEAR:
            read = read_day(word, today, past=False) or read  # 「12-31」 in early December is the one to come
        named = find(topics, topic_name(word)) if read is None else None
        if (read is None and named is None) or (read is not None and day is not None) or (named and topic):
            raise Refusal("checkin.makeup_how")
        day, topic = read or day, named or topic
    return topic, day


def _date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def read_freeze(text: str, today: date) -> tuple[date, date, str]:
    """Read 「2027-02-15 2027-02-21 春节」 as (first, last, reason); one day alone is its own end.

    Raises:
        Refusal: ``checkin.freeze_how``.
    """
    folded = unicodedata.normalize("NFKC", text).strip()
    match = _SPAN.fullmatch(folded)
    back = rules.FREEZE_BACK
    first = read_day(match.group(1) if match else folded, today, past=False, back=back)
    if first is None:
        raise Refusal("checkin.freeze_how")
    if match is None:
        return first, first, ""
    reason = match.group(3) or ""
    last = read_day(match.group(2), today, past=False, back=back)
    if last is None:
        last, reason = first, f"{match.group(2)} {reason}"
    if last < first:
        raise Refusal("checkin.freeze_how")
    return first, last, one_line(reason, LONGEST_REASON)


def read_leave(text: str, today: date, start: date | None = None) -> tuple[date, date] | None:
    """Read 「3天」, 「到周日」, 「明天 2天」, 「12-03 12-05」 or 「明天」 as (first, last); None when it is none of these.

    Args:
        start: from when days are counted that come without a date; today when not given.
    """
    folded = simplified(unicodedata.normalize("NFKC", text)).strip()
    count = _read_count(folded)
    if count:
        return start or today, (start or today) + timedelta(days=count - 1)
    until = _UNTIL.fullmatch(folded)
    if until is not None:
        last = read_day(until.group(1), today, past=False) or _weekday(until.group(1), today)
        return (start or today, last) if last is not None and last >= (start or today) else None
    first = read_day(folded, today, past=False)
    if first is not None:
        return first, first
    match = _SPAN.fullmatch(folded)
    if match is None:
        return None
    first = read_day(match.group(1), today, past=False)
    if first is None:
        return None
    count = _read_count(match.group(2))
    last = first + timedelta(days=count - 1) if count else read_day(match.group(2), today, past=False)
    return (first, last) if last is not None and last >= first else None


def _weekday(word: str, today: date) -> date | None:
    """Read 「周日」 as the next one from today on, 「下周一」 as the one of next week; None when it is none."""
    match = _WEEKDAY.fullmatch(word)
    if match is None:
        return None
    number = min((_WEEK + "天").index(match.group(2)), 6)  # zh: Sunday, as people type it
    monday = today - timedelta(days=today.weekday())
    if match.group(1):
        return monday + timedelta(days=number + (7 if match.group(1) == "下" else 0))  # zh: the next
    return today + timedelta(days=(number - today.weekday()) % 7)


def _read_count(word: str) -> int:
    match = _COUNT.fullmatch(word)
    if match is None:
        return 0
    if match.group(1).isdecimal():
        return int(match.group(1))
    if match.group(1) == _TWO:
        return 2
    return next((number for number in range(1, 100) if numeral(number) == match.group(1)), 0)
