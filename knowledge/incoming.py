"""A loaded file as the rows that it becomes: entries and passages, each with what was found in it. No database here.

Source: F69.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from knowledge import days, loaders
from knowledge.chunking import passages
from knowledge.scanning import Found, examine


@dataclass(frozen=True, slots=True)
class Row:
    """An entry or passage on its way in: its columns, the ways to ask for it, and what was found in it."""

    values: dict[str, Any]
    asked: list[tuple[str, str]]
    found: list[Found]


def rows_of(loaded: loaders.Loaded, path: Path, zone: str) -> Iterator[Row]:
    """Entries first, then passages, each looked through.

    Args:
        loaded: The file's text.
        path: The file; its name stands in for a title.
        zone: Whose days its rows mean.
    """
    for entry in loaded.entries:
        asked = [("question", entry.question), *(("alias", alias) for alias in dict.fromkeys(entry.aliases))]
        opens, closes = days.window(days.named(entry.valid_from), days.named(entry.valid_until), zone)
        values = {
            "entry": entry.entry,
            "kind": "entry",
            "title": entry.question,
            "body": entry.answer,
            "plain": entry.plain,
            "facts": entry.facts,
            "category": entry.category,
            "source": entry.source,
            "locator": entry.locator,
            "valid_from": opens,
            "valid_until": closes,
        }
        yield Row(values, asked, examine(entry.question, entry.answer, entry.plain, [text for _, text in asked]))
    taken = {entry.entry for entry in loaded.entries}
    for passage in passages(loaded.title or path.stem, loaded.blocks):
        if passage.entry not in taken:
            values = {
                "entry": passage.entry,
                "kind": "passage",
                "title": passage.title,
                "body": passage.body,
                "plain": "",
                "facts": [],
                "category": "",
                "source": "",
                "locator": passage.locator,
                "valid_from": None,
                "valid_until": None,
            }
            asked = [("question", f"{passage.title} {passage.body[:120]}"[:500])]
            yield Row(values, asked, examine(passage.title, passage.body, "", ()))
