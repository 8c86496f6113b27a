"""What earns nothing: bursts, copies, and answers without a word in them. Pure.

Nobody is accused: the reward is not given, the person is told kindly how it counts, and the leader may have a look.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Sequence
from datetime import datetime, timedelta

UNCHECKED = frozenset({"adjust", "transfer", "reversal", "expiry", "invite", "invited"})
"""Kinds that are no reward for something done in a chat."""
SECOND_MOST = 3
"""Rewarded messages that one person may send within one second: a phone that was offline sends what had gathered."""
WINDOW_MOST = 6
"""Rewarded messages within ten seconds, over all groups; somebody who presses one button after the other makes five."""
COPY_DAYS = 7
"""An answer is compared with the person's own of so many days, today included."""
LONG_ENOUGH = 8
"""Letters from which on nobody says the same again by chance."""
SHORT_COPIES = 2
"""How often a shorter answer may come again within ``COPY_DAYS``."""
SHORTEST = 2
_REPEATS = 3
SUSPICIOUS = frozenset({"burst", "copy"})
"""Reasons that a leader is told about; the others happen to everybody."""


def is_burst(others: Sequence[datetime], at: datetime) -> bool:
    """Say whether a message is one too many, given when the person's other ones of the last ten seconds were.

    Source: F1, FAULTS C13.
    """
    second = timedelta(seconds=1)
    return sum(abs(at - moment) < second for moment in others) >= SECOND_MOST or len(others) >= WINDOW_MOST


def letters(words: str) -> str:
    """Reduce an answer to its letters, digits and pictures: width, case, blanks and marks do not make it another one."""
    return "".join(
        char for char in unicodedata.normalize("NFKC", words).casefold() if unicodedata.category(char)[0] in "LNS"
    )


def word_fault(words: str) -> str:
    """Say what an answer lacks: ``short`` (fewer than two letters), ``repeated`` (one bit three times and more), or nothing."""
    kept = letters(words)
    if len(kept) < SHORTEST:
        return "short"
    # A text that is made of equal pieces is found in its own double before its end, at the length of a piece.
    piece = (kept + kept).find(kept, 1)
    return "repeated" if len(kept) // piece >= _REPEATS else ""


def digest(words: str) -> str:
    """Return what an answer is compared by: 128 bits of its letters, as 32 hexadecimal digits."""
    return hashlib.sha256(letters(words).encode()).hexdigest()[:32]


def is_copy(words: str, before: int) -> bool:
    """Say whether an answer that the person gave ``before`` times in the last days is a copy."""
    return before > (0 if len(letters(words)) >= LONG_ENOUGH else SHORT_COPIES)
