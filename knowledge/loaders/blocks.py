"""What every loader returns: blocks in reading order, or ready question-and-answer entries, and what was left out."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

MAX_FINDINGS = 200
MAX_EXCERPT = 120

WARNINGS = {
    "hidden_sheet": "hidden_text",
    "hidden_rows": "hidden_text",
    "hidden_columns": "hidden_text",
    "hidden_slide": "hidden_text",
    "hidden_element": "hidden_text",
}
"""Findings whose warning is another's: all of them are text that was there and not to be seen."""


@dataclass(slots=True)
class Block:
    """A heading, a paragraph or a table row.

    Attributes:
        kind: ``heading``, ``text`` or ``row`` (``header：cell；header：cell``).
        text: plain text of one or more lines.
        level: 1 to 9 of a heading, else 0.
        page: 1-based page or slide, 0 where the format has none.
        sheet: name of the sheet of a workbook.
        point: a heading only because it is short and numbered (「一、退款」); no style says so.
        followed: a heading above what became entries, so that no block may stand under it.
    """

    kind: str
    text: str
    level: int = 0
    page: int = 0
    sheet: str = ""
    point: bool = False
    followed: bool = False


@dataclass(slots=True)
class Entry:
    """A question with its answer and other ways to ask it; as in a JSONL or a two-column table.

    Attributes:
        entry: its own id, the same whenever the same question is read again.
        valid_from, valid_until: first and last day, ``YYYY-MM-DD``; empty where the file says nothing.
        product: the product that the entry is about, where it was made from a product table.
        locator: where the file has it: a sheet and row, a page; may be empty.
    """

    entry: str
    question: str
    answer: str = ""
    aliases: list[str] = field(default_factory=list)
    category: str = ""
    source: str = ""
    facts: list[str] = field(default_factory=list)
    plain: str = ""
    valid_from: str = ""
    valid_until: str = ""
    product: str = ""
    locator: str = ""


@dataclass(slots=True)
class Finding:
    """Something that was left out or changed, for staff to look at.

    Attributes:
        code: one of ``hidden_text``, ``hidden_sheet``, ``hidden_rows``, ``hidden_columns``, ``hidden_slide``,
            ``hidden_element``, ``comments``, ``notes``, ``deleted_text``, ``active_content``, ``attachments``,
            ``pictures``, ``formulas``, ``repeated_question``.
        locator: page, slide, sheet, cell range, or empty.
        excerpt: what it says, 120 characters at most, personal data masked.
    """

    code: str
    locator: str = ""
    excerpt: str = ""

    @property
    def key(self) -> str:
        """Text key of the sentence for staff; its values are ``locator`` and ``excerpt``."""
        return f"kb.finding_{self.code}"


@dataclass(slots=True)
class Loaded:
    """A parsed file.

    Attributes:
        title: the document's own title, else empty.
        warnings: codes for staff, each once: ``hidden_text`` (left out), ``personal_data`` (masked), ``comments``,
            ``notes``, ``deleted_text``, ``active_content``, ``attachments``, ``pictures``, ``formulas``,
            ``repeated_question``.
        findings: the same in detail: what, where; 200 at most.
        pages: pages or slides of the file; 0 where the format has none.
    """

    title: str = ""
    blocks: list[Block] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    pages: int = 0

    def follow(self) -> None:
        """Says of a heading at the end that what stands under it became entries."""
        if self.blocks and self.blocks[-1].kind == "heading":
            self.blocks[-1].followed = True

    def warn(self, code: str) -> None:
        """Adds a warning once."""
        if code not in self.warnings:
            self.warnings.append(code)

    def find(self, code: str, locator: str = "", excerpt: str = "") -> None:
        """Adds a finding, once, and its warning."""
        self.warn(WARNINGS.get(code, code))
        short = " ".join(excerpt.split())
        if len(short) > MAX_EXCERPT:
            short = short[: MAX_EXCERPT - 1] + "…"
        finding = Finding(code, locator[:120], short)
        if len(self.findings) < MAX_FINDINGS and finding not in self.findings:
            self.findings.append(finding)

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
        findings=[Finding(**finding) for finding in value["findings"]],
        pages=value["pages"],
    )
