"""The whole gallery: every page with a phone by day and by night, at a desk, and in large type, with a page that shows them all.

It is for looking at and is not kept: .cache/gallery/index.html.
"""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from tests.browser import pages
from tests.browser.house import House, furnished
from tests.browser.serving import ROOT, SIZES

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

FOLDER = ROOT / ".cache" / "gallery"
TALLEST = 5000
"""Points of a picture; what is longer is cut."""


def _context(browser: Browser, house: House, who: str, *, large: bool = False) -> BrowserContext:
    width, height = SIZES["phone"]
    context = browser.new_context(
        viewport={"width": width, "height": height}, locale="zh-CN", base_url=house.address, reduced_motion="reduce"
    )
    cookies = {**house.cookies(who), **({"tt_large": "1"} if large else {})}
    context.add_cookies([{"name": name, "value": value, "url": house.address} for name, value in cookies.items()])
    return context


def _shot(page: Page, name: str, size: str, *, dark: bool = False) -> str:
    width, height = SIZES[size]
    page.set_viewport_size({"width": width, "height": height})
    page.emulate_media(color_scheme="dark" if dark else "light", reduced_motion="reduce")
    page.wait_for_timeout(350)
    tall = min(TALLEST, int(page.evaluate("document.documentElement.scrollHeight")))
    clip = {"x": 0, "y": 0, "width": width, "height": max(tall, height)}
    (FOLDER / name).write_bytes(page.screenshot(full_page=True, clip=clip, timeout=60_000))  # type: ignore[arg-type]
    return name


def take(address: str, browser: Browser, only: str = "") -> int:
    """Take every page whose name holds some letters; returns how many pictures there are."""
    house = furnished(address)
    FOLDER.mkdir(parents=True, exist_ok=True)
    rows: list[str] = []
    count = 0
    contexts: dict[tuple[str, bool], BrowserContext] = {}
    for sample in pages.samples("page"):
        if only not in sample.name:
            continue
        shown = []
        for large in (False, True) if sample.large or sample.who == "resident" else (False,):
            key = (sample.who, large)
            if key not in contexts:
                contexts[key] = _context(browser, house, sample.who, large=large)
            page = contexts[key].new_page()
            page.goto(sample.filled(house.world).address)
            page.wait_for_load_state("load")
            if large:
                shown.append(_shot(page, f"{sample.name}.large.png", "phone"))
            else:
                shown.append(_shot(page, f"{sample.name}.phone.png", "phone"))
                shown.append(_shot(page, f"{sample.name}.dark.png", "phone", dark=True))
                shown.append(_shot(page, f"{sample.name}.desktop.png", "desktop"))
            page.close()
        count += len(shown)
        pictures = "".join(f'<a href="{one}"><img loading="lazy" src="{one}" alt="{one}"></a>' for one in shown)
        rows.append(f"<h2>{html.escape(sample.name)}</h2><p>{pictures}</p>")
    for context in contexts.values():
        context.close()
    head = "<!doctype html><meta charset=utf-8><title>gallery</title><style>img{height:26rem;margin:.3rem}</style>"
    (FOLDER / "index.html").write_text(head + "".join(rows), "utf-8")
    return count
