"""Local days and due instants of a group. Pure; the only place that turns an instant into a day.

A day is the group's local date of ``occurred_at`` if that lies within 24 hours before ``received_at``, else of
``received_at``: a platform's clock is believed within bounds only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

TRUSTED_LAG = timedelta(hours=24)
_MINUTES_A_DAY = 24 * 60
EPOCH = date(2000, 1, 1)
"""The day from which days are counted that are different in every group, such as those since its beginning."""


@lru_cache(maxsize=512)
def zone(name: str) -> ZoneInfo:
    """Return a time zone.

    Raises:
        ValueError: no IANA zone has this name.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"unknown time zone: {name!r}") from error


def local_day(moment: datetime, zone_name: str) -> date:
    """Return the local date of an aware instant."""
    return moment.astimezone(zone(zone_name)).date()


def business_day(occurred_at: datetime, received_at: datetime, zone_name: str) -> date:
    """Return the local date that an event counts for (FAULTS B8)."""
    believed = received_at - TRUSTED_LAG <= occurred_at <= received_at
    return local_day(occurred_at if believed else received_at, zone_name)


def instant_of(day: date, minute: int, zone_name: str) -> datetime:
    """Return the UTC instant at which a local day reaches a local minute.

    In a gap (clocks set forward over it) it is the first instant after the gap; in a fold (the minute happens twice) the
    first of the two.

    Args:
        minute: minutes since local midnight, 0 … 1439.
    """
    local = datetime.combine(day, time(minute // 60, minute % 60), tzinfo=zone(zone_name))
    found = local.astimezone(UTC)
    back = found.astimezone(zone(zone_name))
    if back.replace(tzinfo=None) != local.replace(tzinfo=None):
        # In a gap zoneinfo uses the offset before it, so the result lies after the gap by how far in the minute was.
        before = local.replace(fold=0).utcoffset()
        after = local.replace(fold=1).utcoffset()
        assert before is not None and after is not None
        low, high = found - abs(before - after) - timedelta(seconds=1), found
        while high - low > timedelta(seconds=1):
            middle = low + (high - low) / 2
            if middle.astimezone(zone(zone_name)).utcoffset() == high.astimezone(zone(zone_name)).utcoffset():
                high = middle
            else:
                low = middle
        return high.replace(microsecond=0)
    return found


def next_due(after: datetime, minute: int, zone_name: str) -> datetime:
    """Return the first instant strictly later than ``after`` at which some local day reaches ``minute``."""
    day = local_day(after, zone_name) - timedelta(days=1)
    while True:
        due = instant_of(day, minute, zone_name)
        if due > after:
            return due
        day += timedelta(days=1)


def local_minute(moment: datetime, zone_name: str) -> int:
    """Return minutes since local midnight on the wall clock, 0 … 1439."""
    local = moment.astimezone(zone(zone_name))
    return local.hour * 60 + local.minute


def is_quiet(minute: int, quiet_from: int, quiet_to: int) -> bool:
    """Say whether a local minute lies in [quiet_from, quiet_to), which may wrap midnight; equal bounds = never."""
    if quiet_from <= quiet_to:
        return quiet_from <= minute < quiet_to
    return minute >= quiet_from or minute < quiet_to


def quiet_ends(moment: datetime, zone_name: str, quiet_from: int, quiet_to: int) -> datetime:
    """Return when a quiet time that holds at ``moment`` ends; ``moment`` itself when it is not quiet."""
    if not is_quiet(local_minute(moment, zone_name), quiet_from, quiet_to):
        return moment
    return next_due(moment, quiet_to % _MINUTES_A_DAY, zone_name)


def week_start(day: date) -> date:
    """Return the Monday of a day's week."""
    return day - timedelta(days=day.weekday())


def month_start(day: date) -> date:
    """Return the first of a day's month."""
    return day.replace(day=1)


def month_end(day: date) -> date:
    """Return the last day of a day's month."""
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)


@lru_cache(maxsize=1024)
def festival(day: date) -> str:
    """Return the id of the festival or solar term of a day, or ``""``.

    Lunar days and solar terms come from lunar-python, a library kept for it.
    """
    from lunar_python import Solar

    fixed = _SOLAR_FESTIVALS.get((day.month, day.day))
    if fixed:
        return fixed
    if day.month == 5 and day.weekday() == 6 and 8 <= day.day <= 14:
        return "muqinjie"
    if day.month == 6 and day.weekday() == 6 and 15 <= day.day <= 21:
        return "fuqinjie"
    lunar = Solar.fromYmd(day.year, day.month, day.day).getLunar()
    term = _TERMS.get(lunar.getJieQi())
    if lunar.getMonth() == 12 and lunar.next(1).getMonth() == 1:
        return "chuxi"
    return _LUNAR_FESTIVALS.get((lunar.getMonth(), lunar.getDay()), "") or term or ""


@lru_cache(maxsize=1024)
def lunar_day(day: date) -> tuple[str, str]:
    """Return a day's month and day in the lunar calendar, in Chinese; the month only on its first day, else empty."""
    from lunar_python import Solar

    lunar = Solar.fromYmd(day.year, day.month, day.day).getLunar()
    return (str(lunar.getMonthInChinese()) if lunar.getDay() == 1 else "", str(lunar.getDayInChinese()))


def festival_day(name: str, year: int) -> date | None:
    """Return the first day of a year that is a festival or solar term; None when a weightier one has its day that year.

    Raises:
        ValueError: there is no festival of that name.
    """
    if name not in FESTIVALS:
        raise ValueError(f"no festival {name!r}")
    return _year(year).get(name)


@lru_cache(maxsize=8)
def _year(year: int) -> Mapping[str, date]:
    found: dict[str, date] = {}
    for day in sorted(_candidates(year)):
        found.setdefault(festival(day), day)
    return found


def _candidates(year: int) -> Iterator[date]:
    """Yield the days of a year on which there may be something: a tenth of them, for each costs a millisecond."""
    from lunar_python import Lunar

    for month, number in _SOLAR_FESTIVALS:
        yield date(year, month, number)
    for month, first in ((5, 8), (6, 15)):
        yield from (date(year, month, first + n) for n in range(7))
    solar = list(Lunar.fromYmd(year, 6, 1).getJieQiTable().values())
    for lunar_year in (year - 1, year):
        solar += [Lunar.fromYmd(lunar_year, month, number).getSolar() for month, number in _LUNAR_FESTIVALS]
        solar.append(Lunar.fromYmd(lunar_year + 1, 1, 1).getSolar().next(-1))
    for one in solar:
        if one.getYear() == year:
            yield date(year, one.getMonth(), one.getDay())


def is_holiday(day: date) -> bool:
    """Say whether a day is one of the public holidays, as far as they are the same every year.

    Which days around them are worked or not is announced a year at a time, so what is here is the core: 除夕 to 初六, five days
    from 1 May, seven from 1 October, and one each at New Year, 清明, 端午 and 中秋.
    """
    return day in _holidays(day.year)


@lru_cache(maxsize=8)
def _holidays(year: int) -> frozenset[date]:
    days = [(date(year, 1, 1), 1), (date(year, 5, 1), 5), (date(year, 10, 1), 7)]
    for name, count in (("chuxi", 1), ("chunjie", 6), ("qingming", 1), ("duanwu", 1), ("zhongqiu", 1)):
        first = festival_day(name, year)
        if first is not None:
            days.append((first, count))
    return frozenset(first + timedelta(days=n) for first, count in days for n in range(count))


DOUBLED = frozenset(
    {"yuandan", "chuxi", "chunjie", "yuanxiao", "laodongjie", "duanwu", "zhongqiu", "guoqing", "chongyang"}
)
"""Festivals on which a group may switch on double points; solar terms are no holidays."""


def double_day(checkin: Mapping[str, object], day: date) -> str:
    """Return why check-ins of a day bring double points: ``day`` (the leader chose it), the id of a festival, or empty.

    Args:
        checkin: the part ``checkin`` of a group's settings.
    """
    chosen = checkin.get("double")
    if isinstance(chosen, list) and day.isoformat() in chosen:
        return "day"
    if checkin.get("festivals") is True:
        found = festival(day)
        return found if found in DOUBLED else ""
    return ""


_SOLAR_FESTIVALS = {
    (1, 1): "yuandan",
    (3, 8): "funvjie",
    (3, 12): "zhishujie",
    (5, 1): "laodongjie",
    (6, 1): "ertongjie",
    (10, 1): "guoqing",
}
_LUNAR_FESTIVALS = {
    (12, 8): "laba",
    (12, 23): "xiaonian",
    (1, 1): "chunjie",
    (1, 15): "yuanxiao",
    (2, 2): "longtaitou",
    (5, 5): "duanwu",
    (7, 7): "qixi",
    (8, 15): "zhongqiu",
    (9, 9): "chongyang",
}
_TERMS = {  # zh: the names that lunar_python returns
    "立春": "lichun",
    "雨水": "yushui",
    "惊蛰": "jingzhe",
    "春分": "chunfen",
    "清明": "qingming",
    "谷雨": "guyu",
    "立夏": "lixia",
    "小满": "xiaoman",
    "芒种": "mangzhong",
    "夏至": "xiazhi",
    "小暑": "xiaoshu",
    "大暑": "dashu",
    "立秋": "liqiu",
    "处暑": "chushu",
    "白露": "bailu",
    "秋分": "qiufen",
    "寒露": "hanlu",
    "霜降": "shuangjiang",
    "立冬": "lidong",
    "小雪": "xiaoxue",
    "大雪": "daxue",
    "冬至": "dongzhi",
    "小寒": "xiaohan",
    "大寒": "dahan",
}
FESTIVALS = frozenset(
    {"muqinjie", "fuqinjie", "chuxi", *_SOLAR_FESTIVALS.values(), *_LUNAR_FESTIVALS.values(), *_TERMS.values()}
)
"""What :func:`festival` may return. A solar term gives way to a festival of its day, so not every year has each."""
