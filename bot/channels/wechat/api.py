"""The platform's API: one access token for all, one refresher; and what each error means for a message.

Source: WeChat Official Account documents (stable access token, global return codes).
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import structlog

from engagement.errors import TooLarge, Unfetchable
from engagement.kernel import Outcome, Receipt

if TYPE_CHECKING:
    import httpx

    from bot.channels.wechat.settings import WeChatSettings

log = structlog.get_logger("bot.channels.wechat")
_EARLY = 300.0
"""Seconds before its end in which a token is renewed."""
_FORCED_SECONDS = 60.0
"""Between two tokens that are forced: the platform allows twenty a day, and each ends the one before it."""
_FAILED_SECONDS = 2.0
"""For so long who waits for a token is told why the last try failed, instead of each waiting for a try of his own."""
TOKEN_CODES = frozenset({40001, 40014, 42001})
"""The token is not, or no longer, good: another may be."""
ACCOUNT_CODES = frozenset({40002, 40013, 40125, 40164, 40243, 41002, 41004, 61024, 89503})
"""Asked for a token: the account's settings are wrong, or this machine is not on its list."""
_REFUSED_TOKEN = 40001
_WRONG_SECRET = 40125
_CUT_OFF = -2
_NO_CONNECTION = -3
_BUSY = -1
_LARGEST_ANSWER = 1024 * 1024

_RECEIPTS: dict[int, tuple[Outcome, float, str]] = {
    _BUSY: (Outcome.RETRY, 2.0, "busy"),
    _NO_CONNECTION: (Outcome.RETRY, 2.0, "network"),
    _CUT_OFF: (Outcome.UNKNOWN, 0.0, "cut_off"),
    **dict.fromkeys(TOKEN_CODES, (Outcome.RETRY, 60.0, "token")),
    **dict.fromkeys(ACCOUNT_CODES, (Outcome.RETRY, 60.0, "account")),
    45009: (Outcome.RETRY, 3600.0, "quota"),
    45011: (Outcome.RETRY, 60.0, "too_many"),
    45015: (Outcome.REJECTED, 0.0, "window_closed"),
    45047: (Outcome.REJECTED, 0.0, "window_used"),
    48001: (Outcome.REJECTED, 0.0, "no_permission"),
    48002: (Outcome.REJECTED, 0.0, "refused_by_person"),
    50002: (Outcome.REJECTED, 0.0, "account_limited"),
    43101: (Outcome.REJECTED, 0.0, "not_subscribed"),
    40036: (Outcome.REJECTED, 0.0, "no_template"),
    40037: (Outcome.REJECTED, 0.0, "no_template"),
    47003: (Outcome.REJECTED, 0.0, "bad_fields"),
    45002: (Outcome.REJECTED, 0.0, "too_long"),
    44004: (Outcome.REJECTED, 0.0, "empty"),
    40003: (Outcome.GONE, 0.0, "not_found"),
    43004: (Outcome.GONE, 0.0, "not_following"),
    43019: (Outcome.GONE, 0.0, "blocked"),
}


class ApiError(Exception):
    """The platform said no, or could not be asked.

    Attributes:
        code: ``errcode``; negative ones below -1 are ours.
    """

    def __init__(self, code: int) -> None:
        super().__init__(f"errcode {code}")
        self.code = code

    @property
    def receipt(self) -> Receipt:
        """What it means for the message that met it; never SENT."""
        outcome, wait, reason = _RECEIPTS.get(self.code, (Outcome.REJECTED, 0.0, f"error_{self.code}"))
        return Receipt(outcome, retry_after=wait, reason=reason)

    @property
    def is_account(self) -> bool:
        """The account's settings are wrong."""
        return self.code in ACCOUNT_CODES or self.code in TOKEN_CODES

    @property
    def is_network(self) -> bool:
        """The platform could not be reached."""
        return self.code in (_CUT_OFF, _NO_CONNECTION, _BUSY)


class Api:
    """Calls with a token; a call whose token is refused is made once more with another."""

    def __init__(self, settings: WeChatSettings) -> None:
        """Prepare; nothing is sent yet."""
        self._settings = settings
        self._client: httpx.AsyncClient | None = None
        self._token = ""
        self._ends = 0.0
        self._forced = -_FORCED_SECONDS
        self._failed: tuple[float, int] = (0.0, 0)
        self._refreshing = asyncio.Lock()

    async def close(self) -> None:
        """Close the connections."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def token(self, *, instead_of: str = "") -> str:
        """Return the access token; many who ask at once cause one request.

        Args:
            instead_of: a token that was refused.

        Raises:
            ApiError: there is none to be had.
        """
        if self._token and self._token != instead_of and time.monotonic() < self._ends:
            return self._token
        async with self._refreshing:
            if self._token and self._token != instead_of and time.monotonic() < self._ends:
                return self._token
            until, code = self._failed
            if time.monotonic() < until:
                raise ApiError(code)
            try:
                token, lasts = await self._another(instead_of)
            except ApiError as error:
                self._failed = (time.monotonic() + _FAILED_SECONDS, error.code)
                raise
            self._token = token
            self._ends = time.monotonic() + max(1.0, lasts - min(_EARLY, lasts / 4))
            return token

    async def _another(self, instead_of: str) -> tuple[str, int]:
        # Without force, every process of the account is given the same token, and none of them spoils the others'.
        answer = await self._fetch(force=False)
        if instead_of and answer.get("access_token") == instead_of:
            if time.monotonic() - self._forced < _FORCED_SECONDS:
                raise ApiError(_REFUSED_TOKEN)
            self._forced = time.monotonic()
            answer = await self._fetch(force=True)
        token, lasts = answer.get("access_token"), answer.get("expires_in")
        if not isinstance(token, str) or not token or not isinstance(lasts, int):
            raise ApiError(_CUT_OFF)
        return token, lasts

    async def _fetch(self, *, force: bool) -> dict[str, Any]:
        asked = {
            "grant_type": "client_credential",
            "appid": self._settings.app_id,
            "secret": self._settings.secret.get_secret_value(),
            "force_refresh": force,
        }
        try:
            return await self.plain("POST", "/cgi-bin/stable_token", json=asked)
        except ApiError as error:
            # Here it is the secret that is no good: no other token helps.
            raise ApiError(_WRONG_SECRET if error.code == _REFUSED_TOKEN else error.code) from error

    async def call(self, method: str, path: str, **more: Any) -> dict[str, Any]:
        """Make one call with the token.

        Args:
            method, path: e.g. ``POST`` and ``/cgi-bin/message/custom/send``.
            more: ``json``, ``files``, ``params`` of httpx.

        Raises:
            ApiError: what the platform said.
        """
        token = await self.token()
        params = dict(more.pop("params", {}))
        try:
            return await self.plain(method, path, params={**params, "access_token": token}, **more)
        except ApiError as error:
            if error.code not in TOKEN_CODES:
                raise
        log.info("wechat.token_refused")
        token = await self.token(instead_of=token)
        return await self.plain(method, path, params={**params, "access_token": token}, **more)

    async def plain(self, method: str, path: str, **more: Any) -> dict[str, Any]:
        """Make one call without the token.

        Raises:
            ApiError: what the platform said.
        """
        import json

        content = more.pop("json", None)
        if content is not None:
            # The platform shows \uXXXX as it stands: the words must be themselves.
            more["content"] = json.dumps(content, ensure_ascii=False).encode("utf-8", "replace")
            more["headers"] = {"content-type": "application/json"}
        try:
            status, body = await self._request(method, path, more)
        except TooLarge as error:
            raise ApiError(_CUT_OFF) from error
        if status >= 500:
            raise ApiError(_CUT_OFF if status == 504 else _BUSY)
        try:
            answer = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise ApiError(_CUT_OFF) from error
        if status != 200 or not isinstance(answer, dict):
            raise ApiError(_CUT_OFF)
        code = answer.get("errcode", 0)
        if code != 0:
            raise ApiError(code if isinstance(code, int) else _CUT_OFF)
        return answer

    async def media(self, media_id: str, most: int) -> bytes:
        """Return a file that somebody sent; see :class:`bot.voice.Fetch`.

        Raises:
            TooLarge: it has more than ``most`` bytes.
            Unfetchable: the platform does not hand it out.
        """
        try:
            token = await self.token()
            status, body = await self._request(
                "GET", "/cgi-bin/media/get", {"params": {"access_token": token, "media_id": media_id}}, most
            )
        except ApiError as error:
            raise Unfetchable(error.receipt.reason) from None
        if status != 200 or body[:1] == b"{":
            raise Unfetchable("not_there")
        return body

    async def _request(
        self, method: str, path: str, more: dict[str, Any], most: int = _LARGEST_ANSWER
    ) -> tuple[int, bytes]:
        import httpx

        try:
            async with self._http().stream(method, path, **more) as answer:
                pieces: list[bytes] = []
                size = 0
                async for piece in answer.aiter_bytes():
                    pieces.append(piece)
                    size += len(piece)
                    if size > most:
                        raise TooLarge
                return answer.status_code, b"".join(pieces)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise ApiError(_NO_CONNECTION) from error
        except httpx.HTTPError as error:
            raise ApiError(_CUT_OFF) from error

    def _http(self) -> httpx.AsyncClient:
        import logging

        import httpx

        if self._client is None:
            # It logs every address, and each holds the token.
            for name in ("httpx", "httpcore"):
                logging.getLogger(name).setLevel(logging.WARNING)
            self._client = httpx.AsyncClient(
                base_url=self._settings.base_url,
                timeout=httpx.Timeout(self._settings.timeout, connect=min(5.0, self._settings.timeout)),
                limits=httpx.Limits(max_connections=self._settings.connections),
                trust_env=not self._settings.on_this_machine,
            )
        return self._client
