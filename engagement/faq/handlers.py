"""Addressed words that are no command: answered with the source, asked back, or handed over to the leader."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from engagement import rooms
from engagement.errors import Refusal
from engagement.events import FactMissing, PostCleared
from engagement.faq import complaints, corrections, danger, rules, service, talk, tallies, telling, thumbs, turns
from engagement.faq.asking import Found, Part, is_sore
from engagement.faq.talk import NO_GROUP
from engagement.feature import Context
from engagement.kernel import Button, Citation, Kind, Place, Reply, one_line, row_id
from knowledge.proposals import offer_reply
from prompts.loader import texts
from storage import bots, identities

if TYPE_CHECKING:
    from knowledge.answering import Answer

_CANDIDATES = 3
_BUTTON_MOST = 64
"""Bytes that a button's key may have on every channel."""
_PLACED = frozenset({"pickup_place", "pickup_hours", "order_cutoff", "delivery_day"})
"""Facts without which an answer says nothing: who is in no known group is told how to be known in one."""


def reply(ctx: Context, found: Found | None) -> Sequence[Reply]:
    """Say what was found, and note what was asked: for what leans on it, and for the day's figures."""
    question = ctx.argument or ctx.text or ctx.incoming.text
    ctx.aside = is_sore(question, found)
    known = _known(ctx, question)
    if known is not None:
        return known
    said = _looked_up(ctx, question, found)
    if ctx.incoming.media == "photo" and said and said[0].kind is Kind.REPLY:
        return [replace(said[0], tails=(*said[0].tails, "faq.photo_unseen")), *said[1:]]
    return said


def _looked_up(ctx: Context, question: str, found: Found | None) -> Sequence[Reply]:
    if found is None or (found.parts[0].answer.decision == "asked_back" and rules.is_grievance(question)):
        turns.keep(ctx, question, "")
        return _hand_over(ctx, question, 0.0)
    last = found.parts[-1]
    entry = last.answer.citations[0].chunk if last.answer.decision == "answered" and last.answer.citations else ""
    turns.keep(ctx, last.question, entry)
    if len(found.parts) > 1 and not all(_is_nowhere(ctx, part.answer) for part in found.parts):
        return _several(ctx, found)
    return _said(ctx, found.parts[0], question)


def _known(ctx: Context, question: str) -> Sequence[Reply] | None:
    """Say what needs no looking up; None when it is a question to the knowledge base."""
    about = ctx.subject.removeprefix("faq:") if ctx.subject.startswith("faq:") else ""
    polite = rules.courtesy(question)
    if not question.strip():
        return [Reply("faq.photo" if ctx.incoming.media == "photo" else "faq.empty", NO_GROUP)]
    if rules.danger(question):
        return danger.comfort(ctx, question)
    if polite:
        return [talk.polite(ctx, polite)]
    if corrections.meant(ctx):
        return corrections.take(ctx)
    if rules.is_not_it(question) and (reference := thumbs.meant(ctx, about)):
        return [thumbs.wrong(ctx, reference)]
    if (plain := talk.plain(ctx, question)) is not None:
        return [plain]
    if rules.is_talk(question) and not ctx.argument and ctx.incoming.place is Place.GROUP:
        return _hand_over(ctx, question, 0.0) if rules.is_angry(question) else []
    return None


def _said(ctx: Context, part: Part, question: str) -> Sequence[Reply]:
    """Say the one answer of a message."""
    answer = part.answer
    told = _wanted(ctx, answer)
    if _is_nowhere(ctx, answer):
        return [Reply("faq.which_group", NO_GROUP, subject="faq:talk")]
    if answer.decision == "answered":
        asked = int(not rules.is_not_it(question))  # 「不对」 asks nothing, whatever is said to it
        tallies.count(ctx.session, _counted(ctx), ctx.today, answered=asked, worded=int(answer.model is not None))
        lodged = _hand_over(ctx, question, answer.score) if rules.complains(question) else ()
        said = _answer(ctx, answer, angry=rules.is_angry(question))
        return [_with_points(ctx, said, question), *lodged, *told]
    for_one = _for_the_one(ctx, question)
    if for_one:
        return for_one
    if answer.decision == "asked_back":
        tallies.count(ctx.session, _counted(ctx), ctx.today, asked_back=1)
        buttons = [*_offers(answer, _CANDIDATES), Button("handover:", "faq.button_none")]
        which = "faq.which_sorry" if rules.is_angry(question) else "faq.which"
        return [Reply(which, NO_GROUP, buttons=buttons, subject="faq:which")]
    if answer.decision == "refused":
        tallies.count(ctx.session, _counted(ctx), ctx.today, refused=1)
        return [Reply("faq.small_talk", NO_GROUP, subject="faq:refused")]
    return [*_hand_over(ctx, part.question if part.leaned else question, answer.score), *told]


def _wanted(ctx: Context, answer: Answer) -> Sequence[Reply]:
    """Note which fact of the group a neighbour asked for in vain; a leader who tries it out is none."""
    if ctx.group is None or ctx.actor.leader or not answer.missing:
        return ()
    return ctx.emit(FactMissing(ctx.group.id, answer.missing))


def _is_nowhere(ctx: Context, answer: Answer) -> bool:
    """Say whether only a group's own facts would answer, and nobody knows which group."""
    return ctx.group is None and answer.decision == "answered" and not _PLACED.isdisjoint(answer.missing)


def _answer(ctx: Context, answer: Answer, *, angry: bool = False, whole: bool = False) -> Reply:
    cited = [Citation(c.document, c.chunk, c.quote) for c in answer.citations]
    best = answer.citations[0] if answer.citations else None
    text: str = answer.text
    more: tuple[Button, ...] = ()
    if ctx.actor.elder and ctx.incoming.place is Place.DM and not whole and best is not None:
        text, more = _brief(answer, best.chunk)
    values = {
        "answer": [*([texts().raw("faq.sorry")] if angry else []), *text.splitlines()],
        "sources": _sources(cited),
        "ai": answer.model is not None,
        "model": answer.model or "",
    }
    subject = thumbs.subject_of(best.document_id, best.chunk) if best is not None else "faq:answer"
    buttons = (*more, *thumbs.buttons(best.document_id, best.chunk)) if best is not None else ()
    return Reply("faq.answer", values, citations=cited, buttons=buttons, subject=subject)


def _with_points(ctx: Context, said: Reply, question: str) -> Reply:
    """Say of a complaint about goods that asks for points, too, who decides that."""
    about_goods = any(one.chunk.startswith("after_sale.") for one in said.citations[:1])
    if ctx.group is None or ctx.actor.leader or not about_goods or not rules.wants_points(question):
        return said
    leader = service.leader_name(ctx.session, ctx.group.id) or texts().raw("faq.leader")
    return replace(said, values={**said.values, "leader": leader}, tails=(*said.tails, "faq.points_too"))


def _brief(answer: Answer, entry: str) -> tuple[str, tuple[Button, ...]]:
    """Cut an answer for who asked for short ones; the whole is one tap away."""
    known = any(one.id == entry for one in answer.candidates) and len(f"ask:{entry}".encode()) <= 64
    short = rules.brief(answer.text)
    if not known or short == answer.text:
        return answer.text, ()
    return short, (Button(f"ask:{entry}", "faq.button_whole"),)


def _several(ctx: Context, found: Found) -> Sequence[Reply]:
    """Say the short answers of several questions in one message; what nobody knows goes to the leader."""
    rows: list[Mapping[str, object]] = []
    cited: list[Citation] = []
    buttons: list[Button] = []
    told: list[Reply] = []
    counts = Counter(part.answer.decision for part in found.parts)
    worded, cut, before = 0, False, ""
    for number, part in enumerate(found.parts, start=1):
        answer = part.answer
        row: dict[str, object] = {"n": number, "question": one_line(part.said, service.SHORT)}
        if _is_nowhere(ctx, answer):
            rows.append({**row, "answer": texts().raw("faq.which_group")})
        elif answer.decision == "answered":
            short = rules.shortened(answer.text)
            cut |= short != answer.text
            worded += answer.model is not None
            cited += [Citation(c.document, c.chunk, c.quote) for c in answer.citations[:1]]
            rows.append({**row, "answer": short})
            told += _wanted(ctx, answer)
        elif answer.decision == "asked_back":
            rows.append({**row, "answer": texts().raw("faq.several_which")})
            buttons += _offers(answer, 2)
        else:
            rows.append({**row, "answer": texts().raw("faq.several_unknown")})
            told += _hand_over(ctx, before + part.said if part.leaned else part.said, answer.score)
        before = f"{part.said} "
    figures = {name: counts[name] for name in ("answered", "asked_back")}
    tallies.count(ctx.session, _counted(ctx), ctx.today, worded=worded, **figures)
    values = {"rows": rows, "ai": bool(worded), "left": found.left}
    tails = [name for name, say in (("faq.several_left", found.left), ("faq.several_cut", cut)) if say][:1]
    return [Reply("faq.several", values, tails, citations=cited, buttons=buttons, subject="faq:several"), *told]


def _offers(answer: Answer, most: int) -> list[Button]:
    return [
        Button(f"ask:{one.id}", "faq.button_candidate", {"question": one.question})
        for one in answer.candidates[:most]
        if len(f"ask:{one.id}".encode()) <= 64
    ]


def _counted(ctx: Context) -> int | None:
    return ctx.group.id if ctx.group is not None else None


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
    tallies.count(ctx.session, _counted(ctx), ctx.today, chosen=1, worded=int(answer.model is not None))
    turns.keep(ctx, answer.question, answer.citations[0].chunk if answer.citations else "")
    if _is_nowhere(ctx, answer):
        return [Reply("faq.which_group", NO_GROUP, subject="faq:talk")]
    told = _wanted(ctx, answer)
    return [_answer(ctx, answer, whole=True), *told]


def tell_leader(ctx: Context) -> Sequence[Reply]:
    """The button 「问团长」 under an answer that did not help."""
    question = thumbs.question_of(ctx)
    if not question:
        return [Reply("faq.hand_over_how", NO_GROUP, subject="again:")]
    return _hand_over(ctx, question, 0.0, asked=True)


def none_of_these(ctx: Context) -> Sequence[Reply]:
    """The button 「都不是」: nothing is known of the words any more, so ask for them again, to be handed over."""
    return [Reply("faq.say_again", NO_GROUP, subject="again:")]


def said_again(ctx: Context) -> Sequence[Reply]:
    """A quote of :func:`none_of_these`."""
    return _straight(ctx, ctx.incoming.text)


def hand_over(ctx: Context) -> Sequence[Reply]:
    """问团长 …: straight to the leader, who was told of an emergency at once, and not only in the morning."""
    if not ctx.argument.strip():
        return [Reply("faq.hand_over_how", NO_GROUP, subject="again:")]
    return _straight(ctx, ctx.argument)


def _straight(ctx: Context, words: str) -> Sequence[Reply]:
    ctx.aside = is_sore(words)
    first = danger.comfort(ctx, words, keep=False) if rules.danger(words) else []
    return first if first and first[0].tails else [*first, *_hand_over(ctx, words, 0.0, asked=True)]


def _hand_over(ctx: Context, question: str, score: float, *, asked: bool = False) -> Sequence[Reply]:
    """Pass a question on, once; at night it waits for the morning. ``asked``: the neighbour wanted just that."""
    if ctx.group is None or ctx.actor.member_id is None:
        return [Reply("faq.unknown_no_group")]
    leaders = [p for p in identities.leaders(ctx.session, ctx.group.id) if p != ctx.actor.person_id]
    if ctx.actor.leader and not (asked and leaders):
        # Words to a neighbour whose question waits, sent without a quote: nobody can tell whom they are for.
        waits_here = ctx.incoming.place is Place.DM and service.open_questions(ctx.session, service.led(ctx))
        return [Reply("faq.leader_unknown", NO_GROUP, ("faq.leader_quote",) if waits_here else ())]
    posted = service.posted(ctx, question)
    more = ctx.emit(posted)
    if posted.hidden:
        return more
    question = posted.shown
    waits = service.waiting_of(ctx)
    values: dict[str, object] = {"leader": service.leader_name(ctx.session, ctx.group.id) or texts().raw("faq.leader")}
    if leaders and service.waits_already(waits, question):
        return [Reply("faq.waits_already", values)]
    if leaders and len(waits) >= rules.MOST_OPEN:
        return [Reply("faq.waits_many", values)]
    row = service.hand_over(ctx, question, score)
    tallies.count(ctx.session, ctx.group.id, ctx.today, handed_over=1)
    if not leaders:
        return [Reply("faq.unknown_no_leader"), *more]
    promise = complaints.promise(question, row.asked_at, ctx.here.zone, ctx.now)
    key = "faq.complaint" if promise else "faq.passed_on" if asked else "faq.handed_over"
    night = service.is_night(ctx)
    tail = (
        "faq.in_the_morning" if night else "faq.will_mention" if ctx.incoming.place is Place.GROUP else "faq.will_tell"
    )
    said = Reply(key, {**values, **promise, "number": row.id}, (tail,), subject=f"question:{row.id}")
    return [said, *more] if night else [said, *more, *telling.leaders(ctx, leaders, row, ctx.actor.name)]


def on_cleared(ctx: Context, event: PostCleared) -> Sequence[Reply]:
    """A question that was held back goes its way after all, to whoever let it pass."""
    if event.activity != service.QUESTION:
        return []
    row = service.hand_over_later(ctx, event)
    return telling.leaders(ctx, [ctx.actor.person_id], row, service.name_of(ctx.session, event.member_id))


def asked_to_answer(ctx: Context) -> Sequence[Reply]:
    """The button 「回」 under a question, for who cannot quote it: the leader's next words in private are the answer."""
    question, group_id = service.to_answer(ctx, row_id(ctx.text))
    rooms.lead(ctx, group_id)
    name = "" if question.member_id is None else service.name_of(ctx.session, question.member_id)
    values = {"name": name, "question": question.text}
    return [Reply("faq.answer_now", {**NO_GROUP, **values}, subject=f"answering:{question.id}")]


def said_in_answer(ctx: Context) -> Sequence[Reply]:
    """What was said to :func:`asked_to_answer`."""
    question_id = row_id(ctx.subject.partition(":")[2])
    return _dismissed(question_id) if service.dismiss(ctx, question_id) else answered(ctx, question_id)


def _dismissed(question_id: int) -> Sequence[Reply]:
    return [Reply("faq.dismissed", subject=f"question:{question_id}")]


def quoted(ctx: Context, found: Found | None) -> Sequence[Reply]:
    """A message that quotes a hand-over: the leader's answer, the asker's further words, or a bystander's question."""
    reference = ctx.subject.partition(":")[2]
    if not reference.isdecimal():
        return []
    asker, polite = service.is_asker(ctx, int(reference)), rules.courtesy(ctx.incoming.text)
    for_leader = asker and (polite in rules.FOR_LEADER or rules.nudges(ctx.incoming.text))
    if polite and not ctx.actor.leader and not for_leader:
        return reply(ctx, None)
    posted = service.posted(ctx, ctx.incoming.text) if asker else None
    more = [] if posted is None else ctx.emit(posted)
    if posted is not None and posted.hidden:
        return more
    added = service.add(ctx, int(reference), ctx.incoming.text if posted is None else posted.shown)
    if added is not None and added.group_id is not None:
        leaders = identities.leaders(ctx.session, added.group_id)
        silent = ctx.group is None or service.is_night(ctx)
        told = [] if silent else telling.leaders(ctx, leaders, added, ctx.actor.name)
        return [Reply("faq.added"), *more, *told]
    if not ctx.actor.leader and ctx.incoming.place is Place.GROUP:
        return reply(ctx, found) if rules.asks(ctx.incoming.text) else []
    if service.dismiss(ctx, int(reference)):
        return _dismissed(int(reference))
    return answered(ctx, int(reference))


def answered(ctx: Context, question_id: int, words: str = "") -> Sequence[Reply]:
    """A leader's words go to who asked."""
    done = service.answer(ctx, question_id, words or ctx.incoming.text)
    if not done.more:
        tallies.count(ctx.session, done.group_id, service.day_there(ctx, done), relayed=1, relay_seconds=done.waited)
    offer_reply(ctx.session, done.asked)
    if not done.person_id:
        return [Reply("faq.asker_gone")]
    name = bots.name_of(ctx.session, done.person_id)
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
    # What is said next is no answer to the same question, unless it quotes this.
    return [Reply("faq.relay_done", {"name": name}, subject=subject), relayed]


def _for_the_one(ctx: Context, question: str) -> Sequence[Reply]:
    """Ask a leader in private whether words that answer nothing are for the one neighbour who waits."""
    if not ctx.actor.leader or ctx.incoming.place is not Place.DM or rules.asks(question):
        return ()
    rows = service.open_questions(ctx.session, service.led(ctx))
    key = f"relay:{rows[0].id}:{question}" if len(rows) == 1 else ""
    if not key or len(key.encode()) > _BUTTON_MOST:
        return ()
    values = {**NO_GROUP, "name": rows[0].name, "question": rows[0].text, "words": question}
    return [
        Reply(
            "faq.relay_ask", values, buttons=[Button(key, "faq.button_relay", values, settles=True)], subject="faq:talk"
        )
    ]


def relay(ctx: Context) -> Sequence[Reply]:
    """The button under that: the words go to who asked."""
    number, _, words = ctx.text.partition(":")
    question, group_id = service.to_answer(ctx, row_id(number))
    rooms.lead(ctx, group_id)
    return answered(ctx, question.id or 0, words)


def waiting(ctx: Context) -> Sequence[Reply]:
    """待回复: what neighbours asked and nobody answered yet; in a group in one message, in private one by one."""
    rows = service.open_questions(ctx.session, service.led(ctx))
    if not rows:
        return [Reply("faq.none_waiting", NO_GROUP)]
    if ctx.incoming.place is Place.GROUP and len(rows) > 1:
        values = {"count": len(rows), "rows": [service.row_of(row, ctx.now) for row in rows[: service.SHOWN]]}
        return [Reply("faq.waiting_here", values, subject="waiting:")]
    return [telling.again(row, ctx.now) for row in rows[: service.SHOWN]]


def which_waiting(ctx: Context) -> Sequence[Reply]:
    """A leader's quote of a list of several questions: which one is meant?"""
    return [Reply("faq.which_waiting", NO_GROUP)] if ctx.actor.leader else []
