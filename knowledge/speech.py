"""Speech to text behind a port, and the only one there is: any endpoint that speaks ``/audio/transcriptions``.

What comes back is somebody's words and nothing more: it is routed like a typed message and decides nothing by itself.

Source: F62, F126; FAULTS C4.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import ssl
import time
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from knowledge.errors import ModelFault

if TYPE_CHECKING:
    from knowledge.settings import SpeechSettings

PAUSE = 30.0
"""Seconds without a call after ``FAILURES`` failures in a row."""
FAILURES = 3
_MOST_ANSWER = 64 * 1024
"""Bytes of an answer that are read: a minute of speech is a thousand characters."""
_MOST_TEXT = 1000
_OGG, _RATE = b"OggS", 48_000


class Speech(Protocol):
    """What writes down a voice message."""

    async def transcribe(self, audio: bytes) -> str:
        """The words, on one line; empty when there are none.

        Raises:
            ModelFault: no answer within the deadline, or none that is text.
        """


def seconds_of(audio: bytes) -> float | None:
    """How long a voice message in Ogg Opus lasts, from its last page; None for another format.

    Source: RFC 7845 (granule positions count samples of 48 kHz).
    """
    if not audio.startswith(_OGG):
        return None
    last = audio.rfind(_OGG)
    granule = audio[last + 6 : last + 14]
    return int.from_bytes(granule, "little", signed=True) / _RATE if len(granule) == 8 else None


class EndpointSpeech:
    """An OpenAI-compatible endpoint, with one deadline over all and a breaker.

    Args:
        settings: Address, key, model, deadline in seconds.
        clock: Monotonic seconds.
    """

    def __init__(self, settings: SpeechSettings, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._clock = clock
        self._failures = 0
        self._closed_until = 0.0

    async def transcribe(self, audio: bytes) -> str:
        """See ``Speech.transcribe``."""
        import httpx

        if self._clock() < self._closed_until:
            raise ModelFault("speech", "paused")
        await asyncio.to_thread(_authorities)  # the first time it reads for a tenth of a second
        try:
            async with asyncio.timeout(self._settings.deadline):
                words = _words(await self._ask(audio))
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, ValueError) as error:
            self._failures += 1
            if self._failures >= FAILURES:
                self._closed_until = self._clock() + PAUSE
                self._failures = 0
            raise ModelFault("speech", type(error).__name__) from error
        self._failures = 0
        return words

    async def _ask(self, audio: bytes) -> bytes:
        import httpx

        settings = self._settings
        key = settings.api_key.get_secret_value()
        kind = ("voice.ogg", audio, "audio/ogg") if audio.startswith(_OGG) else ("voice.mp3", audio, "audio/mpeg")
        async with (
            httpx.AsyncClient(
                timeout=settings.deadline,
                trust_env=not _on_this_machine(settings.base_url),
                verify=_authorities(),
                follow_redirects=False,
            ) as client,
            client.stream(
                "POST",
                settings.base_url.rstrip("/") + "/audio/transcriptions",
                headers={"Authorization": f"Bearer {key}"} if key else {},
                data={"model": settings.model, "language": "zh", "response_format": "json"},
                files={"file": kind},
            ) as answer,
        ):
            answer.raise_for_status()
            if answer.status_code != httpx.codes.OK:
                raise ValueError("redirected")
            read = bytearray()
            async for part in answer.aiter_bytes():
                read += part
                if len(read) > _MOST_ANSWER:
                    raise ValueError("too long")
            return bytes(read)


@lru_cache(maxsize=1)
def _authorities() -> ssl.SSLContext:
    return ssl.create_default_context()


def _words(body: bytes) -> str:
    """The words in an answer.

    Raises:
        ValueError: it is not JSON with a text.
    """
    try:
        found: Any = json.loads(body)
    except RecursionError as error:
        raise ValueError("nested") from error
    match found:
        case {"text": str(text)}:
            return " ".join(text.encode("utf-8", "ignore").decode().split())[:_MOST_TEXT]
    raise ValueError("no text")


def _on_this_machine(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def configured(settings: SpeechSettings) -> Speech | None:
    """The endpoint that the settings name; None = voice messages are not understood."""
    return EndpointSpeech(settings) if settings.base_url and settings.model else None
