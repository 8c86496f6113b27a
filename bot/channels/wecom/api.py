"""Calling WeCom: the access token, one call, and what each answer means for a message.

Source: WeCom developer documents (gettoken, global error codes); CHANNELS (WeCom).
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import structlog

from bot.channels.addresses import is_loopback
from engagement.clocks import Clock
from engagement.errors import TooLarge, Unfetchable
from engagement.kernel import Outcome, Receipt

if TYPE_CHECKING:
    import httpx

    from bot.channels.wecom.settings import WecomSettings

log = structlog.get_logger("bot.channels.wecom")

OK = 0
_TOKEN_GONE = frozenset({40001, 40014, 41001, 42001})
_BUSY = frozenset({-1, 41063})
"""41063: a mass-send that was made a moment ago is still being handed out; asking about it is possible a little later."""
_TOO_MANY = frozenset({45009, 45011, 45033})
_OURS = frozenset({40013, 40056, 40091, 60020, 301002})
"""Our own set-up is wrong (corp id, app, secret, address not trusted): a message waits until it is mended."""
_GONE = {
    60111: "no_user",
    81013: "not_visible",
    86001: "no_chat",
    86003: "no_chat",
    86008: "no_chat",
    93000: "removed",
    93004: "removed",
    93008: "removed",
    40050: "no_chat",
}
_REJECTED = {
    40008: "kind",
    40033: "markup",
    40058: "argument",
    40201: "spam",
    41047: "no_task",
    44004: "empty",
    45002: "too_long",
    48001: "no_rights",
    48002: "no_rights",
    60011: "no_rights",
    84061: "no_contact",
    40096: "no_contact",
    41048: "nobody",
    41093: "no_rights",
}
_EARLY = timedelta(minutes=5)
_FORCED = timedelta(seconds=30)
"""A token that WeCom does not take is replaced so often at most: it counts how often it is asked for one."""
_AGAIN_SOON = 2.0
_TOO_MANY_SECONDS = 60.0
_MENDED_SECONDS = 300.0
_TOKEN_WORDS = 512
_LARGEST_ANSWER = 4 * 1024 * 1024


class Refused(Exception):
    """WeCom answered no.

    Attributes:
        code: its errcode.
        keys: it was asked for a token, with the keys of our settings.
    """

    def __init__(self, code: int, *, keys: bool = False) -> None:
        """Carry the code; what WeCom says in words holds ids and addresses, and stays out of logs."""
        super().__init__(str(code))
        self.code = code
        self.keys = keys


class CutOff(Exception):
    """There was no answer that can be read.

    Attributes:
        nothing_sent: the call surely did nothing.
    """

    def __init__(self, *, nothing_sent: bool) -> None:
        """Say whether the call surely did nothing."""
        super().__init__("nothing_sent" if nothing_sent else "cut_off")
        self.nothing_sent = nothing_sent


def receipt_of(error: Refused | CutOff, *, repeatable: bool = False) -> Receipt:
    """Say what an error means for the message that met it.

    Args:
        repeatable: doing it twice is the same as once, so an unknown end may be tried again.

    Returns:
        RETRY when nothing was sent; UNKNOWN when nobody can know; never SENT.
    """
    if isinstance(error, CutOff):
        if error.nothing_sent or repeatable:
            return Receipt(Outcome.RETRY, retry_after=_AGAIN_SOON, reason="network")
        return Receipt(Outcome.UNKNOWN, reason="cut_off")
    code = error.code
    if code in _BUSY:
        return Receipt(Outcome.RETRY, retry_after=_AGAIN_SOON, reason="busy")
    if code in _TOO_MANY:
        return Receipt(Outcome.RETRY, retry_after=_TOO_MANY_SECONDS, reason="too_many")
    if code in _OURS or error.keys:
        return Receipt(Outcome.RETRY, retry_after=_MENDED_SECONDS, reason="set_up")
    if code in _TOKEN_GONE:
        return Receipt(Outcome.RETRY, retry_after=_TOO_MANY_SECONDS, reason="token")
    if code in _GONE:
        return Receipt(Outcome.GONE, reason=_GONE[code])
    return Receipt(Outcome.REJECTED, reason=_REJECTED.get(code, f"errcode_{code}"))


@dataclass(slots=True)
class _Token:
    words: str
    until: datetime


class WecomApi:
    """One app's calls. The token is fetched once for all who wait, and once more when WeCom no longer takes it.

    Each call ends after ``timeout`` seconds, however slowly its answer drips in, and an answer has a largest size.
    """

    def __init__(self, settings: WecomSettings, clock: Clock, client: httpx.AsyncClient | None = None) -> None:
        """Take the settings; ``client`` is for tests, without one connections are opened at the first call."""
        # It logs every address, and each holds the token.
        for name in ("httpx", "httpcore"):
            logging.getLogger(name).setLevel(logging.WARNING)
        self._settings = settings
        self._clock = clock
        self._given = client
        self._token: _Token | None = None
        self._forced: datetime | None = None
        self._fetching: asyncio.Task[str] | None = None

    async def close(self) -> None:
        """Close the connections."""
        if self._fetching is not None:
            self._fetching.cancel()
        if self._given is not None:
            await self._given.aclose()
            self._given = None

    async def post(self, path: str, body: Mapping[str, Any], **query: str) -> dict[str, Any]:
        """Call ``/cgi-bin/{path}`` with the token.

        Raises:
            Refused, CutOff: see there.
        """
        token = await self.token()
        try:
            return await self.raw("POST", path, body, access_token=token, **query)
        except Refused as error:
            if error.code not in _TOKEN_GONE:
                raise
        return await self.raw("POST", path, body, access_token=await self.token(instead_of=token), **query)

    async def media(self, media_id: str, most: int) -> bytes:
        """Return a file that somebody sent in private; see :class:`engagement.feature.Fetch`.

        Raises:
            TooLarge: it has more than ``most`` bytes.
            Unfetchable: WeCom does not hand it out.
        """
        import httpx

        try:
            query = {"access_token": await self.token(), "media_id": media_id}
            async with asyncio.timeout(self._settings.timeout):
                status, data = await self._exchange("GET", "/cgi-bin/media/get", None, query, most)
        except (Refused, CutOff) as error:
            raise Unfetchable(receipt_of(error).reason) from None
        except (httpx.HTTPError, TimeoutError) as error:
            # The error's words may hold the address, and with it the token: only its kind goes on.
            raise Unfetchable(type(error).__name__) from None
        if data is None:
            raise TooLarge
        if status != httpx.codes.OK or data[:1] == b"{":
            raise Unfetchable("not_there")
        return data

    async def token(self, instead_of: str = "") -> str:
        """Return an access token; ``instead_of`` is one that WeCom does not take any more.

        Raises:
            Refused, CutOff: there is none to be had; a cut here has surely sent nothing.
        """
        now, held = self._clock.now(), self._token
        if held is not None and held.until > now and held.words != instead_of:
            return held.words
        # One for all who wait: they succeed or fail together, and none of them waits for the others' failures in turn.
        if self._fetching is None or self._fetching.done():
            if held is not None and held.until > now:
                if self._forced is not None and now - self._forced < _FORCED:
                    return held.words  # it was replaced just now, and WeCom takes the new one no more than the old one
                self._forced = now
            self._fetching = asyncio.create_task(self._fetch(), name="wecom token")
            self._fetching.add_done_callback(lambda task: task.cancelled() or task.exception())
        return await asyncio.shield(self._fetching)

    async def _fetch(self) -> str:
        secret = self._settings.secret.get_secret_value()
        try:
            answer = await self.raw("GET", "gettoken", None, corpid=self._settings.corp_id, corpsecret=secret)
        except CutOff as error:
            raise CutOff(nothing_sent=True) from error
        except Refused as error:
            raise Refused(error.code, keys=True) from error
        words, lasts = answer.get("access_token"), answer.get("expires_in")
        if not isinstance(words, str) or not 0 < len(words) <= _TOKEN_WORDS or not isinstance(lasts, int):
            raise CutOff(nothing_sent=True)
        now = self._clock.now()
        kept = max(timedelta(seconds=min(lasts, 7200)) - _EARLY, timedelta(seconds=30))
        self._token = _Token(words, now + kept)
        return words

    async def raw(self, method: str, path: str, body: Mapping[str, Any] | None, **query: str) -> dict[str, Any]:
        """Make one call as it is.

        Raises:
            Refused, CutOff: see there.
        """
        import httpx

        try:
            async with asyncio.timeout(self._settings.timeout):
                status, data = await self._exchange(method, f"/cgi-bin/{path}", body, query)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise CutOff(nothing_sent=True) from error.with_traceback(None)
        except (httpx.HTTPError, TimeoutError) as error:
            raise CutOff(nothing_sent=False) from error.with_traceback(None)
        if status != httpx.codes.OK:
            # 502 and 503 stand before the service; anything else may have come after it.
            raise CutOff(nothing_sent=status in (429, 502, 503))
        try:
            answer = None if data is None else json.loads(data)
        except (ValueError, RecursionError) as error:
            raise CutOff(nothing_sent=False) from error
        code = answer.get("errcode", OK) if isinstance(answer, dict) else None
        if not isinstance(code, int) or not isinstance(answer, dict):
            raise CutOff(nothing_sent=False)
        if code != OK:
            log.info("wecom.refused", path=path, code=code)
            raise Refused(code)
        return answer

    async def _exchange(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
        query: Mapping[str, str],
        most: int = _LARGEST_ANSWER,
    ) -> tuple[int, bytes | None]:
        """Return the status and the answer; None for one of more than ``most`` bytes."""
        # What is not packed cannot swell.
        plain = {"accept-encoding": "identity"}
        async with self._client().stream(method, path, params=query, json=body, headers=plain) as response:
            data = bytearray()
            async for chunk in response.aiter_bytes():
                data += chunk
                if len(data) > most:
                    return response.status_code, None
            return response.status_code, bytes(data)

    def _client(self) -> httpx.AsyncClient:
        if self._given is None:
            import httpx

            self._given = httpx.AsyncClient(
                base_url=self._settings.base_url.rstrip("/"),
                timeout=self._settings.timeout,
                trust_env=not is_loopback(self._settings.base_url),
                follow_redirects=False,
            )
        return self._given


def objects(answer: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """Return the objects of a list in an answer; whatever else stands there is left out."""
    found = answer.get(name)
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
