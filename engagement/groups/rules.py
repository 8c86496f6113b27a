"""Reading what a leader types about the group: facts, quiet hours, switches. Pure."""

from __future__ import annotations

import re
import unicodedata
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engagement.errors import Refusal
from engagement.kernel import one_line, row_id, simplified
from engagement.wording import gives_up

FACTS = {  # zh: what leaders type
    "提货点": "pickup_place",
    "提货地点": "pickup_place",
    "自提点": "pickup_place",
    "提货时间": "pickup_hours",
    "取货时间": "pickup_hours",
    "送货日": "delivery_day",
    "到货日": "delivery_day",
    "到货时间": "delivery_day",
    "截单时间": "order_cutoff",
    "截单": "order_cutoff",
    "热线": "hotline",
    "电话": "hotline",
    "客服电话": "hotline",
    "团长称呼": "leader_name",
    "团长": "leader_name",
    "售后时限": "after_sale_time",
    "售后时间": "after_sale_time",
    "坏果包赔": "bad_fruit",
    "坏果": "bad_fruit",
    "7天无理由": "no_reason",
    "七天无理由": "no_reason",
}
"""What a leader types → the fact's key; the first word of a key is the one that is shown."""
FACT_MOST = 80
_MARKED = 100
"""Lower numbers in a question's subject are ready answers."""
_DAY = 24 * 60
_QUIET_LONG = 14 * 60
"""Longer quiet hours are asked about first."""
ACKS = ("on", "summary", "off")
"""Routine check-ins: a reaction each, one edited summary a day, words. In the order of the button under 设置."""
NEEDED = ("pickup_place", "pickup_hours")
"""Facts that a new group is asked for first: neighbours ask for them every day."""
USEFUL = frozenset({"after_sale_time", "bad_fruit", "no_reason"})
"""Facts without which an answer is still whole: nobody is told that they are missing."""
ZONES = {  # zh: what leaders type
    "北京时间": "Asia/Shanghai",
    "新疆时间": "Asia/Urumqi",
    "香港时间": "Asia/Hong_Kong",
    "台北时间": "Asia/Taipei",
    "新加坡时间": "Asia/Singapore",
    "东京时间": "Asia/Tokyo",
}
"""What a leader types for a time zone; any IANA name does too."""
_AFTER_WORD = re.compile(r"[\s:]+")
_NAMED = re.compile(rf"(?:^|[\s,，;；。、])(?P<word>{'|'.join(sorted(FACTS, key=len, reverse=True))})\s*:")
_WHO = "(?:我们?|咱们?|大家|群里)"  # zh: whose fact it is
_FETCH = "(?:提货|取货|自提|拿货)"  # zh: what the fact is about
_OFTEN = "(?:就|一般|都|也|现在)*"  # zh: between subject and verb
_TALKED = {
    "pickup_place": re.compile(
        rf"(?:(?:{_WHO}?的?(?:{_FETCH}(?:点|处|地点|地址|的?地方|位置)?|地址|地点|位置)|{_WHO}){_OFTEN}(?:是在|[是在为])"
        rf"|(?:{_WHO}?的?{_FETCH}?(?:点|处|地点|地址|的?地方|位置)?)?{_OFTEN}(?:是在|定在|设在|放在|改到|改成)"
        rf"|{_OFTEN}[是在](?=\s*(?:\d|[东南西北])))\s*:?\s*(?=..)"
    ),
    "pickup_hours": re.compile(
        rf"(?:(?:{_WHO}?的?(?:{_FETCH}(?:的?时间)?|时间)|{_WHO}){_OFTEN}(?:是在|[是在为])"
        rf"|{_WHO}?的?{_FETCH}?(?:的?时间)?{_OFTEN}(?:是在|定在|改到|改成)"
        rf"|{_OFTEN}[是在](?=\s*(?:\d|早|晚|上午|下午)))\s*:?\s*(?=..)"
    ),
}
"""Key → the words that lead up to a value in a sentence, 「提货点是东门快递柜」; without a subject 是 and 为 begin a name."""
_CLOCK = re.compile(
    r"(?P<part>凌晨|清晨|早上|早晨|早|上午|中午|下午|傍晚|晚上|夜里|半夜|晚|夜)?\s*"
    r"(?P<hour>\d{1,2}|[一二三四五六七八九十两]{1,3})(?:\s*:\s*(?P<minute>\d{2})|\s*点(?P<half>半)?)?"
)
_BETWEEN = re.compile(r"\s*(?:-|到|至|~)\s*")
_NO_QUIET = re.compile(r"关|关闭|关掉|无|没有|取消|不要|不设|不用")
_AFTERNOON, _EVENING, _NOON = {"下午", "傍晚"}, {"晚上", "夜里", "半夜", "晚", "夜"}, "中午"  # zh: parts of the day
_DIGITS = {"一": 1, "二": 2, "两": 2, "三": 3, "四": 4, "五": 5, "六": 6, "七": 7, "八": 8, "九": 9}  # zh: numerals
_TEN = "十"  # zh: numeral


def shown_facts() -> dict[str, str]:
    """Return key → the word that is shown for it."""
    shown: dict[str, str] = {}
    for word, key in FACTS.items():
        shown.setdefault(key, word)
    return shown


def read_fact(text: str) -> tuple[str, str]:
    """Read 「提货点 东门快递柜」 as (key, value); an empty value is not a value.

    Raises:
        Refusal: ``groups.fact_how`` when the name is unknown or nothing follows.
    """
    word, _, value = _AFTER_WORD.sub(" ", unicodedata.normalize("NFKC", text).strip(), count=1).partition(" ")
    key = FACTS.get(simplified(word))
    value = one_line(value, FACT_MOST)
    if key is None or not value:
        raise Refusal("groups.fact_how")
    return key, value


def read_facts(text: str) -> list[tuple[str, str]]:
    """Read 「提货点：西门岗亭 提货时间：17-20」 as both facts, and 「提货点 东门快递柜」 as the one.

    Raises:
        Refusal: as :func:`read_fact`.
    """
    folded = unicodedata.normalize("NFKC", text).strip()
    starts = [found.start("word") for found in _NAMED.finditer(simplified(folded))]
    if len(starts) < 2 or starts[0]:
        return [read_fact(text)]
    return [
        read_fact(folded[first:last].strip(" ,，;；。、"))
        for first, last in zip(starts, [*starts[1:], None], strict=True)
    ]


def named_fact(text: str) -> tuple[str, str] | None:
    """Read an answer that says itself which fact it is, 「热线 8555 0000」; None when it does not."""
    try:
        return read_fact(text)
    except Refusal:
        return None


def read_span(text: str) -> tuple[int, int]:
    """Read 「22:00-7:00」 or 「晚上十点到早上七点」 as minutes [from, to) of the local day; 「关」 is [0, 0), which is never.

    Raises:
        Refusal: ``groups.quiet_how``; also for a span that ends where it begins, which could mean all day or never.
    """
    folded = unicodedata.normalize("NFKC", text).strip().replace("—", "-").replace("–", "-")
    if _NO_QUIET.fullmatch(simplified(folded)):
        return 0, 0
    ends = [_minute(word) for word in _BETWEEN.split(simplified(folded))]
    if len(ends) != 2 or ends[0] is None or ends[1] is None or ends[0] % _DAY == ends[1] % _DAY:
        raise Refusal("groups.quiet_how")
    return ends[0] % _DAY, ends[1] % _DAY


def doubted_span(start: int, end: int) -> tuple[int, int] | None:
    """Return what was rather meant with hours so long that nothing is said all day: 9点到8点 is 21:00 to 8:00.

    Returns:
        The span itself when nothing shorter can be meant; None when it is of an ordinary length.
    """
    if (end - start) % _DAY <= _QUIET_LONG:
        return None
    later = (start + _DAY // 2) % _DAY
    return (later, end) if start < _DAY // 2 and 0 < (end - later) % _DAY <= _QUIET_LONG else (start, end)


def _minute(word: str) -> int | None:
    """Read 「22:00」, 「晚上10点半」 or 「十点」 as a minute in [0, 1440]; None when it is no time of the day."""
    match = _CLOCK.fullmatch(word)
    if match is None:
        return None
    part, hour = match["part"] or "", _hour(match["hour"])
    if (part in _AFTERNOON and hour < 12) or (part in _EVENING and 5 <= hour < 12) or (part == _NOON and hour < 3):
        hour += 12
    elif part in _EVENING and hour == 12:
        hour = 24
    minute = 30 if match["half"] else int(match["minute"] or 0)
    return hour * 60 + minute if minute < 60 and hour * 60 + minute <= _DAY else None


def _hour(word: str) -> int:
    if word.isdecimal():
        return int(word)
    tens, ten, ones = word.rpartition(_TEN)
    return (_DIGITS.get(tens, 1) * 10 if ten else 0) + _DIGITS.get(ones, 0)


_TIMED = frozenset({"pickup_hours", "order_cutoff"})
_HAS_TIME = re.compile(
    r"\d|[一二三四五六七八九十两]\s*点|点钟|小时|全天|整天|随时|凌晨|清晨|早|上午|中午|午后|下午|傍晚|晚|夜|天黑|下班|饭后|通知|送到|到货"
)
_HAS_LENGTH = re.compile(
    r"\d|[一二三四五六七八九十两半]\s*(?:个?小时|天|日|周|星期)|当[天日场面]|马上|立刻|及时|尽快|小时|随时"
)
_HAS_DAY = re.compile(r"\d|周|星期|礼拜|每|天|日|号|次|隔|今|明|后|早|晚|上午|下午|节|通知")
_ONLY_TIME = re.compile(r"[\d:\s~到至,、点时分半-]*\d[\d:\s~到至,、点时分半-]*")
_CLOCKS = re.compile(r"(\d+|[一二三四五六七八九十两]+)\s*(?::\s*(\d+)|点(?:\s*(\d+)\s*分)?)")
_PHONE_LEAST = 5


def fault(key: str, value: str) -> str:
    """Say why a value cannot be meant for a fact: ``odd`` (there is no such hour), ``unlike`` (it does not look like one).

    A leader who means it says it again; an hour that does not exist is never kept.
    """
    folded = unicodedata.normalize("NFKC", simplified(value)).replace("—", "-").replace("–", "-")
    if key in _TIMED and any(not _exists(*one.groups()) for one in _CLOCKS.finditer(folded)):
        return "odd"
    fits = {
        "pickup_place": not _ONLY_TIME.fullmatch(folded),
        "pickup_hours": bool(_HAS_TIME.search(folded)),
        "order_cutoff": bool(_HAS_TIME.search(folded)),
        "delivery_day": bool(_HAS_DAY.search(folded)),
        "hotline": sum(char.isdigit() for char in folded) >= _PHONE_LEAST,
        "after_sale_time": bool(_HAS_LENGTH.search(folded)),
    }
    return "" if clears(value) or fits.get(key, True) else "unlike"


def _exists(hour: str, minute: str | None, minute_after: str | None) -> bool:
    number = int(hour[:4]) if hour.isdecimal() else _hour(hour)
    return number <= 24 and int((minute or minute_after or "0")[:4]) < 60


def next_acks(style: str) -> str:
    """Return what the button under 设置 switches to."""
    return ACKS[(ACKS.index(style) + 1) % len(ACKS)]


def clock_time(minute: int) -> str:
    """Show a local minute as HH:MM."""
    return f"{minute // 60:02d}:{minute % 60:02d}"


# ---------------------------------------------------------------- the guided dialogue


ALL, MISSING, FIRST, ONE = "all", "missing", "first", "one"
"""Ways through the questions: every one, those without an answer, what a new group needs first, and only this one."""
_SKIPS = re.compile(r"跳过|下一个|下一项|下一步|略过|不用填|过")
_STOPS = re.compile(r"停|停止|先停|先到这里?|以后再说|等会儿?|结束|够了|回头再填")
_CLEARS = re.compile(r"无|没有|暂无|清空|删除|删掉|去掉|不填")
_ASKS = re.compile(
    r"[?\uff1f]\s*$|[吗么呢谁]\W*$|^(?:今天|现在|群里|这周|最近|都|还)*(?:有)?(?:谁|哪些人|多少|几个)|(?:多少|几个)(?:人|邻居|位)|干嘛|干啥|怎么|为什么|请问|什么意思|啥意思"
)
_COURTESY = re.compile(
    r"(?:好的?|嗯+|收到|知道了|明白了?|谢谢|多谢|辛苦了?|你好|您好|在吗|ok|hi|哦|行)+", re.IGNORECASE
)


def asked_keys() -> tuple[str, ...]:
    """Return what the dialogue asks for, in its order."""
    return (*shown_facts(), "quiet", "zone")


@dataclass(frozen=True, slots=True)
class Ask:
    """A question of the dialogue: of which group, for what (empty: none, it is over), on which way."""

    group_id: int
    key: str = ""
    way: str = MISSING
    choice: int = 0

    def reference(self, choice: int = 0) -> str:
        """Write it into a button or a subject."""
        return f"{self.group_id}:{self.key}:{self.way}" + (f":{choice}" if choice else "")


def read_ask(reference: str) -> Ask | None:
    """Read what :meth:`Ask.reference` wrote; None for anything else."""
    group, key, way, choice, *more = (*reference.split(":"), "", "", "", "")[:5]
    known = way in (ALL, MISSING, FIRST, ONE) and (not key or key in asked_keys())
    if not known or any(more) or not row_id(group) or (choice and not row_id(choice)):
        return None
    return Ask(row_id(group), key, way, row_id(choice))


def next_key(facts: Mapping[str, str], way: str, after: str = "") -> str:
    """Return what is asked next on a way, after a key (empty: from the beginning); empty when that was all."""
    if way == ONE:
        return ""
    keys = asked_keys()
    coming = keys[keys.index(after) + 1 :] if after else keys
    if way == ALL:
        return coming[0] if coming else ""
    wanted = NEEDED if way == FIRST else tuple(shown_facts())
    return next((key for key in coming if key in wanted and key not in facts), "")


def control(text: str) -> str:
    """Say whether an answer steers the dialogue: ``skip``, ``stop``, ``clear``, or nothing (it is a value)."""
    bare = simplified(unicodedata.normalize("NFKC", text)).strip(" 。.!,，！")
    if gives_up(text):
        return "stop"
    for word, pattern in (("skip", _SKIPS), ("stop", _STOPS), ("clear", _CLEARS)):
        if pattern.fullmatch(bare):
            return word
    return ""


def is_no_value(text: str) -> bool:
    """Say whether words that follow a question of the dialogue are no answer to it: a question, thanks, nothing."""
    bare = one_line(unicodedata.normalize("NFKC", text), FACT_MOST).strip(" 。.!,，！~")
    return not bare or bool(_ASKS.search(bare)) or bool(_COURTESY.fullmatch(bare))


def read_zone(text: str) -> str:
    """Read 「北京时间」 or an IANA name; a name that does not exist comes back as it is."""
    folded = unicodedata.normalize("NFKC", text).strip()
    return ZONES.get(simplified(folded), folded)


def zone_name(zone: str) -> str:
    """Return how a zone is called, or its IANA name."""
    return next((word for word, name in ZONES.items() if name == zone), zone)


def value_of(text: str) -> str:
    """Read a value as it was typed, on one line."""
    return one_line(text, FACT_MOST)


def marked(text: str) -> int:
    """Return a number for words, by which they are known again when they are said a second time."""
    return zlib.crc32(simplified(value_of(text)).encode()) + _MARKED


def without_talk(key: str, value: str) -> str:
    """Take off what a sentence says around a fact: 「我们在5栋楼下」 is 5栋楼下."""
    talked = _TALKED.get(key)
    found = talked.match(value) if talked is not None else None
    return value[found.end() :] if found is not None else value


def clears(value: str) -> bool:
    """Say whether a value means that there is none."""
    return bool(_CLEARS.fullmatch(value))


_TOGETHER = {"quiet": ("quiet_from", "quiet_to"), "acks": ("quiet_acks",), "zone": ("zone",)}
"""Settings beside the facts: what is called one, and its columns."""


def back_from(
    before: Mapping[str, Any], copied: Mapping[str, Any], now: Mapping[str, Any]
) -> tuple[dict[str, object], list[str]]:
    """Return which columns go back to what stood before a copy, and what was changed since and is left alone.

    Args:
        before, copied, now: the columns as they stood, as the copy left them, and as they are; ``facts`` is a mapping.

    Returns:
        The columns to write; keys of facts, ``quiet``, ``acks`` and ``zone`` that somebody has changed since.
    """
    facts, kept = dict(now["facts"]), []
    for key in dict.fromkeys((*shown_facts(), *before["facts"], *copied["facts"])):
        stood, put, is_now = (one["facts"].get(key, "") for one in (before, copied, now))
        if is_now != put:
            kept += [key] if is_now != stood else []
        elif stood:
            facts[key] = stood
        else:
            facts.pop(key, None)
    columns: dict[str, object] = {"facts": facts}
    for name, parts in _TOGETHER.items():
        if all(now[part] == copied[part] for part in parts):
            columns |= {part: before[part] for part in parts}
        elif any(now[part] != before[part] for part in parts):
            kept.append(name)
    return columns, kept
