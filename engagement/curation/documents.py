"""知识库, 看, 差异, 发布, 回滚, 下架, 恢复: documents and their versions, with a confirmation where it counts.

Every button names the version that was shown: what has changed meanwhile is not done to another one.

Source: F69, F74.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
    from knowledge.answering import Answering

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

    rows = [one for one in listings.documents(ctx.session, ctx.now)["documents"] if who.may(one["scope"])]
    gone = [one for one in listings.documents(ctx.session, ctx.now, removed=True)["documents"] if who.may(one["scope"])]
    rows = [one for one in rows if one["stage"] != "archived"]
    if not rows and not gone:
        return [Reply("curation.list_none", {"group": None})]
    rows.sort(key=lambda one: (not _waits(one), one["id"]))
    shown = rows[start : start + PAGE]
    waiting = sum(_waits(one) for one in rows)
    values = {
        "count": len(rows),
        "waiting": waiting,
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
        tails.append("curation.list_how")
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
            "day": words.short(calendar.local_day(datetime.fromisoformat(one["created_at"]), days.ZONE).isoformat()),
            "who": access.hand_name(ctx.session, one["created_by"], ctx.incoming.channel),
        }
        for one in reversed(found["versions"][-VERSIONS_SHOWN:])
    ]
    values: dict[str, object] = {
        "id": identity,
        "name": document.title or document.name,
        "scope": words.for_whom(ctx.session, document),
        "days": words.window(current["from"], current["until"]),
        "owner": access.hand_name(ctx.session, document.owner, ctx.incoming.channel) if document.owner else "",
        "review": words.short(found["review_at"]) if found["review_at"] else "",
        "rows": versions,
        "titles": said.raw("curation.between_parts").join(
            words.cut(one["title"], 24) for one in found["chunks"][:TITLES_SHOWN]
        ),
        "group": None,
    }
    tails = ["curation.show_titles"] if found["chunks"] else []
    if document.owner:
        tails.append("curation.show_owner")
    if document.review_at is not None:
        tails.append("curation.show_review")
    more, findings = words.findings(lifecycle.findings(ctx.session, newest, open_only=True))
    buttons = [] if document.removed_at is not None else _next(ctx, who, newest, known, findings.get("held", 0) != 0)
    if document.removed_at is not None:
        tails.append("curation.show_removed")
        buttons = [Button(f"kb_restore:{identity}", "curation.button_restore")]
    return [Reply("curation.show", {**values, **findings}, (*tails, *more), buttons=buttons)]


def _next(
    ctx: Context, who: Curator, newest: DocumentVersion, known: Sequence[DocumentVersion], held: bool
) -> list[Button]:
    """Return what can be done with a document now."""
    identity = newest.document_id
    buttons = []
    if newest.state == "draft":
        buttons += draft_buttons(newest, second=lifecycle.needs_second(ctx.session, newest, who.hand))
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
        "name": document.title or document.name,
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
    buttons = draft_buttons(chosen, second=second)[1:] if chosen.state == "draft" else []
    key = "curation.diff_empty" if found.empty else "curation.diff" if old is not None else "curation.diff_first"
    tails = [*tails, *more, *(["curation.needs_second"] if second else [])]
    return [Reply(key, {**values, **findings}, tails, buttons=buttons)]


# ---------------------------------------------------------------- publishing


@dataclass(frozen=True, slots=True)
class Wish:
    """A publish that is asked for.

    Attributes:
        version, version_id: the draft; ``old``: what answers now, 0 when nothing does.
    """

    answering: Answering | None
    identity: int
    version: int
    version_id: int


@refusing
def prepare_publish(ctx: Context) -> Wish:
    """See what would be published, by whom.

    Raises:
        Refusal: nothing waits, or it takes a second person.
    """
    who = access.curator(ctx)
    typed = ctx.incoming.button == ""
    identity = number(ctx, "curation.publish_how")[0] if typed else pressed(ctx, 1)[0]
    access.document(ctx.session, who, identity)
    newest = next(reversed(lifecycle.versions(ctx.session, identity)), None)
    if newest is None or newest.state != "draft":
        raise Refusal("curation.no_nothing_to_publish", id=identity)
    if lifecycle.needs_second(ctx.session, newest, who.hand):
        raise Refusal("curation.no_second_person", id=identity)
    return Wish(ctx.answering, identity, newest.number, newest.id or 0)


@dataclass(frozen=True, slots=True)
class Weighed:
    """What the golden set says to a publish; None where there is none to ask."""

    wish: Wish
    lost: Sequence[str] | None = None
    won: Sequence[str] = ()


async def weigh(wish: Wish) -> Weighed:
    """Ask the golden set what would be lost, outside every transaction."""
    if wish.answering is None:
        return Weighed(wish)
    return await asyncio.to_thread(_weigh, wish, wish.answering)


def _weigh(wish: Wish, answering: Answering) -> Weighed:
    try:
        from knowledge import golden  # type: ignore[attr-defined,unused-ignore]
    except ImportError:
        return Weighed(wish)
    found = answering.database.read_now(
        lambda session: golden.compare(session, answering.base, {wish.identity: wish.version_id})
    )
    return Weighed(wish, tuple(found.lost), tuple(found.won))


@refusing
def sure_publish(ctx: Context, weighed: Weighed) -> Sequence[Reply]:
    """Ask once more, with what it changes."""
    from knowledge import comparing

    who = access.curator(ctx)
    wish = weighed.wish
    document = access.document(ctx.session, who, wish.identity)
    known = lifecycle.versions(ctx.session, wish.identity)
    draft = next((one for one in known if one.number == wish.version and one.state == "draft"), None)
    if draft is None or known[-1].number != wish.version:
        raise Refusal("curation.newer_draft", id=wish.identity)
    found = comparing.between(ctx.session, next((one for one in known if one.state == "published"), None), draft)
    values: dict[str, object] = {
        "id": wish.identity,
        "name": document.title or document.name,
        "version": wish.version,
        "scope": words.for_whom(ctx.session, document),
        "added": len(found.added),
        "changed": len(found.changed),
        "removed": len(found.removed),
        "group": None,
    }
    tails, findings = words.findings(lifecycle.findings(ctx.session, draft, open_only=True))
    if weighed.lost:
        tails.append("curation.golden_lost")
        values |= {"lost": [words.cut(one, 40) for one in weighed.lost[:LOST_SHOWN]], "lost_count": len(weighed.lost)}
    elif weighed.lost is not None:
        tails.append("curation.golden_kept")
    here = f"{wish.identity}.{wish.version}"
    buttons = [
        Button(f"kb_go:{here}", "curation.button_go"),
        Button(f"kb_diff:{here}", "curation.button_diff"),
        Button("kb_stay:0", "curation.button_stay"),
    ]
    return [Reply("curation.publish_sure", {**values, **findings}, tails, buttons=buttons)]


@refusing
def go_button(ctx: Context) -> Sequence[Reply]:
    """The confirmation: effective in the next answer."""
    who = access.curator(ctx)
    identity, version = pressed(ctx, 2)
    document = access.document(ctx.session, who, identity)
    known = lifecycle.versions(ctx.session, identity)
    if any(one.number == version and one.state == "published" for one in known):
        raise Refusal("curation.published_already", id=identity, version=version)
    if not known or known[-1].number != version or known[-1].state != "draft":
        raise Refusal("curation.newer_draft", id=identity)
    done = lifecycle.publish(ctx.session, identity, who.hand, ctx.now)
    values = {
        "id": identity,
        "name": document.title or document.name,
        "version": done.number,
        "held": done.withheld,
        "group": None,
    }
    tails = ["curation.published_held"] if done.withheld else []
    buttons = [Button(f"kb_back:{identity}", "curation.button_back")] if done.replaced else []
    buttons.append(Button(f"kb_take:{identity}", "curation.button_take"))
    return [Reply("curation.published", values, tails, buttons=buttons)]


def stay_button(ctx: Context) -> Sequence[Reply]:
    """Nothing is done after all."""
    access.curator(ctx)
    return [Reply("curation.stayed", {"group": None})]


@refusing
def drop_button(ctx: Context) -> Sequence[Reply]:
    """不要了: a draft is put away; sending the file again brings it back."""
    who = access.curator(ctx)
    identity, version = pressed(ctx, 2)
    document = access.document(ctx.session, who, identity)
    chosen = lifecycle.version(ctx.session, identity, version)
    if chosen.state == "published":
        raise Refusal("curation.published_already", id=identity, version=version)
    if chosen.archived_at is None:
        lifecycle.archive(ctx.session, identity, version, who.hand, ctx.now)
    return [Reply("curation.dropped", {"name": document.title or document.name, "group": None})]


@refusing
def pass_button(ctx: Context) -> Sequence[Reply]:
    """Somebody has looked at what the scan held back: asked once more, then it answers with the rest."""
    who = access.curator(ctx)
    identity, version, sure = pressed(ctx, 3)
    access.document(ctx.session, who, identity)
    chosen = lifecycle.version(ctx.session, identity, version)
    rows = [one for one in lifecycle.findings(ctx.session, chosen, open_only=True) if one.severity == "block"]
    if not rows:
        raise Refusal("curation.nothing_held", id=identity)
    if not sure:
        values = {
            "id": identity,
            "count": len(rows),
            "rows": [{"what": words.finding(one.kind, one.locator, one.excerpt)} for one in rows[:PAGE]],
            "group": None,
        }
        buttons = [
            Button(f"kb_pass:{identity}.{version}.{rows[-1].id}", "curation.button_pass_sure"),
            Button("kb_stay:0", "curation.button_stay"),
        ]
        return [Reply("curation.pass_sure", values, buttons=buttons)]
    seen = [one.id or 0 for one in rows[:PAGE] if (one.id or 0) <= sure]
    freed = lifecycle.accept(ctx.session, identity, seen, who.hand, ctx.now)
    return [Reply("curation.passed", {"id": identity, "count": freed, "group": None})]


# ---------------------------------------------------------------- back, down and up again


@refusing
def back(ctx: Context) -> Sequence[Reply]:
    """回滚 3: the version before answers again; asked once more."""
    return _back_sure(ctx, access.curator(ctx), number(ctx, "curation.back_how")[0])


@refusing
def back_button(ctx: Context) -> Sequence[Reply]:
    """The same from a button; with the two versions in it, it is the confirmation."""
    who = access.curator(ctx)
    identity, current, before = pressed(ctx, 3)
    if not before:
        return _back_sure(ctx, who, identity)
    document = access.document(ctx.session, who, identity)
    known = lifecycle.versions(ctx.session, identity)
    now = next((one.number for one in known if one.state == "published"), 0)
    if now != current:
        raise Refusal("curation.back_already" if now == before else "guard.old_button", id=identity, version=now)
    done = lifecycle.rollback(ctx.session, identity, before, who.hand, ctx.now)
    values = {"id": identity, "name": document.title or document.name, "version": done.number, "old": current}
    buttons = [Button(f"kb_back:{identity}.{done.number}.{current}", "curation.button_forth", {"version": current})]
    return [Reply("curation.backed", {**values, "group": None}, buttons=buttons if current else [])]


def _back_sure(ctx: Context, who: Curator, identity: int) -> Sequence[Reply]:
    from knowledge import comparing

    document = access.document(ctx.session, who, identity)
    known = lifecycle.versions(ctx.session, identity)
    now = next((one for one in known if one.state == "published"), None)
    earlier = [
        one
        for one in known
        if one.state == "retired" and one.archived_at is None and (now is None or one.number < now.number)
    ]
    if not earlier:
        raise Refusal("curation.no_no_version_before", id=identity)
    to = earlier[-1]
    found = comparing.between(ctx.session, now, to)
    values = {
        "id": identity,
        "name": document.title or document.name,
        "version": to.number,
        "old": now.number if now is not None else 0,
        "added": len(found.added),
        "changed": len(found.changed),
        "removed": len(found.removed),
        "group": None,
    }
    current = now.number if now is not None else 0
    buttons = [
        Button(f"kb_back:{identity}.{current}.{to.number}", "curation.button_back_sure", {"version": to.number}),
        Button("kb_stay:0", "curation.button_stay"),
    ]
    return [Reply("curation.back_sure", values, buttons=buttons)]


@refusing
def take_down(ctx: Context) -> Sequence[Reply]:
    """下架 3: out of every answer; asked once more."""
    return _take_sure(ctx, access.curator(ctx), number(ctx, "curation.take_how")[0])


@refusing
def take_button(ctx: Context) -> Sequence[Reply]:
    """The same from a button, and the confirmation."""
    who = access.curator(ctx)
    identity, sure = pressed(ctx, 2)
    if not sure:
        return _take_sure(ctx, who, identity)
    document = access.document(ctx.session, who, identity, removed=True)
    if document.removed_at is None:
        lifecycle.remove(ctx.session, identity, who.hand, ctx.now)
    values = {"id": identity, "name": document.title or document.name, "group": None}
    return [
        Reply("curation.taken", values, buttons=[Button(f"kb_restore:{identity}", "curation.button_restore")]),
    ]


def _take_sure(ctx: Context, who: Curator, identity: int) -> Sequence[Reply]:
    document = access.document(ctx.session, who, identity)
    values = {"id": identity, "name": document.title or document.name, "group": None}
    buttons = [
        Button(f"kb_take:{identity}.1", "curation.button_take_sure"),
        Button("kb_stay:0", "curation.button_stay"),
    ]
    return [Reply("curation.take_sure", values, buttons=buttons)]


@refusing
def restore(ctx: Context) -> Sequence[Reply]:
    """恢复 3: a document that was taken down answers again."""
    return _restored(ctx, access.curator(ctx), number(ctx, "curation.restore_how")[0])


@refusing
def restore_button(ctx: Context) -> Sequence[Reply]:
    """The same from a button."""
    return _restored(ctx, access.curator(ctx), pressed(ctx, 1)[0])


def _restored(ctx: Context, who: Curator, identity: int) -> Sequence[Reply]:
    document = access.document(ctx.session, who, identity, removed=True)
    lifecycle.restore(ctx.session, identity, who.hand, ctx.now)
    values = {"id": identity, "name": document.title or document.name, "group": None}
    buttons = [Button(f"kb_take:{identity}", "curation.button_take")]
    return [Reply("curation.restored", values, buttons=buttons)]
