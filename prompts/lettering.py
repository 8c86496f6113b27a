"""What the cards' fonts can write: somebody else's words made fit for a picture, and cut to the width of their place.

The fonts are read here without a library, as far as it takes: which characters they have, and how wide each is. So no name,
however odd, leaves a box or runs out of its line, and every machine draws the same.

Source: FAULTS A9, A10; ADR-0012.
"""

from __future__ import annotations

import struct
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

FONTS = Path(__file__).parent / "cards" / "fonts"
REGULAR = ("TuanSans-Regular.otf", "TuanSansRare-Regular.otf")
BOLD = ("TuanSans-Bold.otf", "TuanSansRare-Regular.otf")
FILES = (*REGULAR, BOLD[0])
FAMILIES = ("Tuan Sans", "Tuan Sans Rare")
UNKNOWN = "·"
"""Stands for letters that no font of ours has (Thai, Arabic, some thousand of the rarest characters)."""
ELLIPSIS = "…"
LONGEST = 400
"""Characters of a value that are looked at; a card has no place for more."""


class Face:
    """Which characters a weight can write, and how wide they are."""

    def __init__(self, files: Sequence[str]) -> None:
        """Read the fonts; the first that has a character writes it."""
        self._advances: dict[int, float] = {}
        for name in files:
            for code, advance in _advances((FONTS / name).read_bytes()):
                self._advances.setdefault(code, advance)

    @classmethod
    @lru_cache(maxsize=4)
    def of(cls, files: tuple[str, ...]) -> Face:
        """Return the face of these fonts, read once."""
        return cls(files)

    def __contains__(self, char: str) -> bool:
        return ord(char) in self._advances

    def width(self, text: str) -> float:
        """Return how wide a text is, in em; a character that the fonts lack counts as one em."""
        return sum(self._advances.get(ord(char), 1.0) for char in text)


def face(*, bold: bool = False) -> Face:
    """Return what a weight can write."""
    return Face.of(BOLD if bold else REGULAR)


def clean(text: str) -> str:
    """Make somebody else's words writable: one line of characters that the fonts have.

    Fancy forms of letters become plain ones, accents that the fonts lack go, and so do emoji, marks and invisible
    characters; each run of letters without a glyph becomes one ``UNKNOWN``.
    """
    known = face()
    kept: list[str] = []
    for char in unicodedata.normalize("NFC", text[:LONGEST]):
        if char.isspace():
            if kept and kept[-1] != " ":
                kept.append(" ")
            continue
        if unicodedata.category(char)[0] == "M":
            continue  # the fonts have some, but piled up they would leave the line
        if char in known:
            kept.append(char)
            continue
        plain, base = unicodedata.normalize("NFKC", char), unicodedata.normalize("NFKD", char)[:1]
        if plain.strip() and all(one in known for one in plain):
            kept.append(plain)
        elif base in known:
            kept.append(base)
        elif unicodedata.category(char)[0] in "LN" and kept[-1:] != [UNKNOWN]:
            kept.append(UNKNOWN)
    return "".join(kept).strip()


def weight(text: str) -> int:
    """Return the weight of a name that stands out: 700, or 400 when not all of it can be bold, for it must not be mixed."""
    bold = Face.of(BOLD[:1])
    return 700 if all(char in bold for char in text) else 400


def width(text: str, *, bold: bool = False) -> float:
    """Return how wide a cleaned text is, in em."""
    return face(bold=bold).width(text)


def cut(text: str, most: float, *, bold: bool = False) -> str:
    """Cut a cleaned text so that it is at most ``most`` em wide, with an ellipsis when something is missing."""
    known = face(bold=bold)
    if known.width(text) <= most:
        return text
    room = most - known.width(ELLIPSIS)
    used = 0.0
    for number, char in enumerate(text):
        used += known.width(char)
        if used > room:
            return text[:number].rstrip() + ELLIPSIS
    return text


def lines(text: str, wide: float, most: int, *, bold: bool = False) -> list[str]:
    """Break a cleaned text into at most ``most`` lines of at most ``wide`` em; the last is cut.

    A line does not begin with a closing mark, and a Latin word stays whole where a line has room for it.
    """
    known = face(bold=bold)
    found: list[str] = []
    rest = text
    while rest and len(found) < most - 1 and known.width(rest) > wide:
        end = _fitting(known, rest, wide)
        found.append(rest[:end].rstrip())
        rest = rest[end:].lstrip()
    return [*found, cut(rest, wide, bold=bold)] if rest else found


_CLOSING = "，。！？；：、）》」』”’…,.!?;:)]}%·—"


def _fitting(known: Face, text: str, wide: float) -> int:
    used, end = 0.0, 0
    for char in text:
        used += known.width(char)
        if used > wide:
            break
        end += 1
    end = max(end, 1)
    best = end
    while best > 1 and (text[best : best + 1] in _CLOSING or _inside_word(text, best)):
        best -= 1
    return best if best > end // 2 else end


def _inside_word(text: str, at: int) -> bool:
    pair = text[at - 1 : at + 1]
    return len(pair) == 2 and all(char.isascii() and char.isalnum() for char in pair)


def _advances(font: bytes) -> Iterator[tuple[int, float]]:
    """Yield (code point, width in em) of an OpenType font.

    Source: OpenType 1.9: cmap (formats 4 and 12), hhea, hmtx, head.
    """
    tables: dict[bytes, int] = {}
    (count,) = struct.unpack_from(">H", font, 4)
    for number in range(count):
        tag, _checksum, offset, _length = struct.unpack_from(">4sIII", font, 12 + 16 * number)
        tables[tag] = offset
    (units,) = struct.unpack_from(">H", font, tables[b"head"] + 18)
    (metrics,) = struct.unpack_from(">H", font, tables[b"hhea"] + 34)
    hmtx = tables[b"hmtx"]
    for code, glyph in _characters(font, tables[b"cmap"]):
        (advance,) = struct.unpack_from(">H", font, hmtx + 4 * min(glyph, metrics - 1))
        yield code, advance / units


def _characters(font: bytes, cmap: int) -> Iterator[tuple[int, int]]:
    (count,) = struct.unpack_from(">H", font, cmap + 2)
    formats: dict[int, int] = {}
    for number in range(count):
        _platform, _encoding, offset = struct.unpack_from(">HHI", font, cmap + 4 + 8 * number)
        (kind,) = struct.unpack_from(">H", font, cmap + offset)
        formats[kind] = cmap + offset
    if 12 in formats:
        at = formats[12]
        (groups,) = struct.unpack_from(">I", font, at + 12)
        for first, last, glyph in struct.iter_unpack(">III", font[at + 16 : at + 16 + 12 * groups]):
            yield from ((code, glyph + code - first) for code in range(first, last + 1))
        return
    yield from _basic(font, formats[4])


def _basic(font: bytes, at: int) -> Iterator[tuple[int, int]]:
    """Yield what a format 4 table has: segments of code points up to U+FFFF."""
    (doubled,) = struct.unpack_from(">H", font, at + 6)
    segments = doubled // 2
    ends = struct.unpack_from(f">{segments}H", font, at + 14)
    starts = struct.unpack_from(f">{segments}H", font, at + 16 + doubled)
    deltas = struct.unpack_from(f">{segments}H", font, at + 16 + 2 * doubled)
    offsets_at = at + 16 + 3 * doubled
    offsets = struct.unpack_from(f">{segments}H", font, offsets_at)
    for number in range(segments):
        for code in range(starts[number], min(ends[number], 0xFFFE) + 1):
            glyph = code
            if offsets[number]:
                place = offsets_at + 2 * number + offsets[number] + 2 * (code - starts[number])
                (glyph,) = struct.unpack_from(">H", font, place)
            if glyph := (glyph + deltas[number]) & 0xFFFF if glyph or not offsets[number] else 0:
                yield code, glyph
