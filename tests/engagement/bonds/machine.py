"""People who bind, part, check in, get and spend points in any order: nothing is lost, doubled or earned twice."""

from __future__ import annotations

import itertools
import tempfile
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlmodel import col, func, select

from engagement.checkin.service import day_count
from engagement.registry import FEATURES
from storage.bonds import Bond, Moved
from storage.engine import Session
from storage.groups import Account, Member
from storage.lots import Lot
from tests.engagement.bonds.neighbours import (
    balance,
    identities_of,
    on_another_channel,
    on_page,
    post,
    sound,
)
from tests.engagement.stage import Stage, open_stage

CHANNEL = {"甲": "play", "乙": "wechat", "丙": "wecom", "丁": "play"}
PEOPLE = tuple(CHANNEL)
START = "2026-12-01T09:00"
WHO = st.sampled_from(PEOPLE)
DAYS = st.sampled_from([0, 1, 31])
TWO = st.sampled_from(
    [("甲", "乙"), ("甲", "丙"), ("乙", "丙"), ("丙", "甲"), ("丁", "乙"), ("甲", "丁"), ("甲", "甲")]
)


@dataclass
class Books:
    """What is expected, in few lines.

    Attributes:
        total: points that came from outside less those that went.
        marks: membership → days that count as checked in, and since when they do.
        paid: membership and day of a check-in that brought points.
        bound: (who goes on, who rests) → since when, and the memberships (that rests, that acts).
    """

    total: int = 0
    marks: dict[int, dict[date, datetime]] = field(default_factory=dict)
    bound: dict[tuple[str, str], tuple[datetime, int, int]] = field(default_factory=dict)
    paid: set[tuple[int, date]] = field(default_factory=set)


class BondsMachine(RuleBasedStateMachine):
    """Four who are all in one group, on three channels."""

    steps = 0
    seen: ClassVar[set[str]] = set()

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.stage: Stage = open_stage(Path(self.folder.name), FEATURES, START)
        self.books = Books()
        self.numbers = itertools.count()
        self.last: list[tuple[str, str, str]] = []

    def teardown(self) -> None:
        if self.steps:
            sound(self.stage)
        self.stage.database.close()
        self.folder.cleanup()

    @initialize()
    def everybody_has_checked_in(self) -> None:
        for who in PEOPLE:
            self.stage.say(who, "签到")
            self.books.marks[self._member(who)] = {self._today(): self.stage.clock.now()}
            self.books.paid.add((self._member(who), self._today()))
            if CHANNEL[who] != "play":
                on_another_channel(self.stage, who, CHANNEL[who])
        self.books.total = self._held()
        self._count()

    # ------------------------------------------------------------ points

    @rule(who=WHO)
    def check_in(self, who: str) -> None:
        acting, today = self._member(who), self._today()
        before = self._held()
        on_page(self.stage, who, "签到")
        earned = self._held() - before
        assert (earned > 0) is (today not in self.books.marks[acting]), "a day is paid for once"
        self.books.marks[acting].setdefault(today, self.stage.clock.now())
        if earned:
            self.books.paid.add((acting, today))
        self.books.total += earned
        self._count()

    @rule(who=WHO, amount=st.sampled_from([1, 3, 8, 20]), days=st.sampled_from([0, 5, 40]))
    def get(self, who: str, amount: int, days: int) -> None:
        until = (self.stage.clock.now().date() + timedelta(days=days)).isoformat() if days else ""
        post(self.stage, self._name(who), amount, f"get:{next(self.numbers)}", expires=until)
        self.books.total += amount
        self._count()

    @rule(who=WHO, amount=st.sampled_from([1, 4, 9, 50]))
    def spend(self, who: str, amount: int) -> None:
        taken = min(amount, balance(self.stage, self._name(who)))
        if taken:
            post(self.stage, self._name(who), -taken, f"spend:{next(self.numbers)}")
            self.books.total -= taken
        self._count()

    @rule(who=WHO, amount=st.sampled_from([2, 30]))
    def is_given(self, who: str, amount: int) -> None:
        said = self.stage.say("周团长", f"加分 {self._name(who)} {amount} 谢谢")
        capped = [message.key for message in said] == ["points.day_cap"]  # all that a leader may give in a day is given
        self.books.total += 0 if capped else amount
        self._keep([(button.key, "周团长", f"give:{amount}") for message in said for button in message.buttons])

    @precondition(lambda self: self.last)
    @rule(nth=st.integers(0, 9), times=st.integers(1, 2))
    def take_back_or_press_again(self, nth: int, times: int) -> None:
        """An old button: a gift that is undone (by whoever pays for it now), or a confirmation once more."""
        key, who, what = self.last[nth % len(self.last)]
        for _ in range(times):
            before = self._held()
            if who == "周团长":
                self.stage.say(who, "", button=key)
                back = before - self._held()
                assert back in (0, int(what.partition(":")[2]))
                self.books.total -= back
            else:
                now = self._standing()
                on_page(self.stage, who, button=key)
                assert self._standing() == now, "an old button does nothing"
        self._count()

    @rule(who=WHO, other=WHO)
    def family(self, who: str, other: str) -> None:
        """Leave, ask, and be asked for the same, which is a yes: in the group, where those speak who are on its channel."""
        one, two = self._voice(who), self._voice(other)
        if one and two and self._member(who) != self._member(other):
            self.leave(who)
            self.stage.say(one, f"加入家庭 {self._name(other)}")
            said = self.stage.say(two, f"邀请家人 {self._name(who)}")
            self.seen.update(message.key for message in said)
        self._count()

    @rule(who=WHO)
    def leave(self, who: str) -> None:
        for message in on_page(self.stage, who, "退出家庭"):
            for button in message.buttons[:1]:
                on_page(self.stage, who, button=button.key)
        self._count()

    def _voice(self, who: str) -> str:
        """Under which of his names somebody speaks in the group; empty when he cannot."""
        found = identities_of(self.stage)
        return next((name for name in PEOPLE if CHANNEL[name] == "play" and found[name] == found[who]), "")

    # ------------------------------------------------------------ binding

    @rule(
        two=TWO, days=DAYS, back=st.booleans(), again=st.integers(0, 2), before=st.integers(0, 3), after=st.booleans()
    )
    def bind(self, two: tuple[str, str], days: int, back: bool, again: int, before: int, after: bool) -> None:
        """Check in as one, the other, both or neither; bind, press again, deliver again; part at once, or check in as one."""
        who, other = two
        self.days_go_by(days)
        for number, one in enumerate(two):
            if before & (number + 1):
                self.check_in(one)
        acts, rests, today = self._member(who), self._member(other), self._today()
        marks, paid = self.books.marks, self.books.paid
        was = self._standing()
        (said,) = on_page(self.stage, who, "绑定")
        (asked,) = on_page(self.stage, other, f"绑定 {said.values['code']}")
        self.seen.add(asked.key)
        if not asked.buttons:
            assert self._standing() == was
            return
        assert self._standing() == was, "nothing happens before it is confirmed"
        key = f"yes{next(self.numbers)}"
        done, *_ = on_page(self.stage, other, button=asked.buttons[0].key, key=key)
        self.seen.add(done.key)
        assert done.key == "bonds.bound"
        assert bool(done.values["held"]) is ({(acts, today), (rests, today)} <= paid), "a day of both stays behind once"
        self._keep([(asked.buttons[0].key, other, "")])
        became = self._standing()
        for _ in range(again):
            on_page(self.stage, other, button=asked.buttons[0].key)
            assert on_page(self.stage, other, button=asked.buttons[0].key, key=key) == []
            assert self._standing() == became
        assert self._held() == self.books.total
        assert self._member(who) == self._member(other) == acts
        self.books.bound[who, other] = self.stage.clock.now(), rests, acts
        if today in marks[rests]:
            marks[acts].setdefault(today, marks[rests][today])
        if back:
            self._part(who, other)
            assert self._standing() == was
        if after:
            self.check_in(other)
            self.check_in(who)
        self._count()

    @precondition(lambda self: self.books.bound)
    @rule(nth=st.integers(0, 5))
    def part(self, nth: int) -> None:
        pairs = sorted(self.books.bound)
        self._part(*pairs[nth % len(pairs)])
        self._count()

    def _part(self, who: str, other: str) -> None:
        since, rests, acts = self.books.bound.pop((who, other))
        held = self._held()
        # Where both have been one with a third, and the first has parted from that one since, the other is still with the third.
        who = who if self.stage.person(who) == self.stage.person(other) else other
        (mine,) = on_page(self.stage, who, "我的账号")
        bond = self.stage.database.read_now(
            lambda s: next(
                one.id
                for one in s.exec(select(Bond).where(Bond.state == "bound"))
                if Moved.of(one).met[0].member == rests
            )
        )
        assert f"bond_part:{bond}" in {button.key for button in mine.buttons}
        (sure,) = on_page(self.stage, who, button=f"bond_part:{bond}")
        (done,) = on_page(self.stage, who, button=sure.buttons[0].key)
        assert (done.key, done.values["points"]) == ("bonds.parted", sure.values["points"])
        assert self._held() == held
        assert self._member(other) == rests != acts
        today = self._today()
        made = self.books.marks[acts].get(today)
        if made is not None and made >= since:
            self.books.marks[rests].setdefault(today, made)

    # ------------------------------------------------------------ time

    @rule(days=st.sampled_from([1, 1, 2, 31]))
    def days_go_by(self, days: int) -> None:
        self.stage.clock.set(self.stage.clock.now() + timedelta(days=days))
        self._count()

    # ------------------------------------------------------------ what holds

    @invariant()
    def nothing_is_lost(self) -> None:
        assert self._held() == self.books.total

    @invariant()
    def nobody_is_counted_twice(self) -> None:
        today = self._today()
        goes_on = {rests: acts for _, rests, acts in self.books.bound.values()}
        people = {goes_on.get(member, member) for member, day in self.books.paid if day == today}
        counted = self.stage.database.read_now(lambda s: day_count(s, self.stage.group_id, today))
        assert counted == len(people)

    def _held(self) -> int:
        return self.stage.database.read_now(
            lambda s: int(s.exec(select(func.coalesce(func.sum(Account.balance), 0))).one())
        )

    def _standing(self) -> Any:
        def read(session: Session) -> Any:
            lots = session.exec(select(Lot).where(Lot.remaining > 0)).all()
            days: dict[tuple[int, date], int] = {}
            for one in lots:
                days[one.account_id, one.expires_on] = days.get((one.account_id, one.expires_on), 0) + one.remaining
            used = select(Member.account_id)
            balances = session.exec(select(Account.id, Account.balance).where(col(Account.id).in_(used))).all()
            rows = session.exec(select(Member).order_by(col(Member.id))).all()
            members = [(row.id, row.person_id, row.account_id, row.left_at, row.bonded_to, row.role) for row in rows]
            return days, sorted(balances), members

        return self.stage.database.read_now(read), identities_of(self.stage)

    def _today(self) -> date:
        return (self.stage.clock.now() + timedelta(hours=8)).date()

    def _name(self, who: str) -> str:
        """How the membership that acts for somebody is shown."""
        found = self._member(who)
        return self.stage.database.read_now(lambda s: s.get_one(Member, found).name)

    def _member(self, who: str) -> int:
        person = self.stage.person(who)
        where = (Member.person_id == person, col(Member.left_at).is_(None))
        return self.stage.database.read_now(lambda s: s.exec(select(Member.id).where(*where)).one() or 0)

    def _keep(self, buttons: list[tuple[str, str, str]]) -> None:
        self.last = [*self.last, *buttons][-6:]
        self._count()

    def _count(self) -> None:
        self.stage.clock.set(self.stage.clock.now() + timedelta(minutes=1))
        type(self).steps += 1


def run(examples: int, steps: int, *, same: bool = False, from_seed: int | None = None) -> tuple[int, set[str]]:
    """Let the machine run; returns how many steps were taken, and the text keys that came of entering and confirming codes.

    Args:
        same: take the same walks every time.
        from_seed: take the walks of this seed.
    """
    machine: Any = type("Machine", (BondsMachine,), {"seen": set()})
    if from_seed is not None:
        seed(from_seed)(machine)
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            derandomize=same,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
    return int(machine.steps), machine.seen
