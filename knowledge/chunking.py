"""Blocks to passages: a section each, short enough to read on a phone, with the headings above it.

Source: F69, DESIGN 6.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from knowledge.loaders.blocks import Block

MAX_PASSAGE = 420
"""Characters of a passage at most; a section that is longer is cut between paragraphs, then between sentences."""

_NUMBER = re.compile(r"^(\d+(?:\.\d+)*|第[一二三四五六七八九十百\d]+[章节条])")
_POINT = re.compile(r"[一二三四五六七八九十]{1,3}、")
_CLAUSE = re.compile(r"第[一二三四五六七八九十百零〇\d]{1,6}条(?=[\s　：:、])")
_SENTENCE = re.compile(r"(?<=[。！？!?；;\n])")


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a document.

    Attributes:
        entry: its place in the document, unique there: ``3.2``, ``3.2#2``, ``p4``.
        title: headings joined by `` › ``.
        locator: what a person looks for: a clause's or heading's number, a page (``P5``), a sheet; may be empty.
    """

    entry: str
    title: str
    body: str
    locator: str


def passages(title: str, blocks: Iterable[Block]) -> list[Passage]:
    """Cuts a document.

    Args:
        title: Of the document; stands first in every passage's title.
        blocks: In reading order; headings open sections. A heading with nothing under it is told like a paragraph.
    """
    found: list[Passage] = []
    used: dict[str, int] = {}
    trail: list[Block] = []
    section: list[Block] = []

    def close() -> None:
        headings = [text for text in (_line(one)[:120] for one in trail) if text != title]
        name = " › ".join(part for part in [title, *headings] if part)[:500]
        number = _NUMBER.match(headings[-1]) if headings else None
        for body, first, clause in _pieces(section):
            named = clause or (number.group(1) if number else "")
            place = named or (f"p{first.page}" if first.page else first.sheet or "0")
            used[place] = used.get(place, 0) + 1
            key = place if used[place] == 1 else f"{place}#{used[place]}"
            locator = " ".join(part for part in (named, f"P{first.page}" if first.page else "") if part)
            found.append(Passage(key[:120], name, body, (locator or first.sheet)[:120]))
        section.clear()

    for block, below in pairwise((*blocks, None)):
        assert block is not None
        if block.kind == "heading":
            bare = _is_bare(block, below)
            if not bare or (trail and trail[-1].level >= block.level):
                close()
            while trail and trail[-1].level >= block.level:
                trail.pop()
            if not bare:
                trail.append(block)
            elif _line(block) != title:
                section.append(Block("text", block.text, page=block.page, sheet=block.sheet))
        else:
            if _is_point(block):  # the next point, as a paragraph
                close()
                while trail and trail[-1].point:
                    trail.pop()
            section.append(block)
    close()
    return found


def _is_bare(heading: Block, below: Block | None) -> bool:
    """Say whether nothing stands under a heading, so that its words would be lost: 「一、不许发广告」「二、不许拉人」."""
    if heading.followed:
        return False
    if below is None or (heading.point and _is_point(below)):
        return True
    return below.kind == "heading" and below.level <= heading.level


def _is_point(block: Block) -> bool:
    return block.kind == "text" and _POINT.match(block.text.strip()) is not None


def _line(heading: Block) -> str:
    return " ".join(heading.text.split())


def _pieces(section: list[Block]) -> list[tuple[str, Block, str]]:
    """Passages of a section with the block that each begins in and the clause (第五条) that it belongs to."""
    pieces: list[tuple[str, Block, str]] = []
    current, clause = "", ""
    first: Block | None = None
    for block in section:
        opened = _CLAUSE.match(block.text.strip()) if block.kind == "text" else None
        for at, text in enumerate(_short(block.text.strip())):
            turned = first is not None and (first.page, first.sheet) != (block.page, block.sheet)
            cut = turned or (opened and at == 0) or len(current) + len(text) + 1 > MAX_PASSAGE
            if current and first is not None and cut:
                pieces.append((current, first, clause))
                current = ""
            clause = opened.group() if opened else clause
            if not current:
                first = block
            current = f"{current}\n{text}" if current else text
    if current and first is not None:
        pieces.append((current, first, clause))
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
