"""Addressed words that are no command: answered with the source, asked back, or handed over to the leader."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from engagement.errors import Refusal
from engagement.faq import service
from engagement.feature import Context
from engagement.kernel import Button, Citation, Kind, Place, Reply
from prompts.loader import texts
from storage import identities

if TYPE_CHECKING:
    from knowledge.answering import Answer

_CANDIDATES = 3


def reply(ctx: Context, answer: Answer | None) -> Sequence[Reply]:
    """Say what was found."""
    question = ctx.argument or ctx.text or ctx.incoming.text
    if not question.strip():
        return [Reply("faq.empty")]
    if answer is None:
        return _hand_over(ctx, question, 0.0)
    if answer.decision == "answered":
        cited = [Citation(c.document, c.chunk, c.quote) for c in answer.citations]
        values = {
            "answer": answer.text.splitlines(),
            "sources": _sources(cited),
            "ai": answer.model is not None,
            "model": answer.model or "",
        }
        return [Reply("faq.answer", values, citations=cited, subject="faq:answer")]
    if answer.decision == "asked_back":
        buttons = [
            Button(f"ask:{candidate.id}", "faq.button_candidate", {"question": candidate.question})
            for candidate in answer.candidates[:_CANDIDATES]
            if len(f"ask:{candidate.id}".encode()) <= 64
        ]
        buttons.append(Button("handover:", "faq.button_none"))
        return [Reply("faq.which", {}, buttons=buttons, subject="faq:which")]
    if answer.decision == "refused":
        return [Reply("faq.small_talk", subject="faq:refused")]
    return _hand_over(ctx, question, answer.score)


def _sources(cited: Sequence[Citation]) -> str:
    names: list[str] = []
    for citation in cited:
        if citation.document not in names:
            names.append(citation.document)
    return "、".join(names)


def candidate(ctx: Context, answer: Answer | None) -> Sequence[Reply]:
    """A candidate's button was pressed."""
    if answer is None or answer.decision != "answered":
        raise Refusal("guard.old_button")
    return reply(ctx, answer)


def none_of_these(ctx: Context) -> Sequence[Reply]:
    """The button 「都不是」: nothing is known of the words any more, so ask for them again, to be handed over."""
    return [Reply("faq.say_again", subject="faq:again")]


def hand_over(ctx: Context) -> Sequence[Reply]:
    """问团长 …: straight to the leader."""
    return _hand_over(ctx, ctx.argument, 0.0)


def _hand_over(ctx: Context, question: str, score: float) -> Sequence[Reply]:
    if ctx.group is None or ctx.actor.member_id is None:
        return [Reply("faq.unknown_no_group")]
    leaders = identities.leaders(ctx.session, ctx.group.id)
    if not leaders:
        service.hand_over(ctx, question, score)
        return [Reply("faq.unknown_no_leader")]
    row = service.hand_over(ctx, question, score)
    leader = service.leader_name(ctx.session, ctx.group.id) or texts().raw("faq.leader")
    said = [Reply("faq.handed_over", {"leader": leader}, subject=f"question:{row.id}")]
    values = {"name": ctx.actor.name, "group": ctx.group.name, "question": row.text}
    said.extend(
        Reply("faq.to_leader", values, kind=Kind.DM, to=person, subject=f"question:{row.id}")
        for person in leaders
        if person != ctx.actor.person_id
    )
    return said


def answered(ctx: Context) -> Sequence[Reply]:
    """A message that quotes a hand-over: a leader's words go to who asked; a neighbour's are just talk."""
    reference = ctx.subject.partition(":")[2]
    if not reference.isdecimal():
        return []
    if not ctx.actor.leader and ctx.incoming.place is Place.GROUP:
        return []
    done = service.answer(ctx, int(reference), ctx.incoming.text)
    if not done.person_id:
        return [Reply("faq.asker_gone")]
    known = identities.address(ctx.session, done.person_id, ctx.incoming.channel)
    name = known[1] if known else ""
    values = {"name": name, "question": done.question, "answer": done.answer.splitlines(), "leader": ctx.actor.name}
    if done.in_private:
        relayed = Reply("faq.relayed", values, kind=Kind.DM, to=done.person_id)
    else:
        relayed = Reply("faq.relayed", values, kind=Kind.PUSH, to=done.person_id, mention=True, group_id=done.group_id)
    if ctx.incoming.place is Place.GROUP and not done.in_private:
        return [relayed]
    return [Reply("faq.relay_done", {"name": name}), relayed]


def waiting(ctx: Context) -> Sequence[Reply]:
    """待回复: what neighbours asked and nobody answered yet."""
    rows = service.open_questions(ctx.session, ctx.here.id)
    if not rows:
        return [Reply("faq.none_waiting")]
    return [
        Reply("faq.waiting", {"question": row.text, "group": ctx.here.name}, subject=f"question:{row.id}")
        for row in rows
    ]
