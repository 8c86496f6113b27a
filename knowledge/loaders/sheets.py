"""Workbooks and CSV: sheets as tables, values as they are shown, without what is hidden.

Source: F69, F72, FAULTS D1.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, time
from typing import Any
from xml.parsers import expat

from knowledge.loaders.blocks import Block, Loaded
from knowledge.loaders.guard import BROKEN, Unfit, decode
from knowledge.loaders.sheet_shape import Package, Shape
from knowledge.loaders.tables import Row, add_table, is_known_header

MAX_CELLS = 1_500_000
MAX_ROWS = 200_000
SEPARATORS = (",", "\t", ";", "|")


def read_xlsx(content: bytes) -> Loaded:
    """Visible sheets as tables, values only: a formula counts as its last result.

    Raises:
        Unfit: ``damaged``, ``encrypted`` or ``too_big``.
    """
    from python_calamine import CalamineError, CalamineWorkbook, PasswordError, SheetVisibleEnum

    broken: tuple[type[Exception], ...] = (CalamineError, expat.ExpatError, *BROKEN)
    loaded = Loaded()
    try:
        package = Package(content)
        workbook = CalamineWorkbook.from_filelike(io.BytesIO(content))
        for sheet in workbook.sheets_metadata:
            shape = package.shape(sheet.name)
            _check_extent(shape)
            if sheet.visible != SheetVisibleEnum.Visible:
                _report_sheet(loaded, workbook, sheet.name)
                continue
            _read_sheet(loaded, workbook.get_sheet_by_name(sheet.name), shape)
        for cell, text in package.comments():
            loaded.find("comments", cell, text)
    except PasswordError as error:
        raise Unfit("encrypted") from error
    except broken as error:
        raise Unfit("damaged") from error
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # calamine's own bug over a damaged sheet; Rust says it this way
            raise
        raise Unfit("damaged") from error
    if not loaded.entries and all(block.kind == "heading" for block in loaded.blocks):
        loaded.blocks.clear()
    return loaded


def _check_extent(shape: Shape) -> None:
    if shape.extent[0] * shape.extent[1] > MAX_CELLS:
        raise Unfit("too_big")


def _report_sheet(loaded: Loaded, workbook: Any, name: str) -> None:
    cells: list[str] = []
    for row in workbook.get_sheet_by_name(name).to_python(nrows=5):
        cells.extend(text for cell in row if (text := cell_text(cell)))
    loaded.find("hidden_sheet", name, "；".join(cells[:20]))


def _read_sheet(loaded: Loaded, table: Any, shape: Shape) -> None:
    name = table.name
    values = table.to_python(skip_empty_area=False)
    rows: list[list[str]] = []
    for at, row in enumerate(values):
        cells = [cell_text(cell, shape.percent.get((at, column))) for column, cell in enumerate(row)]
        if shape.unseen:
            for column, text in enumerate(cells):
                if text and (at, column) in shape.unseen:
                    loaded.find("hidden_text", f"{name}!{letters(column)}{at + 1}", text)
                    cells[column] = ""
        rows.append(cells)
    _fill_merged(rows, table.merged_cell_ranges or [])
    hidden = _hidden_columns(loaded, name, rows, shape)
    shown: list[Row] = []
    left_out: list[tuple[int, str]] = []
    for at, cells in enumerate(rows):
        if at in shape.rows:
            if any(cells):
                left_out.append((at + 1, "；".join(filter(None, cells))))
            continue
        kept = [cell for column, cell in enumerate(cells) if column not in hidden]
        shown.append(Row(kept, place=f"{name}!{at + 1}"))
    for number, text in left_out:
        loaded.find("hidden_rows", f"{name}!{number}", text)
    if shape.formulas:
        loaded.find("formulas", name, f"× {shape.formulas}")
    width = max((at + 1 for row in shown for at, cell in enumerate(row.cells) if cell), default=0)
    if width:
        loaded.blocks.append(Block("heading", name, level=1, sheet=name))
    for part in parted([Row(row.cells[:width], row.place) for row in shown]):
        add_table(loaded, part, sheet=name)


def _hidden_columns(loaded: Loaded, name: str, rows: Sequence[Sequence[str]], shape: Shape) -> set[int]:
    width = max((len(row) for row in rows), default=0)
    hidden = {at for first, last in shape.columns for at in range(first, min(last + 1, width))}
    for column in sorted(hidden):
        told = [row[column] for row in rows if column < len(row) and row[column]]
        if told:
            loaded.find("hidden_columns", f"{name}!{letters(column)}", "；".join(told[:20]))
    return hidden


def _fill_merged(rows: list[list[str]], ranges: Sequence[tuple[tuple[int, int], tuple[int, int]]]) -> None:
    left = MAX_CELLS
    for (top, start), (bottom, end) in ranges:
        if top >= len(rows) or start >= len(rows[top]) or left <= 0:
            continue
        text = rows[top][start]
        for row in rows[top : bottom + 1]:
            for column in range(start, min(end + 1, len(row))):
                row[column] = text
                left -= 1


def parted(rows: Sequence[Row]) -> list[list[Row]]:
    """Tables that stand below each other on one sheet: a header that is known behind an empty row begins another."""
    parts: list[list[Row]] = [[]]
    empty = False
    for row in rows:
        if not any(row.cells):
            empty = True
            continue
        if empty and parts[-1] and is_known_header(row.cells):
            parts.append([])
        parts[-1].append(row)
        empty = False
    return parts


def letters(column: int) -> str:
    """The name of a column that counts from 0: A, B … AA."""
    name = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        name = chr(65 + rest) + name
    return name


def cell_text(cell: object, percent: int | None = None) -> str:
    """A cell as people see it: whole numbers without a point, days without a time, percentages with their sign."""
    if isinstance(cell, bool):
        text = str(cell).upper()
    elif isinstance(cell, int | float):
        whole = float(cell).is_integer() and abs(cell) < 1e15
        text = f"{cell:.{percent}%}" if percent is not None else str(int(cell)) if whole else f"{cell:.15g}"
    elif isinstance(cell, datetime):
        at_midnight = (cell.hour, cell.minute, cell.second) == (0, 0, 0)
        text = cell.strftime(
            "%Y-%m-%d" if at_midnight else "%Y-%m-%d %H:%M" if cell.second == 0 else "%Y-%m-%d %H:%M:%S"
        )
    elif isinstance(cell, time):
        text = cell.strftime("%H:%M" if cell.second == 0 else "%H:%M:%S")
    else:
        text = str(cell).strip()
    return text


def read_csv(content: bytes) -> Loaded:
    """A table parted by commas, semicolons, tabs or bars.

    Raises:
        Unfit: ``damaged`` for an open quote or another broken shape, ``encoding``, ``too_big``.
    """
    text = decode(content)
    delimiter = ""
    if text[:4].lower() == "sep=" and "\n" in text:  # what Excel writes for itself
        first, _, text = text.partition("\n")
        delimiter = first.strip()[4:5]
    delimiter = delimiter or _separator(text)
    rows: list[Row] = []
    try:
        for cells in csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=delimiter):
            rows.append(Row([cell.strip() for cell in cells], place=f"!{len(rows) + 1}"))
            if len(rows) > MAX_ROWS:
                raise Unfit("too_big")
    except csv.Error as error:
        raise Unfit("damaged") from error
    loaded = Loaded()
    for part in parted(rows):
        add_table(loaded, part)
    return loaded


def _separator(text: str) -> str:
    """The separator that gives the most rows of the same width, wider rows first."""
    sample = text[:20_000].splitlines(keepends=True)[:50]
    best, most = ",", (0, 0)
    for separator in SEPARATORS:
        try:
            widths = Counter(len(row) for row in csv.reader(sample, delimiter=separator) if row)
        except csv.Error:
            continue
        width, count = max(widths.items(), key=lambda one: (one[0] > 1, one[1], one[0]), default=(1, 0))
        if width > 1 and (count, width) > most:
            best, most = separator, (count, width)
    return best
