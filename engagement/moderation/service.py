"""Cases: made when a text is held back, decided by a leader; who is told, and what is forgotten.

Source: F121, F125.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, update
from sqlmodel import col
from sqlmodel import select as pick

from engagement import calendar, rooms
from engagement.errors import Refusal
from engagement.events import PostCleared, Posted, PostWithdrawn
from engagement.feature import Context, GroupView
from engagement.kernel import Kind, Place, Reply
from engagement.moderation import lists, rules
from engagement.moderation.tables import ModerationCase
from prompts.loader import texts
from storage import audit, bonds, bots, identities, mutes
from storage.columns import instant, micros
from storage.engine import Session
from storage.groups import Group, Member

DECIDED = {"pass": "released", "drop": "deleted", "remind": "reminded", "mute": "muted"}
"""Button → state."""
WARNINGS = ("warned", "reminded", "deleted", "muted")
_LATER = {"warned": ("released", "muted"), "reminded": ("muted",), "deleted": ("muted",)}
"""What a leader may still do to a case that is not waiting any more."""
TEXT_MOST = 300


@dataclass(frozen=True, slots=True)
class Judged:
    """What became of a text.

    Attributes:
        case: None when nothing had to be written down.
        notice: the leader who is to be told now, 0 for nobody; ``count`` cases wait untold, this one included.
    """

    action: rules.Action
    reason: str = ""
    case: ModerationCase | None = None
    notice: int = 0
    count: int = 0
    third: bool = False


def labels() -> Mapping[str, str]:
    """Return what stands where something is covered."""
    kinds = ("phone", "identity", "card", "address", "contact", "plain")
    return {"": texts().raw("moderation.mask"), **{kind: texts().raw(f"moderation.mask_{kind}") for kind in kinds}}


def judge(ctx: Context, posted: Posted) -> Judged:
    """Look at a text that is about to be shown, cover or hide it, and write a case where one is due.

    A leader's own words are the leader's business.
    """
    if ctx.actor.leader:
        return Judged(rules.Action.PASS)
    findings = rules.inspect(posted.text, lists.holding(ctx.session, posted.group_id), posted.activity)
    action = rules.verdict(findings)
    posted.shown = rules.masked(posted.text, findings, labels())[:TEXT_MOST]
    if action < rules.Action.WARN:
        return Judged(action)
    posted.hidden = True
    reason = rules.reason(findings)
    waiting = ctx.session.exec(
        pick(ModerationCase).where(ModerationCase.member_id == posted.member_id, ModerationCase.state == "waiting")
    ).all()
    if len(waiting) >= rules.MOST_WAITING or any(
        (one.activity, one.reference, one.text) == (posted.activity, posted.reference, posted.shown) for one in waiting
    ):
        return Judged(action, reason)
    case = ModerationCase(
        group_id=posted.group_id,
        member_id=posted.member_id,
        activity=posted.activity,
        reference=posted.reference,
        text=posted.shown,
        reason=reason,
        severity=max(one.severity for one in findings),
        state="waiting" if action is rules.Action.HOLD else "warned",
        created_at=ctx.now,
    )
    ctx.session.add(case)
    ctx.session.flush()
    third = case.state == "warned" and warnings_of(ctx.session, case.member_id, ctx.now) >= rules.MANY_WARNINGS
    if case.state == "warned" and not third:
        return Judged(action, reason, case)
    leader, count = _to_tell(ctx, case)
    return Judged(action, reason, case, leader, count, third)


def _to_tell(ctx: Context, case: ModerationCase) -> tuple[int, int]:
    """Choose the leader who hears of a case now and mark what he is told: not at night, and not every few minutes."""
    group = ctx.here
    if case.severity < 3 and calendar.is_quiet(
        calendar.local_minute(ctx.now, group.zone), group.quiet_from, group.quiet_to
    ):
        return 0, 0
    last = ctx.session.exec(pick(func.max(ModerationCase.told_at)).where(ModerationCase.group_id == group.id)).one()
    if last is not None and last > ctx.now - rules.BETWEEN_NOTICES:
        return 0, 0
    leader = first_leader(ctx.session, group.id, {ctx.actor.person_id})
    if not leader:
        return 0, 0
    untold = list(
        ctx.session.exec(
            pick(ModerationCase).where(
                ModerationCase.group_id == group.id,
                ModerationCase.state == "waiting",
                col(ModerationCase.told_at).is_(None),
            )
        )
    )
    for one in {id(row): row for row in (*untold, case)}.values():
        one.told_at = ctx.now
        ctx.session.add(one)
    return leader, len(untold)


def reachable(session: Session, group_ids: Sequence[int]) -> Mapping[int, Sequence[int]]:
    """Return group id → its leaders (person ids) who can be told in private, longest-serving first."""
    rows = session.exec(
        pick(Member.group_id, Member.person_id)
        .where(
            col(Member.group_id).in_(group_ids),
            Member.role == "leader",
            col(Member.left_at).is_(None),
            bots.can_be_told(col(Member.person_id)),
        )
        .order_by(col(Member.id))
    )
    found: dict[int, list[int]] = {}
    for group, person in rows:
        found.setdefault(group, []).append(person)
    return found


def first_leader(session: Session, group_id: int, without: Collection[int]) -> int:
    """Return the first of a group's leaders who can be told in private; 0 when there is none besides ``without``."""
    leaders = reachable(session, [group_id]).get(group_id, ())
    return next((person for person in leaders if person not in without), 0)


def warnings_of(session: Session, member_id: int, now: datetime) -> int:
    """Count what a member was warned of within 30 days; what an appeal overturned does not count."""
    return all_warnings(session, [member_id], now).get(member_id, 0)


def all_warnings(session: Session, member_ids: Collection[int], now: datetime) -> Mapping[int, int]:
    """Return member → :func:`warnings_of`, of those who were warned at all; persons who are one are warned as one."""
    acts = bonds.with_resting(session, member_ids)
    rows = session.exec(
        pick(ModerationCase.member_id, func.count())
        .where(
            col(ModerationCase.member_id).in_(acts),
            col(ModerationCase.state).in_(WARNINGS),
            ModerationCase.appeal_state != "granted",
            col(ModerationCase.created_at) > now - rules.KEEP,
        )
        .group_by(col(ModerationCase.member_id))
    )
    warned: Counter[int] = Counter()
    for member, times in rows:
        warned[acts[member]] += times
    return {member: warned[acts[member]] for member in member_ids if warned[acts[member]]}


# ---------------------------------------------------------------- the leader


def enter(ctx: Context, case: ModerationCase | None) -> ModerationCase:
    """Go on with a case's group; the leader of the group, or somebody of the staff, and never one's own case.

    Raises:
        Refusal: ``guard.leader_only``, ``guard.old_button``, ``moderation.own_case``.
    """
    check_judge(ctx)
    if case is None:
        raise Refusal("guard.old_button")
    if "staff" in ctx.actor.roles and not _leads(ctx, case.group_id):
        ctx.group = GroupView.of(ctx.session.get_one(Group, case.group_id))
    else:
        rooms.lead(ctx, case.group_id)
    if author(ctx.session, case).person_id == ctx.actor.person_id:
        raise Refusal("moderation.own_case")
    return case


def check_judge(ctx: Context) -> None:
    """Refuse who neither leads a group here nor is of the staff.

    Raises:
        Refusal: ``guard.leader_only``.
    """
    if not ctx.actor.leader and not rooms.led(ctx) and "staff" not in ctx.actor.roles:
        raise Refusal("guard.leader_only")


def _leads(ctx: Context, group_id: int) -> bool:
    return ctx.actor.person_id in identities.leaders(ctx.session, group_id)


def author(session: Session, case: ModerationCase) -> Member:
    """Return whose words a case is about; while a membership rests, the one that acts for it: that one can be muted."""
    return bonds.acting(session, session.get_one(Member, case.member_id))


def group_name(session: Session, case: ModerationCase) -> str:
    """Return the name of a case's group."""
    return session.get_one(Group, case.group_id).name


def decide(ctx: Context, case: ModerationCase, act: str) -> tuple[Mapping[str, object], Sequence[Reply]]:
    """Do what a leader pressed; returns what the way back needs, and what the activity wants said.

    Args:
        act: key of :data:`DECIDED`.

    Raises:
        Refusal: ``moderation.decided_already``.
    """
    state = DECIDED[act]
    if case.state != "waiting" and state not in _LATER.get(case.state, ()):
        raise Refusal("moderation.decided_already")
    member = author(ctx.session, case)
    if state == "muted" and member.role == "leader":
        raise Refusal("moderation.mute_leader")
    before = standing(case, member)
    case.state = state
    case.decided_at, case.decided_by = ctx.now, ctx.actor.person_id
    case.told_at = case.told_at or ctx.now
    said: Sequence[Reply] = ()
    if state == "released":
        said = publish(ctx, case)
    figures = {}
    if state == "muted":
        figures = {} if member.muted_until is None else {"replaced": micros(member.muted_until)}
        mutes.add(ctx.session, member, ctx.now + rules.MUTE)
    save(ctx, case, member, f"moderation.{state}", **figures)
    return before, said


def standing(case: ModerationCase, member: Member) -> Mapping[str, object]:
    """Return what stands before a decision, for the way back."""
    until = None if member.muted_until is None else micros(member.muted_until)
    return {
        "case": case.id,
        "member": member.id,
        "state": case.state,
        "decided_by": case.decided_by,
        "muted_until": until,
        "appeal_state": case.appeal_state,
    }


def save(ctx: Context, case: ModerationCase, member: Member, action: str, **figures: int) -> None:
    """Write a decision down, on record."""
    ctx.session.add(case)
    ctx.session.add(member)
    ctx.session.flush()
    audit.record(
        ctx.session,
        at=ctx.now,
        actor_id=ctx.actor.person_id,
        group_id=case.group_id,
        action=action,
        case=case.id or 0,
        **figures,
    )


def muted_to(case: ModerationCase) -> datetime | None:
    """Return when the mute ends that a case has brought; None when it has brought none."""
    return case.decided_at + rules.MUTE if case.state == "muted" and case.decided_at is not None else None


def lift(ctx: Context, case: ModerationCase, before: datetime | None = None) -> None:
    """End the mute that a case has brought, and no other one; ``before`` is the end of what stood there then."""
    end = muted_to(case)
    if end is not None:
        mutes.lift(ctx.session, ctx.session.get_one(Member, case.member_id), end, before)


def publish(ctx: Context, case: ModerationCase) -> Sequence[Reply]:
    """Let the activity show the words after all, if they are still kept."""
    if not case.text:
        return ()
    insult = case.reason == rules.Category.INSULT
    return ctx.emit(
        PostCleared(case.group_id, case.member_id, case.activity, case.reference, case.text, repeated=not insult)
    )


def restore(ctx: Context, before: Mapping[str, object]) -> ModerationCase:
    """Take a decision back: the case waits again, a mute ends, published words are hidden again.

    Raises:
        Refusal: ``guard.old_button`` when the neighbour's data were erased.
    """
    case = ctx.session.get(ModerationCase, before.get("case", 0))
    if case is None or case.group_id != ctx.here.id:
        raise Refusal("guard.old_button")
    member, state = author(ctx.session, case), before.get("state")
    if case.state == "released" or case.appeal_state == "granted":
        ctx.emit(PostWithdrawn(case.group_id, case.member_id, case.activity, case.reference))
    end, until, decided_by = muted_to(case), before.get("muted_until"), before.get("decided_by")
    if end is not None and state != "muted":
        lift(ctx, case, instant(until) if isinstance(until, int) else None)
    elif end is not None and case.appeal_state == "granted" and isinstance(until, int) and until >= micros(end):
        mutes.add(ctx.session, member, end)
    case.state = str(state)
    case.appeal_state = str(before.get("appeal_state", ""))
    case.decided_by = decided_by if isinstance(decided_by, int) else None
    save(ctx, case, member, "moderation.undone")
    return case


def tell(ctx: Context, member: Member, key: str, values: Mapping[str, object]) -> Sequence[Reply]:
    """Say something to a neighbour in private; nothing when the private chat is not open."""
    if not bots.is_open(ctx.session, member.person_id, ctx.here.channel):
        return ()
    return [Reply(key, {**values, "group": ctx.here.name}, kind=Kind.DM, to=member.person_id)]


# ---------------------------------------------------------------- keeping and forgetting


def forget_old(session: Session, now: datetime) -> None:
    """Empty the words of cases and appeals that are older than they are kept."""
    session.execute(
        update(ModerationCase)
        .where(col(ModerationCase.text) != "", col(ModerationCase.created_at) < now - rules.KEEP)
        .values(text="", appeal="")
    )


def export(session: Session, person_id: int) -> Sequence[dict[str, object]]:
    """Return the cases of a person's own words, oldest first."""
    rows = session.exec(
        pick(ModerationCase, Group.name)
        .join(Member, col(Member.id) == col(ModerationCase.member_id))
        .join(Group, col(Group.id) == col(ModerationCase.group_id))
        .where(Member.person_id == person_id)
        .order_by(col(ModerationCase.id))
    )
    return [
        {
            "group": name,
            "at": case.created_at.isoformat(),
            "text": case.text,
            "reason": case.reason,
            "state": case.state,
            "appeal": case.appeal,
            "appeal_state": case.appeal_state,
        }
        for case, name in rows
    ]


def erase(session: Session, person_id: int, _now: datetime) -> None:
    """Delete the cases of a person's words; of those that he decided only the decision stays."""
    members = list(session.exec(pick(Member.id).where(Member.person_id == person_id)))
    for case in session.exec(pick(ModerationCase).where(col(ModerationCase.member_id).in_(members))):
        session.delete(case)
    session.execute(update(ModerationCase).where(col(ModerationCase.decided_by) == person_id).values(decided_by=None))


def in_private(ctx: Context) -> bool:
    """Say whether the actor can be told something that others do not see."""
    if ctx.incoming.place is Place.DM:
        return True
    return bots.is_open(ctx.session, ctx.actor.person_id, ctx.incoming.channel)
