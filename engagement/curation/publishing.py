"""发布, 回滚, 下架, 恢复: what changes an answer is asked once more, and the next button takes it back.

Every button names the version that was shown: what has changed meanwhile is not done to another one.

Source: F69, F74.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from engagement.curation import access, notices, words
from engagement.curation.access import Curator, refusing
from engagement.curation.documents import number, pressed
from engagement.curation.files import somebody_else
from engagement.errors import Refusal
from engagement.feature import Context
from engagement.kernel import Button, Reply
from knowledge import lifecycle, passing

if TYPE_CHECKING:
    from knowledge.answering import Answering

LOST_SHOWN = 5
HELD_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Wish:
    """A publish that is asked for.

    Attributes:
        version, version_id: the draft.
    """

    answering: Answering | None
    identity: int
    version: int
    version_id: int
    now: datetime


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
    return Wish(ctx.answering, identity, newest.number, newest.id or 0, ctx.now)


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
    from knowledge import golden

    found = answering.database.read_now(
        lambda session: golden.compare(session, answering.base, {wish.identity: wish.version_id}, now=wish.now)
    )
    return Weighed(wish, found.lost, found.won) if found.cases else Weighed(wish)


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
        "name": words.called(document.title, document.name),
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
        Button(f"kb_go:{here}", "curation.button_go", settles=True),
        Button(f"kb_diff:{here}", "curation.button_diff"),
        Button("kb_stay:0", "curation.button_stay", settles=True),
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
        "name": words.called(document.title, document.name),
        "version": done.number,
        "held": done.withheld,
        "group": None,
    }
    tails = ["curation.published_held"] if done.withheld else []
    if notices.reached(ctx, who, known[-1], "published"):
        tails.append("curation.author_hears")
    buttons = [Button(f"kb_back:{identity}", "curation.button_back")] if done.replaced else []
    buttons.append(Button(f"kb_take:{identity}", "curation.button_take"))
    return [Reply("curation.published", values, tails, buttons=buttons)]


def stay_button(ctx: Context) -> Sequence[Reply]:
    """Nothing is done after all."""
    access.curator(ctx)
    return [Reply("curation.stayed", {"group": None})]


@refusing
def drop_button(ctx: Context) -> Sequence[Reply]:
    """不要了: a draft is put away; a file's first version at once, what several edits gathered in after a question."""
    from knowledge import entries

    who = access.curator(ctx)
    identity, version, sure = pressed(ctx, 3)
    document = access.document(ctx.session, who, identity)
    chosen = lifecycle.version(ctx.session, identity, version)
    if chosen.state == "published":
        raise Refusal("curation.published_already", id=identity, version=version)
    values = {"id": identity, "name": words.called(document.title, document.name), "version": version, "group": None}
    if not sure and (version > 1 or document.name == entries.DOCUMENT):
        buttons = [
            Button(f"kb_drop:{identity}.{version}.1", "curation.button_drop_sure", settles=True),
            Button("kb_stay:0", "curation.button_stay", settles=True),
        ]
        if somebody_else(chosen, who):
            buttons[0] = replace(buttons[0], label="curation.button_return")
            values["who"] = access.hand_name(ctx.session, chosen.created_by, ctx.incoming.channel)
            return [Reply("curation.return_sure", values, buttons=buttons)]
        return [Reply("curation.drop_sure", values, buttons=buttons)]
    if chosen.archived_at is None:
        lifecycle.archive(ctx.session, identity, version, who.hand, ctx.now)
    if not somebody_else(chosen, who):
        return [Reply("curation.dropped", values)]
    tails = ["curation.author_hears"] if notices.reached(ctx, who, chosen, "returned") else ["curation.author_unheard"]
    return [Reply("curation.returned", values, tails)]


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
            "rows": [{"what": words.finding(one.kind, one.locator, one.excerpt)} for one in rows[:HELD_SHOWN]],
            "group": None,
        }
        buttons = [
            Button(f"kb_pass:{identity}.{version}.{rows[-1].id}", "curation.button_pass_sure", settles=True),
            Button("kb_stay:0", "curation.button_stay", settles=True),
        ]
        return [Reply("curation.pass_sure", values, buttons=buttons)]
    seen = [one.id or 0 for one in rows[:HELD_SHOWN] if (one.id or 0) <= sure]
    done = passing.accept(ctx.session, identity, seen, who.hand, ctx.now)
    key = "curation.passed_held" if done.held else "curation.passed" if done.live else "curation.passed_draft"
    return [Reply(key, {"id": identity, "count": done.passed, "freed": done.freed, "group": None})]


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
    values = {
        "id": identity,
        "name": words.called(document.title, document.name),
        "version": done.number,
        "old": current,
    }
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
        "name": words.called(document.title, document.name),
        "version": to.number,
        "old": now.number if now is not None else 0,
        "added": len(found.added),
        "changed": len(found.changed),
        "removed": len(found.removed),
        "group": None,
    }
    current = now.number if now is not None else 0
    buttons = [
        Button(
            f"kb_back:{identity}.{current}.{to.number}",
            "curation.button_back_sure",
            {"version": to.number},
            settles=True,
        ),
        Button("kb_stay:0", "curation.button_stay", settles=True),
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
    values = {"id": identity, "name": words.called(document.title, document.name), "group": None}
    return [
        Reply("curation.taken", values, buttons=[Button(f"kb_restore:{identity}", "curation.button_restore")]),
    ]


def _take_sure(ctx: Context, who: Curator, identity: int) -> Sequence[Reply]:
    document = access.document(ctx.session, who, identity)
    values = {"id": identity, "name": words.called(document.title, document.name), "group": None}
    buttons = [
        Button(f"kb_take:{identity}.1", "curation.button_take_sure", settles=True),
        Button("kb_stay:0", "curation.button_stay", settles=True),
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
    values = {"id": identity, "name": words.called(document.title, document.name), "group": None}
    buttons = [Button(f"kb_take:{identity}", "curation.button_take")]
    return [Reply("curation.restored", values, buttons=buttons)]
