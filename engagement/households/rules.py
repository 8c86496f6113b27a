"""Rules of families: who may be one, what each member has contributed, reading what people type. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from engagement.errors import Refusal
from engagement.kernel import one_line, simplified

FAMILY_MOST = 8
"""Members of one family."""
ASKS_MOST = FAMILY_MOST - 1
"""Neighbours whom one member may ask within ``WAIT``: a family's worth, not a group's."""
WAIT = timedelta(hours=72)
"""How long a request can be answered, and how long the same person is not asked again."""
NAME_MOST = 12
OWN = frozenset({"transfer", "adjust", "reversal", "expiry"})
"""Kinds of takings that concern one member; every other taking is the family's spending."""


def is_open(state: str, asked_at: datetime, now: datetime) -> bool:
    """Say whether a request can be answered: in [asked_at, asked_at + ``WAIT``)."""
    return state == "open" and now < asked_at + WAIT


def may_ask_again(state: str, asked_at: datetime, now: datetime) -> bool:
    """Say whether the same person may be asked once more.

    Who declines is left alone for as long as who has not answered yet, and so the asker cannot tell the two apart; nor is
    anybody called again and again by asking and taking back.
    """
    return state in ("accepted", "expired") or now >= asked_at + WAIT


def crosses(theirs: str, mine: str, *, both_alone: bool) -> bool:
    """Say whether a request of mine wants what an open one of theirs wants, so that it is an answer.

    One asks to join and the other invites: the same. Both ask to join, or both invite: the same as long as neither has a
    family yet, since then it does not matter who comes to whom.
    """
    return theirs != mine or both_alone


def apportion(amount: int, weights: Sequence[int]) -> list[int]:
    """Divide whole points by weights, the remainders to the largest fractions; the sum is ``amount``.

    Without any weight the parts are alike. As long as ``amount`` is at most the sum of the weights, no part exceeds its
    weight.

    Args:
        amount: ≥ 0.
        weights: each ≥ 0, at least one.

    >>> apportion(100, [2, 1]), apportion(5, [0, 0])
    ([67, 33], [3, 2])
    """
    total = sum(weights)
    if total == 0:
        weights, total = [1] * len(weights), len(weights)
    parts = [amount * weight // total for weight in weights]
    left = amount - sum(parts)
    largest = sorted(range(len(weights)), key=lambda i: (-(amount * weights[i] % total), i))
    for i in largest[:left]:
        parts[i] += 1
    return parts


class Line(NamedTuple):
    """What the rule needs of a ledger entry; a bare tuple, since there may be tens of thousands."""

    entry_id: int
    member_id: int
    amount: int
    kind: str
    reverses_id: int | None = None


def contributions(lines: Iterable[Line], members: Sequence[int]) -> dict[int, int]:
    """Return what each member has in a family's account: what he earned minus his share of what was spent.

    Points are his who earned them. What the family spends is paid by all, in proportion to what each has at that moment;
    what concerns one member (a transfer of his, a leader's taking, the reversal of something he got) is paid by him first
    and by the others only for the rest. A reversed payment goes back to those who paid it. What somebody had who is no
    longer of the family (he erased his data) belongs to those who are.

    No contribution is negative, and their sum is the balance. Who leaves takes his along; the last one keeps the rest.

    Args:
        lines: the account's entries, oldest first, from the first on.
        members: who is of the family now, at least one.

    Examples:
        She earned 60 and he 40, 50 were spent: she has 30 and he 20.
        She earned 60, 30 were spent, then he came with 40: she has 30 and he 40, for the 30 were not his to pay.

    Source: F3.
    """
    have: dict[int, int] = {}
    paid: dict[int, dict[int, int]] = {}
    owed = 0
    for line in lines:
        if line.amount > 0:
            back = paid.get(line.reverses_id or 0)
            # Entries are read in the order of their ids, which under concurrency is not always that of their commits.
            settled = min(owed, line.amount)
            owed -= settled
            parts = {line.member_id: line.amount - settled} if not back else _split(line.amount - settled, back)
            for member, part in parts.items():
                have[member] = have.get(member, 0) + part
            continue
        takes = -line.amount
        paid[line.entry_id] = share = _payment(have, takes, line.member_id if line.kind in OWN else None)
        for member, part in share.items():
            have[member] -= part
        owed += takes - sum(share.values())
    mine = {member: have.pop(member, 0) for member in members}
    for member, part in _split(sum(have.values()), mine).items():
        mine[member] += part
    return mine


def _split(amount: int, weights: Mapping[int, int]) -> dict[int, int]:
    return dict(zip(weights, apportion(amount, list(weights.values())), strict=True))


def _payment(have: Mapping[int, int], takes: int, first: int | None) -> dict[int, int]:
    """Return who pays how much of a taking; never more than he has."""
    share: dict[int, int] = {}
    if first is not None and have.get(first):
        share[first] = min(takes, have[first])
        takes -= share[first]
    rest = {member: points - share.get(member, 0) for member, points in have.items()}
    takes = min(takes, sum(rest.values()))
    if takes:
        for member, part in _split(takes, rest).items():
            share[member] = share.get(member, 0) + part
    return share


def portions(amount: int, most: int) -> list[int]:
    """Cut an amount (≥ 0) into pieces of at most ``most``, since one ledger entry moves no more."""
    return [min(most, amount - done) for done in range(0, amount, most)]


_GIFT = re.compile(r"^@?(?P<name>.+?)[\s:,]+\+?(?P<amount>\d{1,9})\s*(?:积?分)?$", re.DOTALL)


def read_gift(text: str) -> tuple[str, int]:
    """Read 「李阿姨 20」 as (name, whole points ≥ 1).

    Raises:
        Refusal: ``households.give_how``.
    """
    match = _GIFT.match(_folded(text))
    if match is None or int(match.group("amount")) < 1:
        raise Refusal("households.give_how")
    return match.group("name").strip(), int(match.group("amount"))


def read_person(text: str) -> str:
    """Read 「@王姐」 as the name that is shown in the group."""
    return text.strip().lstrip("@").strip()


def read_family_name(text: str) -> str:
    """Read what a family is to be called.

    Raises:
        Refusal: ``households.name_how`` when nothing that can be seen is left, ``households.name_long`` beyond
            ``NAME_MOST`` characters.
    """
    name = one_line(_folded(text), 4 * NAME_MOST).strip("「」『』\"'*《》【】 ")
    if not any(unicodedata.category(char)[0] in "LN" for char in name):
        raise Refusal("households.name_how")
    if len(name) > NAME_MOST:
        raise Refusal("households.name_long", most=NAME_MOST)
    return name


_YES = re.compile(
    r"(我)?(们)?(很)?(同意|愿意|好|好的|好呀|好啊|可以|可以的|行|行的|要得|没问题|ok)(加入|了|的|呀|啊|啦)?"
)
_NO = re.compile(r"(先|还是)?(不|不了|不同意|不愿意|不用|不用了|不要|不要了|不行|不可以|不加|不加了|算了|拒绝|谢绝)")
_MARKS = re.compile(r"[\W_]+")


def answer_of(text: str) -> bool | None:
    """Read an answer to a request that is quoted: True = yes, False = no, None = something else."""
    bare = _MARKS.sub("", simplified(_folded(text)).lower())
    return True if _YES.fullmatch(bare) else False if _NO.fullmatch(bare) else None


def is_no_answer(text: str) -> bool:
    """Say whether a text that quotes a request is about something else."""
    return answer_of(text) is None


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).strip()
