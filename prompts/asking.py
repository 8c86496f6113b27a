"""How people put questions: asking/*.toml, compiled once."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from prompts.loader import PROMPTS

FOLDER = PROMPTS / "asking"


@dataclass(frozen=True, slots=True)
class Turns:
    """Patterns over canonical text.

    Attributes:
        asks: one of these stands in a clause that is a question.
        tags: the whole of a clause that asks for nothing of its own.
        trouble: the whole of a clause that tells what is wrong; other: how a question of another matter begins.
        joiners: words between two questions; listed: numbers before the lines of a list.
        leans: one of these is the whole of a follow-up of at most ``most`` characters; points: it begins like this.
        never: the whole of what leans on nothing.
        begin, end: taken away from a follow-up; asking: taken away where only a question's matter is wanted.
    """

    asks: re.Pattern[str]
    tags: re.Pattern[str]
    trouble: re.Pattern[str]
    other: re.Pattern[str]
    joiners: re.Pattern[str]
    listed: re.Pattern[str]
    most: int
    leans: tuple[re.Pattern[str], ...]
    points: re.Pattern[str]
    never: re.Pattern[str]
    begin: re.Pattern[str]
    end: re.Pattern[str]
    asking: re.Pattern[str]


@lru_cache(maxsize=1)
def turns() -> Turns:
    """Return the patterns of questions and follow-ups."""
    read = tomllib.loads((FOLDER / "turns.toml").read_text(encoding="utf-8"))
    lean = read["lean"]
    numbered = [_renumbered(pattern, at) for at, pattern in enumerate(read["asks"])]
    return Turns(
        re.compile("|".join(numbered)),
        re.compile(read["tags"]),
        re.compile(read["trouble"]),
        re.compile(read["other"]),
        re.compile(read["joiners"]),
        re.compile(read["listed"]),
        lean["most"],
        tuple(re.compile(lean[name]) for name in ("back", "after", "bare")),
        re.compile(lean["points"]),
        re.compile(lean["never"]),
        re.compile(lean["begin"]),
        re.compile(lean["end"]),
        re.compile(lean["asking"]),
    )


def _renumbered(pattern: str, at: int) -> str:
    """Give the groups of a pattern names of their own, so that several can stand beside each other."""
    names = iter(f"(?P<g{at}_{number}>" for number in range(9))
    open_ = re.sub(r"\((?!\?)", lambda _: next(names), pattern)
    return re.sub(r"\\([1-9])", lambda found: f"(?P=g{at}_{int(found.group(1)) - 1})", open_)


@lru_cache(maxsize=1)
def intents() -> Mapping[str, re.Pattern[str]]:
    """Return, by command name, the sentences that mean a command."""
    read = tomllib.loads((FOLDER / "intents.toml").read_text(encoding="utf-8"))
    shared = read.pop("shared", {})
    found: dict[str, re.Pattern[str]] = {}
    for name, patterns in read["meant"].items():
        whole = _either(patterns)
        for part, words in shared.items():
            whole = whole.replace(f"<{part}>", words)
        found[name] = re.compile(whole)
    return found


@lru_cache(maxsize=2)
def distress(table: str = "distress") -> Mapping[str, re.Pattern[str]]:
    """Return, by kind (``self_harm``, ``violence``, ``emergency``), the clauses of somebody who is in danger.

    ``lastgroup`` of an emergency's match names what has happened.

    Args:
        table: ``alone`` for what means that only when it is the whole of a message.
    """
    read = tomllib.loads((FOLDER / "distress.toml").read_text(encoding="utf-8"))
    found: dict[str, re.Pattern[str]] = {}
    for kind, patterns in read[table].items():
        whole = _named(patterns) if isinstance(patterns, dict) else _either(patterns)
        for part, words in read["shared"].items():
            whole = whole.replace(f"<{part}>", words)
        found[kind] = re.compile(whole)
    return found


def _either(patterns: Iterable[str]) -> str:
    return "|".join(f"(?:{one})" for one in patterns)


def _named(patterns: Mapping[str, Iterable[str]]) -> str:
    return "|".join(f"(?P<{name}>{_either(some)})" for name, some in patterns.items())
