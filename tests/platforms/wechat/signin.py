"""The platform's web sign-in, and WeChat's own browser: codes that hold once, five minutes, for one account.

```python
browser = wechat.browser("o-li")          # keeps its cookies, follows redirects, goes to the platform over HTTP
page = await browser.open(f"{bot}/h5")    # → authorize → back with a code → /h5
```
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

import httpx

from tests.platforms.telegram.wire import Response
from tests.platforms.wechat.signing import APP_ID, SECRET

AGENT = (
    "Mozilla/5.0 (Linux; Android 14; Phone) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/126.0 Mobile "
    "Safari/537.36 XWEB/1260117 MMWEBSDK/20240501 MicroMessenger/8.0.50.2701(0x28003252) WeChat/arm64 Weixin"
)
AUTHORIZE = "/connect/oauth2/authorize"
_LASTS = 300.0
WHO = "x-the-phone-is-of"
"""What in earnest is the app's own session: whose WeChat the browser is in."""


@dataclass(slots=True)
class _Code:
    app_id: str
    openid: str
    ends: float
    is_used: bool = False


class SignIn:
    """Codes of the web sign-in.

    Attributes:
        domain: host (with port) that the account has registered for its pages; empty = any.
        preview: it vouches for nobody, as in a preview of a page.
        issued: the codes that were given out, in order.
        unions: openid → union id, of who the platform account knows on several accounts.
    """

    def __init__(self) -> None:
        self.domain = ""
        self.preview = False
        self.shift = 0.0
        self.issued: list[str] = []
        self.unions: dict[str, str] = {}
        self._codes: dict[str, _Code] = {}

    def code(self, openid: str, app_id: str = APP_ID) -> str:
        """Make a code as if somebody had come by."""
        made = secrets.token_hex(16)
        self._codes[made] = _Code(app_id, openid, self._now() + _LASTS)
        self.issued.append(made)
        return made

    def authorize(self, fields: dict[str, str | bytes], who: str) -> Response:
        """Send a browser back with a code, or show the platform's own complaint."""
        back, state = str(fields.get("redirect_uri", "")), str(fields.get("state", ""))
        host = urlsplit(back).netloc
        wrong = (
            (fields.get("appid") != APP_ID, b"appid"),
            (fields.get("response_type") != "code", b"response_type"),
            (fields.get("scope") != "snsapi_base", b"scope"),
            (not host or bool(self.domain and host != self.domain), b"10003 redirect_uri"),
            (not state.isalnum() or len(state) > 128, b"state"),
            (not who, b"open it in WeChat"),
        )
        complaint = next((said for no, said in wrong if no), b"")
        if complaint:
            return Response(200, complaint, kind="text/plain")
        joined = "&" if urlsplit(back).query else "?"
        return Response(302, b"", location=f"{back}{joined}{urlencode({'code': self.code(who), 'state': state})}")

    def exchange(self, fields: dict[str, str | bytes]) -> dict[str, Any]:
        """Answer /sns/oauth2/access_token."""
        if fields.get("appid") != APP_ID:
            return {"errcode": 40013, "errmsg": "invalid appid"}
        if fields.get("secret") != SECRET:
            return {"errcode": 40125, "errmsg": "invalid appsecret"}
        found = self._codes.get(str(fields.get("code")))
        if found is None or found.app_id != APP_ID:
            return {"errcode": 40029, "errmsg": "invalid code"}
        if found.is_used:
            return {"errcode": 40163, "errmsg": "code been used"}
        if found.ends < self._now():
            return {"errcode": 42003, "errmsg": "code expired"}
        found.is_used = True
        answer = {"access_token": "unused", "expires_in": 7200, "openid": found.openid, "scope": "snsapi_base"}
        if found.openid in self.unions:
            answer["unionid"] = self.unions[found.openid]
        return answer | ({"is_snapshotuser": 1} if self.preview else {})

    def _now(self) -> float:
        return time.time() + self.shift


class Browser:
    """The browser in somebody's WeChat; goes to the platform and to the bot over HTTP.

    Attributes:
        way: the addresses of the last :meth:`open`, one behind the other.
    """

    def __init__(
        self, platform: str, who: str, agent: str = AGENT, mounts: dict[str, httpx.AsyncBaseTransport] | None = None
    ) -> None:
        self._platform = platform
        self._who = who
        self.way: list[str] = []
        self.client = httpx.AsyncClient(trust_env=False, headers={"user-agent": agent}, mounts=mounts)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        await self.client.aclose()

    async def open(self, address: str, *, until: str = "") -> httpx.Response:
        """Open a page and go where it leads; ``until``: not beyond the first address that begins so, which is not opened."""
        self.way = [address]
        for _ in range(8):
            own = self.way[-1].startswith(f"{self._platform}/")
            answer = await self.client.get(self.way[-1], headers={WHO: self._who} if own else {})
            if not answer.is_redirect:
                return answer
            self.way.append(urljoin(self.way[-1], answer.headers["location"]))
            if until and self.way[-1].startswith(until):
                return answer
        raise AssertionError(f"round and round: {self.way}")

    def given(self) -> dict[str, str]:
        """The query of the last address."""
        return dict(parse_qsl(urlsplit(self.way[-1]).query))
