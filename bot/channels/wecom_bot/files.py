"""Files and pictures that people send the bot: fetched, bounded, opened with their own key, and never written down.

The platform hands out an address that is good for five minutes and a key for this one file; its name comes with the file.

Source: WeCom AI bot documents (AES-256-CBC, the first 16 bytes of the key as IV, PKCS#7 to 32 bytes); FAULTS A7.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import ipaddress
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.message import Message
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from engagement.errors import TooLarge, Unfetchable

if TYPE_CHECKING:
    from httpx import Response

LONGEST_URL = 2000
_KEY_BYTES, _IV_BYTES, _PADDED_TO = 32, 16, 32
_LONGEST_NAME = 255
_SECONDS = 15.0


def media_id(url: str, key: str) -> str:
    """Return what a file is fetched by; empty when one of the two is missing."""
    return f"{key} {url}" if url and key else ""


class Files:
    """Fetches files."""

    def __init__(self, *, local: bool) -> None:
        """Prepare.

        Args:
            local: the platform is on this machine: plain HTTP to it, no proxy.
        """
        self._local = local

    async def fetch(self, media_id: str, most: int) -> bytes:
        """Return a file's bytes; see :class:`engagement.feature.Fetch`."""
        key, _, url = media_id.partition(" ")
        sealed = bytearray()
        async with self._opened(url) as answer:
            async for part in answer.aiter_bytes():
                sealed += part
                if len(sealed) > most + _PADDED_TO:
                    raise TooLarge
        content = await asyncio.to_thread(unseal, bytes(sealed), key)
        if len(content) > most:
            raise TooLarge
        return content

    async def look(self, media_id: str) -> tuple[str, int]:
        """Return a file's name, as somebody else gave it, and about how many bytes it has (0: unknown); it is not read.

        Raises:
            Unfetchable: it cannot be had.
        """
        _key, _, url = media_id.partition(" ")
        async with self._opened(url) as answer:
            size = answer.headers.get("content-length", "")
            return name_in(answer.headers.get("content-disposition", "")), int(size) if size.isdecimal() else 0

    @asynccontextmanager
    async def _opened(self, url: str) -> AsyncIterator[Response]:
        import httpx

        if not is_allowed(url, local=self._local):
            raise Unfetchable("address")
        try:
            async with (
                httpx.AsyncClient(timeout=_SECONDS, trust_env=not self._local, verify=_authorities()) as client,
                client.stream("GET", url) as answer,
            ):
                if answer.status_code != httpx.codes.OK:
                    raise Unfetchable(f"status_{answer.status_code}")
                yield answer
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            # The address lets anybody fetch the file for a while: it stays out of the log.
            raise Unfetchable(type(error).__name__) from None


def is_allowed(url: str, *, local: bool) -> bool:
    """Say whether a file may be fetched from there: over TLS, from a name; from this machine only where the platform is there."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return parts.scheme == "https" and "." in host
    return local and address.is_loopback and parts.scheme in ("http", "https")


def unseal(sealed: bytes, key: str) -> bytes:
    """Open a file with its key.

    Args:
        key: base64 of 32 bytes, with or without its padding.

    Raises:
        Unfetchable: it does not open.
    """
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    try:
        secret = base64.b64decode(key + "=" * (-len(key) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise Unfetchable("key") from None
    if len(secret) != _KEY_BYTES or not sealed or len(sealed) % _IV_BYTES:
        raise Unfetchable("sealed")
    opener = Cipher(algorithms.AES(secret), modes.CBC(secret[:_IV_BYTES])).decryptor()
    padded = opener.update(sealed) + opener.finalize()
    count = padded[-1]
    if not 1 <= count <= min(_PADDED_TO, len(padded)) or padded[-count:] != bytes([count]) * count:
        raise Unfetchable("sealed")
    return padded[:-count]


def name_in(disposition: str) -> str:
    """Return the file's name from the header it came with; without folders, empty when there is none."""
    read = Message()
    read["content-disposition"] = disposition.replace("\r", " ").replace("\n", " ")
    found = read.get_filename() or ""
    return unquote(found).replace("\\", "/").rpartition("/")[2].strip()[:_LONGEST_NAME]


@lru_cache(maxsize=1)
def _authorities() -> ssl.SSLContext:
    return ssl.create_default_context()
