"""What a message asks, looked up: one question, several, or one that leans on the last. No transaction is open meanwhile.

Source: F62; knowledge.understanding.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from engagement.faq import corrections, rules, turns
from engagement.faq.turns import Before
from engagement.feature import Context
from engagement.kernel import Place
from knowledge import understanding
from knowledge.budget import Asker
from knowledge.understanding import Reading

if TYPE_CHECKING:
    from knowledge.answering import Answer, Answering, Prepared

QUESTION_MOST = 300
"""Longer pastes are cut: a question of a neighbour fits."""


_SORE = (
    "group.conflict",
    "group.dispute_",
    "group.leader_no_reply",
    "group.complain",
    "group.kicked",
    "group.compensation",
)
"""Beginnings of the entries for who quarrels or complains."""


@dataclass(frozen=True, slots=True)
class Ask:
    """What is asked, with the group's own facts.

    Attributes:
        group_id: scope of the passages that may be used; None = what holds for everybody.
        leader: the manual for leaders answers too.
        before: the asker's last question here, some minutes ago.
        asker: whose budget of worded answers it is.
        show: shows the answer to a single question while it is being written; see :class:`Context`.
    """

    answering: Answering | None
    question: str
    group_id: int | None
    facts: Mapping[str, str]
    now: datetime
    leader: bool = False
    before: Before | None = None
    asker: Asker | None = None
    show: Callable[[str], Awaitable[None]] | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """One question of a message with its answer.

    Attributes:
        question: as it was put; with the words that it leans on when ``leaned``.
        said: as it was put, among several.
    """

    question: str
    answer: Answer
    leaned: bool = False
    said: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """What came of a message: at least one part; ``left``: further questions that nobody looked at."""

    parts: Sequence[Part]
    left: int = 0


def is_sore(question: str, found: Found | None = None) -> bool:
    """Say whether somebody quarrels, complains or waits in vain: no moment to be told of a newcomer's task."""
    cited = () if found is None else (one.chunk for part in found.parts for one in part.answer.citations[:1])
    said = rules.is_angry(question) or rules.expels(question) or rules.awaits(question)
    return said or any(entry.startswith(_SORE) for entry in cited)


def prepare(ctx: Context, facts: Mapping[str, str]) -> Ask:
    """Collect what an answer needs."""
    question = ctx.argument or ctx.text or ctx.incoming.text
    talk = rules.is_talk(question) and not ctx.argument
    silent = bool(
        rules.danger(question)
        or rules.courtesy(question)
        or rules.clock(question)
        or rules.expels(question)
        or talk
        or corrections.meant(ctx)
    )
    group_id = ctx.group.id if ctx.group else None
    return Ask(
        None if silent else ctx.answering,
        question[:QUESTION_MOST],
        group_id,
        facts,
        ctx.now,
        reads_manual(ctx),
        turns.last(ctx),
        Asker(ctx.today, group_id, ctx.actor.member_id),
        ctx.show,
    )


def reads_manual(ctx: Context) -> bool:
    """Say whether the leaders' manual and their cases may answer: never where neighbours read along.

    Source: F73, F74, F75.
    """
    return ctx.incoming.place is Place.DM and (ctx.actor.leader or bool(ctx.actor.roles))


async def work(ask: Ask) -> Found | None:
    """Look it up; None when there is nothing to look in."""
    if ask.answering is None:
        return None
    questions = understanding.several(ask.question)
    if len(questions) > 1:
        found = await _each(ask, questions)
        if found is not None:
            return found
    return Found((await _one(ask, ask.question),))


async def _each(ask: Ask, questions: Sequence[str]) -> Found | None:
    """Answer the first questions one by one; None when they turn out to be one question told at length."""
    before = ask.before
    settled: list[Reading] = []
    for question in questions[: understanding.MOST]:
        reading = await _read(ask, question, before)
        settled.append(reading)
        before = Before(question, reading.entry)
    kept = understanding.distinct(settled)
    if len(kept) < 2:
        return None
    parts = await asyncio.gather(*(_worded(ask, settled[at]) for at in kept))
    parts = [replace(part, said=questions[at]) for part, at in zip(parts, kept, strict=True)]
    return Found(parts, max(0, len(questions) - understanding.MOST))


async def _one(ask: Ask, question: str) -> Part:
    if ask.before is None or not understanding.may_lean(question):
        return await _worded(ask, Reading(question), ask.show)
    return await _worded(ask, await _read(ask, question, ask.before), ask.show)


async def _read(ask: Ask, question: str, before: Before | None) -> Reading:
    """Find what a question means here, alone or after the one before."""
    leans = before is not None and understanding.may_lean(question)
    alone = await _look(ask, understanding.bare(question) if leans else question)
    if before is None or not leans:
        return understanding.alone(question, alone)
    together = understanding.together(before.question, question)
    tried = [(one, await _look(ask, one)) for one in together]
    return understanding.choose(question, before.entry, alone, tried)


async def _look(ask: Ask, question: str) -> Prepared:
    assert ask.answering is not None
    return await ask.answering.look(question, now=ask.now, group_id=ask.group_id, leader=ask.leader)


async def _worded(ask: Ask, reading: Reading, show: Callable[[str], Awaitable[None]] | None = None) -> Part:
    """Get the answer of a reading."""
    assert ask.answering is not None
    if reading.by_entry:
        found = await ask.answering.entry(
            reading.entry, now=ask.now, group_id=ask.group_id, facts=ask.facts, leader=ask.leader
        )
        if found is not None:
            return Part(reading.query, found, leaned=True)
    answer = await ask.answering.ask(
        reading.query,
        now=ask.now,
        group_id=ask.group_id,
        facts=ask.facts,
        leader=ask.leader,
        asker=ask.asker,
        show=None if reading.offered else show,
    )
    if reading.offered and answer.decision in ("answered", "handed_over", "refused"):
        # The words fit what was answered already; what else they may mean is asked.
        answer = replace(answer, decision="asked_back", text="", citations=(), candidates=reading.offered, model=None)
    return Part(reading.query, answer, leaned=reading.leans)
