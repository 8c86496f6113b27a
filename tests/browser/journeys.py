"""What each of the five does here most: short ways through the pages, as one would tell them. Each can be gone again and again.

A way begins on an empty page of somebody who is signed in, and asks for what a person would look for: words and not ids.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

Journey = Callable[["Page"], None]


def see(found: Locator) -> None:
    """It is there and can be seen."""
    from playwright.sync_api import expect

    expect(found.first).to_be_visible()


def press(page: Page, name: str | re.Pattern[str]) -> None:
    page.get_by_role("button", name=name).first.click()


def follow(page: Page, name: str | re.Pattern[str]) -> None:
    page.get_by_role("link", name=name).locator("visible=true").first.click()


def group_room(page: Page, room: str) -> None:
    """Into a room of one's own group, by its tabs."""
    page.goto("/console/groups/1")
    page.locator("main").get_by_role("link", name=room, exact=True).first.click()


# ---------------------------------------------------------------- a resident


def checks_in(page: Page) -> None:
    page.goto("/h5")
    button = page.get_by_role("button", name="签到", exact=True)
    if button.count():
        button.first.click()
        see(page.locator("#answer"))
        page.goto("/h5")
    see(page.get_by_text("今天打过卡了"))


def looks_at_this_month(page: Page) -> None:
    page.goto("/h5")
    see(page.locator("#calendar [aria-current=date]"))
    follow(page, "活动")
    see(page.get_by_role("heading", level=1))


def reads_her_points(page: Page) -> None:
    page.goto("/h5")
    follow(page, "积分")
    see(page.get_by_role("heading", name="积分明细"))
    see(page.get_by_text("现在的积分"))


def asks_a_question(page: Page) -> None:
    page.goto("/h5")
    follow(page, "问一问")
    page.get_by_role("textbox").first.fill("草莓烂了一半能退吗")
    page.get_by_role("main").get_by_role("button").first.click()
    see(page.locator("#answer").get_by_text("24 小时"))
    page.locator("#answer").get_by_text("看看出处").first.click()


def sees_what_is_kept_of_her(page: Page) -> None:
    page.goto("/h5/mine")
    see(page.get_by_role("heading", name="我的资料").or_(page.get_by_text("我的资料")))
    with page.expect_navigation():
        press(page, re.compile("删除我的"))
    see(page.locator("#answer"))
    press(page, re.compile("不删|先不|算了|取消|留着"))
    page.goto("/h5")
    see(page.get_by_text("今天打过卡了").or_(page.get_by_role("button", name="签到", exact=True)))


# ---------------------------------------------------------------- a leader


def sees_her_day(page: Page) -> None:
    page.goto("/console")
    see(page.get_by_role("heading", name="各群今天"))
    follow(page, "阳光花园一期团购群")
    see(page.locator("[data-chart] canvas"))


def gives_points_and_takes_them_back(page: Page) -> None:
    group_room(page, "积分")
    press(page, "加分")
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("邻居").fill("王姐")
    dialog.get_by_label("多少分").fill("3")
    dialog.get_by_label("原因").fill(f"帮忙搬货 {secrets.token_hex(2)}")
    dialog.get_by_role("button", name="给邻居加分").click()
    note = page.locator("#toasts [data-toast]")
    see(note)
    note.get_by_role("button", name=re.compile("撤销")).first.click()
    see(note.get_by_text(re.compile("撤销了|撤回了|收回|已撤")))


def finds_a_neighbour_in_the_ledger(page: Page) -> None:
    group_room(page, "积分")
    page.get_by_role("searchbox").fill("李阿姨")
    press(page, "查")
    see(page.locator("[data-entry]").get_by_text("李阿姨"))


def says_where_to_fetch(page: Page) -> None:
    group_room(page, "群资料")
    place = f"东门岗亭 {secrets.token_hex(2)}"
    field = page.locator("#fact-pickup_place")
    field.fill(place)
    page.evaluate("scrollTo(0, 60)")
    field.press("Enter")
    see(page.locator("#toasts [data-toast]"))
    # What the page shows is read again, and she is still where she was.
    see(page.locator(f'#fact-pickup_place[value="{place}"]'))
    assert page.evaluate("scrollY") <= 60


def asks_what_neighbours_ask(page: Page) -> None:
    page.goto("/console/try")
    page.get_by_role("textbox").first.fill("几点能提货")
    press(page, re.compile("^问$"))
    see(page.locator("#answer .said"))


# ---------------------------------------------------------------- staff


def finds_and_opens_an_entry(page: Page) -> None:
    page.goto("/console/knowledge")
    page.get_by_role("searchbox").press_sequentially("烂了", delay=15)
    page.locator("#rows .entries li a").first.click()
    see(page.get_by_role("heading", level=1))


def writes_an_entry_as_a_draft(page: Page) -> None:
    page.goto("/console/knowledge/new?kind=entry")
    name = secrets.token_hex(3)
    page.locator("#f-question").fill(f"样例 {name}：年货礼盒能自己搭配吗")
    page.locator("#f-answer").fill("能。开团时在群里写明要哪几样，团长替你配。")
    press(page, "存进草稿")
    see(page.get_by_text(f"样例 {name}"))


def turns_the_calendar_and_looks_into_a_plan(page: Page) -> None:
    page.goto("/console/calendar")
    follow(page, re.compile("下个月"))
    page.locator('a[href^="/console/calendar/"][href*="#b"]').locator("visible=true").first.click()
    see(page.get_by_role("heading", level=1))
    page.locator("summary", has_text="预览").first.click()
    see(page.get_by_text("Telegram 群"))


def sees_how_pushes_go(page: Page) -> None:
    page.goto("/console/pushes")
    see(page.get_by_role("heading", name="现在"))
    follow(page, "看两周")
    see(page.get_by_role("link", name="只看这两天"))


def looks_for_a_topic(page: Page) -> None:
    page.goto("/console/words?tab=topics")
    page.get_by_role("searchbox").fill("年夜饭")
    press(page, "查")
    page.get_by_role("link", name="预览", exact=True).first.click()
    see(page.get_by_text("Telegram 群"))


# ---------------------------------------------------------------- a manager


def manager_sees_her_account(page: Page) -> None:
    page.goto("/console/me")
    see(page.get_by_role("main").get_by_text("示例经理"))


def manager_sees_her_region(page: Page) -> None:
    page.goto("/console")
    see(page.get_by_role("heading", level=1, name="区域"))


def manager_looks_over_her_groups(page: Page) -> None:
    page.goto("/console/region/groups")
    see(page.get_by_role("main").get_by_role("heading").or_(page.get_by_role("table")))


def manager_looks_at_one_group(page: Page) -> None:
    page.goto("/console/region/groups/1")
    see(page.get_by_role("heading", level=1))


def manager_takes_the_figures_along(page: Page) -> None:
    answer = page.request.get("/console/region/export")
    assert answer.ok
    assert "attachment" in answer.headers["content-disposition"]


# ---------------------------------------------------------------- an administrator


def invites_a_colleague(page: Page) -> None:
    page.goto("/console/accounts")
    page.locator("summary", has_text="加一个账号").click()
    name = f"sample-{secrets.token_hex(3)}"
    page.locator("#f-name").fill(name)
    page.locator("form[action='/console/accounts'][method=post] button").click()
    see(page.get_by_text("/enter/"))
    page.goto(f"/console/accounts?q={name}")
    see(page.get_by_role("heading", name=name))


def switches_an_account_off_and_on(page: Page) -> None:
    page.goto("/console/accounts")
    page.locator("summary", has_text="加一个账号").click()
    name = f"sample-{secrets.token_hex(3)}"
    page.locator("#f-name").fill(name)
    page.locator("form[action='/console/accounts'][method=post] button").click()
    see(page.get_by_text("/enter/"))
    for act, sure in (("停用", "sure"), ("恢复使用", "")):
        page.goto(f"/console/accounts?q={name}")
        page.locator("main details", has_text="管理").last.locator("summary").click()
        press(page, act)
        if sure:
            page.get_by_role("dialog").get_by_role("button", name="确定").click()
        see(page.get_by_role("status"))


def reads_the_trail(page: Page) -> None:
    page.goto("/console/audit")
    see(page.get_by_role("cell", name="看了操作记录").first)
    follow(page, "核对全部")
    see(page.get_by_role("status"))


def takes_the_trail_along(page: Page) -> None:
    page.goto("/console/audit")
    with page.expect_download() as found:
        follow(page, "导出 CSV")
    assert found.value.suggested_filename.endswith(".csv")


def looks_over_all_groups(page: Page) -> None:
    page.goto("/console/groups")
    follow(page, re.compile("翠湖天地邻里群"))
    see(page.get_by_role("heading", level=1))


JOURNEYS: Mapping[str, tuple[Journey, ...]] = {
    "resident": (
        checks_in, looks_at_this_month, reads_her_points, asks_a_question, sees_what_is_kept_of_her,
    ),
    "leader": (
        sees_her_day, gives_points_and_takes_them_back, finds_a_neighbour_in_the_ledger, says_where_to_fetch,
        asks_what_neighbours_ask,
    ),
    "staff": (
        finds_and_opens_an_entry, writes_an_entry_as_a_draft, turns_the_calendar_and_looks_into_a_plan,
        sees_how_pushes_go, looks_for_a_topic,
    ),
    "manager": (
        manager_sees_her_account, manager_sees_her_region, manager_looks_over_her_groups, manager_looks_at_one_group,
        manager_takes_the_figures_along,
    ),
    "admin": (
        invites_a_colleague, switches_an_account_off_and_on, reads_the_trail, takes_the_trail_along,
        looks_over_all_groups,
    ),
}  # fmt: skip
"""Who → what he does most."""
