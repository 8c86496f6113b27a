"""The driver of the residents' pages: opened in somebody's WeChat, who is known there from a word to the Official Account."""

from __future__ import annotations

import html
import itertools
import re
from typing import Any

from bot.rendering.capabilities import DESK
from tests.channels.drivers import Driver, WeChat
from tests.channels.house import House
from tests.channels.shown import Again, Shown, Talk

_ROOM = "/h5/ask"
_HIDDEN = re.compile(r'name="(csrf|group)" value="([^"]*)"')
_LINE = re.compile(r'<p class="text-lg whitespace-pre-line break-words">(.*?)</p>', re.DOTALL)
_PRESS = re.compile(r'name="press" value="([^"]*)"')
_FILE = re.compile(r'download="([^"]*)"')
_keys = itertools.count(1)


class Page(Driver):
    """The page that a person has open; what came of the last form stands on it."""

    name, can, repeats = "desk", DESK, False

    def __init__(self, house: House) -> None:
        super().__init__(house)
        self._seen: dict[str, list[Shown]] = {}
        self._forms: dict[str, dict[str, str]] = {}
        self._browsers: dict[str, Any] = {}

    async def newcomer(self) -> Talk:
        account = WeChat(self.house)
        talk = await account.newcomer()
        await account.ask(talk, "你好")
        assert self.house.wechat is not None
        browser = self.house.wechat.browser(talk.who)
        page = await browser.open(f"{self.house.url}{_ROOM}")
        assert (page.status_code, page.url.path) == (200, _ROOM)
        self._browsers[talk.who] = browser
        self._forms[talk.who] = dict(_HIDDEN.findall(page.text))
        self._seen[talk.who] = []
        return Talk(talk.who)

    def _sent(self, talk: Talk, **fields: str) -> Again:
        form = {"group": "0"} | self._forms[talk.who] | {"key": f"form-{next(_keys)}"} | fields

        async def tell() -> None:
            page = await self._browsers[talk.who].client.post(f"{self.house.url}{_ROOM}", data=form)
            # Who deleted everything is signed out: the next form leads to the door.
            assert page.status_code in (200, 303), page.status_code
            answer = page.text.partition('id="answer"')[2].partition("</section>")[0]
            lines = [html.unescape(one) for one in _LINE.findall(answer)]
            assert "<" not in "".join(_LINE.findall(answer)), "markup in somebody's words"
            buttons = tuple(html.unescape(one) for one in _PRESS.findall(answer))
            files = _FILE.findall(answer)
            if lines:
                self._seen[talk.who].append(Shown("\n".join(lines), buttons, document=files[0] if files else ""))

        return tell

    async def typed(self, talk: Talk, text: str) -> Again:
        return self._sent(talk, say=text)

    async def press(self, talk: Talk, shown: Shown, key: str) -> Again:
        tell = self._sent(talk, press=key)
        await tell()
        return tell

    async def seen(self, who: str) -> list[Shown]:
        return list(self._seen[who])

    async def close(self) -> None:
        """Close the browsers."""
        for browser in self._browsers.values():
            await browser.client.aclose()
