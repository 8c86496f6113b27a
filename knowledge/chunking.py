"""Blocks to passages: a section each, short enough to read on a phone, with the headings above it.

Source: F69, DESIGN 6.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from knowledge.loaders.blocks import Block

MAX_PASSAGE = 420
"""Characters of a passage at most; a section that is longer is cut between paragraphs, then between sentences."""

_NUMBER = re.compile(r"^(\d+(?:\.\d+)*|第[一二三四五六七八九十百\d]+[章节条])")
_SENTENCE = re.compile(r"(?<=[。！？!?；;\n])")


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a document.

    Attributes:
        entry: its place in the document, unique there: ``3.2``, ``3.2#2``, ``p4``.
        title: headings joined by `` › ``.
        locator: what a person looks for: a heading's number, a page, a sheet; may be empty.
    """

    entry: str
    title: str
    body: str
    locator: str


def passages(title: str, blocks: Iterable[Block]) -> list[Passage]:
    """Cuts a document.

    Args:
        title: Of the document; stands first in every passage's title.
        blocks: In reading order; headings open sections.
    """
    found: list[Passage] = []
    used: dict[str, int] = {}
    trail: list[tuple[int, str]] = []
    section: list[Block] = []

    def close() -> None:
        headings = [text for _, text in trail if text != title]
        name = " › ".join(part for part in [title, *headings] if part)[:500]
        number = _NUMBER.match(headings[-1]) if headings else None
        for body, first in _pieces(section):
            place = number.group(1) if number else (f"p{first.page}" if first.page else first.sheet or "0")
            used[place] = used.get(place, 0) + 1
            key = place if used[place] == 1 else f"{place}#{used[place]}"
            locator = number.group(1) if number else (str(first.page) if first.page else first.sheet)
            found.append(Passage(key[:120], name, body, locator[:120]))
        section.clear()

    for block in blocks:
        if block.kind == "heading":
            close()
            while trail and trail[-1][0] >= block.level:
                trail.pop()
            trail.append((block.level, " ".join(block.text.split())[:120]))
        else:
            section.append(block)
    close()
    return found


def _pieces(section: list[Block]) -> list[tuple[str, Block]]:
    pieces: list[tuple[str, Block]] = []
    current = ""
    first: Block | None = None
    for block in section:
        for text in _short(block.text.strip()):
            turned = first is not None and (first.page, first.sheet) != (block.page, block.sheet)
            if current and first is not None and (turned or len(current) + len(text) + 1 > MAX_PASSAGE):
                pieces.append((current, first))
                current = ""
            if not current:
                first = block
            current = f"{current}\n{text}" if current else text
    if current and first is not None:
        pieces.append((current, first))
    return pieces


def _short(text: str) -> list[str]:
    if len(text) <= MAX_PASSAGE:
        return [text] if text else []
    parts: list[str] = []
    current = ""
    for sentence in _SENTENCE.split(text):
        rest = sentence
        while len(rest) > MAX_PASSAGE:
            if current:
                parts.append(current)
                current = ""
            parts.append(rest[:MAX_PASSAGE])
            rest = rest[MAX_PASSAGE:]
        if current and len(current) + len(rest) > MAX_PASSAGE:
            parts.append(current)
            current = ""
        current += rest
    if current.strip():
        parts.append(current)
    return [part.strip() for part in parts if part.strip()]
