"""Sessions: they rotate, they end, they can be ended, and a role that was taken is gone at once."""

from __future__ import annotations

from datetime import timedelta

from sqlmodel import select
from starlette.testclient import TestClient

from console.auth import Role
from engagement.entry import accounts
from storage import entry
from storage.engine import Session
from storage.entry import WebSession
from storage.groups import Member, Region, RoleGrant
from tests.console.doors import NOW, PASSWORD, House, come_as, sign_in, token


def test_a_session_begins_anew_at_every_sign_in(house: House) -> None:
    """What was planted before, or was there before, opens nothing afterwards."""
    house.account("wang", "manager", "south")
    client = house.browser()
    planted = "A" * 43
    client.cookies.set("__Host-tt_console", planted, domain="testserver.local", path="/")
    before = token(client)
    sign_in(client, "wang")
    first = _cookie(client)
    assert first != planted
    sign_in(client, "wang")
    assert _cookie(client) != first
    old = house.browser()
    old.cookies.set("__Host-tt_console", first)
    assert old.get("/console/me").status_code == 303
    assert client.post("/console/me/sessions", data={"csrf": before, "session": "all"}).status_code == 403


def _cookie(client: TestClient) -> str:
    return next(
        one.value or ""
        for one in client.cookies.jar
        if one.name == "__Host-tt_console" and len(one.value or "") == 43 and one.value != "A" * 43
    )


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(house: House) -> None:
    house.account("wang", "manager", "south")
    answer = sign_in(house.browser(), "wang")
    (cookie,) = [one for one in answer.headers.get_list("set-cookie") if "tt_console" in one]
    assert cookie.startswith("__Host-tt_console=")
    assert {"HttpOnly", "Secure", "SameSite=lax", "Path=/"} <= set(cookie.split("; "))
    assert "domain" not in cookie.lower()
    assert not house.browser().get("/static/logo.svg").headers.get_list("set-cookie")


def test_a_session_ends_when_nobody_is_there_and_in_any_case(house: House) -> None:
    client = house.browser()
    with client:
        come_as(client, house.database, Role.LEADER, 1)
        for hours in (6, 17, 28):
            house.clock.set(NOW + timedelta(hours=hours))
            assert client.get("/console/me").status_code == 200
        house.clock.set(NOW + timedelta(hours=41))
        assert client.get("/console/me").status_code == 303
    with house.browser() as client:
        house.clock.set(NOW)
        come_as(client, house.database, Role.LEADER, 1)
        for hours in range(0, 24 * 7, 8):
            house.clock.set(NOW + timedelta(hours=hours))
            assert client.get("/console/me").status_code == 200
        house.clock.set(NOW + timedelta(days=7, minutes=1))
        assert client.get("/console/me").status_code == 303
    with house.browser() as client:
        house.clock.set(NOW)
        come_as(client, house.database, Role.RESIDENT, 2)
        house.clock.set(NOW + timedelta(days=29))
        assert client.get("/h5").status_code == 200
        house.clock.set(NOW + timedelta(days=60))
        assert client.get("/h5").status_code == 303


def test_who_lost_the_group_or_the_role_is_out_with_the_next_request(house: House) -> None:
    """FAULTS E7: nothing is cached."""
    client = house.browser()
    come_as(client, house.database, Role.LEADER, 1)
    assert client.get("/console/me").status_code == 200

    def lose(session: Session) -> None:
        member = session.exec(select(Member).where(Member.person_id == 1, Member.role == "leader")).one()
        member.role = "member"
        session.add(member)

    house.database.write_now(lose)
    assert client.get("/console/me").status_code == 303
    person = house.account("wang", "manager", "south")
    client = house.browser()
    come_as(client, house.database, Role.MANAGER, person)
    assert client.get("/console/me").status_code == 200
    house.database.write_now(lambda s: s.delete(s.get_one(RoleGrant, (person, "manager"))))
    assert client.get("/console/me").status_code == 303


def test_a_manager_of_another_region_signs_in_again(house: House) -> None:
    person = house.account("wang", "manager", "south")
    client = house.browser()
    come_as(client, house.database, Role.MANAGER, person)

    def move(session: Session) -> None:
        session.add(Region(name="north"))
        session.flush()
        session.get_one(RoleGrant, (person, "manager")).region_id = 2

    house.database.write_now(move)
    assert client.get("/console/me").status_code == 303


def test_my_browsers_are_ended_one_by_one_and_all(house: House) -> None:
    person = house.account("wang", "manager", "south")
    clients = [house.browser() for _ in range(3)]
    tokens = [come_as(client, house.database, Role.MANAGER, person) for client in clients]
    foreign = house.browser()
    kept = come_as(foreign, house.database, Role.LEADER, 1)
    here = clients[0]

    def end(which: str) -> None:
        data = {"csrf": token(here, "/console/me"), "session": which}
        assert here.post("/console/me/sessions", data=data).status_code == 303

    end("")
    assert [client.get("/console/me").status_code for client in clients] == [200, 200, 200]
    end(entry.digest(kept))
    assert foreign.get("/console/me").status_code == 200
    end(entry.digest(tokens[1]))
    assert [client.get("/console/me").status_code for client in clients] == [200, 303, 200]
    end("all")
    assert [client.get("/console/me").status_code for client in clients] == [200, 303, 303]


def test_signing_out_ends_the_row(house: House) -> None:
    client = house.browser()
    kept = come_as(client, house.database, Role.LEADER, 1)
    client.post("/logout", data={"csrf": token(client, "/console/me"), "area": "console"})
    stolen = house.browser()
    stolen.cookies.set("__Host-tt_console", kept)
    assert stolen.get("/console/me").status_code == 303
    assert house.database.read_now(lambda s: s.get(WebSession, entry.digest(kept))) is None


def test_a_new_password_puts_everybody_else_out(house: House) -> None:
    person = house.account("wang", "manager", "south")
    here, there = house.browser(), house.browser()
    for client in (here, there):
        come_as(client, house.database, Role.MANAGER, person)
    new = "another long sentence"
    wrong = {"old": "wrong", "password": new, "again": new}
    data = {"csrf": token(here, "/console/me"), **wrong}
    assert here.post("/console/me/password", data=data).status_code == 422
    for change, words in ((("password", "short"), "至少 10"), (("again", "x"), "不一样")):
        data = {"csrf": token(here, "/console/me"), **wrong, "old": PASSWORD, change[0]: change[1]}
        assert words in here.post("/console/me/password", data=data).text
    data = {"csrf": token(here, "/console/me"), **wrong, "old": PASSWORD}
    assert here.post("/console/me/password", data=data).status_code == 303
    assert [client.get("/console/me").status_code for client in (here, there)] == [200, 303]
    assert sign_in(house.browser(), "wang").status_code == 401
    assert sign_in(house.browser(), "wang", new).status_code == 303


def test_somebody_who_is_several_goes_on_as_another(house: House) -> None:
    person, _, _ = house.with_second("wang", "admin")
    house.database.write_now(lambda s: accounts.grant(s, person, "staff", NOW, by=None))
    client = house.browser()
    first = come_as(client, house.database, Role.ADMIN, person, strong=True)
    for wanted, role in (("manager", "管理员"), ("staff", "运营")):
        client.post("/console/me/role", data={"csrf": token(client, "/console/me"), "role": wanted})
        assert role in client.get("/console/me").text
    assert house.database.read_now(lambda s: s.get(WebSession, entry.digest(first))) is None
