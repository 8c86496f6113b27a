"""From what was decided to what is said: the passage itself, or a model's wording of it that passed the gate.

The passage is always at hand: a model that is slow, over its budget, down or wrong costs nothing but time, and never more
than its deadline. What was worded once for a question and its passages is said again without asking.

Source: DESIGN 6, FAULTS C4, C8, C9, C12, C13.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from knowledge import grounding
from knowledge.answer import Citation, Passage, Prepared, cite, fill
from knowledge.errors import ModelFault

if TYPE_CHECKING:
    from knowledge.budget import Asker, Purse
    from knowledge.judge import Judge
    from knowledge.model import ChatModel, Heard

_LOG = logging.getLogger("knowledge")
REMEMBERED = 2_000
_ENDS = "。！？!?\n"
DOUBT, SURE = 0.15, 0.85
"""Chances by a judge's word below which an answer becomes a question back, above which a question back becomes an answer."""

Said = tuple[str, tuple[Citation, ...], str | None]
"""Words, where they stand, and the model that worded them."""


class Wording:
    """Words answers; safe to call from several tasks.

    Args:
        chat: None = answers are the passages themselves.
        judge: None = nobody is asked whether a passage answers.
        purse: None = no bounds (tests).
    """

    def __init__(self, chat: ChatModel | None, judge: Judge | None = None, purse: Purse | None = None) -> None:
        self._chat = chat
        self._judge = judge
        self.purse = purse
        self._said: OrderedDict[tuple[str, ...], Said] = OrderedDict()

    async def say(
        self,
        prepared: Prepared,
        plain: str,
        facts: Mapping[str, str],
        asker: Asker | None,
        show: Heard | None = None,
    ) -> Said:
        """What is said of an answered question.

        Args:
            prepared: Answered, with passages.
            plain: The first passage with the group's facts in it: what is said when no model is asked.
            facts: The group's facts; a passage that quotes one is never given to a model.
            asker: Whose budget it is.
            show: Awaited with sentences that passed the gate, while others are still being written.
        """
        best = prepared.passages[0]
        itself: Said = plain, (cite(best, plain or best.title),), None
        if self._chat is None or not plain or best.facts:
            return itself
        usable = [(one, text) for one in prepared.passages if not one.facts and (text := fill(one, facts))]
        key = (self._chat.name, prepared.question, *(f"{one.chunk} {text}" for one, text in usable))
        known = self._said.get(key)
        if known is not None:
            self._said.move_to_end(key)
            return known
        said = await self._ask(self._chat, prepared.question, usable, itself, asker, show)
        if said is None:
            return itself
        self._said[key] = said
        while len(self._said) > REMEMBERED:
            self._said.popitem(last=False)
        return said

    async def _ask(
        self,
        chat: ChatModel,
        question: str,
        usable: Sequence[tuple[Passage, str]],
        itself: Said,
        asker: Asker | None,
        show: Heard | None,
    ) -> Said | None:
        """A model's wording, or the passage itself when the gate lets none of it through; None when it could not be had."""
        if not await self._may(asker):
            return None
        passages = [text for _, text in usable]
        try:
            worded = await chat.word(question, passages, _gated(passages, show) if show is not None else None)
        except ModelFault as fault:
            _LOG.warning("knowledge.extractive_instead", extra={"reason": fault.reason})
            if fault.reason != "paused":
                await self._count(asker, chat.name, None)
            return None
        await self._count(asker, chat.name, worded)
        text, used = grounding.grounded(worded.text, passages)
        if not text or used[0] != 0 or not grounding.complete(text, passages[0]):
            _LOG.info("knowledge.wording_refused")
            return itself
        return text, tuple(cite(*usable[at]) for at in used), chat.name

    async def judged(self, prepared: Prepared, facts: Mapping[str, str], asker: Asker | None) -> Prepared:
        """The decision after a judge has looked at it; the same when there is no judge, or it says nothing.

        It may only turn an answer into a question back, or a question back into an answer by its first candidate.
        """
        from dataclasses import replace

        if self._judge is None or prepared.decision not in ("answered", "asked_back"):
            return prepared
        passage = prepared.passages[0] if prepared.passages else prepared.probable
        text = fill(passage, facts) if passage is not None and not passage.facts else None
        if passage is None or not text or not await self._may(asker):
            return prepared
        try:
            chance, worded = await self._judge.chance(prepared.question, f"{passage.title}\n{text}")
        except ModelFault as fault:
            _LOG.warning("knowledge.judge_silent", extra={"reason": fault.reason})
            return prepared
        await self._count(asker, self._judge.name, worded)
        if prepared.decision == "answered" and chance < DOUBT and prepared.candidates:
            return replace(prepared, decision="asked_back", passages=(), probable=passage)
        if prepared.decision == "asked_back" and chance > SURE:
            return replace(prepared, decision="answered", passages=(passage,))
        return prepared

    async def _may(self, asker: Asker | None) -> bool:
        if self.purse is None or asker is None:
            return True
        allowed = await self.purse.allows(asker)
        if not allowed:
            _LOG.info("knowledge.over_budget")
        return allowed

    async def _count(self, asker: Asker | None, model: str, worded: object) -> None:
        if self.purse is not None and asker is not None:
            await self.purse.spent(asker, model, worded)  # type: ignore[arg-type]


def _gated(passages: Sequence[str], show: Heard) -> Heard:
    """Shows only whole sentences, and only as far as the gate lets them through."""
    shown = ""

    async def heard(text: str) -> None:
        nonlocal shown
        end = max(text.rfind(mark) for mark in _ENDS) + 1
        kept, used = grounding.grounded(text[:end], passages) if end else ("", [])
        if kept != shown and kept.startswith(shown) and used[:1] == [0]:
            shown = kept
            await show(kept)

    return heard
