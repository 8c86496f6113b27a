"""The week's figures of answering: coverage, resolution, how long a hand-over took; from tallies, never from words.

Source: F62 (targets 90 %, 85 %, 3 s), F64 (a leader answers within five minutes).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from sqlmodel import col, func, select

from storage.documents import Question
from storage.learning import AnswerTally, Proposal

if TYPE_CHECKING:
    from storage.engine import Session

COVERAGE, RESOLUTION, HAND_OVER_SECONDS = 0.90, 0.85, 300
"""What is aimed at: F62's shares, F64's five minutes."""
_COUNTS = ("answered", "asked_back", "chosen", "handed_over", "refused", "worded", "helped", "missed", "relayed")
_FIELDS = (*_COUNTS, "relay_seconds")


@dataclass(frozen=True, slots=True)
class Figures:
    """Counts of some days with what follows from them; a share of nothing is None.

    Attributes:
        group: its id; None = over all.
        questions: answered, asked back, handed over; what was refused was no question to a shop.
        coverage: of the questions, those answered or asked back and then chosen.
        resolution: of the questions, those covered that nobody called wrong, and those that a leader answered.
        hand_over_seconds: how long a handed-over question took to be answered, on average.
    """

    group: int | None
    counts: dict[str, int]
    questions: int
    coverage: float | None
    resolution: float | None
    hand_over_seconds: float | None

    def document(self) -> dict[str, object]:
        """As JSON values."""
        return {
            "group": self.group,
            **self.counts,
            "questions": self.questions,
            "coverage": self.coverage,
            "resolution": self.resolution,
            "hand_over_seconds": self.hand_over_seconds,
            "covered": self.coverage is None or self.coverage >= COVERAGE,
            "resolved": self.resolution is None or self.resolution >= RESOLUTION,
            "prompt": self.hand_over_seconds is None or self.hand_over_seconds <= HAND_OVER_SECONDS,
        }


@dataclass(frozen=True, slots=True)
class Week:
    """Seven local days.

    Attributes:
        first, last: closed.
        whole: over all groups; ``before``: the seven days before, for the trend.
        groups: each that had questions, the most first.
        waiting: questions that are open now; ``proposals``: those not decided yet.
    """

    first: date
    last: date
    whole: Figures
    before: Figures
    groups: tuple[Figures, ...]
    waiting: int
    proposals: int

    def document(self) -> dict[str, object]:
        """As JSON values, the form of ``kb week --json``."""
        return {
            "from": self.first.isoformat(),
            "to": self.last.isoformat(),
            "targets": {"coverage": COVERAGE, "resolution": RESOLUTION, "hand_over_seconds": HAND_OVER_SECONDS},
            "all": self.whole.document(),
            "before": self.before.document(),
            "groups": [one.document() for one in self.groups],
            "waiting": self.waiting,
            "proposals": self.proposals,
        }


def week(session: Session, last: date, *, groups: Sequence[int] | None = None) -> Week:
    """The figures of seven local days.

    Args:
        session: Read from.
        last: The last of the days.
        groups: These only (a leader's own); None = all.
    """
    first = last - timedelta(days=6)
    counted = _sums(session, first, last, groups)
    earlier = _sums(session, first - timedelta(days=7), first - timedelta(days=1), groups)
    waiting = select(func.count()).select_from(Question).where(Question.state == "open", Question.text != "")
    offered = select(func.count()).select_from(Proposal).where(Proposal.state == "open")
    if groups is not None:
        waiting = waiting.where(col(Question.group_id).in_(list(groups)))
        offered = offered.where(col(Proposal.scope).in_([f"group:{one}" for one in groups]))
    told = sorted((figures(group, counts) for group, counts in counted.items()), key=_by_questions)
    return Week(
        first,
        last,
        figures(None, _total(counted.values())),
        figures(None, _total(earlier.values())),
        tuple(one for one in told if any(one.counts.values())),
        session.exec(waiting).one(),
        session.exec(offered).one(),
    )


def _by_questions(one: Figures) -> tuple[int, int]:
    return (-one.questions, one.group or 0)


def _sums(session: Session, first: date, last: date, groups: Sequence[int] | None) -> dict[int, dict[str, int]]:
    wanted = (
        select(AnswerTally.group_id, *(func.sum(getattr(AnswerTally, name)) for name in _FIELDS))
        .where(col(AnswerTally.local_date) >= first, col(AnswerTally.local_date) <= last)
        .group_by(col(AnswerTally.group_id))
    )
    if groups is not None:
        wanted = wanted.where(col(AnswerTally.group_id).in_(list(groups)))
    return {
        group: dict(zip(_FIELDS, (int(value or 0) for value in sums), strict=True))
        for group, *sums in session.execute(wanted)
    }


def _total(rows: Iterable[dict[str, int]]) -> dict[str, int]:
    total = dict.fromkeys(_FIELDS, 0)
    for row in rows:
        for name in _FIELDS:
            total[name] += row[name]
    return total


def figures(group: int | None, counts: dict[str, int]) -> Figures:
    """What follows from counts; pure."""
    questions = counts["answered"] + counts["asked_back"] + counts["handed_over"]
    covered = counts["answered"] + min(counts["chosen"], counts["asked_back"])
    solved = covered - min(counts["missed"], covered) + counts["relayed"]
    relayed = counts["relayed"]
    return Figures(
        group,
        {name: counts[name] for name in _COUNTS},
        questions,
        round(covered / questions, 4) if questions else None,
        round(min(1.0, solved / questions), 4) if questions else None,
        round(counts["relay_seconds"] / relayed, 1) if relayed else None,
    )
