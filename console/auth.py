"""Who is at the other end of a browser: signed cookies, and the token that every form carries.

A cookie holds no secret and no right beyond what it says; it is signed with the installation's secret and ends by itself.
One-click demo sign-in exists in local mode only.

Source: DESIGN §7, FAULTS D.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import secrets
import time
from dataclasses import asdict, dataclass
from enum import StrEnum

SESSION_SECONDS = 12 * 3600
VISIT_COOKIE = "tt_visit"
LARGE_COOKIE = "tt_large"


class Role(StrEnum):
    """As what somebody is here."""

    ADMIN = "admin"
    STAFF = "staff"
    MANAGER = "manager"
    LEADER = "leader"
    RESIDENT = "resident"


class Area(StrEnum):
    """Which pages a session is for: one browser may be a leader in the console and a resident on the H5 pages."""

    CONSOLE = "console"
    H5 = "h5"

    @property
    def cookie(self) -> str:
        """Name of the area's session cookie."""
        return f"tt_{self.value}"


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody who is signed in.

    Attributes:
        person_id: 0 for demo staff, who is nobody in a chat.
        name: as shown in the corner.
        visit: the browser's own random id; a session of another browser is not accepted.
        until: end of the session, seconds since 1970.
        region_id: a manager's region.
    """

    role: Role
    person_id: int
    name: str
    visit: str
    until: float
    demo: bool = False
    region_id: int | None = None


class Signer:
    """Signs and reads cookies; makes and checks the tokens of forms."""

    def __init__(self, secret: str) -> None:
        """Take the installation's secret.

        Raises:
            ValueError: it is empty.
        """
        if not secret:
            raise ValueError("sessions need a secret")
        self._key = secret.encode()

    def _mac(self, purpose: str, material: str) -> str:
        return hmac.new(self._key, f"{purpose}\0{material}".encode(), hashlib.sha256).hexdigest()

    def seal(self, area: Area, visitor: Visitor) -> str:
        """Return the cookie of a session."""
        body = base64.urlsafe_b64encode(json.dumps(asdict(visitor), ensure_ascii=False).encode()).decode()
        return f"{body}.{self._mac(f'session {area}', body)}"

    def open(self, area: Area, cookie: str, visit: str, now: float | None = None) -> Visitor | None:
        """Read a session; None if it is not ours, over, or of another browser."""
        body, _, mac = cookie.rpartition(".")
        if not body or not hmac.compare_digest(mac.encode(), self._mac(f"session {area}", body).encode()):
            return None
        try:
            data = json.loads(base64.urlsafe_b64decode(body))
            visitor = Visitor(**{**data, "role": Role(data["role"])})
        except (ValueError, TypeError, KeyError, binascii.Error):
            return None
        if visitor.until < (time.time() if now is None else now) or not hmac.compare_digest(visitor.visit, visit):
            return None
        return visitor

    def token(self, visit: str) -> str:
        """Return what every form of a browser carries."""
        return self._mac("form", visit)

    def is_token(self, visit: str, given: str) -> bool:
        """Check it, in constant time."""
        return bool(visit) and hmac.compare_digest(self.token(visit).encode(), given.encode("utf-8", "replace"))


def new_visit() -> str:
    """Return a fresh random id of a browser."""
    return secrets.token_urlsafe(18)


def session(
    role: Role, person_id: int, name: str, visit: str, *, demo: bool = False, region_id: int | None = None
) -> Visitor:
    """Begin a session that ends after ``SESSION_SECONDS``."""
    return Visitor(role, person_id, name, visit, time.time() + SESSION_SECONDS, demo, region_id)
