"""Presentations: the shown slides in their order, titles as headings, tables; no notes, no hidden slides.

Source: F69, FAULTS C2.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

from knowledge.loaders.blocks import Block, Loaded
from knowledge.loaders.guard import BROKEN, Unfit
from knowledge.loaders.tables import Row, add_table

MAX_DEPTH = 20
_A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"


def read_pptx(content: bytes) -> Loaded:
    """Text and tables of each shown slide, from top to bottom; page = the slide's number as the program counts it.

    Raises:
        Unfit: ``damaged``.
    """
    from pptx import Presentation
    from pptx.exc import PythonPptxError

    broken: tuple[type[Exception], ...] = (PythonPptxError, *BROKEN)
    loaded = Loaded()
    try:
        presentation = Presentation(io.BytesIO(content))
        size = (int(presentation.slide_width or 0), int(presentation.slide_height or 0))
        slides = list(presentation.slides)
        loaded.pages = len(slides)
        loaded.title = (presentation.core_properties.title or "").strip()[:200]
        for number, slide in enumerate(slides, start=1):
            if slide._element.get("show") in {"0", "false"}:  # noqa: SLF001
                loaded.find("hidden_slide", f"P{number}", " ".join(_all_text(slide._element)))  # noqa: SLF001
            else:
                _read_slide(loaded, slide, number, size)
            _left_out(loaded, slide, number)
    except broken as error:
        raise Unfit("damaged") from error
    if loaded.title in {"", "PowerPoint Presentation", "PowerPoint 演示文稿"}:  # zh: what the program writes itself
        first = next((block for block in loaded.blocks if block.kind == "heading" and block.page == 1), None)
        loaded.title = first.text[:200] if first is not None else ""
    return loaded


def _read_slide(loaded: Loaded, slide: Any, number: int, size: tuple[int, int]) -> None:
    title = slide.shapes.title
    if title is not None and title.has_text_frame and title.text_frame.text.strip():
        loaded.blocks.append(Block("heading", " ".join(title.text_frame.text.split()), level=1, page=number))
    for shape in sorted(_shapes(slide.shapes), key=_place):
        if title is not None and shape.shape_id == title.shape_id:
            continue
        text = " ".join(_all_text(shape._element)).strip()  # noqa: SLF001
        if not text:
            continue
        if _is_hidden(shape, size):
            loaded.find("hidden_text", f"P{number}", text)
        elif getattr(shape, "has_table", False):
            rows = [Row(cells, page=number) for cells in _cells(shape.table)]
            add_table(loaded, rows)
        elif shape.has_text_frame:
            _read_frame(loaded, shape.text_frame, number)
        else:
            loaded.blocks.append(Block("text", text, page=number))


def _read_frame(loaded: Loaded, frame: Any, number: int) -> None:
    lines: list[str] = []
    for paragraph in frame.paragraphs:
        pieces: list[str] = []
        for run in paragraph._p.iter(f"{_A}r", f"{_A}br", f"{_A}fld"):  # noqa: SLF001
            if run.tag == f"{_A}br":
                pieces.append("\n")
                continue
            text = "".join(one.text or "" for one in run.iter(f"{_A}t"))
            settings = run.find(f"{_A}rPr")
            points = settings.get("sz", "") if settings is not None else ""
            if points.isdecimal() and int(points) < 300:
                if text.strip():
                    loaded.find("hidden_text", f"P{number}", text)
            elif not (run.tag == f"{_A}fld" and run.get("type") == "slidenum"):
                pieces.append(text)
        line = "".join(pieces).strip()
        if line:
            lines.append("  " * min(paragraph.level, 4) + line if paragraph.level else line)
    if lines:
        loaded.blocks.append(Block("text", "\n".join(lines), page=number))


def _cells(table: Any) -> Iterator[list[str]]:
    above: list[str] = []
    for row in table.rows:
        cells: list[str] = []
        for cell in row.cells:
            text = cell.text.strip()
            element = cell._tc  # noqa: SLF001
            if element.get("hMerge") in {"1", "true"} and cells:
                text = cells[-1]
            elif element.get("vMerge") in {"1", "true"} and len(cells) < len(above):
                text = above[len(cells)]
            cells.append(text)
        above = cells
        yield cells


def _left_out(loaded: Loaded, slide: Any, number: int) -> None:
    if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
        text = slide.notes_slide.notes_text_frame.text.strip()
        if text:
            loaded.find("notes", f"P{number}", text)
    for relation in slide.part.rels.values():
        if str(relation.reltype).rsplit("/", 1)[-1] == "comments" and not relation.is_external:
            from defusedxml import ElementTree

            told = "".join(ElementTree.fromstring(relation.target_part.blob).itertext()).strip()
            if told:
                loaded.find("comments", f"P{number}", told)


def _all_text(element: Any) -> list[str]:
    found = []
    for paragraph in element.iter(f"{_A}p"):
        text = "".join(one.text or "" for one in paragraph.iter(f"{_A}t")).strip()
        if text:
            found.append(text)
    return found


def _shapes(shapes: Any, depth: int = 0) -> Iterator[Any]:
    for shape in shapes:
        if hasattr(shape, "shapes") and depth < MAX_DEPTH:
            yield from _shapes(shape.shapes, depth + 1)
        else:
            yield shape


def _place(shape: Any) -> tuple[int, int]:
    return (int(shape.top or 0) // 200_000, int(shape.left or 0))  # rows of half a centimetre


def _is_hidden(shape: Any, size: tuple[int, int]) -> bool:
    """Say whether a shape is switched off or lies outside the slide; one inside a group is measured by the group."""
    element = shape._element  # noqa: SLF001
    settings = next((one for one in element.iter() if str(one.tag).endswith("}cNvPr")), None)
    if settings is not None and settings.get("hidden") in {"1", "true"}:
        return True
    if not str(element.getparent().tag).endswith("}spTree") or not all(size):
        return False
    if shape.left is None or shape.top is None or shape.width is None or shape.height is None:
        return False
    right, bottom = shape.left + shape.width, shape.top + shape.height
    return bool(right <= 0 or bottom <= 0 or shape.left >= size[0] or shape.top >= size[1])
