"""Points: giving them, counting them, showing them. The one slice that others may call (DESIGN §3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from sqlalchemy import ColumnElement, bindparam, delete, func, literal_column, select, text
from sqlmodel import col
from sqlmodel import select as pick

from engagement.events import Suspected
from engagement.feature import Context
from engagement.points import farming, rules
from engagement.points.tables import AwardTrace
from prompts.loader import UnknownText, texts
from storage import bonds, identities, ledger, lots
from storage.engine import Session
from storage.groups import Account, Consent, Group, Member
from storage.ledger import Entry, EntryReason, Posting
from storage.lots import Expiring, Lot
from storage.statements import Prepared

HISTORY_ROWS = 8
_E = Entry.__table__  # type: ignore[attr-defined]
_M = Member.__table__  # type: ignore[attr-defined]
_T = Consent.__table__  # type: ignore[attr-defined]
_W = AwardTrace.__table__  # type: ignore[attr-defined]
# What was earned, and what a leader corrected. An expiry or a transfer changes a balance and says nothing about how busy
# somebody was; nor does what was spent, or came back of it.
_COUNTS: ColumnElement[bool] = literal_column(
    "ledger_entry.kind NOT IN ('expiry', 'transfer')"
    " AND (ledger_entry.amount > 0 OR ledger_entry.kind IN ('adjust', 'reversal'))"
    " AND NOT (ledger_entry.kind = 'reversal' AND ledger_entry.amount > 0 AND EXISTS (SELECT 1 FROM ledger_entry AS undone"
    " WHERE undone.id = ledger_entry.reverses_id AND undone.kind <> 'adjust'))"
)
_SUM_SINCE = Prepared(
    "points.sum_since",
    select(
        func.coalesce(func.sum(_E.c.amount), 0),
        # How many share the account is asked along, so that who is alone pays no look for it.
        select(func.count()).select_from(_M).where(_M.c.account_id == bindparam("account")).scalar_subquery(),
    ).where(_E.c.account_id == bindparam("account"), _E.c.local_date >= bindparam("since"), _COUNTS),
)
_BOARD = Prepared(
    "points.board",
    select(_E.c.member_id, _M.c.name, func.sum(_E.c.amount))
    .select_from(_E.join(_M, _M.c.id == _E.c.member_id).outerjoin(_T, _T.c.person_id == _M.c.person_id))
    .where(
        _E.c.group_id == bindparam("group_row"),
        _E.c.local_date >= bindparam("since"),
        _COUNTS,
        _M.c.left_at.is_(None),
        _T.c.withdrawn_at.is_(None),
        _M.c.account_id.is_not(None),
    )
    .group_by(_E.c.member_id, _M.c.name)
    .having(func.sum(_E.c.amount) > 0),
)


_EARNED = Prepared(
    "points.earned_today",
    select(func.coalesce(func.sum(_E.c.amount), 0)).where(
        _E.c.group_id == bindparam("group_row"),
        _E.c.local_date == bindparam("today"),
        _E.c.member_id == bindparam("member_row"),
        _E.c.amount > 0,
        literal_column("ledger_entry.kind NOT IN ('adjust', 'transfer', 'reversal', 'expiry')"),
    ),
)
_SAID = Prepared(
    "points.said_before",
    select(func.coalesce(func.sum(_W.c.times), 0))
    .select_from(_W.join(_M, _M.c.id == _W.c.member_id))
    .where(
        _M.c.person_id == bindparam("person"), _W.c.mark == bindparam("digest"), _W.c.local_date > bindparam("since")
    ),
)
_FORGET = Prepared("points.forget", delete(_W).where(_W.c.local_date < bindparam("earliest")))
_REMEMBER = Prepared(
    "points.remember",
    lambda insert: (
        insert(_W)
        .values(member_id=bindparam("member_row"), local_date=bindparam("today"), mark=bindparam("digest"), times=1)
        .on_conflict_do_update(index_elements=["member_id", "local_date", "mark"], set_={"times": _W.c.times + 1})
    ),
)


@dataclass(frozen=True, slots=True)
class Awarded:
    """What came of a reward.

    Attributes:
        entry_id: the entry; 0 when nothing was posted.
        balance: whole points of the account now.
        repeated: the key was there already: nothing was changed.
        points: whole points that were posted under this key, now or before; 0 when the reward was not given.
        kept: why it was given not at all or not whole (``burst``, ``copy``, ``short``, ``repeated``, ``day``), or empty; the
            person is told so under the reply.
    """

    entry_id: int
    balance: int
    repeated: bool
    points: int
    kept: str = ""


def award(
    ctx: Context,
    *,
    kind: str,
    key: str,
    amount: int,
    member_id: int | None = None,
    account_id: int | None = None,
    words: str | None = None,
) -> Awarded:
    """Post whole points for the acting member (or another), once per natural key.

    What somebody does in a chat earns nothing when it is one of a burst or a copy, or ``words`` say nothing; and no more than
    the group's cap of a day. A plain check-in, of which there is one a day, is not counted against the cap unless the group has
    set one: it must not cost a look.

    Args:
        key: idempotency key, e.g. ``topic:{group}:{member}:{local_date}``.
        amount: not zero.
        words: what the member wrote to earn it, if anything.

    Raises:
        storage.ledger.InsufficientPoints: a taking beyond the balance.

    Source: F1, F6; FAULTS C13.
    """
    member = ctx.actor.member_id if member_id is None else member_id
    account = ctx.actor.account_id if account_id is None else account_id
    assert member is not None and account is not None
    kept = ""
    if amount > 0 and kind not in farming.UNCHECKED:
        limits = rules.Limits.of(ctx.here.settings)
        kept = _fault(ctx, member, words)
        counted = kind != "checkin" or limits.earn_set
        if kept or counted:
            before = ledger.find(ctx.session, key)
            if before is not None:
                return Awarded(before[0], ledger.balance(ctx.session, account), True, before[1])
        if counted and not kept:
            earned = ctx.session.row(_EARNED, group_row=ctx.here.id, today=ctx.today.isoformat(), member_row=member)[0]
            if amount > limits.earn_most - earned:
                amount, kept = max(0, limits.earn_most - int(earned)), "day"
        if kept:
            if member == ctx.actor.member_id:
                ctx.closing.append((f"points.kept_{kept}", {"earn_most": limits.earn_most}))
            if kept in farming.SUSPICIOUS:
                ctx.emit(Suspected(ctx.here.id, member, kept))
            if kept != "day" or not amount:
                return Awarded(0, ledger.balance(ctx.session, account), False, 0, kept)
        if words is not None:
            ctx.session.run(_REMEMBER, member_row=member, today=ctx.today.isoformat(), digest=farming.digest(words))
    posted = ledger.post(
        ctx.session,
        Posting(
            account,
            ctx.here.id,
            member,
            amount,
            kind,
            key,
            ctx.today,
            ctx.incoming.occurred_at,
            expires_on=good_until(ctx.here.settings, ctx.today),
        ),
    )
    return Awarded(posted.entry_id, posted.balance, posted.repeated, amount, kept)


def _fault(ctx: Context, member_id: int, words: str | None) -> str:
    """Say why what the acting person does earns nothing, or nothing."""
    if words is not None:
        fault = farming.word_fault(words)
        if fault:
            return fault
        since = (ctx.today - timedelta(days=farming.COPY_DAYS)).isoformat()
        before = ctx.session.row(_SAID, person=ctx.actor.person_id, digest=farming.digest(words), since=since)[0]
        if farming.is_copy(words, int(before)):
            return "copy"
    if ctx.rewarded is not None and member_id == ctx.actor.member_id:
        at = ctx.incoming.occurred_at
        if farming.is_burst(ctx.rewarded(ctx.actor.person_id, ctx.chance, at), at):
            return "burst"
    return ""


def good_until(settings: Mapping[str, object], today: date) -> date | None:
    """Return the last day on which points are good that come today in a group with these settings; None = for ever.

    For slices that post without a context.
    """
    months = rules.expiry_months(settings)
    return rules.last_day(today, months) if months else None


def forget_traces(session: Session, today: date) -> None:
    """Delete what answers are compared with no more."""
    session.run(_FORGET, earliest=(today - timedelta(days=farming.COPY_DAYS)).isoformat())


def expiring(session: Session, account_id: int, settings: Mapping[str, object], today: date) -> Expiring | None:
    """Return what of an account expires next within 30 days; asks nothing in a group without a rule."""
    if not rules.expiry_months(settings):
        return None
    return lots.next_expiring(session, account_id, today + timedelta(days=max(rules.NOTICE_DAYS)))


@dataclass(frozen=True, slots=True)
class Standing:
    """A member's points in a group.

    Attributes:
        balance: whole points that the household has.
        week: whole points of this week, Monday to today, of everybody in the household, also from before they shared it; never
            below 0, whatever a leader took.
        rank: the member's own place on the week's board; 0 without points this week.
        tied: somebody else has that place, too.
        others: names of those who share the account, longest in the group first; empty for who is alone.
        expiring: what expires within 30 days; only asked for a private chat with several groups.
    """

    group_id: int
    group_name: str
    balance: int
    week: int
    rank: int
    tied: bool = False
    others: Sequence[str] = ()
    expiring: Expiring | None = None


def standing(
    session: Session, group_id: int, group_name: str, member_id: int, account_id: int, today: date
) -> Standing:
    """Return a member's points in one group."""
    since = rules.period_start("week", today)
    assert since is not None
    week, sharing = session.row(_SUM_SINCE, account=account_id, since=since.isoformat())
    family = identities.sharing(session, account_id) if sharing > 1 else ()
    others = [one.name for one in family if one.id != member_id]
    ranks = board(session, group_id, "week", today)
    if others:
        # What somebody earned before the others came stands in the account that was left then.
        home = {one.id for one in family}
        week = sum(one.points for one in ranks if one.member_id in home)
    place = next((one.rank for one in ranks if one.member_id == member_id), 0)
    tied = sum(one.rank == place for one in ranks) > 1
    return Standing(group_id, group_name, ledger.balance(session, account_id), max(0, int(week)), place, tied, others)


def all_standings(session: Session, person_id: int, today: date) -> list[Standing]:
    """Return a person's points in every group, for a private chat."""
    return [
        replace(
            standing(session, group.id or 0, group.name, member.id or 0, member.account_id, today),
            expiring=expiring(session, member.account_id, group.settings or {}, today),
        )
        for member, group in identities.memberships(session, person_id)
        if member.account_id is not None
    ]


def board(session: Session, group_id: int, period: rules.Period, today: date) -> list[rules.Rank]:
    """Return everybody with points in a period, ranked; who withdrew is on no board."""
    since = rules.period_start(period, today)
    rows = session.rows(_BOARD, group_row=group_id, since="0001-01-01" if since is None else since.isoformat())
    return rules.ranked([(int(m), str(n), int(p)) for m, n, p in rows])


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """One entry of an account, as its owner sees it.

    Attributes:
        member_id, name: who of the household it was; the name is empty when he has erased his data.
    """

    entry_id: int
    local_date: date
    kind: str
    amount: int
    reason: str
    reverses_id: int | None = None
    member_id: int = 0
    name: str = ""


def what_of(kind: str) -> str:
    """Return what an entry was for, in words; a slice may add kinds."""
    try:
        return texts().raw(f"points.what_{kind}")
    except UnknownText:
        return texts().raw("points.what_other")


def history(session: Session, account_id: int, limit: int = HISTORY_ROWS, before: int = 0) -> list[HistoryRow]:
    """Return the latest entries of an account, newest first.

    Args:
        before: only entries older than this one; 0 = from the newest on.

    Source: F3, F6.
    """
    rows = session.exec(
        pick(Entry, EntryReason.reason, Member.name)
        .join(Member, col(Member.id) == col(Entry.member_id))
        .outerjoin(EntryReason, col(EntryReason.entry_id) == col(Entry.id))
        .where(col(Entry.account_id) == account_id, *([col(Entry.id) < before] if before else []))
        .order_by(col(Entry.id).desc())
        .limit(limit)
    )
    return [
        HistoryRow(e.id or 0, e.local_date, e.kind, e.amount, _why(e, r), e.reverses_id, e.member_id, name)
        for e, r, name in rows
    ]


def _why(entry: Entry, reason: str | None) -> str:
    return reason or (texts().raw("points.what_bond") if entry.idempotency_key.startswith(bonds.KEYS) else "")


def export(session: Session, person_id: int) -> Sequence[dict[str, object]]:
    """Return every entry of a person's accounts, oldest first."""
    rows = session.exec(
        pick(Entry, EntryReason.reason, Group.name)
        .join(Account, col(Account.id) == col(Entry.account_id))
        .join(Group, col(Group.id) == col(Entry.group_id))
        # The group is the member's own, and what there is an index by: without it every entry of all groups was read.
        .join(Member, (col(Member.id) == col(Entry.member_id)) & (col(Member.group_id) == col(Entry.group_id)))
        .outerjoin(EntryReason, col(EntryReason.entry_id) == col(Entry.id))
        .where(col(Member.person_id) == person_id)
        .order_by(col(Entry.id))
    )
    return [
        {"group": name, "date": e.local_date.isoformat(), "kind": e.kind, "points": e.amount, "reason": r or ""}
        for e, r, name in rows
    ]


def count(session: Session, person_id: int, most: int) -> int:
    """Count the entries of a copy, at most ``most``; by the group's index alone."""
    some = (
        pick(Entry.id)
        .join(Member, (col(Member.id) == col(Entry.member_id)) & (col(Member.group_id) == col(Entry.group_id)))
        .where(col(Member.person_id) == person_id)
        .limit(most)
    )
    return int(session.exec(pick(func.count()).select_from(some.subquery())).one())


def erase_reasons(session: Session, person_id: int) -> None:
    """Delete the free texts about a person's entries; the entries stay, their sums intact."""
    members = list(session.exec(pick(Member.id).where(Member.person_id == person_id)))
    for row in session.exec(pick(EntryReason).where(col(EntryReason.member_id).in_(members))):
        session.delete(row)


def export_lots(session: Session, person_id: int) -> Sequence[dict[str, object]]:
    """Return a person's points that expire, the first to go first."""
    rows = session.exec(
        pick(Lot, Group.name)
        .join(Member, col(Member.id) == col(Lot.member_id))
        .join(Group, col(Group.id) == col(Member.group_id))
        # In which household's account of the group they are is open: they move with a transfer. There is an index by accounts.
        .join(Account, (col(Account.id) == col(Lot.account_id)) & (col(Account.group_id) == col(Member.group_id)))
        .where(col(Member.person_id) == person_id, text("remaining > 0"))
        .order_by(col(Lot.expires_on), col(Lot.entry_id))
    )
    return [{"group": name, "expires_on": lot.expires_on.isoformat(), "points": lot.remaining} for lot, name in rows]


def _traces(session: Session, person_id: int) -> list[AwardTrace]:
    rows = session.exec(
        pick(AwardTrace)
        .join(Member, col(Member.id) == col(AwardTrace.member_id))
        .where(col(Member.person_id) == person_id)
        .order_by(col(AwardTrace.local_date), col(AwardTrace.mark))
    )
    return list(rows)


def export_traces(session: Session, person_id: int) -> Sequence[dict[str, object]]:
    """Return the digests of a person's rewarded answers."""
    return [{"date": one.local_date.isoformat(), "digest": one.mark} for one in _traces(session, person_id)]


def erase_traces(session: Session, person_id: int) -> None:
    """Delete them."""
    for one in _traces(session, person_id):
        session.delete(one)
