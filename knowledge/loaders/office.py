"""Office formats and PDF, through python-docx, python-calamine, python-pptx and pypdfium2."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import Any

from knowledge.loaders.blocks import Block, Loaded
from knowledge.loaders.guard import Unfit
from knowledge.loaders.tables import rows_to_document

MAX_PAGES = 2000
MAX_CELLS = 2_000_000

_MODULES = {
    ".docx": ("docx",),
    ".xlsx": ("python_calamine",),
    ".pptx": ("pptx",),
    ".pdf": ("pypdfium2", "pypdfium2.raw", "pdfplumber"),
}


def warm_up(suffix: str) -> None:
    """Imports the parser of a format, so that the memory limit can be set above what it takes by itself."""
    import importlib

    for module in _MODULES.get(suffix, ()):
        importlib.import_module(module)


_WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"


def read_docx(content: bytes) -> Loaded:
    """Paragraphs, headings and tables in reading order; hidden, white and microscopic runs are left out.

    Raises:
        Unfit: ``damaged`` when python-docx cannot make a document of it.
    """
    from docx import Document
    from docx.table import Table
    from docx.text.paragraph import Paragraph

    try:
        document = Document(io.BytesIO(content))
        parts = list(document.iter_inner_content())
    except (ValueError, KeyError, AttributeError, IndexError, TypeError, SyntaxError) as error:
        raise Unfit("damaged") from error
    loaded = Loaded(title=(document.core_properties.title or "")[:200])
    for part in parts:
        if isinstance(part, Paragraph):
            text = _visible(part, loaded).strip()
            if text:
                level = _heading_level(part)
                loaded.blocks.append(Block("heading" if level else "text", text, level=level))
        elif isinstance(part, Table):
            rows = [
                [" ".join(_visible(paragraph, loaded).strip() for paragraph in cell.paragraphs) for cell in row.cells]
                for row in part.rows
            ]
            rows_to_document(loaded, rows, sheet="")
    return loaded


def _heading_level(paragraph: Any) -> int:
    style = paragraph.style.name if paragraph.style is not None else ""
    found = re.fullmatch(r"(?:Heading|标题)\s*(\d)", style or "")
    if found:
        return int(found.group(1))
    return 1 if re.fullmatch(r"Title|标题", style or "") else 0


def _visible(paragraph: Any, loaded: Loaded) -> str:
    pieces: list[str] = []
    for run in paragraph.iter_inner_content():
        for inner in getattr(run, "runs", [run]):
            if _is_hidden(inner):
                if inner.text.strip():
                    loaded.warn("hidden_text")
            else:
                pieces.append(inner.text)
    return "".join(pieces)


def _is_hidden(run: Any) -> bool:
    font = run.font
    if font.hidden:
        return True
    if font.size is not None and font.size.pt < 3:
        return True
    color = font.color.rgb if font.color is not None else None
    return color is not None and min(color) >= 0xF5


def read_xlsx(content: bytes) -> Loaded:
    """Visible sheets as tables, values only: a formula counts as its last result.

    Raises:
        Unfit: ``damaged``, ``encrypted`` or ``too_big``.
    """
    from python_calamine import CalamineError, CalamineWorkbook, PasswordError, SheetVisibleEnum

    loaded = Loaded()
    try:
        workbook = CalamineWorkbook.from_filelike(io.BytesIO(content))
        for sheet in workbook.sheets_metadata:
            if sheet.visible != SheetVisibleEnum.Visible:
                loaded.warn("hidden_text")
                continue
            table = workbook.get_sheet_by_name(sheet.name)
            if table.height * max(table.width, 1) > MAX_CELLS:
                raise Unfit("too_big")
            rows = [[_cell_text(cell) for cell in row] for row in table.iter_rows()]
            if rows:
                loaded.blocks.append(Block("heading", sheet.name, level=1, sheet=sheet.name))
            rows_to_document(loaded, rows, sheet=sheet.name)
    except PasswordError as error:
        raise Unfit("encrypted") from error
    except CalamineError as error:
        raise Unfit("damaged") from error
    if not loaded.entries and all(block.kind == "heading" for block in loaded.blocks):
        loaded.blocks.clear()
    return loaded


def _cell_text(cell: object) -> str:
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:
        return str(int(cell))
    return str(cell).strip()


def read_pptx(content: bytes) -> Loaded:
    """Text frames and tables of each shown slide; speaker's notes are not taken.

    Raises:
        Unfit: ``damaged``.
    """
    from pptx import Presentation

    try:
        presentation = Presentation(io.BytesIO(content))
        slides = list(presentation.slides)
    except (ValueError, KeyError, AttributeError, IndexError, TypeError, SyntaxError) as error:
        raise Unfit("damaged") from error
    loaded = Loaded()
    for number, slide in enumerate(slides, start=1):
        if slide._element.get("show") == "0":  # noqa: SLF001
            loaded.warn("hidden_text")
            continue
        title = slide.shapes.title
        if title is not None and title.has_text_frame and title.text_frame.text.strip():
            loaded.blocks.append(Block("heading", _one_line(title.text_frame.text), level=1, page=number))
        for shape in _shapes(slide.shapes):
            if title is not None and shape.shape_id == title.shape_id:
                continue
            if shape.has_text_frame and shape.text_frame.text.strip():
                loaded.blocks.append(Block("text", shape.text_frame.text.strip(), page=number))
            elif getattr(shape, "has_table", False) and shape.has_table:
                rows_to_document(
                    loaded, [[cell.text.strip() for cell in row.cells] for row in shape.table.rows], sheet=""
                )
    return loaded


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _shapes(shapes: Any, depth: int = 0) -> Iterator[Any]:
    for shape in shapes:
        if hasattr(shape, "shapes") and depth < 20:
            yield from _shapes(shape.shapes, depth + 1)
        else:
            yield shape


def read_pdf(content: bytes) -> Loaded:
    """Text of each page, without invisible text (render mode 3); ruled tables row by row.

    Raises:
        Unfit: ``encrypted``, ``damaged``, ``too_big`` or ``no_text``.
    """
    import pypdfium2

    try:
        document = pypdfium2.PdfDocument(content)
    except pypdfium2.PdfiumError as error:
        raise Unfit("encrypted" if "password" in str(error).lower() else "damaged") from error
    pages = len(document)
    if pages > MAX_PAGES:
        raise Unfit("too_big")
    if pages == 0:
        raise Unfit("damaged")
    loaded = Loaded(title=str(document.get_metadata_dict().get("Title", ""))[:200])
    ruled: list[int] = []
    for number in range(pages):
        try:
            page = document[number]
        except pypdfium2.PdfiumError as error:
            raise Unfit("damaged") from error
        text, lines = _page_text(page, loaded)
        if lines >= 6:
            ruled.append(number)
        for paragraph in _paragraphs(text):
            loaded.blocks.append(Block("text", paragraph, page=number + 1))
    if ruled and len(ruled) <= 50:
        _ruled_tables(content, ruled, loaded)
    return loaded


def _page_text(page: Any, loaded: Loaded) -> tuple[str, int]:
    from pypdfium2 import raw

    textpage = page.get_textpage()
    hidden: list[str] = []
    lines = 0
    for item in page.get_objects(max_depth=5):
        if item.type == raw.FPDF_PAGEOBJ_PATH:
            lines += 1
        elif (
            item.type == raw.FPDF_PAGEOBJ_TEXT
            and raw.FPDFTextObj_GetTextRenderMode(item.raw) == raw.FPDF_TEXTRENDERMODE_INVISIBLE
        ):
            size = raw.FPDFTextObj_GetText(item.raw, textpage.raw, None, 0)
            buffer = (raw.FPDF_WCHAR * (size // 2 + 1))()
            raw.FPDFTextObj_GetText(item.raw, textpage.raw, buffer, size)
            hidden.append(bytes(buffer).decode("utf-16-le", "replace").split("\0")[0].strip())
    text = str(textpage.get_text_bounded())
    for piece in filter(None, hidden):
        loaded.warn("hidden_text")
        text = text.replace(piece, "")
    return text, lines


def _paragraphs(text: str) -> list[str]:
    """Lines joined into paragraphs: a full stop or a short line ends one."""
    paragraphs: list[str] = []
    current = ""
    for line in text.replace("\r", "\n").split("\n"):
        bare = line.strip()
        if not bare:
            continue
        glue = " " if current and current[-1].isascii() and bare[0].isascii() else ""
        current += glue + bare
        if bare[-1] in "。！？；.!?;:：" or len(bare) < 18:
            paragraphs.append(current)
            current = ""
    if current:
        paragraphs.append(current)
    return paragraphs


def _ruled_tables(content: bytes, pages: list[int], loaded: Loaded) -> None:
    import pdfplumber

    with pdfplumber.open(io.BytesIO(content)) as document:
        for number in pages:
            for table in document.pages[number].extract_tables():
                rows = [[" ".join((cell or "").split()) for cell in row] for row in table]
                if len(rows) > 1 and len(rows[0]) > 1:
                    part = Loaded()
                    rows_to_document(part, rows, sheet="")
                    for block in part.blocks:
                        block.page = number + 1
                    loaded.blocks.extend(part.blocks)
                    loaded.entries.extend(part.entries)
