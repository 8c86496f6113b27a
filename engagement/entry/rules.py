"""What may be an account's name, and how somebody's name is shown to whoever holds a link. Pure."""

from __future__ import annotations

import re
import unicodedata

from engagement.errors import Refusal

PREFIX = "page"
"""What the link from a group into the private chat carries: one's own page is wanted."""
ROLES = ("admin", "staff", "manager")
"""Roles over groups, the widest first."""
_NAME = re.compile(r"[\w.\-·]{2,32}")
_FROM_OUTSIDE = re.compile(r"https?://[^/\s]+")


def read_name(text: str) -> str:
    """Read a typed account name: two to 32 letters, figures or characters, without blanks.

    Raises:
        Refusal: ``entry.name_how``.
    """
    name = unicodedata.normalize("NFKC", text).strip()
    if not _NAME.fullmatch(name):
        raise Refusal("entry.name_how")
    return name.casefold()


def read_role(text: str) -> str:
    """Read a role.

    Raises:
        Refusal: ``entry.role_how``.
    """
    role = text.strip().casefold()
    if role not in ROLES:
        raise Refusal("entry.role_how")
    return role


def masked(name: str) -> str:
    """Return a name as whoever holds a link may see it: its first character alone."""
    bare = name.strip()
    return f"{bare[:1]}**" if bare else "**"


def widest(roles: frozenset[str]) -> str:
    """Return as what somebody signs in who may be several; empty for who is none."""
    return next((role for role in ROLES if role in roles), "")


def address(pages: str, path: str) -> str:
    """Return the whole address of a path; the path alone where no public address is set."""
    base = pages.rstrip("/")
    return f"{base}{path}" if _FROM_OUTSIDE.match(base) else path
