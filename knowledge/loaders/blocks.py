"""What every loader returns: blocks in reading order, or ready question-and-answer entries."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(slots=True)
class Block:
    """A heading, a paragraph or a table row.

    Attributes:
        kind: ``heading``, ``text`` or ``row`` (``header: cell; header: cell``).
        text: plain text of one or more lines.
        level: 1 to 9 of a heading, else 0.
        page: 1-based page or slide, 0 where the format has none.
        sheet: name of the sheet of a workbook.
    """

    kind: str
    text: str
    level: int = 0
    page: int = 0
    sheet: str = ""


@dataclass(slots=True)
class Entry:
    """A question with its answer and other ways to ask it; as in a JSONL or a two-column table."""

    entry: str
    question: str
    answer: str = ""
    aliases: list[str] = field(default_factory=list)
    category: str = ""
    source: str = ""
    facts: list[str] = field(default_factory=list)
    plain: str = ""


@dataclass(slots=True)
class Loaded:
    """A parsed file.

    Attributes:
        title: the document's own title, else empty.
        warnings: codes for staff: ``hidden_text`` (left out), ``personal_data`` (masked), ``formulas``.
    """

    title: str = ""
    blocks: list[Block] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def warn(self, code: str) -> None:
        """Adds a warning once."""
        if code not in self.warnings:
            self.warnings.append(code)

    def dump(self) -> dict[str, Any]:
        """As JSON values, for the way out of the child process."""
        return asdict(self)


def parse(value: dict[str, Any]) -> Loaded:
    """The inverse of ``Loaded.dump``."""
    return Loaded(
        title=value["title"],
        blocks=[Block(**block) for block in value["blocks"]],
        entries=[Entry(**entry) for entry in value["entries"]],
        warnings=list(value["warnings"]),
    )
