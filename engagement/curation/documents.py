"""知识库, 看, 差异: documents, their versions, and what a draft changes.

Source: F69, F74.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from engagement import calendar
from engagement.curation import access, rules, words
from engagement.curation.access import Curator, refusing
from engagement.curation.files import draft_buttons
from engagement.errors import Refusal
from engagement.feature import Context
from engagement.kernel import Button, Reply
from knowledge import days, lifecycle
from prompts.loader import texts
from storage.documents import DocumentVersion

if TYPE_CHECKING:
    pass

PAGE = 12
VERSIONS_SHOWN = 5
TITLES_SHOWN = 6
LOST_SHOWN = 5


def number(ctx: Context, key: str) -> tuple[int, str]:
    """Read the document's number that was typed, and what follows it.

    Raises:
        Refusal: ``key``, which says how, when there is none.
    """
    found, rest = rules.numbered(ctx.argument)
    if not found:
        raise Refusal(key)
    return found, rest


def pressed(ctx: Context, most: int = 3) -> tuple[int, ...]:
    """Read the numbers of the button that was pressed, ``most`` of them, 0 for what is not there.

    Raises:
        Refusal: ``guard.old_button``.
    """
    found = rules.reference(ctx.text)
    if not found or len(found) > most:
        raise Refusal("guard.old_button")
    return (*found, *(0 for _ in range(most - len(found))))


# ---------------------------------------------------------------- looking


@refusing
def listed(ctx: Context) -> Sequence[Reply]:
    """知识库: what there is, what waits first."""
    return _page(ctx, access.curator(ctx), 0)


@refusing
def list_button(ctx: Context) -> Sequence[Reply]:
    """The next page of it."""
    return _page(ctx, access.curator(ctx), pressed(ctx, 1)[0])


def _page(ctx: Context, who: Curator, start: int) -> Sequence[Reply]:
    from knowledge import listings

    everything = listings.documents(ctx.session, ctx.now)["documents"]
    rows = [one for one in everything if who.may(one["scope"])]
    gone = [one for one in listings.documents(ctx.session, ctx.now, removed=True)["documents"] if who.may(one["scope"])]
    rows = [one for one in rows if one["stage"] != "archived"]
    samples = listings.samples(ctx.session)
    own = [f"curation.list_samples{'' if who.scopes is None else '_led'}"] if samples and not start else []
    if not rows and not gone:
        common = sum(one["scope"] == "all" and one["state"] == "published" for one in everything)
        empty = {"common": common, "samples": samples, "group": None}
        return [Reply("curation.list_common" if common else "curation.list_none", empty, own)]
    rows.sort(key=lambda one: (not _waits(one), one["id"]))
    shown = rows[start : start + PAGE]
    waiting = sum(_waits(one) for one in rows)
    values = {
        "count": len(rows),
        "waiting": waiting,
        "samples": samples,
        "rows": [words.row(ctx.session, one) for one in shown],
        "gone": texts().raw("curation.between").join(f"{one['id']}《{one['title']}》" for one in gone[:6]),
        "group": None,
    }
    buttons = [
        Button(f"kb_show:{one['id']}", "curation.button_show", {"id": one["id"]}) for one in shown if _waits(one)
    ][:4]
    if len(rows) > start + PAGE:
        buttons.append(Button(f"kb_list:{start + PAGE}", "curation.button_more"))
    tails = ["curation.list_gone"] if gone and not start else []
    if not start:
        tails += ["curation.list_how", *own]
    key = "curation.list" if waiting else "curation.list_calm"
    return [Reply(key if not start else "curation.list_page", values, tails, buttons=buttons)]


def _waits(one: Mapping[str, Any]) -> bool:
    return one["state"] == "draft" or bool(one["draft"])


@refusing
def shown(ctx: Context) -> Sequence[Reply]:
    """看 3: one document, its versions, what it holds."""
    return _shown(ctx, access.curator(ctx), number(ctx, "curation.show_how")[0])


@refusing
def show_button(ctx: Context) -> Sequence[Reply]:
    """The same from the list."""
    return _shown(ctx, access.curator(ctx), pressed(ctx, 1)[0])


def _shown(ctx: Context, who: Curator, identity: int) -> Sequence[Reply]:
    from knowledge import listings

    document = access.document(ctx.session, who, identity, removed=True)
    found = listings.document(ctx.session, identity, ctx.now)
    known = lifecycle.versions(ctx.session, identity)
    newest = known[-1]
    current = next(one for one in found["versions"] if one["number"] == found["version"])
    said = texts()
    versions = [
        {
            "number": one["number"],
            "stage": said.raw(f"curation.stage_{one['stage']}"),
            "chunks": one["chunks"],
            "day": words.short(_local(one["created_at"]), ctx.today),
            "who": access.hand_name(ctx.session, one["created_by"], ctx.incoming.channel),
        }
        for one in reversed(found["versions"][-VERSIONS_SHOWN:])
    ]
    about = words.headings([one["title"] for one in found["chunks"]])
    values: dict[str, object] = {
        "id": identity,
        "name": words.called(document.title, document.name),
        "scope": words.for_whom(ctx.session, document),
        "days": words.window(current["from"], current["until"], ctx.today),
        "owner": access.hand_name(ctx.session, document.owner, ctx.incoming.channel) if document.owner else "",
        "review": words.short(found["review_at"], ctx.today) if found["review_at"] else "",
        "rows": versions,
        "titles": said.raw("curation.between_parts").join(words.cut(one, 24) for one in about[:TITLES_SHOWN]),
        "group": None,
    }
    tails = ["curation.show_more_titles" if len(about) > TITLES_SHOWN else "curation.show_titles"] if about else []
    if document.owner:
        tails.append("curation.show_owner")
    if document.review_at is not None:
        tails.append("curation.show_review")
    more, findings = words.findings(lifecycle.findings(ctx.session, newest, open_only=True), most=words.FINDINGS_MOST)
    buttons = [] if document.removed_at is not None else _next(ctx, who, newest, known, findings.get("held", 0) != 0)
    if document.removed_at is not None:
        tails.append("curation.show_removed")
        buttons = [Button(f"kb_restore:{identity}", "curation.button_restore")]
    return [Reply("curation.show", {**values, **findings}, (*tails, *more), buttons=buttons)]


def _local(moment: str) -> str:
    return calendar.local_day(datetime.fromisoformat(moment), days.ZONE).isoformat()


def _next(
    ctx: Context, who: Curator, newest: DocumentVersion, known: Sequence[DocumentVersion], held: bool
) -> list[Button]:
    """Return what can be done with a document now."""
    identity = newest.document_id
    buttons = []
    if newest.state == "draft":
        buttons += draft_buttons(newest, who, second=lifecycle.needs_second(ctx.session, newest, who.hand))
    if held and not lifecycle.needs_second(ctx.session, newest, who.hand):
        buttons.append(Button(f"kb_pass:{identity}.{newest.number}", "curation.button_pass"))
    if any(one.state == "retired" and one.archived_at is None for one in known):
        buttons.append(Button(f"kb_back:{identity}", "curation.button_back"))
    if any(one.state == "published" for one in known):
        buttons.append(Button(f"kb_take:{identity}", "curation.button_take"))
    return buttons


@refusing
def compared(ctx: Context) -> Sequence[Reply]:
    """差异 3: what the draft changes of what is answered now."""
    return _compared(ctx, access.curator(ctx), number(ctx, "curation.diff_how")[0], 0)


@refusing
def compare_button(ctx: Context) -> Sequence[Reply]:
    """The same for the version that was shown."""
    identity, version = pressed(ctx, 2)
    return _compared(ctx, access.curator(ctx), identity, version)


def _compared(ctx: Context, who: Curator, identity: int, version: int) -> Sequence[Reply]:
    from knowledge import comparing

    document = access.document(ctx.session, who, identity)
    known = lifecycle.versions(ctx.session, identity)
    chosen = next((one for one in known if one.number == version), known[-1] if known and not version else None)
    if chosen is None:
        raise Refusal("guard.old_button" if version else "curation.unknown", id=identity)
    old = next((one for one in known if one.state == "published"), None)
    if old is chosen:
        old = next((one for one in reversed(known) if one.number < chosen.number), None)
    found = comparing.between(ctx.session, old, chosen)
    rows = words.changes(found)
    all_changes = len(found.added) + len(found.changed) + len(found.removed)
    values: dict[str, object] = {
        "id": identity,
        "name": words.called(document.title, document.name),
        "version": chosen.number,
        "old": old.number if old is not None else 0,
        "added": len(found.added),
        "changed": len(found.changed),
        "removed": len(found.removed),
        "same": found.same,
        "rows": rows,
        "more": all_changes - len(rows),
        "group": None,
    }
    tails = ["curation.diff_rows"] if rows else []
    if all_changes > len(rows):
        tails.append("curation.diff_more")
    more, findings = words.findings(lifecycle.findings(ctx.session, chosen, open_only=True))
    second = chosen.state == "draft" and lifecycle.needs_second(ctx.session, chosen, who.hand)
    buttons = draft_buttons(chosen, who, second=second)[1:] if chosen.state == "draft" else []
    key = "curation.diff_empty" if found.empty else "curation.diff" if old is not None else "curation.diff_first"
    tails = [*tails, *more, *(["curation.needs_second"] if second else [])]
    return [Reply(key, {**values, **findings}, tails, buttons=buttons)]
