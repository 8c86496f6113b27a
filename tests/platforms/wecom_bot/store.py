"""Where the platform keeps files: those that people sent, sealed and behind an address; and those that the bot lays down."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import secrets
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

BAD_UPLOAD = 40058
MOST_PIECE, MOST_PIECES = 512 * 1024, 100
MOST = {"image": 10 << 20, "file": 20 << 20}


def seal(content: bytes, key: bytes) -> bytes:
    """Seal a file as the platform does: AES-256-CBC, the key's first half as IV, padded to 32 bytes."""
    count = 32 - len(content) % 32
    writer = Cipher(algorithms.AES(key), modes.CBC(key[:16])).encryptor()
    return writer.update(content + bytes([count]) * count) + writer.finalize()


@dataclass(slots=True)
class Kept:
    """A file behind an address.

    Attributes:
        expired: the five minutes are over.
        slow: seconds before each kilobyte.
    """

    sealed: bytes
    disposition: str
    expired: bool = False
    slow: float = 0.0


class Store:
    """Serves files over plain HTTP on loopback.

    Attributes:
        asked: paths in the order in which they were asked for.
    """

    def __init__(self) -> None:
        self.files: dict[str, Kept] = {}
        self.asked: list[str] = []
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()

    def keep(self, content: bytes, disposition: str = "") -> dict[str, str]:
        """Take a file; returns what a callback says of it."""
        assert self._server is not None
        key, path = secrets.token_bytes(32), f"/{secrets.token_hex(8)}"
        self.files[path] = Kept(seal(content, key), disposition)
        port = self._server.sockets[0].getsockname()[1]
        return {"url": f"http://127.0.0.1:{port}{path}", "aeskey": base64.b64encode(key).decode()}

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            path = head.split(b" ")[1].decode()
            self.asked.append(path)
            kept = self.files.get(path)
            if kept is None or kept.expired:
                writer.write(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
                return
            lines = [f"content-length: {len(kept.sealed)}", "connection: close"]
            lines += [f"content-disposition: {kept.disposition}"] if kept.disposition else []
            writer.write(("HTTP/1.1 200 OK\r\n" + "\r\n".join(lines) + "\r\n\r\n").encode())
            for start in range(0, len(kept.sealed), 1024 if kept.slow else len(kept.sealed)):
                await asyncio.sleep(kept.slow)
                writer.write(kept.sealed[start : start + 1024] if kept.slow else kept.sealed)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@dataclass(slots=True)
class _Upload:
    wanted: dict[str, Any]
    pieces: dict[int, bytes] = field(default_factory=dict)


@dataclass(slots=True)
class Media:
    """What the bot laid down."""

    kind: str
    name: str
    content: bytes


class Laid:
    """Takes uploads in pieces and refuses what does not fit together."""

    def __init__(self) -> None:
        self.media: dict[str, Media] = {}
        self._uploads: dict[str, _Upload] = {}

    def take(self, cmd: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Take a frame of an upload; returns the code and the body of the answer."""
        if cmd == "aibot_upload_media_init":
            most = MOST.get(body["type"], 0)
            if (
                not 5 <= body["total_size"] <= most
                or not 1 <= body["total_chunks"] <= MOST_PIECES
                or not body["filename"]
            ):
                return BAD_UPLOAD, {}
            number = f"up{len(self._uploads)}"
            self._uploads[number] = _Upload(body)
            return 0, {"upload_id": number}
        upload = self._uploads.get(body["upload_id"])
        if upload is None:
            return BAD_UPLOAD, {}
        if cmd == "aibot_upload_media_chunk":
            piece = base64.b64decode(body["base64_data"], validate=True)
            if len(piece) > MOST_PIECE or not 0 <= body["chunk_index"] < upload.wanted["total_chunks"]:
                return BAD_UPLOAD, {}
            upload.pieces[body["chunk_index"]] = piece
            return 0, {}
        content = b"".join(upload.pieces[index] for index in sorted(upload.pieces))
        whole = len(content) == upload.wanted["total_size"] and len(upload.pieces) == upload.wanted["total_chunks"]
        if not whole or hashlib.md5(content, usedforsecurity=False).hexdigest() != upload.wanted["md5"]:
            return BAD_UPLOAD, {}
        number = f"media{len(self.media)}"
        self.media[number] = Media(upload.wanted["type"], upload.wanted["filename"], content)
        return 0, {"type": upload.wanted["type"], "media_id": number, "created_at": 1}
