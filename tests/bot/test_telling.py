"""What the pages say to somebody in private, and what they know of the installation."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select
from starlette.testclient import TestClient

from bot.channels.sim.rehearsal import Rehearsal
from bot.main import Program
from bot.pages import Pages, telling
from engagement.clocks import SetClock
from engagement.kernel import Button, Outgoing, Reply
from storage.groups import Identity
from tests.bot.channels.test_sim import MORNING, open_simulator

pytestmark = pytest.mark.xdist_group("sim")
ADDRESS = "http://testserver"


def person(program: Program, name: str) -> int:
    return program.database.read_now(
        lambda s: s.exec(select(Identity.person_id).where(Identity.external_id == name)).one()
    )


def test_who_came_in_is_told_to_the_person_and_to_nobody_else(data_dir: Path) -> None:
    program, simulator = open_simulator(data_dir, SetClock(MORNING))
    try:
        asyncio.run(Rehearsal(simulator).play(days=1))
        who = person(program, "xiaoman")
        delivered: list[Outgoing] = []
        program.courier.post = lambda queued: delivered.append(queued.message)  # type: ignore[method-assign]
        tell = telling(program)
        reply = Reply("entry.opened_page", {"browser": "Chrome"}, buttons=[Button("entry:out", "entry.button_not_me")])

        async def say(to: int, group: int | None) -> None:
            await tell(to, group, reply)

        def quiet(session: Any) -> None:
            row = session.exec(select(Identity).where(Identity.person_id == who)).one()
            row.dm_open = False
            session.add(row)

        program.database.write_now(quiet)
        asyncio.run(say(who, None))
        assert not delivered

        def spoke(session: Any) -> None:
            row = session.exec(select(Identity).where(Identity.person_id == who)).one()
            row.dm_open = True
            session.add(row)

        program.database.write_now(spoke)
        asyncio.run(say(who, 1))
        (message,) = delivered
        assert (message.channel, message.conversation, message.to) == ("sim", "xiaoman", "xiaoman")
        assert [button.key for button in message.buttons] == ["entry:out"]
    finally:
        simulator.close()
        program.close()


def test_the_pages_know_their_address_and_the_phones_clock(data_dir: Path) -> None:
    program, simulator = open_simulator(data_dir, SetClock(MORNING))
    try:
        program.settings.web.public_url = f"{ADDRESS}/"
        app: Any = Pages(program, sim=False, web=True).routes()[-1].app  # type: ignore[attr-defined]
        console = app.state.console
        assert console.public_url == ADDRESS
        assert abs((console.wall.now() - MORNING).total_seconds()) > 60
        assert console.tell is not None
        with TestClient(app, ADDRESS) as client:
            assert client.get("/", headers={"host": "elsewhere.example"}).status_code == 400
            assert re.search(r'name="csrf" value="[0-9a-f]{128}"', client.get("/login").text)
    finally:
        simulator.close()
        program.close()


def test_on_ones_own_machine_links_open_without_a_setting(data_dir: Path) -> None:
    program, simulator = open_simulator(data_dir, SetClock(MORNING))
    try:
        app: Any = Pages(program, sim=False, web=True).routes()[-1].app  # type: ignore[attr-defined]
        assert program.dispatcher.pages == f"http://127.0.0.1:{program.settings.web.port}"
        assert app.state.console.public_url == ""
    finally:
        simulator.close()
        program.close()


@pytest.mark.parametrize(
    ("address", "alone", "open_to_all"),
    [
        ("", True, True),
        ("http://127.0.0.1:8080", True, True),
        ("https://tuan.example", True, False),
        ("", False, False),
    ],
)
def test_nobody_outside_is_let_in_as_the_sample_s_administrator(
    data_dir: Path, address: str, alone: bool, open_to_all: bool
) -> None:
    """A trial whose address is a public one, or that has a platform's people in it, has no doors for everybody."""
    program, simulator = open_simulator(data_dir, SetClock(MORNING))
    try:
        program.settings.web.public_url = address
        app: Any = Pages(program, sim=False, web=True, alone=alone).routes()[-1].app  # type: ignore[attr-defined]
        with TestClient(app, address or "http://127.0.0.1") as client:
            assert ("/demo/admin" in client.get("/login").text) is open_to_all
            token = re.search(r'name="csrf" value="([0-9a-f]{128})"', client.get("/login").text)
            sent = client.post("/demo/admin", data={"csrf": token.group(1) if token else ""}, follow_redirects=False)
            assert (sent.status_code == 303) is open_to_all
    finally:
        simulator.close()
        program.close()
