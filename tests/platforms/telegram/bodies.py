"""What a call carries: its parameters, whichever way they came, and uploaded files."""

from __future__ import annotations

import json
from typing import Any, Self

from tests.platforms.telegram.wire import Request

_JSON_FIELDS = ("reply_markup", "reply_parameters", "reaction", "commands", "allowed_updates", "link_preview_options")


class Unusable(ValueError):
    """400: Telegram does not take this file."""


class Upload(str):
    """An uploaded file, shown by its size."""

    __slots__ = ("content",)
    content: bytes

    def __new__(cls, content: bytes) -> Self:
        """Hold the bytes."""
        found = super().__new__(cls, f"<{len(content)} bytes>")
        found.content = content
        return found

    def __deepcopy__(self, _memo: object) -> Self:
        """Stay the same in the log."""
        return self


def picture_of(photo: object) -> tuple[int, int]:
    """Return an uploaded PNG's width and height, if Telegram would take it as a photo."""
    content = photo.content if isinstance(photo, Upload) else b""
    if content[:8] != b"\x89PNG\r\n\x1a\n" or content[12:16] != b"IHDR":
        raise Unusable("IMAGE_PROCESS_FAILED")
    if len(content) > 10 * 1024 * 1024:
        raise Unusable("file is too big")
    width, height = int.from_bytes(content[16:20]), int.from_bytes(content[20:24])
    if width + height > 10_000 or not 1 / 20 <= width / max(height, 1) <= 20:
        raise Unusable("PHOTO_INVALID_DIMENSIONS")
    return width, height


def read_call(request: Request) -> dict[str, Any]:
    """Read a call's parameters, whichever of the four ways they came."""
    if request.headers.get("content-type", "").startswith("application/json"):
        found: dict[str, Any] = json.loads(request.body or b"{}")
        return found
    params: dict[str, Any] = dict(request.fields())
    for name in ("chat_id", "message_id", "message_thread_id"):
        if name in params and str(params[name]).lstrip("-").isdecimal():
            params[name] = int(params[name])
    for name in _JSON_FIELDS:
        if isinstance(params.get(name), str):
            params[name] = json.loads(params[name])
    return {name: Upload(value) if isinstance(value, bytes) else value for name, value in params.items()}
