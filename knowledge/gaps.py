"""What the base did not know: questions without an answer, grouped by meaning, with the entry that comes nearest.

Reading and grouping takes up to seconds: never within a function of the writer. What becomes of a group is ``proposals``.

Source: F62, F64.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple
from weakref import WeakKeyDictionary

from sqlalchemy import select as pick
from sqlmodel import col, select

from knowledge import likeness, proposals
from knowledge.answering import scope_of
from knowledge.likeness import Calibrated, Likeness
from knowledge.masking import mask_outgoing
from knowledge.proposals import accept, decline, dismiss, offer_correction, offer_reply, propose
from storage.documents import Chunk, DocumentVersion, Phrasing, Question, counter
from storage.groups import Group
from storage.learning import Proposal

if TYPE_CHECKING:
    from knowledge.base import KnowledgeBase
    from storage.engine import Database, Session

__all__ = ["Gap", "accept", "decline", "dismiss", "grouped", "offer_correction", "offer_reply", "propose"]

MOST_QUESTIONS = 5000
"""Questions that are grouped, the newest."""
DAYS = 60
HANDLED_DAYS = 365
"""How long what was taken or laid aside is not offered again."""
NEAR = 0.1
"""So sure one must be of an entry that it is offered as the same question."""
_FITTED = 4000
"""Phrasings that the weights of units are counted on."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Questions that mean the same and have no answer.

    Attributes:
        questions: their ids, the middle of the group first.
        text: the freshest wording, personal data masked; ``others``: a few more.
        scope: ``group:ID`` when one group alone asks, else ``all``.
        groups: how many groups ask.
        waiting: how many of the questions are still open.
        near: id of the entry that comes nearest, empty when none does; ``near_title``, ``near_score``: its question, and how
            likely it is the one, 0 to 1.
    """

    questions: tuple[int, ...]
    text: str
    others: tuple[str, ...]
    scope: str
    groups: int
    waiting: int
    first_at: datetime
    last_at: datetime
    near: str = ""
    near_title: str = ""
    near_score: float = 0.0

    @property
    def count(self) -> int:
        """How often it was asked."""
        return len(self.questions)


class _Asked(NamedTuple):
    """What is read of a question."""

    id: int
    group_id: int | None
    text: str
    state: str
    asked_at: datetime


@dataclass(frozen=True, slots=True)
class Measure:
    """What a base's phrasings say of likeness, at one value of its version counter."""

    counter: int
    likeness: Likeness
    calibrated: Calibrated


_Settled = tuple[frozenset[int | None] | None, str]
"""Groups whose questions are settled (None = all groups'), and words of a question."""
_MEASURES: WeakKeyDictionary[KnowledgeBase, Measure] = WeakKeyDictionary()


def measure(session: Session, base: KnowledgeBase, *, fresh: bool = True) -> Measure:
    """The likeness of a base's texts and the floor of its groups; made anew, in a second, when the base has changed.

    Args:
        session: Read from.
        base: Whose.
        fresh: False takes what was made before some edits; weights hardly change by them.
    """
    now = counter(session)
    known = _MEASURES.get(base)
    if known is None or (fresh and known.counter != now):
        asked: dict[str, list[str]] = defaultdict(list)
        for entry, text in session.execute(
            select(Chunk.entry, Phrasing.text)
            .join(Chunk, col(Chunk.id) == col(Phrasing.chunk_id))
            .join(DocumentVersion, col(DocumentVersion.id) == col(Chunk.version_id))
            .where(DocumentVersion.state == "published", Chunk.kind == "entry")
            .order_by(col(Phrasing.id))
        ):
            asked[entry].append(text)
        flat = [text for texts in asked.values() for text in texts]
        alike = Likeness(flat[:: max(1, len(flat) // _FITTED)])
        known = Measure(now, alike, likeness.calibrate(alike, asked))
        _MEASURES[base] = known
    return known


def grouped(
    database: Database,
    base: KnowledgeBase,
    now: datetime,
    *,
    groups: Sequence[int] | None = None,
    limit: int = 20,
) -> list[Gap]:
    """Gaps, the most asked first.

    Args:
        database: Read from; never called within a transaction.
        base: Loaded.
        now: Aware instant.
        groups: Questions of these groups only (a leader's own); None = of all.
        limit: How many gaps are told.

    Returns:
        Without what has been proposed, taken or laid aside already, by meaning.
    """

    def read(session: Session) -> tuple[Measure, list[_Asked], list[_Settled]]:
        wanted = pick(*(getattr(Question, name) for name in _Asked._fields)).where(
            col(Question.state).in_(("open", "expired")),
            col(Question.text) != "",
            col(Question.asked_at) >= now - timedelta(days=DAYS),
        )
        if groups is not None:
            wanted = wanted.where(col(Question.group_id).in_(list(groups)))
        rows = session.execute(wanted.order_by(col(Question.id).desc()).limit(MOST_QUESTIONS)).all()
        return measure(session, base), [_Asked(*row) for row in rows], _handled(session, now)

    known, rows, handled = database.read_now(read)
    rows = [one for one in rows if len(one.text.strip()) >= 2]
    if not rows:
        return []
    table = known.likeness.rows([one.text for one in rows])
    floor = known.calibrated.floor
    if handled:
        done: set[int] = set()
        whose = [within for within, _ in handled]
        settled = known.likeness.rows([text for _, text in handled])
        for found, by, _ in likeness.pairs(table, settled, floor):
            done.update(
                at
                for at, one in zip(found.tolist(), by.tolist(), strict=True)
                if whose[one] is None or rows[at].group_id in whose[one]
            )
        keep = [at for at in range(len(rows)) if at not in done]
        rows, table = [rows[at] for at in keep], table[keep]
    stars = likeness.groups(table, floor)
    stars.sort(key=lambda star: (-len(star), -max(rows[at].asked_at for at in star).timestamp()))
    told = [_gap([rows[at] for at in star]) for star in stars[:limit]]
    return database.read_now(lambda session: [_nearest(session, base, one, now) for one in told])


def _handled(session: Session, now: datetime) -> list[_Settled]:
    """Words of the proposals that stand or were decided, with the groups whose questions they settle; None = all.

    What a leader closed is closed for his group, whoever looks; another group that asks the same still has a gap.
    """
    rows = session.exec(
        select(Proposal).where(
            col(Proposal.origin).in_(("gap", "reply")), col(Proposal.made_at) >= now - timedelta(days=HANDLED_DAYS)
        )
    ).all()
    within: dict[str, frozenset[int | None] | None] = {"all": None}
    for scope in {one.scope for one in rows} - {"all"}:
        kind, _, name = scope.partition(":")
        number = int(name) if name.isdecimal() else 0
        inside = session.exec(select(Group.id).where(col(Group.region_id) == number)) if kind == "region" else [number]
        within[scope] = frozenset(inside)
    return [(within[one.scope], text) for one in rows for text in one.phrasings or ()]


def _gap(rows: Sequence[_Asked]) -> Gap:
    freshest = max(rows, key=lambda one: (one.asked_at, one.id))
    asking = {one.group_id for one in rows}
    alone = next(iter(asking)) if len(asking) == 1 else None
    asked = proposals.distinct([freshest.text, *(one.text for one in rows)])
    return Gap(
        tuple(one.id for one in rows),
        asked[0] if asked else mask_outgoing(freshest.text),
        tuple(asked[1:4]),
        f"group:{alone}" if alone is not None else "all",
        len(asking - {None}),
        sum(one.state == "open" for one in rows),
        min(one.asked_at for one in rows),
        freshest.asked_at,
    )


def _nearest(session: Session, base: KnowledgeBase, gap: Gap, now: datetime) -> Gap:
    kind, _, name = gap.scope.partition(":")
    scope = scope_of(session, int(name) if kind == "group" else None)
    found = base.prepare(session, gap.text, scope.sight(now)).candidates
    if not found or found[0].score < NEAR:
        return gap
    best = found[0]
    return replace(gap, near=best.id, near_title=best.question, near_score=round(best.score, 4))
