"""Shapes of charts: within their box, never beyond the figures, also for nothing at all."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from console import charts

FIGURES = st.lists(st.integers(0, 100_000), min_size=1, max_size=40)


@given(FIGURES)
def test_a_line_stays_within_its_figures(values: list[int]) -> None:
    chart = charts.lines([str(n) for n in range(len(values))], [values])
    numbers = [float(number) for number in re.findall(r"-?\d+\.?\d*", chart.series[0].line)]
    ys = numbers[1::2]
    floor = charts.HEIGHT - charts.BOTTOM
    top = charts.nice_top(max(values))
    highest = floor - max(values) / top * (floor - charts.TOP)
    lowest = floor - min(values) / top * (floor - charts.TOP)
    assert highest - 0.1 <= min(ys)
    assert max(ys) <= lowest + 0.1


@given(st.floats(0, 1e9))
def test_the_top_is_round_and_near(most: float) -> None:
    top = charts.nice_top(most)
    assert top >= most - 1e-6 * most
    assert top % 5 == 0 or top < 10
    assert top <= max(5, most * 2)


def test_nothing_to_draw() -> None:
    chart = charts.lines([], [[], []])
    assert [one.line for one in chart.series] == ["", ""]
    assert charts.shades([[0, 0], [0, 0]]) == [[0, 0], [0, 0]]
    assert charts.ring(3, 0).drawn == 0


def test_shades_and_rings() -> None:
    assert charts.shades([[0, 1, 100]]) == [[0, 1, 6]]
    full = charts.ring(9, 9)
    assert full.drawn == full.round
    assert charts.ring(20, 9).drawn == full.round
    assert 0 < charts.ring(1, 9).drawn < full.round


def test_the_last_label_is_written() -> None:
    chart = charts.lines([str(n) for n in range(21)], [[0] * 21])
    assert chart.ticks[-1][1] == "20"
    assert len(chart.ticks) == 6
