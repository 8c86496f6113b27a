"""邀请海报, 我的邀请, 邀请码, 邀请榜: arguments → service → reply."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from engagement import actions
from engagement.errors import Refusal
from engagement.feature import Context
from engagement.invites import records, rules, service
from engagement.kernel import Card, Reply
from prompts.loader import texts

ROWS = 10
UNDO = "invite_link"


def poster(ctx: Context) -> Sequence[Reply]:
    """Answer 邀请海报: a picture with a code to scan, the same in words, and how many have come."""
    return _poster(ctx, anew=False)


def reset(ctx: Context) -> Sequence[Reply]:
    """Answer 重置邀请码: the old code and link stop to count."""
    return _poster(ctx, anew=True)


def _poster(ctx: Context, *, anew: bool) -> Sequence[Reply]:
    if ctx.actor.member_id is None or ctx.actor.account_id is None:
        raise Refusal("guard.no_group")
    codes = service.code_of(ctx, anew=anew)
    link = service.link_of(ctx, codes)
    values = {
        "name": ctx.actor.name,
        "group": ctx.here.name,
        "link": link,
        "code": codes.code,
        "came": len(records.brought(ctx.session, ctx.actor.member_id)),
        "points": rules.FOR_NEWCOMER,
        "thanks": rules.FOR_INVITER,
        "days": rules.DAYS,
    }
    new = ["invites.new_code"] if anew else []
    if not link:
        return [Reply("invites.poster_no_link", values, ["invites.thanks_plain", *new])]
    tails = ["invites.then_days" if ctx.door else "invites.then_code"]
    tails += ["invites.came" if values["came"] else "invites.thanks", *new]
    if ctx.door and not service.group_link(ctx.here.settings):
        tails.append("invites.no_way_in")
    card = Card(
        "poster",
        {
            "group": ctx.here.name,
            "inviter": ctx.actor.name,
            "link": link,
            "code": "" if ctx.door else codes.code,
            "points": rules.FOR_NEWCOMER,
            "days": rules.DAYS,
        },
    )
    return [Reply("invites.poster", values, tails, card=card)]


def code(ctx: Context) -> Sequence[Reply]:
    """邀请码 K7F3, from a newcomer; alone: one's own code."""
    if not ctx.argument:
        return poster(ctx)
    inviter = service.enter_code(ctx, ctx.argument)
    values = {
        "name": ctx.actor.name,
        "inviter": inviter.name,
        "points": rules.FOR_NEWCOMER,
        "thanks": rules.FOR_INVITER,
        "days": rules.DAYS,
    }
    return [Reply("invites.code_kept", values), *service.pay_if_due(ctx)]


def link(ctx: Context) -> Sequence[Reply]:
    """海报链接 https://t.me/+abc, from a leader: what posters lead to."""
    wanted = rules.read_link(ctx.argument)
    before = service.set_link(ctx, wanted)
    undo = actions.note(ctx, UNDO, {"link": before}, "invites.did_link")
    return [Reply("invites.link_kept" if wanted else "invites.link_gone", {"link": wanted}, buttons=[undo])]


def undo_link(ctx: Context, before: Mapping[str, object]) -> Sequence[Reply]:
    """Put the link back."""
    service.set_link(ctx, str(before.get("link", "")))
    return [Reply("invites.link_restored")]


def mine(ctx: Context) -> Sequence[Reply]:
    """Answer 我的邀请: who came and how far they are; names only of those who are still here."""
    if ctx.actor.member_id is None:
        raise Refusal("guard.no_group")
    found = records.brought(ctx.session, ctx.actor.member_id)
    if not found:
        raise Refusal("invites.nobody_yet")
    here = [(one, member) for one, member in found if member.left_at is None]
    rows = [
        {"name": member.name, "state": _state(one.days, one.points, paid=one.rewarded_on is not None)}
        for one, member in here[:ROWS]
    ]
    values = {
        "name": ctx.actor.name,
        "came": len(found),
        "points": sum(one.points for one, _member in found),
        "rows": rows,
        "more": len(here) - len(rows),
        "left": len(found) - len(here),
    }
    tails = [
        *(["invites.mine_more"] if values["more"] else []),
        *(["invites.mine_left"] if values["left"] else []),
        "invites.mine_next",
    ]
    return [Reply("invites.mine" if rows else "invites.mine_none_here", values, tails)]


def _state(days: int, points: int, *, paid: bool) -> str:
    values = {"days": days, "left": rules.DAYS - days, "points": points}
    key = rules.stage(days, paid=paid)
    return texts().fill("invites.state_stayed" if key == "paid" and not points else f"invites.state_{key}", values)


def board(ctx: Context) -> Sequence[Reply]:
    """Answer 邀请榜, for leaders: who brought how many, and how many of them stayed."""
    found = records.board(ctx.session, ctx.here.id, ROWS)
    if not found:
        raise Refusal("invites.board_empty")
    rows = [
        {"rank": rank, "name": name, "came": came, "stayed": stayed}
        for rank, (name, came, stayed) in enumerate(found, start=1)
    ]
    return [Reply("invites.board", {"rows": rows, "group": ctx.here.name})]
