"""What staff type about documents, and what a file may be called. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta

from engagement.kernel import one_line

STEM_BYTES = 200
"""UTF-8 bytes of a file's name without its ending: what every file system holds."""
LONGEST = 300
"""Days between two days without a year; beyond it the end was meant to be before the beginning."""
_UNSAFE = re.compile(r'[<>:"|?*\x00-\x1f]')
_TALK = re.compile(
    r"(?:你好|您好|在吗|谢谢|多谢|辛苦了?|好的?|收到|知道了|嗯|哦|行|ok)+(?:你|您|啊|呀|哈|啦|了)*", re.IGNORECASE
)
LINK = re.compile(
    r"(https?://[^\s\u4e00-\u9fff]{3,2000})(?:\s+(只?给\S.{0,60}|发给\S.{0,60}|只用于.{1,60}|范围.{1,60}))?",
    re.IGNORECASE,
)
"""The address of a web page, alone or with whom it is for."""
_ENDING = re.compile(r"\.[A-Za-z0-9]{1,8}$")
_LEADERS = re.compile(r"(?:只?给|发给)?团长(?:看|们|们看)?(?:的|用)?")
_ONLY = re.compile(r"(?:只给|只用于|范围)[ :：]*(\S.{0,60})")
_DAY = re.compile(r"(?:(\d{4})[-/.年])?(\d{1,2})[-/.月](\d{1,2})日?")
_DAY_WITH_YEAR = re.compile(r"\d{4}\D")
_FROM_TO = re.compile(r"(?:从?(?P<first>\S+?))? *(?:到|至|~|—|－) *(?P<last>\S+)")
QUARTER = timedelta(days=90)
"""When a document that was looked through is due again."""
_ALWAYS = re.compile(r"长期|一直|不限|永久|没有期限|取消")
_NO_REVIEW = re.compile(r"(?:取消|不用|不必|不需要?|免|清除|删掉?)(?:再?复?查|提醒|看)?了?")
_TODAY, _TOMORROW = re.compile("今[天日]"), re.compile("明[天日]")
_SINCE = re.compile(r"从?(?P<first>.+?)\s*(?:起|开始)")
_DAYS_ON = re.compile(r"(\d{1,3})(?:天|日)后?")
_MONTHS_ON = re.compile(r"(\d{1,2})个?月后?")
_NUMBERED = re.compile(r"(\d{1,9})[ ,，:：.、]*(.*)", re.DOTALL)
_BEHIND = re.compile(r"[\s#@]*[^\s:：,，#]+[\s:：,，#]+(.*)", re.DOTALL)
_REFERENCE = re.compile(r"\d{1,18}(?:\.\d{1,18}){0,3}")


@dataclass(frozen=True, slots=True)
class Caption:
    """What stands beside a file.

    Attributes:
        leaders: it is for leaders only.
        scope: name of the group that it is for; empty = not said.
    """

    leaders: bool = False
    scope: str = ""


def file_name(raw: str) -> str:
    """Make somebody else's file name one that is only a name: no path, nothing invisible, of bounded length.

    Source: FAULTS D1.
    """
    name = one_line(raw.replace("\\", "/").rpartition("/")[2], 4 * STEM_BYTES)
    name = _UNSAFE.sub("", name).rstrip(" .")
    ending = _ENDING.search(name)
    tail = ending.group(0) if ending else ""
    stem = name[: len(name) - len(tail)].strip(" .")
    while len(stem.encode()) > STEM_BYTES:
        stem = stem[:-1]
    return f"{stem or 'document'}{tail}"


def read_link(text: str) -> tuple[str, str]:
    """Read the address of a web page and whom it is for; two empty texts when it is none."""
    found = LINK.fullmatch(text.strip())
    return (found.group(1), found.group(2) or "") if found else ("", "")


def read_caption(text: str) -> Caption:
    """Read whom a file is for: 「给团长」, 「只给 阳光花园」; other words mean nothing."""
    words = text.strip()
    if _LEADERS.fullmatch(words):
        return Caption(leaders=True)
    only = _ONLY.fullmatch(words)
    if only:
        return Caption(leaders=bool(_LEADERS.fullmatch(only.group(1))), scope=_scope(only.group(1)))
    return Caption()


def _scope(words: str) -> str:
    return "" if _LEADERS.fullmatch(words) else words.strip()


def own_words(text: str) -> str:
    """Return what stands behind the command's word, as it was typed: a command's argument has its marks folded."""
    found = _BEHIND.match(text)
    return found.group(1).strip() if found else ""


def numbered(argument: str) -> tuple[int, str]:
    """Read a document's number and what follows it; 0 when there is none."""
    found = _NUMBERED.fullmatch(argument.strip().removeprefix("#"))
    return (int(found.group(1)), found.group(2).strip()) if found else (0, argument.strip())


def reference(text: str) -> tuple[int, ...]:
    """Read the numbers of a button's reference; empty when it is none of ours."""
    return tuple(int(part) for part in text.split(".")) if _REFERENCE.fullmatch(text) else ()


def read_day(text: str, today: date) -> date | None:
    """Read a day: 11-20, 2026-11-20, 11月20日, 今天, 明天; without a year the next one that comes."""
    words = text.strip()
    if _TODAY.fullmatch(words):
        return today
    if _TOMORROW.fullmatch(words):
        return today + timedelta(days=1)
    found = _DAY.fullmatch(words)
    if found is None:
        return None
    year, month, day = found.group(1), int(found.group(2)), int(found.group(3))
    for tried in (int(year),) if year else (today.year, today.year + 1):
        try:
            one = date(tried, month, day)
        except ValueError:
            continue
        if year or one >= today:
            return one if 2000 <= one.year <= 2999 else None
    return None


@dataclass(frozen=True, slots=True)
class Days:
    """From when to when; None is open."""

    first: date | None
    last: date | None


def read_days(text: str, today: date) -> Days | None:
    """Read from when to when: 「11-20 到 11-30」, 「到 11-30」, 「11-20 起」, 「长期」; None when it is none of these."""
    words = " ".join(text.split())
    if _ALWAYS.fullmatch(words):
        return Days(None, None)
    since = _SINCE.fullmatch(words)
    if since is not None:
        first = read_day(since["first"], today)
        return Days(first, None) if first else None
    found = _FROM_TO.fullmatch(words)
    if found is None:
        return None
    first = read_day(found["first"], today) if found["first"] else None
    last = read_day(found["last"], first or today)
    if last is None or (found["first"] and first is None) or (first is not None and last < first):
        return None
    if first is not None and not _DAY_WITH_YEAR.match(found["last"]) and (last - first).days > LONGEST:
        return None
    return Days(first, last)


def ends_review(text: str) -> bool:
    """Say whether a document need not be looked through again: 「取消」, 「不用了」."""
    return bool(_NO_REVIEW.fullmatch("".join(text.split())))


def read_review(text: str, today: date) -> date | None:
    """Read when to look through something again: a day, 「90 天」, 「3 个月」; None when it is neither."""
    words = "".join(text.split())
    days, months = _DAYS_ON.fullmatch(words), _MONTHS_ON.fullmatch(words)
    if days:
        return today + timedelta(days=int(days.group(1)))
    if months:
        return today + timedelta(days=30 * int(months.group(1)))
    return read_day(words, today)


def number_of(day: date | None) -> int:
    """Write a day as a number for a button, 0 for none."""
    return 0 if day is None else day.year * 10_000 + day.month * 100 + day.day


def day_of(number: int) -> date | None:
    """Read what :func:`number_of` wrote.

    Raises:
        ValueError: it is no day.
    """
    return date(number // 10_000, number // 100 % 100, number % 100) if number else None


def bare(text: str) -> str:
    """Return words without the marks around them."""
    return text.strip(" \u3000。.！!，,~～「」“”【】[]")


def is_talk(text: str) -> bool:
    """Say whether words that follow a question for words are only a greeting or a nod."""
    return bool(_TALK.fullmatch(bare(text)))
