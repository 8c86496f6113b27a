"""积分, 积分明细, 积分账单, 排行榜: arguments → service → reply. What leaders do stands in leading.py."""

from __future__ import annotations

from collections.abc import Sequence

from engagement import channels
from engagement.errors import Refusal
from engagement.feature import Context, Handler
from engagement.kernel import Button, Card, Document, Kind, Place, Reply
from engagement.points import corrections, rules, service, statement
from prompts.loader import shown_day, texts
from storage import bonds, bots, ledger
from storage.groups import Member
from storage.lots import Expiring

REVERSALS_SHOWN = 4
OTHERS_SHOWN = 3


def show(ctx: Context) -> Sequence[Reply]:
    """Answer 积分: in a group its points, in private every group's; with what expires within 30 days.

    Source: F3, F6.
    """
    if ctx.incoming.place is Place.DM:
        found = service.all_standings(ctx.session, ctx.actor.person_id, ctx.today)
        if len(found) > 1:
            rows = [
                {
                    "group": s.group_name,
                    "home": _home(s.others, "home_note"),
                    "balance": s.balance,
                    "gained": _gained(s),
                }
                for s in found
            ]
            values = {"rows": rows, "balance": sum(s.balance for s in found), "group": None}
            soon = [{"group": s.group_name, **_soon(s.expiring)} for s in found if s.expiring is not None]
            if not soon:
                return [Reply("points.balances", values)]
            return [Reply("points.balances", {**values, "soon": soon}, tails=("points.balances_expiring",))]
    actor, group = ctx.actor, ctx.here
    if actor.member_id is None or actor.account_id is None:
        raise Refusal("guard.no_group")
    mine = service.standing(ctx.session, group.id, group.name, actor.member_id, actor.account_id, ctx.today)
    values = {"name": actor.name, "balance": mine.balance, "week": mine.week, "rank": mine.rank}
    values["others"] = _home(mine.others, "home_others")
    values["gained"] = _gained(mine, "points.gained_home" if mine.others else "points.gained")
    values["place"] = texts().fill("points.place_tied" if mine.tied else "points.place", {"rank": mine.rank})
    if mine.balance == 0 and mine.week == 0:
        return [Reply("points.home_none" if mine.others else "points.none", values)]
    if mine.others:
        key = "points.home" if mine.rank else "points.home_unranked"
    else:
        key = "points.balance" if mine.rank else "points.balance_unranked"
    expiring = service.expiring(ctx.session, actor.account_id, group.settings, ctx.today)
    if expiring is None:
        return [Reply(key, values)]
    return [Reply(key, {**values, **_soon(expiring)}, tails=("points.expiring",))]


def _home(others: Sequence[str], key: str) -> str:
    """Say with whom points are shared; nothing for who is alone."""
    words = texts()
    names = words.raw("points.between").join(others[:OTHERS_SHOWN])
    more = words.raw("points.and_more") if len(others) > OTHERS_SHOWN else ""
    return words.fill(f"points.{key}", {"others": f"{names}{more}"}) if others else ""


def _gained(standing: service.Standing, key: str = "points.gained") -> str:
    """Say what the week brought; a plus of nothing is none."""
    return texts().fill(key, {"week": standing.week}) if standing.week else texts().raw("points.gained_none")


def _soon(expiring: Expiring | None) -> dict[str, object]:
    if expiring is None:
        return {}
    return {"expiring": expiring.amount, "month": expiring.expires_on.month, "day": expiring.expires_on.day}


def history(ctx: Context) -> Sequence[Reply]:
    """Answer 积分明细: the latest entries, newest first; a leader may look at a member and finds numbers to reverse."""
    member = ctx.argument.lstrip("@").strip()
    if member and member != ctx.actor.name:
        return _history_of(ctx, corrections.member_named(ctx, member))
    if ctx.actor.account_id is None:
        raise Refusal("guard.no_group")
    rows = [_row(row, ctx.actor.member_id) for row in service.history(ctx.session, ctx.actor.account_id)]
    if not rows:
        return [Reply("points.no_history", {"name": ctx.actor.name})]
    balance = ledger.balance(ctx.session, ctx.actor.account_id)
    return [Reply("points.history", {"rows": rows, "balance": balance, "name": ctx.actor.name})]


def _row(row: service.HistoryRow, owner: int | None) -> dict[str, object]:
    """Show an entry; what somebody else of the household did, with his name."""
    what = row.reason or service.what_of(row.kind)
    if row.member_id != owner:
        who = row.name or texts().raw("points.someone")
        what = texts().fill("points.what_by", {"name": who, "what": what})
    return {
        "entry": row.entry_id,
        "date": shown_day(row.local_date),
        "what": what,
        "points": f"{row.amount:+d}",
    }


def _history_of(ctx: Context, member: Member) -> Sequence[Reply]:
    found = [] if member.account_id is None else service.history(ctx.session, member.account_id)
    if member.account_id is None or not found:
        return [Reply("points.no_history_of", {"name": member.name})]
    values = {
        "name": member.name,
        "rows": [_row(row, member.id) for row in found],
        "balance": ledger.balance(ctx.session, member.account_id),
    }
    undone = {row.reverses_id for row in found}
    may = [row for row in found if row.kind not in corrections.FINAL and row.entry_id not in undone]
    buttons = [
        Button(f"reverse:{row.entry_id}", "points.button_reverse", {"entry": row.entry_id})
        for row in may[:REVERSALS_SHOWN]
    ]
    known = bonds.channels(ctx.session, member.person_id)
    values["channels"] = channels.words(known)
    return [Reply("points.history_of", values, tails=["points.bound"] if len(known) > 1 else [], buttons=buttons)]


def bill(ctx: Context) -> Sequence[Reply]:
    """Answer 积分账单: a month in words, as a card and as a file; in a group short, the rest in private."""
    account = ctx.actor.account_id
    if account is None:
        raise Refusal("guard.no_group")
    found = statement.read(ctx.session, account, rules.read_month(ctx.argument, ctx.today))
    soon = service.expiring(ctx.session, account, ctx.here.settings, ctx.today)
    values: dict[str, object] = {
        "name": ctx.actor.name,
        "year": found.month.year,
        "month": found.month.month,
        "before": found.before,
        "after": found.after,
        "earned": found.earned,
        "spent": found.spent,
        "brought": found.brought,
        "taken": found.taken,
        "within": found.within,
        "count": found.count,
        "group": ctx.here.name,
        "pages": bool(ctx.pages),
    }
    if not found.lines:
        return [Reply("points.statement_empty", values)]
    apart = ["points.statement_within"] if found.within else []
    apart += ["points.statement_along"] if found.brought or found.taken else []
    file = Document(f"points-{found.month:%Y-%m}.csv", statement.as_csv(found, ctx.here.zone))
    drawn = Card("statement", statement.card(ctx, found, None if soon is None else (soon.amount, soon.expires_on)))
    if ctx.incoming.place is Place.DM:
        return [
            Reply("points.statement", values, apart, card=drawn),
            Reply("points.statement_file", values, document=file),
        ]
    if not bots.is_open(ctx.session, ctx.actor.person_id, ctx.incoming.channel):
        return [Reply("points.statement_short", values, tails=(*apart, "points.statement_open"))]
    me = ctx.actor.person_id
    return [
        Reply("points.statement_short", values, tails=(*apart, "points.statement_sent")),
        Reply("points.statement", values, apart, kind=Kind.DM, to=me, card=drawn),
        Reply("points.statement_file", values, kind=Kind.DM, to=me, document=file),
    ]


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
        beside = sum(r.rank == mine.rank for r in ranks) - 1
        gap = above.points - mine.points if above else 0
        values |= {"rank": mine.rank, "points": mine.points, "gap": gap, "beside": beside}
        tail = "points.board_mine" if above else "points.board_top_tied" if beside else "points.board_top"
    return [Reply(f"points.board_{period}", values, tails=(tail,), buttons=buttons)]
