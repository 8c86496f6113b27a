"""Groups: coming and going of the bot and of neighbours, and what a leader sets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from sqlmodel import col, func
from sqlmodel import select as pick

from engagement import calendar, rooms
from engagement.errors import Refusal
from engagement.events import GroupAdded, GroupClosed
from engagement.feature import Context, GroupView
from engagement.groups import rules
from engagement.kernel import Reply, one_line
from storage import audit, bots, identities
from storage.engine import Session
from storage.groups import Group, Member, Person
from storage.ledger import Entry

GREETED = "greeted"
"""Mark in a group's settings: the bot has introduced itself."""
FRESH, BLIND, TOLD = "fresh", "blind", "told"
"""Marks in this slice's part of the settings: nobody has checked in yet; the bot cannot see plain words; which missing
facts the leader was told of, and when."""
THREAD, TROUBLES = "thread", "troubles"
"""Marks in this slice's part of the settings: which topic gets what nobody asked for; of which troubles the leaders were told,
and when."""
MOVED = "bot_before"
"""Mark in this slice's part of the settings: the bot account that served the group before (bot.people)."""
BUDGET = "budget"
"""Mark in this slice's part of the settings: unasked messages a day before a pause."""


@dataclass(frozen=True, slots=True)
class Opened:
    """The bot came into a group, or its rights there changed.

    Attributes:
        again: it comes back after it was taken out.
        known: it has been here all the time and has greeted; nobody needs to hear that again.
        reads: it could not see all messages before and can now.
        moved: another bot account served the group so far.
        leads: nobody led the group, and who acts does now.
        said: what other slices want said.
    """

    group: Group
    again: bool
    known: bool
    reads: bool
    moved: bool
    leads: bool
    said: list[Reply]


def open_group(ctx: Context) -> Opened:
    """Note that the bot is in the group; whoever added it is its leader. Everything of an earlier stay is kept."""
    group = ctx.session.get_one(Group, ctx.here.id)
    again = bool(group.state == "removed")
    kept = group.settings or {}
    known = not again and kept.get(GREETED) is True
    incoming = ctx.incoming
    reads = group.can_read is False and incoming.can_read is True
    mine = own(kept)
    if GREETED not in kept:
        mine[FRESH] = True
    if incoming.can_read is not None:
        mine[BLIND] = not incoming.can_read
    mine.pop(TROUBLES, None)  # its rights have changed: what still does not work is worth a word
    moved = mine.pop(MOVED, None) is not None
    group.settings = {**kept, GREETED: True, "groups": mine}
    if incoming.group_name:
        group.name = one_line(incoming.group_name, 60)
    if incoming.zone:
        calendar.zone(incoming.zone)
        group.zone = incoming.zone
    if incoming.can_read is not None:
        group.can_read = incoming.can_read
    group.state = "active"
    ctx.session.add(group)
    made = False
    if ctx.actor.member_id is not None and (incoming.sender_is_admin is not False):
        member = ctx.session.get_one(Member, ctx.actor.member_id)
        made = not identities.leaders(ctx.session, ctx.here.id)
        if made:
            member.role = "leader"
            ctx.session.add(member)
        if member.role == "leader" and (made or not known):
            # What the leader says in private from now on is about the group that is being set up.
            person = ctx.session.get_one(Person, member.person_id)
            person.current_group_id = group.id
            ctx.session.add(person)
            ctx.actor = replace(ctx.actor, leader=True)
    ctx.session.flush()
    ctx.group = GroupView.of(group)
    return Opened(group, again, known, reads, moved, made, ctx.emit(GroupAdded(ctx.here.id, again)))


def close_group(ctx: Context) -> None:
    """Note that the bot was taken out: nothing is pushed there, everything is kept."""
    group = ctx.session.get_one(Group, ctx.here.id)
    group.state = "removed"
    ctx.session.add(group)
    ctx.session.flush()
    ctx.emit(GroupClosed(ctx.here.id))


def farewell(ctx: Context) -> None:
    """Note that a neighbour left; points stay for a return, a leader's say only if there is no other leader."""
    incoming = ctx.incoming
    known = identities.known(ctx.session, incoming.channel, incoming.subject or incoming.sender, ctx.here.id)
    if known is not None and known.member_id is not None:
        member = ctx.session.get_one(Member, known.member_id)
        member.left_at = ctx.now
        ctx.session.add(member)
        ctx.session.flush()
        if member.role == "leader" and identities.leaders(ctx.session, ctx.here.id):
            member.role = "member"
            ctx.session.add(member)


def change(ctx: Context, action: str, **values: object) -> Mapping[str, object]:
    """Set columns of the group; returns what stood in them before, for the way back."""
    group = ctx.session.get_one(Group, ctx.here.id)
    before = {name: getattr(group, name) for name in values}
    for name, value in values.items():
        setattr(group, name, value)
    ctx.session.add(group)
    ctx.session.flush()
    audit.record(ctx.session, at=ctx.now, actor_id=ctx.actor.person_id, group_id=group.id, action=action)
    ctx.group = GroupView.of(group)
    return before


_UNDOABLE = frozenset({"facts", "quiet_from", "quiet_to", "quiet_acks", "zone"})


def restore(ctx: Context, before: Mapping[str, object]) -> list[str]:
    """Put back what :func:`change` said stood before; a fact alone goes back, the others stay as they are by now.

    Returns:
        What a copy had set and somebody has changed since: it stays as it is.
    """
    copied = before.get("copied")
    if isinstance(copied, Mapping):
        now = {name: getattr(ctx.here, name) for name in _UNDOABLE}
        back, kept = rules.back_from(before, copied, now)
        change(ctx, "group.restored", **back)
        return kept
    columns = {name: value for name, value in before.items() if name in _UNDOABLE}
    if "fact" in before:
        key, value = str(before["fact"]), str(before["value"])
        others = {name: kept for name, kept in ctx.here.facts.items() if name != key}
        columns["facts"] = {**others, key: value} if value else others
    if "acks" in before:
        columns["settings"] = _with_acks(ctx.here, str(before["acks"]))
    change(ctx, "group.restored", **columns)
    return []


def set_fact(ctx: Context, key: str, value: str) -> Mapping[str, object]:
    """Keep a structured fact that answers quote; an empty one is forgotten. Returns what :func:`restore` needs.

    Source: F71.
    """
    before = ctx.here.facts.get(key, "")
    others = {name: kept for name, kept in ctx.here.facts.items() if name != key}
    change(ctx, "group.fact", facts={**others, key: value} if value else others)
    return {"fact": key, "value": before}


def set_quiet(ctx: Context, start: int, end: int) -> Mapping[str, object]:
    """Set the quiet hours, minutes [start, end) of the local day."""
    return change(ctx, "group.quiet_hours", quiet_from=start, quiet_to=end)


def acks(group: GroupView) -> str:
    """Return how routine check-ins are acknowledged, one of ``rules.ACKS``."""
    if not group.quiet_acks:
        return "off"
    return "summary" if _kept_acks(group) == "summary" else "on"


def set_acks(ctx: Context, style: str) -> Mapping[str, object]:
    """Answer routine check-ins by an emoji (``on``), one edited summary a day (``summary``) or in words (``off``)."""
    group = ctx.here
    before = {"quiet_acks": group.quiet_acks, "acks": _kept_acks(group)}
    change(
        ctx,
        "group.quiet_acks",
        quiet_acks=style != "off",
        settings=_with_acks(group, "summary" if style == "summary" else ""),
    )
    return before


def _kept_acks(group: GroupView) -> str:
    kept = group.settings.get("checkin")
    return str(kept.get("acks", "")) if isinstance(kept, Mapping) else ""


def _with_acks(group: GroupView, value: str) -> dict[str, object]:
    kept = group.settings.get("checkin")
    others = {name: one for name, one in kept.items() if name != "acks"} if isinstance(kept, Mapping) else {}
    return {**group.settings, "checkin": {**others, "acks": value} if value else others}


def set_zone(ctx: Context, name: str) -> Mapping[str, object]:
    """Set the time zone.

    Raises:
        Refusal: ``groups.zone_how``.
    """
    try:
        calendar.zone(name)
    except ValueError as error:
        raise Refusal("groups.zone_how") from error
    return change(ctx, "group.zone", zone=name)


def own(settings: Mapping[str, object] | None) -> dict[str, object]:
    """Return this slice's part of a group's settings, to be changed."""
    mine = (settings or {}).get("groups")
    return dict(mine) if isinstance(mine, Mapping) else {}


def mark(ctx: Context, **marks: object) -> None:
    """Change this slice's part of the group's settings; None takes a mark away."""
    group = ctx.session.get_one(Group, ctx.here.id)
    mine = {name: value for name, value in {**own(group.settings), **marks}.items() if value is not None}
    group.settings = {**(group.settings or {}), "groups": mine}
    ctx.session.add(group)
    ctx.session.flush()


def sees_all(ctx: Context) -> None:
    """Note that the bot sees plain words after all."""
    group = ctx.session.get_one(Group, ctx.here.id)
    group.can_read = True
    ctx.session.add(group)
    mark(ctx, **{BLIND: None})


def copy_settings(ctx: Context, source: Group) -> Mapping[str, object]:
    """Take over what another group of the leader has set: facts, quiet hours, zone; returns what :func:`restore` needs."""
    columns = {name: getattr(source, name) for name in _UNDOABLE} | {"facts": dict(source.facts or {})}
    before = change(ctx, "group.copied", **columns)
    return {**before, "facts": before["facts"] or {}, "copied": columns}


def has_checkins(ctx: Context) -> bool:
    """Say whether anybody has ever checked in here."""
    mine = pick(Entry.id).where(Entry.group_id == ctx.here.id, Entry.kind == "checkin").limit(1)
    return ctx.session.exec(mine).first() is not None


def reachable_leaders(ctx: Context) -> list[int]:
    """Return the leaders' person ids whose private chat is open, longest-serving first."""
    here = identities.leaders(ctx.session, ctx.here.id)
    return [person for person in here if is_reachable(ctx, person)]


def is_reachable(ctx: Context, person_id: int) -> bool:
    """Say whether somebody's private chat is open."""
    return bots.is_open(ctx.session, person_id, ctx.incoming.channel)


def add_leader(ctx: Context, name: str) -> Member:
    """Make a neighbour a leader beside the present ones.

    Raises:
        Refusal: nobody or several of that name, or a leader already.
    """
    found = rooms.the_only(ctx.session, ctx.here.id, name, nobody="groups.no_such_member", several="groups.same_names")
    if found.role == "leader":
        raise Refusal("groups.leads_already", name=name)
    _set_role(ctx, found, "leader", action="leader.added")
    return found


def named_leader(ctx: Context, name: str) -> Member:
    """Return the leader of that name.

    Raises:
        Refusal: nobody, or several.
    """
    leaders = [member for member in identities.named(ctx.session, ctx.here.id, name) if member.role == "leader"]
    if len(leaders) != 1:
        raise Refusal("groups.no_such_leader", name=name)
    return leaders[0]


def led_before(ctx: Context, member: Member) -> bool:
    """Say whether another leader has led the group for longer than the acting one."""
    here = identities.leaders(ctx.session, ctx.here.id)
    mine = here.index(ctx.actor.person_id) if ctx.actor.person_id in here else 0
    return member.person_id in here[:mine]


def remove_leader(ctx: Context, member: Member) -> None:
    """Make a leader a neighbour again: the way back from :func:`add_leader`.

    Raises:
        Refusal: the only one.
    """
    _set_role(ctx, member, "member", action="leader.removed")


def restore_role(ctx: Context, before: Mapping[str, object]) -> Member:
    """Put a role back.

    Raises:
        Refusal: ``guard.old_button`` when the member is of another group, ``groups.last_leader``.
    """
    member = ctx.session.get(Member, before.get("member"))
    if member is None or member.group_id != ctx.here.id:
        raise Refusal("guard.old_button")
    _set_role(ctx, member, "leader" if before.get("role") == "leader" else "member", action="leader.restored")
    return member


def _set_role(ctx: Context, member: Member, role: str, *, action: str) -> None:
    if role == "member" and set(identities.leaders(ctx.session, ctx.here.id)) <= {member.person_id}:
        raise Refusal("groups.last_leader")
    member.role = role
    ctx.session.add(member)
    ctx.session.flush()
    audit.record(
        ctx.session,
        at=ctx.now,
        actor_id=ctx.actor.person_id,
        group_id=ctx.here.id,
        action=action,
        member=member.id or 0,
    )


def member_count(session: Session, group_id: int) -> int:
    """Count living memberships."""
    counted = pick(func.count()).select_from(Member)
    return int(session.exec(counted.where(Member.group_id == group_id, col(Member.left_at).is_(None))).one())


def switch(ctx: Context, group_id: int) -> Group:
    """Choose which group a private chat is about.

    Raises:
        Refusal: the person is not in that group.
    """
    for _member, group in identities.memberships(ctx.session, ctx.actor.person_id):
        if group.id == group_id:
            person = ctx.session.get_one(Person, ctx.actor.person_id)
            person.current_group_id = group_id
            ctx.session.add(person)
            return group
    raise Refusal("guard.old_button")
