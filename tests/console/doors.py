"""Puts a browser of the tests into a session, as a sign-in would."""

from __future__ import annotations

from datetime import datetime

from starlette.testclient import TestClient

from console import sessions
from console.auth import Area, Role, Visitor, cookie_name
from storage.engine import Database, Session


def come_as(
    client: TestClient, database: Database, role: Role, person: int, *, strong: bool = False, demo: bool = False
) -> str:
    """Begin a session of a person and put its token into the client's cookies; returns the token."""
    console = client.app.state.console  # type: ignore[attr-defined]
    now: datetime = console.clock.now()
    area = Area.H5 if role is Role.RESIDENT else Area.CONSOLE

    def write(session: Session) -> str:
        _held, region = sessions.standing(session, person, role)
        who = Visitor(role, person, "", demo=demo, strong=strong, region_id=region)
        return sessions.begin(session, now, area, who, "Chrome")

    token = database.write_now(write)
    client.cookies.update({cookie_name(area.cookie, https=console.https): token})
    return token
