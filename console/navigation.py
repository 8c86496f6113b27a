"""Which rooms of the console somebody is shown, in which order. A room that is not there, or not for her, is not linked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fastapi import FastAPI, Request
from fastapi.routing import APIRoute

from console.auth import Role, Visitor
from console.policy import Allow, routes_of

_DESK = frozenset({Role.STAFF, Role.ADMIN})
_ALL = _DESK | {Role.LEADER}
GROUP_ROOM = "/console/groups/{group_id}/"
MINE = "/console/my/"
"""Leads to a room of one's own group, without its number: see console.pages.mine."""


@dataclass(frozen=True, slots=True)
class Room:
    """A room as it could be linked.

    Attributes:
        name: what a page gives as ``active``; also its icon.
        path: the route's path; one of a group holds ``{group_id}``.
        roles: who has it in her navigation; that she may also open it is asked of the route's policy.
    """

    name: str
    path: str
    roles: frozenset[Role]
    label: str = ""

    @property
    def icon(self) -> str:
        """Name of the drawing (templates/parts.html)."""
        return self.name

    @property
    def key(self) -> str:
        """Key of the words of its link."""
        return self.label or f"nav_{self.name}"


@dataclass(frozen=True, slots=True)
class Link:
    """A room as it is linked on this page."""

    href: str
    label: str
    icon: str
    on: bool


_LEADER = frozenset({Role.LEADER})
_MANAGER = frozenset({Role.MANAGER})
ROOMS = (
    Room("today", "/console/today", _ALL),
    Room("region", "/console/region", _MANAGER),
    Room("groups", "/console/groups", _LEADER, label="nav_my_groups"),
    Room("ledger", GROUP_ROOM + "ledger", _LEADER),
    Room("activities", GROUP_ROOM + "activities", _LEADER),
    Room("facts", GROUP_ROOM + "facts", _LEADER),
    Room("knowledge", "/console/knowledge", _ALL),
    Room("gaps", "/console/gaps", _DESK),
    Room("try", "/console/try", _ALL),
    Room("calendar", "/console/calendar", _DESK),
    Room("pushes", "/console/pushes", _DESK),
    Room("moderation", "/console/moderation", _ALL),
    Room("words", "/console/words", _DESK),
    Room("groups", "/console/groups", _DESK),
    Room("accounts", "/console/accounts", frozenset({Role.ADMIN})),
    Room("audit", "/console/audit", frozenset({Role.ADMIN})),
)


def open_paths(app: FastAPI) -> Mapping[str, frozenset[Role]]:
    """Return the pages that there are, with the roles that may open each; read once."""
    known: dict[str, frozenset[Role]] | None = getattr(app.state, "open_paths", None)
    if known is None:
        known = {}
        for route in routes_of(app.routes):
            if isinstance(route, APIRoute) and "GET" in (route.methods or ()):
                for one in route.dependant.dependencies:
                    if isinstance(one.call, Allow):
                        known[route.path] = one.call.roles
        app.state.open_paths = known
    return known


def links(request: Request, visitor: Visitor | None, active: str) -> list[Link]:
    """Return the navigation of a page, for who looks at it.

    Args:
        active: the room that the page belongs to.
    """
    if visitor is None or visitor.role is Role.RESIDENT:
        return []
    paths = open_paths(request.app)
    group = getattr(request.state, "group", None)
    group_id = None if group is None else group.id
    found = []
    for room in ROOMS:
        if visitor.role not in room.roles or visitor.role not in paths.get(room.path, frozenset()):
            continue
        href = room.path
        if room.path.startswith(GROUP_ROOM):
            rest = room.path.removeprefix(GROUP_ROOM)
            href = f"{MINE}{rest}" if group_id is None else f"/console/groups/{group_id}/{rest}"
        found.append(Link(href, room.key, room.icon, room.name == active))
    return found


def title(active: str, visitor: Visitor | None) -> str:
    """Return the key of a room's name."""
    for room in ROOMS:
        if room.name == active and (visitor is None or visitor.role in room.roles):
            return room.key
    return f"nav_{active}" if active else "name"


def room_of(page: str) -> str:
    """Return the key of the name of the room that a page's path belongs to; empty when it belongs to none."""
    found = [room for room in ROOMS if page == room.path or page.startswith(room.path + "/")]
    return max(found, key=lambda room: (len(room.path), not room.label)).key if found else ""


TOURS: Mapping[Role, tuple[tuple[str, str], ...]] = {
    Role.STAFF: (("rooms", "rooms"), ("main", "staff"), ("large", "large"), ("me", "me")),
    Role.LEADER: (("rooms", "rooms"), ("main", "leader"), ("large", "large"), ("me", "me")),
    Role.MANAGER: (("rooms", "rooms"), ("main", "manager"), ("me", "me")),
    Role.RESIDENT: (("main", "resident"), ("large", "large"), ("me", "me")),
}
"""Steps of the first visit: which element (``data-tour``), and which words."""


def tour(visitor: Visitor | None) -> list[tuple[str, str, str]]:
    """Return the steps for who looks at the page: element, key of the heading, key of what is said."""
    if visitor is None:
        return []
    steps = TOURS[Role.STAFF if visitor.role is Role.ADMIN else visitor.role]
    return [(target, f"tour_{name}", f"tour_{name}_about") for target, name in steps]
