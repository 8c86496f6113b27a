"""One server for all browser tests of a worker, and pages that fail on any error of script or policy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from tests.browser.serving import FLAGS, SIZES, served

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Page


@pytest.fixture(scope="session")
def address(chromium_path: str) -> Iterator[str]:
    """A fresh installation with its sample community, as `make run` starts it."""
    assert chromium_path
    with served() as found:
        yield found


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
