"""A small PDF writer: text of any script at a place, lines, boxes, notes; what a test needs and no more.

Letters come from a font that is named and not carried (Adobe-GB1); a reader takes the words from its codes.
Coordinates are points from the top left corner.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

WIDTH, HEIGHT = 595, 842
_FONTS = {False: b"F1", True: b"F2"}


def width(text: str, size: float = 10.5) -> float:
    """Points that a text takes: half a letter each for ASCII, a whole one for others."""
    return sum(0.5 if letter.isascii() else 1.0 for letter in text) * size


class Paper:
    """A document in the making; ``page()`` begins a page."""

    def __init__(self, *, packed: bool = True) -> None:
        self.packed = packed
        self.pages: list[list[bytes]] = []
        self.notes: dict[int, list[str]] = {}
        self.extra = b""
        self.page_extra = b""

    def page(self) -> Paper:
        self.pages.append([])
        return self

    def raw(self, operators: str) -> Paper:
        self.pages[-1].append(operators.encode("latin-1"))
        return self

    def text(
        self,
        x: float,
        y: float,
        text: str,
        size: float = 10.5,
        *,
        bold: bool = False,
        ink: Sequence[float] = (0, 0, 0),
        mode: int = 0,
        turned: bool = False,
    ) -> Paper:
        code = text.encode("utf-16-be").hex()
        turn = "0.7 0.7 -0.7 0.7" if turned else "1 0 0 1"
        colour = " ".join(str(part) for part in ink)
        font = _FONTS[bold].decode()
        return self.raw(f"BT /{font} {size} Tf {colour} rg {mode} Tr {turn} {x:.1f} {HEIGHT - y:.1f} Tm <{code}> Tj ET")

    def line(self, x0: float, y0: float, x1: float, y1: float) -> Paper:
        return self.raw(f"0.5 w {x0:.1f} {HEIGHT - y0:.1f} m {x1:.1f} {HEIGHT - y1:.1f} l S")

    def box(self, x0: float, y0: float, x1: float, y1: float, ink: Sequence[float]) -> Paper:
        colour = " ".join(str(part) for part in ink)
        return self.raw(f"{colour} rg {x0:.1f} {HEIGHT - y1:.1f} {x1 - x0:.1f} {y1 - y0:.1f} re f")

    def note(self, text: str) -> Paper:
        self.notes.setdefault(len(self.pages) - 1, []).append(text)
        return self

    def lines(self, x: float, y: float, texts: Sequence[str], size: float = 10.5, step: float = 16) -> float:
        """Lines below each other; returns where the next one goes."""
        for text in texts:
            self.text(x, y, text, size)
            y += step
        return y

    def table(
        self, x: float, y: float, rows: Sequence[Sequence[str]], widths: Sequence[float], height: float = 20
    ) -> float:
        """A ruled table; returns its lower edge."""
        edges = [x]
        for one in widths:
            edges.append(edges[-1] + one)
        for at in range(len(rows) + 1):
            self.line(edges[0], y + at * height, edges[-1], y + at * height)
        for edge in edges:
            self.line(edge, y, edge, y + len(rows) * height)
        for at, row in enumerate(rows):
            for left, cell in zip(edges, row, strict=False):
                for part, line in enumerate(cell.split("\n")):
                    self.text(left + 3, y + at * height + 13 + 11 * part, line, 9)
        return y + len(rows) * height

    def done(self) -> bytes:
        """The file."""
        objects: list[bytes] = [b"", b""]  # catalogue and page tree come last, when the numbers are known

        def add(content: bytes) -> int:
            objects.append(content)
            return len(objects)

        fonts = b""
        for name, base in ((b"F1", b"SimSun"), (b"F2", b"SimHei-Bold")):
            inner = add(
                b"<</Type/Font/Subtype/CIDFontType0/BaseFont/%s/CIDSystemInfo<</Registry(Adobe)/Ordering(GB1)/Supplement 2>>"
                b"/DW 1000/W[1 95 500 814 939 500]>>" % base
            )
            outer = add(
                b"<</Type/Font/Subtype/Type0/BaseFont/%s/Encoding/UniGB-UCS2-H/DescendantFonts[%d 0 R]>>"
                % (base, inner)
            )
            fonts += b"/%s %d 0 R" % (name, outer)
        kids = []
        for at, operators in enumerate(self.pages):
            stream = b"\n".join(operators)
            body = zlib.compress(stream) if self.packed else stream
            form = b"/Filter/FlateDecode" if self.packed else b""
            content = add(b"<</Length %d%s>>stream\n%s\nendstream" % (len(body), form, body))
            notes = b"".join(
                b"<</Type/Annot/Subtype/Text/Rect[9 9 20 20]/Contents<feff%s>>>"
                % text.encode("utf-16-be").hex().encode()
                for text in self.notes.get(at, ())
            )
            kids.append(
                add(
                    b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 %d %d]/Contents %d 0 R/Resources<</Font<<%s>>>>/Annots[%s]%s>>"
                    % (WIDTH, HEIGHT, content, fonts, notes, self.page_extra)
                )
            )
        objects[0] = b"<</Type/Catalog/Pages 2 0 R%s>>" % self.extra
        objects[1] = b"<</Type/Pages/Kids[%s]/Count %d>>" % (b" ".join(b"%d 0 R" % kid for kid in kids), len(kids))
        out, places = b"%PDF-1.5\n", []
        for number, body in enumerate(objects, start=1):
            places.append(len(out))
            out += b"%d 0 obj%s endobj\n" % (number, body)
        table = b"".join(b"%010d 00000 n \n" % place for place in places)
        size = len(objects) + 1
        return (
            out
            + b"xref\n0 %d\n0000000000 65535 f \n" % size
            + table
            + b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % (size, len(out))
        )


SENTENCE = "团长收到货以后先点数再拍照，少了坏了当天晚上八点以前在群里登记，第二天统一补发或者退款。"


def wrapped(text: str, columns: float, size: float = 10.5) -> list[str]:
    """A text in lines of at most so many points."""
    lines = [""]
    for letter in text:
        if width(lines[-1] + letter, size) > columns:
            lines.append("")
        lines[-1] += letter
    return lines


def handbook(pages: int = 65) -> bytes:
    """Pages of running text and ruled tables, with a running header, a footer and page numbers."""
    paper = Paper()
    for number in range(1, pages + 1):
        paper.page().text(240, 40, "团长工作手册（样例）", 9)
        paper.text(60, 90, f"{number} 收货与登记", 16, bold=True)
        y = paper.lines(60, 120, wrapped(SENTENCE * 5, 470), step=17)
        y = paper.lines(60, y + 12, wrapped(f"第 {number} 天的货。" + SENTENCE * 3, 470), step=17)
        rows = [["品名", "规格", "产地", "批次", "保存"]]
        rows += [
            [f"样品{number}-{row}", "500 克", "云南", f"B{number:02d}{row:02d}", "0-4 度冷藏"] for row in range(14)
        ]
        paper.table(60, y + 8, rows, [110, 80, 80, 90, 110])
        paper.text(280, 815, f"第 {number} 页", 9)
    return paper.done()
