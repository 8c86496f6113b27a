"""Cards: a template of ``prompts/cards`` and values → HTML → PNG. Pure: no network, no file but our own templates and fonts.

Nothing that a neighbour wrote reaches the page but as cleaned, escaped and cut text, so it cannot open a tag, name a file or
push anything out of its place. Drawing itself happens in a process of its own (:mod:`bot.pictures`).

Source: ADR-0012; prompts/cards/README.md says what each card gets.
"""

from __future__ import annotations

import calendar
import hashlib
import json
import re
import struct
import zlib
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prompts import lettering

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).parent / "cards"
WIDTH = 1080
PAPER = "#f6f0e5"
LARGEST = 999_999_999
LONGEST_LINK = 300
_LEVEL = 3
"""Of compression: 6 takes twice as long for a fifth less."""
_ENGINE = 1
"""Raise it when the same template begins to look otherwise (a new drawing library), so that old files are not used."""

Shape = Mapping[str, object]
_WHOLE = re.compile(r"[+-]?[0-9]{1,9}", re.ASCII)
_ROW_LIMITS = {"statement": 12, "board": 10}


class CannotDraw(ValueError):
    """There is no such card, or its values do not make one."""


class _Day:
    """A value that is an ISO date."""


class _Link:
    """A value that is kept letter by letter."""


SHAPES: Mapping[str, Shape] = {
    "checkin": {
        "name": "",
        "group": "",
        "year": 0,
        "month": 0,
        "today": 0,
        "done": [0],
        "made_up": [0],
        "frozen": [0],
        "streak": 0,
        "longest": 0,
        "total": 0,
        "next_days": 0,
        "next_points": 0,
        "points": 0,
        "topic": "",
        "theme": "",
        "said": "",
    },
    "statement": {
        "name": "",
        "group": "",
        "year": 0,
        "month": 0,
        "balance": 0,
        "earned": 0,
        "spent": 0,
        "brought": 0,
        "taken": 0,
        "within": 0,
        "expiring": 0,
        "expires_on": _Day,
        "rows": [{"date": _Day, "what": "", "points": 0}],
        "more": 0,
        "household": False,
    },
    "board": {
        "group": "",
        "title": "",
        "note": "",
        "begin": _Day,
        "end": _Day,
        "rows": [{"name": "", "points": 0, "rank": 0}],
    },
    "milestone": {
        "name": "",
        "group": "",
        "date": _Day,
        "kind": "",
        "days": 0,
        "points": 0,
        "balance": 0,
        "next_days": 0,
        "next_points": 0,
        "topic": "",
    },
    "campaign": {"name": "", "slogan": "", "title": "", "phase": "", "date": _Day, "left": 0, "today": False},
    "poster": {"group": "", "inviter": "", "link": _Link, "line": "", "code": "", "points": 0, "days": 0},
}
"""Card → value → what it is: ``""`` words, ``0`` a whole number, ``[…]`` a list of such."""


def draw(name: str, values: Mapping[str, object]) -> bytes:
    """Draw a card.

    Args:
        name: a key of ``SHAPES``.
        values: see prompts/cards/README.md; what is missing or of a wrong kind counts as empty.

    Returns:
        A PNG, 1080 pixels wide, of its content's height.

    Raises:
        CannotDraw: no such card, a month that does not exist, a link that is too long.
    """
    html = page(name, values)
    try:
        engine = _engine()
    except ImportError:
        return _plainly(page(name, values, plain=True))
    return _png(*engine(html, width=WIDTH, background=PAPER))


def page(name: str, values: Mapping[str, object], *, plain: bool = False) -> str:
    """Return a card's HTML, or the SVG of its plain form; raises like :func:`draw`."""
    if name not in SHAPES:
        raise CannotDraw(f"no card {name!r}")
    fitted = {key: _fit(values.get(key), kind, name) for key, kind in SHAPES[name].items()}
    more = _MORE[name](fitted) if name in _MORE else {}
    if not plain:
        return _templates().get_template(f"{name}.html").render({**fitted, **more})
    empty = {key: _fit(None, kind, name) for shape in SHAPES.values() for key, kind in shape.items()}
    return _templates().get_template("plain.svg").render({**empty, "weeks": [], **fitted, **more, "card": name})


def address(name: str, values: Mapping[str, object]) -> str:
    """Return the file name of a card: the same for the same name, values, template and drawing, else another."""
    told = json.dumps([name, values], ensure_ascii=False, sort_keys=True, default=str)
    return hashlib.sha256(f"{_version()}\n{told}".encode("utf-8", "replace")).hexdigest()[:40] + ".png"


@lru_cache(maxsize=1)
def _version() -> str:
    found = hashlib.sha256(str(_ENGINE).encode())
    for path in sorted([*TEMPLATES.glob("*.html"), *TEMPLATES.glob("*.svg"), Path(__file__), Path(lettering.__file__)]):
        found.update(path.read_bytes())
    return found.hexdigest()


@lru_cache(maxsize=1)
def _engine() -> Callable[..., tuple[int, int, bytes]]:
    import blitz_py

    blitz_py.register_fonts([(lettering.FONTS / name).read_bytes() for name in lettering.FILES])
    render: Callable[..., tuple[int, int, bytes]] = blitz_py.render_rgba
    return render


def _plainly(svg: str) -> bytes:
    """Draw an SVG, for machines that the HTML library is not built for: fewer ornaments, the same figures."""
    import resvg_py

    files = [str(lettering.FONTS / name) for name in lettering.FILES]
    return bytes(
        resvg_py.svg_to_bytes(svg, skip_system_fonts=True, font_files=files, font_family=lettering.FAMILIES[0])
    )


def _png(width: int, height: int, pixels: bytes) -> bytes:
    """Write opaque RGBA pixels as a PNG: a third of the size that the drawing library's own quick writer makes of them.

    Source: PNG, third edition (W3C): chunks, filter type 0.
    """
    colours = bytearray(pixels)
    del colours[3::4]
    stride, view = 3 * width, memoryview(colours)
    rows = b"".join(piece for at in range(0, stride * height, stride) for piece in (b"\0", view[at : at + stride]))

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        (chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(rows, _LEVEL)), chunk(b"IEND", b""))
    )


@lru_cache(maxsize=1)
def _templates() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    found = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    found.filters.update(n=_number, face=_face)
    for fit in (lettering.cut, lettering.lines, lettering.weight, lettering.width):
        found.filters[fit.__name__] = fit
    found.globals.update(paper=PAPER, families=lettering.FAMILIES)
    return found


# ---------------------------------------------------------------- values


def _fit(value: object, kind: object, card: str) -> Any:
    """Make a value what its shape says."""
    if isinstance(kind, list):
        most = _ROW_LIMITS.get(card, 31)
        return [_fit(one, kind[0], card) for one in value[:most]] if isinstance(value, list | tuple) else []
    if isinstance(kind, Mapping):
        row = value if isinstance(value, Mapping) else {}
        return {key: _fit(row.get(key), inner, card) for key, inner in kind.items()}
    if kind is _Day:
        return _date(value)
    if kind is _Link:
        return value if isinstance(value, str) else ""
    if isinstance(kind, bool):
        return value is True
    if isinstance(kind, int):
        if isinstance(value, str) and _WHOLE.fullmatch(value):
            value = int(value)
        return max(-LARGEST, min(LARGEST, value)) if isinstance(value, int) else 0
    return lettering.clean(value) if isinstance(value, str) else ""


def _date(value: object) -> date | None:
    try:
        return date.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _number(value: int) -> str:
    return f"{value:,}" if abs(value) >= 10_000 else str(value)


def _face(name: str) -> str:
    """Return the character that stands for a person: the first that is neither a digit nor a mark."""
    return next((char for char in name if char.isalpha()), name[:1] or lettering.UNKNOWN)


# ---------------------------------------------------------------- what a template cannot work out


def _checkin(values: Mapping[str, Any]) -> dict[str, object]:
    year, month = values["year"], values["month"]
    if not (1970 <= year < 2200 and 1 <= month <= 12):
        raise CannotDraw("no such month")
    kinds: dict[int, str] = {}
    for kind in ("frozen", "made_up", "done"):
        kinds.update(dict.fromkeys(values[kind], kind))
    first, length = calendar.monthrange(year, month)
    days = [(0, "")] * first + [(day, kinds.get(day, "")) for day in range(1, length + 1)]
    days += [(0, "")] * (-len(days) % 7)
    return {
        "weeks": [days[at : at + 7] for at in range(0, len(days), 7)],
        "count": sum(1 for _day, kind in days if kind in ("done", "made_up")),
        "kinds": {kind for _day, kind in days},
    }


def _statement(values: Mapping[str, Any]) -> dict[str, object]:
    if not 1 <= values["month"] <= 12:
        raise CannotDraw("no such month")
    return {}


def _board(values: Mapping[str, Any]) -> dict[str, object]:
    rows = [{**row, "rank": row["rank"] or number} for number, row in enumerate(values["rows"], start=1)]
    top = max([1, *(row["points"] for row in rows)])
    widest = max([0, *(row["points"] for row in rows)], key=lambda points: len(_number(points)))
    return {"rows": [{**row, "share": max(0, round(100 * row["points"] / top))} for row in rows], "widest": widest}


def _poster(values: Mapping[str, Any]) -> dict[str, object]:
    link = values["link"]
    if not 0 < len(link) <= LONGEST_LINK:
        raise CannotDraw("no link, or one that is too long")
    modules = qr_modules(link)
    return {"qr": _path(modules), "qr_size": len(modules)}


def qr_modules(link: str) -> list[list[bool]]:
    """Return a QR code's modules, dark = True, without its quiet zone; error correction M."""
    import qrcode

    code = qrcode.QRCode(border=0, error_correction=qrcode.constants.ERROR_CORRECT_M)
    code.add_data(link.encode("utf-8", "replace"))
    code.make(fit=True)
    return [[bool(module) for module in row] for row in code.get_matrix()]


def _path(modules: Sequence[Sequence[bool]]) -> str:
    """Write modules as an SVG path: a rectangle for each run of dark ones in a row."""
    pieces: list[str] = []
    for y, row in enumerate(modules):
        x = 0
        while x < len(row):
            run = x
            while run < len(row) and row[run]:
                run += 1
            if run > x:
                pieces.append(f"M{x} {y}h{run - x}v1h-{run - x}z")
            x = run + 1
    return "".join(pieces)


_MORE: Mapping[str, Callable[[Mapping[str, Any]], dict[str, object]]] = {
    "checkin": _checkin,
    "statement": _statement,
    "board": _board,
    "poster": _poster,
}
