"""Figures that may be shown, and that nothing more can be worked out of them, however one subtracts.

Source: FAULTS E11.
"""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engagement.region import rules
from engagement.region.rules import FEWEST, Cell, Lamp, Total

PEOPLE = st.lists(st.integers(0, 12), max_size=8)


def cells(people: list[int]) -> list[Cell]:
    return [Cell(one, one) for one in people]


@pytest.mark.parametrize(("behind", "value"), [(0, None), (4, None), (5, 40), (600, 40)])
def test_a_figure_is_shown_from_five_persons_on(behind: int, value: int | None) -> None:
    assert rules.shown(Cell(40, behind)) == value


@pytest.mark.parametrize(
    ("people", "expected"),
    [
        ([], Total(None, 0)),
        ([3], Total(None, 1)),
        ([20, 30], Total(50, 0)),
        # One hidden group could be worked out from the sum and the others.
        ([20, 30, 3], Total(50, 1)),
        # Two could be bounded too well: 4 and 4 make 8 in one way only.
        ([20, 4, 4], Total(20, 2)),
        ([20, 4, 2, 0], Total(26, 0)),
        # Fewer than five persons are behind the rest.
        ([20, 1, 1, 1], Total(20, 3)),
        # All of them as many as a hidden one can be.
        ([20, 4, 4, 4], Total(20, 3)),
        ([2, 2, 2], Total(6, 0)),
    ],
)
def test_a_sum_leaves_out_what_could_be_worked_out_of_it(people: list[int], expected: Total) -> None:
    assert rules.total(cells(people)) == expected


@given(PEOPLE)
def test_a_sum_less_all_that_is_shown_is_nothing_or_five_persons_of_three_groups_at_least(people: list[int]) -> None:
    found = rules.total(cells(people))
    open_ = [one for one in people if rules.shown(Cell(one, one)) is not None]
    if found.value is None:
        assert not open_
        return
    rest = found.value - sum(open_)
    hidden = [one for one in people if one < FEWEST]
    assert rest == 0 or (rest >= FEWEST and rest == sum(hidden) and len(hidden) >= 3)
    assert found.left_out == (0 if rest else len(hidden))


@given(st.lists(st.sampled_from([0, 1, 2, 3, 4, 7, 30]), min_size=1, max_size=5), st.data())
def test_whoever_subtracts_cannot_tell_what_one_small_group_had(people: list[int], data: st.DataObject) -> None:
    """An attacker knows the rule, every figure on the page and which groups are hidden: each may still have had anything."""
    view = _view(people)
    hidden = [at for at, one in enumerate(people) if one < FEWEST]
    if not hidden:
        return
    one = data.draw(st.sampled_from(hidden))
    possible = set()
    for guess in product(range(FEWEST), repeat=len(hidden)):
        other = list(people)
        for at, value in zip(hidden, guess, strict=True):
            other[at] = value
        if _view(other) == view:
            possible.add(other[one])
    assert possible == set(range(FEWEST))


def _view(people: list[int]) -> object:
    """All that a manager sees of a week."""
    return rules.total(cells(people)), [rules.shown(cell) for cell in cells(people)]


@given(PEOPLE, st.lists(st.booleans(), min_size=8, max_size=8), st.lists(st.booleans(), min_size=8, max_size=8))
def test_two_filters_less_each_other_are_again_figures_that_are_shown(
    people: list[int], one: list[bool], two: list[bool]
) -> None:
    """A filtered list adds up what is shown, so groups that differ between two filters are five persons each, or nobody."""
    values = [rules.shown(cell) for cell in cells(people)]
    first = {at for at, value in enumerate(values) if value is not None and one[at]}
    second = {at for at, value in enumerate(values) if value is not None and two[at]}
    for at in first ^ second:
        assert people[at] >= FEWEST


@pytest.mark.parametrize(("part", "whole", "behind"), [(3, 100, 3), (98, 100, 2), (50, 100, 50), (7, 5, 0)])
def test_who_does_not_is_protected_as_who_does(part: int, whole: int, behind: int) -> None:
    assert rules.behind_share(part, whole) == behind


@pytest.mark.parametrize(("count", "fives"), [(0, 0), (4, 0), (5, 5), (104, 100)])
def test_neighbours_are_told_in_fives(count: int, fives: int) -> None:
    assert rules.in_fives(count) == fives


@pytest.mark.parametrize(
    ("part", "whole", "share"),
    [(None, 10, None), (3, None, None), (3, 0, None), (5, 10, 0.5), (12, 10, 1.0)],
)
def test_a_share_needs_both(part: int | None, whole: int | None, share: float | None) -> None:
    assert rules.rate(part, whole) == share


@pytest.mark.parametrize(
    ("now", "before", "expected"), [(None, 3, None), (3, None, None), (3, 0, None), (6, 4, 0.5), (2, 4, -0.5)]
)
def test_a_change_needs_a_week_before(now: int | None, before: int | None, expected: float | None) -> None:
    assert rules.change(now, before) == expected


@pytest.mark.parametrize(
    ("figures", "expected"),
    [
        ((100, None, 40, None), Lamp("none", "few")),
        ((None, 20, 40, None), Lamp("none", "few")),
        ((100, 20, 40, None), Lamp("red", "deep_fall")),
        ((100, 9, 10, None), Lamp("red", "poor_rate")),
        ((100, 40, 56, None), Lamp("yellow", "fall")),
        ((100, 24, 24, None), Lamp("yellow", "low_rate")),
        ((100, 40, 40, 6), Lamp("yellow", "gaps")),
        ((100, 25, None, None), Lamp("green", "well")),
    ],
)
def test_the_lamp_says_what_is_the_matter(
    figures: tuple[int | None, int | None, int | None, int | None], expected: Lamp
) -> None:
    assert rules.lamp(*figures) == expected


@pytest.mark.parametrize(
    ("neighbours", "size"),
    [(None, ""), (0, "small"), (95, "small"), (100, "middle"), (295, "middle"), (300, "large"), (9000, "large")],
)
def test_sizes(neighbours: int | None, size: str) -> None:
    assert rules.size(neighbours) == size
