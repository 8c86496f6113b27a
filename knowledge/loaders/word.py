"""Word documents, read from their XML: what a reader sees, with numbers of lists, merged cells, text boxes, footnotes.

Source: F69, FAULTS C2.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import Any

from knowledge.loaders.blocks import Block, Loaded
from knowledge.loaders.guard import BROKEN, Unfit
from knowledge.loaders.tables import Row, add_question, add_table
from knowledge.loaders.word_styles import Numbering, Styles, W, attribute, is_on

MAX_DEPTH = 40
MAX_ANSWER = 800
"""Characters after which no further paragraph belongs to the answer of a 「问：」."""

_POINT = re.compile(r"[一二三四五六七八九十]{1,3}、[^。；;！!？?：:，,\n]{1,30}")
_ASKED = re.compile(r"(?:问|[Qq])\s*[：:](.+)", re.DOTALL)
_TOLD = re.compile(r"(?:答|[Aa])\s*[：:](.+)", re.DOTALL)
_LISTED = re.compile(r"[一二三四五六七八九十]{1,3}、|.*[：:]$", re.DOTALL)
"""A line of an answer after which a short point is the answer's, and no heading."""
_FIRST_CHOICE, _CHOICE = re.compile(r"[Aa]\s*[：:]"), re.compile(r"[Bb]\s*[：:]")
_LEFT_OUT = {f"{W}del", f"{W}moveFrom"}
_NOTE = {f"{W}footnoteReference": "footnotes", f"{W}endnoteReference": "endnotes"}
_MC = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"


def read_docx(content: bytes) -> Loaded:
    """Paragraphs, headings, lists and tables in reading order; hidden words, comments and deletions are left out.

    Raises:
        Unfit: ``damaged`` when python-docx cannot make a document of it.
    """
    from docx import Document
    from docx.opc.exceptions import OpcError

    broken: tuple[type[Exception], ...] = (OpcError, *BROKEN)

    try:
        document = Document(io.BytesIO(content))
        reader = _Reader(document)
        reader.read(document.element.body, 0)
        reader.answered()
        reader.comments()
        title = (document.core_properties.title or "").strip()
    except broken as error:
        raise Unfit("damaged") from error
    reader.loaded.title = title[:200]
    if not title:
        first = next((block for block in reader.loaded.blocks if block.text), None)
        if first is not None and first.kind == "heading" and first.level == 1 and not first.point:
            reader.loaded.title = first.text[:200]
    return reader.loaded


class _Reader:
    def __init__(self, document: Any) -> None:
        self.loaded = Loaded()
        self.parts = _related(document.part)
        self.styles = Styles(document.styles.element)
        self.numbering = Numbering(self.parts.get("numbering"))
        self.notes = {kind: _notes(self.parts.get(kind)) for kind in ("footnotes", "endnotes")}
        self.styled = 0
        """Level of the last heading that has a style of its own."""
        self.pair: list[str] = []
        """A question and the paragraphs of its answer so far."""
        self.note_count = 0
        self.waiting: list[str] = []
        self.boxes: list[Any] = []
        self.deleted: list[str] = []

    # ------------------------------------------------------------ blocks

    def read(self, container: Any, depth: int) -> None:
        for element in container:
            match element.tag:
                case tag if tag in _LEFT_OUT:
                    self._deleted(element)
                case tag if tag == f"{W}p":
                    self._paragraph(element, depth)
                case tag if tag == f"{W}tbl":
                    self._table(element, depth)
                case tag if tag in {f"{W}sdt", f"{W}sdtContent", f"{W}ins", f"{W}moveTo", f"{W}customXml"}:
                    if depth < MAX_DEPTH and not self._is_contents(element):
                        self.read(element, depth + 1)

    def _is_contents(self, element: Any) -> bool:
        """Say whether this is the table of contents, which repeats every heading."""
        gallery = element.find(f"{W}sdtPr/{W}docPartObj/{W}docPartGallery")
        return gallery is not None and attribute(gallery, "val") == "Table of Contents"

    def _paragraph(self, paragraph: Any, depth: int) -> None:
        text = self._text(paragraph).strip()
        style = self.styles.of(paragraph)
        level = self.styles.level(paragraph, style)
        if re.fullmatch(r"toc ?\d|目录 ?\d", self.styles.name(style)):
            text = ""
        if text:
            label = self.numbering.label(paragraph, self.styles.chain(style))
            text = f"{label[0]}{label[1]}{text}" if label else text
            self._add(text, level)
        self._after(depth)

    def _add(self, text: str, level: int) -> None:
        """A heading or a paragraph; a short point (「一、退款」) is a heading, an answer makes an entry of its question."""
        last = self.loaded.blocks[-1] if self.loaded.blocks else None
        point = not level and _POINT.fullmatch(text) is not None
        if len(self.pair) == 2 and _CHOICE.match(text) and _FIRST_CHOICE.match(self.pair[1]):
            self.loaded.blocks.extend(Block("text", one) for one in self.pair)  # one of several to choose from
            self.pair = []
        elif self.pair and not level and self._goes_on(text, point=point):
            self.pair.append(text)
            return
        self.answered()
        if not level and last is not None and last.kind == "text" and _ASKED.match(last.text) and _TOLD.match(text):
            self.loaded.blocks.pop()
            self.pair = [last.text, text]
            return
        if level:
            self.styled = level
        elif point:
            level = min(9, self.styled + 1)
        self.loaded.blocks.append(Block("heading" if level else "text", text, level=level, point=point))

    def _goes_on(self, text: str, *, point: bool) -> bool:
        """Say whether a paragraph belongs to the answer above it."""
        if _ASKED.match(text) or sum(map(len, self.pair)) > MAX_ANSWER:
            return False
        return not point or _LISTED.match(self.pair[-1]) is not None

    def answered(self) -> None:
        """Makes an entry of the question and its answer, which ends here."""
        if self.pair:
            asked, told, *more = self.pair
            self.pair = []
            told = _TOLD.sub(r"\1", told).strip()
            add_question(self.loaded, _ASKED.sub(r"\1", asked).strip(), "\n".join([told, *more]))

    def _after(self, depth: int) -> None:
        """What hangs on a paragraph: its text boxes and footnotes."""
        boxes, self.boxes = self.boxes, []
        for box in boxes:
            if depth < MAX_DEPTH:
                self.read(box, depth + 1)
        notes, self.waiting = self.waiting, []
        self.loaded.blocks.extend(Block("text", note) for note in notes)

    def _table(self, table: Any, depth: int) -> None:
        self.answered()
        rows: list[Row] = []
        above: list[str] = []
        for row in _children(table, f"{W}tr"):
            properties = row.find(f"{W}trPr")
            if properties is not None and (properties.find(f"{W}del") is not None):
                self._deleted(row)
                continue
            if properties is not None and is_on(properties.find(f"{W}hidden")):
                self._find_hidden(_words(row))
                continue
            cells: list[str] = []
            for cell in _children(row, f"{W}tc"):
                settings = cell.find(f"{W}tcPr")
                span, merged = 1, None
                if settings is not None:
                    grid = settings.find(f"{W}gridSpan")
                    span = min(max(int(attribute(grid, "val") or 1), 1), 64) if grid is not None else 1
                    merged = settings.find(f"{W}vMerge")
                goes_on = merged is not None and attribute(merged, "val") != "restart"
                text = self._cell(cell, depth)
                if goes_on and not text and len(cells) < len(above):
                    text = above[len(cells)]
                cells.extend([text] * span)
            above = cells
            rows.append(Row(cells))
        add_table(self.loaded, rows)
        self._after(depth)

    def _cell(self, cell: Any, depth: int) -> str:
        told: list[str] = []
        for element in cell:
            if element.tag == f"{W}p":
                text = self._text(element).strip()
                if text:
                    label = self.numbering.label(element, self.styles.chain(self.styles.of(element)))
                    told.append(f"{label[0]}{label[1]}{text}" if label else text)
            elif element.tag == f"{W}tbl" and depth < MAX_DEPTH:
                for row in _children(element, f"{W}tr"):
                    inner = [self._cell(one, depth + 1) for one in _children(row, f"{W}tc")]
                    told.append(" ".join(filter(None, inner)))
            elif element.tag == f"{W}sdt" and depth < MAX_DEPTH:
                told.extend(self._cell(inner, depth + 1) for inner in element.iter(f"{W}sdtContent"))
        return "\n".join(filter(None, told))

    # ------------------------------------------------------------ words

    def _text(self, paragraph: Any) -> str:
        return "".join(self._pieces(paragraph, paragraph, 0))

    def _pieces(self, element: Any, paragraph: Any, depth: int) -> Iterator[str]:
        for child in element:
            tag = child.tag
            if tag == f"{W}r":
                yield self._run(child, paragraph)
            elif tag in _LEFT_OUT:
                self._deleted(child)
            elif tag == f"{_MC}AlternateContent":
                self._drawing(child)
            elif isinstance(tag, str) and tag not in {f"{W}pPr", f"{W}sdtPr"} and depth < MAX_DEPTH:
                yield from self._pieces(child, paragraph, depth + 1)

    def _run(self, run: Any, paragraph: Any) -> str:
        pieces: list[str] = []
        for child in run:
            tag = child.tag
            if tag == f"{W}t":
                pieces.append(child.text or "")
            elif tag in {f"{W}tab", f"{W}ptab"}:
                pieces.append(" ")
            elif tag in {f"{W}br", f"{W}cr"}:
                pieces.append("\n")
            elif tag == f"{W}noBreakHyphen":
                pieces.append("-")
            elif tag in _NOTE:
                pieces.append(self._note(_NOTE[tag], attribute(child, "id")))
            elif tag in {f"{W}drawing", f"{W}pict", f"{W}object", f"{_MC}AlternateContent"}:
                self._drawing(child)
        text = "".join(pieces)
        if text.strip() and self.styles.is_hidden(run, paragraph):
            self._find_hidden(text)
            return ""
        return text

    def _drawing(self, element: Any) -> None:
        """Text boxes; of a drawing that is told twice for older programs, the first telling."""
        chosen = next((one for one in element.iter(f"{_MC}Choice")), element)
        found = list(chosen.iter(f"{W}txbxContent"))
        self.boxes.extend(found or ([] if chosen is element else list(element.iter(f"{W}txbxContent"))[:1]))

    def _note(self, kind: str, identity: str) -> str:
        note = self.notes[kind].get(identity)
        if note is None:
            return ""
        self.note_count += 1
        mark = f"[{self.note_count}]"
        text = " ".join(filter(None, (self._text(one).strip() for one in note.iter(f"{W}p"))))
        if text:
            self.waiting.append(f"{mark} {text}")
        return mark if text else ""

    # ------------------------------------------------------------ what is left out

    def _find_hidden(self, text: str) -> None:
        if text.strip():
            last = self.loaded.blocks[-1].text[:30] if self.loaded.blocks else ""
            self.loaded.find("hidden_text", last, text)

    def _deleted(self, element: Any) -> None:
        text = _words(element)
        if text.strip():
            self.loaded.find("deleted_text", "", text)

    def comments(self) -> None:
        part = self.parts.get("comments")
        for comment in part.iter(f"{W}comment") if part is not None else ():
            text = _words(comment)
            if text.strip():
                self.loaded.find("comments", "", text)


def _words(element: Any) -> str:
    return "".join(one.text or "" for one in element.iter(f"{W}t", f"{W}delText"))


def _children(element: Any, tag: str, depth: int = 0) -> Iterator[Any]:
    """Children of a kind, also those wrapped in content controls or tracked insertions."""
    for child in element:
        if child.tag == tag:
            yield child
        elif child.tag in {f"{W}sdt", f"{W}sdtContent", f"{W}ins", f"{W}customXml"} and depth < MAX_DEPTH:
            yield from _children(child, tag, depth + 1)


def _related(part: Any) -> dict[str, Any]:
    """Roots of the parts beside the document, by the last word of their relationship."""
    from docx.oxml.parser import parse_xml

    found: dict[str, Any] = {}
    for relation in part.rels.values():
        kind = str(relation.reltype).rsplit("/", 1)[-1]
        if kind in {"numbering", "footnotes", "endnotes", "comments"} and not relation.is_external:
            found[kind] = parse_xml(relation.target_part.blob)
    return found


def _notes(root: Any) -> dict[str, Any]:
    if root is None:
        return {}
    return {
        attribute(note, "id"): note
        for note in root
        if isinstance(note.tag, str) and attribute(note, "type") in {"", "normal"}
    }
