"""积分账单: one month of an account, in words, as a card and as a file for a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import func, select
from sqlmodel import col
from sqlmodel import select as pick

from engagement import calendar
from engagement.feature import Context
from engagement.kernel import one_line
from engagement.points import service
from prompts.loader import texts
from storage.engine import Session
from storage.groups import Member
from storage.ledger import Entry, EntryReason

CARD_ROWS = 12
MOST_ROWS = 5000
"""Rows of a file; a household makes a few hundred entries a month."""
_BOM = "\ufeff"
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_E = Entry.__table__  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class Line:
    """An entry as a statement shows it.

    Attributes:
        what: the reason that a leader gave, else what the kind is called.
        by: name of the member whose entry it is.
        balance: whole points after it.
    """

    entry_id: int
    local_date: date
    at: datetime
    what: str
    by: str
    amount: int
    balance: int


@dataclass(frozen=True, slots=True)
class Statement:
    """A month of an account, by local days.

    Attributes:
        before, after: whole points at its beginning and at its end (or now).
        earned, spent: sums of what came and of what went, both not negative; what was reversed is in both.
        lines: oldest first.
        shared: several members have used the account in that month, or share it now.
    """

    month: date
    before: int
    after: int
    earned: int
    spent: int
    lines: Sequence[Line]
    shared: bool


def read(session: Session, account_id: int, month: date) -> Statement:
    """Return a month of an account.

    Args:
        month: its first day.

    Source: F6.
    """
    end = calendar.month_end(month)
    before = int(
        session.execute(
            select(func.coalesce(func.sum(_E.c.amount), 0)).where(
                _E.c.account_id == account_id, _E.c.local_date < month
            )
        ).scalar_one()
    )
    rows = session.exec(
        pick(Entry, EntryReason.reason, Member.name)
        .join(Member, col(Member.id) == col(Entry.member_id))
        .outerjoin(EntryReason, col(EntryReason.entry_id) == col(Entry.id))
        .where(col(Entry.account_id) == account_id, col(Entry.local_date) >= month, col(Entry.local_date) <= end)
        .order_by(col(Entry.local_date), col(Entry.id))
        .limit(MOST_ROWS)
    )
    balance = before
    lines: list[Line] = []
    for entry, reason, name in rows:
        balance += entry.amount
        what = reason or service.what_of(entry.kind)
        lines.append(Line(entry.id or 0, entry.local_date, entry.occurred_at, what, name, entry.amount, balance))
    living = session.exec(
        pick(func.count())
        .select_from(Member)
        .where(col(Member.account_id) == account_id, col(Member.left_at).is_(None))
    ).one()
    return Statement(
        month,
        before,
        balance,
        sum(line.amount for line in lines if line.amount > 0),
        -sum(line.amount for line in lines if line.amount < 0),
        lines,
        int(living) > 1 or len({line.by for line in lines}) > 1,
    )


def card(ctx: Context, statement: Statement, soon: tuple[int, date] | None) -> dict[str, object]:
    """Return what the card shows; see prompts/cards."""
    newest = [
        {"date": line.local_date.isoformat(), "what": line.what, "points": f"{line.amount:+d}"}
        for line in reversed(statement.lines)
    ]
    return {
        "name": ctx.actor.name,
        "group": ctx.here.name,
        "year": statement.month.year,
        "month": statement.month.month,
        "balance": statement.after,
        "earned": statement.earned,
        "spent": statement.spent,
        "expiring": 0 if soon is None else soon[0],
        "expires_on": "" if soon is None else soon[1].isoformat(),
        "rows": newest[:CARD_ROWS],
        "more": max(0, len(newest) - CARD_ROWS),
        "household": statement.shared,
    }


def safe(text: str) -> str:
    """Make somebody's words safe in a cell: one line, and no program takes them for a formula."""
    cell = one_line(text, 200)
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def as_csv(statement: Statement, zone: str) -> str:
    """Return the statement as CSV with a byte order mark, which is how spreadsheets here recognise UTF-8.

    Args:
        zone: of the group; times are its local ones.
    """
    out = io.StringIO()
    write = csv.writer(out, lineterminator="\r\n").writerow
    words = texts()
    write(words.raw("points.csv_head").split())
    opening = words.raw("points.csv_opening")
    write([statement.month.isoformat(), "", "", opening, "", "", statement.before])
    for line in statement.lines:
        time = line.at.astimezone(calendar.zone(zone)).strftime("%H:%M")
        write(
            [
                line.local_date.isoformat(),
                time,
                line.entry_id,
                safe(line.what),
                safe(line.by),
                line.amount,
                line.balance,
            ]
        )
    return _BOM + out.getvalue()
