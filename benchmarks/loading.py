"""How long files take to become text, in the child process with its limits, and how much memory it takes at most.

    python -m bot bench loading --json [--short] [--data DIR]

The files are made for it: a handbook of 65 pages of text and ruled tables as PDF, and tables, paragraphs and slides of the
other formats. Seconds are of the best of 3 runs (1 with ``short``), `cpu_seconds` and `peak_mb` as the child counts them.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from knowledge import loaders
from tests.knowledge.paper import SENTENCE, handbook

PAGES = 65


def _pdf(path: Path, short: bool) -> None:
    path.write_bytes(handbook(PAGES if not short else 10))


def _docx(path: Path, short: bool) -> None:
    from docx import Document

    document = Document()
    for chapter in range(10 if short else 60):
        document.add_heading(f"Chapter {chapter}", level=1)
        for _ in range(30):
            document.add_paragraph(SENTENCE * 2, style="List Number")
    document.save(str(path))


def _xlsx(path: Path, short: bool) -> None:
    import xlsxwriter

    with xlsxwriter.Workbook(path, {"constant_memory": True}) as workbook:
        sheet = workbook.add_worksheet("FAQ")
        sheet.write_row(0, 0, ["question", "answer", "aliases", "category"])
        for row in range(1, 500 if short else 10_000):
            sheet.write_row(row, 0, [f"{row} {SENTENCE[:12]}", SENTENCE, f"{row} a; {row} b", "x"])


def _csv(path: Path, short: bool) -> None:
    rows = [f"{row},{SENTENCE},{row % 7}" for row in range(1000 if short else 50_000)]
    path.write_text("\n".join(["number,text,day", *rows]), "gb18030")


def _html(path: Path, short: bool) -> None:
    part = f"<h2>t</h2><p>{SENTENCE}</p><ul><li>a<li>b</ul><table><tr><th>x<th>y</tr><tr><td>1<td>2</tr></table>"
    path.write_text(part * (200 if short else 5000), "utf-8")


def _pptx(path: Path, short: bool) -> None:
    from pptx import Presentation

    deck = Presentation()
    for number in range(10 if short else 100):
        slide = deck.slides.add_slide(deck.slide_layouts[1])
        slide.shapes.title.text = f"Slide {number}"
        slide.placeholders[1].text = SENTENCE
    deck.save(str(path))


_MAKERS: dict[str, Callable[[Path, bool], None]] = {
    "pdf": _pdf,
    "docx": _docx,
    "xlsx": _xlsx,
    "csv": _csv,
    "html": _html,
    "pptx": _pptx,
}


def run(data: Path, groups: int, residents: int, short: bool) -> dict[str, Any]:
    """Measure every format.

    Args:
        data: where a temporary folder is made.
        groups, residents: not used.
        short: small files, one run each.
    """
    del groups, residents
    data.mkdir(parents=True, exist_ok=True)
    result: dict[str, Any] = {"pages": 10 if short else PAGES}
    with tempfile.TemporaryDirectory(dir=data) as folder:
        for kind, make in _MAKERS.items():
            path = Path(folder) / f"sample.{kind}"
            make(path, short)
            runs = [_once(path) for _ in range(1 if short else 3)]
            result[kind] = min(runs, key=lambda one: float(one["seconds"]))
            result[kind]["kilobytes"] = path.stat().st_size >> 10
    return result


def _once(path: Path) -> dict[str, float | int]:
    started = time.perf_counter()
    found = loaders.measured(path)
    seconds = time.perf_counter() - started
    if found.loaded is None:
        raise ValueError(f"{path.suffix}: {found.reason}")
    return {
        "seconds": round(seconds, 2),
        "cpu_seconds": found.cpu_seconds,
        "peak_mb": found.peak_mb,
        "blocks": len(found.loaded.blocks) + len(found.loaded.entries),
    }
