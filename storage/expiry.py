"""What is left of lots whose last day is over leaves its accounts.

One entry an account and member takes all that is due, under the natural key ``expiry:{lot}`` of the oldest lot in it: a lot is
emptied in the same transaction and never filled again, so no key comes twice, and days that were missed are made up for by
the next run. A call does a bounded amount and says what is left, so that no writer waits however many points expire on a day.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import bindparam, func, insert, select, text, update

from storage.engine import Session
from storage.groups import Account
from storage.ledger import Entry
from storage.lots import Lot
from storage.statements import Prepared

KIND = "expiry"
LOOK = 3
"""What looking at a group counts for, in entries: it touches each of its accounts."""
_L = Lot.__table__  # type: ignore[attr-defined]
_A = Account.__table__  # type: ignore[attr-defined]
_T = Entry.__table__  # type: ignore[attr-defined]
_DUE = Prepared(
    "expiry.due",
    select(_L.c.account_id, _L.c.member_id, func.sum(_L.c.remaining), func.min(_L.c.entry_id))
    .select_from(_A.join(_L, _L.c.account_id == _A.c.id))
    .where(_A.c.group_id == bindparam("group_row"), text("remaining > 0"), _L.c.expires_on < bindparam("before"))
    .group_by(_L.c.account_id, _L.c.member_id)
    .order_by(_L.c.account_id, _L.c.member_id)
    .limit(bindparam("most")),
)
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


@dataclass(frozen=True, slots=True)
class Swept:
    """What one call did.

    Attributes:
        entries: how many were posted.
        unfinished: groups in which something may still be due, or that were not looked at.
    """

    entries: int
    unfinished: frozenset[int]


def expire(session: Session, group_days: Mapping[int, date], now: datetime, most: int) -> Swept:
    """Post what has expired in groups, as far as ``most`` reaches.

    Args:
        group_days: group id → its local day; what was good until a day before that is due.
        most: at most so many entries in this transaction, each group that is looked at counted as ``LOOK`` of them; at
            least one group is looked at, and at least one entry is posted where one is due.

    Source: F6, ADR 0003.
    """
    entries, room = 0, most
    unfinished: set[int] = set()
    for group_id, today in group_days.items():
        if room <= 0:
            unfinished.add(group_id)
            continue
        room = max(1, room - LOOK)
        found = session.rows(_DUE, group_row=group_id, before=today.isoformat(), most=room)
        if found:
            _post(session, group_id, today, now, [(int(a), int(m), int(n), int(lot)) for a, m, n, lot in found])
        if len(found) == room:
            unfinished.add(group_id)
        entries += len(found)
        room -= max(1, len(found))
    return Swept(entries, frozenset(unfinished))


def _post(session: Session, group_id: int, today: date, now: datetime, found: list[tuple[int, int, int, int]]) -> None:
    """Post, for each (account, member, points, oldest lot), and empty the lots."""
    connection = session.connection()
    connection.execute(
        insert(_T),
        [
            {
                "account_id": account,
                "group_id": group_id,
                "member_id": member,
                "amount": -amount,
                "kind": KIND,
                "idempotency_key": f"{KIND}:{lot}",
                "local_date": today,
                "occurred_at": now,
                "reverses_id": None,
            }
            for account, member, amount, lot in found
        ],
    )
    connection.execute(_TAKE, [{"account": account, "less": amount} for account, _, amount, _ in found])
    connection.execute(
        _EMPTY, [{"account": account, "owner": member, "before": today} for account, member, *_ in found]
    )
