"""Texts within a number of bytes, where a platform counts those and not characters."""

from __future__ import annotations

from collections.abc import Sequence


def within(parts: Sequence[str], limit: int) -> list[str]:
    """Cut texts into pieces of at most ``limit`` UTF-8 bytes, at line ends where there are some."""
    found: list[str] = []
    for part in parts:
        piece = ""
        for line in part.splitlines(keepends=True):
            if len((piece + line).encode()) <= limit:
                piece += line
                continue
            if piece.strip():
                found.append(piece.rstrip("\n"))
            piece = line
            while len(piece.encode()) > limit:
                head = piece.encode()[:limit].decode("utf-8", "ignore")
                found.append(head)
                piece = piece[len(head) :]
        if piece.strip():
            found.append(piece.rstrip("\n"))
    return found
