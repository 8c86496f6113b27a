"""Measures answering on a set of questions with known answers.

Source: CONTRACT (``kb eval``), F62.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from knowledge.answer import Prepared, Scope
from knowledge.errors import KnowledgeRefusal

if TYPE_CHECKING:
    from knowledge.base import KnowledgeBase
    from storage.engine import Database

SHOWN = 10


@dataclass(frozen=True, slots=True)
class Case:
    """A question and the ids of the entries that answer it; none = it cannot be answered."""

    query: str
    relevant: frozenset[str]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a case.

    Attributes:
        rank: 1-based place of the first right entry among the candidates; 0 = not among them.
        verdict: one of the six counted fields of ``kb eval``.
    """

    case: Case
    prepared: Prepared
    rank: int
    verdict: str
    ms: float


def read_cases(path: Path) -> list[Case]:
    """Cases of a JSONL file, ``{"query": …, "relevant": [ids]}`` a line; unknown keys are ignored.

    Raises:
        KnowledgeRefusal: the file is missing, or a line is of another shape.
    """
    cases: list[Case] = []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeError):
        raise KnowledgeRefusal("kb.document_missing", name=path.name) from None
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
            cases.append(Case(str(value["query"]), frozenset(str(one) for one in value["relevant"])))
        except (ValueError, KeyError, TypeError):
            raise KnowledgeRefusal("kb.line_unreadable", name=path.name, line=number) from None
    if not cases:
        raise KnowledgeRefusal("kb.document_empty", name=path.name)
    return cases


def run(
    base: KnowledgeBase,
    database: Database,
    cases: Sequence[Case],
    *,
    clock: Callable[[], float],
    now: datetime,
    scope: Scope | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[Outcome]:
    """Asks every question; no model is called, so the figures are those of retrieval and of the bands.

    Args:
        base: Loaded.
        database: Of the same directory.
        cases: What to ask.
        clock: Monotonic seconds.
        now: Aware instant.
        scope: Who asks; by default anybody.
        progress: Called with (done, all).
    """
    outcomes: list[Outcome] = []
    sight = (scope or Scope()).sight(now)
    for number, case in enumerate(cases, start=1):
        started = clock()
        prepared = database.read_now(lambda session, case=case: base.prepare(session, case.query, sight))  # type: ignore[misc]
        ms = (clock() - started) * 1000
        ids = [one.id for one in prepared.candidates]
        rank = next((at for at, one in enumerate(ids, start=1) if one in case.relevant), 0)
        outcomes.append(Outcome(case, prepared, rank, _verdict(case, prepared), ms))
        if progress is not None:
            progress(number, len(cases))
    return outcomes


def _verdict(case: Case, prepared: Prepared) -> str:
    if prepared.decision == "answered":
        return "answered_right" if prepared.passages[0].entry in case.relevant else "answered_wrong"
    if prepared.decision == "asked_back":
        offered = {one.id for one in prepared.candidates[:3]}
        return "asked_back_hit" if offered & case.relevant else "asked_back_miss"
    return "handed_over_wrong" if case.relevant else "handed_over_right"


def figures(outcomes: Sequence[Outcome]) -> dict[str, float | int]:
    """The figures of ``kb eval``: shares over the answerable for ranks, counts over all for verdicts."""
    answerable = [one for one in outcomes if one.case.relevant]

    def within(place: int) -> float:
        return sum(1 for one in answerable if 0 < one.rank <= place) / max(len(answerable), 1)

    times = sorted(one.ms for one in outcomes)
    result: dict[str, float | int] = {
        "n": len(outcomes),
        "answerable": len(answerable),
        "r1": round(within(1), 4),
        "r3": round(within(3), 4),
        "r5": round(within(5), 4),
        "mrr10": round(sum(1 / one.rank for one in answerable if 0 < one.rank <= SHOWN) / max(len(answerable), 1), 4),
        "auroc": round(
            auroc(
                [one.prepared.score for one in answerable],
                [one.prepared.score for one in outcomes if not one.case.relevant],
            ),
            4,
        ),
    }
    for verdict in (
        "answered_right",
        "answered_wrong",
        "asked_back_hit",
        "asked_back_miss",
        "handed_over_right",
        "handed_over_wrong",
    ):
        result[verdict] = sum(1 for one in outcomes if one.verdict == verdict)
    result["ms_p50"] = round(times[len(times) // 2], 3) if times else 0.0
    result["ms_p99"] = round(times[min(len(times) - 1, int(len(times) * 0.99))], 3) if times else 0.0
    return result


def auroc(positive: Sequence[float], negative: Sequence[float]) -> float:
    """Chance that a positive scores above a negative, ties counting half; 0.5 when either is empty."""
    if not positive or not negative:
        return 0.5
    ordered = sorted([(score, 1) for score in positive] + [(score, 0) for score in negative])
    ranks = 0.0
    at = 0
    while at < len(ordered):
        end = at
        while end < len(ordered) and ordered[end][0] == ordered[at][0]:
            end += 1
        ranks += sum(label for _, label in ordered[at:end]) * (at + 1 + end) / 2
        at = end
    wins = ranks - len(positive) * (len(positive) + 1) / 2
    return wins / (len(positive) * len(negative))
