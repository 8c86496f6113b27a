"""Local days and due instants: zones, gaps, folds, quiet hours, festivals."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engagement import calendar

SHANGHAI = "Asia/Shanghai"
ZONES = [
    SHANGHAI,
    "America/New_York",
    "Africa/Cairo",
    "America/Santiago",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "UTC",
]
MOMENTS = st.integers(0, 100 * 365 * 86_400).map(
    lambda seconds: datetime(1995, 1, 1, tzinfo=UTC) + timedelta(0, seconds)
)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


@pytest.mark.parametrize("name", ["", "Mars/Olympus", "../../etc/passwd", "/etc/localtime", "Asia/Shang\0hai", "asia"])
def test_zones_that_are_none(name: str) -> None:
    with pytest.raises(ValueError, match="time zone"):
        calendar.zone(name)


def test_the_edges_of_a_day(shared: Path) -> None:
    """The collection's instants and the day of Shanghai that they belong to."""
    rows = (shared / "data/abuse/text/time_edges_dev.jsonl").read_text("utf-8").splitlines()
    known = [json.loads(row) for row in rows]
    checked = 0
    for row in known:
        if "business_day" in row and ":60" not in row["instant"]:  # a datetime has no leap second
            checked += 1
            if row["business_day"] == "reject":
                received = utc("2026-12-01T09:00:00+08:00")
                day = calendar.business_day(utc(row["instant"]), received, SHANGHAI)
                assert day == date(2026, 12, 1), "not believed"
                continue
            moment = utc(row["instant"].replace("Z", "+00:00"))
            assert calendar.local_day(moment, SHANGHAI).isoformat() == row["business_day"], row
    assert checked >= 5


@pytest.mark.parametrize(
    ("occurred", "expected"),
    [
        (timedelta(0), "2026-12-02"),
        (timedelta(hours=-1), "2026-12-01"),
        (timedelta(hours=-24), "2026-12-01"),
        (timedelta(hours=-24, seconds=-1), "2026-12-02"),
        (timedelta(days=-30), "2026-12-02"),
        (timedelta(seconds=1), "2026-12-02"),
        (timedelta(days=2), "2026-12-02"),
    ],
)
def test_a_platform_s_clock_is_believed_within_bounds(occurred: timedelta, expected: str) -> None:
    """Received at 00:30 local time: up to a day back it counts for when it was said, else for when it came."""
    received = utc("2026-12-02T00:30:00+08:00")
    assert calendar.business_day(received + occurred, received, SHANGHAI).isoformat() == expected


@pytest.mark.parametrize(
    ("day", "minute", "zone", "expected"),
    [
        ("2026-12-01", 450, SHANGHAI, "2026-11-30T23:30:00+00:00"),
        # The clocks of New York go from 2:00 to 3:00 on 8 March: 2:30 is at 3:00.
        ("2026-03-08", 150, "America/New_York", "2026-03-08T07:00:00+00:00"),
        ("2026-03-08", 119, "America/New_York", "2026-03-08T06:59:00+00:00"),
        ("2026-03-08", 180, "America/New_York", "2026-03-08T07:00:00+00:00"),
        # And 1:30 is twice on 1 November: the first one.
        ("2026-11-01", 90, "America/New_York", "2026-11-01T05:30:00+00:00"),
        # Midnight itself is missing in Cairo and Santiago when their clocks go forward.
        ("2026-04-24", 0, "Africa/Cairo", "2026-04-23T22:00:00+00:00"),
        ("2026-04-24", 30, "Africa/Cairo", "2026-04-23T22:00:00+00:00"),
        ("2026-09-06", 0, "America/Santiago", "2026-09-06T04:00:00+00:00"),
        # Half an hour only.
        ("2026-10-04", 135, "Australia/Lord_Howe", "2026-10-03T15:30:00+00:00"),
        ("2026-02-28", 1439, "UTC", "2026-02-28T23:59:00+00:00"),
        ("2028-02-29", 0, "UTC", "2028-02-29T00:00:00+00:00"),
    ],
)
def test_when_a_day_reaches_a_minute(day: str, minute: int, zone: str, expected: str) -> None:
    assert calendar.instant_of(date.fromisoformat(day), minute, zone) == utc(expected)


@given(MOMENTS, st.integers(0, 1439), st.sampled_from(ZONES))
def test_what_is_due_next(after: datetime, minute: int, zone: str) -> None:
    """Later, within two days, on its local minute (or right after a gap), and nothing lies between."""
    due = calendar.next_due(after, minute, zone)
    assert after < due <= after + timedelta(hours=49)
    local = due.astimezone(ZoneInfo(zone))
    if local.hour * 60 + local.minute != minute or local.second:
        before = (due - timedelta(seconds=1)).astimezone(ZoneInfo(zone))
        assert before.utcoffset() != local.utcoffset(), "only a gap moves it"
    assert calendar.next_due(due - timedelta(seconds=1), minute, zone) == due


@given(MOMENTS, st.sampled_from(ZONES))
def test_every_day_is_due_once(start: datetime, zone: str) -> None:
    moment, days = start, []
    for _ in range(10):
        moment = calendar.next_due(moment, 450, zone)
        days.append(calendar.local_day(moment, zone))
    assert days == [days[0] + timedelta(days=number) for number in range(10)]


@pytest.mark.parametrize(
    ("minute", "start", "end", "quiet"),
    [
        (22 * 60, 22 * 60, 7 * 60, True),
        (22 * 60 - 1, 22 * 60, 7 * 60, False),
        (0, 22 * 60, 7 * 60, True),
        (7 * 60 - 1, 22 * 60, 7 * 60, True),
        (7 * 60, 22 * 60, 7 * 60, False),
        (13 * 60, 12 * 60, 14 * 60, True),
        (14 * 60, 12 * 60, 14 * 60, False),
        (600, 600, 600, False),
        (0, 0, 0, False),
    ],
)
def test_quiet_hours(minute: int, start: int, end: int, quiet: bool) -> None:
    assert calendar.is_quiet(minute, start, end) is quiet


def test_when_a_quiet_time_ends() -> None:
    night = utc("2026-12-01T23:00:00+08:00")
    assert calendar.quiet_ends(night, SHANGHAI, 22 * 60, 7 * 60) == utc("2026-12-02T07:00:00+08:00")
    morning = utc("2026-12-02T08:00:00+08:00")
    assert calendar.quiet_ends(morning, SHANGHAI, 22 * 60, 7 * 60) == morning
    till_midnight = utc("2026-12-01T23:00:00+08:00")
    assert calendar.quiet_ends(till_midnight, SHANGHAI, 22 * 60, 24 * 60) == utc("2026-12-02T00:00:00+08:00")


@given(MOMENTS, st.integers(0, 1439), st.integers(0, 1439), st.sampled_from(ZONES))
def test_a_quiet_time_ends_within_a_day(moment: datetime, start: int, end: int, zone: str) -> None:
    ends = calendar.quiet_ends(moment, zone, start, end)
    assert moment <= ends <= moment + timedelta(hours=26)
    if ends != moment:
        minute = calendar.local_minute(ends, zone)
        assert minute == end or not calendar.is_quiet(minute, start, end) or _gap(ends, zone)


def _gap(moment: datetime, zone: str) -> bool:
    here = ZoneInfo(zone)
    before = (moment - timedelta(seconds=1)).astimezone(here).utcoffset()
    return before != moment.astimezone(here).utcoffset()


@given(st.dates(date(2000, 1, 1), date(2099, 12, 31)))
def test_weeks_and_months(day: date) -> None:
    monday, first, last = calendar.week_start(day), calendar.month_start(day), calendar.month_end(day)
    assert monday.weekday() == 0
    assert 0 <= (day - monday).days < 7
    assert first <= day <= last
    assert (first.day, (last + timedelta(days=1)).day) == (1, 1)
    assert (first.month, last.month) == (day.month, day.month)


@pytest.mark.parametrize(
    ("day", "name"),
    [
        ("2026-01-01", "yuandan"),
        ("2026-02-16", "chuxi"),
        ("2026-02-17", "chunjie"),
        ("2026-03-03", "yuanxiao"),
        ("2026-04-05", "qingming"),
        ("2026-05-10", "muqinjie"),
        ("2026-06-19", "duanwu"),
        ("2026-06-21", "fuqinjie"),
        ("2026-09-25", "zhongqiu"),
        ("2026-10-01", "guoqing"),
        ("2026-10-18", "chongyang"),
        ("2026-12-22", "dongzhi"),
        ("2026-12-02", ""),
        ("2025-08-29", "qixi"),
        ("2025-01-28", "chuxi"),
        ("2025-01-29", "chunjie"),
    ],
)
def test_festivals(day: str, name: str) -> None:
    assert calendar.festival(date.fromisoformat(day)) == name


def test_every_festival_comes_once_a_year() -> None:
    """Solar terms and lunar days over six years; a leap month does not bring a festival twice."""
    for year in range(2024, 2030):
        named = [calendar.festival(date(year, 1, 1) + timedelta(days=number)) for number in range(365)]
        twice = {name for name in named if name and named.count(name) > 1}
        assert twice <= {"laba", "xiaonian", "chuxi"}, year
        assert {"chunjie", "duanwu", "guoqing"} <= set(named)


def test_a_festival_has_its_first_day_of_the_year_unless_another_one_outshines_it() -> None:
    """2026-03-20 is 春分 and the second day of the second lunar month at once."""
    assert calendar.festival(date(2026, 3, 20)) == "longtaitou"
    assert calendar.festival_day("chunfen", 2026) is None
    assert calendar.festival_day("longtaitou", 2026) == date(2026, 3, 20)
    assert calendar.festival_day("muqinjie", 2027) == date(2027, 5, 9)
    with pytest.raises(ValueError, match="no festival 'none'"):
        calendar.festival_day("none", 2027)


@pytest.mark.parametrize("year", [2026, 2033])
def test_the_festivals_of_a_year_are_those_of_its_days(year: int) -> None:
    """2033 has a leap month in its eleventh, which many tables get wrong."""
    first: dict[str, date] = {}
    for number in range(366):
        day = date(year, 1, 1) + timedelta(days=number)
        if day.year == year and calendar.festival(day):
            first.setdefault(calendar.festival(day), day)
    found = {name: calendar.festival_day(name, year) for name in calendar.FESTIVALS}
    assert {name: day for name, day in found.items() if day is not None} == first
