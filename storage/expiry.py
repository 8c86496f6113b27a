"""What is left of lots whose last day is over leaves its accounts.

One entry an account and member takes all that is due, under the natural key ``expiry:{lot}`` of the oldest lot in it: a lot is
emptied in the same transaction and never filled again, so no key comes twice, and days that were missed are made up for by
the next run.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime

from sqlalchemy import bindparam, func, insert, or_, select, text, update

from storage.engine import Session
from storage.groups import Account
from storage.ledger import Entry
from storage.lots import Lot

KIND = "expiry"
_L = Lot.__table__  # type: ignore[attr-defined]
_A = Account.__table__  # type: ignore[attr-defined]
_T = Entry.__table__  # type: ignore[attr-defined]
_TAKE = update(_A).where(_A.c.id == bindparam("account")).values(balance=_A.c.balance - bindparam("less"))
_EMPTY = (
    update(_L)
    .where(
        _L.c.account_id == bindparam("account"),
        _L.c.member_id == bindparam("owner"),
        text("remaining > 0"),
        _L.c.expires_on < bindparam("before"),
    )
    .values(remaining=0)
)


def expire(session: Session, group_days: Mapping[int, date], now: datetime, most: int) -> int:
    """Post what has expired in groups; returns how many entries.

    Args:
        group_days: group id → its local day; what was good until a day before that is due.
        most: at most so many entries in this transaction; the rest is due at the next call.

    Source: F6, ADR 0003.
    """
    days: dict[date, list[int]] = {}
    for group_id, today in group_days.items():
        days.setdefault(today, []).append(group_id)
    if not days:
        return 0
    due = or_(*(_A.c.group_id.in_(sorted(ids)) & (_L.c.expires_on < today) for today, ids in days.items()))
    found = session.execute(
        select(_A.c.group_id, _L.c.account_id, _L.c.member_id, func.sum(_L.c.remaining), func.min(_L.c.entry_id))
        .select_from(_L.join(_A, _A.c.id == _L.c.account_id))
        .where(text("remaining > 0"), due)
        .group_by(_A.c.group_id, _L.c.account_id, _L.c.member_id)
        .order_by(func.min(_L.c.expires_on), _L.c.account_id, _L.c.member_id)
        .limit(most)
    ).all()
    if not found:
        return 0
    connection = session.connection()
    connection.execute(
        insert(_T),
        [
            {
                "account_id": account,
                "group_id": group,
                "member_id": member,
                "amount": -amount,
                "kind": KIND,
                "idempotency_key": f"{KIND}:{lot}",
                "local_date": group_days[group],
                "occurred_at": now,
                "reverses_id": None,
            }
            for group, account, member, amount, lot in found
        ],
    )
    connection.execute(_TAKE, [{"account": account, "less": amount} for _, account, _, amount, _ in found])
    connection.execute(
        _EMPTY,
        [{"account": account, "owner": member, "before": group_days[group]} for group, account, member, _, _ in found],
    )
    return len(found)
