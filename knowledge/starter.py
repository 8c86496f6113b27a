"""The starter base that ships in prompts/knowledge, and the sample's golden cases."""

from __future__ import annotations

import time
from datetime import datetime
from typing import TYPE_CHECKING

from sqlmodel import col, select

from knowledge import evaluation, golden
from knowledge.lifecycle import Hand
from prompts.loader import PROMPTS, texts
from storage.documents import Chunk, Document
from storage.learning import GoldenCase

if TYPE_CHECKING:
    from knowledge.answering import Answering
    from storage.engine import Session


def load_starter(answering: Answering, now: datetime, *, publish: bool, wait: bool = True) -> int:
    """Takes the starter base into a directory that has no documents at all; returns how many it took in.

    Args:
        answering: Of the directory.
        now: Aware instant.
        publish: False leaves drafts for staff to read first (production).
        wait: See ``Answering.seed``.
    """
    if answering.database.read_now(lambda session: session.exec(select(Document.id)).first()) is not None:
        return 0
    return answering.seed(now, publish=publish, wait=wait)


def sample_run(answering: Answering, share: float, now: datetime) -> None:
    """Fixes the first cases of prompts/sample/golden.jsonl and asks all that are fixed: a point of the sample's trend.

    A base of somebody's own, which lacks the entries, is left alone.

    Args:
        answering: Of the directory.
        share: How many of them are fixed by now, 0 to 1.
        now: Aware instant.
    """
    cases = evaluation.read_cases(PROMPTS / "sample" / "golden.jsonl")
    hand = Hand(texts().raw("console.sample"))

    def lacking(session: Session) -> set[str]:
        wanted = {one for case in cases for one in case.relevant}
        there: list[str] = list(session.exec(select(Chunk.entry).where(col(Chunk.entry).in_(wanted))))
        return wanted.difference(there)

    def fix(session: Session) -> None:
        for case in cases[: round(share * len(cases))]:
            if session.exec(select(GoldenCase.id).where(GoldenCase.question == case.query)).first() is None:
                golden.add(session, case.query, sorted(case.relevant), hand, now)

    if not answering.database.read_now(lacking):
        answering.database.write_now(fix)
        golden.run(answering.database, answering.base, now, clock=time.perf_counter)
