"""Who opens a page inside WeChat: the way to the platform and back, which tells the openid and nothing else.

The console's doors take it from here (:class:`Doors`); this room sets no cookie and opens no session.

Source: WeChat Official Account documents (web page authorization, snsapi_base); FAULTS E3, E4.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections import OrderedDict
from datetime import datetime
from typing import TYPE_CHECKING, Protocol
from urllib.parse import quote, urlencode

import structlog

from bot.channels.wechat.api import Api, ApiError
from engagement.errors import Refusal

if TYPE_CHECKING:
    from bot.channels.wechat.settings import WeChatSettings

log = structlog.get_logger("bot.channels.wechat")
LASTS = 600
"""Seconds between leaving and coming back."""
_MOST_USED = 100_000
_TARGET = re.compile(r"/h5(?:/[A-Za-z0-9_-]{1,64}){0,6}")
_CODE = re.compile(r"[A-Za-z0-9_-]{1,512}")
_STATE = re.compile(r"[0-9a-f]{88}")
_OPEN_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


class Doors(Protocol):
    """Who is told that somebody came back: finds or makes the person of an openid and lets the browser in."""

    async def opened(self, channel: str, account: str, openid: str, target: str) -> str:
        """Return the address to go to."""
        ...


class OAuth:
    """The way there and back. The state holds for one browser, one page, once, and ten minutes."""

    def __init__(self, settings: WeChatSettings, api: Api, secret: bytes) -> None:
        """Take a secret of ours that signs states.

        Raises:
            ValueError: it is too short.
        """
        if len(secret) < 16:
            raise ValueError("a secret of 16 bytes or more")
        self._settings = settings
        self._api = api
        self._secret = hashlib.sha256(b"wechat oauth\0" + secret).digest()
        self._used: OrderedDict[str, int] = OrderedDict()

    def start(self, back: str, target: str, browser: str, now: datetime) -> str:
        """Return the platform's address to send a browser to.

        Args:
            back: our address that the platform sends it back to, without a query.
            target: path of the page that was wanted, one of the residents' pages.
            browser: a random mark that this browser keeps in a cookie.
            now: the present.

        Raises:
            Refusal: the target is none of ours.
        """
        if not _TARGET.fullmatch(target):
            raise Refusal("wechat.oauth_again")
        head = f"{int(now.timestamp()) + LASTS:08x}{secrets.token_hex(8)}"
        query = {
            "appid": self._settings.app_id,
            "redirect_uri": f"{back}?to={quote(target, safe='')}",
            "response_type": "code",
            "scope": "snsapi_base",
            "state": head + self._mark(head, target, browser),
        }
        # The platform wants them in this order, and the anchor.
        return f"{self._settings.open_url.rstrip('/')}/connect/oauth2/authorize?{urlencode(query)}#wechat_redirect"

    async def finish(self, code: str, state: str, target: str, browser: str, now: datetime) -> str:
        """Take a browser back; returns its openid.

        Raises:
            Refusal: ``wechat.oauth_again``: not begun here, by another browser, too late, or a second time;
                ``wechat.unreachable``: the platform could not be asked.
        """
        head, mark = state[:24], state[24:]
        right = hmac.compare_digest(mark.encode("utf-8", "replace"), self._mark(head, target, browser).encode())
        if not right or not _STATE.fullmatch(state) or not _TARGET.fullmatch(target) or not _CODE.fullmatch(code):
            raise Refusal("wechat.oauth_again")
        ends, seconds = int(head[:8], 16), int(now.timestamp())
        if not seconds <= ends <= seconds + LASTS or head in self._used:
            raise Refusal("wechat.oauth_again")
        self._used[head] = ends
        while len(self._used) > _MOST_USED or next(iter(self._used.values())) < seconds:
            self._used.popitem(last=False)
        try:
            answer = await self._api.plain(
                "GET",
                "/sns/oauth2/access_token",
                params={
                    "appid": self._settings.app_id,
                    "secret": self._settings.secret.get_secret_value(),
                    "code": code,
                    "grant_type": "authorization_code",
                },
            )
        except ApiError as error:
            log.info("wechat.oauth_failed", code=error.code)
            raise Refusal(_refusal(error), **_values(error, self._settings)) from error
        openid = answer.get("openid")
        if not isinstance(openid, str) or not _OPEN_ID.fullmatch(openid):
            raise Refusal("wechat.oauth_again")
        return openid

    def _mark(self, head: str, target: str, browser: str) -> str:
        words = f"{head}\0{target}\0{browser}\0{self._settings.app_id}".encode("utf-8", "replace")
        return hmac.new(self._secret, words, hashlib.sha256).hexdigest()


def _refusal(error: ApiError) -> str:
    return "wechat.unreachable" if error.is_network else "wechat.oauth_again"


def _values(error: ApiError, settings: WeChatSettings) -> dict[str, object]:
    return {"address": settings.base_url} if error.is_network else {}
