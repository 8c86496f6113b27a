"""A month's challenge in figures: how many took part. Whoever did with two accounts is one, and a day of both is one day.

Source: F28, ADR-0020.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import func, select, tuple_
from sqlmodel import col
from sqlmodel import select as pick

from engagement.theme.tables import ThemeScore
from storage import bonds
from storage.engine import Session
from storage.groups import Member

_S = ThemeScore.__table__  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class Totals:
    """A group's month: how many took part, checked in how often, answered how often, completed."""

    participants: int = 0
    checkins: int = 0
    answers: int = 0
    completed: int = 0

    def plus(self, other: Totals, times: int = 1) -> Totals:
        """Add figures, or take them off (-1)."""
        return Totals(
            self.participants + times * other.participants,
            self.checkins + times * other.checkins,
            self.answers + times * other.answers,
            self.completed + times * other.completed,
        )


def of_one(scores: Collection[ThemeScore]) -> Totals:
    """Return what one person adds to a month, with however many accounts."""
    days = answers = 0
    for one in scores:
        days, answers = days | one.day_bits, answers | one.answer_bits
    done = any(one.completed_on is not None for one in scores)
    return Totals(min(1, len(scores)), days.bit_count(), answers.bit_count(), int(done))


def totals(session: Session, months: Sequence[tuple[int, str]]) -> Mapping[tuple[int, str], Totals]:
    """Return the totals of (group id, month) pairs; a pair in which nobody took part is absent."""
    rows = session.execute(
        select(
            _S.c.group_id,
            _S.c.month,
            func.count(),
            func.sum(_S.c.days),
            func.sum(_S.c.answers),
            func.count(_S.c.completed_on),
        )
        .where(tuple_(_S.c.group_id, _S.c.month).in_(months))
        .group_by(_S.c.group_id, _S.c.month)
    )
    found = {(group, month): Totals(n, int(days), int(answers), done) for group, month, n, days, answers, done in rows}
    for key, scores in _of_several(session, months):
        for one in scores:
            found[key] = found[key].plus(of_one([one]), -1)
        found[key] = found[key].plus(of_one(scores))
    return found


def _of_several(
    session: Session, months: Sequence[tuple[int, str]]
) -> Sequence[tuple[tuple[int, str], list[ThemeScore]]]:
    """Return the scores of each person who stands in a group with several accounts."""
    bound = pick(Member.bonded_to).where(
        col(Member.bonded_to).is_not(None), col(Member.group_id).in_(sorted({group for group, _ in months}))
    )
    if session.exec(bound.limit(1)).first() is None:
        return []
    found: dict[tuple[tuple[int, str], int], list[ThemeScore]] = {}
    for score, acts in session.exec(
        pick(ThemeScore, bonds.acts())
        .join(Member, col(Member.id) == col(ThemeScore.member_id))
        .where(bonds.acts().in_(bound), tuple_(_S.c.group_id, _S.c.month).in_(months))
    ):
        found.setdefault(((score.group_id, score.month), acts), []).append(score)
    return [(key, scores) for (key, _), scores in found.items()]
