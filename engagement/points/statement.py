"""积分账单: one month of an account, in words, as a card and as a file for a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections import Counter
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
from storage import ledger
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
        apart: ``within`` when the family moved it among itself, ``along`` when it came or went with a member, else empty.
    """

    entry_id: int
    local_date: date
    at: datetime
    what: str
    by: str
    amount: int
    balance: int
    apart: str = ""


@dataclass(frozen=True, slots=True)
class Statement:
    """A month of an account, by local days.

    Attributes:
        before, after: whole points at its beginning and at its end (or now).
        earned, spent: sums of what came and of what went, both not negative; what was reversed is in both. Points that a
            family moved are in neither.
        brought, taken: what came and what went with members who joined or left the account, both not negative.
        within: what its members gave each other; the balance does not know of it.
        lines: oldest first.
        shared: several members have used the account in that month, or share it now.
    """

    month: date
    before: int
    after: int
    earned: int
    spent: int
    brought: int
    taken: int
    within: int
    lines: Sequence[Line]
    shared: bool

    @property
    def count(self) -> int:
        """Movements; what one member gave another is one."""
        return sum(1 for line in self.lines if line.apart != "within" or line.amount > 0)


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
    found = list(rows)
    pairs = Counter(entry.idempotency_key.rpartition(":")[0] for entry, _, _ in found if entry.kind == "transfer")
    for entry, reason, name in found:
        balance += entry.amount
        what = reason or service.what_of(entry.kind)
        apart = ""
        if entry.kind == "transfer" and not entry.idempotency_key.startswith(ledger.HOME):
            # Both halves of a transfer are of one day.
            apart = "within" if pairs[entry.idempotency_key.rpartition(":")[0]] > 1 else "along"
        moment = entry.occurred_at
        lines.append(Line(entry.id or 0, entry.local_date, moment, what, name, entry.amount, balance, apart))
    living = session.exec(
        pick(func.count())
        .select_from(Member)
        .where(col(Member.account_id) == account_id, col(Member.left_at).is_(None))
    ).one()
    return Statement(
        month,
        before,
        balance,
        *_came_and_went(lines, ""),
        *_came_and_went(lines, "along"),
        _came_and_went(lines, "within")[0],
        lines,
        int(living) > 1 or len({line.by for line in lines}) > 1,
    )


def _came_and_went(lines: Sequence[Line], apart: str) -> tuple[int, int]:
    amounts = [line.amount for line in lines if line.apart == apart]
    return sum(one for one in amounts if one > 0), -sum(one for one in amounts if one < 0)


def card(ctx: Context, statement: Statement, soon: tuple[int, date] | None) -> dict[str, object]:
    """Return what the card shows; see prompts/cards."""
    newest = [
        {"date": line.local_date.isoformat(), "what": line.what, "points": f"{line.amount:+d}"}
        for line in reversed(statement.lines)
        if line.apart != "within"
    ]
    return {
        "name": ctx.actor.name,
        "group": ctx.here.name,
        "year": statement.month.year,
        "month": statement.month.month,
        "balance": statement.after,
        "earned": statement.earned,
        "spent": statement.spent,
        "brought": statement.brought,
        "taken": statement.taken,
        "within": statement.within,
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

    What a family moved has a column of its own, so that the column of points adds up to what was earned and spent.

    Args:
        zone: of the group; times are its local ones.
    """
    out = io.StringIO()
    write = csv.writer(out, lineterminator="\r\n").writerow
    words = texts()
    family = any(line.apart for line in statement.lines)
    write(words.raw("points.csv_head_family" if family else "points.csv_head").split())
    opening = words.raw("points.csv_opening")
    write([statement.month.isoformat(), "", "", opening, "", *[""] * (1 + family), statement.before])
    for line in statement.lines:
        time = line.at.astimezone(calendar.zone(zone)).strftime("%H:%M")
        amounts = ["", line.amount] if line.apart else [line.amount, ""]
        write(
            [
                line.local_date.isoformat(),
                time,
                line.entry_id,
                safe(line.what),
                safe(line.by),
                *amounts[: 1 + family],
                line.balance,
            ]
        )
    return _BOM + out.getvalue()
