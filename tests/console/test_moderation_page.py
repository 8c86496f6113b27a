"""Moderation in the console: the queue decided by the slice's own commands, whose cases one sees, and the lists of words."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from httpx2 import Response
from sqlmodel import select
from starlette.testclient import TestClient

from bot.main import Program
from engagement.moderation import files
from engagement.moderation.tables import ModerationCase
from storage.audit import AuditRow
from storage.engine import Session
from storage.groups import Group, Identity, Member, Person
from tests.console.doors import token
from tests.console.entering import sign_in

NOW = datetime(2026, 11, 19, 2, 0, tzinfo=UTC)
PRESS = re.compile(r'name="key" value="([^"]+)"><input type="hidden" name="back" value="[^"]*">'
                   r'<input type="hidden" name="press" value="(mod_[a-z]+:\d+)"')  # fmt: skip

pytestmark = pytest.mark.xdist_group("console")


def filled(session: Session) -> None:
    """Two groups with a leader each; a case of a neighbour in either, one of them with an appeal."""
    for number in (1, 2):
        session.add(Group(channel="sim", external_id=f"g{number}", name=f"{number}号群", created_at=NOW))
        session.flush()
        for role, name in (("leader", f"团长{number}"), ("member", f"邻居{number}")):
            person = Person(created_at=NOW)
            session.add(person)
            session.flush()
            who = person.id or 0
            session.add(Identity(person_id=who, channel="sim", external_id=f"{role}{number}", name=name, dm_open=True))
            session.add(Member(group_id=number, person_id=who, name=name, role=role, joined_at=NOW - timedelta(days=9)))
        session.flush()
        neighbour = session.exec(select(Member.id).where(Member.group_id == number, Member.role == "member")).one()
        session.add(
            ModerationCase(
                group_id=number,
                member_id=neighbour or 0,
                activity="topic",
                reference="1",
                text=f"加微信领红包，日赚三百，{number}号<script>alert(1)</script>",
                reason="advert",
                severity=2,
                state="waiting" if number == 1 else "deleted",
                appeal_state="" if number == 1 else "waiting",
                appeal="" if number == 1 else "我是说着玩的",
                created_at=NOW - timedelta(hours=number),
            )
        )


def post(client: TestClient, path: str, **fields: str) -> Response:
    return client.post(path, data={"csrf": token(client), **fields})


def case(program: Program, number: int) -> ModerationCase:
    return program.database.read_now(lambda s: s.get_one(ModerationCase, number))


def test_the_queue_shows_what_was_found_and_escapes_it(client: TestClient) -> None:
    sign_in(client, "staff")
    page = client.get("/console/moderation").text
    assert "邻居1" in page
    assert "像是广告" in page
    assert "<mark" in page
    assert "<script>alert" not in page
    assert "我是说着玩的" in client.get("/console/moderation?tab=appeals").text
    assert "邻居1" not in client.get("/console/moderation?tab=appeals").text


def test_looking_is_on_record(client: TestClient, program: Program) -> None:
    sign_in(client, "staff")
    client.get("/console/moderation")
    actions = program.database.read_now(lambda s: list(s.exec(select(AuditRow.action))))
    assert "moderation.viewed" in actions


def press(client: TestClient, button: str, group: str) -> Response:
    page = client.get("/console/moderation?tab=" + ("appeals" if button[4:6] in ("ye", "no") else "waiting")).text
    keys = {pressed: key for key, pressed in PRESS.findall(page)}
    return post(
        client,
        "/console/act",
        group=group,
        press=button,
        key=keys.get(button, "anykeyanykey"),
        back="/console/moderation",
    )


def test_a_case_is_decided_and_taken_back(client: TestClient, program: Program) -> None:
    sign_in(client, "staff")
    answer = press(client, "mod_drop:1", "1")
    assert answer.status_code == 200
    assert case(program, 1).state == "deleted"
    assert "邻居1" in client.get("/console/moderation?tab=decided").text
    again = press(client, "mod_drop:1", "1")
    assert again.status_code == 200
    assert case(program, 1).state == "deleted"


def test_an_appeal_is_granted(client: TestClient, program: Program) -> None:
    sign_in(client, "staff")
    press(client, "mod_yes:2", "2")
    assert case(program, 2).appeal_state == "granted"
    assert "没有申诉" in client.get("/console/moderation?tab=appeals").text


def test_a_leader_sees_and_decides_her_own_groups_alone(client: TestClient, program: Program) -> None:
    sign_in(client, "leader")
    page = client.get("/console/moderation").text
    assert "邻居1" in page
    assert "邻居2" not in page
    for group in ("2", "99", "x", "-1"):
        assert "邻居2" not in client.get("/console/moderation", params={"group": group, "tab": "waiting"}).text
    press(client, "mod_yes:2", "1")
    press(client, "mod_yes:2", "2")
    assert case(program, 2).appeal_state == "waiting"
    press(client, "mod_pass:1", "1")
    assert case(program, 1).state == "released"


@pytest.mark.parametrize(
    "query", ["tab=x", "after=x", "after=99999999999999999999", "group=%00", "tab=decided&after=1"]
)
def test_rubbish_in_the_address(client: TestClient, query: str) -> None:
    sign_in(client, "staff")
    assert client.get(f"/console/moderation?{query}").status_code == 200


# ---------------------------------------------------------------- words


def listed(program: Program, scope: str = "all", number: int = 0) -> list[str]:
    return list(program.database.read_now(lambda s: files.words(s, scope, number)))


def test_a_word_is_added_and_taken_off(client: TestClient, program: Program) -> None:
    sign_in(client, "staff")
    path = "/console/moderation/words/change"
    assert post(client, path, scope="all", word="刷单返现", how="add").status_code == 303
    assert listed(program) == ["刷单返现"]
    assert "刷单返现" in client.get("/console/moderation/words?scope=all").text
    assert post(client, path, scope="all", word="刷单返现", how="add").status_code == 303
    assert listed(program) == ["刷单返现"]
    assert post(client, path, scope="all", word="刷单返现", how="remove").status_code == 303
    assert listed(program) == []
    for word, how in (("一", "add"), ("今天", "add"), ("", "add"), ("a,b", "add"), ("词词", "erase"), ("#词词", "add")):
        assert post(client, path, scope="all", word=word, how=how).status_code == 409
    assert listed(program) == []


def test_a_list_is_looked_at_before_it_is_put_in_place(client: TestClient, program: Program) -> None:
    sign_in(client, "staff")
    path = "/console/moderation/words/import"
    text = "词,分类,动作\n刷单返现,诈骗,拦\n代办贷款,广告,拦\n"
    first = post(client, path, scope="group:1", text=text)
    assert first.status_code == 200
    assert "会加 2 个" in first.text
    assert listed(program, "group", 1) == []
    assert post(client, path, scope="group:1", text=text, sure="1").status_code == 303
    assert listed(program, "group", 1) == ["刷单返现", "代办贷款"]
    again = post(client, path, scope="group:1", text=text)
    assert "什么都不用改" in again.text
    exported = client.get("/console/moderation/words/export?scope=group:1")
    assert exported.content.decode("utf-8-sig").splitlines()[1:] == ["刷单返现,自定,拦", "代办贷款,自定,拦"]
    assert post(client, path, scope="group:1", text="刷单返现", replace="1", sure="1").status_code == 303
    assert listed(program, "group", 1) == ["刷单返现"]
    actor = program.database.read_now(
        lambda s: s.exec(select(AuditRow.actor_id).where(AuditRow.action == "moderation.words_imported")).first()
    )
    assert actor is not None


def test_a_bad_line_refuses_the_whole_list(client: TestClient, program: Program) -> None:
    sign_in(client, "staff")
    answer = post(client, "/console/moderation/words/import", scope="all", text="刷单返现\n一\n今天", sure="1")
    assert answer.status_code == 409
    assert "第 2 行" in answer.text
    assert listed(program) == []
    assert post(client, "/console/moderation/words/import", scope="all", text=" ").status_code == 409
    for body, said in ((b"\xff\xfe\x00", "看不懂编码"), (b"", "没有词")):
        sent = client.post(
            "/console/moderation/words/import",
            data={"csrf": token(client), "scope": "all"},
            files={"file": ("a.csv", body)},
        )
        assert sent.status_code == 409
        assert said in sent.text
    good = client.post(
        "/console/moderation/words/import",
        data={"csrf": token(client), "scope": "all", "sure": "1"},
        files={"file": ("a.csv", "刷单返现".encode("gb18030"))},
    )
    assert good.status_code == 303
    assert listed(program) == ["刷单返现"]


def test_a_leader_writes_for_her_own_group_alone(client: TestClient, program: Program) -> None:
    sign_in(client, "leader")
    path = "/console/moderation/words/change"
    assert post(client, path, scope="group:1", word="刷单返现", how="add").status_code == 303
    for scope in ("all", "group:2", "region:1", "group:99", "group:x", ""):
        assert post(client, path, scope=scope, word="刷单返现", how="add").status_code == 404
        assert client.get("/console/moderation/words/export", params={"scope": scope}).status_code == 404
    assert listed(program) == []
    assert "所有群" not in client.get("/console/moderation/words").text
