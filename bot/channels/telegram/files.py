"""Files that people sent, fetched from the Bot API: bounded, and never written down.

Source: Telegram Bot API (getFile: files up to 20 MB; the address holds the token and is never logged).
"""

from __future__ import annotations

import ssl
from functools import lru_cache
from typing import TYPE_CHECKING

from engagement.errors import TooLarge, Unfetchable

if TYPE_CHECKING:
    from telegram import Bot

_TOO_BIG = "file is too big"
"""What Telegram says of a file above its 20 MB."""


@lru_cache(maxsize=1)
def _authorities() -> ssl.SSLContext:
    return ssl.create_default_context()


async def fetch(bot: Bot, media_id: str, most: int, *, trust_env: bool = True) -> bytes:
    """Return a file's bytes.

    Args:
        most: bytes that are read at most.
        trust_env: use the environment's proxies.

    Raises:
        TooLarge: the file has more bytes.
        Unfetchable: Telegram does not hand it out.
    """
    import httpx
    from telegram.error import TelegramError

    try:
        found = await bot.get_file(media_id)
    except TelegramError as error:
        if _TOO_BIG in error.message.lower():
            raise TooLarge from None
        raise Unfetchable(type(error).__name__) from error
    if not found.file_path:
        raise Unfetchable("no_path")
    if found.file_size is not None and found.file_size > most:
        raise TooLarge
    read = bytearray()
    try:
        async with (
            httpx.AsyncClient(timeout=15.0, trust_env=trust_env, verify=_authorities()) as client,
            client.stream("GET", found.file_path) as answer,
        ):
            if answer.status_code != httpx.codes.OK:
                raise Unfetchable(f"status_{answer.status_code}")
            async for part in answer.aiter_bytes():
                read += part
                if len(read) > most:
                    raise TooLarge
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        # The error's words may hold the address, and with it the token: only its kind goes on.
        raise Unfetchable(type(error).__name__) from None
    return bytes(read)
