"""A morning in the simulator, in a real browser, at the size of a desktop and of a phone."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser"), pytest.mark.timeout(240), pytest.mark.untraced]
OpenPage = Callable[[str], "Page"]


def simulator(open_page: OpenPage, address: str, size: str) -> tuple[Page, Locator]:
    page = open_page(size)
    page.goto(f"{address}/sim")
    page.wait_for_selector("body[data-ready]")
    return page, page.locator('[data-room="yangguang"]')


def chip(desk: Locator, text: str) -> None:
    desk.locator(".chips").get_by_text(text, exact=True).click()


@pytest.mark.parametrize("size", ["desktop", "phone"])
def test_a_morning(open_page: OpenPage, address: str, size: str) -> None:
    """
    李阿姨: 签到 / 积分 / 草莓烂了一半能退吗
    the clock goes to 7:30, the topic comes, she quotes it
    """
    from playwright.sync_api import expect

    page, desk = simulator(open_page, address, size)
    last = desk.locator("article").last
    chip(desk, "签到")
    expect(desk.locator("article.mine").last).to_contain_text("签到")
    chip(desk, "积分")
    expect(last.locator(".bubble")).to_contain_text("李阿姨，你家（你和陈师傅）现在有")
    chip(desk, "草莓烂了一半能退吗")
    expect(last.locator(".bubble")).to_contain_text("24 小时")
    expect(last.locator("details")).to_be_visible()
    assert "@团团" in desk.locator("article.mine").last.inner_text()

    page.locator('[data-move="morning"]').click()
    expect(page.locator("#now-time")).to_have_text("07:30")
    topic = desk.locator("article.push").last
    expect(topic).to_contain_text("今天的话题")
    topic.locator(".do").click()
    expect(desk.locator("[data-quoting]")).to_be_visible()
    desk.locator("[name=text]").fill("我家那坛酸菜还在用")
    desk.locator("[name=text]").press("Enter")
    mine = desk.locator("article.mine").last
    expect(mine.locator(".quote")).to_contain_text("今天的话题")
    expect(mine.locator(".reactions, .bubble").first).to_be_visible()
    expect(desk.locator("article", has_text="我家那坛酸菜还在用").last).to_be_visible()
    page.reload()
    page.wait_for_selector("body[data-ready]")
    expect(desk.locator("article", has_text="我家那坛酸菜还在用").last).to_be_visible()


def test_buttons_private_chats_and_neighbours(open_page: OpenPage, address: str) -> None:
    """
    王姐 is chosen and asks for the board; a button of it is pressed; somebody is invited and speaks, and leaves
    """
    from playwright.sync_api import expect

    page, desk = simulator(open_page, address, "desktop")
    desk.locator(".faces").get_by_role("button", name="王姐").click()
    chip(desk, "排行榜")
    desk.get_by_role("button", name="总榜").last.click()
    expect(desk.locator("article").last).to_contain_text("总积分榜")
    desk.get_by_role("button", name="邀请邻居").click()
    page.fill("#invite-name", "新邻居小林")
    page.get_by_role("button", name="请进群").click()
    expect(desk.locator(".note").last).to_contain_text("新邻居小林 进群了")
    expect(desk.locator(".faces").get_by_role("button", name="新邻居小林", pressed=True)).to_be_visible()
    chip(desk, "签到")
    expect(desk.locator("article").last).to_contain_text("欢迎第一次打卡")
    desk.get_by_role("button", name="请出群").click()
    expect(desk.locator(".note").last).to_contain_text("离开了群聊")

    private = page.locator("[data-private]")
    private.locator(".faces").get_by_role("button", name="王姐").click()
    chip(private, "帮助")
    expect(private.locator("article").last).to_contain_text("签到")


def test_nothing_that_is_typed_runs(open_page: OpenPage, address: str) -> None:
    from playwright.sync_api import expect

    page, desk = simulator(open_page, address, "desktop")
    for text in (
        "<img src=x onerror=alert(1)>",
        "</script><script>alert(1)</script>",
        "{{7*7}} ${7*7}",
        "javascript:alert(1)",
    ):
        desk.locator("[name=text]").fill(text)
        desk.locator("[name=text]").press("Enter")
        expect(desk.locator("article.mine").last.locator(".bubble")).to_have_text(text)
    assert page.locator(".bubble img:not(a.picture img), .bubble script").count() == 0


def test_the_bench_answers_and_the_search_finds_while_one_types(open_page: OpenPage, address: str) -> None:
    from playwright.sync_api import expect

    page = open_page("desktop")
    page.goto(address)
    page.get_by_role("button", name="以运营身份看").click()
    expect(page.get_by_role("heading", name="今日", exact=True)).to_be_visible()
    page.get_by_role("link", name="试一试").click()
    page.get_by_placeholder("比如").fill("草莓烂了一半能退吗")
    page.get_by_role("button", name="问", exact=True).click()
    expect(page.locator("#answer .said")).to_contain_text("24 小时")
    assert "q=" in page.url
    page.get_by_role("link", name="知识库").click()
    page.get_by_role("searchbox").press_sequentially("烂了", delay=30)
    expect(page.locator("#rows .entries li").first).to_be_visible()


@pytest.mark.parametrize("size", ["desktop", "phone"])
def test_large_text_of_a_resident(open_page: OpenPage, address: str, size: str) -> None:
    from playwright.sync_api import expect

    page = open_page(size)
    page.goto(address)
    page.get_by_role("button", name="以居民身份看").click()
    expect(page.get_by_role("heading", name="打卡日历")).to_be_visible()
    before = page.evaluate("parseFloat(getComputedStyle(document.body).fontSize)")
    page.get_by_role("button", name="大字", exact=True).click()
    expect(page.get_by_role("heading", name="打卡日历")).to_be_visible()
    assert page.evaluate("parseFloat(getComputedStyle(document.body).fontSize)") > before * 1.2


def test_a_file_in_private(open_page: OpenPage, address: str) -> None:
    """
    李阿姨（私聊）: [规则.md] → 📄 规则.md → 文件我这儿只有团长和运营同事能交……
    """
    from playwright.sync_api import FilePayload, expect

    page, _ = simulator(open_page, address, "desktop")
    private = page.locator(".desk:not([data-room])")
    sent = FilePayload(name="规则.md", mimeType="text/markdown", buffer="水饺化了拍照退。".encode())
    private.locator(".chips").get_by_text("发文件", exact=True).wait_for()
    private.locator('input[type="file"]').set_input_files(sent)
    expect(private.locator("article.mine").last).to_contain_text("规则.md")
    expect(private.locator("article.bot").last).to_be_visible()
