"""The process that draws cards, so that a crash, a loop or a leak of the drawing library costs a picture and no more.

    python -m prompts.easel

Reads one JSON line ``{"name", "values"}`` after the other from its input and answers each with four bytes of length (big
endian) and the PNG; length 0 = no such picture. The first answer, of length 0, says that it is ready. It ends with its input,
holds no secret, writes no file, and sees no font of the machine.

Source: ADR-0012.
"""

from __future__ import annotations

import contextlib
import json
import resource
import struct
import sys
from typing import BinaryIO

from prompts import cards

MEMORY = 1536 * 1024 * 1024
"""Bytes of address space; the library itself takes about 100 MB."""


def answer(line: bytes) -> bytes:
    """Return the picture that a line asks for; empty when there is none."""
    with contextlib.suppress(cards.CannotDraw, ValueError):
        asked = json.loads(line)
        if isinstance(asked, dict) and isinstance(asked.get("values"), dict):
            return cards.draw(str(asked.get("name")), asked["values"])
    return b""


def limit() -> None:
    """Bound what the process may take: memory, and no file written."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def serve(lines: BinaryIO, out: BinaryIO) -> None:
    """Answer until the input ends."""
    for line in lines:
        picture = answer(line)
        out.write(struct.pack(">I", len(picture)) + picture)
        out.flush()


def main() -> None:
    """Load everything that a first card would wait for, then serve."""
    limit()
    out = sys.stdout.buffer
    cards.draw("poster", {"group": "0", "link": "0"})
    out.write(struct.pack(">I", 0))
    out.flush()
    serve(sys.stdin.buffer, out)


if __name__ == "__main__":
    main()
