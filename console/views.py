"""Templates, and what every page of the console needs around its own figures."""

from __future__ import annotations

import hashlib
import secrets
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from fastapi import Request
from fastapi.responses import HTMLResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from console import compressed, navigation, scope
from console.auth import LARGE_COOKIE, Area, Signer, Visitor
from engagement import calendar, channels, wording
from prompts.loader import shown_day, texts

HERE = Path(__file__).parent
COLOURS = 8
THEME_COOKIE = "tt_theme"
THEMES = {"light": "tuan", "dark": "tuan-dark"}
"""What the switch remembers → the theme; anything else follows the system."""
_VARIABLE = "campaigns.variable_"
SIZES = {"large": "1", "normal": "0"}
"""What may stand behind ``?size=`` → the cookie that remembers it."""


def say(key: str, **values: object) -> str:
    """Return a sentence; the template escapes it.

    Args:
        key: ``name`` stands in prompts/texts/zh/console.toml, ``room.name`` in console_<room>.toml.
        values: what the sentence has room for.
    """
    room, dot, name = key.partition(".")
    return texts().fill(f"console_{room}.{name}" if dot else f"console.{key}", values)


def local_time(moment: datetime | None, zone: str = "Asia/Shanghai") -> str:
    """Show an instant as people say it, in a zone: 6月18日 09:05."""
    if moment is None:
        return ""
    local = moment.astimezone(calendar.zone(zone))
    return f"{shown_day(local.date())} {local:%H:%M}"


def month_day(day: date) -> str:
    """Show a day as it stands below a chart: 06-18. Everywhere else it is ``shown_day``."""
    return f"{day:%m-%d}"


def new_key() -> str:
    """Return the one-time id of a form: what is sent twice with it has one effect."""
    return secrets.token_urlsafe(12)


def colour(number: int) -> str:
    """Return the class of an avatar's colour."""
    return f"c{number % COLOURS}"


def first_letter(name: str) -> str:
    """Return the character that stands in an avatar."""
    return name.lstrip("0123456789 ")[:1] or "·"


def named(text: str) -> str:
    """Show words of a campaign to who looks after them: what a group or the day fills in stands there by its name."""
    return wording.shown(text, _named())


@cache
def _named() -> dict[str, object]:
    words = texts()
    found = [key for key in words.keys() if key.startswith(_VARIABLE)]  # noqa: SIM118
    return {key.removeprefix(_VARIABLE): words.fill("theme.later", {"what": words.raw(key)}) for key in found}


@cache
def _asset(name: str) -> str:
    """Return the address of a static file, with a mark of what is in it: a browser may keep it for a year."""
    mark = hashlib.sha256((HERE / "static" / name).read_bytes()).hexdigest()[:8]
    return f"/static/{name}?v={mark}"


@cache
def _pages() -> Environment:
    """Return the templates; read and compiled when first asked for, once a process. Undefined names are errors."""
    pages = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pages.globals |= {"t": say, "once": new_key, "asset": _asset}
    pages.filters |= {
        "local_time": local_time,
        "month_day": month_day,
        "shown_day": shown_day,
        "colour": colour,
        "letter": first_letter,
        "named": named,
        "channels": channels.words,
    }
    return pages


class Views:
    """The templates with their filters."""

    def __init__(self) -> None:
        """Take them; nothing is read before a page is asked for."""
        self._pages = _pages()

    def page(
        self, request: Request, template: str, status: int = 200, *, secret: bool = False, **values: Any
    ) -> HTMLResponse:
        """Render a page for a request.

        Args:
            secret: it shows what only this one browser may ever see; see :mod:`console.compressed`.
        """
        console = request.app.state.console
        signer: Signer = request.app.state.signer
        visitor: Visitor | None = getattr(request.state, "visitor", None)
        active = str(values.get("active", ""))
        html = self._pages.get_template(template).render(
            request=request,
            path=request.url.path,
            here=_here(request),
            visitor=visitor,
            csrf=signer.token(str(getattr(request.state, "visit", ""))),
            demo=console.demo,
            simulator=console.simulator,
            large=is_large(request),
            many_groups=scope.OFFERED,
            theme=THEMES.get(request.cookies.get(THEME_COOKIE, ""), ""),
            nav=navigation.links(request, visitor, active),
            page_name=values.pop("heading", None) or say(navigation.title(active, visitor)),
            tour=navigation.tour(visitor),
            tour_name="" if visitor is None else visitor.role.value,
            me_href=_me_href(request, visitor),
            **values,
        )
        return compressed.page(request, html, status, secret=secret)

    def text(self, template: str) -> str:
        """Render a file that is the same for everybody."""
        return self._pages.get_template(template).render()

    def asset(self, name: str) -> str:
        """Return the address of a static file, with a mark of what is in it."""
        return _asset(name)


def _me_href(request: Request, visitor: Visitor | None) -> str:
    """Return where one's own account is; empty if there is no such page."""
    if visitor is None:
        return ""
    path = f"/{Area.CONSOLE.value}/me"
    return path if visitor.role in navigation.open_paths(request.app).get(path, ()) else ""


def is_large(request: Request) -> bool:
    """Say whether the browser wants large type: ``?size=large`` or ``?size=normal`` in the address, else its cookie."""
    asked = SIZES.get(request.query_params.get("size", ""))
    return request.cookies.get(LARGE_COOKIE) == "1" if asked is None else asked == "1"


def _here(request: Request) -> str:
    """Return the page's own address without a size, which the switch would else never get away from."""
    rest = urlencode([(name, value) for name, value in request.query_params.multi_items() if name != "size"])
    return request.url.path + (f"?{rest}" if rest else "")


def set_cookie(response: Response, request: Request, name: str, value: str, seconds: int) -> None:
    """Set a cookie that no script reads and no other site sends."""
    https = request.app.state.console.https
    response.set_cookie(name, value, max_age=seconds, httponly=True, samesite="lax", secure=https, path="/")
