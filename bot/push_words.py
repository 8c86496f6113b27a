"""What pushes, their states and reasons are called, on a terminal and on a page alike."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from prompts.loader import texts

if TYPE_CHECKING:
    from scheduler.letters import Letter

_FIRST_LINE = 60


def word(kind: str, name: str) -> str:
    """Return the Chinese word of a state or reason; a slice's own word stands as it is."""
    return _known(f"push.{kind}_{name}", name)


def form(name: str) -> str:
    """Return what a form of campaign is called."""
    return _known(f"campaigns.form_{name}", name)


def _known(key: str, name: str) -> str:
    return texts().raw(key) if key in set(texts().keys()) else name


def weekday(day: date) -> str:
    """Return 周一 … 周日."""
    return _known(f"campaigns.weekday_{day.isoweekday()}", "")


def advice(one: Letter) -> str:
    """Say what can be done about a reason."""
    if one.state == "unknown":
        return texts().raw("push.advice_unknown")
    key = f"push.advice_{one.reason}"
    return texts().raw(key if key in set(texts().keys()) else "push.advice_other")


def first_line(one: Letter) -> str:
    """Return how its message begins; empty when that is erased."""
    from bot.rendering import PLAY, render

    if one.message is None:
        return ""
    line = next(iter(render(one.message, PLAY).text.splitlines()), "")
    return line if len(line) <= _FIRST_LINE else line[: _FIRST_LINE - 1] + "…"
