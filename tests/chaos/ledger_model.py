"""What must come of a stream of messages, worked out without the product: its own rules, in memory, one after the other."""

from __future__ import annotations

import itertools
import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from engagement.kernel import Event, Incoming, Place

CHANNEL = "chaos"
DAWN = datetime(2026, 1, 1, tzinfo=UTC)
GROUPS, MEMBERS = 40, 25
DAYS_A_MONTH = 14
"""Days of each month that are lived: too few for anybody to complete a month's challenge, whose points are not modelled."""
GIVE_MOST, GIVE_MOST_A_DAY = 100, 500


def group_name(group: int) -> str:
    """The chat's id."""
    return f"g{group}"


def leader_name(group: int) -> str:
    """The leader's id and name."""
    return f"leader{group}"


def member_name(group: int, member: int) -> str:
    """A member's id and name, one word, so that a gift can name it."""
    return f"m{group}x{member}"


@dataclass(slots=True)
class Member:
    """A member as the model knows him.

    Attributes:
        known: has spoken to the bot, and so has an account.
    """

    known: bool = False
    balance: int = 0
    days: set[date] = field(default_factory=set)

    def streak_ending(self, day: date) -> int:
        """Days in a row that end on ``day``."""
        count = 0
        while day - timedelta(days=count) in self.days:
            count += 1
        return count

    def longest(self) -> int:
        """The longest streak ever."""
        return max(self.streak_ending(day) for day in self.days)


@dataclass(slots=True)
class Gift:
    """A gift or taking that was made; ``undone`` once reversed."""

    group: int
    member: int
    amount: int
    key: str
    undone: bool = False


@dataclass(frozen=True, slots=True)
class Sent:
    """A message, its number in the stream, and its dedupe key."""

    number: int
    incoming: Incoming

    @property
    def key(self) -> str:
        """What a redelivery has in common with it."""
        return self.incoming.dedupe_key


class Model:
    """Lives the days: makes messages and works out their effects in the order in which they are made.

    Attributes:
        entries: idempotency key → amount, of every ledger entry that must exist; reversals under the key of what they undo.
    """

    def __init__(self, seed: int, operations: int) -> None:
        """Prepare a stream of so many messages, redeliveries not counted."""
        self.rng = random.Random(seed)
        self.operations = operations
        self.members = {(g, m): Member() for g in range(GROUPS) for m in range(MEMBERS)}
        self.entries: dict[str, int] = {}
        self.undone: dict[str, int] = {}
        self.gifts: dict[str, Gift] = {}
        self._given: dict[tuple[int, date], int] = defaultdict(int)
        self._undoable: list[tuple[int, str]] = []
        self._numbers = itertools.count(1)

    def learn(self, key: str, entry_id: int) -> None:
        """Remember a gift's entry id, told by the button under the answer; it can be undone from now on."""
        if key in self.gifts:
            self._undoable.append((entry_id, key))

    def stream(self) -> Iterator[Sent]:
        """Make the messages, day after day."""
        for day in self._days():
            # About 1.2 messages a member and day, in no order.
            for place in range(GROUPS * MEMBERS * 6 // 5):
                number = next(self._numbers)
                if number > self.operations:
                    return
                now = datetime(day.year, day.month, day.day, 2, tzinfo=UTC) + timedelta(seconds=place)
                yield Sent(number, self._one(number, day, now))

    @staticmethod
    def _days() -> Iterator[date]:
        day = DAWN.date()
        while True:
            day += timedelta(days=1)
            if day.day <= DAYS_A_MONTH:
                yield day

    def _one(self, number: int, day: date, now: datetime) -> Incoming:
        group, member = self.rng.randrange(GROUPS), self.rng.randrange(MEMBERS)
        chance = self.rng.random()
        if chance < 0.72:
            return self._check_in(number, group, member, day, now)
        if chance < 0.87:
            return self._adjust(number, group, member, day, now, take=False)
        if chance < 0.94:
            return self._adjust(number, group, member, day, now, take=True)
        if chance < 0.97 and self._undoable:
            return self._undo(number, now)
        self.members[group, member].known = True
        return self._message(number, group, member_name(group, member), "积分", now)

    # ---------------------------------------------------------------- what each does

    def _check_in(self, number: int, group: int, member: int, day: date, now: datetime) -> Incoming:
        occurred = now
        if self.rng.random() < 0.05 and day.day > 1:
            occurred -= timedelta(hours=14)  # a late delivery, which counts for the day before
            day -= timedelta(days=1)
        who = self.members[group, member]
        who.known = True
        if day not in who.days:
            first = not who.days
            who.days.add(day)
            streak = who.streak_ending(day)
            points = 5 if first else min(5, 1 + streak)
            points += 10 if streak == 7 else 20 if streak % 30 == 0 else 0
            who.balance += points
            self.entries[f"checkin:{group_name(group)}:{member_name(group, member)}:daily:{day}"] = points
        word = self.rng.choice(("签到", "打卡！", "/checkin", "签 到"))
        return self._message(number, group, member_name(group, member), word, now, occurred)

    def _adjust(self, number: int, group: int, member: int, day: date, now: datetime, *, take: bool) -> Incoming:
        amount = self.rng.choice((1, 5, 10, 20, 30, 101))
        who = self.members[group, member]
        fits = amount <= GIVE_MOST and self._given[group, day] + amount <= GIVE_MOST_A_DAY
        if who.known and fits and not (take and who.balance < amount):
            self._given[group, day] += amount
            amount_signed = -amount if take else amount
            who.balance += amount_signed
            key = f"adjust:{CHANNEL}::{_key(number)}"
            self.entries[key] = amount_signed
            self.gifts[_key(number)] = Gift(group, member, amount_signed, key)
        text = f"{'扣分' if take else '加分'} {member_name(group, member)} {amount} sample"
        return self._message(number, group, leader_name(group), text, now)

    def _undo(self, number: int, now: datetime) -> Incoming:
        # Mostly one that was not undone yet; sometimes again.
        place = self.rng.randrange(len(self._undoable))
        entry_id, name = self._undoable[place]
        if self.rng.random() < 0.8:
            self._undoable.pop(place)
        gift = self.gifts[name]
        who = self.members[gift.group, gift.member]
        if not gift.undone and who.balance >= gift.amount:
            gift.undone = True
            who.balance -= gift.amount
            self.undone[gift.key] = -gift.amount
        return self._message(number, gift.group, leader_name(gift.group), "", now, button=f"undo_points:{entry_id}")

    @staticmethod
    def _message(
        number: int,
        group: int,
        sender: str,
        text: str,
        now: datetime,
        occurred: datetime | None = None,
        button: str = "",
    ) -> Incoming:
        return Incoming(
            event=Event.BUTTON if button else Event.MESSAGE,
            channel=CHANNEL,
            dedupe_key=_key(number),
            place=Place.GROUP,
            conversation=group_name(group),
            sender=sender,
            sender_name=sender,
            text=text,
            message_id=_key(number),
            button=button,
            occurred_at=occurred or now,
            received_at=now,
        )


def _key(number: int) -> str:
    return f"k{number}"
