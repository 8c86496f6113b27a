"""The last question of a person in a place, for some minutes: 「那周末呢」 leans on it.

Personal data are masked before it is kept; whoever does not want to be recorded has none, and so no follow-ups.

Source: F62.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete
from sqlmodel import col
from sqlmodel import select as pick

from engagement.feature import Context
from engagement.kernel import Place, one_line
from knowledge.masking import mask_outgoing
from storage.engine import Session
from storage.learning import Turn

KEPT = timedelta(minutes=10)
_QUESTION = 300
_ENTRY = 120


@dataclass(frozen=True, slots=True)
class Before:
    """What was asked before, and what answered it (empty: nothing did)."""

    question: str
    entry: str = ""


def place_of(ctx: Context) -> str:
    """Name the place as the row has it."""
    return "dm" if ctx.incoming.place is Place.DM or ctx.group is None else f"group:{ctx.group.id}"


def last(ctx: Context) -> Before | None:
    """Return the actor's last question here, if it is fresh."""
    row = ctx.session.get(Turn, (ctx.actor.person_id, place_of(ctx)))
    if row is None or ctx.now - row.at > KEPT or row.at > ctx.now:
        return None
    return Before(row.question, row.entry)


def asked_by_another(ctx: Context, entry: str) -> bool:
    """Say whether it was somebody else here, and not the actor, whom an entry answered some minutes ago."""
    mine = last(ctx)
    if ctx.incoming.place is Place.DM or (mine is not None and mine.entry == entry):
        return False
    found = ctx.session.exec(
        pick(Turn.person_id)
        .where(
            Turn.place == place_of(ctx),
            Turn.entry == entry,
            col(Turn.person_id) != ctx.actor.person_id,
            col(Turn.at) >= ctx.now - KEPT,
        )
        .limit(1)
    )
    return found.first() is not None


def keep(ctx: Context, question: str, entry: str) -> None:
    """Note the actor's question, and let go of everybody's that is too old."""
    ctx.session.execute(delete(Turn).where(col(Turn.at) < ctx.now - KEPT))
    if not ctx.actor.consented or not ctx.actor.person_id:
        return
    key = (ctx.actor.person_id, place_of(ctx))
    row = ctx.session.get(Turn, key) or Turn(person_id=key[0], place=key[1], question="", at=ctx.now)
    row.question = one_line(mask_outgoing(question), _QUESTION)
    row.entry = entry if len(entry) <= _ENTRY else ""
    row.at = ctx.now
    ctx.session.add(row)


def export(session: Session, person_id: int) -> Sequence[Mapping[str, object]]:
    """Return a person's turns."""
    rows = session.exec(pick(Turn).where(Turn.person_id == person_id).order_by(col(Turn.place)))
    return [{"question": row.question, "at": row.at.isoformat()} for row in rows]


def erase(session: Session, person_id: int) -> None:
    """Forget a person's turns."""
    session.execute(delete(Turn).where(col(Turn.person_id) == person_id))
