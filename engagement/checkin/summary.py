"""The day's one message that says who has checked in, edited as more come; for groups that want it so.

A check-in only marks the day as due; the message is made from the facts when it goes out, so that a redelivery, a second
replica and a burst all end with the right words.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from sqlalchemy import bindparam, func, null, select, update
from sqlmodel import col
from sqlmodel import select as pick

from engagement.checkin import pauses, rules
from engagement.checkin.tables import DAILY, Checkin, CheckinDay
from engagement.feature import Context, GroupView
from engagement.kernel import Kind, Reply
from prompts.loader import texts
from storage import bonds, outbox
from storage.columns import micros
from storage.engine import Session
from storage.groups import Group, Member
from storage.statements import Prepared

SHOWN = 5
AT_ONCE = 50
_EVERY = timedelta(seconds=rules.SUMMARY_SECONDS)
_GIVEN_UP = timedelta(minutes=10)
"""A message that has not gone out by then never will."""
_D = CheckinDay.__table__  # type: ignore[attr-defined]
_C = Checkin.__table__  # type: ignore[attr-defined]
_M = Member.__table__  # type: ignore[attr-defined]
_OPEN = Prepared(
    "checkin_day.open",
    lambda insert: (
        insert(_D)
        .values(
            group_id=bindparam("group_row"),
            local_date=bindparam("local_day"),
            due_at=null(),
            edited_at=bindparam("at"),
        )
        .on_conflict_do_nothing(index_elements=["group_id", "local_date"])
        .returning(_D.c.group_id)
    ),
)
_MARK = Prepared(
    "checkin_day.mark",
    update(_D)
    .where(_D.c.group_id == bindparam("group_row"), _D.c.local_date == bindparam("local_day"), _D.c.due_at.is_(None))
    .values(due_at=bindparam("earliest")),
)


def note(ctx: Context) -> Sequence[Reply]:
    """Say the day's first routine check-in; later ones are seen when the message is edited."""
    group, day, now = ctx.here, ctx.today, ctx.now
    if ctx.session.row(_OPEN, group_row=group.id, local_day=day.isoformat(), at=micros(now)) is not None:
        return [_say(ctx.session, group, day, Kind.REPLY)]
    mark(ctx)
    return ()


def mark(ctx: Context) -> None:
    """Have the day's message edited soon, if there is one: somebody had words of his own, and is counted too.

    The first edit waits as long as any other, so that the message itself has gone out.
    """
    earliest = micros(ctx.now + _EVERY)
    ctx.session.run(_MARK, group_row=ctx.here.id, local_day=ctx.today.isoformat(), earliest=earliest)


def next_due(session: Session) -> datetime | None:
    """Return when the next message is to be edited, or None."""
    found = session.execute(select(func.min(_D.c.due_at))).scalar_one()
    return found if isinstance(found, datetime) else None


def take_due(session: Session, now: datetime) -> Sequence[tuple[GroupView, Reply]]:
    """Claim what is due and return the edits; what two replicas take at once, one of them gets."""
    rows = session.execute(
        select(_D.c.group_id, _D.c.local_date, _D.c.edited_at)
        .where(_D.c.due_at <= now)
        .order_by(_D.c.due_at)
        .limit(AT_ONCE)
    ).all()
    said: list[tuple[GroupView, Reply]] = []
    for group_id, day, edited_at in rows:
        group = GroupView.of(session.get_one(Group, group_id))
        out = _is_out(session, group, day)
        waits = not out and now - edited_at < _GIVEN_UP
        claimed = session.execute(
            update(_D)
            .where(_D.c.group_id == group_id, _D.c.local_date == day, _D.c.due_at <= now)
            .values(due_at=now + _EVERY if waits else None, edited_at=now if out else edited_at)
            .returning(_D.c.group_id)
        ).first()
        if claimed is not None and out:
            said.append((group, _say(session, group, day, Kind.EDIT)))
    return said


def _subject(day: date) -> str:
    return f"checkin_day:{day.isoformat()}"


def _is_out(session: Session, group: GroupView, day: date) -> bool:
    """Say whether the day's message is known to have gone out; until then there is nothing to edit."""
    return bool(
        outbox.latest_about(
            session,
            channel=group.channel,
            account=group.account,
            conversation=group.external_id,
            subject=_subject(day),
        )
    )


def _say(session: Session, group: GroupView, day: date, kind: Kind) -> Reply:
    # Whoever did it with two accounts is one, and is named as the one that goes on.
    who = (
        select(bonds.acts().label("member"), func.max(_C.c.id).label("latest"))
        .select_from(_C.join(_M, _M.c.id == _C.c.member_id))
        .where(
            _M.c.group_id == group.id,
            _C.c.local_date == day,
            _C.c.topic == DAILY,
            _C.c.made_up.is_(False),
            _C.c.by_bond.is_(False),
        )
        .group_by(bonds.acts())
        .subquery()
    )
    count = int(session.execute(select(func.count()).select_from(who)).scalar_one())
    names = session.exec(
        pick(Member.name)
        .join(who, who.c.member == col(Member.id))
        .where(col(Member.name) != "")
        .order_by(who.c.latest.desc())
        .limit(SHOWN)
    ).all()
    special = rules.special_day(pauses.settings_of(group), day)
    values = {
        "count": count,
        "names": "、".join(names),
        "special": texts().raw(f"checkin.special_{special}") if special else "",
    }
    return Reply(
        "checkin.day_one" if count <= len(names) else "checkin.day_many",
        values,
        ["checkin.doubled_day"] if special else (),
        kind=kind,
        subject=_subject(day),
    )
