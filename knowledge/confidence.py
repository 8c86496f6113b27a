"""From what is known of the best item to a decision: answer, ask back, hand over.

One number for "can this question be answered by its best item" is made of a few witnesses; the floors are read off the
base itself: its own questions are asked while their entry is hidden, and what the rest of the base then offers is what
a wrong answer looks like here.

Source: F62, RETRIEVAL (three bands; rank by one score, decide by another).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from knowledge.retriever import Ranked

BASE, MARGIN, EVIDENCE, HELD, MEANT, NEAR, BEHIND = -6.6, 2.6, 0.5, 1.35, 0.38, 0.6, -2.95
"""Fitted by logistic regression on tuning.jsonl and on the starter base's phrasings, each held out of its entry or with
its entry hidden (tests/evals/README.md)."""

FOREIGN = -1.45
"""A question of another trade shares its other words with ours: 「火车票退了几天到账」."""

LEAST = -0.85
"""No floor for an answer lies lower, however many phrasings an entry has: the highest one at which both sets that we tune
on are still answered rightly in at least 82 of 100 questions (tests/evals/README.md)."""
CERTAIN = 8.0
SAMPLES = 120


@dataclass(frozen=True, slots=True)
class Floors:
    """Log-odds at which a question is answered, asked back, or still handed over; below the last it is refused."""

    answer: float = LEAST
    ask: float = -2.4
    hand: float = -4.5


def log_odds(best: Ranked) -> float:
    """How likely it is that the best item answers the question, as log-odds."""
    odds = BASE + MARGIN * min(best.margin, 0.5) + EVIDENCE * best.evidence + HELD * best.held + MEANT * best.meant
    return odds + NEAR * best.near + BEHIND * best.behind + (FOREIGN if best.foreign else 0.0)


def share(odds: float) -> float:
    """Log-odds as a share of 1, for people and logs."""
    return 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, odds))))


def calibrate(hidden: Callable[[int], float | None], count: int) -> Floors:
    """Floors of a base.

    Args:
        hidden: For the item at a position, the log-odds of the best other item for one of its own questions; None when
            there is no other.
        count: Items of the base; at most ``SAMPLES`` of them, evenly spread, are asked.

    Returns:
        The defaults when there are fewer than ten items; floors are kept within bounds that hold on any base.
    """
    step = max(1, count // SAMPLES)
    found = sorted(odds for at in range(0, count, step) if (odds := hidden(at)) is not None)
    if len(found) < 10:
        return Floors()
    return Floors(
        answer=max(LEAST, min(1.0, quantile(found, 0.92))),
        ask=max(-2.7, min(-1.5, quantile(found, 0.65))),
    )


def quantile(values: Sequence[float], share_below: float) -> float:
    """The value of a sorted sequence with that share of it at or below, 0 ≤ share ≤ 1."""
    return values[min(len(values) - 1, int(share_below * len(values)))]
