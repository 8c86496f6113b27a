"""A file that staff send in private: fetched and parsed outside every transaction, a draft afterwards, and what was found.

What a crash leaves in between is an unfinished version that nobody sees; the message is handled again after the restart,
and the same bytes are the same draft.

Source: F69, FAULTS D1-D4.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from sqlmodel import col, func
from sqlmodel import select as pick

from engagement.curation import access, notices, rules, words
from engagement.curation.access import Curator
from engagement.errors import Refusal, TooLarge, Unfetchable
from engagement.feature import Context, Fetch
from engagement.kernel import Button, Kind, Place, Reply
from knowledge import lifecycle
from knowledge.errors import KnowledgeRefusal
from prompts.loader import texts
from storage import outbox
from storage.documents import Chunk, DocumentVersion
from storage.groups import Group

if TYPE_CHECKING:
    from knowledge.base import KnowledgeBase
    from knowledge.ingest import Added
    from knowledge.settings import DocumentSettings
    from storage.engine import Database

log = structlog.get_logger("engagement.curation")
FETCH_SECONDS = 60.0
AT_ONCE = 2
"""Files that are read at a time; others wait."""
URL_SHOWN = 60
MANY_PAGES = 20
"""Pages from which on it is shown how far the reading is."""
_room = asyncio.Semaphore(AT_ONCE)


@dataclass(frozen=True, slots=True)
class Sent:
    """A file on its way in.

    Attributes:
        scope, audience: whom the document is for; an empty audience leaves it as it was.
        url: the web page that it is, where it is one; then ``media_id`` is empty.
        subject: of the one message that tells how far it is.
        show: shows in private at which page it is, where the channel can take such words back; see ``Context``.
    """

    who: Curator
    name: str
    media_id: str
    fetch: Fetch | None
    database: Database
    scope: str
    audience: str
    now: datetime
    subject: str
    url: str = ""
    options: DocumentSettings | None = None
    base: KnowledgeBase | None = None
    show: Callable[[str], Awaitable[None]] | None = None


def prepare(ctx: Context) -> Sent:
    """See who sends what, before anything is fetched: a file, or the address of a web page.

    Raises:
        Refusal: not somebody who looks after knowledge, a format that cannot be read, or too large.
    """
    url, words_of = ("", ctx.incoming.text) if ctx.incoming.media else rules.read_link(ctx.incoming.text)
    who = access.curator_of(ctx.session, ctx.actor.person_id, ctx.group.id if ctx.group is not None else 0)
    if who is None:
        raise Refusal("curation.file_not_you")
    if ctx.incoming.place is not Place.DM:
        raise Refusal("guard.private_only")
    name = words.cut(url, URL_SHOWN) if url else rules.file_name(ctx.incoming.file_name)
    if not url and ctx.incoming.media_id:
        _check(name, ctx.incoming.file_size)
    if ctx.answering is None or (not url and (ctx.fetch is None or not ctx.incoming.media_id)):
        raise Refusal("curation.file_unfetchable")
    _let(ctx, url)
    caption = rules.read_caption(words_of)
    return Sent(
        who,
        name,
        ctx.incoming.media_id,
        ctx.fetch,
        ctx.answering.database,
        _scope(ctx, who, caption.scope),
        "leaders" if caption.leaders else "",
        ctx.now,
        f"kb_file:{hashlib.blake2b(ctx.chance.encode(), digest_size=8).hexdigest()}",
        url,
        ctx.answering.options,
        ctx.answering.base,
        ctx.show,
    )


@access.refusing
def _let(ctx: Context, url: str) -> None:
    """Refuse a web page where the operator has not switched them on, before anything is said."""
    from knowledge import links

    if url and ctx.answering is not None:
        links.allowed(ctx.answering.options, url)


def _check(name: str, size: int) -> None:
    from knowledge import loaders

    suffix = Path(name).suffix.lower()
    if suffix not in loaders.SUFFIXES:
        code = next((code for code, known in loaders.ADVICE.items() if suffix in known), "unknown_format")
        raise Refusal(f"kb.document_{code}", name=name)
    if size > loaders.MAX_BYTES:
        raise Refusal("curation.file_too_big", name=name)


def _scope(ctx: Context, who: Curator, named: str) -> str:
    if not named:
        return access.home(who)
    groups = ctx.session.exec(pick(Group.id).where(Group.name == named, Group.channel == ctx.incoming.channel)).all()
    mine = [f"group:{one}" for one in groups if who.may(f"group:{one}")]
    if len(mine) != 1:
        raise Refusal("curation.file_no_group", name=named)
    return mine[0]


def begin(sent: Sent) -> Sequence[Reply]:
    """Say that it is being read."""
    return [Reply("curation.file_reading", {"name": sent.name}, subject=sent.subject)]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a file: a draft, or why not."""

    sent: Sent
    added: Added | None = None
    refusal: Refusal | None = None


async def work(sent: Sent) -> Outcome:
    """Fetch it, parse it in the child process, and write the draft in short transactions of its own."""
    from knowledge import loaders

    async with _room:
        if sent.url or sent.fetch is None:
            return await asyncio.to_thread(_take_page_in, sent)
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                content = await sent.fetch(sent.media_id, loaders.MAX_BYTES)
        except TooLarge:
            return Outcome(sent, refusal=Refusal("curation.file_too_big", name=sent.name))
        except (Unfetchable, TimeoutError) as error:
            log.warning("curation.unfetchable", kind=type(error).__name__)
            return Outcome(sent, refusal=Refusal("curation.file_unfetchable"))
        return await asyncio.to_thread(_take_in, sent, content, _pages(sent))


def _pages(sent: Sent) -> Callable[[str, int, int], None] | None:
    """Return what shows, from the thread that reads, at which page it is: ten times in a long document, never waiting."""
    if sent.show is None:
        return None
    show, loop = sent.show, asyncio.get_running_loop()

    async def tell(done: int, total: int) -> None:
        await show(texts().fill("curation.file_page", {"name": sent.name, "done": done, "total": total}))

    def told(what: str, done: int, total: int) -> None:
        if what == "page" and total >= MANY_PAGES and done % (total // 10) == 0 and not loop.is_closed():
            asyncio.run_coroutine_threadsafe(tell(done, total), loop)

    return told


def _take_in(sent: Sent, content: bytes, told: Callable[[str, int, int], None] | None = None) -> Outcome:
    from knowledge import ingest, scratch

    scratch.sweep()
    with scratch.folder() as folder:
        path = folder / sent.name
        path.write_bytes(content)
        label = ingest.Label(sent.name, sent.scope, audience=sent.audience)
        try:
            added = ingest.add(sent.database, path, now=sent.now, label=label, hand=sent.who.hand, progress=told)
            _compare(sent, added)
        except KnowledgeRefusal as no:
            return Outcome(sent, refusal=access.refusal(no))
    return Outcome(sent, added)


def _take_page_in(sent: Sent) -> Outcome:
    from knowledge import ingest, links

    try:
        with links.page(sent.url, sent.options) as (path, name):
            label = ingest.Label(name, sent.scope, audience=sent.audience)
            added = ingest.add(sent.database, path, now=sent.now, label=label, hand=sent.who.hand)
            _compare(sent, added)
    except KnowledgeRefusal as no:
        return Outcome(sent, refusal=access.refusal(no))
    return Outcome(sent, added)


def _compare(sent: Sent, added: Added) -> None:
    """See where it contradicts what answers already; that stands among its findings."""
    from knowledge import clashes

    if sent.base is not None and not added.unchanged:
        clashes.look(sent.database, sent.base, added.document, added.version, sent.now)


def finish(ctx: Context, found: Outcome) -> Sequence[Reply]:
    """Tell what is in it, in the place of what was said at the beginning."""
    who = access.curator(ctx)
    if found.refusal is not None:
        return [_in_place(ctx, found.sent, Reply(found.refusal.key, found.refusal.values))]
    assert found.added is not None
    return [_in_place(ctx, found.sent, told(ctx, who, found.added))]


def _in_place(ctx: Context, sent: Sent, reply: Reply) -> Reply:
    shown = outbox.latest_about(
        ctx.session,
        channel=ctx.incoming.channel,
        account=ctx.incoming.account,
        conversation=ctx.incoming.conversation,
        subject=sent.subject,
    )
    return replace(reply, kind=Kind.EDIT if shown else Kind.REPLY, subject=sent.subject)


def told(ctx: Context, who: Curator, added: Added) -> Reply:
    """Say what a version holds, what was left out and what somebody has to look at."""
    version = lifecycle.version(ctx.session, added.document, added.version)
    document = access.document(ctx.session, who, added.document)
    kinds = dict(
        ctx.session.exec(
            pick(Chunk.kind, func.count()).where(Chunk.version_id == version.id).group_by(col(Chunk.kind))
        ).all()
    )
    values: dict[str, object] = {
        "id": added.document,
        "name": words.called(document.title, document.name),
        "version": added.version,
        "found": words.counted(kinds.get("entry", 0), kinds.get("passage", 0)),
        "scope": words.for_whom(ctx.session, document),
        "group": None,
    }
    if version.state == "published":
        return Reply("curation.file_same", values)
    tails, more = words.findings(lifecycle.findings(ctx.session, version, open_only=True))
    second = lifecycle.needs_second(ctx.session, version, who.hand)
    notices.waits(ctx, who, version)
    tails.append("curation.needs_second" if second else "curation.next_draft")
    return Reply("curation.file_draft", {**values, **more}, tails, buttons=draft_buttons(version, who, second=second))


def draft_buttons(version: DocumentVersion, who: Curator, *, second: bool = False) -> list[Button]:
    """Return what can be done with a draft: 看差异, 发布 (by somebody else, where there is one), 不要了 or 退回去."""
    here = f"{version.document_id}.{version.number}"
    buttons = [Button(f"kb_diff:{here}", "curation.button_diff")]
    if not second:
        buttons.append(Button(f"kb_publish:{version.document_id}", "curation.button_publish"))
    drop = "curation.button_return" if somebody_else(version, who) else "curation.button_drop"
    return [*buttons, Button(f"kb_drop:{here}", drop)]


def somebody_else(version: DocumentVersion, who: Curator) -> bool:
    """Say whether a version is another person's, who wants to know what becomes of it."""
    return version.created_by_id not in (None, who.person_id)
