"""By a sample door into the pages of the real program."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from fastapi import FastAPI
from starlette.testclient import TestClient

from bot.desk import ProgramDesk
from bot.main import Program
from bot.pushing import ProgramPushing
from console.app import Console, create_app
from tests.console.doors import SECRET, token

LIVED = datetime(2026, 11, 19, 23, 20, tzinfo=UTC)
"""When the sample community's days end that the tests' program has behind it; 7:20 in Shanghai."""


def application(program: Program, **more: Any) -> FastAPI:
    """The pages over a program, as they are on one's own machine: people act, pushes are shown, sample doors are open."""
    parts = {"demo": True, "desk": ProgramDesk(program), "pushing": ProgramPushing(program), **more}
    return create_app(Console(program.database, program.clock, None, SECRET, **parts))


def sign_in(client: TestClient, who: str, **fields: str) -> None:
    """Come in by a sample door."""
    answer = client.post(f"/demo/{who}", data={"csrf": token(client, "/"), **fields})
    assert answer.status_code == 303
    assert "login" not in answer.headers["location"]
