"""新问答: question, answer, other ways to ask, what it would clash with, and into a draft. Nothing answers before a publish.

How far a dialogue is stands in an open proposal of the writer, so that a restart forgets nothing and two do not mix.

Source: F69, F62.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import delete
from sqlmodel import col

from engagement.curation import access, notices, rules, words
from engagement.curation.access import Curator, refusing
from engagement.curation.files import draft_buttons
from engagement.errors import Refusal
from engagement.feature import Context
from engagement.kernel import Button, Reply, row_id
from knowledge import lifecycle
from prompts.loader import texts
from storage.documents import Chunk, DocumentVersion
from storage.learning import Proposal

if TYPE_CHECKING:
    from knowledge.answering import Answering
    from knowledge.duplicates import Clash

CLASHES_SHOWN = 3
ASKED_SHOWN = 6
FORGOTTEN = timedelta(days=1)
"""How long an entry that is being written is waited for."""
WRITING = "new:"
"""Keys of proposals that somebody is writing himself."""


@dataclass(frozen=True, slots=True)
class Page:
    """An entry that is being written.

    Attributes:
        proposal: the row that keeps it; 0 before the first words.
        clashes: what it would get in the way of.
        pressed: the button whose words were typed: ``keep`` or ``drop``.
        instead: words said where the answer stands already; they take its place when that is confirmed.
    """

    answering: Answering | None
    proposal: int
    asked: Sequence[str]
    answer: str
    scope: str
    now: datetime
    clashes: Sequence[Clash] = ()
    pressed: str = ""
    instead: str = ""


@refusing
def prepare(ctx: Context) -> Page:
    """新问答, alone, with a question, or with the answer on the next lines."""
    who = access.curator(ctx)
    return _begun(ctx, who, rules.own_words(ctx.text) if ctx.argument else "")


def _begun(ctx: Context, who: Curator, typed: str) -> Page:
    from knowledge import editing

    question, _, answer = typed.strip().partition("\n")
    asked = [editing.cleaned(question)] if question.strip() else []
    body = editing.checked_answer(answer)[0] if answer.strip() else ""
    return Page(ctx.answering, 0, asked, body, access.home(who), ctx.now)


@refusing
def prepare_said(ctx: Context) -> Page:
    """The next words: the question, the answer, or (``kb_ask``) other ways to ask, one a line."""
    from knowledge import editing

    who = access.curator(ctx)
    prefix, _, reference = ctx.subject.partition(":")
    if not row_id(reference):
        return _begun(ctx, who, ctx.text)
    row = _own(ctx, who, row_id(reference))
    asked, answer = list(row.phrasings or []), row.answer
    if prefix == "kb_ask":
        asked += [editing.cleaned(line) for line in ctx.text.splitlines() if line.strip()]
        asked = list({editing.form(one): one for one in reversed(asked)}.values())[::-1]
    elif pressed := _typed(ctx.text) if answer else "":
        return Page(None, row.id or 0, asked, answer, row.scope, ctx.now, pressed=pressed)
    elif answer:
        said = editing.checked_answer(ctx.text)[0]
        return Page(None, row.id or 0, asked, answer, row.scope, ctx.now, instead=said)
    else:
        answer = editing.checked_answer(ctx.text)[0]
    return Page(ctx.answering, row.id or 0, asked, answer, row.scope, ctx.now)


def _typed(text: str) -> str:
    """Say which button somebody typed the words of."""
    said = texts()
    labels = {said.raw("curation.button_keep"): "keep", said.raw("curation.button_no"): "drop"}
    return labels.get(rules.bare(text), "")


@refusing
def prepare_press(ctx: Context) -> Page:
    """A button under it: as it stands."""
    who = access.curator(ctx)
    row = _own(ctx, who, row_id(ctx.text))
    return Page(ctx.answering, row.id or 0, list(row.phrasings or []), row.answer, row.scope, ctx.now)


def _own(ctx: Context, who: Curator, identity: int) -> Proposal:
    found = ctx.session.get(Proposal, identity) if identity else None
    if found is None or found.made_by != who.person_id or not found.key.startswith(WRITING):
        raise Refusal("guard.old_button")
    if found.state != "open":
        raise Refusal("curation.no_proposal_decided")
    return found


async def work(page: Page) -> Page:
    """Look for what it would clash with, outside every transaction."""
    if page.answering is None or not page.asked:
        return page
    await page.answering.look(page.asked[0], now=page.now)  # so that the newest publish is known here too
    return replace(page, clashes=await asyncio.to_thread(_clashes, page, page.answering))


def _clashes(page: Page, answering: Answering) -> Sequence[Clash]:
    from knowledge import duplicates

    return answering.database.read_now(
        lambda session: duplicates.check(session, answering.base, page.asked, page.answer, page.now, scope=page.scope)
    )


@refusing
def finish(ctx: Context, page: Page) -> Sequence[Reply]:
    """Keep what was said so far, and ask for the next thing or show the whole."""
    who = access.curator(ctx)
    if not page.asked:
        return [Reply("curation.new_question", {"group": None}, subject="kb_new:0")]
    if page.pressed:
        ctx.text = str(page.proposal)
        return keep(ctx) if page.pressed == "keep" else drop(ctx)
    if page.instead:
        return [_sure(ctx, who, page)]
    row = _own(ctx, who, page.proposal) if page.proposal else _new(ctx, who, page)
    row.phrasings, row.answer = list(page.asked), page.answer
    ctx.session.add(row)
    ctx.session.flush()
    if not page.answer:
        values = {"question": words.cut(page.asked[0], 60), "group": None}
        tails, more = _clashing(page)
        return [Reply("curation.new_answer", {**values, **more}, tails, subject=f"kb_new:{row.id}")]
    return [_shown(ctx, row, page)]


def _new(ctx: Context, who: Curator, page: Page) -> Proposal:
    _forget(ctx, who)
    mark = hashlib.blake2b(ctx.chance.encode(), digest_size=12).hexdigest()
    return Proposal(origin="staff", key=f"{WRITING}{mark}", scope=page.scope, made_at=ctx.now, made_by=who.person_id)


def _sure(ctx: Context, who: Curator, page: Page) -> Reply:
    """Ask whether words take the answer's place: they may be meant for something else. It stands until that is said."""
    row = _new(ctx, who, page)
    row.phrasings, row.answer = list(page.asked), page.instead
    ctx.session.add(row)
    ctx.session.flush()
    values = {"question": words.cut(page.asked[0], 60), "answer": words.cut(page.instead, 200), "group": None}
    buttons = [
        Button(f"kb_swap:{row.id}", "curation.button_swap", settles=True),
        Button(f"kb_keep:{page.proposal}", "curation.button_keep_first", settles=True),
        Button(f"kb_no:{page.proposal}", "curation.button_no", settles=True),
    ]
    return Reply("curation.new_swap", values, buttons=buttons, subject=f"kb_new:{page.proposal}")


def _forget(ctx: Context, who: Curator) -> None:
    """Delete what the writer began and never ended."""
    ctx.session.execute(
        delete(Proposal).where(
            col(Proposal.made_by) == who.person_id,
            col(Proposal.key).startswith(WRITING),
            col(Proposal.state) == "open",
            col(Proposal.made_at) < ctx.now - FORGOTTEN,
        )
    )


def _clashing(page: Page) -> tuple[list[str], dict[str, object]]:
    said = texts()
    rows = [
        {"what": said.fill(f"curation.clash_{one.kind}", {"title": words.cut(one.title, 40), "differs": one.differs})}
        for one in page.clashes[:CLASHES_SHOWN]
    ]
    return (["curation.clashes"], {"clashes": rows}) if rows else ([], {})


def _shown(ctx: Context, row: Proposal, page: Page) -> Reply:
    tails, more = _clashing(page)
    values: dict[str, object] = {
        "question": words.cut(page.asked[0], 80),
        "answer": page.answer.splitlines(),
        "others": texts().raw("curation.between_parts").join(words.cut(one, 30) for one in page.asked[1:ASKED_SHOWN]),
        "count": len(page.asked),
        "scope": access.scope_name(ctx.session, page.scope),
        "group": None,
    }
    if len(page.asked) > 1:
        tails = ["curation.new_others", *tails]
    buttons = [
        Button(f"kb_keep:{row.id}", "curation.button_keep", settles=True),
        Button(f"kb_ask:{row.id}", "curation.button_ask"),
    ]
    if page.clashes:
        near = {"title": words.cut(page.clashes[0].title, 16)}
        buttons.append(Button(f"kb_alias:{row.id}", "curation.button_alias", near, settles=True))
    buttons.append(Button(f"kb_no:{row.id}", "curation.button_no", settles=True))
    return Reply("curation.new_shown", {**values, **more}, tails, buttons=buttons, subject=f"kb_new:{row.id}")


# ---------------------------------------------------------------- its buttons


def ask_more(ctx: Context) -> Sequence[Reply]:
    """加问法: other ways to ask, one a line."""
    row = _own(ctx, access.curator(ctx), row_id(ctx.text))
    return [Reply("curation.new_more", {"group": None}, subject=f"kb_ask:{row.id}")]


@refusing
def keep(ctx: Context) -> Sequence[Reply]:
    """写进草稿."""
    from knowledge import proposals

    who = access.curator(ctx)
    row = _own(ctx, who, row_id(ctx.text))
    asked, answer = list(row.phrasings or []), row.answer
    done = proposals.accept(ctx.session, row.id or 0, who.hand, ctx.now)
    return [drafted(ctx, who, done.document, done.entry, asked[0], answer, done.phrasings)]


@refusing
def alias(ctx: Context, page: Page) -> Sequence[Reply]:
    """It is another way to ask for the entry that it clashes with: into a draft of that one."""
    from knowledge import entries, proposals

    who = access.curator(ctx)
    _own(ctx, who, page.proposal)
    if not page.clashes:
        raise Refusal("guard.old_button")
    place = entries.find(ctx.session, page.clashes[0].other)
    access.document(ctx.session, who, place.document.id or 0)
    done = entries.add_phrasings(
        ctx.session, place.chunk.entry, page.asked, who.hand, ctx.now, document=place.document.id
    )
    proposals.decline(ctx.session, page.proposal, who.hand, ctx.now)
    title, body = place.chunk.title, place.chunk.body
    return [drafted(ctx, who, done.document, done.entry, title, body, done.phrasings, changed=done.changed)]


@refusing
def drop(ctx: Context) -> Sequence[Reply]:
    """不要了: what was being written is laid aside."""
    from knowledge import proposals

    who = access.curator(ctx)
    proposals.decline(ctx.session, _own(ctx, who, row_id(ctx.text)).id or 0, who.hand, ctx.now)
    return [Reply("curation.stayed", {"group": None})]


def drafted(
    ctx: Context,
    who: Curator,
    identity: int,
    entry: str,
    question: str,
    answer: str,
    phrasings: int,
    *,
    changed: bool = True,
) -> Reply:
    """Say that an entry stands in a draft, and what comes next."""
    version = lifecycle.versions(ctx.session, identity)[-1]
    second = lifecycle.needs_second(ctx.session, version, who.hand)
    chunk = _chunk(ctx, version, entry)
    mine = [one for one in lifecycle.findings(ctx.session, version, open_only=True) if one.chunk_id == chunk and chunk]
    tails, findings = words.findings([one for one in mine if one.severity != "note"])
    values: dict[str, object] = {
        "id": identity,
        "question": words.cut(question, 60),
        "answer": words.cut(words.readable(answer), 200),
        "count": phrasings,
        "scope": words.for_whom(ctx.session, access.document(ctx.session, who, identity)),
        "group": None,
    }
    if not changed:
        return Reply("curation.drafted_already", values)
    tails.append("curation.needs_second" if second else "curation.drafted_next")
    buttons = draft_buttons(version, who, second=second)[:-1]
    notices.waits(ctx, who, version)
    if chunk:
        buttons.append(Button(f"kb_out:{chunk}", "curation.button_out"))
    return Reply("curation.drafted", {**values, **findings}, tails, buttons=buttons)


def _chunk(ctx: Context, version: DocumentVersion, entry: str) -> int:
    from knowledge import editing

    found = editing.within(ctx.session, version, entry)
    return found.id or 0 if found is not None else 0


@refusing
def take_out(ctx: Context) -> Sequence[Reply]:
    """撤回这条: the draft says of this entry again what is published, or nothing where it was new."""
    from knowledge import editing, entries

    who = access.curator(ctx)
    chunk = ctx.session.get(Chunk, row_id(ctx.text)) if row_id(ctx.text) else None
    version = ctx.session.get(DocumentVersion, chunk.version_id) if chunk is not None else None
    if chunk is None or version is None:
        raise Refusal("curation.out_already" if row_id(ctx.text) else "guard.old_button")
    document = access.document(ctx.session, who, version.document_id)
    if version.state != "draft" or version.created_by_id != who.person_id:
        raise Refusal("guard.old_button")
    title, known = chunk.title, lifecycle.versions(ctx.session, version.document_id)
    published = next((one for one in known if one.state == "published"), None)
    before = editing.within(ctx.session, published, chunk.entry) if published is not None else None
    if before is None:
        entries.drop(ctx.session, chunk.entry, who.hand, ctx.now, document=document.id)
    else:
        _as_before(ctx, version, chunk, before, who)
    return [Reply("curation.out", {"question": words.cut(title, 40), "group": None})]


def _as_before(ctx: Context, version: DocumentVersion, chunk: Chunk, before: Chunk, who: Curator) -> None:
    from knowledge import editing
    from storage.documents import Phrasing

    for name in ("title", "body", "plain", "facts"):
        setattr(chunk, name, getattr(before, name))
    for row in editing.phrasings(ctx.session, chunk.id):
        ctx.session.delete(row)
    ctx.session.flush()
    for row in editing.phrasings(ctx.session, before.id):
        ctx.session.add(Phrasing(chunk_id=chunk.id or 0, kind=row.kind, text=row.text))
    ctx.session.flush()
    editing.done(ctx.session, version, [chunk], who.hand, ctx.now)
