"""What the scan of a document looks for: scanning/*.toml, compiled once, in the order in which it stands there."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from prompts.loader import PROMPTS

FOLDER = PROMPTS / "scanning"
SEVERITIES = ("block", "warn", "note")


@dataclass(frozen=True, slots=True)
class Rule:
    """Words that staff should see before a document is published.

    Attributes:
        kind: ``injection``, ``payment``, ``link``, ``encoded``, ``personal_data`` or ``ad_law``.
        severity: ``block``, ``warn`` or ``note``.
        word: over text as it is compared (``knowledge.normalise.canonical``).
        unless: what makes it harmless when it stands in the sentence; None = nothing does.
    """

    kind: str
    severity: str
    word: re.Pattern[str]
    unless: re.Pattern[str] | None


def read(path: Path) -> Sequence[Rule]:
    """Read one list.

    Raises:
        ValueError: something else stands there, a word is no regular expression, or a severity is unknown.
    """
    with path.open("rb") as file:
        found = tomllib.load(file)
    try:
        rules = tuple(
            Rule(
                str(one["kind"]),
                str(one["severity"]),
                re.compile(one["word"]),
                re.compile("|".join(one["unless"])) if one.get("unless") else None,
            )
            for one in found["rule"]
        )
    except (KeyError, TypeError, re.error) as error:
        raise ValueError(f"{path.name}: {error}") from error
    if wrong := [rule.severity for rule in rules if rule.severity not in SEVERITIES]:
        raise ValueError(f"{path.name}: {wrong[0]}")
    return rules


@lru_cache(maxsize=1)
def instructions() -> Sequence[Rule]:
    """Return what does not belong into a document that answers. Source: F69, FAULTS C2."""
    return read(FOLDER / "instructions.toml")


@lru_cache(maxsize=1)
def adverts() -> Sequence[Rule]:
    """Return absolute words beside the claims of moderation. Source: F81."""
    return read(FOLDER / "adverts.toml")
