"""One PDF page through pdfium: the glyphs that a reader sees, ruling lines, and what is there without being seen.

Coordinates are points from the top left corner of the page as shown (rotation and crop box applied).
Source: F69, FAULTS C2.
"""

from __future__ import annotations

import ctypes
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

MAX_OBJECTS = 60_000
"""Of a page; what lies behind them is not read (a drawing, not a document)."""
MAX_EDGES = 1500
MAX_DEPTH = 6
TINY = 2.5
"""Points; smaller letters cannot be read."""
_CLOSE = 26
"""Of 255; colours that differ less in every part are one colour to the eye."""

Box = tuple[float, float, float, float]
Matrix = tuple[float, float, float, float, float, float]
_SAME: Matrix = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)


@dataclass(slots=True)
class Glyph:
    """A letter: left, right, baseline, size in points."""

    text: str
    x0: float
    x1: float
    y: float
    size: float
    bold: bool


@dataclass(slots=True)
class PageContent:
    """What a page holds.

    Attributes:
        edges: (x0, y0, x1, y1) of horizontal and vertical lines.
        unseen: runs of text that are there without being seen.
        slanted: runs of text that do not stand upright.
        pictures: a picture covers a fifth of the page or more.
    """

    number: int
    width: float
    height: float
    glyphs: list[Glyph] = field(default_factory=list)
    edges: list[Box] = field(default_factory=list)
    unseen: list[str] = field(default_factory=list)
    slanted: list[str] = field(default_factory=list)
    pictures: bool = False


@dataclass(slots=True)
class _Style:
    size: float
    bold: bool
    visible: bool
    upright: bool


@dataclass(slots=True)
class _Fill:
    order: int
    box: Box
    colour: tuple[int, int, int] | None  # None: a picture or a pattern


class _Reader:
    def __init__(self, page: Any, number: int) -> None:
        from pypdfium2 import raw

        self.raw = raw
        self.page = page
        left, bottom, right, top = page.get_cropbox()
        self.origin = (left, bottom)
        self.size = (right - left, top - bottom)
        self.turned = page.get_rotation() % 360
        width, height = self.size if self.turned in {0, 180} else self.size[::-1]
        self.content = PageContent(number, width, height)
        self.fills: list[_Fill] = []
        self.texts: dict[int, tuple[int, Matrix]] = {}
        self.styles: dict[int, _Style] = {}
        self.seen = 0

    def point(self, x: float, y: float) -> tuple[float, float]:
        x, y = x - self.origin[0], y - self.origin[1]
        width, height = self.size
        match self.turned:
            case 90:
                return y, x
            case 180:
                return width - x, y
            case 270:
                return height - y, width - x
            case _:
                return x, height - y

    # ------------------------------------------------------------ objects

    def walk(self) -> None:
        raw = self.raw
        page = self.page.raw
        self._objects(lambda at: raw.FPDFPage_GetObject(page, at), raw.FPDFPage_CountObjects(page), _SAME, 0)

    def _objects(self, get: Callable[[int], Any], count: int, outer: Matrix, depth: int) -> None:
        raw = self.raw
        for at in range(max(count, 0)):
            if self.seen >= MAX_OBJECTS:
                return
            self.seen += 1
            item = get(at)
            if not item:
                continue
            match raw.FPDFPageObj_GetType(item):
                case raw.FPDF_PAGEOBJ_TEXT:
                    self.texts[ctypes.addressof(item.contents)] = (self.seen, outer)
                case raw.FPDF_PAGEOBJ_PATH:
                    self._path(item, _times(self._matrix(item), outer))
                case raw.FPDF_PAGEOBJ_IMAGE | raw.FPDF_PAGEOBJ_SHADING:
                    box = self._bounds(item, outer)
                    if box is not None:
                        self.fills.append(_Fill(self.seen, box, None))
                        large = (box[2] - box[0]) * (box[3] - box[1]) > 0.2 * self.content.width * self.content.height
                        self.content.pictures |= large
                case raw.FPDF_PAGEOBJ_FORM if depth < MAX_DEPTH:
                    self._objects(
                        lambda at, item=item: raw.FPDFFormObj_GetObject(item, at),  # type: ignore[misc]
                        raw.FPDFFormObj_CountObjects(item),
                        _times(self._matrix(item), outer),
                        depth + 1,
                    )

    def _matrix(self, item: Any) -> Matrix:
        matrix = self.raw.FS_MATRIX()
        if not self.raw.FPDFPageObj_GetMatrix(item, matrix):
            return _SAME
        return (matrix.a, matrix.b, matrix.c, matrix.d, matrix.e, matrix.f)

    def _bounds(self, item: Any, outer: Matrix) -> Box | None:
        left, bottom, right, top = (ctypes.c_float() for _ in range(4))
        if not self.raw.FPDFPageObj_GetBounds(item, left, bottom, right, top):
            return None
        corners = [
            self.point(*_apply(outer, x, y)) for x in (left.value, right.value) for y in (bottom.value, top.value)
        ]
        return _around(corners)

    def _path(self, item: Any, matrix: Matrix) -> None:
        raw = self.raw
        count = raw.FPDFPath_CountSegments(item)
        mode, stroke = ctypes.c_int(), ctypes.c_int()
        raw.FPDFPath_GetDrawMode(item, mode, stroke)
        if count < 2 or count > 4000 or not (mode.value or stroke.value):
            return
        points: list[tuple[float, float]] = []
        lines: list[Box] = []
        start = (0.0, 0.0)
        x, y = ctypes.c_float(), ctypes.c_float()
        for at in range(count):
            segment = raw.FPDFPath_GetPathSegment(item, at)
            raw.FPDFPathSegment_GetPoint(segment, x, y)
            here = self.point(*_apply(matrix, x.value, y.value))
            kind = raw.FPDFPathSegment_GetType(segment)
            if kind == raw.FPDF_SEGMENT_MOVETO:
                start = here
            elif kind == raw.FPDF_SEGMENT_LINETO and points:
                lines.append((*points[-1], *here))
            points.append(here)
            if raw.FPDFPathSegment_GetClose(segment):
                lines.append((*here, *start))
        box = _around(points)
        if mode.value and box[2] - box[0] > 3 and box[3] - box[1] > 3:
            colour = self._colour(item)
            if colour is None or colour[3] > 128:
                self.fills.append(_Fill(self.seen, box, colour[:3] if colour else None))
        if len(self.content.edges) < MAX_EDGES:
            if mode.value and min(box[2] - box[0], box[3] - box[1]) <= 3:  # a bar drawn as a thin filled box
                middle = ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
                wide = box[2] - box[0] >= box[3] - box[1]
                line = (box[0], middle[1], box[2], middle[1]) if wide else (middle[0], box[1], middle[0], box[3])
                self._edge(line)
            else:
                for line in lines:
                    self._edge(line)

    def _edge(self, line: Box) -> None:
        x0, y0, x1, y1 = line
        if abs(y0 - y1) <= 1 < abs(x0 - x1):
            y = (y0 + y1) / 2
            self.content.edges.append((min(x0, x1), y, max(x0, x1), y))
        elif abs(x0 - x1) <= 1 < abs(y0 - y1):
            x = (x0 + x1) / 2
            self.content.edges.append((x, min(y0, y1), x, max(y0, y1)))

    def _colour(self, item: Any) -> tuple[int, int, int, int] | None:
        parts = [ctypes.c_uint() for _ in range(4)]
        if not self.raw.FPDFPageObj_GetFillColor(item, *parts):
            return None
        red, green, blue, alpha = (part.value for part in parts)
        return red, green, blue, alpha

    # ------------------------------------------------------------ letters

    def letters(self) -> None:
        raw = self.raw
        textpage = self.page.get_textpage()
        handle = textpage.raw
        hidden: dict[int, list[str]] = {}  # runs of neighbours, whatever number of objects they are drawn with
        slanted: dict[int, list[str]] = {}
        kind, run = "", 0
        box, origin_x, origin_y = raw.FS_RECTF(), ctypes.c_double(), ctypes.c_double()
        last: Any = None
        style: _Style | None = None
        address = 0
        width, height = self.content.width, self.content.height
        for at in range(raw.FPDFText_CountChars(handle)):
            code = raw.FPDFText_GetUnicode(handle, at)
            if code < 32 and code != 2:
                continue
            item = raw.FPDFText_GetTextObject(handle, at)
            if not item:  # made up by pdfium: a blank or a break
                continue
            address = ctypes.addressof(item.contents)
            if address != last:
                last, style = address, self._style(item, address)
            assert style is not None
            raw.FPDFText_GetLooseCharBox(handle, at, box)
            raw.FPDFText_GetCharOrigin(handle, at, origin_x, origin_y)
            x0, y0 = self.point(box.left, box.bottom)
            x1, y1 = self.point(box.right, box.top)
            base = self.point(origin_x.value, origin_y.value)[1]
            x0, x1 = min(x0, x1), max(x0, x1)
            text = "-" if code == 2 else _letter(code)
            inside = -1 <= (x0 + x1) / 2 <= width + 1 and -1 <= (y0 + y1) / 2 <= height + 1
            before, kind = kind, "hidden" if not (style.visible and inside) else "" if style.upright else "slanted"
            run += kind != before
            if not kind:
                self.content.glyphs.append(Glyph(text, x0, x1, base, style.size, style.bold))
            else:
                (hidden if kind == "hidden" else slanted).setdefault(run, []).append(text)
        textpage.close()
        self.content.unseen = _runs(hidden)
        self.content.slanted = _runs(slanted)

    def _style(self, item: Any, address: int) -> _Style:
        known = self.styles.get(address)
        if known is not None:
            return known
        raw = self.raw
        order, outer = self.texts.get(address, (self.seen, _SAME))
        a, b, c, d, _, _ = _times(self._matrix(item), outer)
        size = ctypes.c_float()
        raw.FPDFTextObj_GetFontSize(item, size)
        points = abs(size.value) * abs(a * d - b * c) ** 0.5
        mode = raw.FPDFTextObj_GetTextRenderMode(item)
        visible = mode not in {raw.FPDF_TEXTRENDERMODE_INVISIBLE, raw.FPDF_TEXTRENDERMODE_CLIP} and points >= TINY
        if visible and mode in {raw.FPDF_TEXTRENDERMODE_FILL, raw.FPDF_TEXTRENDERMODE_FILL_CLIP}:
            visible = self._stands_out(item, order, outer)
        along, across = (a, b) if self.turned in {0, 180} else (b, a)
        style = _Style(points, self._is_bold(item), visible, abs(across) <= 0.1 * abs(along) or points < TINY)
        self.styles[address] = style
        return style

    def _is_bold(self, item: Any) -> bool:
        raw = self.raw
        font = raw.FPDFTextObj_GetFont(item)
        if not font:
            return False
        buffer = ctypes.create_string_buffer(200)
        raw.FPDFFont_GetBaseFontName(font, buffer, 200)
        name = buffer.value.decode("latin-1").lower()
        return any(word in name for word in ("bold", "black", "heavy", "simhei", "heiti")) or (
            raw.FPDFFont_GetWeight(font) >= 600
        )

    def _stands_out(self, item: Any, order: int, outer: Matrix) -> bool:
        colour = self._colour(item)
        if colour is None:
            return True
        if colour[3] < 20:
            return False
        ink = colour[:3]
        if not _alike(ink, (255, 255, 255)) and not any(_alike(ink, fill.colour) for fill in self.fills):
            return True
        box = self._bounds(item, outer)
        if box is None:
            return True
        x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
        below: tuple[int, int, int] | None = (255, 255, 255)
        for fill in self.fills:
            if fill.order < order and fill.box[0] <= x <= fill.box[2] and fill.box[1] <= y <= fill.box[3]:
                below = fill.colour
        return below is None or not _alike(ink, below)


def read_page(page: Any, number: int) -> PageContent:
    """Reads a pypdfium2 page; ``number`` counts from 1."""
    reader = _Reader(page, number)
    reader.walk()
    reader.letters()
    return reader.content


def notes(page: Any) -> Iterator[str]:
    """What annotations of a page say: comments, pop-ups, stamps; not its links and form fields."""
    from pypdfium2 import raw

    for at in range(min(raw.FPDFPage_GetAnnotCount(page.raw), 500)):
        annotation = raw.FPDFPage_GetAnnot(page.raw, at)
        if not annotation:
            continue
        if raw.FPDFAnnot_GetSubtype(annotation) not in {raw.FPDF_ANNOT_LINK, raw.FPDF_ANNOT_WIDGET}:
            size = raw.FPDFAnnot_GetStringValue(annotation, b"Contents", None, 0)
            if 2 < size < 20_000:
                buffer = (raw.FPDF_WCHAR * (size // 2 + 1))()
                raw.FPDFAnnot_GetStringValue(annotation, b"Contents", buffer, size)
                text = bytes(buffer).decode("utf-16-le", "replace").split("\0")[0].strip()
                if text:
                    yield text
        raw.FPDFPage_CloseAnnot(annotation)


def _runs(pieces: dict[int, list[str]]) -> list[str]:
    texts = (whole("".join(letters)).strip() for letters in pieces.values())
    return [text for text in texts if text]


def _letter(code: int) -> str:
    character = chr(code)
    if 0x2E80 <= code <= 0x2FDF or 0xF900 <= code <= 0xFAFF or 0xFB00 <= code <= 0xFB06:
        return unicodedata.normalize("NFKC", character)  # radicals and ligatures that fonts put in place of letters
    return " " if character.isspace() else character


def whole(text: str) -> str:
    """Surrogates, which pdfium gives one by one, joined to letters."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _alike(one: tuple[int, ...], other: tuple[int, ...] | None) -> bool:
    return other is not None and all(abs(a - b) < _CLOSE for a, b in zip(one, other, strict=True))


def _times(inner: Matrix, outer: Matrix) -> Matrix:
    a, b, c, d, e, f = inner
    g, h, i, j, k, m = outer
    return (a * g + b * i, a * h + b * j, c * g + d * i, c * h + d * j, e * g + f * i + k, e * h + f * j + m)


def _apply(matrix: Matrix, x: float, y: float) -> tuple[float, float]:
    a, b, c, d, e, f = matrix
    return a * x + c * y + e, b * x + d * y + f


def _around(points: list[tuple[float, float]]) -> Box:
    xs, ys = [x for x, _ in points], [y for _, y in points]
    return min(xs), min(ys), max(xs), max(ys)
