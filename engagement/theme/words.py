"""A pack's texts with their figures filled in, as lines for a reply."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from engagement.theme.figures import Totals
from engagement.theme.service import Place
from prompts import packs
from prompts.loader import texts
from prompts.packs import Month


def figures(month: Month, group_name: str, leader: str) -> Mapping[str, object]:
    """Return what every text of a month may name; a line that needs an unknown name is left out."""
    return {
        "group": group_name or None,
        "leader": leader or None,
        "month_name": month.name,
        "target": month.challenge.target,
        "reward_points": month.challenge.reward_points,
    }


def opening(month: Month, own: str) -> str:
    """Return what an opening says: the ready words, or own ones with the rules of the challenge behind them."""
    if not own:
        return month.opening
    return own if "{reward_points}" in own or own == month.opening else f"{own}\n{month.challenge.rule}"


def lines(text: str, values: Mapping[str, object]) -> Sequence[str]:
    """Fill a pack's text."""
    return packs.fill(text, values)


def closing_figures(total: Totals, winners: Sequence[Place]) -> Mapping[str, object]:
    """Return the figures of a closing; None where there is nothing to tell, so that its line is left out."""
    return {
        "participants": total.participants,
        "checkins": total.checkins or None,
        "answers": total.answers or None,
        "completed": total.completed or None,
        "winners": listed("theme.winner", winners) or None,
    }


def listed(key: str, rows: Sequence[Place], target: int = 0) -> str:
    """Name members in one line, each with the text ``key``; ``left`` is what the target still asks."""
    words = texts()
    return words.raw("theme.between").join(
        words.fill(key, {"name": one.name, "points": one.points, "left": target - one.points}) for one in rows
    )


def day(one: date) -> str:
    """Write a day: 12月8日（周二）."""
    weekday = texts().raw(f"campaigns.weekday_{one.isoweekday()}")
    return texts().fill("campaigns.day", {"month": one.month, "day": one.day, "weekday": weekday})
