"""试问: what a resident would be answered, and why: passages, score, decision. Nothing is counted and nobody is told.

Source: F62, F69.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sqlmodel import col
from sqlmodel import select as pick

from engagement.curation import access, words
from engagement.curation.access import Curator
from engagement.errors import Refusal
from engagement.feature import Context
from engagement.kernel import Reply
from prompts.loader import texts
from storage.groups import Group

if TYPE_CHECKING:
    from knowledge.answer import Answer, Prepared
    from knowledge.answering import Answering

SHOWN = 3


@dataclass(frozen=True, slots=True)
class Trial:
    """A question as a resident of a group would ask it; without a group: of any."""

    answering: Answering
    question: str
    group: str
    group_id: int | None
    facts: Mapping[str, str]
    now: datetime


def prepare(ctx: Context) -> Trial:
    """试问 几点提货; 试问 阳光花园 几点提货."""
    who = access.curator(ctx)
    if ctx.answering is None:
        raise Refusal("curation.file_unfetchable")
    first, _, rest = ctx.argument.partition(" ")
    if not ctx.argument.strip():
        raise Refusal("curation.try_how")
    group = _group(ctx, who, first.removeprefix("@")) if rest.strip() else None
    question = rest.strip() if group is not None else ctx.argument.strip()
    if group is None and (not who.staff or ctx.group is not None):
        group = ctx.session.get(Group, ctx.group.id) if ctx.group is not None else None
        group = group if group is not None and who.may(f"group:{group.id}") else None
    facts = dict(group.facts or {}) if group is not None else {}
    name = group.name if group is not None else texts().raw("curation.scope_all")
    return Trial(ctx.answering, question[:300], name, group.id if group is not None else None, facts, ctx.now)


def _group(ctx: Context, who: Curator, name: str) -> Group | None:
    found = ctx.session.exec(
        pick(Group).where(Group.name == name, Group.channel == ctx.incoming.channel).order_by(col(Group.id))
    ).all()
    return next((one for one in found if who.may(f"group:{one.id}")), None)


async def work(trial: Trial) -> tuple[Trial, Prepared, Answer]:
    """Look it up as the group's residents would have it."""
    found = await trial.answering.look(trial.question, now=trial.now, group_id=trial.group_id)
    return trial, found, await trial.answering.base.finish(found, trial.facts)


def finish(ctx: Context, found: tuple[Trial, Prepared, Answer]) -> Sequence[Reply]:
    """Show the answer, and what it was decided from."""
    access.curator(ctx)
    trial, prepared, answer = found
    said = texts()
    rows = [
        {"title": words.cut(one.question, 40), "score": round(one.score * 100)} for one in prepared.candidates[:SHOWN]
    ]
    passages = [
        {"document": one.document, "id": one.document_id, "quote": words.cut(words.readable(one.body), 80)}
        for one in prepared.passages[:SHOWN]
    ]
    values = {
        "question": words.cut(trial.question, 60),
        "where": trial.group,
        "decision": said.raw(f"curation.decision_{answer.decision}"),
        "score": round(answer.score * 100),
        "answer": answer.text.splitlines(),
        "passages": passages,
        "rows": rows,
        "missing": said.raw("curation.between").join(words.fact_name(one) for one in answer.missing),
        "group": None,
    }
    tails = ["curation.tried_answer"] if answer.text else []
    if passages:
        tails.append("curation.tried_passages")
    if rows:
        tails.append("curation.tried_rows")
    if answer.missing:
        tails.append("curation.tried_missing")
    return [Reply("curation.tried", values, tails)]
