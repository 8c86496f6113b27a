"""Takes the pictures of the README: a morning played in the simulator, the console, the residents' page.

    make screenshots

Each lands in docs/pictures, at most 300 KB; every page at all sizes lands in .cache/gallery (`make screenshots ARGS=all` takes
only those, `ARGS=all:ledger` only pages of that name). `make screenshots ARGS="page=/sim"` takes single public pages instead.
"""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.browser import album
from tests.browser.serving import FLAGS, ROOT, SIZES, served

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PICTURES = Path(os.environ.get("TUANTUAN_PICTURES") or ROOT / "docs" / "pictures")
LARGEST = 300 * 1024
COLOURS = 256


def keep(page: Page, name: str, *, whole: bool = False) -> Path:
    """Take a picture, with its colours reduced so that it loads quickly."""
    from PIL import Image

    picture = Image.open(io.BytesIO(page.screenshot(full_page=whole, timeout=90_000)))
    target = PICTURES / f"{name}.png"
    picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(target, optimize=True)
    size = target.stat().st_size
    if size > LARGEST:
        raise SystemExit(f"{target.name} has {size} bytes")
    print(f"{target.name:28} {size // 1024:4} KB")
    return target


def page_of(browser: Browser, size: str, *, dark: bool = False) -> Page:
    """Open an empty page, two pixels to a point on a phone."""
    width, height = SIZES[size]
    return browser.new_page(
        viewport={"width": width, "height": height},
        device_scale_factor=1 if size == "desktop" else 2,
        locale="zh-CN",
        color_scheme="dark" if dark else "light",
    )


def morning(page: Page, address: str, person: str) -> None:
    """Play what a newcomer plays."""
    page.goto(f"{address}/sim")
    page.wait_for_selector("body[data-ready]")
    desk = page.locator('[data-room="yangguang"]')
    desk.locator(".faces").get_by_role("button", name=person).click()
    page.locator('[data-move="morning"]').click()
    page.wait_for_timeout(1200)
    desk.locator("article.push").last.locator(".do").click()
    desk.locator("[name=text]").fill("我家那口老坛子还在用，刚腌了雪里蕻")
    desk.locator("[name=text]").press("Enter")
    for words in ("签到", "积分", "草莓烂了一半能退吗"):
        page.wait_for_timeout(700)
        desk.locator(".chips").get_by_text(words, exact=True).click()
    page.wait_for_timeout(5000)  # the note about what was sent goes away by itself


def take(address: str, browser: Browser) -> None:
    """Take them all."""
    cards()
    for size, person in (("desktop", "李阿姨"), ("phone", "陈师傅")):
        ending = "" if size == "desktop" else "-phone"
        page = page_of(browser, size)
        page.goto(address)
        keep(page, f"start{ending}")
        morning(page, address, person)
        keep(page, f"simulator{ending}")
        page.goto(address)
        page.get_by_role("button", name="以团长身份看").click()
        keep(page, f"board{ending}", whole=size == "desktop")
        page.goto(f"{address}/console/knowledge")
        keep(page, f"knowledge{ending}")
        page.goto(f"{address}/console/try?q=草莓烂了一半能退吗")
        keep(page, f"try{ending}")
        page.goto(f"{address}/console/my/facts")
        keep(page, f"settings{ending}")
        page.close()
    page = page_of(browser, "phone")
    page.goto(address)
    page.get_by_role("button", name="以居民身份看").click()
    keep(page, "resident")
    page.get_by_role("button", name="大字", exact=True).click()
    keep(page, "resident-large")
    page.close()
    for size in ("desktop", "phone"):
        page = page_of(browser, size, dark=True)
        page.goto(address)
        page.get_by_role("button", name="以运营身份看").click()
        keep(page, "board-dark" if size == "desktop" else "board-dark-phone")
        page.close()


def cards() -> None:
    """Draw the cards that the README shows."""
    from PIL import Image

    from benchmarks.cards import SAMPLES
    from prompts.cards import draw

    people = ["李阿姨", "小满妈妈", "301 张哥", "陈师傅", "海棠", "王姐"]
    shown: dict[str, dict[str, object]] = {
        "checkin": {"theme": "暖暖早餐季", "streak": 21, "longest": 45, "total": 128, "points": 5, "made_up": [9],
                    "done": [*range(1, 9), *range(10, 22)], "frozen": [], "next_days": 9, "next_points": 20,
                    "said": "今天小米粥配咸鸭蛋，再来一把炒青菜"},
        "milestone": {"name": "陈师傅", "balance": 1280, "next_points": 100},
        "board": {"note": "本周新增", "rows": [{"name": name, "points": 128 - 21 * n} for n, name in enumerate(people)]},
    }  # fmt: skip
    common = {"name": "李阿姨", "group": "阳光花园一期", "year": 2026, "month": 11}
    for name, values in shown.items():
        image = Image.open(io.BytesIO(draw(name, {**common, **SAMPLES[name], **values}))).convert("RGB")
        image.resize((image.width // 2, image.height // 2), Image.Resampling.LANCZOS).save(
            PICTURES / f"card-{name}.png", optimize=True
        )


def single(address: str, browser: Browser, arguments: list[str]) -> None:
    """Take the pages that are named as `name=/path`, at both sizes."""
    for argument in arguments:
        name, _, path = argument.partition("=")
        for size in ("desktop", "phone"):
            page = page_of(browser, size)
            page.goto(address + path)
            page.wait_for_timeout(1000)
            keep(page, name if size == "desktop" else f"{name}-phone")
            page.close()


def main(arguments: list[str]) -> int:
    """Take the gallery, or the single pages that are named."""
    whole = [argument for argument in arguments if argument.partition(":")[0] == "all"]
    if not whole and not all("=/" in argument for argument in arguments):
        print("a picture is name=/path", file=sys.stderr)
        return 2
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        print("no Chromium here (apt-get install chromium, or set CHROMIUM)", file=sys.stderr)
        return 2
    if (
        not whole
        and shutil.which("fc-list")
        and not subprocess.run(["fc-list", ":charset=1f44d"], capture_output=True, check=False).stdout
    ):
        print(
            "no font with emoji here (apt-get install fonts-noto-color-emoji): pictures would show boxes",
            file=sys.stderr,
        )
        return 2
    from playwright.sync_api import sync_playwright

    PICTURES.mkdir(parents=True, exist_ok=True)
    with served() as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        if not arguments or whole:
            print(f"{album.take(address, browser, (whole or [''])[0].partition(':')[2])} pictures in {album.FOLDER}")
        if whole:
            pass
        elif arguments:
            single(address, browser, arguments)
        else:
            take(address, browser)
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
