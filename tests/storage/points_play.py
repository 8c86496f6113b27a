"""What is done to points in a random walk: on the real ledger, and then in just those words on the model.

Four neighbours of one group, each with an own account at first, come together in families and part again, check in, spend, make
up for days, are corrected, and lose what has expired.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import NamedTuple, TypeAlias

from sqlmodel import col, func, select

from storage import expiry, identities, ledger
from storage.engine import Session
from storage.groups import Member
from storage.ledger import Entry, InsufficientPoints, LapsedPoints, Posting
from storage.lots import Lot
from tests.storage.points_model import FOREVER, Model
from tests.storage.worlds import NOW, TODAY, Somebody, a_member

PEOPLE = 4
NAMES = ("checkin", "gift", "spend", "makeup", "reverse", "join", "leave", "give", "tomorrow", "rule")
Standing: TypeAlias = dict[int, tuple[int, tuple[tuple[date, int, int], ...]]]
"""Account → balance, and (last day, member, points) of what expires."""


class Act(NamedTuple):
    """What somebody wants to do; what a name does not need is ignored."""

    name: str
    who: int
    other: int
    amount: int
    nth: int


class Step(NamedTuple):
    """What came of it, in the model's words: a method of :class:`Model`, its arguments, and whether it was done."""

    what: str
    arguments: tuple[object, ...]
    done: bool


@dataclass
class Walk:
    """Where a walk stands.

    Attributes:
        name: begins the keys of everything that it posts.
        months: of the group's rule of expiry; 0 = none.
        entries: entry ids that it may reverse.
    """

    name: str
    people: list[Somebody]
    today: date = TODAY
    months: int = 0
    entries: list[int] = field(default_factory=list)
    done: int = 0


def begin(session: Session, name: str) -> Walk:
    """Put four neighbours into a new group."""
    return Walk(name, [a_member(session, f"{name}-u{number}", name) for number in range(PEOPLE)])


def go_on(walk: Walk, act: Act, step: Step | None) -> None:
    """Let the walk know what was done."""
    walk.done += 1
    if act.name == "tomorrow":
        walk.today += timedelta(days=act.amount)
    elif act.name == "rule":
        walk.months = act.nth % 4
    elif step is not None and step.done and step.what == "post":
        walk.entries.append(int(str(step.arguments[0])))


def agrees(model: Model, step: Step | None) -> bool:
    """Do a step on the model; whether it comes out alike."""
    if step is None:
        return True
    outcome = getattr(model, step.what)(*step.arguments)
    return step.what == "expire" or outcome is step.done


def really(session: Session, walk: Walk, act: Act) -> Step | None:
    """Do an act on the ledger; None = there is nothing to do. Changes nothing of the walk, so it may run again."""
    if act.name in ("checkin", "gift", "spend", "makeup"):
        return _post(session, walk, act)
    if act.name == "reverse":
        return _reverse(session, walk, act)
    if act.name in ("join", "leave", "give"):
        return _move(session, walk, act)
    if act.name == "tomorrow":
        day = walk.today + timedelta(days=act.amount)
        expiry.expire(session, {walk.people[0].group_id: day}, NOW, 1000)
        return Step("expire", (day,), True)
    return None


def _account(session: Session, member_id: int) -> int:
    found = session.exec(select(Member.account_id).where(Member.id == member_id)).one()
    assert found is not None
    return found


def _post(session: Session, walk: Walk, act: Act) -> Step:
    one = walk.people[act.who]
    account = _account(session, one.member_id)
    amount = act.amount if act.name in ("checkin", "gift") else -act.amount
    until = walk.today + timedelta(days=30 * walk.months) if walk.months and amount > 0 else None
    key = f"{walk.name}:{walk.done}"
    posting = Posting(account, one.group_id, one.member_id, amount, act.name, key, walk.today, NOW, expires_on=until)
    try:
        entry, done = ledger.post(session, posting).entry_id, True
    except InsufficientPoints:
        entry, done = 0, False
    return Step("post", (entry, account, one.member_id, amount, walk.today, until or FOREVER), done)


def _reverse(session: Session, walk: Walk, act: Act) -> Step | None:
    if not walk.entries:
        return None
    entry = walk.entries[act.nth % len(walk.entries)]
    made = session.get_one(Entry, entry)
    # What a family has spent comes back to it as long as there is one; everything else follows the member.
    stays = made.amount < 0 and session.exec(select(Member.id).where(Member.account_id == made.account_id)).first()
    belongs = made.account_id if stays else _account(session, made.member_id)
    try:
        posted = ledger.reverse(session, entry, local_date=walk.today, occurred_at=NOW)
    except (InsufficientPoints, LapsedPoints):
        session.undo()
        return Step("reverse", (entry, 0, walk.today, belongs, 0), False)
    given = ledger.find(session, f"home:{entry}:in") or (0, 0)
    return Step("reverse", (entry, posted.entry_id, walk.today, belongs, given[0]), not posted.repeated)


def _move(session: Session, walk: Walk, act: Act) -> Step | None:
    one, other = walk.people[act.who], walk.people[act.other]
    source, target = _account(session, one.member_id), _account(session, other.member_id)
    sharing = session.exec(select(func.count()).where(col(Member.account_id) == source)).one()
    amount, taker = act.amount, other
    if act.name == "join":
        if source == target or sharing > 1:
            return None
        amount, taker = ledger.balance(session, source), one
    elif act.name == "leave":
        if sharing < 2:
            return None
        amount, taker = min(amount, ledger.balance(session, source)), one
        target = identities.new_account(session, one.group_id, NOW)
    elif source != target:
        return None
    if act.name != "give":
        member = session.get_one(Member, one.member_id, populate_existing=True)
        member.account_id = target
        session.add(member)
        session.flush()
    given = 0
    if amount:
        try:
            _, posted = ledger.transfer(
                session,
                source_account=source,
                target_account=target,
                group_id=one.group_id,
                source_member=one.member_id,
                target_member=taker.member_id,
                amount=amount,
                key=f"{walk.name}:{walk.done}",
                local_date=walk.today,
                occurred_at=NOW,
            )
            given = posted.entry_id
        except InsufficientPoints:
            return Step("transfer", (0, source, one.member_id, target, taker.member_id, amount), False)
    return Step("transfer", (given, source, one.member_id, target, taker.member_id, amount), True)


def standing(session: Session, group_id: int) -> Standing:
    """Read each account of a group that a member has."""
    found: Standing = {}
    accounts = session.exec(select(Member.account_id).where(Member.group_id == group_id).distinct()).all()
    for account in accounts:
        assert account is not None
        lots = session.exec(select(Lot).where(Lot.account_id == account, Lot.remaining > 0)).all()
        found[account] = (
            ledger.balance(session, account),
            _summed((lot.expires_on, lot.member_id, lot.remaining) for lot in lots),
        )
    return found


def imagined(model: Model, accounts: Iterable[int]) -> Standing:
    """Read the same of the model."""
    return {
        account: (
            model.balance(account),
            _summed((lot.until, lot.member, lot.left) for lot in model.accounts[account] if lot.until != FOREVER),
        )
        for account in accounts
    }


def _summed(pieces: Iterable[tuple[date, int, int]]) -> tuple[tuple[date, int, int], ...]:
    sums: dict[tuple[date, int], int] = {}
    for until, member, points in pieces:
        if points:
            sums[until, member] = sums.get((until, member), 0) + points
    return tuple(sorted((until, member, points) for (until, member), points in sums.items()))
