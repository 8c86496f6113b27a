"""Who opens a page inside WeChat: the way to the platform and back, which tells the openid and nothing else.

The console's doors walk it (:class:`console.outside.Outside`): they see to it that a state is taken once, and let the browser in.
This room sets no cookie and opens no session.

Source: WeChat Official Account documents (web page authorization, snsapi_base); FAULTS E3, E4; ADR-0018.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import re
import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import structlog

from bot.channels.wechat.api import Api, ApiError
from bot.channels.wechat.events import CHANNEL
from engagement.entry.joining import Account
from engagement.errors import Refusal

if TYPE_CHECKING:
    from bot.channels.wechat.settings import WeChatSettings

log = structlog.get_logger("bot.channels.wechat")
LASTS = 600
"""Seconds between leaving and coming back."""
AT_ONCE = 16
"""Codes that are exchanged at a time: half of the connections stay for messages, whoever knocks at the door."""
WAITS = 5.0
"""Seconds in which a code has its turn, or the person is asked to come again."""
_TARGET = re.compile(r"/h5(?:/[A-Za-z0-9_-]{1,64}){0,6}")
_CODE = re.compile(r"[A-Za-z0-9_-]{1,512}")
_STATE = re.compile(r"[0-9a-f]{88}")
_OPEN_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_CODES = frozenset({40029, 40163, 41008, 42003})
"""The code is none, was used, is missing, or is too old: this try is over, and another may do."""


class OAuth:
    """The way there and back. A state holds for one browser, one page and ten minutes."""

    channel = CHANNEL

    def __init__(self, settings: WeChatSettings, api: Api, secret: bytes) -> None:
        """Take a secret of ours that signs states.

        Raises:
            ValueError: it is empty.
        """
        if not secret:
            raise ValueError("states need a secret")
        self.name = settings.name
        self._settings = settings
        self._api = api
        self._room = asyncio.Semaphore(AT_ONCE)
        self._secret = hashlib.sha256(b"wechat oauth\0" + secret).digest()

    def is_inside(self, agent: str) -> bool:
        """Say whether a browser is the one in WeChat; the one in WeCom calls itself so too, and knows no Official Account."""
        return "MicroMessenger" in agent[:1000] and "wxwork" not in agent[:1000]

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

    def check(self, state: str, target: str, browser: str, now: datetime) -> datetime:
        """Look at what a browser came back with; returns when the state ends, exclusive.

        Raises:
            Refusal: ``wechat.oauth_again``: not begun here, by another browser, for another page, or too late.
        """
        head, mark = state[:24], state[24:]
        right = hmac.compare_digest(mark.encode("utf-8", "replace"), self._mark(head, target, browser).encode())
        if not right or not browser or not _STATE.fullmatch(state) or not _TARGET.fullmatch(target):
            raise Refusal("wechat.oauth_again")
        ends, seconds = int(head[:8], 16), int(now.timestamp())
        if not seconds <= ends <= seconds + LASTS:
            raise Refusal("wechat.oauth_again")
        return datetime.fromtimestamp(ends + 1, UTC)

    async def who(self, code: str) -> Account:
        """Exchange a code; returns the openid, with the union id where the account has one.

        Raises:
            Refusal: ``wechat.oauth_again``: the platform does not know the code (any more), or it is another account's;
                ``wechat.oauth_preview``: it vouches for nobody, since the page is shown as a preview only;
                ``wechat.oauth_later``: it could not be asked, or will not answer us.
        """
        if not _CODE.fullmatch(code):
            raise Refusal("wechat.oauth_again")
        try:
            answer = await self._exchange(code)
        except TimeoutError as error:
            log.warning("wechat.oauth_crowded")
            raise Refusal("wechat.oauth_later") from error
        except ApiError as error:
            # Anything but a code that is none is ours to mend: the account's settings, its permissions, the network.
            if error.code in _CODES:
                raise Refusal("wechat.oauth_again") from error
            log.warning("wechat.oauth_failed", code=error.code)
            raise Refusal("wechat.oauth_later") from error
        if answer.get("is_snapshotuser"):
            raise Refusal("wechat.oauth_preview")
        openid = answer.get("openid")
        if not isinstance(openid, str) or not _OPEN_ID.fullmatch(openid):
            raise Refusal("wechat.oauth_again")
        union = answer.get("unionid")
        return Account(CHANNEL, openid, union if isinstance(union, str) and _OPEN_ID.fullmatch(union) else "")

    async def _exchange(self, code: str) -> dict[str, Any]:
        async with asyncio.timeout(WAITS):
            await self._room.acquire()
        try:
            return await self._api.plain(
                "GET",
                "/sns/oauth2/access_token",
                params={
                    "appid": self._settings.app_id,
                    "secret": self._settings.secret.get_secret_value(),
                    "code": code,
                    "grant_type": "authorization_code",
                },
            )
        finally:
            self._room.release()

    def _mark(self, head: str, target: str, browser: str) -> str:
        words = f"{head}\0{target}\0{browser}\0{self._settings.app_id}".encode("utf-8", "replace")
        return hmac.new(self._secret, words, hashlib.sha256).hexdigest()
