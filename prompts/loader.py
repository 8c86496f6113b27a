"""The words people read: texts/zh/<slice>.toml, checked when loaded, filled without ever evaluating a value.

A text is ``name = "…"`` and is called ``slice.name``. Placeholders: ``{name}`` a value; ``{rows:slice.row}`` a list of
mappings, each rendered with the text ``slice.row`` on its own line. ``**bold**`` is the only markup. A value is never looked
into for placeholders, so nothing that a neighbour calls himself can reach another value.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from functools import lru_cache
from pathlib import Path

PROMPTS = Path(__file__).parent
_PLACEHOLDER = re.compile(r"\{([a-z][a-z0-9_]*)(?::([a-z][a-z_]*\.[a-z0-9_]+))?\}")
_CONTROL = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200c\u200e-\u200f\u202a-\u202e\u2028-\u2029\u2066-\u2069\ufeff]"
)


class UnknownText(KeyError):
    """A key that no text file has."""


class Texts:
    """All texts of one language."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        """Hold key → text."""
        self._texts = dict(texts)

    def keys(self) -> Iterable[str]:
        """Return every key."""
        return self._texts.keys()

    def raw(self, key: str) -> str:
        """Return a text unfilled.

        Raises:
            UnknownText: there is none of this key.
        """
        try:
            return self._texts[key]
        except KeyError as error:
            raise UnknownText(key) from error

    def placeholders(self, key: str) -> set[str]:
        """Return the names of the values a text needs."""
        return {match.group(1) for match in _PLACEHOLDER.finditer(self.raw(key))}

    def fill(self, key: str, values: Mapping[str, object], escape: Callable[[str], str] = str) -> str:
        """Fill a text.

        Args:
            key: ``slice.name``.
            values: strings are shown on one line; lists of strings line by line; numbers as they are.
            escape: applied to every value, e.g. HTML escaping; the text's own words are trusted.

        Raises:
            UnknownText: no such text.
            KeyError: a value is missing.
        """

        def one(match: re.Match[str]) -> str:
            value = values[match.group(1)]
            row_key = match.group(2)
            if row_key is not None:
                if not isinstance(value, list | tuple):
                    raise TypeError(f"{key}: {match.group(1)} must be a list")
                return "\n".join(self.fill(row_key, row, escape) for row in value)
            if isinstance(value, list | tuple):
                return "\n".join(escape(plain(str(line))) for line in value)
            return escape(plain(str(value)))

        return _PLACEHOLDER.sub(one, self.raw(key))


def shown_day(day: date) -> str:
    """Write a day as people say it within a year: 12月3日."""
    return texts().fill("render.day", {"month": day.month, "day": day.day})


def plain(text: str) -> str:
    """Take control, bidi and zero-width characters out of a value and put it on one line."""
    return " ".join(_CONTROL.sub("", text.replace("\n", " ").replace("\t", " ")).split(" "))


@lru_cache(maxsize=4)
def texts(language: str = "zh") -> Texts:
    """Load every text of a language once.

    Raises:
        TypeError: a file is not a flat table of strings.
    """
    found: dict[str, str] = {}
    for path in sorted((PROMPTS / "texts" / language).glob("*.toml")):
        table = tomllib.loads(path.read_text("utf-8"))
        for name, text in table.items():
            if not isinstance(text, str):
                raise TypeError(f"{path.name}: {name} is not a text")
            found[f"{path.stem}.{name}"] = text.strip("\n")
    return Texts(found)
