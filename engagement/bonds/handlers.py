"""绑定, 我的账号, and their buttons: arguments → service → reply."""

from __future__ import annotations

from collections.abc import Sequence

from engagement import calendar, channels
from engagement.bonds import joining, parting, rules, service
from engagement.feature import Context
from engagement.kernel import Button, Kind, Place, Reply, row_id
from prompts.loader import shown_day, texts

HOME_ZONE = "Asia/Shanghai"
_LINES = 6
"""Groups that are named before something is confirmed."""


def bind(ctx: Context) -> Sequence[Reply]:
    """绑定 gives a code, 绑定 346-79A-CDE says what it would bring together; in a group neither."""
    if ctx.incoming.place is not Place.DM:
        burnt = bool(ctx.argument) and service.void_code(ctx.session, ctx.argument)
        return [Reply("bonds.code_burnt" if burnt else "bonds.in_private")]
    minutes = int(rules.LIVES.total_seconds() // 60)
    if not ctx.argument:
        return [Reply("bonds.code", {"code": service.make_code(ctx), "minutes": minutes, "group": None})]
    offer = service.enter_code(ctx, ctx.argument)
    if offer is None:
        return [Reply("bonds.wrong_code", {"minutes": minutes, "group": None}, refuses=True)]
    values = {
        "theirs": channels.words(offer.theirs),
        "mine": channels.words(offer.mine),
        "name": offer.name,
        "rows": [{"what": one} for one in _rows(offer)],
        "more": len(offer.lines) - _LINES,
        "group": None,
    }
    tails = ["bonds.offer_more", "bonds.offer_sure"] if len(offer.lines) > _LINES else ["bonds.offer_sure"]
    buttons = [
        Button(f"bond_yes:{offer.bond_id}", "bonds.button_yes", settles=True),
        Button(f"bond_no:{offer.bond_id}", "bonds.button_no", settles=True),
    ]
    return [
        Reply(
            "bonds.offer" if offer.lines or offer.others else "bonds.offer_empty",
            values,
            tails=tails,
            buttons=buttons,
        )
    ]


def _rows(offer: service.Offer) -> list[str]:
    rows = [_line(one) for one in offer.lines[:_LINES]]
    return [*rows, texts().fill("bonds.line_theirs", {"count": offer.others})] if offer.others else rows


def _line(one: service.Line) -> str:
    key = "bonds.line_both" if one.shared else "bonds.line_mine"
    line = texts().fill(key, {"in_group": one.group, "mine": one.points})
    if one.family is not None:
        line += texts().fill("bonds.line_family", {"family": one.family})
    return line + (texts().raw("bonds.line_leads") if one.leads else "")


def yes_button(ctx: Context) -> Sequence[Reply]:
    """It is confirmed."""
    bond_id = row_id(ctx.text)
    done = service.confirm(ctx, bond_id)
    values = {
        "channels": channels.words(done.channels),
        "count": done.groups,
        "points": done.points,
        "held": done.held,
        "group": None,
    }
    # Who took the code hears of it in his own chats: the code may have been seen by somebody else.
    told = {"channels": channels.words(done.came), "group": None}
    not_me = [Button(f"bond_part:{bond_id}", "bonds.button_not_me")]
    return [
        Reply("bonds.bound", values, tails=["bonds.bound_held"] if done.held else []),
        *(Reply("bonds.told", told, kind=Kind.DM, chat=chat, buttons=not_me) for chat in done.chats),
    ]


def no_button(ctx: Context) -> Sequence[Reply]:
    """The other button."""
    service.cancel(ctx, row_id(ctx.text))
    return [Reply("bonds.cancelled", {"group": None})]


def show(ctx: Context) -> Sequence[Reply]:
    """Answer 我的账号: what is bound, and how to take it apart; in private."""
    if ctx.incoming.place is not Place.DM:
        return [Reply("bonds.list_in_private")]
    own, parts = parting.mine(ctx.session, ctx.actor.person_id)
    if not parts:
        return [Reply("bonds.alone", {"channels": channels.words(own), "group": None})]
    rows = [{"channels": channels.words(one.channels), "day": bound_on(ctx, one)} for one in parts]
    buttons = [
        Button(f"bond_part:{one.bond_id}", "bonds.button_part", {"channels": channels.words(one.channels)})
        for one in parts
    ]
    return [Reply("bonds.list", {"own": channels.words(own), "rows": rows, "group": None}, buttons=buttons)]


def part_button(ctx: Context) -> Sequence[Reply]:
    """Take one off: asks first."""
    part, going = parting.ask(ctx, row_id(ctx.text))
    values = {
        "channels": channels.words(part.channels),
        "count": going.groups,
        "points": going.points,
        "days": rules.AGAIN_IN.days,
        "rows": [{"what": _family(one)} for one in going.families],
        "group": None,
    }
    buttons = [
        Button(f"bond_part_yes:{part.bond_id}", "bonds.button_part_yes", settles=True),
        Button("bond_keep:", "bonds.button_keep", settles=True),
    ]
    what = "bonds.part_goes" if going.groups or going.points else "bonds.part_nothing"
    families = ["bonds.part_families"] if going.families else []
    return [Reply("bonds.part_sure", values, tails=[what, *families, "bonds.part_after"], buttons=buttons)]


def _family(one: joining.Family) -> str:
    key = "bonds.part_family_goes" if one.goes else "bonds.part_family_stays"
    return texts().fill(key, {"in_group": one.group, "points": one.points, "family": one.all})


def part_yes_button(ctx: Context) -> Sequence[Reply]:
    """It is confirmed."""
    done = parting.part(ctx, row_id(ctx.text))
    went, stayed = channels.words(done.went), channels.words(done.stayed)
    # Whoever holds one of the accounts can press; the other one's owner is not to learn it by chance, nor of whose groups.
    return [
        Reply(
            "bonds.parted",
            {"channels": went, "points": done.points, "group": None},
            tails=["bonds.parted_points"] if done.points else [],
        ),
        *(
            Reply("bonds.told_went", {"channels": stayed, "group": None}, kind=Kind.DM, chat=chat)
            for chat in done.went_chats
        ),
        *(
            Reply("bonds.told_stayed", {"channels": went, "group": None}, kind=Kind.DM, chat=chat)
            for chat in done.stayed_chats
        ),
    ]


def keep_button(_ctx: Context) -> Sequence[Reply]:
    """The other button."""
    return [Reply("bonds.kept", {"group": None})]


def bound_on(ctx: Context, part: parting.Part) -> str:
    """Return the day since which something is bound, as it is shown."""
    zone = ctx.group.zone if ctx.group is not None else HOME_ZONE
    return shown_day(calendar.local_day(part.bound_at, zone))
