"""What leaders do with points: 加分 and 扣分, 冲正, 积分有效期; arguments → service → reply."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from engagement import actions
from engagement.errors import Refusal
from engagement.feature import Context
from engagement.kernel import Button, Kind, Place, Reply, one_line, row_id
from engagement.points import corrections, gifts, rules, service, validity
from prompts.loader import shown_day, texts
from storage import identities

_EXPIRY = "points_expiry"
_TAKES = {"points.gift_how": "points.take_how", "points.gift_reason": "points.take_reason"}
_REVERSAL = "points_reversal"


def give(ctx: Context) -> Sequence[Reply]:
    """加分 李阿姨 20 帮忙搬货."""
    return _adjust(ctx, take=False)


def take(ctx: Context) -> Sequence[Reply]:
    """扣分 李阿姨 20 发错了."""
    return _adjust(ctx, take=True)


def _adjust(ctx: Context, *, take: bool) -> Sequence[Reply]:
    gift = _read(ctx, take=take)
    done = gifts.adjust(ctx, gift, take=take)
    values = {"name": done.member.name, "amount": gift.amount, "reason": gift.reason, "balance": done.balance}
    if done.request_id:
        return _asked(ctx, done, values, take=take)
    before = {"entry": done.entry_id, "member": done.member.id}
    actions.note(ctx, gifts.UNDO, before, "points.did_take" if take else "points.did_give", {"amount": gift.amount})
    button = Button(f"undo_points:{done.entry_id}", "points.button_undo")
    return [Reply("points.taken" if take else "points.given", values, buttons=[button])]


def _read(ctx: Context, *, take: bool) -> rules.Gift:
    try:
        return rules.read_gift(_spaced(ctx), rules.Limits.of(ctx.here.settings).gift_most)
    except Refusal as no:
        if take and no.key in _TAKES:
            raise Refusal(_TAKES[no.key]) from no
        raise


def _spaced(ctx: Context) -> str:
    """Put in the blanks that 「加分 李阿姨20 帮忙」 lacks, where the group has just one such name, which ends in no figure."""
    cuts = rules.readings(ctx.argument)
    known = [cut for cut in cuts if identities.named(ctx.session, ctx.here.id, cut[0])]
    if len(known) > 1 or (known and known[0][0][-1].isdigit()):
        raise Refusal("points.gift_where", said=one_line(ctx.argument), first=known[-1][0])
    plain = [cut for cut in cuts if not cut[0][-1].isdigit()]
    meant = known or (plain if len(plain) == 1 else [])
    return " ".join(meant[0]) if meant else ctx.argument


def _asked(ctx: Context, done: gifts.Adjusted, values: Mapping[str, object], *, take: bool) -> Sequence[Reply]:
    values = {
        **values,
        "act": texts().raw("points.act_take" if take else "points.act_give"),
        "by": ctx.actor.name,
        "group": ctx.here.name,
        "hours": rules.REQUEST_HOURS,
        "most": rules.Limits.of(ctx.here.settings).gift_most,
        "count": len(done.checkers),
    }
    buttons = [
        Button(f"gift_yes:{done.request_id}", "points.button_agree", settles=True),
        Button(f"gift_no:{done.request_id}", "points.button_refuse", settles=True),
    ]
    key = "points.asked" if done.checkers else "points.asked_here"
    told = Reply(key, values, buttons=buttons, subject=f"gift:{done.request_id}")
    asks = [
        Reply("points.asks", values, kind=Kind.DM, to=person, group_id=ctx.here.id, buttons=buttons)
        for person in done.checkers
    ]
    return [told, *asks]


def agree(ctx: Context) -> Sequence[Reply]:
    """A second leader confirms."""
    return _decide(ctx, agree=True)


def turn_down(ctx: Context) -> Sequence[Reply]:
    """A second leader says no."""
    return _decide(ctx, agree=False)


def _decide(ctx: Context, *, agree: bool) -> Sequence[Reply]:
    done = gifts.decide(ctx, row_id(ctx.text), agree=agree)
    values = {
        "name": done.name,
        "amount": f"{done.amount:+d}",
        "reason": done.reason,
        "balance": done.balance,
        "group": done.group_name,
        "by": ctx.actor.name,
    }
    key = "agreed" if agree else "turned_down"
    buttons = [Button(f"undo_points:{done.entry_id}", "points.button_undo")] if agree else []
    said = [Reply(f"points.{key}", values, buttons=buttons)]
    if ctx.incoming.place is Place.DM:
        # Where it was asked in the group, everybody sees what became of it.
        subject = f"gift:{row_id(ctx.text)}"
        said.append(Reply(f"points.{key}_told", values, kind=Kind.EDIT, group_id=done.group_id, subject=subject))
    if done.maker_id:
        said.append(Reply(f"points.{key}_told", values, kind=Kind.DM, to=done.maker_id, group_id=done.group_id))
    return said


def undo(ctx: Context) -> Sequence[Reply]:
    """The undo button of a gift; leaders of its group only."""
    return _undone(ctx, row_id(ctx.text))


def undo_gift(ctx: Context, before: Mapping[str, object]) -> Sequence[Reply]:
    """The same by 「撤销」."""
    return _undone(ctx, row_id(str(before.get("entry"))))


def _undone(ctx: Context, entry: int) -> Sequence[Reply]:
    name, moved, balance = gifts.undo(ctx, entry)
    return [Reply("points.undone", {"name": name, "amount": f"{moved:+d}", "balance": balance})]


# ---------------------------------------------------------------- reversals


def reverse(ctx: Context) -> Sequence[Reply]:
    """冲正 1024 记重了."""
    entry, reason = rules.read_reversal(ctx.argument)
    return _reverse(ctx, entry, reason)


def reverse_button(ctx: Context) -> Sequence[Reply]:
    """The button in a member's history: shows the entry, and takes a quote of its answer as the reason."""
    if not ctx.actor.leader:
        raise Refusal("guard.leader_only")
    found = corrections.look(ctx, row_id(ctx.text))
    values = {
        "entry": found.entry.id,
        "name": found.member.name,
        "date": shown_day(found.entry.local_date),
        "what": service.what_of(found.entry.kind),
        "amount": f"{found.entry.amount:+d}",
    }
    return [Reply("points.reverse_ask", values, subject=f"reverse:{found.entry.id}")]


def reverse_quoted(ctx: Context) -> Sequence[Reply]:
    """A quote of :func:`reverse_button`."""
    if not ctx.actor.leader:
        raise Refusal("guard.leader_only")
    entry, reason = row_id(ctx.subject.partition(":")[2]), rules.read_reason(ctx.text)
    if not reason:
        raise Refusal("points.reverse_reason", entry=entry)
    return _reverse(ctx, entry, reason)


def _reverse(ctx: Context, entry: int, reason: str) -> Sequence[Reply]:
    done = corrections.reverse(ctx, entry, reason)
    before = {"entry": entry, "reversal": done.reversal_id}
    button = actions.note(ctx, _REVERSAL, before, "points.did_reverse", {"entry": entry})
    values = {
        "entry": entry,
        "name": done.member.name,
        "amount": f"{done.amount:+d}",
        "reason": reason,
        "balance": done.balance,
    }
    return [Reply("points.reversed", values, buttons=[button])]


def undo_reversal(ctx: Context, before: Mapping[str, object]) -> Sequence[Reply]:
    """Take a reversal back."""
    done = corrections.take_back(ctx, before)
    return [Reply("points.undone", {"name": done.member.name, "amount": f"{done.amount:+d}", "balance": done.balance})]


# ---------------------------------------------------------------- how long points are good


def expiry(ctx: Context) -> Sequence[Reply]:
    """积分有效期, alone or with 12个月 or 无."""
    if not ctx.argument:
        months = rules.expiry_months(ctx.here.settings)
        return [Reply("points.expiry_is" if months else "points.expiry_none", {"months": months})]
    months = rules.read_months(ctx.argument)
    before = validity.set_months(ctx, months)
    until = rules.last_day(ctx.today, months)
    values = {"months": months, "year": until.year, "month": until.month, "day": until.day}
    told = "points.did_expiry" if months else "points.did_expiry_none"
    button = actions.note(ctx, _EXPIRY, before, told, {"months": months})
    return [Reply("points.expiry_set" if months else "points.expiry_off", values, buttons=[button])]


def undo_expiry(ctx: Context, before: Mapping[str, object]) -> Sequence[Reply]:
    """Put the rule back."""
    validity.restore(ctx, before)
    months = rules.expiry_months(ctx.here.settings)
    return [Reply("points.expiry_is" if months else "points.expiry_none", {"months": months})]
