"""Addressed words that are no command: answered with the source, asked back, or handed over to the leader."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from engagement.errors import Refusal
from engagement.events import FactMissing, PostCleared
from engagement.faq import rules, service
from engagement.feature import Context
from engagement.kernel import Button, Citation, Kind, Place, Reply, one_line
from prompts.loader import texts
from storage import identities

if TYPE_CHECKING:
    from knowledge.answering import Answer

_CANDIDATES = 3
_NO_GROUP: Mapping[str, object] = {"group": None}
"""Values of what is said of no group: in private it needs no word about which one."""


def reply(ctx: Context, answer: Answer | None) -> Sequence[Reply]:
    """Say what was found."""
    question = ctx.argument or ctx.text or ctx.incoming.text
    if not question.strip():
        return [Reply("faq.empty", _NO_GROUP)]
    polite = rules.courtesy(question)
    if polite:
        return [Reply(f"faq.{polite}", _NO_GROUP, subject="faq:talk")]
    if answer is None or (answer.decision == "asked_back" and rules.is_grievance(question)):
        return _hand_over(ctx, question, 0.0)
    told = ctx.emit(FactMissing(ctx.group.id, answer.missing)) if answer.missing and ctx.group is not None else []
    if answer.decision == "answered":
        cited = [Citation(c.document, c.chunk, c.quote) for c in answer.citations]
        sorry = [texts().raw("faq.sorry")] if rules.is_angry(question) else []
        values = {
            "answer": [*sorry, *answer.text.splitlines()],
            "sources": _sources(cited),
            "ai": answer.model is not None,
            "model": answer.model or "",
        }
        return [Reply("faq.answer", values, citations=cited, subject="faq:answer"), *told]
    if answer.decision == "asked_back":
        buttons = [
            Button(f"ask:{candidate.id}", "faq.button_candidate", {"question": candidate.question})
            for candidate in answer.candidates[:_CANDIDATES]
            if len(f"ask:{candidate.id}".encode()) <= 64
        ]
        buttons.append(Button("handover:", "faq.button_none"))
        which = "faq.which_sorry" if rules.is_angry(question) else "faq.which"
        return [Reply(which, _NO_GROUP, buttons=buttons, subject="faq:which")]
    if answer.decision == "refused":
        return [Reply("faq.small_talk", _NO_GROUP, subject="faq:refused")]
    return [*_hand_over(ctx, question, answer.score), *told]


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
    return [Reply("faq.say_again", _NO_GROUP, subject="again:")]


def said_again(ctx: Context) -> Sequence[Reply]:
    """A quote of :func:`none_of_these`."""
    return _hand_over(ctx, ctx.incoming.text, 0.0, asked=True)


def hand_over(ctx: Context) -> Sequence[Reply]:
    """问团长 …: straight to the leader."""
    if not ctx.argument.strip():
        return [Reply("faq.hand_over_how", _NO_GROUP, subject="again:")]
    return _hand_over(ctx, ctx.argument, 0.0, asked=True)


def _hand_over(ctx: Context, question: str, score: float, *, asked: bool = False) -> Sequence[Reply]:
    """Pass a question on, once; at night it waits for the morning. ``asked``: the neighbour wanted just that."""
    if ctx.group is None or ctx.actor.member_id is None:
        return [Reply("faq.unknown_no_group")]
    leaders = [p for p in identities.leaders(ctx.session, ctx.group.id) if p != ctx.actor.person_id]
    if ctx.actor.leader and not (asked and leaders):
        # Words to a neighbour whose question waits, sent without a quote: nobody can tell whom they are for.
        waits_here = ctx.incoming.place is Place.DM and service.open_questions(ctx.session, service.led(ctx))
        return [Reply("faq.leader_unknown", _NO_GROUP, ("faq.leader_quote",) if waits_here else ())]
    posted = service.posted(ctx, question)
    more = ctx.emit(posted)
    if posted.hidden:
        return more
    question = posted.shown
    waits = service.waiting_of(ctx)
    values: dict[str, object] = {"leader": service.leader_name(ctx.session, ctx.group.id) or texts().raw("faq.leader")}
    if leaders and one_line(question, service.QUESTION_MOST) in waits:
        return [Reply("faq.waits_already", values)]
    if leaders and len(waits) >= rules.MOST_OPEN:
        return [Reply("faq.waits_many", values)]
    row = service.hand_over(ctx, question, score)
    if not leaders:
        return [Reply("faq.unknown_no_leader"), *more]
    key = "faq.complaint" if rules.is_angry(question) else "faq.passed_on" if asked else "faq.handed_over"
    night = service.is_night(ctx)
    tail = (
        "faq.in_the_morning" if night else "faq.will_mention" if ctx.incoming.place is Place.GROUP else "faq.will_tell"
    )
    said = Reply(key, values, (tail,), subject=f"question:{row.id}")
    return [said, *more] if night else [said, *more, *_told(ctx, leaders, row.id, row.text)]


def on_cleared(ctx: Context, event: PostCleared) -> Sequence[Reply]:
    """A question that was held back goes its way after all, to whoever let it pass."""
    if event.activity != service.QUESTION:
        return []
    row = service.hand_over_later(ctx, event)
    values = {"name": service.name_of(ctx.session, event.member_id), "group": ctx.here.name, "question": row.text}
    subject = f"question:{row.id}"
    return [Reply("faq.to_leader", values, kind=Kind.DM, to=ctx.actor.person_id, subject=subject)]


def _told(ctx: Context, leaders: Sequence[int], question_id: int | None, text: str) -> list[Reply]:
    values = {"name": ctx.actor.name, "group": ctx.here.name, "question": text}
    subject = f"question:{question_id}"
    return [Reply("faq.to_leader", values, kind=Kind.DM, to=person, subject=subject) for person in leaders]


def quoted(ctx: Context, answer: Answer | None) -> Sequence[Reply]:
    """A message that quotes a hand-over: the leader's answer, the asker's further words, or a bystander's question."""
    reference = ctx.subject.partition(":")[2]
    if not reference.isdecimal():
        return []
    if rules.courtesy(ctx.incoming.text) and not ctx.actor.leader:
        return reply(ctx, None)
    posted = service.posted(ctx, ctx.incoming.text) if service.is_asker(ctx, int(reference)) else None
    more = [] if posted is None else ctx.emit(posted)
    if posted is not None and posted.hidden:
        return more
    added = service.add(ctx, int(reference), ctx.incoming.text if posted is None else posted.shown)
    if added is not None and added.group_id is not None:
        leaders = identities.leaders(ctx.session, added.group_id)
        told = [] if ctx.group is None or service.is_night(ctx) else _told(ctx, leaders, added.id, added.text)
        return [Reply("faq.added"), *more, *told]
    if not ctx.actor.leader and ctx.incoming.place is Place.GROUP:
        return reply(ctx, answer) if rules.asks(ctx.incoming.text) else []
    if service.dismiss(ctx, int(reference)):
        return [Reply("faq.dismissed")]
    return answered(ctx, int(reference))


def answered(ctx: Context, question_id: int) -> Sequence[Reply]:
    """A leader's words go to who asked."""
    done = service.answer(ctx, question_id, ctx.incoming.text)
    if not done.person_id:
        return [Reply("faq.asker_gone")]
    known = identities.address(ctx.session, done.person_id, ctx.incoming.channel)
    name = known[1] if known else ""
    subject = f"question:{question_id}"
    values = {"name": name, "question": done.question, "answer": done.answer.splitlines(), "leader": ctx.actor.name}
    key = "faq.relayed_more" if done.more else "faq.relayed"
    if done.in_private:
        relayed = Reply(key, values, kind=Kind.DM, to=done.person_id, subject=subject)
    else:
        # An answer that is waited for, so no unasked message: it costs nothing of the group's budget.
        relayed = Reply(key, values, to=done.person_id, mention=True, group_id=done.group_id, subject=subject)
    if ctx.incoming.place is Place.GROUP and not done.in_private:
        return [relayed]
    return [Reply("faq.relay_done", {"name": name}), relayed]


def waiting(ctx: Context) -> Sequence[Reply]:
    """待回复: what neighbours asked and nobody answered yet; in a group in one message, in private one by one."""
    rows = service.open_questions(ctx.session, service.led(ctx))
    if not rows:
        return [Reply("faq.none_waiting", _NO_GROUP)]
    if ctx.incoming.place is Place.GROUP and len(rows) > 1:
        values = {"count": len(rows), "rows": [service.row_of(row) for row in rows[: service.SHOWN]]}
        return [Reply("faq.waiting_here", values, subject="waiting:")]
    return [
        Reply("faq.waiting", {"question": row.text, "name": row.name, "group": row.group}, subject=f"question:{row.id}")
        for row in rows[: service.SHOWN]
    ]


def which_waiting(ctx: Context) -> Sequence[Reply]:
    """A leader's quote of a list of several questions: which one is meant?"""
    return [Reply("faq.which_waiting", _NO_GROUP)] if ctx.actor.leader else []
