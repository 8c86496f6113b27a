"""缺口: what neighbours asked and the base does not know, the most asked first; one step from a gap to a draft.

Source: F62, F64.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from engagement.curation import access, documents, words
from engagement.curation.access import Curator, refusing
from engagement.curation.writing import drafted
from engagement.errors import Refusal
from engagement.feature import Context
from engagement.kernel import Button, Reply
from prompts.loader import texts
from storage.documents import Question

if TYPE_CHECKING:
    from knowledge.answering import Answering
    from knowledge.gaps import Gap

SHOWN = 3
"""Gaps that one look shows, a message each, so that each has its buttons and can be quoted."""
READ = 40
NEAR = 0.1
"""How likely the nearest entry has to be to be offered."""


@dataclass(frozen=True, slots=True)
class Look:
    """Whose gaps are looked at."""

    answering: Answering | None
    who: Curator
    groups: Sequence[int] | None
    now: datetime
    start: int = 0


def prepare(ctx: Context) -> Look:
    """See who looks; a leader sees his own groups'."""
    who = access.curator(ctx)
    start = documents.pressed(ctx, 1)[0] if ctx.incoming.button else 0
    return Look(ctx.answering, who, groups_of(who), ctx.now, start)


def groups_of(who: Curator) -> list[int] | None:
    """Return the groups whose questions a curator may read; None = all."""
    if who.scopes is None:
        return None
    return sorted(int(one.partition(":")[2]) for one in who.scopes if one.startswith("group:"))


async def work(look: Look) -> tuple[Look, list[Gap]]:
    """Group the questions, outside every transaction."""
    if look.answering is None:
        return look, []
    return look, await asyncio.to_thread(_grouped, look, look.answering)


def _grouped(look: Look, answering: Answering) -> list[Gap]:
    from knowledge import gaps

    return gaps.grouped(answering.database, answering.base, look.now, groups=look.groups, limit=READ)


def finish(ctx: Context, found: tuple[Look, list[Gap]]) -> Sequence[Reply]:
    """Show some of them."""
    look, rows = found
    access.curator(ctx)
    if not rows:
        return [Reply("curation.gaps_none", {"group": None})]
    shown = rows[look.start : look.start + SHOWN]
    if not shown:
        return [Reply("curation.gaps_end", {"group": None})]
    asked = sum(one.count for one in rows)
    left = len(rows) - look.start - len(shown)
    head = Reply("curation.gaps", {"count": len(rows), "asked": asked, "group": None})
    told = [_told(look.who, one) for one in shown]
    if left > 0:
        buttons = [Button(f"kb_gaps:{look.start + SHOWN}", "curation.button_gaps_more", {"left": left})]
        told.append(Reply("curation.gaps_more", {"left": left, "group": None}, buttons=buttons))
    return [*([head] if not look.start else []), *told]


def _told(who: Curator, gap: Gap) -> Reply:
    first = gap.questions[0]
    values: dict[str, object] = {
        "question": gap.text,
        "count": gap.count,
        "groups": gap.groups,
        "others": texts().raw("curation.between_parts").join(words.cut(one, 30) for one in gap.others),
        "near": words.cut(gap.near_title, 40),
        "group": None,
    }
    tails = ["curation.gap_others"] if gap.others else []
    buttons = [Button(f"kb_write:{first}", "curation.button_write")]
    if gap.near and gap.near_score >= NEAR and who.staff:
        tails.append("curation.gap_near")
        buttons.append(Button(f"kb_same:{first}", "curation.button_same"))
    buttons.append(Button(f"kb_never:{first}", "curation.button_never"))
    key = "curation.gap_groups" if gap.groups > 1 else "curation.gap"
    return Reply(key, values, tails, buttons=buttons, subject=f"kb_gap:{first}")


# ---------------------------------------------------------------- one of them


@dataclass(frozen=True, slots=True)
class Chosen:
    """One gap again, by its first question; None when it is handled already."""

    look: Look
    question: int
    gap: Gap | None = None


def prepare_one(ctx: Context) -> Chosen:
    """See which gap is meant, by its button or by the quote of it."""
    who = access.curator(ctx)
    reference = ctx.text if ctx.incoming.button else ctx.subject.partition(":")[2]
    question = int(reference) if reference.isascii() and reference.isdigit() and len(reference) < 19 else 0
    if not question:
        raise Refusal("guard.old_button")
    return Chosen(Look(ctx.answering, who, groups_of(who), ctx.now), question)


async def work_one(chosen: Chosen) -> Chosen:
    """Find the group of questions that it stands for now."""
    _, rows = await work(chosen.look)
    found = next((one for one in rows if chosen.question in one.questions), None)
    return Chosen(chosen.look, chosen.question, found)


def _gap(ctx: Context, chosen: Chosen) -> tuple[Curator, Gap]:
    who = access.curator(ctx)
    question = ctx.session.get(Question, chosen.question)
    if chosen.gap is None or question is None:
        raise Refusal("curation.gap_gone")
    if who.scopes is not None and f"group:{question.group_id}" not in who.scopes:
        raise Refusal("curation.gap_gone")
    return who, chosen.gap


def _asking(ctx: Context, chosen: Chosen) -> str:
    """Return the scope of the group that asked: a leader's answer is for it alone."""
    return f"group:{ctx.session.get_one(Question, chosen.question).group_id}"


@refusing
def ask_answer(ctx: Context, chosen: Chosen) -> Sequence[Reply]:
    """写答案: ask for it; the next words are the answer."""
    _, gap = _gap(ctx, chosen)
    return [Reply("curation.gap_write", {"question": gap.text, "group": None}, subject=f"kb_said:{chosen.question}")]


@refusing
def answered(ctx: Context, chosen: Chosen) -> Sequence[Reply]:
    """The words that quote a gap: an entry in a draft, with the questions that were asked as its phrasings."""
    from knowledge import gaps

    who, gap = _gap(ctx, chosen)
    scope = access.home(who) if who.staff else _asking(ctx, chosen)
    made = gaps.propose(ctx.session, gap.questions, ctx.text, who.hand, ctx.now, scope=scope)
    if made.state != "open":
        raise Refusal("curation.gap_gone")
    done = gaps.accept(ctx.session, made.id or 0, who.hand, ctx.now)
    return [drafted(ctx, who, done.document, done.entry, gap.text, ctx.text, done.phrasings)]


@refusing
def same(ctx: Context, chosen: Chosen) -> Sequence[Reply]:
    """是这条的另一种问法: the questions are learned as phrasings of the nearest entry."""
    from knowledge import gaps

    who, gap = _gap(ctx, chosen)
    if not gap.near or not who.staff:
        raise Refusal("curation.gap_gone")
    made = gaps.propose(ctx.session, gap.questions, "", who.hand, ctx.now, entry=gap.near)
    if made.state != "open":
        raise Refusal("curation.gap_gone")
    done = gaps.accept(ctx.session, made.id or 0, who.hand, ctx.now)
    return [Reply("curation.gap_learned", {"near": gap.near_title, "count": done.phrasings, "group": None})]


@refusing
def never(ctx: Context, chosen: Chosen) -> Sequence[Reply]:
    """不用管: the gap is laid aside; who asked still gets the leader's answer."""
    from knowledge import gaps

    who, gap = _gap(ctx, chosen)
    scope = access.home(who) if who.staff else _asking(ctx, chosen)
    gaps.dismiss(ctx.session, gap.questions, who.hand, ctx.now, scope=scope)
    return [Reply("curation.gap_dismissed", {"question": words.cut(gap.text, 40), "group": None})]
