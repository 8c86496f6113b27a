"""One test for a thousand rows: handed out and set up once, and it says of every row what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

Row = TypeVar("Row")


def each(
    rows: Iterable[Row], name: Callable[[Row], str] = str
) -> Callable[[Callable[[Row], None]], Callable[[], None]]:
    """Make a check of one row a test of all of them; for checks that need no fixture and leave nothing behind.

    Args:
        rows: What is checked, one after another; there must be some.
        name: Says which row it was, before what is wrong with it.
    """
    checked = list(rows)
    assert checked

    def decorated(check: Callable[[Row], None]) -> Callable[[], None]:
        def test() -> None:
            wrong = []
            for row in checked:
                try:
                    check(row)
                except AssertionError as error:
                    wrong.append(f"{name(row)}: {error}")
            assert not wrong, "\n" + "\n".join(wrong)

        test.__doc__ = check.__doc__
        return test

    return decorated
