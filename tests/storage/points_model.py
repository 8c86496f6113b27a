"""What points ought to do, in one list of lots an account: credits, takings, reversals, moves between households, expiry.

The reference for storage.ledger, storage.lots and storage.expiry; it knows nothing of SQL, keys or crashes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta

FOREVER = date.max


@dataclass
class Lot:
    """Points of one member in one account, good until a day."""

    entry: int
    member: int
    until: date
    left: int


@dataclass
class Model:
    """Accounts as lists of lots; ``said``: entry → (account, member, amount, day, drawn from lots, latest day of those)."""

    accounts: dict[int, list[Lot]] = field(default_factory=dict)
    said: dict[int, tuple[int, int, int, date, int, date]] = field(default_factory=dict)
    undone: set[int] = field(default_factory=set)

    def balance(self, account: int) -> int:
        return sum(lot.left for lot in self.accounts.setdefault(account, []))

    def _draw(self, account: int, amount: int, first: Callable[[Lot], bool]) -> Iterator[tuple[Lot, int]]:
        for lot in sorted(self.accounts[account], key=lambda lot: (not first(lot), lot.until, lot.entry)):
            part = max(0, min(amount, lot.left))
            amount, lot.left = amount - part, lot.left - part
            if part:
                yield lot, part

    def post(self, entry: int, account: int, member: int, amount: int, today: date, until: date = FOREVER) -> bool:
        if self.balance(account) + amount < 0:
            return False
        drawn = [(p, lot.until) for lot, p in self._draw(account, -amount, lambda lot: False) if lot.until != FOREVER]
        self.accounts[account].append(Lot(entry, member, until, max(0, amount)))
        latest = max((until for _, until in drawn), default=date.min)
        self.said[entry] = (account, member, amount, today, sum(part for part, _ in drawn), latest)
        return True

    def reverse(self, entry: int, by: int, today: date, home: int, given: int) -> bool:
        account, member, amount, made, drawn, latest = self.said[entry]
        own = [lot for lots in self.accounts.values() for lot in lots if lot.entry == entry and lot.until != FOREVER]
        lapsed = amount > 0 and any(not lot.left and lot.until < today for lot in own)
        if entry in self.undone or lapsed or self.balance(home) < amount:
            return False
        self.undone.add(entry)
        if amount > 0 and home != account:
            self.transfer(given, home, member, account, member, amount)
        for _ in self._draw(account, amount, lambda lot: lot.entry == entry if own else lot.until == FOREVER):
            pass
        if amount < 0:
            until = latest if not drawn or latest >= today else today + max(latest - made, timedelta())
            self.accounts[account] += [Lot(by, member, until, drawn), Lot(by, member, FOREVER, -amount - drawn)]
        return amount > 0 or home == account or self.transfer(given, account, member, home, member, -amount)

    def transfer(self, by: int, source: int, giver: int, target: int, taker: int, amount: int) -> bool:
        if self.balance(source) < amount:
            return False
        for lot, part in list(self._draw(source, amount, lambda lot: lot.member == giver and lot.until != FOREVER)):
            if source == target and lot.member != giver:
                lot.left += part  # what others have brought stays theirs
            else:
                entry = lot.entry if not lot.left else by
                self.accounts.setdefault(target, []).append(Lot(entry, taker, lot.until, part))
                lot.entry = 0 if not lot.left else lot.entry
        return True

    def expire(self, today: date) -> None:
        for lot in (lot for lots in self.accounts.values() for lot in lots if lot.until < today):
            lot.left = 0
