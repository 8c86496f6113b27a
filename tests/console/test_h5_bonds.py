"""我的账号 on the residents' page: a code of the page, a code of another channel, and taking apart again; without a script."""

from __future__ import annotations

import re

import pytest
from sqlmodel import col, select

from bot.main import Program
from console.auth import Role
from storage import identities
from storage.engine import Session
from storage.groups import Group, Identity, Member
from storage.outbox import Outbox
from tests.console.browsers import Browser
from tests.console.doors import come_as
from tests.console.entering import LIVED as NOW
from tests.console.entering import application
from tests.console.test_h5_pages import GROUP, as_, fields_of, person_of, said, send

CODE = re.compile(r"[3-9A-Z]{3}-[3-9A-Z]{3}-[3-9A-Z]{3}")
OPENID = "openid-of-juan"

pytestmark = pytest.mark.xdist_group("console")


@pytest.fixture(scope="module")
def program(community: Program) -> Program:
    def follow(session: Session) -> None:
        identities.meet(session, "wechat", OPENID, "阿娟", NOW)

    community.database.write_now(follow)
    return community


def open_chat(session: Session) -> None:
    row = session.exec(select(Identity).where(Identity.channel == "sim", Identity.external_id == "haitang")).one()
    row.dm_open = True
    session.add(row)


def told(session: Session) -> int:
    """How often something was said to haitang in her own chat."""
    rows = session.exec(select(Outbox).where(Outbox.channel == "sim", Outbox.conversation == "haitang"))
    return sum(one.kind == "dm" for one in rows)


def test_two_are_one_and_two_again(program: Program) -> None:
    """One takes a code on her page; on the Official Account's page it is entered, confirmed, and taken apart again."""
    one, other = as_(program, "haitang"), as_(program, OPENID)
    assert "演示" in one.get("/h5/mine").text
    page = send(one, "/h5/mine", "拿一个绑定码")
    found = CODE.search(said(page))
    assert found is not None
    page = send(other, "/h5/mine", "看看会合到什么", say=["绑定", found[0]])
    assert "1 个群" in said(page) and "阳光花园一期团购群" not in said(page), "of who made the code a number alone"
    assert "**" not in said(page).replace("海**", "")
    program.database.write_now(open_chat)
    before = program.database.read_now(told)
    page = other.post("/h5/mine", data=fields_of(page, "确定，都是我")).text
    assert "绑好了：演示、微信公众号" in said(page)
    assert "不是你自己办的" not in page, "that is for who took the code, in his own chats"
    assert "你现在不在用团团的群里" not in page and "解绑 微信公众号" in page, "the page is the one person's at once"
    assert program.database.read_now(told) == before + 1
    assert person_of(program, "haitang") == person_of(program, OPENID)
    leader = Browser(application(program, demo=False), follow_redirects=False)
    group, leads = program.database.read_now(
        lambda s: s.exec(
            select(Group.id, Member.person_id)
            .join(Member, col(Member.group_id) == col(Group.id))
            .where(Group.name == GROUP, Member.role == "leader")
        ).one()
    )
    come_as(leader, program.database, Role.LEADER, leads)
    name = program.database.read_now(
        lambda s: s.exec(select(Member.name).where(Member.person_id == person_of(program, OPENID))).one()
    )
    answer = leader.get(f"/console/groups/{group}/ledger", params={"q": name})
    assert answer.status_code == 200, answer.headers
    page = answer.text
    assert f"{name} 把几个账号绑成了一个人：演示、微信公众号" in page
    assert OPENID not in page
    # The same browser is in as the one person now.
    page = other.get("/h5/mine").text
    assert "阳光花园一期团购群" in page
    assert "解绑 微信公众号" in page
    page = send(other, "/h5/mine", "解绑 微信公众号")
    assert "要解开 微信公众号 吗" in said(page)
    page = other.post("/h5/mine", data=fields_of(page, "确定解开")).text
    assert "解开了" in said(page)
    assert person_of(program, "haitang") != person_of(program, OPENID)
    assert one.get("/h5/mine").status_code == 303, "the pages are opened anew"


def test_a_wrong_code_and_somebody_else_s_bond(program: Program) -> None:
    stranger = as_(program, "xiaoman")
    page = send(stranger, "/h5/mine", "看看会合到什么", say=["绑定", "<b>346</b>"])
    assert "这个码不对" in said(page)
    assert "border-warning" in page
    assert "border-success" not in page, "a no is not shown as something that went well"
    form = fields_of(stranger.get("/h5/mine").text, "拿一个绑定码")
    del form["say"]
    for press in ("bond_part:1", "bond_part_yes:1", "bond_yes:1", "bond_no:1"):
        page = stranger.post("/h5/mine", data={**form, "press": press, "key": f"k{press}"}).text
        assert "解开了" not in said(page)
        assert "绑好了" not in said(page)
