"""The local socket of a data directory: the command line talks through it to the process that owns the directory.

One JSON line asks; JSON lines answer: ``{"progress": […]}`` any number of times, then ``{"result": …}`` or
``{"refusal": key, "values": {…}}``. Only the same user can open it.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from knowledge.errors import KnowledgeRefusal

NAME = "control.sock"
_LONGEST_LINE = 1 << 20
Handler = Callable[[dict[str, Any], Callable[..., None]], Awaitable[dict[str, Any]]]


class NoServer(Exception):
    """Nobody listens."""


async def listen(directory: Path, handlers: Mapping[str, Handler]) -> asyncio.Server:
    """Serve requests of the kinds in ``handlers``; called by the directory's owner, closed by it.

    Args:
        directory: the data directory, owned by this process.
        handlers: kind → coroutine of (request, progress); progress may be called from any thread.
    """
    loop = asyncio.get_running_loop()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        def say(line: dict[str, Any]) -> None:
            writer.write(json.dumps(line, ensure_ascii=False).encode() + b"\n")

        def progress(*values: Any) -> None:
            loop.call_soon_threadsafe(say, {"progress": list(values)})

        try:
            request = json.loads(await reader.readline())
            say({"result": await handlers[request["kind"]](request, progress)})
        except KnowledgeRefusal as refusal:
            say({"refusal": refusal.key, "values": refusal.values})
        except (ValueError, KeyError, TypeError):
            say({"refusal": "kb.busy", "values": {"path": str(directory)}})
        finally:
            writer.close()

    (directory / NAME).unlink(missing_ok=True)
    folder = os.open(directory, os.O_RDONLY)
    before = os.umask(0o177)
    try:
        return await asyncio.start_unix_server(serve, _address(directory, folder), limit=_LONGEST_LINE)
    finally:
        os.umask(before)
        os.close(folder)


def ask(directory: Path, request: dict[str, Any], progress: Callable[..., None]) -> dict[str, Any]:
    """Send one request to the directory's owner and wait for the result.

    Raises:
        NoServer: nobody listens, or the connection broke.
        KnowledgeRefusal: the owner said no.
    """
    folder = os.open(directory, os.O_RDONLY)
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(_address(directory, folder))
            connection.sendall(json.dumps(request, ensure_ascii=False).encode() + b"\n")
            for line in connection.makefile("r", encoding="utf-8"):
                said = json.loads(line)
                if "progress" in said:
                    progress(*said["progress"])
                elif "refusal" in said:
                    raise KnowledgeRefusal(said["refusal"], **said["values"])
                else:
                    result: dict[str, Any] = said["result"]
                    return result
    except (OSError, ValueError) as error:
        raise NoServer(str(directory)) from error
    finally:
        os.close(folder)
    raise NoServer(str(directory))


def _address(directory: Path, folder: int) -> str:
    """A path of at most 107 bytes, which is all that a socket's address holds."""
    path = str((directory / NAME).resolve())
    return path if len(path.encode()) < 100 else f"/proc/self/fd/{folder}/{NAME}"
