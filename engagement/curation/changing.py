"""改答案, 加问法, 合并, 拆分: found by asking, or by quoting an answer of the bot; every change goes into a draft.

Source: F69.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from engagement.curation import access, documents, rules, words
from engagement.curation.access import Curator, refusing
from engagement.curation.writing import drafted
from engagement.errors import Refusal
from engagement.feature import Context, Slow
from engagement.kernel import Button, Reply, row_id
from storage.documents import Chunk, DocumentVersion

if TYPE_CHECKING:
    from knowledge.answer import Candidate
    from knowledge.answering import Answering

ANSWER, PHRASING, SPLIT = 1, 2, 3
"""What is done to the entry that was found."""
_HOW = {ANSWER: "curation.answer_how", PHRASING: "curation.phrasing_how", SPLIT: "curation.split_how"}
OFFERED = 4
SURE = 0.6
"""How likely the first candidate has to be to be taken without asking."""
SHOWN = 20
_AND = re.compile(r"\n|[ ，,]*(?:和|与|跟|\+|＋|/)[ ，,]*")
_CHOSEN = re.compile(r"[0-9]{1,3}(?:[ ,，、]+[0-9]{1,3})*")


@dataclass(frozen=True, slots=True)
class Search:
    """What entry is looked for, to do what with it, with which words (empty: they are asked for)."""

    answering: Answering | None
    query: str
    words: str
    group_id: int | None
    now: datetime
    entry: tuple[int, str] | None = None
    found: Sequence[Candidate] = ()


def _prepared(mode: int) -> Callable[[Context], Search]:
    def prepare(ctx: Context) -> Search:
        who = access.curator(ctx)
        group = ctx.group.id if ctx.group is not None and not who.staff else None
        quoted = _quoted(ctx.subject)
        if quoted is not None:
            return Search(None, "", rules.own_words(ctx.text) if ctx.argument else "", group, ctx.now, quoted)
        query = ctx.argument.partition("\n")[0]
        rest = rules.own_words(ctx.text).partition("\n")[2]
        if not query.strip():
            raise Refusal(_HOW[mode])
        return Search(ctx.answering, query.strip(), rest.strip(), group, ctx.now)

    return prepare


def _quoted(subject: str) -> tuple[int, str] | None:
    """Read what the quoted answer was from: ``faq:document:entry``."""
    prefix, _, rest = subject.partition(":")
    document, _, entry = rest.partition(":")
    return (row_id(document), entry) if prefix == "faq" and row_id(document) and entry else None


async def work(search: Search) -> Search:
    """Ask the base which entry is meant."""
    if search.answering is None or not search.query:
        return search
    found = await search.answering.look(search.query, now=search.now, group_id=search.group_id, leader=True)
    return Search(
        None, search.query, search.words, search.group_id, search.now, search.entry, found.candidates[:OFFERED]
    )


def _finished(mode: int) -> Callable[[Context, Search], Sequence[Reply]]:
    @refusing
    def finish(ctx: Context, search: Search) -> Sequence[Reply]:
        who = access.curator(ctx)
        if search.entry is not None:
            quoted = _standing(ctx, who, *search.entry)
            return _changed(ctx, who, quoted, mode, search.words) if search.words else _ask(ctx, quoted, mode)
        mine = [(one, chunk) for one in search.found if (chunk := _mine(ctx, who, one.chunk)) is not None]
        if not mine:
            raise Refusal("curation.entry_not_found", query=words.cut(search.query, 40))
        if mine[0][0].score >= SURE:
            chunk = mine[0][1]
            return _changed(ctx, who, chunk, mode, search.words) if search.words else _ask(ctx, chunk, mode)
        buttons = [
            Button(f"kb_pick:{chunk.id}.{mode}", "curation.button_pick", {"title": words.cut(chunk.title, 28)})
            for _, chunk in mine
        ]
        return [Reply("curation.entry_which", {"group": None}, buttons=buttons)]

    return finish


def slow(mode: int) -> Slow:
    """Return the handler of a command that changes an entry."""
    return Slow(_prepared(mode), work, _finished(mode))


def _mine(ctx: Context, who: Curator, chunk_id: int) -> Chunk | None:
    """Return the entry of a chunk that is the curator's to change, as the next edit would start from it."""
    chunk = ctx.session.get(Chunk, chunk_id) if chunk_id else None
    version = ctx.session.get(DocumentVersion, chunk.version_id) if chunk is not None else None
    if chunk is None or version is None or chunk.kind != "entry":
        return None
    try:
        return _standing(ctx, who, version.document_id, chunk.entry)
    except Refusal:
        return None


@refusing
def _standing(ctx: Context, who: Curator, document: int, entry: str) -> Chunk:
    from knowledge import entries

    access.document(ctx.session, who, document)
    return entries.find(ctx.session, entry, document).chunk


def _ask(ctx: Context, chunk: Chunk, mode: int) -> Sequence[Reply]:
    from knowledge import editing

    asked = [one.text for one in editing.phrasings(ctx.session, chunk.id)]
    numbered = [{"number": at, "text": words.cut(one, 40)} for at, one in enumerate(asked[:SHOWN], start=1)]
    values = {
        "question": words.cut(chunk.title, 60),
        "answer": words.readable(chunk.body).splitlines(),
        "count": len(asked),
        "rows": numbered,
        "group": None,
    }
    key = {ANSWER: "curation.entry_answer", PHRASING: "curation.entry_phrasing", SPLIT: "curation.entry_split"}[mode]
    tails = ["curation.answer_facts"] if mode == ANSWER and words.readable(chunk.body) != chunk.body else []
    return [Reply(key, values, tails, subject=f"kb_entry:{chunk.id}.{mode}")]


def pick_button(ctx: Context) -> Sequence[Reply]:
    """One of the offered entries was meant."""
    who = access.curator(ctx)
    identity, mode = documents.pressed(ctx, 2)
    chunk = _mine(ctx, who, identity)
    if chunk is None or mode not in _HOW:
        raise Refusal("guard.old_button")
    return _ask(ctx, chunk, mode)


def said(ctx: Context) -> Sequence[Reply]:
    """The words for an entry that was asked for."""
    who = access.curator(ctx)
    ctx.text, typed = ctx.subject.partition(":")[2], ctx.text
    identity, mode = documents.pressed(ctx, 2)
    chunk = _mine(ctx, who, identity)
    if chunk is None or mode not in _HOW:
        raise Refusal("guard.old_button")
    return _changed(ctx, who, chunk, mode, typed)


@refusing
def _changed(ctx: Context, who: Curator, chunk: Chunk, mode: int, typed: str) -> Sequence[Reply]:
    from knowledge import entries

    version = ctx.session.get_one(DocumentVersion, chunk.version_id)
    document, entry, title, body = version.document_id, chunk.entry, chunk.title, chunk.body
    if mode == SPLIT:
        return _split(ctx, who, chunk, document, typed)
    if mode == ANSWER:
        done = entries.set_answer(ctx.session, entry, typed, who.hand, ctx.now, document=document)
        body = typed
    else:
        lines = [line for line in typed.splitlines() if line.strip()]
        done = entries.add_phrasings(ctx.session, entry, lines, who.hand, ctx.now, document=document)
    return [drafted(ctx, who, done.document, done.entry, title, body, done.phrasings, changed=done.changed)]


def _split(ctx: Context, who: Curator, chunk: Chunk, document: int, typed: str) -> Sequence[Reply]:
    from knowledge import editing, rearranging

    first, _, answer = typed.strip().partition("\n")
    if not _CHOSEN.fullmatch(first.strip()) or not answer.strip():
        raise Refusal("curation.split_words")
    asked = [one.text for one in editing.phrasings(ctx.session, chunk.id)]
    chosen = [int(one) for one in re.findall("[0-9]+", first)]
    if any(not 1 <= one <= len(asked) for one in chosen):
        raise Refusal("curation.split_words")
    wording = editing.Wording([asked[one - 1] for one in chosen], answer.strip())
    done = rearranging.split(ctx.session, chunk.entry, wording, who.hand, ctx.now, document=document)
    return [drafted(ctx, who, done.document, done.entry, asked[chosen[0] - 1], answer, done.phrasings)]


# ---------------------------------------------------------------- merging


@dataclass(frozen=True, slots=True)
class Pair:
    """Two entries that are to become one."""

    searches: tuple[Search, Search]


def prepare_merge(ctx: Context) -> Pair:
    """合并问答 A 和 B."""
    who = access.curator(ctx)
    parts = [one.strip() for one in _AND.split(ctx.argument) if one.strip()]
    if len(parts) != 2:
        raise Refusal("curation.merge_how")
    group = ctx.group.id if ctx.group is not None and not who.staff else None
    one, other = (Search(ctx.answering, part, "", group, ctx.now) for part in parts)
    return Pair((one, other))


async def work_merge(pair: Pair) -> Pair:
    """Ask the base which entries are meant."""
    one, other = pair.searches
    return Pair((await work(one), await work(other)))


@refusing
def finish_merge(ctx: Context, pair: Pair) -> Sequence[Reply]:
    """Show both, and ask whose answer stays."""
    who = access.curator(ctx)
    chunks = []
    for search in pair.searches:
        chunk = next((found for one in search.found if (found := _mine(ctx, who, one.chunk)) is not None), None)
        if chunk is None:
            raise Refusal("curation.entry_not_found", query=words.cut(search.query, 40))
        chunks.append(chunk)
    first, second = chunks
    if first.id == second.id:
        raise Refusal("curation.merge_same", question=words.cut(first.title, 40))
    values = {
        "one": words.cut(first.title, 40),
        "one_answer": words.cut(words.readable(first.body), 200),
        "other": words.cut(second.title, 40),
        "other_answer": words.cut(words.readable(second.body), 200),
        "group": None,
    }
    here = f"{first.id}.{second.id}"
    buttons = [
        Button(f"kb_merge:{here}.1", "curation.button_merge_one", settles=True),
        Button(f"kb_merge:{here}.2", "curation.button_merge_other", settles=True),
        Button("kb_stay:0", "curation.button_stay", settles=True),
    ]
    return [Reply("curation.merge_sure", values, buttons=buttons)]


@refusing
def merge_button(ctx: Context) -> Sequence[Reply]:
    """The confirmation: one entry with the phrasings of both, in a draft."""
    from knowledge import rearranging

    who = access.curator(ctx)
    one, other, whose = documents.pressed(ctx, 3)
    first, second = _mine(ctx, who, one), _mine(ctx, who, other)
    if first is None or second is None or whose not in (1, 2):
        raise Refusal("guard.old_button")
    title, body = first.title, first.body if whose == 1 else second.body
    places = tuple(ctx.session.get_one(DocumentVersion, one.version_id).document_id for one in (first, second))
    done = rearranging.merge(
        ctx.session,
        first.entry,
        second.entry,
        who.hand,
        ctx.now,
        answer="keep" if whose == 1 else "other",
        documents=(places[0], places[1]),
    )
    return [drafted(ctx, who, done.document, done.entry, title, body, done.phrasings)]
