"""What channels are called, for people."""

from __future__ import annotations

from collections.abc import Iterable

from prompts.loader import texts


def word(channel: str) -> str:
    """Return what a channel is called; its own name where it has none for people."""
    try:
        return texts().raw(f"bonds.channel_{channel}")
    except KeyError:
        return channel


def words(channels: Iterable[str]) -> str:
    """Write what channels are called behind each other."""
    return texts().raw("bonds.between").join(map(word, channels))
