r"""What adds up in a text: moderation/signals/*.toml, one file a kind, compiled once.

Each group of a kind holds regular expressions over letters and digits alone, a line for every clause (``^``, ``$``; ``\Z`` is
the end of all); every different hit of a group counts its points,
up to what the group may bring. The sum decides, so that no single word does: who maintains a list sees what it weighs.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from prompts.loader import PROMPTS

FOLDER = PROMPTS / "moderation" / "signals"


@dataclass(frozen=True, slots=True)
class Group:
    """Words that say the same.

    Attributes:
        points: of each different hit; below nought they speak against.
        most: what the group brings at most, either way.
        last_must: nothing is found unless this group or one before it is hit.
    """

    name: str
    points: int
    most: int
    last_must: bool
    pattern: re.Pattern[str]


@dataclass(frozen=True, slots=True)
class Kind:
    """What a text is found to be when its points reach ``needs``.

    Attributes:
        groups: those that have to be there first, those that speak against it last.
    """

    name: str
    needs: int
    groups: Sequence[Group]


def read(path: Path) -> Kind:
    """Read one kind.

    Raises:
        ValueError: something else stands there, or a word is no regular expression.
    """
    with path.open("rb") as file:
        found: Mapping[str, Any] = tomllib.load(file)
    try:
        written = {name: one for name, one in found.items() if name != "needs"}
        order = sorted(written, key=lambda name: (written[name]["points"] < 0, not written[name].get("must", False)))
        musts = [name for name in order if written[name].get("must", False)]
        groups = [
            Group(
                name,
                int(one["points"]),
                int(one["most"]),
                name in musts[-1:],
                re.compile("|".join(one["words"]), re.MULTILINE),
            )
            for name, one in ((name, written[name]) for name in order)
        ]
        needs = int(found["needs"])
    except (KeyError, TypeError, re.error) as error:
        raise ValueError(f"{path.name}: {error}") from error
    if needs < 1 or any(not one.points or one.most < abs(one.points) or one.pattern.search("") for one in groups):
        raise ValueError(f"{path.name}: needs, points and most")
    return Kind(path.stem, needs, groups)


@lru_cache(maxsize=1)
def kinds() -> Mapping[str, Kind]:
    """Return every kind by its name. Source: F125."""
    return {path.stem: read(path) for path in sorted(FOLDER.glob("*.toml"))}
