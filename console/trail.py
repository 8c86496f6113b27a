"""Rows of the audit trail as people read them: what somebody did, and the figures that belong to it.

Source: F117.
"""

from __future__ import annotations

from collections.abc import Mapping

from console import navigation
from console.auth import Role
from console.views import say
from prompts.loader import texts

_ROOM = "console_audit."
_KNOWN = frozenset(key.removeprefix(_ROOM) for key in texts().keys() if key.startswith(_ROOM))  # noqa: SIM118
_KIND = "kind_"
_UNSAID = frozenset({"scope", "scope_id", "undone", "cap", "value", "replaced"})
"""Details that are words and moments of the program and not of people; they stand in the code beside it."""


def kinds() -> list[tuple[str, str]]:
    """Return the kinds of acts (beginning of the code, name), by name each once."""
    found: dict[str, str] = {}
    for key in sorted(_KNOWN):
        if key.startswith(_KIND):
            kind = key.removeprefix(_KIND)
            found.setdefault(say(f"audit.kind_{kind}"), kind)
    return [(kind, name) for name, kind in found.items()]


def about(action: str) -> str:
    """Say what was done; an act without words of its own is said by its kind, and by its code if that has none either."""
    own = action.replace(".", "_")
    if f"act_{own}" in _KNOWN:
        return say(f"audit.act_{own}")
    kind, _, act = action.partition(".")
    if f"{_KIND}{kind}" not in _KNOWN:
        return action
    name = say(f"audit.kind_{kind}")
    return say(f"audit.has_{act}", what=name) if act in ("viewed", "exported") else name


def details(given: Mapping[str, object]) -> list[str]:
    """Say the figures of an act, in the order in which they were written; a zero that means none is left out."""
    found = []
    for key, value in given.items():
        if key in _UNSAID or value in (0, "", None):
            continue
        if key == "page":
            found += [say(room)] if (room := navigation.room_of(str(value))) else []
            continue
        shown = _word(str(value)) if isinstance(value, str) else value
        found.append(say(f"audit.detail_{key}", value=shown) if f"detail_{key}" in _KNOWN else f"{key} {shown}")
    return found


def _word(value: str) -> str:
    if value in set(Role):
        return say(f"role_{value}")
    return say(f"audit.word_{value}") if f"word_{value}" in _KNOWN else value


def code(action: str, given: Mapping[str, object]) -> str:
    """Return an act as the program writes it, for whoever searches the logs; a page that has a name is said in words only."""
    shown = {key: value for key, value in given.items() if key != "page" or not navigation.room_of(str(value))}
    return " ".join([action, *(f"{key}={value}" for key, value in shown.items())])
