"""A neighbourhood that founds, leaves and mixes up families at random: every point stays explained, after every step.

Through the real gateway: asking, answers right and wrong, redelivered or late, gifts, spending, leaders' corrections, people
who leave the group, withdraw and erase their data. What a few lines of model expect is compared with what the ledger says.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy.orm import aliased
from sqlmodel import col, select

from engagement.households import rules, service
from engagement.households.tables import FamilyRequest
from engagement.kernel import Event, Kind, Outgoing
from engagement.points import service as points
from engagement.registry import FEATURES
from storage import audit, ledger
from storage.engine import Session
from storage.groups import Account, Consent, Member
from storage.ledger import Entry, Posting
from tests.engagement.stage import Stage, day, open_stage

LEADER = "周团长"
NEIGHBOURS = ("李阿姨", "王姐", "小满", "陈师傅", "301张哥", "糖糖", "老方", "阿芳", "小何", "梅姨")
STEPS = 200
TODAY = day("2026-12-01")


@dataclass
class Walk:
    """The state of one walk.

    Attributes:
        earned: name → what the board must show: points that came from outside, whoever has them now or spent them.
        there: points that all accounts hold together.
        buttons: everything that was ever offered to press.
        seen: the text keys of what was said in answer.
        undoable: button → whom and how many points it moves back.
    """

    stage: Stage
    chance: random.Random
    earned: dict[str, int] = field(default_factory=dict)
    there: int = 0
    buttons: list[str] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)
    undoable: dict[str, tuple[str, int]] = field(default_factory=dict)

    def say(self, who: str, text: str, *, button: str = "") -> list[Outgoing]:
        """Somebody types or presses; now and then it is delivered again, which must bring nothing."""
        key = f"w{len(self.seen)}"
        self.seen.append("")
        said = self.stage.say(who, text, button=button, private=self.chance.random() < 0.2, dedupe_key=key)
        self.buttons += [one.key for message in said for one in message.buttons]
        self.seen += [message.key for message in said if message.kind is not Kind.DM]
        if self.chance.random() < 0.2:
            assert self.stage.say(who, text, button=button, dedupe_key=key) == []
        return said

    def someone(self) -> str:
        return self.chance.choice(NEIGHBOURS)


def ask(walk: Walk) -> None:
    """Somebody asks; the other one often says yes at once."""
    who, other = walk.chance.sample(NEIGHBOURS, 2)
    for message in walk.say(who, f"{walk.chance.choice(['加入家庭', '邀请家人'])} {other}"):
        if message.buttons and walk.chance.random() < 0.6:
            walk.say(other, "", button=message.buttons[0].key)


def press(walk: Walk) -> None:
    """An old or a new button, by anybody; more often one under the latest messages."""
    if walk.buttons:
        latest = walk.buttons[-6:] if walk.chance.random() < 0.8 else walk.buttons
        walk.say(walk.someone(), "", button=walk.chance.choice(latest))


def answer(walk: Walk) -> None:
    """Whoever was asked answers, and sometimes twice."""

    def waiting(session: Session) -> list[tuple[int, str]]:
        rows = session.exec(
            select(FamilyRequest.id, Member.name)
            .join(Member, col(Member.id) == col(FamilyRequest.asked_id))
            .where(FamilyRequest.state == "open", col(Member.left_at).is_(None))
            .order_by(col(FamilyRequest.id).desc())
            .limit(4)
        )
        return [(int(row or 0), name) for row, name in rows]

    found = walk.stage.database.read_now(waiting)
    if found:
        request, who = walk.chance.choice(found)
        for _ in range(walk.chance.choice([1, 1, 2])):
            walk.say(who, "", button=f"family_{walk.chance.choice(['yes', 'yes', 'yes', 'no'])}:{request}")


def leave(walk: Walk) -> None:
    who = walk.someone()
    for message in walk.say(who, "退出家庭"):
        if message.buttons:
            walk.say(who, "", button=message.buttons[0].key)


def give(walk: Walk) -> None:
    """To one of the family, or to anybody."""

    def mates(session: Session) -> list[tuple[str, str]]:
        other = aliased(Member)
        rows = session.exec(select(Member.name, other.name).where(Member.account_id == other.account_id))
        return [(one, two) for one, two in rows if one != two]

    found = walk.stage.database.read_now(mates)
    who, to = walk.chance.choice([*found, (walk.someone(), walk.someone())])
    walk.say(who, f"转给家人 {to} {walk.chance.randint(1, 12)}")


def show(walk: Walk) -> None:
    walk.say(walk.someone(), walk.chance.choice(["我的家庭", "家庭名 幸福一家", "积分明细", "积分"]))


def earn_or_spend(walk: Walk) -> None:
    move(walk, walk.someone(), walk.chance.choice([30, 20, 7, -15, -4]))


def move(walk: Walk, who: str, amount: int) -> None:
    """Points from outside, or spent as far as there are any."""

    def post(session: Session) -> int:
        member = session.exec(select(Member).where(Member.name == who)).one()
        if member.account_id is None or member.id is None:
            return 0
        have = ledger.balance(session, member.account_id)
        change = max(amount, -have)
        if change:
            kind = "topic" if change > 0 else "exchange"
            row = Posting(
                member.account_id,
                member.group_id,
                member.id,
                change,
                kind,
                f"walk:{len(walk.seen)}",
                TODAY,
                walk.stage.clock.now(),
            )
            ledger.post(session, row)
        return change

    walk.seen.append("")
    change = walk.stage.database.write_now(post)
    walk.earned[who] += max(0, change)
    walk.there += change


def correct(walk: Walk) -> None:
    """The leader gives, takes, and takes one of these back."""
    who, amount = walk.someone(), walk.chance.randint(1, 20)
    take = walk.chance.random() < 0.4
    for message in walk.say(LEADER, f"{'扣分' if take else '加分'} {who} {amount} 更正"):
        if message.key in ("points.given", "points.taken"):
            walk.earned[who] += -amount if take else amount
            walk.there += -amount if take else amount
            walk.undoable[message.buttons[0].key] = (who, amount if take else -amount)
    if walk.undoable and walk.chance.random() < 0.5:
        button = walk.chance.choice(sorted(walk.undoable))
        who, back = walk.undoable[button]
        if [message.key for message in walk.say(LEADER, "", button=button)] == ["points.undone"]:
            walk.earned[who] += back
            walk.there += back


def come_and_go(walk: Walk) -> None:
    who = walk.someone()
    walk.stage.happen(Event.LEAVE, who)
    if walk.chance.random() < 0.7:
        walk.say(who, "积分")


def wait(walk: Walk) -> None:
    walk.stage.clock.set(walk.stage.clock.now() + timedelta(hours=walk.chance.choice([1, 80])))


def withdraw(walk: Walk) -> None:
    who = walk.someone()
    walk.say(who, "退出")
    if walk.chance.random() < 0.8:
        walk.say(who, "我的家庭")


STEPS_TO_TAKE: tuple[tuple[Callable[[Walk], None], int], ...] = (
    (ask, 6),
    (answer, 4),
    (press, 2),
    (leave, 2),
    (give, 3),
    (show, 1),
    (earn_or_spend, 4),
    (correct, 2),
    (come_and_go, 1),
    (wait, 2),
    (withdraw, 1),
)


def check(walk: Walk) -> None:
    """Everything that must hold at any moment."""

    def look(session: Session) -> None:
        found = ledger.check(session)
        assert (found.wrong_balances, found.negative_balances, found.wrong_reversals) == (0, 0, 0)
        accounts = dict(session.exec(select(Account.id, Account.balance)).all())
        members = session.exec(select(Member)).all()
        assert all(member.account_id is not None for member in members if member.name)
        used = {member.account_id for member in members if member.account_id is not None}
        assert not [account for account, have in accounts.items() if have and account not in used], "points of nobody"
        for account in used:
            family = service.view(session, account)
            assert len(family.shares) <= rules.FAMILY_MOST
            assert sum(share.points for share in family.shares) == family.balance == accounts[account]
            assert all(share.points >= 0 for share in family.shares)
            assert not (family.alone and family.name)
        assert sum(accounts.values()) == walk.there
        # What a member has earned does not change by families, nor by what is spent.
        ranks = {rank.name: rank.points for rank in points.board(session, walk.stage.group_id, "all", TODAY)}
        # Who withdrew is on no board, until he comes back.
        gone = set(session.exec(select(Consent.person_id).where(col(Consent.withdrawn_at).is_not(None))))
        present = {member.name for member in members if member.left_at is None and member.person_id not in gone}
        expected = {who: earned for who, earned in walk.earned.items() if earned > 0 and who in present}
        assert ranks == expected

    walk.stage.database.read_now(look)


@pytest.mark.parametrize("seed", [1, 2])
def test_a_walk(tmp_path: Path, seed: int) -> None:
    stage = open_stage(tmp_path, FEATURES, "2026-12-01T09:00")
    walk = Walk(stage, random.Random(seed))
    for who in (*NEIGHBOURS, LEADER):
        stage.say(who, "我的家庭")
    walk.earned = dict.fromkeys((*NEIGHBOURS, LEADER), 0)
    for who in NEIGHBOURS:
        move(walk, who, 25)
    steps, weights = zip(*STEPS_TO_TAKE, strict=True)
    for number in range(STEPS):
        walk.chance.choices(steps, weights)[0](walk)
        if number % 5 == 0:
            check(walk)
    check(walk)
    entries = stage.database.read_now(lambda s: s.exec(select(Entry.kind)).all())
    assert "points.undone" in walk.seen
    came = {key.removeprefix("households.") for key in walk.seen}
    assert {"joined", "left", "given", "asked_join", "asked_invite", "give_outside"} <= came, "the walk must go far"
    assert entries.count("transfer") > 20
    assert stage.database.read_now(audit.broken_links)[1] is None
    stage.database.close()
