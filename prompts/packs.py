"""The starter packs as typed values: topics/*.toml and calendar/month_XX.toml, read and checked once.

A wrong file is a bug of the release and not of a neighbour's evening: reading raises with the file's name.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from prompts.loader import PROMPTS, plain

T = TypeVar("T")
SEASONS = ("spring", "summer", "autumn", "winter")
GROUPS = ("parents", "elders", "workers", "newcomers")
"""Kinds of group that have topics of their own."""
_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")


class BadPack(ValueError):
    """A pack file has the wrong shape; the message names the file and the place."""


@dataclass(frozen=True, slots=True)
class Topic:
    """One question of the bank; an empty tuple means no restriction.

    Attributes:
        id: stable name, ``file.word``.
        seasons: of :data:`SEASONS`.
        months: 1 … 12.
        weekdays: 0 = Monday … 6.
        festival: id of a day as in engagement/calendar.py; such a topic is for that day only.
        groups: kinds of group, of :data:`GROUPS`, that are asked this; others never are.
    """

    id: str
    question: str
    hint: str = ""
    seasons: tuple[str, ...] = ()
    months: tuple[int, ...] = ()
    weekdays: tuple[int, ...] = ()
    festival: str = ""
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Beat:
    """A weekly nudge of a month's theme, on a day of the month."""

    day: int
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Challenge:
    """A month's challenge.

    Attributes:
        target: points that complete it, at least 1.
        reward_points: whole ledger points for each who completes it, at least 1.
        top: how many are named at the closing.
    """

    name: str
    rule: str
    target: int
    goal_text: str
    reward_points: int
    top: int


@dataclass(frozen=True, slots=True)
class Month:
    """One month's theme; texts may hold placeholders, see :func:`fill`."""

    month: int
    name: str
    slogan: str
    opening: str
    closing: str
    beats: tuple[Beat, ...]
    challenge: Challenge


def _take(table: Mapping[str, Any], key: str, kind: type[T], where: str) -> T:
    value = table.get(key)
    if not isinstance(value, kind) or isinstance(value, bool) or value == "":
        raise BadPack(f"{where}: {key} is missing or no {kind.__name__}")
    return value


def _figure(table: Mapping[str, Any], key: str, low: int, high: int, where: str) -> int:
    value = _take(table, key, int, where)
    if not low <= value <= high:
        raise BadPack(f"{where}: {key} must lie in {low} … {high}")
    return value


def _figures(table: Mapping[str, Any], key: str, low: int, high: int, where: str) -> tuple[int, ...]:
    values = table.get(key, [])
    if not isinstance(values, list) or not all(type(one) is int and low <= one <= high for one in values):
        raise BadPack(f"{where}: {key} must be whole numbers in {low} … {high}")
    return tuple(values)


def parse_topics(table: Mapping[str, Any], where: str) -> tuple[Topic, ...]:
    """Turn a decoded topics file into topics.

    Args:
        where: the file's name, for the message.

    Raises:
        BadPack: a field is missing, has the wrong type or lies out of bounds.
    """
    found = []
    for number, row in enumerate(_take(table, "topic", list, where), start=1):
        place = f"{where}, topic {number}"
        seasons = tuple(row.get("seasons", ()))
        if not set(seasons) <= set(SEASONS):
            raise BadPack(f"{place}: seasons must be of {', '.join(SEASONS)}")
        groups = tuple(row.get("groups", ()))
        if not set(groups) <= set(GROUPS):
            raise BadPack(f"{place}: groups must be of {', '.join(GROUPS)}")
        found.append(
            Topic(
                id=_take(row, "id", str, place),
                question=_take(row, "question", str, place),
                hint=str(row.get("hint", "")),
                seasons=seasons,
                months=_figures(row, "months", 1, 12, place),
                weekdays=_figures(row, "weekdays", 0, 6, place),
                festival=str(row.get("festival", "")),
                groups=groups,
            )
        )
    return tuple(found)


def parse_month(table: Mapping[str, Any], where: str) -> Month:
    """Turn a decoded month file into a month.

    Raises:
        BadPack: a field is missing, has the wrong type or lies out of bounds.
    """
    challenge = _take(table, "challenge", dict, where)
    place = f"{where}, challenge"
    return Month(
        month=_figure(table, "month", 1, 12, where),
        name=_take(table, "name", str, where),
        slogan=_take(table, "slogan", str, where),
        opening=_take(table, "opening", str, where).strip(),
        closing=_take(table, "closing", str, where).strip(),
        beats=tuple(
            Beat(
                day=_figure(row, "day", 2, 27, f"{where}, beat"),
                title=_take(row, "title", str, f"{where}, beat"),
                text=_take(row, "text", str, f"{where}, beat").strip(),
            )
            for row in _take(table, "beat", list, where)
        ),
        challenge=Challenge(
            name=_take(challenge, "name", str, place),
            rule=_take(challenge, "rule", str, place),
            target=_figure(challenge, "target", 1, 62, place),
            goal_text=_take(challenge, "goal_text", str, place),
            reward_points=_figure(challenge, "reward_points", 1, 10_000, place),
            top=_figure(challenge, "top", 1, 50, place),
        ),
    )


def read_topics(folder: Path) -> tuple[Topic, ...]:
    """Read every topics file of a folder, in the order of their names.

    Raises:
        BadPack: a file is wrong, or two topics have one id.
    """
    found: dict[str, Topic] = {}
    for path in sorted(folder.glob("*.toml")):
        for topic in parse_topics(tomllib.loads(path.read_text("utf-8")), path.name):
            if topic.id in found:
                raise BadPack(f"{path.name}: {topic.id} stands twice")
            found[topic.id] = topic
    return tuple(found.values())


def read_months(folder: Path) -> Mapping[int, Month]:
    """Read the month files of a folder: month 1 … 12 → theme.

    Raises:
        BadPack: a file is wrong, a month stands twice or is missing.
    """
    found: dict[int, Month] = {}
    for path in sorted(folder.glob("month_*.toml")):
        month = parse_month(tomllib.loads(path.read_text("utf-8")), path.name)
        if month.month in found:
            raise BadPack(f"{path.name}: month {month.month} stands twice")
        found[month.month] = month
    missing = set(range(1, 13)) - found.keys()
    if missing:
        raise BadPack(f"no file for month {min(missing)}")
    return MappingProxyType(found)


@lru_cache(maxsize=1)
def topics() -> tuple[Topic, ...]:
    """Return the bank of daily topics. Source: F32."""
    return read_topics(PROMPTS / "topics")


@lru_cache(maxsize=1)
def months() -> Mapping[int, Month]:
    """Return the twelve month themes. Source: F27, F28."""
    return read_months(PROMPTS / "calendar")


def fill(text: str, values: Mapping[str, object]) -> Sequence[str]:
    """Fill a pack's text and return its lines.

    Values are put on one line and never looked into for further placeholders. A line that needs a value which is None is
    left out; a name that ``values`` does not have stays as it is written.
    """
    lines = []
    for line in text.split("\n"):
        names = set(_PLACEHOLDER.findall(line))
        if any(name in values and values[name] is None for name in names):
            continue
        lines.append(
            _PLACEHOLDER.sub(lambda m: plain(str(values[m.group(1)])) if m.group(1) in values else m.group(0), line)
        )
    return lines
