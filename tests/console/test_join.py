"""The link in a group's message of the day: who is no member is asked once and is one; everybody else hears why not.

The Official Account is the fake one, over HTTP; the pages are the application as it runs in production.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import cast
from urllib.parse import urlsplit

import httpx
import pytest
from sqlmodel import select
from starlette.testclient import TestClient

from console import outside
from console.auth import Role
from console.pages import join
from engagement.entry import joining
from engagement.entry.joining import Neighbour
from engagement.errors import Refusal
from storage import entry, group_keys, identities
from storage.engine import Session, open_database
from storage.entry import WebSession
from storage.groups import Consent, Group, Identity, Member, Person
from tests.console.doors import NOW, SITE, come_as, people
from tests.console.test_abuse import runs
from tests.console.test_door_wechat import LI, World
from tests.platforms.wechat import FakeWeChat
from tests.platforms.wechat.signin import AGENT, Browser

GUEST = "__Host-tt_guest"
CSRF = re.compile(r'name="csrf" value="([0-9a-f]+)"')


class Community(World):
    """The pages and the platform, with a customer group that has a link.

    Attributes:
        key: of the group's link; ``neighbours``: union id → who WeCom says that is in the chat.
    """

    key = ""
    group = 0

    def prepare(self) -> None:
        self.neighbours: dict[str, Neighbour] = {}
        self.asked: list[tuple[str, str]] = []
        self.silent = False
        self.joined: list[tuple[int, int]] = []

        async def who(chat: str, union_id: str) -> Neighbour | None:
            self.asked.append((chat, union_id))
            if self.silent:
                raise Refusal("entry.join_silent")
            return self.neighbours.get(union_id)

        async def note(person: int, group: int) -> None:
            self.joined.append((person, group))

        console = self.house.app.state.console
        object.__setattr__(console, "neighbours", {"wecom": who})
        object.__setattr__(console, "joined", note)

        def make(session: Session) -> tuple[int, str]:
            group = Group(channel="wecom", account="ww", external_id="wr1", name="阳光花园", created_at=NOW)
            session.add(group)
            session.flush()
            assert group.id is not None
            return group.id, group_keys.current(session, group.id, NOW)

        self.group, self.key = self.database.write_now(make)

    @property
    def link(self) -> str:
        return f"{SITE}/h5/in/{self.key}"

    async def arrive(self, who: str = LI) -> tuple[Browser, str]:
        """Open the link in somebody's WeChat; returns the browser and the page."""
        browser = await self.browser(who)
        page = await browser.open(self.link)
        assert page.status_code == 200, page.text
        return browser, page.text

    async def press(self, browser: Browser, page: str, **fields: str) -> httpx.Response:
        found = CSRF.findall(page)
        return await browser.client.post(self.link, data={"csrf": found[-1], **fields})

    async def come(self, who: str = LI, name: str = "李阿姨") -> Browser:
        browser, page = await self.arrive(who)
        answer = await self.press(browser, page, name=name)
        assert answer.headers["location"] == f"/h5?group={self.group}", answer.text
        return browser

    def members(self) -> list[Member]:
        return [one for one in self.rows(Member) if one.group_id == self.group]


@pytest.fixture
async def world(tmp_path: Path, migrated_file: Path) -> AsyncIterator[Community]:
    shutil.copytree(migrated_file, folder := tmp_path / "house")
    database = open_database(folder)
    database.write_now(people)
    async with FakeWeChat() as wechat, AsyncExitStack() as stack:
        world = Community(wechat, database, stack)
        world.prepare()
        yield world
        await world.api.close()
    database.close()


def shut(answer: httpx.Response, words: str, status: int = 410) -> bool:
    """Not let in, for a reason in one sentence, and no session."""
    assert answer.status_code == status, answer.text
    assert "没进去" in answer.text and words in answer.text, answer.text
    assert "__Host-tt_h5" not in str(answer.headers.get_list("set-cookie"))
    return True


async def test_a_resident_comes_in_by_the_message_of_the_day(world: Community) -> None:
    """
    群里的一条 → 李阿姨点「打卡」→ 微信说她是谁 → 「进阳光花园」：群里怎么叫你？ → 李阿姨 → 她的打卡页
    第二天再点：直接是打卡页
    """
    browser, page = await world.arrive()
    assert urlsplit(browser.way[-1]).path == f"/h5/in/{world.key}"
    assert "进「阳光花园」" in page and "群里怎么叫你" in page and "群里闲聊不存" in page and "你是群里的" not in page
    assert world.rows(Identity)[-1].channel == "sim", "nothing is kept of who only looks"
    answer = await world.press(browser, page, name="  李\u200b阿姨 ")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/h5?group={world.group}")
    assert GUEST not in browser.client.cookies
    [member] = world.members()
    [identity] = [one for one in world.rows(Identity) if one.channel == "wechat"]
    assert (member.name, member.role, member.person_id) == ("李阿姨", "member", identity.person_id)
    assert (identity.external_id, identity.name, identity.dm_open) == (LI, "李阿姨", False)
    assert member.account_id is not None and member.left_at is None and member.steps == 0
    assert [one.person_id for one in world.rows(Consent)] == [member.person_id]
    person = next(one for one in world.rows(Person) if one.id == member.person_id)
    assert person.current_group_id == world.group and world.joined == [(member.person_id, world.group)]
    assert "entry.joined" in world.house.actions()
    again = await browser.open(world.link)
    assert again.url.path == "/h5" and "阳光花园" in again.text
    fresh = await world.browser()
    assert (await fresh.open(world.link)).url.path == "/h5", "another day, another browser: straight on"
    assert len(world.members()) == 1


async def test_pressed_twice_and_gone_back(world: Community) -> None:
    browser, page = await world.arrive()
    token = CSRF.findall(page)[-1]
    mine = dict(browser.client.cookies)
    transport = httpx.ASGITransport(world.house.app)
    for _ in range(2):
        async with httpx.AsyncClient(transport=transport, cookies=mine, headers={"user-agent": AGENT}) as client:
            answer = await client.post(world.link, data={"csrf": token, "name": "李阿姨"})
            assert answer.headers["location"] == f"/h5?group={world.group}"
    assert len(world.members()) == len(world.rows(Consent)) == 1
    assert len([one for one in world.rows(Identity) if one.channel == "wechat"]) == 1
    assert (await browser.client.get(world.link)).status_code == 200, (
        "the first browser has gone back: it is asked, or is in"
    )


async def test_a_name_is_needed(world: Community) -> None:
    browser, page = await world.arrive()
    for name in ("", "   ", "\u202e", "…！"):
        answer = await world.press(browser, page, name=name)
        assert answer.status_code == 422 and "名字里要有字或数字" in answer.text
    assert world.members() == [] and world.rows(WebSession) == []
    answer = await world.press(browser, page, name="<script>alert(1)</script>" * 9)
    assert answer.status_code == 303
    [member] = world.members()
    assert len(member.name) == 32
    assert runs((await browser.open(f"{SITE}/h5?group={world.group}")).text) == []


async def test_outside_of_wechat(world: Community) -> None:
    for agent in ("Mozilla/5.0 (iPhone) Safari/604.1", f"{AGENT} wxwork/4.1"):
        browser = await world.browser(agent=agent)
        assert shut(await browser.client.get(world.link), "请在微信里点开这个链接", 403)
    object.__setattr__(world.house.app.state.console, "outside", None)
    browser = await world.browser()
    assert shut(await browser.client.get(world.link), "没有接上公众号", 403)


async def test_links_that_open_nothing(world: Community) -> None:
    """A made-up key, another group's number, one that the leader has renewed, a group that is gone."""
    browser = await world.come()
    for wrong in (str(world.group), "x" * 22, world.key[:-1], f"{world.key}x", "wr1"):
        assert shut(await browser.client.get(f"{SITE}/h5/in/{wrong}"), "可能没抄全")
    other, page = await world.arrive("o-wang")
    old = world.link
    world.key = world.database.write_now(lambda s: group_keys.renew(s, world.group, NOW))
    assert shut(await other.client.get(old), "换了新链接")
    assert shut(await other.client.post(old, data={"csrf": CSRF.findall(page)[-1], "name": "王"}), "换了新链接")
    assert len(world.members()) == 1
    await world.come("o-wang", "王叔")
    # Who came in by the old link stays in, and the new one lets him straight on.
    assert (await browser.client.get(world.link)).headers["location"] == f"/h5?group={world.group}"

    def remove(session: Session) -> None:
        group = session.get_one(Group, world.group)
        group.state = "removed"
        session.add(group)

    world.database.write_now(remove)
    assert shut(await browser.client.get(world.link), "「阳光花园」现在不用我了")


async def test_who_is_known_is_asked_for_nothing_but_the_name(world: Community) -> None:
    """王阿姨在公众号里说过话，也在别的群里：进来还是同一个人，当前的群换成这一个。"""
    world.database.write_now(lambda s: s.add(Identity(person_id=2, channel="wechat", external_id=LI, dm_open=True)))
    browser, page = await world.arrive()
    assert 'value="邻居2"' in page, "the name that she goes by elsewhere stands there"
    assert (await world.press(browser, page, name="王阿姨")).status_code == 303
    [member] = world.members()
    assert (member.person_id, member.name) == (2, "王阿姨")
    row = world.database.read_now(lambda s: identities.current_group(s, 2, "wechat"))
    assert row is not None and row[0] == world.group
    assert [one.name for one in world.rows(Member) if one.person_id == 2 and one.group_id == 1] == ["邻居2"]


async def test_muted_erased_and_withdrawn(world: Community) -> None:
    browser = await world.come()
    [member] = world.members()
    until = NOW + timedelta(days=2)

    def mute(session: Session) -> None:
        row = session.get_one(Member, member.id)
        row.muted_until, row.left_at = until, NOW
        session.add(row)
        identities.withdraw_consent(session, row.person_id, NOW)

    world.database.write_now(mute)
    page = (await browser.client.get(world.link)).text
    assert "群里怎么叫你" in page, "who left is asked again"
    assert (await world.press(browser, page, name="李阿姨")).status_code == 303
    [back] = world.members()
    assert (back.id, back.left_at, back.muted_until) == (member.id, None, until), "coming back ends no mute"
    assert world.rows(Consent)[0].withdrawn_at is None

    def erase(session: Session) -> None:
        entry.erase(session, back.person_id)
        for one in session.exec(select(Identity).where(Identity.person_id == back.person_id)):
            session.delete(one)
        row = session.get_one(Member, back.id)
        row.name, row.left_at = "", NOW
        session.add(row)

    world.database.write_now(erase)
    await world.come()
    assert [one.person_id != back.person_id for one in world.members()] == [False, True], "a new person"


async def test_the_platforms_say_who_she_is(world: Community) -> None:
    """两边都说是同一个微信：「你是群里的 李阿姨 吗？」，点一下就接上群里的那个人；没说的不猜。"""
    now = NOW - timedelta(days=9)

    def met(session: Session) -> int:
        person = identities.meet(session, "wecom", "wm-li", "", now).person_id
        identities.enter(session, world.group, person, "李阿姨", now)
        return person

    person = world.database.write_now(met)
    world.neighbours["u-li"] = Neighbour("wm-li", "小李")
    world.neighbours["u-zhao"] = Neighbour("wm-zhao", "赵哥")
    world.wechat.web.unions.update({LI: "u-li", "o-zhao": "u-zhao", "o-new": "u-new"})
    browser, page = await world.arrive()
    assert "你是群里的 李阿姨 吗？" in page and world.asked == [("wr1", "u-li")]
    assert "填一下群里的邻居怎么叫你" not in page, "there is nothing to fill in for who is known"
    answer = await world.press(browser, page, same="1")
    assert answer.status_code == 303
    [member] = world.members()
    assert (member.person_id, member.name, member.joined_at) == (person, "李阿姨", now)
    assert member.steps is None, "she was there before: she is no newcomer"
    assert {(one.channel, one.external_id) for one in world.rows(Identity) if one.person_id == person} == {
        ("wecom", "wm-li"),
        ("wechat", LI),
    }
    # In the chat before anybody listened: nothing is kept of him yet, but his leaving is to be noticed.
    browser, page = await world.arrive("o-zhao")
    assert "你是群里的 赵哥 吗？" in page
    await world.press(browser, page, same="1")
    zhao = next(one for one in world.rows(Identity) if one.external_id == "wm-zhao")
    assert {one.external_id for one in world.rows(Identity) if one.person_id == zhao.person_id} == {"wm-zhao", "o-zhao"}
    # WeCom knows no such union id, or the account has none: nothing is offered, and saying so all the same gets nothing.
    for who in ("o-new", "o-qian"):
        browser, page = await world.arrive(who)
        assert "你是群里的" not in page
        assert (await world.press(browser, page, same="1")).status_code == 422
        assert (await world.press(browser, page, same="1", name="新")).status_code == 303
    assert len({one.person_id for one in world.members()}) == 4


async def test_another_name_makes_no_second_person(world: Community) -> None:
    """Both platforms say who she is: who is muted in the chat does not come in anew under another name."""
    world.neighbours["u-li"] = Neighbour("wm-li", "小李")
    world.wechat.web.unions[LI] = "u-li"
    browser, page = await world.arrive()
    assert (await world.press(browser, page, name="李大姐")).status_code == 303
    assert [one.name for one in world.members()] == ["李大姐"]
    (she,) = {one.person_id for one in world.members()}
    assert {one.external_id for one in world.rows(Identity) if one.person_id == she} == {LI, "wm-li"}


async def test_two_persons_are_not_made_one(world: Community) -> None:
    """公众号里已经有积分的人，和群里另一个编号：这里不合并。"""
    world.database.write_now(lambda s: s.add(Identity(person_id=2, channel="wechat", external_id=LI, dm_open=True)))
    world.database.write_now(lambda s: identities.meet(s, "wecom", "wm-li", "李", NOW))
    world.neighbours["u-li"] = Neighbour("wm-li", "小李")
    world.wechat.web.unions[LI] = "u-li"
    _browser, page = await world.arrive()
    assert "你是群里的" not in page


async def test_an_account_that_became_known_is_not_made_one_with_another(world: Community) -> None:
    """页面开着的时候，她的公众号接上了别的编号：再点「是我」，不能顶着群里另一个人的名字进来。"""
    other = world.database.write_now(lambda s: identities.meet(s, "wecom", "wm-li", "李阿姨", NOW)).person_id
    world.neighbours["u-li"] = Neighbour("wm-li", "李阿姨")
    world.wechat.web.unions[LI] = "u-li"
    browser, page = await world.arrive()
    assert "你是群里的 李阿姨 吗？" in page
    world.database.write_now(lambda s: s.add(Identity(person_id=2, channel="wechat", external_id=LI, dm_open=True)))
    assert (await world.press(browser, page, same="1")).status_code == 422
    assert "你是群里的" not in (await browser.client.get(world.link)).text
    assert world.members() == []
    assert (await world.press(browser, page, name="王阿姨")).status_code == 303
    assert [(one.person_id, one.name) for one in world.members()] == [(2, "王阿姨")]
    assert [one.person_id for one in world.rows(Identity) if one.external_id == "wm-li"] == [other]


async def test_nobody_is_let_in_on_his_word_while_wecom_is_silent(world: Community) -> None:
    """企业微信没回话：谁也不放进来，说清楚，等一下再点；打好的名字还在，再点一次就成。"""
    world.neighbours["u-li"] = Neighbour("wm-li", "李阿姨")
    world.wechat.web.unions[LI] = "u-li"
    world.silent = True
    browser = await world.browser(LI)
    page = await browser.open(world.link)
    assert page.status_code == 503 and "再等一下" in page.text and "企业微信还没回话" in page.text
    assert "没进去" not in page.text and "群里怎么叫你" not in page.text
    world.silent = False
    open_page = (await browser.client.get(world.link)).text
    assert "你是群里的 李阿姨 吗？" in open_page
    world.silent = True
    answer = await world.press(browser, open_page, name="李大姐")
    assert (
        answer.status_code == 503 and 'name="name" value="李大姐"' in answer.text and 'name="same"' not in answer.text
    )
    assert world.members() == [] and "__Host-tt_h5" not in str(answer.headers.get_list("set-cookie"))
    answer = await world.press(browser, open_page, same="1")
    assert 'name="same" value="1"' in answer.text
    world.silent = False
    assert (await world.press(browser, answer.text, name="", same="1")).status_code == 303
    assert [one.name for one in world.members()] == ["李阿姨"]


async def test_who_reloads_uses_up_no_questions(world: Community, monkeypatch: pytest.MonkeyPatch) -> None:
    """不停刷新：只问企业微信那么几次，之后请她等；等的时候也不能换个名字进来。别人照样能进。"""
    monkeypatch.setattr(join, "LOOKS", 5)
    world.wechat.web.unions.update({LI: "u-li", "o-wang": "u-wang"})
    world.neighbours["u-li"] = Neighbour("wm-li", "李阿姨")
    browser, page = await world.arrive()
    assert (await world.press(browser, page, name="")).status_code == 422
    assert len(world.asked) == 2, "one question a page"
    for _ in range(20):
        await browser.client.get(world.link)
    assert len(world.asked) == 5
    assert shut(await browser.client.get(world.link), "试得太多了", 429)
    assert shut(await world.press(browser, page, name="别人"), "试得太多了", 429)
    assert len(world.asked) == 5 and world.members() == []
    await world.come("o-wang", "王叔")
    world.house.clock.set(NOW + timedelta(minutes=2))
    assert "你是群里的 李阿姨 吗？" in (await browser.client.get(world.link)).text


async def test_what_stands_in_the_browser_is_nobody_elses(world: Community) -> None:
    """Another browser, another account, too late, made up: it opens nothing."""
    browser, page = await world.arrive()
    value = browser.client.cookies[GUEST]
    browser.client.cookies.delete(GUEST)
    rest = "; ".join(f"{name}={one}" for name, one in browser.client.cookies.items())
    for wrong in (value.replace(LI, "o-zhou"), value[:-1] + "_", "....", "", "a.b", "\xe5"):
        cookies = f"{rest}; {GUEST}={wrong}".encode("latin-1")
        form = {"csrf": CSRF.findall(page)[-1], "name": "李"}
        answer = await browser.client.post(world.link, data=form, headers=[(b"cookie", cookies)])
        assert (answer.status_code, answer.headers["location"]) == (303, f"/h5/in/{world.key}"), wrong
    other = await world.browser("o-zhou", agent="Safari")
    other.client.cookies.set(GUEST, value, domain="testserver")
    await other.client.get(f"{SITE}/open")
    assert shut(await other.client.get(world.link), "请在微信里点开", 403)
    assert world.members() == []
    browser, page = await world.arrive()
    world.house.clock.set(NOW + outside.GUEST)
    assert (await world.press(browser, page, name="李")).headers["location"] == f"/h5/in/{world.key}"
    assert world.members() == []
    assert (await browser.client.post(world.link, data={"name": "李"})).status_code == 403, "no token, no effect"


async def test_how_often(world: Community, monkeypatch: pytest.MonkeyPatch) -> None:
    browser, page = await world.arrive()
    for _ in range(join.TRIES):
        assert (await world.press(browser, page, name="")).status_code == 422
    assert shut(await world.press(browser, page, name="李"), "试得太多了", 429)
    monkeypatch.setattr(join, "CROWD", 1)
    monkeypatch.setattr(joining, "MOST", 1)
    world.house.clock.set(NOW + timedelta(days=1, hours=1))
    await world.come()
    browser, page = await world.arrive("o-wang")
    assert shut(await world.press(browser, page, name="王"), "试得太多了", 429)
    monkeypatch.setattr(join, "CROWD", 99)
    world.house.clock.set(world.house.clock.now() + timedelta(minutes=2))
    browser, page = await world.arrive("o-wang")
    assert shut(await world.press(browser, page, name="王"), "满了", 403)
    assert len(world.members()) == 1


async def test_a_session_of_somebody_known_joins_too(world: Community) -> None:
    """Who is in by a link from the private chat needs no WeChat."""
    browser = await world.browser(agent="Safari")
    come_as(
        cast(TestClient, SimpleNamespace(app=world.house.app, cookies=browser.client.cookies)),
        world.database,
        Role.RESIDENT,
        2,
    )
    page = await browser.client.get(world.link)
    answer = await world.press(browser, page.text, name="邻居")
    assert answer.headers["location"] == f"/h5?group={world.group}"
    assert [one.person_id for one in world.members()] == [2]
