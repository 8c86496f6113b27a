"""Every page that there is, with an address that shows it and somebody who may open it.

The table of routes is the measure: a route that is read (GET) and has no line here fails a test, so that no page is forgotten
by the tests of access, weight and speed, or by the gallery.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from tests.tools import roles

Kind = Literal["page", "part", "file", "away"]
PARAMETER = re.compile(r"\{(\w+)(?::\w+)?\}")


@dataclass(frozen=True, slots=True)
class Sample:
    """An address of a route.

    Attributes:
        address: may hold names of a :class:`~tests.browser.house.House`'s world in braces.
        who: may open it; empty = nobody needs to be signed in.
        kind: a whole page, a part that a page asks for, a file, or a way to elsewhere.
        large: also looked at in large type.
        status: what the server answers with.
    """

    address: str
    who: str = ""
    kind: Kind = "page"
    large: bool = False
    status: int = 200

    def filled(self, world: Mapping[str, str]) -> Sample:
        """Put what there is into the address."""
        return replace(self, address=PARAMETER.sub(lambda found: world[found.group(1)], self.address))

    @property
    def name(self) -> str:
        """How a picture of it is called."""
        words = re.sub(r"[^a-z0-9]+", "-", re.sub(r"\{\w+\}", "x", self.address.casefold())).strip("-") or "start"
        return f"{words}.{self.who}" if self.who else words


def _as(who: str, *addresses: str, **more: object) -> tuple[Sample, ...]:
    return tuple(Sample(address, who, **more) for address in addresses)  # type: ignore[arg-type]


def _both(address: str, **more: object) -> tuple[Sample, ...]:
    return _as("leader", address, **more) + _as("staff", address)


GROUP = "/console/groups/{group_id}"
PLAN = "/console/calendar/{plan_id}"
DOCUMENT = "/console/knowledge/{document}"
SAMPLES: dict[str, tuple[Sample, ...]] = {
    "/": (Sample("/", large=True),),
    "/login": (Sample("/login", large=True), Sample("/login?to=h5&back=/h5")),
    "/login/code": (Sample("/login/code", kind="away", status=303),),
    "/enter/{token}": (Sample("/enter/nothing-like-this", status=410),),
    "/door/wechat": (Sample("/door/wechat", status=410),),
    "/offline": (Sample("/offline"),),
    "/manifest.webmanifest": (Sample("/manifest.webmanifest", kind="file"),),
    "/sw.js": (Sample("/sw.js", kind="file"),),
    "/console": _as("leader", "/console", kind="away", status=303),
    "/console/scopes": _as("leader", "/console/scopes?q=群", kind="file"),
    "/console/my/{room}": _as("leader", "/console/my/ledger", kind="away", status=303),
    "/console/today": _both("/console/today", large=True),
    "/console/me": _as("leader", "/console/me", large=True) + _as("manager", "/console/me"),
    "/console/me/second": _as("admin", "/console/me/second", kind="away", status=303),
    "/console/accounts": _as("admin", "/console/accounts"),
    "/console/audit": _as("admin", "/console/audit"),
    "/console/audit/export": _as("admin", "/console/audit/export", kind="file"),
    "/console/groups": _both("/console/groups"),
    GROUP: _as("leader", GROUP, large=True),
    f"{GROUP}/ledger": _as("leader", f"{GROUP}/ledger", large=True),
    f"{GROUP}/ledger/export": _as("leader", f"{GROUP}/ledger/export", kind="file"),
    f"{GROUP}/facts": _as("leader", f"{GROUP}/facts"),
    f"{GROUP}/activities": _as("leader", f"{GROUP}/activities"),
    "/console/region": _as("manager", "/console/region", large=True),
    "/console/region/groups": _as("manager", "/console/region/groups"),
    "/console/region/groups/{group_id}": _as("manager", "/console/region/groups/{group_id}"),
    "/console/region/export": _as("manager", "/console/region/export", kind="file"),
    "/console/knowledge": _both("/console/knowledge") + _as("staff", "/console/knowledge?q=烂了"),
    "/console/knowledge/new": _as("staff", "/console/knowledge/new", "/console/knowledge/new?kind=entry"),
    "/console/knowledge/usage": _as("staff", "/console/knowledge/usage"),
    "/console/knowledge/similar": _as("staff", "/console/knowledge/similar?question=草莓烂了能退吗", kind="part"),
    "/console/knowledge/works": _as("staff", "/console/knowledge/works"),
    "/console/knowledge/works/{work}": _as("staff", "/console/knowledge/works/{work}", kind="part"),
    DOCUMENT: _as("leader", DOCUMENT) + _as("staff", DOCUMENT),
    f"{DOCUMENT}/care": _as("staff", f"{DOCUMENT}/care"),
    f"{DOCUMENT}/entry": _as("staff", f"{DOCUMENT}/entry?entry={{entry}}"),
    f"{DOCUMENT}/preview": _as("staff", f"{DOCUMENT}/preview"),
    f"{DOCUMENT}/versions": _as("staff", f"{DOCUMENT}/versions"),
    "/console/gaps": _as("staff", "/console/gaps"),
    "/console/gaps/entries": _as("staff", "/console/gaps/entries?q=退", kind="part"),
    "/console/golden": _as("staff", "/console/golden"),
    "/console/golden/suggest": _as("staff", "/console/golden/suggest", kind="part"),
    "/console/try": _as("staff", "/console/try", "/console/try?q=草莓烂了一半能退吗")
    + _as("leader", "/console/try?q=几点能提货"),
    "/console/calendar": _as("staff", "/console/calendar"),
    "/console/calendar/new": _as("staff", "/console/calendar/new"),
    "/console/calendar/days/{day}": _as("staff", "/console/calendar/days/{day}"),
    "/console/calendar/days/{day}/group": _as("staff", "/console/calendar/days/{day}/group", kind="part"),
    PLAN: _as("staff", PLAN, "/console/calendar/{draft_id}"),
    f"{PLAN}/effects": _as("staff", f"{PLAN}/effects", kind="part"),
    f"{PLAN}/beats/{{number}}/preview": _as("staff", f"{PLAN}/beats/1/preview", kind="part"),
    f"{PLAN}/beats/{{number}}/poster.png": _as("staff", "/console/calendar/{draft_id}/beats/1/poster.png", kind="file"),
    "/console/pushes": _as("staff", "/console/pushes"),
    "/console/pushes/board": _as("staff", "/console/pushes/board", kind="part"),
    "/console/moderation": _both("/console/moderation"),
    "/console/moderation/words": _as("leader", "/console/moderation/words"),
    "/console/moderation/words/export": _as("staff", "/console/moderation/words/export", kind="file"),
    "/console/words": _as("staff", *(f"/console/words?tab={tab}" for tab in ("topics", "theme", "changed"))),
    "/console/words/preview": _as("staff", "/console/words/preview?slot={slot}", kind="part"),
    "/h5/in/{key}": (Sample("/h5/in/nothing-like-this", status=410),),
    "/open": (Sample("/open"),),
    "/open/privacy": (Sample("/open/privacy"),),
    "/h5": _as("resident", "/h5", large=True),
    "/h5/points": _as("resident", "/h5/points"),
    "/h5/ask": _as("resident", "/h5/ask", large=True),
    "/h5/family": _as("resident", "/h5/family"),
    "/h5/mine": _as("resident", "/h5/mine", large=True),
    "/h5/month": _as("resident", "/h5/month"),
}
"""Path of a route → what of it is looked at."""
BESIDE: tuple[Sample, ...] = (Sample("/sim"),)
"""Pages that are not in the console's table."""


def routes() -> list[str]:
    """Return the paths of everything that is read."""
    return [path for method, path, _ in roles.routes() if method == "GET"]


def samples(*kinds: Kind) -> Iterator[Sample]:
    """Yield what is looked at, of the routes that there are."""
    there = set(routes())
    for path, found in SAMPLES.items():
        if path in there:
            yield from (one for one in found if not kinds or one.kind in kinds)
    yield from (one for one in BESIDE if not kinds or one.kind in kinds)
