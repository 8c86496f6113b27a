"""Passwords: argon2, the same work for a name that does not exist, and what is no password.

Source: FAULTS E2.
"""

from __future__ import annotations

import asyncio
import unicodedata
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argon2 import PasswordHasher

SHORTEST = 10
LONGEST = 128
_WEAK = Path(__file__).parent / "weak_passwords.txt"
_AT_ONCE = 2
_turns: asyncio.Semaphore | None = None


@cache
def _hasher() -> PasswordHasher:
    from argon2 import PasswordHasher as Hasher

    return Hasher(time_cost=2, memory_cost=32 * 1024, parallelism=1)


@cache
def _nobodys() -> str:
    """The hash of what nobody types, for names that do not exist."""
    return _hasher().hash("\0nobody")


@cache
def _weak() -> frozenset[str]:
    return frozenset(line.strip().casefold() for line in _WEAK.read_text("utf-8").splitlines() if line.strip())


def normal(password: str) -> str:
    """Return a password as it is hashed: the same character from any keyboard is the same."""
    return unicodedata.normalize("NFKC", password)


def fault(password: str, name: str) -> str:
    """Return the fixed word for what is wrong with a new password; empty if nothing is.

    Args:
        name: the account's, which may not stand in it.
    """
    given = normal(password)
    folded = given.casefold()
    if len(given) < SHORTEST:
        return "short"
    if len(given) > LONGEST:
        return "long"
    if folded in _weak() or len(set(folded)) < 4 or folded.rstrip("0123456789!.") in _weak():
        return "weak"
    if name.casefold() in folded:
        return "name"
    return ""


def hashed(password: str) -> str:
    """Hash a password; takes tens of milliseconds, so never on the event loop and never in a transaction."""
    return _hasher().hash(normal(password))


def matches(stored: str, password: str) -> bool:
    """Check a password; an empty ``stored`` takes the same time and never matches."""
    from argon2.exceptions import InvalidHashError, VerificationError

    try:
        _hasher().verify(stored or _nobodys(), normal(password[:LONGEST]))
    except (VerificationError, InvalidHashError):
        return False
    return bool(stored)


async def check(stored: str, password: str) -> bool:
    """The same beside the event loop, a few at once: each takes 32 MB."""
    global _turns  # noqa: PLW0603 - made on first use, when there is a loop
    if _turns is None:
        _turns = asyncio.Semaphore(_AT_ONCE)
    async with _turns:
        return await asyncio.to_thread(matches, stored, password)


async def make(password: str) -> str:
    """Hash a new one beside the event loop."""
    return await asyncio.to_thread(hashed, password)
