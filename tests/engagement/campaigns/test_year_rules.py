"""When campaigns are: every way to say it, over years."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from engagement import rhythm
from engagement.campaigns import rules
from prompts.campaigns import Pack, parse
from tests.engagement.stage import at


def pack(when: dict[str, Any], *beats: dict[str, Any], **more: Any) -> Pack:
    lines = [{"at": "10:00", "title": f"t{n}", "text": "x", **beat} for n, beat in enumerate(beats or ({},), start=1)]
    table = {"key": "one", "name": "一", "form": "event", "slogan": "s", "when": when, "beat": lines, **more}
    return parse(table, "one.toml")


def days(when: dict[str, Any], *beats: dict[str, Any], year: int = 2027) -> list[str]:
    return [one.day.isoformat() for one in rules.year_of(pack(when, *beats), year)]


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ({"day": "06-18"}, ["2027-06-18"]),
        ({"day": "02-29"}, ["2027-02-28"]),
        ({"festival": "zhongqiu"}, ["2027-09-15"]),
        ({"festival": "chuxi"}, ["2027-02-05"]),
        ({"festival": "lichun"}, ["2027-02-04"]),
        ({"nth": "6/3/sat"}, ["2027-06-19"]),
        ({"nth": "6/last/wed"}, ["2027-06-30"]),
        ({"nth": "2/last/mon"}, ["2027-02-22"]),
        ({"monthly": 8, "months": [3, 9]}, ["2027-03-08", "2027-09-08"]),
        ({"weekly": "mon", "months": [2]}, ["2027-02-01", "2027-02-08", "2027-02-15", "2027-02-22"]),
        ({"joined": True}, ["2000-01-01"]),
    ],
)
def test_each_way_to_say_when(when: dict[str, Any], expected: list[str]) -> None:
    assert days(when) == expected


def test_a_whole_year_of_weeks_and_months() -> None:
    weeks = days({"weekly": "mon"})
    assert (len(weeks), weeks[0], weeks[-1]) == (52, "2027-01-04", "2027-12-27")
    assert len(days({"monthly": 28})) == 12


def test_a_weekly_one_may_leave_holidays_out_and_goes_on_afterwards() -> None:
    """除夕 2026, 初三 and 清明 2027, 初六 2028 are Mondays."""
    lessons = pack({"weekly": "mon", "cycle": True, "not_on": "holidays"}, *({"turn": turn} for turn in range(1, 53)))
    found = [one for year in (2026, 2027, 2028) for one in rules.year_of(lessons, year)]
    every = [day for year in (2026, 2027, 2028) for day in days({"weekly": "mon"}, year=year)]
    left_out = sorted(set(every) - {one.day.isoformat() for one in found})
    assert left_out == [
        *("2026-02-16", "2026-05-04", "2026-10-05"),
        *("2027-02-08", "2027-04-05", "2027-05-03", "2027-10-04"),
        *("2028-01-31", "2028-05-01", "2028-10-02"),
    ]
    assert [one.line.turn for one in found] == [n % 52 + 1 for n in range(len(found))], "each in its turn, none lost"
    assert rules.year_of(lessons, 2025)[0].line.turn == 1


def test_holidays_may_be_left_out_of_some_months_only_and_without_turns() -> None:
    assert days({"weekly": "mon", "months": [2], "not_on": "holidays"}) == ["2027-02-01", "2027-02-15", "2027-02-22"]
    with pytest.raises(ValueError, match="belongs to weekly"):
        days({"monthly": 8, "not_on": "holidays"})


def test_offsets_cross_the_year_and_lines_have_festivals_of_their_own() -> None:
    assert days({"day": "01-01"}, {"day": -3}, {"day": 0}) == ["2026-12-29", "2027-01-01"]
    assert days({}, {"festival": "lichun"}, {"festival": "dongzhi", "day": -1}) == ["2027-02-04", "2027-12-21"]


def test_a_cycle_says_another_turn_each_time_and_begins_anew() -> None:
    made = pack({"monthly": 8, "cycle": True}, {"turn": 1}, {"turn": 2, "day": -1}, {"turn": 2})
    found = [(one.day.month, one.day.day, one.line.title) for one in rules.year_of(made, 2027)]
    assert found[:5] == [(1, 8, "t1"), (2, 7, "t2"), (2, 8, "t3"), (3, 8, "t1"), (4, 7, "t2")]


def test_two_lines_on_one_day_and_unknown_festivals_are_refused() -> None:
    with pytest.raises(ValueError, match="both on 2027-06-18"):
        days({"day": "06-18"}, {}, {})
    with pytest.raises(ValueError, match="no festival"):
        days({"festival": "nothing"})


def test_a_solar_term_whose_day_a_festival_has_is_left_out_that_year() -> None:
    terms = ({"festival": "lichun"}, {"festival": "liqiu"})
    assert days({}, *terms, year=2026) == ["2026-02-04", "2026-08-07"]
    assert days({}, *terms, year=2027) == ["2027-02-04"]
    assert days({"festival": "liqiu"}, year=2027) == []


def test_a_course_towards_a_day_knows_its_peak() -> None:
    found = rules.year_of(pack({"day": "06-18"}, {"day": -3, "phase": "warm"}, {"day": 1}), 2027)
    assert [one.peak for one in found] == [date(2027, 6, 18), None]
    assert rules.year_of(pack({"joined": True}, {"day": 1, "phase": "warm"}), 2027)[0].peak is None


def test_figures_that_nobody_knows_are_none() -> None:
    peak = date(2027, 6, 18)
    known = {"name": "n", "slogan": "s", "group": "", "leader": "", "facts": {"pickup_place": "门口"}}
    before = rules.figures(day=date(2027, 6, 15), peak=peak, peak_words="6月18日", **known)  # type: ignore[arg-type]
    assert (before["days_left"], before["peak"], before["pickup_place"]) == (3, "6月18日", "门口")
    assert before["hotline"] is None and before["group"] is None and before["leader"] is None
    on_it = rules.figures(day=peak, peak=peak, peak_words="6月18日", **known)  # type: ignore[arg-type]
    none = rules.figures(day=peak, peak=None, peak_words="", **known)  # type: ignore[arg-type]
    assert on_it["days_left"] is None and none["peak"] is None


@pytest.mark.parametrize(
    ("form", "phase", "to_leaders", "age", "peak", "before", "early"),
    [
        ("lesson", "", True, 7, None, None, True),
        ("lesson", "", True, 8, None, None, False),
        ("phase", "", True, 29, None, None, True),
        ("event", "last", False, 1, -2, None, True),
        ("event", "last", False, 2, -2, None, False),
        ("event", "last", False, 1, None, None, False),
        ("event", "warm", False, 0, 2, -3, False),
        ("member_day", "", False, 6, None, -7, True),
        ("member_day", "", False, 7, None, -7, False),
        ("member_day", "", False, 6, None, -24, False),
        ("member_day", "", False, 0, None, None, False),
        ("festival", "", False, 0, None, -2, False),
    ],
)
def test_a_new_group_is_not_told_of_days_without_it(
    form: str, phase: str, to_leaders: bool, age: int, peak: int | None, before: int | None, early: bool
) -> None:
    """Days are counted from the one on which it is said."""
    day = date(2027, 6, 20)

    def there(distance: int | None) -> date | None:
        return None if distance is None else day + timedelta(days=distance)

    began = day - timedelta(days=age)
    said = rules.is_too_early(
        form, phase, to_leaders=to_leaders, began=began, day=day, peak=there(peak), before=there(before)
    )
    assert said is early


def test_a_year_is_looked_back_on_as_a_whole_or_not_at_all() -> None:
    days = [date(2027, 12, 4), date(2027, 12, 13), date(2027, 12, 24)]
    for began, early in ((date(2027, 10, 31), False), (date(2027, 11, 1), True), (date(2026, 12, 1), False)):
        said = {
            rules.is_too_early("gala", "", to_leaders=False, began=began, day=day, peak=None, before=None)
            for day in days
        }
        assert said == {early}


def test_half_of_the_groups_get_the_other_wording_and_always_the_same_half() -> None:
    second = [group for group in range(1, 2001) if rules.is_second("event:2027", group)]
    assert 900 < len(second) < 1100
    assert second == [group for group in range(1, 2001) if rules.is_second("event:2027", group)]
    assert second != [group for group in range(1, 2001) if rules.is_second("gala:2027", group)]


def test_moments_become_instants_with_a_groups_shift_and_zone() -> None:
    moments = [(date(2027, 3, 28), 150), (date(2027, 3, 30), 600)]
    spring = list(rhythm.instants(moments, 0, "Europe/Berlin"))
    assert spring[0][1] == at("2027-03-28T03:00:00+02:00")  # 02:30 does not happen there that night
    assert rhythm.next_instant(moments, 1, "Asia/Shanghai", at("2027-03-29T02:30")) == at("2027-03-31T10:00")
    assert rhythm.next_instant(moments, 0, "Asia/Shanghai", at("2027-03-30T10:00")) is None
