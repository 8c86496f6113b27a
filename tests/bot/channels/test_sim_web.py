"""The simulator's page and what it sends: only from this machine, only as JSON, refusals in words."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from bot.channels.web import LARGEST_BODY, WebSimulator
from engagement.clocks import SetClock
from tests.bot.channels.test_sim import open_simulator


@pytest.fixture
def client(data_dir: Path) -> Iterator[TestClient]:
    program, simulator = open_simulator(data_dir, SetClock(datetime(2026, 11, 19, 23, 20, tzinfo=UTC)))
    simulator.history.fresh = False  # no sample weeks here
    pages = WebSimulator(simulator)
    with TestClient(Starlette(routes=pages.routes()), base_url="http://127.0.0.1") as client:
        yield client
    simulator.close()
    program.close()


def test_the_page_is_strict_about_scripts(client: TestClient) -> None:
    answer = client.get("/sim")
    assert answer.status_code == 200
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "<script>" not in answer.text
    assert "style=" not in answer.text
    for path in ("/sim/static/sim.js", "/sim/static/sim.css"):
        assert client.get(path).status_code == 200


def test_saying_something_and_asking_what_changed(client: TestClient) -> None:
    state = client.get("/sim/api/state").json()
    assert [group["id"] for group in state["groups"] if group["desk"]] == ["yangguang", "cuihu"]
    assert set(state["lines"]) == {"yangguang", "cuihu", "li", "wang", "chen", "zhou"}, "what a desk shows"
    text = "<img src=x onerror=alert(1)>"
    said = client.post("/sim/api/say", json={"conversation": "yangguang", "person": "li", "text": text})
    assert said.status_code == 200
    found = client.get("/sim/api/changes", params={"after": state["event"]}).json()
    assert [change["line"]["parts"] for change in found["changes"]] == [[[text, False]]]
    later = client.get("/sim/api/changes", params={"after": "999999"}).json()
    assert later["changes"] is None
    older = client.get("/sim/api/lines", params={"conversation": "yangguang", "before": "999999"}).json()
    assert [line["id"] for line in older["lines"]] == [said.json()["id"]]


def test_a_refusal_is_in_words(client: TestClient) -> None:
    answer = client.post("/sim/api/say", json={"conversation": "yangguang", "person": "nobody", "text": "签到"})
    assert answer.status_code == 409
    assert answer.json()["refused"]


@pytest.mark.parametrize("name", ["say", "press", "join", "leave", "clock"])
@pytest.mark.parametrize("body", ["[]", "{", "null", '"x"', "[" * 9000, '{"text": 5, "conversation": null}'])
def test_bodies_that_no_page_sends(client: TestClient, name: str, body: str) -> None:
    answer = client.post(f"/sim/api/{name}", content=body, headers={"content-type": "application/json"})
    assert answer.status_code in (400, 409)


def test_other_sites_and_other_names_are_turned_away(client: TestClient) -> None:
    body = {"conversation": "yangguang", "person": "li", "text": "签到"}
    foreign = client.post("/sim/api/say", json=body, headers={"origin": "https://elsewhere.example"})
    assert foreign.status_code == 403
    assert client.post("/sim/api/say", json=body, headers={"host": "rebound.example"}).status_code == 403
    for path in ("/sim", "/sim/api/state", "/sim/api/changes", "/sim/api/lines"):
        assert client.get(path, headers={"host": "rebound.example"}).status_code == 421
    assert client.post("/sim/api/say", data=body).status_code == 415
    big = client.post("/sim/api/say", json={**body, "text": "a" * LARGEST_BODY})
    assert big.status_code == 413


def test_moving_the_clock(client: TestClient) -> None:
    before = datetime.fromisoformat(client.get("/sim/api/state").json()["clock"]["now"])
    after = client.post("/sim/api/clock", json={"move": "hour"}).json()["clock"]
    assert (datetime.fromisoformat(after["now"]) - before).total_seconds() == 3600
    assert after["moving"] is None


def test_a_card_is_shown_and_nothing_else_of_the_folder(client: TestClient, data_dir: Path) -> None:
    folder = data_dir / "pictures"
    folder.mkdir()
    name = "a" * 40 + ".png"
    (folder / name).write_bytes(b"\x89PNG")
    (folder / "note.txt").write_text("x")
    found = client.get(f"/sim/pictures/{name}")
    assert (found.status_code, found.headers["content-type"]) == (200, "image/png")
    assert "default-src 'none'" in found.headers["content-security-policy"]
    for path in ("note.txt", "b" * 40 + ".png", "..%2Fsimulator.jsonl", "%2e%2e%2fowner.lock", name.upper()):
        assert client.get(f"/sim/pictures/{path}").status_code == 404, path
    assert client.get(f"/sim/pictures/{name}", headers={"host": "rebound.example"}).status_code == 404


def test_a_file_is_taken_as_it_is(client: TestClient) -> None:
    where, kind = "/sim/api/file", {"content-type": "application/octet-stream"}
    sent = client.post(where, params={"person": "li", "name": "规则.md"}, content=b"# hello", headers=kind)
    assert sent.status_code == 200
    found = client.get("/sim/api/lines", params={"conversation": "li", "before": "999999"}).json()["lines"][0]
    assert (found["id"], found["parts"]) == (sent.json()["id"], [["📄 规则.md", False]])
    empty = client.post(where, params={"person": "li", "name": "规则.md"}, content=b"", headers=kind)
    assert empty.status_code == 409
    assert client.post(where, params={"person": "nobody"}, content=b"x", headers=kind).status_code == 409
    assert client.post(where, params={"person": "li"}, content=b"x").status_code == 415
    foreign = {**kind, "origin": "http://evil.example"}
    assert client.post(where, params={"person": "li"}, content=b"x", headers=foreign).status_code == 403
    large = b"x" * (20 * 1024 * 1024 + 1)
    assert client.post(where, params={"person": "li"}, content=large, headers=kind).status_code == 413
