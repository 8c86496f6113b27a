"""The console over a real database with the sample community in it: who sees what, and what no request can do."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from fastapi.routing import APIRoute
from sqlalchemy import delete
from sqlmodel import col
from sqlmodel import select as pick
from starlette.testclient import TestClient

from bot.main import Program
from console import demo, policy
from console.auth import Area, Role
from engagement.clocks import SetClock
from storage.documents import Question
from storage.engine import Session
from storage.groups import Account, Group, Identity, Member
from tests.bot.channels.test_sim import open_simulator
from tests.console.browsers import Browser
from tests.console.doors import CSRF, come_as, token
from tests.console.entering import LIVED as NOW
from tests.console.entering import application, sign_in

pytestmark = pytest.mark.xdist_group("console")


@pytest.fixture(scope="module")
def program(community: Program) -> Program:
    return community


PAGES = ("/console/today", "/console/groups", "/console/knowledge", "/console/try")


def test_every_route_declares_a_policy(program: Program) -> None:
    app = application(program)
    assert policy.undeclared(app) == []
    assert len([route for route in policy.routes_of(app.routes) if isinstance(route, APIRoute)]) >= 10


def test_a_route_without_a_policy_is_noticed(program: Program) -> None:
    app = application(program)
    app.get("/forgotten")(lambda: "")
    assert policy.undeclared(app) == ["/forgotten"]


def test_a_policy_that_lets_nobody_in_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="nobody"):
        policy.Allow(Area.CONSOLE)


@pytest.mark.parametrize("path", [*PAGES, "/console/knowledge/1", "/h5"])
def test_who_is_not_signed_in_is_asked_to(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/login?to=")
    assert client.get(path, headers={"hx-request": "true"}).status_code == 401
    assert client.get(answer.headers["location"]).status_code == 200


@pytest.mark.parametrize("who", ["staff", "leader"])
def test_staff_and_leader_see_every_page_of_the_console(client: TestClient, who: str) -> None:
    sign_in(client, who)
    for path in PAGES:
        answer = client.get(path)
        assert answer.status_code == 200, path
        assert "style=" not in answer.text
        assert "<script>" not in answer.text
    assert "阳光花园一期团购群" in client.get("/console/today").text
    assert client.get("/h5").status_code == 303


def test_the_sample_residents_offered_are_those_with_most_to_show(program: Program) -> None:
    def read(session: Session) -> tuple[list[int], list[int]]:
        shown = [number for number, _, _ in demo.residents(session)]
        best = pick(Member.person_id).join(Account, col(Account.id) == col(Member.account_id))
        best = best.where(Member.role == "member").order_by(col(Account.balance).desc(), col(Member.id))
        return shown, list(dict.fromkeys(session.exec(best)))[: len(shown)]

    shown, best = program.database.read_now(read)
    assert len(shown) == demo.RESIDENTS_SHOWN
    assert shown == best


def test_a_complaint_shows_its_hour(client: TestClient, program: Program) -> None:
    """Until when somebody is to answer, beside the words, and when that is over; a question has none."""

    def ask(session: Session) -> list[int]:
        group = session.exec(pick(Group.id).where(Group.name == "阳光花园一期团购群")).one()
        asked = [Question(group_id=group, text=text, asked_at=NOW) for text in ("鸡蛋全碎了，我要投诉", "能寄快递吗")]
        asked.append(Question(group_id=group, text="米里有虫，退钱", asked_at=NOW - timedelta(hours=73)))
        session.add_all(asked)
        session.flush()
        return [one.id or 0 for one in asked]

    made = program.database.write_now(ask)
    sign_in(client, "leader")
    page = client.get("/console/today").text
    program.database.write_now(lambda session: session.execute(delete(Question).where(col(Question.id).in_(made))))
    assert "能寄快递吗" in page
    assert page.count("答应 TA 24 小时内回话、最晚") == page.count("给结果，已过。") == 1


def test_a_leader_sees_her_own_groups_only(client: TestClient, program: Program) -> None:
    def make(session: object) -> int:
        group = Group(channel="sim", external_id="foreign", name="别家的群", created_at=NOW)
        session.add(group)  # type: ignore[attr-defined]
        session.flush()  # type: ignore[attr-defined]
        return group.id or 0

    foreign = program.database.write_now(make)
    sign_in(client, "leader")
    for path in ("/console/today", "/console/groups", "/console/try"):
        assert "别家的群" not in client.get(path, params={"group": str(foreign)}).text
    sign_in(client, "staff")
    assert "别家的群" in client.get("/console/today", params={"group": str(foreign)}).text


def test_a_resident_sees_his_own_page(client: TestClient) -> None:
    sign_in(client, "resident")
    answer = client.get("/h5")
    assert answer.status_code == 200
    assert "打卡日历" in answer.text
    assert client.get("/h5", params={"group": "999"}).status_code == 404
    assert client.get("/console").status_code == 303


def test_another_sample_resident_can_be_chosen(client: TestClient, program: Program) -> None:
    person = program.database.read_now(
        lambda s: s.exec(pick(Identity.person_id).where(Identity.external_id == "xiaoman")).one()
    )
    sign_in(client, "resident", person=str(person))
    assert "小满妈妈" in client.get("/h5").text


def test_search_finds_questions_and_takes_nothing_for_a_pattern(client: TestClient) -> None:
    sign_in(client, "staff")
    page = client.get("/console/knowledge", params={"q": "草莓烂了"}).text
    assert "水果蔬菜坏了一部分" in page
    assert "〔坏果包赔〕" in page
    assert "{bad_fruit}" not in page
    for q in ("%", "_", "\\", "' OR 1=1 --", "<script>alert(1)</script>", "\x00", "啊" * 500):
        answer = client.get("/console/knowledge", params={"q": q}, headers={"hx-request": "true"})
        assert answer.status_code == 200
        assert "<script>alert" not in answer.text
    assert "没有这样的文档" in client.get("/console/knowledge", params={"q": "%%%"}).text
    assert client.get("/console/knowledge", params={"state": "draft"}).status_code == 200


def test_a_document_and_one_that_is_not_there(client: TestClient) -> None:
    sign_in(client, "staff")
    assert client.get("/console/knowledge/1").status_code == 200
    assert client.get("/console/knowledge/99999").status_code == 404
    assert client.get("/console/knowledge/x").status_code == 404
    assert client.get("/nowhere").status_code == 404


def test_forms_need_their_token_and_their_own_site(client: TestClient) -> None:
    given = token(client)
    for path in ("/demo/staff", "/logout", "/large"):
        assert client.post(path).status_code == 403
        assert client.post(path, data={"csrf": "0" * 64}).status_code == 403
        foreign = client.post(path, data={"csrf": given}, headers={"origin": "https://elsewhere.example"})
        assert foreign.status_code == 403


@pytest.mark.parametrize(
    "back", ["https://elsewhere.example", "//elsewhere.example", "/\\elsewhere.example", "/a:b", "x"]
)
def test_nobody_is_sent_to_another_site(client: TestClient, back: str) -> None:
    answer = client.post("/demo/staff", data={"csrf": token(client), "back": back})
    assert answer.headers["location"] == "/console"
    answer = client.post("/large", data={"csrf": token(client), "back": back})
    assert answer.headers["location"] == "/"


def test_large_text_is_remembered(client: TestClient) -> None:
    assert 'class="large"' not in client.get("/").text
    client.post("/large", data={"csrf": token(client), "back": "/"})
    assert 'class="large"' in client.get("/").text
    client.post("/large", data={"csrf": token(client), "back": "/"})
    assert 'class="large"' not in client.get("/").text


def test_the_link_for_large_text_holds_through_the_sign_in(client: TestClient) -> None:
    """The address from the chat, /h5?size=large: the sign-in and one's own page are large; 标准 brings the usual size back."""
    first = client.get("/h5?size=large")
    assert first.status_code == 303
    assert 'class="large"' in client.get(first.headers["location"]).text
    sign_in(client, "resident")
    page = client.get("/h5?size=large").text
    assert 'class="large"' in page
    assert ">标准</button>" in page
    assert 'name="back" value="/h5"' in page
    client.post("/large", data={"csrf": token(client), "back": "/h5"})
    page = client.get("/h5").text
    assert 'class="large"' not in page
    assert ">大字</button>" in page
    assert 'class="large"' in client.get("/h5?size=large").text
    assert 'class="large"' not in client.get("/h5?size=normal").text
    assert 'class="large"' not in client.get("/h5?size=%3Cscript%3E").text


def test_signing_out(client: TestClient) -> None:
    sign_in(client, "staff")
    client.post("/logout", data={"csrf": token(client), "area": "console"})
    assert client.get("/console").status_code == 303


def test_one_browser_may_be_leader_and_resident(client: TestClient) -> None:
    sign_in(client, "leader")
    sign_in(client, "resident")
    assert client.get("/console/today").status_code == 200
    assert client.get("/h5").status_code == 200


def test_production_has_no_demo(program: Program) -> None:
    app = application(program, demo=False, https=True)
    with Browser(app, "https://testserver", follow_redirects=False) as client:
        page = client.get("/")
        assert "/demo/" not in page.text
        login = client.get("/login").text
        assert "/demo/" not in login
        given = CSRF.search(login)
        assert given is not None
        for who in demo.WHO:
            assert client.post(f"/demo/{who}", data={"csrf": given.group(1)}).status_code == 404
        assert not [one for one in policy.routes_of(app.routes) if "demo" in getattr(one, "path", "")]
        assert "Secure" in page.headers["set-cookie"]
        person = program.database.write_now(lambda s: demo.person(s, Role.STAFF, "", NOW))
        assert person
        come_as(client, program.database, Role.STAFF, person, strong=True, demo=True)
        assert client.get("/console").headers["location"].startswith("/login")
        come_as(client, program.database, Role.STAFF, person, strong=True)
        assert client.get("/console/today").status_code == 200


def test_the_simulator_alone_has_no_console(program: Program) -> None:
    with Browser(application(program, console=False, simulator=True), follow_redirects=False) as client:
        assert client.get("/").status_code == 200
        assert client.get("/console").status_code == 404


def test_headers(client: TestClient) -> None:
    for path in ("/", "/nowhere", "/console"):
        headers = client.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
    assert "max-age" in client.get("/static/base.css").headers["cache-control"]
    cookie = client.get("/").headers.get("set-cookie", "") or Browser(client.app).get("/").headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "samesite=lax" in cookie.lower()


def test_an_empty_installation_teaches(data_dir: Path) -> None:
    program, simulator = open_simulator(data_dir, SetClock(NOW))
    with Browser(application(program), follow_redirects=False) as client:
        sign_in(client, "staff")
        for path, words in (
            ("/console/today", "还没有你的群"),
            ("/console/knowledge", "知识库还是空的"),
            ("/console/groups", "还没有你的群"),
        ):
            assert words in client.get(path).text
        answer = client.post("/demo/resident", data={"csrf": token(client)})
        assert answer.headers["location"] == "/login?to=h5"
        assert "还没有示例居民" in client.get("/login?to=h5").text
    simulator.close()
    program.close()
