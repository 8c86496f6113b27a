"""One server for all browser tests of a worker, and pages that fail on any error of script or policy."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.house import House, furnished
from tests.browser.serving import FLAGS, SIZES, served

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page


@pytest.fixture(scope="session")
def address(chromium_path: str) -> Iterator[str]:
    """A fresh installation with its sample community, as `make run` starts it; or the one that TUANTUAN_SERVED names."""
    assert chromium_path
    if running := os.environ.get("TUANTUAN_SERVED"):
        yield running
        return
    with served() as found:
        yield found


@pytest.fixture(scope="session")
def house(address: str) -> House:
    """The same, with what pages need to show something, and the sample doors."""
    return furnished(address)


@pytest.fixture(scope="module")
def browser(chromium_path: str) -> Iterator[Browser]:
    """Chromium. Of a module and not of the session: while it is open its event loop runs in this thread."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=chromium_path, args=FLAGS)
        yield found
        found.close()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Callable[[str], Page]]:
    """Opens an empty page of a size; at the end there must have been no error of script, policy or server."""
    wrong: list[str] = []
    contexts = []

    def heard(message: ConsoleMessage) -> None:
        # A refusal (409) is words for the player, and Chromium notes every answer above 399.
        if message.type in ("error", "warning") and "409" not in message.text:
            wrong.append(message.text)

    def make(size: str) -> Page:
        width, height = SIZES[size]
        context = browser.new_context(viewport={"width": width, "height": height}, locale="zh-CN")
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.on("console", heard)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("dialog", lambda dialog: wrong.append(f"dialog: {dialog.message}"))
        return page

    yield make
    for context in contexts:
        context.close()
    assert not wrong


@pytest.fixture(scope="module")
def rooms(browser: Browser) -> Iterator[dict[tuple[str, str], BrowserContext]]:
    """Contexts by (who, size), made when first asked for and kept for the module."""
    found: dict[tuple[str, str], BrowserContext] = {}
    yield found
    for context in found.values():
        context.close()


@pytest.fixture
def visit(
    browser: Browser, rooms: dict[tuple[str, str], BrowserContext], house: House
) -> Iterator[Callable[[str, str], Page]]:
    """Opens an empty page of somebody who is signed in, at a size; at the end there must have been no error, as above."""

    def known(who: str, size: str) -> BrowserContext:
        if (who, size) not in rooms:
            rooms[who, size] = _signed_in(browser, house, who, size)
        return rooms[who, size]

    yield from _visits(known)


@pytest.fixture
def arrive(browser: Browser, house: House) -> Iterator[Callable[[str, str], Page]]:
    """The same in a browser that was never here: it has nothing kept from before."""
    opened: list[BrowserContext] = []

    def anew(who: str, size: str) -> BrowserContext:
        opened.append(_signed_in(browser, house, who, size, service_workers="block"))
        return opened[-1]

    yield from _visits(anew)
    for context in opened:
        context.close()


def _signed_in(browser: Browser, house: House, who: str, size: str, **more: Any) -> BrowserContext:
    width, height = SIZES[size]
    context = browser.new_context(
        viewport={"width": width, "height": height}, locale="zh-CN", base_url=house.address, **more
    )
    cookies = house.cookies(who).items()
    context.add_cookies([{"name": name, "value": value, "url": house.address} for name, value in cookies])
    context.set_default_timeout(10_000)
    return context


def _visits(room: Callable[[str, str], BrowserContext]) -> Iterator[Callable[[str, str], Page]]:
    wrong: list[str] = []
    pages: list[Page] = []

    def heard(message: ConsoleMessage) -> None:
        # Chromium notes every answer above 399; a refusal (409) and a page that is gone (410) are words for people.
        expected = ("409", "410", "Service Worker registration blocked")
        if message.type in ("error", "warning") and not any(words in message.text for words in expected):
            wrong.append(f"{message.text} ({message.page.url if message.page else ''})")

    def open_as(who: str, size: str) -> Page:
        page = room(who, size).new_page()
        page.on("console", heard)
        page.on("pageerror", lambda error: wrong.append(f"{error} ({page.url})"))
        page.on("dialog", lambda dialog: wrong.append(f"dialog: {dialog.message}"))
        pages.append(page)
        return page

    yield open_as
    for page in pages:
        page.close()
    assert not wrong
