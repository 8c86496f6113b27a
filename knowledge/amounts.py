"""Numbers, times, money and weights in one form, so that 「两斤」, 「2斤」 and 「1kg」 are the same to a comparison.

Only for comparing: what a person reads is never rewritten. Source: F62.
"""

from __future__ import annotations

import re

_DIGITS = {"零": 0, "〇": 0, "一": 1, "二": 2, "两": 2, "俩": 2, "三": 3, "四": 4, "五": 5, "六": 6, "七": 7, "八": 8}
_DIGITS["九"] = 9
_STEPS = {"十": 10, "百": 100, "千": 1000, "万": 10000}
_CN = "零〇一二两三四五六七八九十百千万"
_NUMBER = rf"(?:\d+(?:\.\d+)?|[{_CN}]{{1,7}})"
_PERIOD = "凌晨|清晨|早上|早晨|上午|中午|下午|傍晚|晚上|今晚|夜里|半夜|早|晚"
_LATE = frozenset({"下午", "傍晚", "晚上", "今晚", "晚"})
_AFTER = "半|一刻|三刻"

_CLOCK = re.compile(
    rf"(?P<period>{_PERIOD})?\s*(?:"
    r"(?<![\d.:])(?P<h>[01]?\d|2[0-4])\s*:\s*(?P<m>[0-5]\d)(?:\s*:\s*[0-5]\d)?(?![\d:])"
    rf"|(?<![\d.{_CN}几周期拜])(?P<hour>\d{{1,2}}|[{_CN}]{{1,3}})\s*(?:点|時|时(?!候|间))"
    rf"\s*(?P<past>{_AFTER}|[0-5]?\d(?!\d)(?:分(?!钟))?|[{_CN}]{{1,3}}分)?(?P<whole>整|钟)?)"
)
_AFTER_BARE = re.compile(r"$|[^\u4e00-\u9fff]|[前后以之到了可能开关去来提取拿下送截还多吗行左]")
_THING = r"\s*(?:斤|公|千|克|kg|g|份|个|袋|箱|瓶|盒|只|条|件|[十百千万])"
_MONEY = re.compile(
    rf"[¥￥]\s*(?P<sign>\d+(?:\.\d+)?)(?:\s*元)?"
    rf"|(?<![\d.{_CN}几])(?P<whole>{_NUMBER})\s*(?P<unit>块|元)(?P<tenth>\d(?!\d|{_THING})|[一二三四五六七八九半](?!{_THING}))?(?:毛|角)?(?:钱)?"
    rf"|(?<![\d.{_CN}几])(?P<dime>{_NUMBER})\s*(?:毛|角)(?:钱)?"
)
_LUMP = re.compile(r"$|[^\u4e00-\u9fff]|[的吗能可够以左]")
_WEIGHT = re.compile(
    rf"(?<![\d.{_CN}几])(?P<n>{_NUMBER}|半)\s*(?:个)?(?P<unit>公斤|千克|kg|市斤|斤|毫升|ml|升|l|克|g)(?![a-z])(?P<half>半)?"
)
_FACTOR = {"公斤": 2.0, "千克": 2.0, "kg": 2.0, "市斤": 1.0, "斤": 1.0, "克": 0.002, "g": 0.002}
_VOLUME = {"毫升": 1.0, "ml": 1.0, "升": 1000.0, "l": 1000.0}
_COUNT = re.compile(
    rf"(?<![\d.{_CN}几第])(?P<n>[{_CN}]{{1,5}})"
    r"(?=(?:个|张|份|次|分钟|分|天|小时|人|户|箱|袋|盒|瓶|折|月|年|号|楼|米|单|条|件|公里|位)(?!点))"
)


def number(text: str) -> float | None:
    """The value of a number in digits or Chinese (十五, 两百三, 一万二); None when it is none, such as 三五."""
    if re.fullmatch(r"\d+(?:\.\d+)?", text):
        return float(text)
    total, part, digit, step = 0.0, 0.0, None, 1
    for sign in text:
        if sign in _DIGITS:
            if digit not in (None, 0):
                return None
            digit = _DIGITS[sign]
        elif sign == "万":
            total, part, digit, step = (total + part + (digit or 0)) * 10000 or 10000.0, 0.0, None, 10000
        elif sign in _STEPS:
            step = _STEPS[sign]
            part += (1 if digit is None else digit) * step
            digit = None
        else:
            return None
    if digit is not None:
        part += digit * (step // 10 if step > 10 and text[-2:-1] in _STEPS else 1)
    return total + part


def written(value: float) -> str:
    """A value in digits, at most three places, none that is empty."""
    return f"{value:.3f}".rstrip("0").rstrip(".")


def _clock(found: re.Match[str]) -> str:
    period = found["period"]
    if found["h"] is not None:
        hour, minute = int(found["h"]), int(found["m"])
    else:
        value = number(found["hour"])
        past, rest = found["past"], found.string[found.end() :]
        sure = period or past or found["whole"] or (_AFTER_BARE.match(rest) and found["hour"] != "一")
        if value is None or value != int(value) or value > 24 or not sure:
            return found.group()
        hour = int(value)
        minutes = {"半": 30.0, "一刻": 15.0, "三刻": 45.0}.get(past or "", number((past or "0").rstrip("分")))
        if minutes is None or minutes > 59:
            return found.group()
        minute = int(minutes)
    if hour < 12 and (period in _LATE or (period == "中午" and hour < 4) or (period is None and 0 < hour < 7)):
        hour += 12  # nobody collects at half past five in the morning
    return f"{hour}点{minute:02d}" if minute else f"{hour}点"


def _money(found: re.Match[str]) -> str:
    if found["sign"]:
        return f"{written(float(found['sign']))}元"
    if found["dime"]:
        value = number(found["dime"])
        return found.group() if value is None else f"{written(value / 10)}元"
    value, tenth = number(found["whole"]), found["tenth"]
    text = found.group()
    bare = found["unit"] == "块" and not found["whole"][0].isdigit() and text.endswith("块")
    if value is None or (bare and (found["whole"] == "一" or not _LUMP.match(found.string[found.end() :]))):
        return text
    if tenth:
        value += 0.5 if tenth == "半" else (number(tenth) or 0) / 10
    return f"{written(value)}元"


def _weight(found: re.Match[str]) -> str:
    value = 0.5 if found["n"] == "半" else number(found["n"])
    if value is None:
        return found.group()
    value += 0.5 if found["half"] else 0.0
    unit = found["unit"]
    return f"{written(value * _FACTOR[unit])}斤" if unit in _FACTOR else f"{written(value * _VOLUME[unit])}毫升"


def _count(found: re.Match[str]) -> str:
    value = number(found["n"])
    very = found["n"] == "十" and re.match("分(?!钟)", found.string[found.end() :])
    return found.group() if value is None or value < 2 or very else written(value)


def alike(text: str) -> str:
    """A canonical text with its amounts in one form; everything else as it is."""
    text = _CLOCK.sub(_clock, text)
    text = _MONEY.sub(_money, text)
    text = _WEIGHT.sub(_weight, text)
    return _COUNT.sub(_count, text)
