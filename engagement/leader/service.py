"""What a leader does to a neighbour who floods, what the day's overview remembers, and the leader's own data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import col
from sqlmodel import select as pick

from engagement import calendar, rooms
from engagement.errors import Refusal
from engagement.events import CheckedIn, Suspected
from engagement.feature import Context
from engagement.kernel import Kind, Reply
from engagement.leader import rules
from storage import actions, audit, bonds, bots, identities, mutes
from storage.engine import Session
from storage.groups import Group, Member

MUTE = "member_mute"
EVENING = "leader_evening"
MARKS_MOST = 50
SHOWN = 8
"""Groups or neighbours that one message lists."""
_WEEK = timedelta(days=actions.KEEP_DAYS)


# ---------------------------------------------------------------- muting


@dataclass(frozen=True, slots=True)
class Muted:
    """A neighbour and until when the bot does not answer; what stood before."""

    member: Member
    until: datetime | None
    before: Mapping[str, object]
    reason: str = ""


def mute(ctx: Context, wish: rules.Mute) -> Muted:
    """Let the bot pass over a neighbour's words for a while; nothing that is written is deleted.

    Raises:
        Refusal: nobody or several of that name, or a leader; a time that cannot be read.

    Source: F125.
    """
    name, reason = wish.name, wish.reason
    if not wish.timed and not identities.named(ctx.session, ctx.here.id, name):
        name, reason = rules.split_reason(wish.name)
    member = _one(ctx, name)
    if member.role == "leader":
        raise Refusal("leader.mute_leader")
    before = _set(ctx, member, ctx.now + wish.length, "member.muted")
    return Muted(member, member.muted_until, {**before, "reason": reason}, reason)


def unmute(ctx: Context, name: str) -> Muted:
    """Let the bot listen again.

    Raises:
        Refusal: nobody or several of that name, or not muted.
    """
    member = _one(ctx, name)
    if member.muted_until is None or member.muted_until <= ctx.now:
        raise Refusal("leader.not_muted", name=member.name)
    return Muted(member, None, _set(ctx, member, None, "member.unmuted"))


def _one(ctx: Context, name: str) -> Member:
    return rooms.the_only(ctx.session, ctx.here.id, name, nobody="groups.no_such_member", several="groups.same_names")


def _set(ctx: Context, member: Member, until: datetime | None, action: str) -> Mapping[str, object]:
    before = member.muted_until
    member.muted_until = until
    ctx.session.add(member)
    ctx.session.flush()
    _note(ctx, member, action)
    return {"member": member.id, "until": _written(before), "to": _written(until)}


def _note(ctx: Context, member: Member, action: str) -> None:
    audit.record(
        ctx.session,
        at=ctx.now,
        actor_id=ctx.actor.person_id,
        group_id=ctx.here.id,
        action=action,
        member=member.id or 0,
    )


def restore_mute(ctx: Context, before: Mapping[str, object]) -> Member:
    """Take one mute, or its end, back; of whoever has become one person with others since, that one alone.

    Returns:
        The membership that acts now.

    Raises:
        Refusal: ``guard.old_button`` when the neighbour is of another group.
    """
    member = ctx.session.get(Member, before.get("member"))
    if member is None or member.group_id != ctx.here.id:
        raise Refusal("guard.old_button")
    # What an earlier version noted has no "to": it was about whatever stands now.
    now = _written(bonds.acting(ctx.session, member).muted_until)
    until, to = _read(before.get("until")), _read(before.get("to", now))
    if to is not None:
        member = mutes.lift(ctx.session, member, to, until)
    elif until is not None:
        member = mutes.add(ctx.session, member, until)
    _note(ctx, member, "member.mute_undone")
    return member


def _written(end: datetime | None) -> str | None:
    return None if end is None else end.isoformat()


def _read(end: object) -> datetime | None:
    return datetime.fromisoformat(end) if isinstance(end, str) else None


def muted(ctx: Context) -> list[Muted]:
    """Return who is muted now, whose time is up first at the beginning; reasons are known for a week."""
    rows = ctx.session.exec(
        pick(Member)
        .where(Member.group_id == ctx.here.id, col(Member.muted_until) > ctx.now, col(Member.left_at).is_(None))
        .order_by(col(Member.muted_until), col(Member.id))
    ).all()
    acts = bonds.with_resting(ctx.session, [row.id or 0 for row in rows])
    reasons: dict[object, str] = {}
    for one in reversed(actions.latest(ctx.session, ctx.here.id, ctx.now - _WEEK, limit=200)):
        if one.kind == MUTE and one.before:
            about = one.before.get("member")
            reasons[acts.get(about, 0) if isinstance(about, int) else 0] = str(one.before.get("reason") or "")
    return [Muted(row, row.muted_until, {}, reasons.get(row.id, "")) for row in rows]


def told(ctx: Context, done: Muted, values: Mapping[str, object]) -> list[Reply]:
    """Tell the neighbour in private, if that chat is open."""
    if not bots.is_open(ctx.session, done.member.person_id, ctx.incoming.channel):
        return []
    key = "leader.you_may_again" if done.until is None else "leader.you_are_muted"
    why = ["leader.mute_reason"] if done.reason and done.until is not None else []
    return [Reply(key, values, why, kind=Kind.DM, to=done.member.person_id)]


# ---------------------------------------------------------------- marks of the day


def on_checked_in(ctx: Context, event: CheckedIn) -> Sequence[Reply]:
    """Remember a milestone for the overview; an ordinary check-in costs nothing."""
    if rules.is_milestone(event.streak) and event.local_date == ctx.today:
        _mark(ctx, "praised", [event.member_id, event.streak])
    return ()


def on_suspected(ctx: Context, event: Suspected) -> Sequence[Reply]:
    """Remember that something looked like farming."""
    _mark(ctx, "suspected", event.member_id)
    return ()


def _mark(ctx: Context, kind: str, what: object) -> None:
    today = calendar.local_day(ctx.now, ctx.here.zone).isoformat()

    def changed(mine: dict[str, object]) -> None:
        kept = mine.get("marks")
        marks: dict[str, object] = dict(kept) if isinstance(kept, dict) and kept.get("day") == today else {"day": today}
        rows = marks.get(kind)
        marks[kind] = [*(rows if isinstance(rows, list) else []), what][-MARKS_MOST:]
        mine["marks"] = marks

    _change(ctx.session, ctx.here.id, changed)


def _change(session: Session, group_id: int, change: Callable[[dict[str, object]], None]) -> None:
    """Change this slice's part of a group's settings."""
    group = session.get_one(Group, group_id)
    kept = (group.settings or {}).get("leader")
    mine: dict[str, object] = dict(kept) if isinstance(kept, dict) else {}
    change(mine)
    group.settings = {**(group.settings or {}), "leader": mine}
    session.add(group)
    session.flush()


# ---------------------------------------------------------------- the evening's overview


def wants_evening(settings: Mapping[str, object], person_id: int) -> bool:
    """Say whether a leader asked for the overview every evening."""
    return person_id in evening_of(settings)


def evening_of(settings: Mapping[str, object]) -> list[int]:
    """Return who asked for a group's overview every evening."""
    mine = settings.get("leader")
    kept = mine.get("evening") if isinstance(mine, Mapping) else None
    return [person for person in kept if isinstance(person, int)] if isinstance(kept, list) else []


def set_evening(ctx: Context, person_id: int, on: bool) -> bool:
    """Send the overview every evening, or no more; returns whether it was on before."""
    before = wants_evening(ctx.here.settings, person_id)
    _choose_evening(ctx.session, ctx.here.id, person_id, on=on)
    return before


def _choose_evening(session: Session, group_id: int, person_id: int, *, on: bool) -> None:
    def changed(mine: dict[str, object]) -> None:
        others = [one for one in evening_of({"leader": mine}) if one != person_id]
        mine["evening"] = [*others, person_id] if on else others

    _change(session, group_id, changed)


# ---------------------------------------------------------------- personal data


def _memberships(session: Session, person_id: int) -> list[Member]:
    return list(session.exec(pick(Member).where(Member.person_id == person_id)))


def _about(session: Session, person_id: int) -> list[actions.LeaderAction]:
    """Return the mutes of a person that are still noted."""
    mine = _memberships(session, person_id)
    ids, groups = {one.id for one in mine}, {one.group_id for one in mine}
    rows = session.exec(
        pick(actions.LeaderAction).where(
            col(actions.LeaderAction.group_id).in_(groups), actions.LeaderAction.kind == MUTE
        )
    )
    return [one for one in rows if (one.before or {}).get("member") in ids]


def export(session: Session, person_id: int) -> Sequence[dict[str, object]]:
    """Return what a person did as a leader in the last days, and why a leader muted him."""
    did: list[dict[str, object]] = [
        {"action": one.kind, "at": one.done_at.isoformat()} for one in actions.of_person(session, person_id)
    ]
    return did + [
        {"action": "muted", "at": one.done_at.isoformat(), "reason": (one.before or {}).get("reason", "")}
        for one in _about(session, person_id)
    ]


def erase(session: Session, person_id: int, _now: datetime) -> None:
    """Delete both, and the wish for an evening's overview; what was done stays done."""
    for one in {row.id: row for row in (*actions.of_person(session, person_id), *_about(session, person_id))}.values():
        session.delete(one)
    for member in _memberships(session, person_id):
        group = session.get(Group, member.group_id)
        if group is not None and wants_evening(group.settings or {}, person_id):
            _choose_evening(session, member.group_id, person_id, on=False)
