"""有效期, 负责人, 复查: from when to when a document answers, who answers for it, when it is looked through again.

Each is done at once; the button under it puts back what stood before.

Source: F69, F74.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from engagement.curation import access, rules, words
from engagement.curation.access import Curator, refusing
from engagement.curation.documents import number, pressed
from engagement.errors import Refusal
from engagement.feature import Context
from engagement.kernel import Button, Reply, one_line
from knowledge import days, lifecycle
from knowledge.lifecycle import Never

OWNER_MOST = 24
_NO_DAY = 1
"""What stands in a button for no review day; 0 is what the reminder's button has."""


@refusing
def dates(ctx: Context) -> Sequence[Reply]:
    """有效期 3 11-20 到 11-30; 「有效期 3 长期」."""
    who = access.curator(ctx)
    identity, rest = number(ctx, "curation.dates_how")
    wanted = rules.read_days(rest, ctx.today) if rest else None
    if wanted is None:
        raise Refusal("curation.dates_how")
    return _dated(ctx, who, identity, wanted)


@refusing
def dates_button(ctx: Context) -> Sequence[Reply]:
    """Back to the days before."""
    who = access.curator(ctx)
    identity, first, last = pressed(ctx, 3)
    return _dated(ctx, who, identity, rules.Days(_day(first), _day(last)))


def _day(pressed_number: int) -> date | None:
    try:
        return rules.day_of(pressed_number)
    except ValueError:
        raise Refusal("guard.old_button") from None


def _dated(ctx: Context, who: Curator, identity: int, wanted: rules.Days) -> Sequence[Reply]:
    document = access.document(ctx.session, who, identity)
    known = lifecycle.versions(ctx.session, identity)
    current = next((one for one in known if one.state == "published"), known[-1] if known else None)
    if current is None:
        raise Refusal("curation.unknown", id=identity)
    before = days.shown(current.valid_from, current.valid_until)
    opens, closes = days.window(wanted.first, wanted.last)
    lifecycle.set_dates(ctx.session, identity, opens, closes, who.hand, ctx.now)
    after = days.shown(opens, closes)
    values = {
        "id": identity,
        "name": words.called(document.title, document.name),
        "days": words.window(*after, ctx.today),
        "before": words.window(*before, ctx.today),
        "group": None,
    }
    reference = ".".join(str(rules.number_of(days.named(one))) for one in before)
    button = Button(f"kb_dates:{identity}.{reference}", "curation.button_undo")
    return [Reply("curation.dated", values, buttons=[button] if before != after else [])]


@refusing
def owner(ctx: Context) -> Sequence[Reply]:
    """负责人 3 售后组."""
    who = access.curator(ctx)
    identity, rest = number(ctx, "curation.owner_how")
    name = one_line(rest, OWNER_MOST)
    if not name:
        raise Refusal("curation.owner_how")
    return _owned(ctx, who, identity, name)


@refusing
def owner_button(ctx: Context) -> Sequence[Reply]:
    """Back to who it was."""
    who = access.curator(ctx)
    reference, _, name = ctx.text.partition(".")
    if not rules.reference(reference):
        raise Refusal("guard.old_button")
    return _owned(ctx, who, int(reference), one_line(name, OWNER_MOST))


def _owned(ctx: Context, who: Curator, identity: int, name: str) -> Sequence[Reply]:
    document = access.document(ctx.session, who, identity)
    before = document.owner
    lifecycle.set_care(ctx.session, identity, who.hand, ctx.now, owner=name)
    values = {"id": identity, "name": words.called(document.title, document.name), "owner": name or "—", "group": None}
    button = Button(f"kb_owner:{identity}.{before}", "curation.button_undo")
    fits = before != name and len(button.key.encode()) <= 64
    return [Reply("curation.owned", values, buttons=[button] if fits else [])]


@refusing
def review(ctx: Context) -> Sequence[Reply]:
    """复查 3 12-31; 「复查 3 90天」; 「复查 3 取消」."""
    who = access.curator(ctx)
    identity, rest = number(ctx, "curation.review_how")
    if rules.ends_review(rest):
        return _reviewed(ctx, who, identity, None)
    day = rules.read_review(rest, ctx.today) if rest else None
    if day is None:
        raise Refusal("curation.review_how")
    return _reviewed(ctx, who, identity, day)


@refusing
def review_button(ctx: Context) -> Sequence[Reply]:
    """Back to what stood before, or (from the reminder) on by three months."""
    who = access.curator(ctx)
    identity, wanted = pressed(ctx, 2)
    if wanted == _NO_DAY:
        return _reviewed(ctx, who, identity, None)
    return _reviewed(ctx, who, identity, _day(wanted) or ctx.today + rules.QUARTER)


def _reviewed(ctx: Context, who: Curator, identity: int, day: date | None) -> Sequence[Reply]:
    document = access.document(ctx.session, who, identity)
    before = document.review_at
    lifecycle.set_care(ctx.session, identity, who.hand, ctx.now, review_at=day or Never.AGAIN)
    values = {
        "id": identity,
        "name": words.called(document.title, document.name),
        "day": words.short(day.isoformat(), ctx.today) if day else "",
        "group": None,
    }
    back = Button(f"kb_review:{identity}.{rules.number_of(before) or _NO_DAY}", "curation.button_undo")
    key = "curation.reviewed" if day else "curation.unreviewed"
    return [Reply(key, values, buttons=[back] if before != day else [])]
