"""Codes, and when two persons may be one. Pure."""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

ALPHABET = "34679ACDEFGHJKMNPQRTWXY"
"""23 signs; none that is taken for another: no 0 and O, 1, I and L, 2 and Z, 5 and S, 8 and B, U and V."""
CODE = 9
"""Signs of a code: 40.7 bits, written in threes."""
LIVES = timedelta(minutes=10)
TRIES = 5
"""Wrong codes that a person may enter within ``TRIES_IN``."""
TRIES_IN = timedelta(hours=1)
AGAIN_IN = timedelta(days=30)
"""How long after parting the same two cannot become one again."""


def draw(chance: random.Random) -> str:
    """Draw a code."""
    return "".join(chance.choice(ALPHABET) for _ in range(CODE))


def in_threes(code: str) -> str:
    """Write a code so that it can be read aloud and copied."""
    return "-".join(code[start : start + 3] for start in range(0, CODE, 3))


def read_code(text: str) -> str:
    """Read a typed code: width, case, blanks and marks do not matter; empty when it cannot be one."""
    folded = "".join(
        char for char in unicodedata.normalize("NFKC", text).upper() if unicodedata.category(char)[0] in "LN"
    )
    return folded if len(folded) == CODE and all(sign in ALPHABET for sign in folded) else ""


def masked(name: str) -> str:
    """Return a name as whoever holds a code may see it: its first character alone."""
    return f"{name.strip()[:1]}**"


def counts(tries: int, since: datetime | None, now: datetime) -> int:
    """Return how many wrong codes count at a moment: those of [since, since + ``TRIES_IN``)."""
    return tries if since is not None and now < since + TRIES_IN else 0


@dataclass(frozen=True, slots=True)
class Side:
    """What decides whether a person may be one of two.

    Attributes:
        channels: on which the person is known.
        staff: has an account of the console, or a role over groups.
        withdrew: wants nothing to be recorded.
        survivor: goes on for somebody already.
    """

    channels: Collection[str]
    staff: bool = False
    withdrew: bool = False
    survivor: bool = False


@dataclass(frozen=True, slots=True)
class Both:
    """A group in which both are.

    Attributes:
        group: its name.
        family: one of them shares points with others there.
        leads: the absorbed one leads it and the surviving one does not.
    """

    group: str
    family: bool = False
    leads: bool = False


def why_not(
    survivor: Side, absorbed: Side, both: Collection[Both], parted_at: datetime | None, now: datetime
) -> tuple[str, dict[str, object]]:
    """Return the text key and the values of why two persons cannot become one; an empty key when they can.

    A role is never gained by binding, nor lost; a family's points are not taken along; and who has parted waits.

    Args:
        parted_at: when these two parted last.
    """
    if survivor.staff or absorbed.staff:
        return "bonds.staff", {}
    if survivor.withdrew or absorbed.withdrew:
        return "bonds.withdrawn", {}
    twice = next((one for one in absorbed.channels if one in survivor.channels), "")
    if twice:
        return "bonds.same_channel", {"channel": twice}
    if absorbed.survivor:
        return "bonds.other_way", {}
    if parted_at is not None and now < parted_at + AGAIN_IN:
        return "bonds.again", {"days": -((now - parted_at - AGAIN_IN) // timedelta(days=1))}
    for one in both:
        if one.leads:
            return "bonds.leads", {"group": one.group}
        if one.family:
            return "bonds.family", {"group": one.group}
    return "", {}
