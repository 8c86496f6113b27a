"""积分, 积分明细, 排行榜, and the leader's 加分 and 扣分: arguments → service → reply."""

from __future__ import annotations

from collections.abc import Sequence

from engagement.errors import Refusal
from engagement.feature import Context, Handler
from engagement.kernel import Button, Place, Reply, row_id
from engagement.points import rules, service
from prompts.loader import texts
from storage import ledger


def show(ctx: Context) -> Sequence[Reply]:
    """Answer 积分: in a group its points, in private every group's."""
    if ctx.incoming.place is Place.DM:
        found = service.all_standings(ctx.session, ctx.actor.person_id, ctx.today)
        if len(found) > 1:
            rows = [{"group": s.group_name, "balance": s.balance, "week": s.week} for s in found]
            return [Reply("points.balances", {"rows": rows, "balance": sum(s.balance for s in found), "group": None})]
    actor, group = ctx.actor, ctx.here
    if actor.member_id is None or actor.account_id is None:
        raise Refusal("guard.no_group")
    mine = service.standing(ctx.session, group.id, group.name, actor.member_id, actor.account_id, ctx.today)
    values = {"name": actor.name, "balance": mine.balance, "week": mine.week, "rank": mine.rank}
    if mine.balance == 0 and mine.week == 0:
        return [Reply("points.none", values)]
    return [Reply("points.balance" if mine.rank else "points.balance_unranked", values)]


def history(ctx: Context) -> Sequence[Reply]:
    """Answer 积分明细: the latest entries, newest first."""
    assert ctx.actor.account_id is not None
    rows = [
        {
            "date": f"{row.local_date.month}/{row.local_date.day}",
            "what": row.reason or texts().raw(f"points.what_{row.kind}"),
            "points": f"{row.amount:+d}",
        }
        for row in service.history(ctx.session, ctx.actor.account_id)
    ]
    if not rows:
        return [Reply("points.no_history", {"name": ctx.actor.name})]
    balance = ledger.balance(ctx.session, ctx.actor.account_id)
    return [Reply("points.history", {"rows": rows, "balance": balance, "name": ctx.actor.name})]


def board(ctx: Context) -> Sequence[Reply]:
    """Answer 排行榜 with 日, 周, 月 or 总."""
    return _board(ctx, rules.period_of(ctx.argument))


def board_of(period: rules.Period) -> Handler:
    """Make the handler of a command that names its period."""
    return lambda ctx: _board(ctx, period)


def board_button(ctx: Context) -> Sequence[Reply]:
    """Another period by button."""
    for period in rules.PERIODS:
        if ctx.text == period:
            return _board(ctx, period)
    raise Refusal("guard.old_button")


def _board(ctx: Context, period: rules.Period) -> Sequence[Reply]:
    """Show the board; the asker's own rank is always told."""
    ranks = service.board(ctx.session, ctx.here.id, period, ctx.today)
    buttons = [Button(f"board:{p}", f"points.button_{p}") for p in rules.PERIODS if p != period]
    if not ranks:
        return [Reply(f"points.board_empty_{period}", {}, buttons=buttons)]
    rows = [{"rank": r.rank, "name": r.name, "points": r.points} for r in ranks[: rules.BOARD_ROWS]]
    mine = next((r for r in ranks if r.member_id == ctx.actor.member_id), None)
    values: dict[str, object] = {"rows": rows, "rank": 0, "points": 0}
    tail = "points.board_not_yet"
    if mine is not None:
        above = next((r for r in reversed(ranks) if r.points > mine.points), None)
        values |= {"rank": mine.rank, "points": mine.points, "gap": (above.points - mine.points) if above else 0}
        tail = "points.board_mine" if above else "points.board_top"
    return [Reply(f"points.board_{period}", values, tails=(tail,), buttons=buttons)]


def give(ctx: Context) -> Sequence[Reply]:
    """A leader's 加分 李阿姨 20 帮忙搬货."""
    return _adjust(ctx, take=False)


def take(ctx: Context) -> Sequence[Reply]:
    """A leader's 扣分 李阿姨 20 发错了."""
    return _adjust(ctx, take=True)


def _adjust(ctx: Context, *, take: bool) -> Sequence[Reply]:
    gift = rules.read_gift(ctx.argument)
    done = service.adjust(ctx, gift, take=take)
    values = {"name": done.member.name, "amount": gift.amount, "reason": gift.reason, "balance": done.balance}
    return [
        Reply(
            "points.taken" if take else "points.given",
            values,
            buttons=[Button(f"undo_points:{done.entry_id}", "points.button_undo")],
        )
    ]


def undo(ctx: Context) -> Sequence[Reply]:
    """The undo button of a gift; leaders of the group only."""
    if not ctx.actor.leader:
        raise Refusal("guard.leader_only")
    name, moved, balance = service.undo_adjust(ctx, row_id(ctx.text))
    return [Reply("points.undone", {"name": name, "amount": f"{moved:+d}", "balance": balance})]
