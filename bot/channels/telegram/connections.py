"""Connections to the Bot API: the library's HTTP seam over aiohttp.

The library's own seam is httpx, in which one send cost more CPU than all the rest of a check-in together (measured here: 1.3 ms
of 2.7; this one .4 ms), and which looks through its whole pool at every request. Proxies of the environment and TLS stay as they
were; SOCKS proxies are not known here.

Source: ADR-0010.
"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any

from telegram.error import NetworkError, TimedOut
from telegram.request import BaseRequest, RequestData

if TYPE_CHECKING:
    import aiohttp

_CONNECT_SECONDS = 5.0
_FILE_SECONDS = 20.0
"""More for writing a picture than for a few words."""
_FORM = "application/x-www-form-urlencoded"


class Connections(BaseRequest):
    """A pool of kept connections; a request waits for a free one."""

    __slots__ = ("_session", "_size", "_timeout", "_trust_env")

    def __init__(self, size: int, timeout: float, *, trust_env: bool) -> None:
        """Prepare; nothing is opened yet.

        Args:
            size: connections at most.
            timeout: seconds for reading, for writing, and for a free connection.
            trust_env: use the environment's proxies.
        """
        self._size = size
        self._timeout = timeout
        self._trust_env = trust_env
        self._session: aiohttp.ClientSession | None = None

    @property
    def read_timeout(self) -> float:
        """Seconds to wait for an answer."""
        return self._timeout

    async def initialize(self) -> None:
        """Nothing to prepare: connections are made when they are needed."""

    async def shutdown(self) -> None:
        """Close every connection."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def do_request(
        self,
        url: str,
        method: str,
        request_data: RequestData | None = None,
        read_timeout: Any = BaseRequest.DEFAULT_NONE,
        write_timeout: Any = BaseRequest.DEFAULT_NONE,
        connect_timeout: Any = BaseRequest.DEFAULT_NONE,
        pool_timeout: Any = BaseRequest.DEFAULT_NONE,
    ) -> tuple[int, bytes]:
        """Send one request; see the base class. Only ``read_timeout`` differs between calls (long polling).

        Raises:
            TimedOut: no connection, no room to write or no answer in time; its cause says which.
            NetworkError: the connection failed or broke.
        """
        import aiohttp

        session = self._session
        if session is None:
            session = self._session = self._open()
        read = read_timeout if isinstance(read_timeout, float | int) else self._timeout
        wait = aiohttp.ClientTimeout(
            # Without an end of its own, a peer that does not read would hold the connection for ever.
            total=2 * self._timeout + read + _FILE_SECONDS,
            connect=self._timeout,
            sock_connect=min(_CONNECT_SECONDS, self._timeout),
            sock_read=read,
        )
        headers = {"User-Agent": self.USER_AGENT}
        body: bytes | aiohttp.FormData | None = None
        if request_data is not None and request_data.contains_files:
            body = _form(request_data)
        elif request_data is not None and request_data.parameters:
            body = request_data.url_encoded_parameters().encode()
            headers["Content-Type"] = _FORM
        try:
            async with session.request(
                method, url, data=body, headers=headers, timeout=wait, allow_redirects=False
            ) as answer:
                return answer.status, await answer.read()
        except TimeoutError as error:
            raise TimedOut from error
        except (aiohttp.ClientError, OSError) as error:
            raise NetworkError(type(error).__name__) from error

    def _open(self) -> aiohttp.ClientSession:
        import aiohttp

        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._size, ssl=ssl.create_default_context()),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=self._trust_env,
        )


def was_never_sent(error: BaseException | None) -> bool | None:
    """Say whether a request failed before a byte of it left; None when the cause is not one of the connection."""
    import aiohttp

    if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError | aiohttp.ClientHttpProxyError):
        return True
    return False if isinstance(error, aiohttp.ClientError | OSError) else None


def _form(request_data: RequestData) -> aiohttp.FormData:
    import aiohttp

    form = aiohttp.FormData()
    for name, value in request_data.json_parameters.items():
        form.add_field(name, value)
    for name, (file_name, content, kind) in request_data.multipart_data.items():
        form.add_field(name, content, filename=file_name, content_type=kind)
    return form
