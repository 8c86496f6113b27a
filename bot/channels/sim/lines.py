"""A line of the simulator from what was rendered: words and marks, never markup."""

from __future__ import annotations

import html
import re
from typing import Any

from bot.channels.sim.history import Line
from bot.channels.worded import Worded

_TAG = re.compile(r"(</?b>)")


def segments(words: Worded) -> list[list[Any]]:
    """Split rendered texts into [words, bold]; the page puts them into elements and never parses markup."""
    found: list[list[Any]] = []
    for number, part in enumerate(words.parts):
        bold = False
        for piece in _TAG.split(("\n" if number else "") + part) if words.html else [part]:
            if words.html and piece in ("<b>", "</b>"):
                bold = piece == "<b>"
            elif piece:
                found.append([html.unescape(piece) if words.html else piece, bold])
    return found


def words_of(line: Line) -> str:
    """Return a line's words without marks."""
    return "".join(str(part[0]) for part in line["parts"])
