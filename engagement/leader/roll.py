"""Who checked in today and who has not yet, and how many neighbours there are: names for the leader alone, in private."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import aliased
from sqlmodel import col
from sqlmodel import select as pick

from engagement.feature import Context
from engagement.kernel import Place, Reply
from engagement.leader import glance
from engagement.leader.words import figures, names
from prompts.loader import texts
from storage import audit, bonds
from storage.groups import Consent, Member
from storage.ledger import Entry

DAYS = 7
"""Who checked in within so many days before today and has not yet today may still come."""
LISTED = 20


def roll(ctx: Context) -> Sequence[Reply]:
    """签到名单: who checked in today, and who of the last days has not yet; in the group only how many.

    Who was never recorded, or withdrew, is not named.

    Source: DESIGN 4.
    """
    if ctx.incoming.place is Place.GROUP:
        day = glance.days(ctx.session, [ctx.here], ctx.now)[ctx.here.id]
        return [Reply("leader.roll_here", figures(day, ctx.now))]
    done, missing = _checked_in(ctx)
    audit.record(
        ctx.session,
        at=ctx.now,
        actor_id=ctx.actor.person_id,
        group_id=ctx.here.id,
        action="leader.roll_seen",
        listed=min(len(done), LISTED) + min(len(missing), LISTED),
    )
    values = {
        "group": ctx.here.name,
        "done": len(done),
        "names": _named(done),
        "days": DAYS,
        "missing": len(missing),
        "who": _named(missing),
    }
    tail = "leader.roll_missing" if missing else "leader.roll_nobody_missing"
    return [Reply("leader.roll" if done else "leader.roll_nobody", values, [tail] if done or missing else [])]


def _checked_in(ctx: Context) -> tuple[list[str], list[str]]:
    """Return the names of who checked in today, in that order, and of who did lately but not today, the latest first."""
    # Whoever did it with two accounts is one, and is named as the one that goes on.
    acting = aliased(Member)
    rows = ctx.session.execute(
        select(acting.name, func.max(Entry.local_date), func.max(Entry.id))  # type: ignore[call-overload]
        .select_from(Member)
        .join(Entry, col(Entry.member_id) == col(Member.id))
        .join(acting, col(acting.id) == bonds.acts())
        .join(Consent, col(Consent.person_id) == col(acting.person_id))
        .where(
            col(Entry.group_id) == ctx.here.id,
            col(Entry.local_date) > ctx.today - timedelta(days=DAYS + 1),
            col(Entry.local_date) <= ctx.today,
            col(Entry.kind) == "checkin",
            col(Entry.amount) > 0,
            col(acting.left_at).is_(None),
            col(acting.name) != "",
            col(Consent.withdrawn_at).is_(None),
        )
        .group_by(col(acting.id), col(acting.name))
        .order_by(func.max(Entry.id))
    ).all()
    today = [name for name, last, _ in rows if last == ctx.today]
    return today, [name for name, last, _ in reversed(rows) if last != ctx.today]


def _named(people: Sequence[str]) -> str:
    more = texts().fill("leader.roll_more", {"count": len(people)}) if len(people) > LISTED else ""
    return names(people[:LISTED]) + more


def people(ctx: Context) -> Sequence[Reply]:
    """群人数: how many neighbours the bot knows, which is not how many the chat has."""
    here = (col(Member.group_id) == ctx.here.id, col(Member.left_at).is_(None))
    known = ctx.session.exec(pick(func.count()).select_from(Member).where(*here)).one()
    used = ctx.session.exec(
        pick(func.count()).select_from(Member).where(*here, col(Member.account_id).is_not(None))
    ).one()
    tails = ["leader.people_who"] if ctx.actor.leader and ctx.incoming.place is Place.DM else []
    return [Reply("leader.people", {"group": ctx.here.name, "known": known, "used": used}, tails)]


def export(ctx: Context) -> Sequence[Reply]:
    """导出名单: there is no list of the neighbours to take away; where the tables are."""
    return [Reply("leader.export", {"group": ctx.here.name}, ["leader.export_page"] if ctx.pages else [])]
