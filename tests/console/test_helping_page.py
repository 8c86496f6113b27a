"""帮忙解绑 on the ledger's page: the staff see what is bound, are asked why, and can take it back; a leader sees it only."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
from sqlmodel import col, select

from bot.main import Program
from storage import identities
from storage.audit import AuditRow
from storage.groups import Member
from tests.console.browsers import Browser
from tests.console.entering import LIVED, application, sign_in
from tests.console.test_h5_bonds import CODE, OPENID
from tests.console.test_h5_pages import as_, fields_of, person_of, said, send
from tests.console.test_rooms import act, group_of

PRESS = re.compile(r'name="press" value="([^"]+)"')
WHO = "haitang"

pytestmark = pytest.mark.xdist_group("console")


@pytest.fixture(scope="module")
def program(community: Program) -> Program:
    """A neighbour of the sample community is one with an account of the Official Account's."""
    community.database.write_now(lambda session: identities.meet(session, "wechat", OPENID, "阿娟", LIVED))
    code = CODE.search(said(send(as_(community, WHO), "/h5/mine", "拿一个绑定码")))
    assert code is not None
    other = as_(community, OPENID)
    page = send(other, "/h5/mine", "看看会合到什么", say=["绑定", code[0]])
    other.post("/h5/mine", data=fields_of(page, "确定，都是我"))
    assert one_person(community)
    return community


@pytest.fixture
def client(program: Program) -> Iterator[Browser]:
    with Browser(application(program), follow_redirects=False) as client:
        yield client


def one_person(program: Program) -> bool:
    return person_of(program, WHO) == person_of(program, OPENID)


def page_of(client: Browser, program: Program) -> str:
    """The ledger, searched for her by the whole name."""
    name = program.database.read_now(
        lambda s: s.exec(select(Member.name).where(Member.person_id == person_of(program, WHO))).one()
    )
    answer = client.get(f"/console/groups/{group_of(program)}/ledger", params={"q": name})
    assert answer.status_code == 200
    return answer.text


def pressed(page: str, begin: str) -> list[str]:
    return [key for key in PRESS.findall(page) if key.startswith(begin)]


def test_staff_take_apart_with_a_reason_and_take_it_back(client: Browser, program: Program) -> None:
    sign_in(client, "staff")
    group, page = group_of(program), page_of(client, program)
    assert "演示、微信公众号" in page and "先当面或打电话问清" in page
    (part,) = pressed(page, "bond_for:")
    sure = act(client, group, press=part, key="part")
    assert "为什么替他解" in sure and one_person(program), "looked at, and nothing done"
    reasons = pressed(sure, "bond_for_yes:")
    assert len(reasons) == 3
    assert "替他解开了" in act(client, group, press=reasons[1], key="yes")
    assert not one_person(program)
    row = program.database.read_now(
        lambda s: s.exec(select(AuditRow).where(AuditRow.action == "bond.parted_for").order_by(col(AuditRow.id))).one()
    )
    assert json.loads(row.details)["reason"] == "closed"
    page = page_of(client, program)
    assert "运营替他解开过" in page and not pressed(page, "bond_for:")
    (back,) = pressed(page, "undo:")
    assert "又是一个人" in act(client, group, press=back, key="back")
    assert one_person(program)
    assert not pressed(page_of(client, program), "undo:")


def test_a_leader_sees_it_and_is_told_who_can(client: Browser, program: Program) -> None:
    sign_in(client, "staff")
    (part,) = pressed(page_of(client, program), "bond_for:")
    sign_in(client, "leader")
    page = page_of(client, program)
    assert "演示、微信公众号" in page and "请运营来解" in page
    assert not pressed(page, "bond_for:")
    for key in (part, f"bond_for_yes:{part.partition(':')[2]}.lost"):
        assert "运营" in act(client, group_of(program), press=key, key=key)
    assert one_person(program)
