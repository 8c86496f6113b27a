"""What stands at the other end of a browser: roles, areas, cookies' names, and the token that every form carries.

A cookie holds a random token and nothing else; who it is stands in rows (console.sessions). A form's token is made of the
browser's own random id and of its sessions with the installation's secret, so that none can be planted from outside. It looks
different in every answer: what is the same every time could be guessed letter by letter from how well an answer compresses.

Source: DESIGN §7, FAULTS E3, E4.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from enum import StrEnum

VISIT_COOKIE = "tt_visit"
LARGE_COOKIE = "tt_large"
KNOWN_COOKIE = "tt_known"
GUEST_COOKIE = "tt_guest"
_TOKEN_BYTES = hashlib.sha256().digest_size
_MASKED = re.compile(rf"[0-9a-f]{{{4 * _TOKEN_BYTES}}}")


class Role(StrEnum):
    """As what somebody is here."""

    ADMIN = "admin"
    STAFF = "staff"
    MANAGER = "manager"
    LEADER = "leader"
    RESIDENT = "resident"


class Area(StrEnum):
    """Which pages a session is for: one browser may be a leader in the console and a resident on the H5 pages.

    ``STEP``: the password was right and the second step is awaited; it opens nothing else.
    """

    CONSOLE = "console"
    H5 = "h5"
    STEP = "step"

    @property
    def cookie(self) -> str:
        """Name of the area's session cookie, without what https puts before it."""
        return f"tt_{self.value}"


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody who is signed in.

    Attributes:
        person_id: never 0.
        name: as shown in the corner.
        session: id of the row; not what stands in the cookie.
        demo: by one click in local mode.
        strong: a second step was passed.
        region_id: a manager's region.
    """

    role: Role
    person_id: int
    name: str
    session: str = ""
    demo: bool = False
    strong: bool = False
    region_id: int | None = None


class Signer:
    """Makes and checks what only this installation can: tokens of forms, keyed hashes."""

    def __init__(self, secret: str) -> None:
        """Take the installation's secret.

        Raises:
            ValueError: it is empty.
        """
        if not secret:
            raise ValueError("sessions need a secret")
        self._key = secret.encode()

    @property
    def key(self) -> bytes:
        """The secret, for keys that are derived from it."""
        return self._key

    def mac(self, purpose: str, material: str) -> str:
        """Return a keyed hash (hex) of something for one purpose."""
        return hmac.new(self._key, f"{purpose}\0{material}".encode("utf-8", "replace"), hashlib.sha256).hexdigest()

    def token(self, visit: str) -> str:
        """Return what every form of a browser carries, masked by random bytes; ``visit`` is ``request.state.visit``."""
        mask = secrets.token_bytes(_TOKEN_BYTES)
        return (mask + _crossed(mask, bytes.fromhex(self.mac("form", visit)))).hex()

    def is_token(self, visit: str, given: str) -> bool:
        """Check it, in constant time; as many answers as a browser has open, so many forms of it hold."""
        if not visit or not _MASKED.fullmatch(given):
            return False
        bare = bytes.fromhex(given)
        return hmac.compare_digest(
            _crossed(bare[:_TOKEN_BYTES], bare[_TOKEN_BYTES:]), bytes.fromhex(self.mac("form", visit))
        )


def _crossed(mask: bytes, words: bytes) -> bytes:
    return bytes(one ^ other for one, other in zip(mask, words, strict=True))


def cookie_name(name: str, *, https: bool) -> str:
    """Return a cookie's name; with https no other host, also none below this one, can set it."""
    return f"__Host-{name}" if https else name


def new_visit() -> str:
    """Return a fresh random id of a browser."""
    return secrets.token_urlsafe(18)
