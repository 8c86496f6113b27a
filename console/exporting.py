"""Tables as files: CSV and XLSX, safe against formulas, with who took them and when in the last line.

Source: FAULTS D6, D8.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import datetime

from fastapi import Request
from fastapi.responses import Response

from console.auth import Visitor
from console.views import say
from engagement import calendar
from engagement.points.statement import safe

MOST_ROWS = 20_000
FORMATS = ("csv", "xlsx")
_CSV = "text/csv; charset=utf-8"
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_BOM = "\ufeff"
"""How spreadsheets here recognise UTF-8."""

Cell = str | int | float


def answer(
    request: Request, name: str, head: Sequence[str], rows: Iterable[Sequence[Cell]], kind: str, zone: str
) -> Response:
    """Return a table as a download.

    Args:
        name: of the file without its ending, letters, digits and hyphens; chosen by us.
        head: titles of the columns.
        rows: figures stay figures; words are made safe.
        kind: ``csv`` or ``xlsx``; anything else is CSV.
        zone: of the time in the watermark.
    """
    console = request.app.state.console
    visitor: Visitor = request.state.visitor
    mark = watermark(visitor, console.clock.now(), zone)
    made = xlsx(head, rows, mark) if kind == "xlsx" else as_csv(head, rows, mark)
    ending = "xlsx" if kind == "xlsx" else "csv"
    return Response(
        made,
        media_type=_XLSX if kind == "xlsx" else _CSV,
        headers={"Content-Disposition": f'attachment; filename="{name}.{ending}"'},
    )


def watermark(visitor: Visitor, now: datetime, zone: str) -> str:
    """Return the line that says who took a table and when."""
    moment = now.astimezone(calendar.zone(zone)).strftime("%Y-%m-%d %H:%M")
    return say("export.mark", name=visitor.name, number=visitor.person_id, moment=moment)


class _Safe(dict[str, str]):
    """Words made safe, each once: a table of thousands of rows says the same few over and over."""

    def __missing__(self, words: str) -> str:
        found = self[words] = safe(words)
        return found


def as_csv(head: Sequence[str], rows: Iterable[Sequence[Cell]], mark: str) -> bytes:
    """Return CSV with a byte order mark."""
    out = io.StringIO()
    write = csv.writer(out, lineterminator="\r\n").writerow
    words = _Safe()
    write([words[cell] for cell in head])
    for row in rows:
        write([words[cell] if isinstance(cell, str) else cell for cell in row])
    write([words[mark]])
    return (_BOM + out.getvalue()).encode()


def xlsx(head: Sequence[str], rows: Iterable[Sequence[Cell]], mark: str) -> bytes:
    """Return a workbook with one sheet; no cell is a formula or a link."""
    import xlsxwriter

    out = io.BytesIO()
    book = xlsxwriter.Workbook(
        out, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    )
    sheet = book.add_worksheet()
    bold = book.add_format({"bold": True})
    for column, title in enumerate(head):
        sheet.write_string(0, column, title, bold)
    words = _Safe()
    last = 0
    for number, row in enumerate(rows, start=1):
        last = number
        for column, cell in enumerate(row):
            if isinstance(cell, str):
                sheet.write_string(number, column, words[cell])
            else:
                sheet.write_number(number, column, cell)
    sheet.write_string(last + 2, 0, safe(mark))
    sheet.set_column(0, len(head) - 1, 16)
    sheet.freeze_panes(1, 0)
    book.close()
    return out.getvalue()
