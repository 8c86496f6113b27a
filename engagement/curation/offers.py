"""提议: leaders' replies and corrections offered as entries; 收下, 改一改, 不要. Nothing answers before a publish.

Source: F62, F64, F68.
"""

from __future__ import annotations

from collections.abc import Sequence

from engagement.curation import access, documents, words
from engagement.curation.access import ALL, Curator, refusing
from engagement.curation.writing import WRITING, drafted
from engagement.errors import Refusal
from engagement.feature import Context
from engagement.kernel import Button, Reply, row_id
from prompts.loader import texts
from storage.documents import Chunk
from storage.engine import Session
from storage.learning import Proposal

SHOWN = 3
"""Proposals that one look shows, a message each, so that each has its buttons and can be quoted."""


def waiting(session: Session, who: Curator) -> list[Proposal]:
    """Return what waits for a curator's decision, oldest first; what is still being written does not."""
    from knowledge import proposals

    scopes = None if who.scopes is None else sorted(who.scopes)
    return [
        one
        for one in proposals.listed(session, scopes=scopes)
        if one.phrasings and (one.answer or one.entry) and not one.key.startswith(WRITING)
    ]


@refusing
def listed(ctx: Context) -> Sequence[Reply]:
    """提议: what waits."""
    return _page(ctx, 0)


@refusing
def list_button(ctx: Context) -> Sequence[Reply]:
    """The next ones."""
    return _page(ctx, documents.pressed(ctx, 1)[0])


def _page(ctx: Context, after: int) -> Sequence[Reply]:
    who = access.curator(ctx)
    rows = waiting(ctx.session, who)
    rest = [one for one in rows if (one.id or 0) > after]
    if not rest:
        return [Reply("curation.offers_none", {"group": None})]
    head = [Reply("curation.offers", {"count": len(rows), "group": None})] if not after else []
    told = [_told(ctx, who, one) for one in rest[:SHOWN]]
    if len(rest) > SHOWN:
        left = len(rest) - SHOWN
        buttons = [Button(f"kb_offers:{rest[SHOWN - 1].id}", "curation.button_offers_more", {"left": left})]
        told.append(Reply("curation.offers_more", {"left": left, "group": None}, buttons=buttons))
    return [*head, *told]


def _told(ctx: Context, who: Curator, one: Proposal) -> Reply:
    asked = list(one.phrasings or [])
    values: dict[str, object] = {
        "question": words.cut(asked[0], 80),
        "answer": one.answer.splitlines(),
        "scope": access.scope_name(ctx.session, one.scope),
        "others": texts().raw("curation.between_parts").join(words.cut(text, 30) for text in asked[1:5]),
        "before": "",
        "group": None,
    }
    tails = ["curation.offer_others"] if len(asked) > 1 else []
    before = _before(ctx.session, one)
    if before:
        values["before"] = words.cut(words.readable(before), 120)
        tails.append("curation.offer_before")
    buttons = [Button(f"kb_accept:{one.id}", "curation.button_accept", settles=True)]
    if who.staff and one.scope != ALL and who.may(ALL):
        buttons.append(Button(f"kb_accept:{one.id}.1", "curation.button_accept_all", settles=True))
    buttons.append(Button(f"kb_edit:{one.id}", "curation.button_edit"))
    buttons.append(Button(f"kb_decline:{one.id}", "curation.button_decline", settles=True))
    return Reply(f"curation.offer_{one.origin}", values, tails, buttons=buttons, subject=f"kb_offer:{one.id}")


def _before(session: Session, one: Proposal) -> str:
    """Return what is answered now where a proposal wants something else said."""
    from knowledge import entries

    places = entries.places(session, one.entry) if one.entry and one.answer else []
    chunk: Chunk | None = places[0].chunk if places else None
    return chunk.body if chunk is not None else ""


def _find(ctx: Context, who: Curator, identity: int) -> Proposal:
    found = ctx.session.get(Proposal, identity) if identity else None
    if found is None or not who.may(found.scope) or found.key.startswith(WRITING):
        raise Refusal("guard.old_button")
    if found.state != "open":
        raise Refusal("curation.no_proposal_decided")
    return found


@refusing
def accept_button(ctx: Context) -> Sequence[Reply]:
    """收下: into a draft of its scope, or for all."""
    who = access.curator(ctx)
    identity, for_all = documents.pressed(ctx, 2)
    return _accepted(ctx, who, _find(ctx, who, identity), "", ALL if for_all else "")


@refusing
def said(ctx: Context) -> Sequence[Reply]:
    """Better words for a proposal that is quoted, or was chosen with 改一改."""
    who = access.curator(ctx)
    return _accepted(ctx, who, _find(ctx, who, row_id(ctx.subject.partition(":")[2])), ctx.text, "")


def _accepted(ctx: Context, who: Curator, one: Proposal, answer: str, scope: str) -> Sequence[Reply]:
    from knowledge import proposals

    if scope and not who.may(scope):
        raise Refusal("guard.old_button")
    if one.entry and not one.answer and not answer and not who.staff:
        raise Refusal("guard.staff_only")
    asked, words_of = list(one.phrasings or []), answer or one.answer
    done = proposals.accept(ctx.session, one.id or 0, who.hand, ctx.now, answer=answer, scope=scope)
    if one.entry and not words_of:
        return [Reply("curation.gap_learned", {"near": asked[0], "count": done.phrasings, "group": None})]
    return [drafted(ctx, who, done.document, done.entry, asked[0], words_of, done.phrasings)]


def edit_button(ctx: Context) -> Sequence[Reply]:
    """改一改: ask for the better words."""
    who = access.curator(ctx)
    one = _find(ctx, who, row_id(ctx.text))
    values = {"question": words.cut((one.phrasings or [""])[0], 60), "answer": one.answer.splitlines(), "group": None}
    return [Reply("curation.offer_edit", values, subject=f"kb_offer:{one.id}")]


@refusing
def decline_button(ctx: Context) -> Sequence[Reply]:
    """不要: laid aside, and not offered again."""
    from knowledge import proposals

    who = access.curator(ctx)
    one = _find(ctx, who, row_id(ctx.text))
    question = words.cut((one.phrasings or [""])[0], 40)
    proposals.decline(ctx.session, one.id or 0, who.hand, ctx.now)
    return [Reply("curation.offer_declined", {"question": question, "group": None})]
