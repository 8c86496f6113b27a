"""One test for many rows says of each what is wrong."""

from __future__ import annotations

import pytest

from tests.each import each


def test_every_row_is_checked_and_every_wrong_one_named() -> None:
    seen: list[int] = []

    @each([1, 2, 3, 4], lambda row: f"row {row}")
    def check(row: int) -> None:
        seen.append(row)
        assert row % 2, "even"

    with pytest.raises(AssertionError, match=r"(?s)row 2: even.*row 4: even") as failed:
        check()
    assert seen == [1, 2, 3, 4]
    assert "row 3" not in str(failed.value)


def test_no_rows_are_no_test() -> None:
    with pytest.raises(AssertionError):
        each([])
