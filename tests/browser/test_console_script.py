"""What the console's own scripts do, in a real browser: asking first, notes, keys, files, copying, the tour, no network."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page, Route

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser"), pytest.mark.timeout(240), pytest.mark.untraced]
OpenPage = Callable[[str], "Page"]

PLANTED = """
<form id="once" method="post" action="/planted/done" data-confirm="真的要删吗？"><button>删掉</button></form>
<form id="live" method="post" action="/planted/act" hx-post="/planted/act" hx-target="#toasts" hx-swap="beforeend">
  <button>办一下</button></form>
<form id="refused" method="post" action="/planted/no" hx-post="/planted/no" hx-target="#toasts" hx-swap="beforeend">
  <button>不让办</button></form>
<form id="files" method="post" action="/planted/files" enctype="multipart/form-data" data-upload data-target="#told">
  <label>文件<input type="file" name="file"></label><progress data-progress hidden></progress><button>上传</button></form>
<div id="told"></div>
<p id="words">提货点：东门</p><button data-copy="words">复制</button>
<input id="link" readonly value="https://t.example/h5/in/k"><button data-copy="link">复制链接</button>
<div data-keys><ul><li data-item id="a"><a data-key="enter" href="#opened-a">甲</a></li>
<li data-item id="b"><a data-key="enter" href="#opened-b">乙</a><button data-key="e" data-open="keys">改</button></li></ul></div>
<form id="whom" method="post" action="/planted/whom">
<label>给谁<select name="scope"><option value="all">全部</option>GROUPS</select></label>
<label>一句话<input name="must" required></label><button>存起来</button></form>
<input id="typed" aria-label="x"><dialog class="modal" id="keys"><div class="modal-box">键</div></dialog>
"""

PLANTED = PLANTED.replace("GROUPS", "".join(f'<option value="group:{one}">群{one}</option>' for one in range(60)))


def planted(page: Page, address: str) -> list[str]:
    """Put a page of all that scripts know in the place of another, with the real look, scripts and policy around it."""
    asked: list[str] = []

    def answer(route: Route) -> None:
        path = route.request.url.removeprefix(address)
        asked.append(f"{route.request.method} {path}")
        if path == "/planted":
            whole = route.fetch(url=f"{address}/login")
            body = re.sub(
                r"(<main[^>]*>).*</main>",
                lambda main: main.group(1) + PLANTED + "</main>",
                whole.text(),
                flags=re.DOTALL,
            )
            route.fulfill(response=whole, body=body)
        elif path == "/planted/act":
            route.fulfill(body='<div class="alert" data-toast><p>办好了</p><form><button>撤销</button></form></div>')
        elif path == "/planted/no":
            route.fulfill(status=409, content_type="text/html", body="<!doctype html><h1>这一页你打不开</h1>")
        elif path.startswith("/console/scopes"):
            route.fulfill(json={"groups": [[4711, "幸福里群"]] if "%E5%B9%B8" in path else []})
        elif path.startswith("/planted/whom"):
            asked.append(route.request.post_data or "")
            route.fulfill(body="done")
        elif path == "/planted/files":
            route.fulfill(body="<p>收到了</p>")
        else:
            route.fulfill(body="done")

    page.route(re.compile(r"/planted|/console/scopes"), answer)
    page.goto(f"{address}/planted")
    return asked


def test_what_cannot_be_undone_asks_first(open_page: OpenPage, address: str) -> None:
    from playwright.sync_api import expect

    page = open_page("phone")
    asked = planted(page, address)
    page.get_by_role("button", name="删掉").click()
    expect(page.get_by_role("dialog")).to_contain_text("真的要删吗？")
    page.get_by_role("button", name="先不").click()
    expect(page.get_by_role("dialog")).to_be_hidden()
    page.get_by_role("button", name="删掉").click()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    assert "POST /planted/done" not in asked
    page.get_by_role("button", name="删掉").click()
    page.get_by_role("button", name="确定").click()
    page.wait_for_url("**/planted/done")
    assert asked.count("POST /planted/done") == 1


def test_notes_come_and_can_be_closed_and_a_refusal_stays_words(open_page: OpenPage, address: str) -> None:
    from playwright.sync_api import expect

    page = open_page("desktop")
    planted(page, address)
    page.get_by_role("button", name="办一下").click()
    note = page.locator("#toasts [data-toast]")
    expect(note).to_contain_text("办好了")
    expect(note.get_by_role("button", name="撤销")).to_be_visible()
    note.get_by_role("button", name="关掉").click()
    expect(note).to_have_count(0)
    page.get_by_role("button", name="不让办").click()
    expect(note).to_have_text(re.compile("^这一页你打不开"))
    expect(page.get_by_role("heading", level=1)).to_have_count(0)


def test_a_group_that_the_list_cannot_hold_is_found_by_its_name(open_page: OpenPage, address: str) -> None:
    from playwright.sync_api import expect

    page = open_page("phone")
    asked = planted(page, address)
    field = page.get_by_role("searchbox", name="打几个字找群")
    chosen = page.locator("#whom select")
    field.fill("没有")
    expect(page.locator("#whom")).to_contain_text("没有这样的群")
    expect(chosen).to_have_value("all")
    field.fill("幸福")
    expect(chosen).to_have_value("group:4711")
    expect(chosen.locator("option")).to_have_count(2)
    field.press("Enter")
    assert page.url.endswith("/planted"), "Enter looks for a group and sends no form"
    field.fill("")
    expect(chosen.locator("option")).to_have_count(61)
    field.fill("幸福")
    expect(chosen).to_have_value("group:4711")
    page.get_by_label("一句话").fill("x")
    page.get_by_role("button", name="存起来").click()
    page.wait_for_url("**/planted/whom")
    assert asked[-1] == "scope=group%3A4711&must=x"


def test_a_field_that_is_missing_says_so_in_the_words_of_the_page(open_page: OpenPage, address: str) -> None:
    page = open_page("phone")
    asked = planted(page, address)
    page.get_by_role("button", name="存起来").click()
    field = page.get_by_label("一句话")
    assert field.evaluate("(one) => one.validationMessage") == "这里还没有填。"
    assert not any("whom" in one for one in asked)
    field.fill("x")
    assert field.evaluate("(one) => one.validationMessage") == ""
    page.get_by_role("button", name="存起来").click()
    page.wait_for_url("**/planted/whom")


def test_keys(open_page: OpenPage, address: str) -> None:
    from playwright.sync_api import expect

    page = open_page("desktop")
    planted(page, address)
    page.keyboard.press("j")
    expect(page.locator("#a")).to_have_attribute("data-at", "")
    page.keyboard.press("j")
    page.keyboard.press("j")
    expect(page.locator("#b")).to_have_attribute("data-at", "")
    expect(page.locator("[data-at]")).to_have_count(1)
    page.keyboard.press("Enter")
    page.wait_for_url("**#opened-b")
    page.keyboard.press("e")
    expect(page.locator("#keys")).to_be_visible()
    page.keyboard.press("k")
    expect(page.locator("#b")).to_have_attribute("data-at", "")
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()
    page.keyboard.press("Escape")
    page.locator("#typed").press_sequentially("kej?")
    expect(page.locator("#typed")).to_have_value("kej?")
    expect(page.locator("#keys")).to_be_hidden()


def test_files_are_sent_with_their_progress_and_the_answer_lands_on_the_page(open_page: OpenPage, address: str) -> None:
    from playwright.sync_api import FilePayload, expect

    page = open_page("desktop")
    asked = planted(page, address)
    page.locator("input[type=file]").set_input_files(
        FilePayload(name="a.txt", mimeType="text/plain", buffer=b"x" * 1000)
    )
    page.get_by_role("button", name="上传").click()
    expect(page.locator("#told")).to_have_text("收到了")
    expect(page.locator("progress")).to_be_hidden()
    assert asked.count("POST /planted/files") == 1


def test_copying(open_page: OpenPage, address: str) -> None:
    from playwright.sync_api import expect

    page = open_page("desktop")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    planted(page, address)
    page.get_by_role("button", name="复制", exact=True).click()
    expect(page.locator("#toasts")).to_contain_text("复制好了")
    assert page.evaluate("navigator.clipboard.readText()") == "提货点：东门"


def test_copying_where_there_is_no_clipboard(open_page: OpenPage, address: str) -> None:
    """Over plain http: the old way; where that is forbidden too, the words are chosen and the page says what to do."""
    from playwright.sync_api import expect

    page = open_page("phone")
    page.add_init_script("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
    planted(page, address)
    page.get_by_role("button", name="复制链接").click()
    expect(page.locator("#toasts")).to_contain_text("复制好了")
    page.evaluate("document.execCommand = () => false")
    page.get_by_role("button", name="复制链接").click()
    expect(page.locator("#toasts")).to_contain_text("长按")
    assert page.evaluate("getSelection().toString()") == "https://t.example/h5/in/k"


@pytest.mark.parametrize("size", ["desktop", "phone", "narrow"])
def test_the_tour_is_offered_once_and_points_at_what_is_there(open_page: OpenPage, address: str, size: str) -> None:
    from playwright.sync_api import expect

    page = open_page(size)
    page.goto(address)
    page.get_by_role("button", name="以团长身份看").click()
    page.get_by_role("button", name="看一遍").click()
    tour = page.locator("#tour")
    steps = 0
    while tour.is_visible():
        steps += 1
        expect(page.locator(".tour-spot")).to_have_count(1)
        expect(tour).to_contain_text(f"{steps} / ")
        box = tour.bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["y"] >= 0
        tour.locator('[data-part="forward"]').click()
        assert steps < 9
    assert steps >= 3
    page.reload()
    expect(page.get_by_role("button", name="看一遍")).to_be_hidden()


def test_dark_by_the_switch_or_by_the_system(open_page: OpenPage, address: str) -> None:
    from playwright.sync_api import expect

    page = open_page("phone")
    page.goto(address)
    body = page.locator("body")
    light, dark = "rgb(245, 243, 238)", "rgb(21, 25, 23)"
    expect(body).to_have_css("background-color", light)
    page.get_by_role("button", name="深色").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "tuan-dark")
    expect(body).to_have_css("background-color", dark)
    page.get_by_role("button", name="跟随系统").click()
    expect(body).to_have_css("background-color", light)
    page.emulate_media(color_scheme="dark")
    expect(body).to_have_css("background-color", dark)
    page.get_by_role("button", name="浅色").click()
    expect(body).to_have_css("background-color", light)


def test_without_a_network_there_is_a_notice_and_nothing_of_a_person(open_page: OpenPage, address: str) -> None:
    from playwright.sync_api import expect

    page = open_page("phone")
    page.goto(address)
    page.get_by_role("button", name="以居民身份看").click()
    page.evaluate("navigator.serviceWorker.ready.then(() => 1)")
    page.wait_for_function("navigator.serviceWorker.controller !== null")
    kept = page.evaluate(
        "caches.keys().then(async (names) => (await Promise.all(names.map(async (name) =>"
        " (await (await caches.open(name)).keys()).map((one) => new URL(one.url).pathname)))).flat())"
    )
    assert sorted(kept) == ["/offline", "/static/app.css", "/static/logo.svg"]
    page.context.set_offline(True)
    page.goto(f"{address}/h5")
    expect(page.get_by_role("heading", name="没有网络")).to_be_visible()
    page.context.set_offline(False)
    page.get_by_role("link", name="再试一次").click()
    expect(page.get_by_role("heading", name="打卡日历")).to_be_visible()


def test_a_chart_is_drawn_told_by_a_table_and_follows_the_theme(open_page: OpenPage, address: str) -> None:
    from playwright.sync_api import expect

    page = open_page("desktop")
    page.goto(address)
    page.get_by_role("button", name="以团长身份看").click()
    page.goto(f"{address}/console/groups/1")
    chart = page.locator("[data-chart]").first
    expect(chart.locator("canvas")).to_have_count(1)
    light = chart.screenshot()
    chart.hover()
    page.wait_for_timeout(300)
    assert chart.screenshot() != light
    page.mouse.move(0, 0)
    page.emulate_media(color_scheme="dark")
    page.wait_for_timeout(300)
    assert chart.screenshot() != light
    page.get_by_text("看表格").click()
    expect(page.get_by_role("table").first.get_by_role("row")).to_have_count(22)
