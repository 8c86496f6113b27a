"""One-time links, and what an administrator does with accounts and reads in the trail."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import select
from starlette.testclient import TestClient

from console import demo, sessions
from console.auth import Role
from engagement.entry import accounts
from engagement.errors import Refusal
from storage import entry
from storage.audit import AuditRow, broken_links
from storage.engine import Session
from storage.groups import Member
from tests.console.doors import NOW, PASSWORD, SITE, House, come_as, link, sign_in, token


def test_looking_at_a_link_does_not_use_it_and_the_button_does(house: House) -> None:
    way = link(house, "console", 1, 1)
    for _ in range(3):
        page = house.browser().get(way)
        assert page.status_code == 200
        assert "邻**" in page.text
        assert "邻居1" not in page.text
    client = house.browser()
    assert client.post(way, data={"csrf": "x"}).status_code == 403
    answer = client.post(way, data={"csrf": token(client, way)})
    assert (answer.status_code, answer.headers["location"]) == (303, "/console?group=1")
    assert client.get("/console/me").status_code == 200
    ((person, group, reply),) = house.told
    assert (person, group, reply.key) == (1, 1, "entry.opened_console")
    assert [button.key for button in reply.buttons] == ["entry:out"]
    other = house.browser()
    gone = other.get(way)
    assert gone.status_code == 410
    assert "我的页面" in gone.text
    assert other.post(way, data={"csrf": token(other)}).status_code == 410
    assert other.get("/console").status_code == 303


def test_a_resident_sees_his_own_page_by_a_link(house: House) -> None:
    way = link(house, "h5", 2, 1)
    client = house.browser()
    answer = client.post(way, data={"csrf": token(client, way)})
    assert answer.headers["location"] == "/h5?group=1"
    assert client.get("/h5").status_code == 200
    assert client.get("/console").status_code == 303
    assert house.told[0][2].key == "entry.opened_page"


@pytest.mark.parametrize("kind", ["forged", "old", "newer", "no leader", "used"])
def test_a_link_that_does_not_open_says_so_kindly(house: House, kind: str) -> None:
    way = link(house, "console", 2 if kind == "no leader" else 1)
    if kind == "forged":
        way = "/enter/" + "x" * 43
    elif kind == "old":
        house.clock.set(NOW + timedelta(minutes=10))
    elif kind == "newer":
        link(house, "console", 1)
    elif kind == "used":
        house.database.write_now(lambda s: entry.use_link(s, way.rpartition("/")[2], NOW))
    client = house.browser()
    assert client.get(way).status_code == 410
    assert client.post(way, data={"csrf": token(client)}).status_code == 410
    assert client.get("/console").status_code == 303
    assert not house.told


def test_two_at_once_use_a_link_once(house: House) -> None:
    way = link(house, "h5", 2).rpartition("/")[2]

    async def both() -> list[object]:
        return await asyncio.gather(
            *(house.database.write(lambda s: entry.use_link(s, way, NOW) is not None) for _ in range(8))
        )

    assert sorted(asyncio.run(both())) == [False] * 7 + [True]  # type: ignore[type-var]


def test_an_invitation_lets_its_person_choose_a_password(house: House) -> None:
    made = house.database.write_now(lambda s: accounts.add(s, "wang", NOW, by=None, role="manager", region="south"))
    way, client = f"/enter/{made}", house.browser()
    assert sign_in(house.browser(), "wang", "").status_code == 401
    data = {"csrf": token(client, way), "password": "wang-is-my-name", "again": "wang-is-my-name"}
    assert "别带账号名" in client.post(way, data=data).text
    data = {"csrf": token(client, way), "password": PASSWORD, "again": PASSWORD}
    assert client.post(way, data=data).headers["location"] == "/console/me"
    assert client.get("/console/me").status_code == 200
    assert client.get(way).status_code == 410
    assert sign_in(house.browser(), "wang").status_code == 303


def test_a_reset_ends_everything_and_asks_the_second_step_all_the_same(house: House) -> None:
    person, secret, _ = house.with_second("wang")
    client = house.browser()
    come_as(client, house.database, Role.STAFF, person, strong=True)
    made = house.database.write_now(lambda s: accounts.reset(s, person, NOW, by=None))
    assert client.get("/console").status_code == 303
    assert sign_in(house.browser(), "wang").status_code == 401
    way = f"/enter/{made}"
    data = {"csrf": token(client, way), "password": "a new long sentence", "again": "a new long sentence"}
    assert client.post(way, data=data).headers["location"] == "/login/code"
    assert client.get("/console").status_code == 303
    answer = client.post("/login/code", data={"csrf": token(client, "/login/code"), "code": house.code(secret)})
    assert answer.headers["location"] == "/console"
    made = house.database.write_now(lambda s: accounts.reset(s, person, NOW, by=None, second=True))
    way = f"/enter/{made}"
    data = {"csrf": token(client, way), "password": "a third long sentence", "again": "a third long sentence"}
    assert client.post(way, data=data).headers["location"] == "/console/me"
    assert client.get("/console").headers["location"] == "/console/me/second"


@pytest.fixture
def admin(house: House) -> tuple[TestClient, int]:
    person, _, _ = house.with_second("boss", "admin")
    client = house.browser()
    come_as(client, house.database, Role.ADMIN, person, strong=True)
    return client, person


def do(client: TestClient, person: int, act: str, **more: str) -> Any:
    return client.post(f"/console/accounts/{person}/{act}", data={"csrf": token(client, "/console/accounts"), **more})


def test_an_administrator_invites_and_the_link_is_shown_once(house: House, admin: tuple[TestClient, int]) -> None:
    client, boss = admin
    data = {"csrf": token(client, "/console/accounts"), "name": "Li", "role": "manager", "region": "south"}
    page = client.post("/console/accounts", data=data).text
    shown = re.search(rf"{SITE}(/enter/[\w-]+)", page)
    assert shown is not None
    assert "/enter/" not in client.get("/console/accounts").text
    assert house.browser().get(shown.group(1)).status_code == 200
    assert (
        "已经有人用了"
        in client.post("/console/accounts", data={**data, "csrf": token(client, "/console/accounts")}).text
    )
    for wrong, words in (
        ({"name": "a b"}, "2 到 32"),
        ({"name": "xx", "role": "king"}, "三种"),
        ({"name": "yy", "region": ""}, "区域"),
    ):
        answer = client.post("/console/accounts", data={**data, "csrf": token(client, "/console/accounts"), **wrong})
        assert answer.status_code == 422
        assert words in answer.text
    rows = house.database.read_now(lambda s: s.exec(select(AuditRow).where(AuditRow.actor_id == boss)).all())
    assert {"accounts.viewed", "account.made", "account.granted", "account.invited"} <= {row.action for row in rows}
    assert not any("li" in row.details for row in rows if row.action == "account.made")


def test_who_has_no_password_is_no_other_administrator(house: House, admin: tuple[TestClient, int]) -> None:
    """A sample administrator who came along with a local folder, somebody who never opened her invitation."""
    client, boss = admin
    house.database.write_now(lambda s: demo.person(s, Role.ADMIN, "", NOW))
    house.database.write_now(lambda s: accounts.add(s, "invited", NOW, by=None, role="admin"))
    assert "最后一位能登录的管理员" in do(client, boss, "disable").text
    assert "最后一位能登录的管理员" in do(client, boss, "revoke", role="admin").text
    other = house.account("other", "admin")
    assert "最后一位能登录的管理员" not in do(client, boss, "revoke", role="admin").text
    assert house.database.read_now(lambda s: sessions.roles_of(s, other)) == [Role.ADMIN]
    assert house.database.read_now(lambda s: sessions.roles_of(s, boss)) == []


def test_what_an_administrator_does_takes_effect_at_once(house: House, admin: tuple[TestClient, int]) -> None:
    client, boss = admin
    person = house.account("wang", "manager", "south")
    other = house.browser()
    for act, more in (("sign_out", {}), ("revoke", {"role": "manager"}), ("disable", {}), ("reset", {})):
        house.database.write_now(lambda s: accounts.enable(s, person, NOW, by=None))
        house.database.write_now(lambda s: accounts.grant(s, person, "manager", NOW, by=None, region="south"))
        come_as(other, house.database, Role.MANAGER, person)
        assert other.get("/console/me").status_code == 200
        assert do(client, person, act, **more).status_code == 200
        assert other.get("/console/me").status_code == 303, act
    assert "最后一位能登录的管理员" in do(client, boss, "disable").text
    assert "最后一位能登录的管理员" in do(client, boss, "revoke", role="admin").text
    assert do(client, 999, "disable").status_code == 422
    assert do(client, person, "dance").status_code == 303
    assert client.get("/console/accounts", params={"q": "wang"}).text.count("badge") >= 1
    assert "没有这个账号" in client.get("/console/accounts", params={"q": "<script>"}).text


def test_an_account_is_unlocked(house: House, admin: tuple[TestClient, int]) -> None:
    person = house.account("wang", "manager", "south")
    assert [sign_in(house.browser(), "wang", "wrong").status_code for _ in range(6)] == [401] * 5 + [429]
    do(admin[0], person, "unlock")
    assert sign_in(house.browser(), "wang").status_code == 303


def test_the_trail_is_searched_exported_and_verified(house: House, admin: tuple[TestClient, int]) -> None:
    client, boss = admin
    page = client.get("/console/audit", params={"verify": "1"}).text
    assert "一行不差" in page
    assert "看了操作记录" in page
    assert "audit.viewed" in page
    assert "没有这样的记录" in client.get("/console/audit", params={"day": "2020-01-01"}).text
    assert "audit.viewed" in client.get("/console/audit", params={"person": str(boss), "day": "2026-11-19"}).text
    for rubbish in ({"day": "x", "person": "-1", "before": "9" * 40}, {"action": "%_\\'"}, {"person": "１"}):
        assert client.get("/console/audit", params=rubbish).status_code == 200
    sheet = client.get("/console/audit/export")
    assert sheet.content.startswith(b"\xef\xbb\xbf")
    assert "audit.exported" in sheet.text
    assert "导出了操作记录" in sheet.text
    assert sheet.text.rstrip().splitlines()[-1].startswith("由 ")
    book = client.get("/console/audit/export", params={"kind": "xlsx", "action": "account"})
    assert book.content.startswith(b"PK")
    assert client.get("/console/audit/export", params={"kind": "x", "day": "x", "action": "%_\\'"}).status_code == 200
    assert house.database.read_now(broken_links)[1] is None


def test_the_trail_tells_of_a_row_that_was_changed(house: House, admin: tuple[TestClient, int]) -> None:
    client, _ = admin

    def tamper(session: Session) -> None:
        session.connection().exec_driver_sql("DROP TRIGGER IF EXISTS audit_no_update")
        for name in (
            session.connection()
            .exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'audit'")
            .scalars()
            .all()
        ):
            session.connection().exec_driver_sql(f"DROP TRIGGER {name}")
        session.connection().exec_driver_sql("UPDATE audit SET action = 'nothing' WHERE id = 1")

    house.database.write_now(tamper)
    assert "第 1 行对不上" in client.get("/console/audit", params={"verify": "1"}).text


def test_roles_that_cannot_be_given(house: House) -> None:
    database = house.database
    with pytest.raises(Refusal, match="no_region"):
        database.write_now(lambda s: accounts.grant(s, 1, "manager", NOW, by=None, region="nowhere"))
    with pytest.raises(Refusal, match="no_person"):
        database.write_now(lambda s: accounts.add(s, "xx", NOW, by=None, person=99))
    database.write_now(lambda s: accounts.add(s, "xx", NOW, by=None, person=1))
    with pytest.raises(Refusal, match="has_account"):
        database.write_now(lambda s: accounts.add(s, "yy", NOW, by=None, person=1))


def test_a_link_from_the_chat_makes_no_manager(house: House) -> None:
    """Who leads a group and looks after a region needs her password for the region: a link is no way around it."""
    person, _, _ = house.with_second("wang", "manager")

    def leads(session: Session) -> None:
        session.add(Member(group_id=1, person_id=person, role="leader", name="王", joined_at=NOW))

    house.database.write_now(leads)
    for strong, role, where in ((False, Role.LEADER, "/login"), (True, Role.LEADER, "/console")):
        client = house.browser()
        come_as(client, house.database, role, person, strong=strong)
        answer = client.post("/console/me/role", data={"csrf": token(client, "/console/me"), "role": "manager"})
        assert answer.headers["location"] == where
        assert (client.get("/console/groups").status_code == 200) is not strong
    client = house.browser()
    come_as(client, house.database, Role.MANAGER, person)
    client.post("/console/me/role", data={"csrf": token(client, "/console/me"), "role": "leader"})
    assert client.get("/console/groups").status_code == 200


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
def test_the_trail_of_a_day_at_the_end_of_time_is_empty(house: House, day: str) -> None:
    admin = house.browser()
    come_as(admin, house.database, Role.ADMIN, house.account("chef", "admin"), strong=True)
    assert admin.get(f"/console/audit?day={day}").status_code == 200
    assert admin.get(f"/console/audit/export?day={day}").status_code == 200
