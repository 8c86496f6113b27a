"""Pages opened inside WeChat: whom the platform vouches for comes in, nobody else does, and everybody is told in plain words.

The platform is the fake one, over HTTP; the pages are the application as it runs in production.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from sqlmodel import col, select

from bot.channels.wechat.api import Api
from bot.channels.wechat.oauth import LASTS, OAuth
from bot.channels.wechat.settings import WeChatSettings
from console import outside
from storage import entry
from storage.audit import AuditRow
from storage.engine import Database, Session, open_database
from storage.entry import SpentState, WebSession
from storage.groups import Identity
from tests.console.doors import SECRET as OURS
from tests.console.doors import SITE, House, people
from tests.console.test_abuse import runs
from tests.platforms.wechat import FakeWeChat
from tests.platforms.wechat.signin import AGENT, Browser
from tests.platforms.wechat.signing import AES_KEY, APP_ID, SECRET, TOKEN

LI = "o-li"
BACK = f"{SITE}{outside.BACK}"
EXCHANGE = "/sns/oauth2/access_token"
H5 = "__Host-tt_h5"


class World:
    """The pages, the platform, and browsers that are shut at the end."""

    def __init__(self, wechat: FakeWeChat, database: Database, stack: AsyncExitStack) -> None:
        self.wechat, self.database, self.stack = wechat, database, stack
        settings = WeChatSettings.model_validate(
            {"app_id": APP_ID, "secret": SECRET, "token": TOKEN, "aes_key": AES_KEY, "name": "团团优选",
             "base_url": wechat.url, "open_url": wechat.url, "timeout": 0.5}
        )  # fmt: skip
        self.api = Api(settings)
        self.house = House(database, outside=OAuth(settings, self.api, OURS.encode()))
        wechat.web.domain = urlsplit(SITE).netloc

    async def browser(self, who: str = LI, agent: str = AGENT) -> Browser:
        transport = httpx.ASGITransport(self.house.app, client=("203.0.113.7", 1))
        return await self.stack.enter_async_context(self.wechat.browser(who, agent=agent, mounts={SITE: transport}))

    async def returning(self, who: str = LI, path: str = "/h5") -> tuple[Browser, dict[str, str]]:
        """A browser that stands before the way back, and what it would bring."""
        browser = await self.browser(who)
        await browser.open(f"{SITE}{path}", until=BACK)
        return browser, browser.given()

    def rows(self, table: Any) -> list[Any]:
        return self.database.read_now(lambda session: list(session.exec(select(table))))

    @property
    def exchanges(self) -> int:
        return self.wechat.calls.count(EXCHANGE)


@pytest.fixture
async def world(tmp_path: Path, migrated_file: Path) -> AsyncIterator[World]:
    import shutil

    shutil.copytree(migrated_file, folder := tmp_path / "house")
    database = open_database(folder)
    database.write_now(people)
    async with FakeWeChat() as wechat, AsyncExitStack() as stack:
        world = World(wechat, database, stack)
        yield world
        await world.api.close()
    database.close()


def known(world: World, person: int = 2, openid: str = LI) -> None:
    world.database.write_now(
        lambda s: s.add(Identity(person_id=person, channel="wechat", external_id=openid, dm_open=True))
    )


async def back(browser: Browser, **query: str) -> httpx.Response:
    return await browser.client.get(BACK, params=query)


def closed(answer: httpx.Response, status: int = 410) -> bool:
    """Refused, in plain words, with the way to what everybody may see, and no session."""
    assert answer.status_code == status, (answer.status_code, answer.headers.get("location"))
    assert "没进去" in answer.text and 'href="/open"' in answer.text
    assert "errcode" not in answer.text and "oauth" not in answer.text
    assert H5 not in str(answer.headers.get_list("set-cookie"))
    return True


# ---------------------------------------------------------------- the way in


async def test_a_neighbour_opens_a_page_and_is_in(world: World) -> None:
    """
    王阿姨在微信里点「积分」→ 微信说她是谁 → 她自己的积分页；再点别的页，不用再问微信
    """
    known(world)
    browser = await world.browser()
    page = await browser.open(f"{SITE}/h5/points")
    assert page.status_code == 200 and page.url.path == "/h5/points"
    assert [urlsplit(one).path for one in browser.way] == [
        "/h5/points",
        "/connect/oauth2/authorize",
        "/door/wechat",
        "/h5/points",
    ]
    assert (await browser.open(f"{SITE}/h5")).status_code == 200 and browser.way == [f"{SITE}/h5"]
    assert world.exchanges == 1
    (session,) = world.rows(WebSession)
    assert (session.area, session.role, session.person_id, session.strong) == ("h5", "resident", 2, False)
    assert session.browser == "WeChat · Android"
    assert [one.action for one in world.rows(AuditRow)][-2:] == ["entry.vouched", "signin.done"]
    assert LI not in str([(one.action, one.details) for one in world.rows(AuditRow)])


async def test_cookies_are_for_this_site_and_no_script(world: World) -> None:
    known(world)
    browser, given = await world.returning()
    before = browser.client.cookies["__Host-tt_visit"]
    answer = await back(browser, **given)
    assert (answer.status_code, answer.headers["location"]) == (303, "/h5")
    for cookie in answer.headers.get_list("set-cookie"):
        assert all(word in cookie.lower() for word in ("httponly", "samesite=lax", "secure", "path=/")), cookie
    assert browser.client.cookies["__Host-tt_visit"] != before, "nobody can have planted the browser's id"
    assert answer.headers["cache-control"] == "no-store"


async def test_who_never_spoke_with_us_is_told_how_to_join(world: World) -> None:
    browser = await world.browser("o-new")
    page = await browser.open(f"{SITE}/h5/points")
    assert page.status_code == 200 and page.url.path == outside.BACK
    assert "我还不认识你" in page.text and "「团团优选」" in page.text and "「你好」" in page.text
    assert 'href="/open"' in page.text and 'href="/open/privacy"' in page.text
    assert world.rows(WebSession) == [] and "o-new" not in page.text
    # Public pages open, one's own do not.
    assert (await browser.client.get(f"{SITE}/open")).status_code == 200
    assert (await browser.client.get(f"{SITE}/h5")).status_code == 303
    known(world, 2, "o-new")
    page = await browser.open(f"{SITE}/h5")
    assert page.status_code == 200 and page.url.path == "/h5"


async def test_who_was_erased_is_a_stranger(world: World) -> None:
    known(world)
    browser = await world.browser()
    assert (await browser.open(f"{SITE}/h5")).url.path == "/h5"

    def erase(session: Session) -> None:
        entry.erase(session, 2)
        for one in session.exec(select(Identity).where(col(Identity.person_id) == 2)):
            session.delete(one)

    world.database.write_now(erase)
    assert "我还不认识你" in (await browser.open(f"{SITE}/h5")).text


async def test_outside_of_wechat_the_way_is_the_link_from_the_chat(world: World) -> None:
    known(world)
    for agent in ("Mozilla/5.0 (iPhone) Safari/604.1", f"{AGENT} wxwork/4.1", ""):
        browser = await world.browser(agent=agent)
        answer = await browser.client.get(f"{SITE}/h5/points")
        assert answer.headers["location"] == "/login?to=h5&back=/h5/points"
        assert "用微信进" not in (await browser.client.get(f"{SITE}/login?to=h5")).text


async def test_only_a_page_of_a_neighbour_leads_to_wechat(world: World) -> None:
    browser = await world.browser()
    assert (await browser.client.get(f"{SITE}/console/today")).headers["location"].startswith("/login?to=console")
    assert (await browser.client.get(f"{SITE}/h5", headers={"hx-request": "true"})).status_code == 401
    # What was pressed after the session had ended: a page with the way in, for a form cannot go there and back.
    token = {"x-csrf-token": world.house.app.state.signer.token(browser.client.cookies["__Host-tt_visit"])}
    answer = await browser.client.post(f"{SITE}/h5", headers=token)
    assert answer.headers["location"] == "/login?to=h5&back=/h5"
    page = await browser.client.get(f"{SITE}/login?to=h5&back=/h5/points")
    assert "用微信进我的页面" in page.text and 'href="/h5/points"' in page.text
    for elsewhere in ("//evil.example", "https://evil.example", "/console/today"):
        page = await browser.client.get(f"{SITE}/login", params={"to": "h5", "back": elsewhere})
        assert f'href="{elsewhere}"' not in page.text


async def test_without_an_account_nothing_leads_there(tmp_path: Path, migrated_file: Path, world: World) -> None:
    house = House(world.database)
    transport = httpx.ASGITransport(house.app)
    async with world.wechat.browser(LI, mounts={SITE: transport}) as browser:
        assert (await browser.client.get(f"{SITE}/h5")).headers["location"] == "/login?to=h5&back=/h5"
        assert closed(await back(browser, to="/h5", code="c", state="0" * 88))


# ---------------------------------------------------------------- what is refused


async def test_the_way_back_is_one_browsers_and_taken_once(world: World) -> None:
    """Somebody passes the address on with code and state in it; another one gets nothing by it, and neither does a second try."""
    known(world)
    browser, given = await world.returning()
    other = await world.browser("o-other")
    fresh = await world.browser("o-other")
    await other.client.get(f"{SITE}/open")
    for one in (other, fresh):
        assert closed(await back(one, **given))
    assert world.exchanges == 0 and world.rows(SpentState) == []
    assert (await back(browser, **given)).status_code == 303
    browser.client.cookies.delete(H5)
    assert closed(await back(browser, **given))
    assert world.exchanges == 1


async def test_in_the_history_of_who_is_in_it_leads_to_the_pages(world: World) -> None:
    known(world)
    browser, given = await world.returning(path="/h5/points")
    assert (await back(browser, **given)).headers["location"] == "/h5/points"
    assert (await back(browser, **given)).headers["location"] == "/h5"


async def test_of_many_at_once_one_comes_in(world: World) -> None:
    known(world)
    browser, given = await world.returning()
    mine = dict(browser.client.cookies)
    transport = httpx.ASGITransport(world.house.app)

    async def come() -> int:
        async with httpx.AsyncClient(transport=transport, cookies=mine, headers={"user-agent": AGENT}) as client:
            return (await client.get(BACK, params=given)).status_code

    came = await asyncio.gather(*(come() for _ in range(8)))
    assert sorted(came) == [303] + [410] * 7 and world.exchanges == 1
    assert len(world.rows(WebSession)) == 1


async def test_forged_and_old_states(world: World) -> None:
    known(world)
    browser, given = await world.returning()
    state = given["state"]
    for wrong in ("", "0" * 88, state[:-1], f"{state}0", f"{state[:-1]}{'01'[state[-1] == '0']}", "密" * 88):
        assert closed(await back(browser, **{**given, "state": wrong}))
    for missing in given:
        assert closed(await back(browser, **{name: value for name, value in given.items() if name != missing}))
    browser, given = await world.returning()
    world.house.clock.set(world.house.clock.now() + timedelta(seconds=LASTS + 1))
    assert closed(await back(browser, **given))
    assert world.exchanges == 0


@pytest.mark.parametrize(
    "target",
    ["https://evil.example", "//evil.example", "/\\evil.example", "/h5/..//evil.example", "/console", "/h5?x=1",
     "javascript:alert(1)", "/h5\r\nset-cookie: a=b", "/enter/x", "/h5/mine"],
)  # fmt: skip
async def test_a_target_that_was_not_begun_with(world: World, target: str) -> None:
    known(world)
    browser, given = await world.returning()
    assert closed(await back(browser, **{**given, "to": target}))
    assert world.exchanges == 0


async def test_codes_that_the_platform_does_not_know(world: World) -> None:
    known(world)
    for code in ("nothing-like-this", world.wechat.web.code(LI, "wx0000000000000000"), "x" * 600, ""):
        browser, given = await world.returning()
        assert closed(await back(browser, **{**given, "code": code}))
    browser, given = await world.returning()
    used = given["code"]
    assert (await back(browser, **given)).status_code == 303
    browser, given = await world.returning()
    assert closed(await back(browser, **{**given, "code": used}))
    # The state is used up even so: nobody tries one code after the other with it.
    asked = world.exchanges
    assert closed(await back(browser, **given)) and world.exchanges == asked


@pytest.mark.parametrize("how", [-1, 40125, 45009, None, 1.0, b"no json"])
async def test_a_platform_that_does_not_answer(world: World, how: float | bytes | None) -> None:
    known(world)
    browser, given = await world.returning()
    world.wechat.fail(EXCHANGE, how)
    answer = await back(browser, **given)
    assert closed(answer, 503) and "过一分钟" in answer.text
    assert (await browser.open(f"{SITE}/h5")).url.path == "/h5", "the next try comes in"


async def test_a_preview_says_so(world: World) -> None:
    known(world)
    world.wechat.web.preview = True
    browser = await world.browser()
    page = await browser.open(f"{SITE}/h5")
    assert closed(page) and "使用完整服务" in page.text


async def test_a_browser_that_keeps_no_cookies_does_not_go_round(world: World) -> None:
    known(world)
    browser = await world.browser()
    browser.client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    page = await browser.open(f"{SITE}/h5")
    assert closed(page) and len(browser.way) == 3


async def test_what_bad_people_put_into_the_address(world: World, shared: Path) -> None:
    known(world)
    folder = shared / "data" / "abuse" / "web"
    if not folder.is_dir():
        pytest.skip("no data/abuse/web in the shared folder")
    lines = [line for path in sorted(folder.glob("*.jsonl")) for line in path.read_text("utf-8").splitlines()]
    browser, given = await world.returning()
    for text in list(dict.fromkeys(json.loads(line)["text"] for line in lines))[::37]:
        for name in ("to", "code", "state"):
            answer = await back(browser, **{**given, name: text[:300]})
            assert answer.status_code == 410 and runs(answer.text) == []
            browser, given = (browser, given) if name != "code" else await world.returning()
