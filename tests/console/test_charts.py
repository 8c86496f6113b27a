"""What charts show: as many figures as labels, nothing for nothing, and shapes that stay within their box."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console import charts

FIGURES = st.lists(st.one_of(st.none(), st.integers(0, 100_000)), max_size=40)


@given(FIGURES)
def test_a_chart_carries_its_figures_as_they_are(values: list[int | None]) -> None:
    labels = [str(n) for n in range(len(values))]
    for chart in (charts.line(labels, {"a": values, "b": values}, area="a"), charts.bars(labels, {"a": values})):
        assert json.loads(json.dumps(chart)) == chart
        assert chart["series"][0]["values"] == values
        assert chart["labels"] == labels
    assert [one["area"] for one in charts.line(labels, {"a": values, "b": values}, area="a")["series"]] == [True, False]


def test_a_series_that_does_not_fit_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="2 figures for 3 labels"):
        charts.line(["1", "2", "3"], {"a": [1, 2]})
    with pytest.raises(ValueError, match="1 figures for 0 labels"):
        charts.bars([], {"a": [1]}, stacked=True)


def test_nothing_to_draw() -> None:
    assert charts.line([], {"a": []})["series"] == [{"name": "a", "values": [], "area": False}]
    assert charts.shades([[0, 0], [0, 0]]) == [[0, 0], [0, 0]]
    assert charts.ring(3, 0).drawn == 0


def test_shades_and_rings() -> None:
    assert charts.shades([[0, 1, 100]]) == [[0, 1, 6]]
    full = charts.ring(9, 9)
    assert full.drawn == full.round
    assert charts.ring(20, 9).drawn == full.round
    assert 0 < charts.ring(1, 9).drawn < full.round
