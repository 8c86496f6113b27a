"""The day's overview in the evening, in private, for the leaders who asked for it: one message, however many groups."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from sqlalchemy import select as core_select
from sqlmodel import col

from engagement import calendar
from engagement.feature import GroupView
from engagement.kernel import Button, Kind, Reply
from engagement.leader import glance, rules, service
from engagement.leader.words import evening_row, overview, tails_of
from engagement.pushes import Occurrence, Planned
from storage.campaigns import Schedule
from storage.engine import Session
from storage.groups import Group, Member


def plan_evening(session: Session, occurrences: Sequence[Occurrence], now: datetime) -> Sequence[Planned]:
    """Tell each leader who asked for it about the day; groups that nobody asked about cost nothing.

    Who asked about several groups that are due together reads one message: the first of them carries it, and the others say
    nothing, whichever are planned in one transaction. Idempotent: it only reads.
    """
    wanted = [(one, person) for one in occurrences for person in service.evening_of(one.group.settings)]
    if not wanted:
        return []
    led = _led(session, {person for _, person in wanted})
    due: list[tuple[Occurrence, int, list[GroupView]]] = []
    for one, person in wanted:
        mine = led.get(person, [])
        if one.group.id not in {group.id for group, _ in mine}:
            continue
        together = [group for group, minute in mine if _are_due_together(one, group, minute)]
        if one.group.id == min((group.id for group in together), default=one.group.id):
            due.append((one, person, together or [one.group]))
    groups = {group.id: group for _, _, together in due for group in together}
    found = glance.days(session, list(groups.values()), now)
    return [Planned(one, _told([found[group.id] for group in mine], person, now)) for one, person, mine in due]


def _led(session: Session, people: Collection[int]) -> Mapping[int, list[tuple[GroupView, int]]]:
    """Return person → the groups that he leads and asked about, oldest first, with the local minute of each evening."""
    rows = session.execute(
        core_select(col(Member.person_id), Group, col(Schedule.enabled), col(Schedule.local_minute))
        .join(Group, col(Group.id) == col(Member.group_id))
        .outerjoin(Schedule, (col(Schedule.group_id) == col(Group.id)) & (col(Schedule.kind) == service.EVENING))
        .where(
            col(Member.person_id).in_(sorted(people)),
            col(Member.role) == "leader",
            col(Member.left_at).is_(None),
            col(Group.state) == "active",
        )
        .order_by(col(Group.id))
    )
    found: dict[int, list[tuple[GroupView, int]]] = {}
    for person, group, enabled, minute in rows:
        if person in service.evening_of(group.settings or {}) and enabled in (None, True):
            at = rules.EVENING_MINUTE if minute is None else int(minute)
            found.setdefault(person, []).append((GroupView.of(group), at))
    return found


def _are_due_together(one: Occurrence, group: GroupView, minute: int) -> bool:
    here = one.group
    same = (here.channel, here.account, here.zone) == (group.channel, group.account, group.zone)
    return same and minute == calendar.local_minute(one.due_at, here.zone)


def _told(days: Sequence[glance.Day], person: int, now: datetime) -> Reply:
    if len(days) > 1:
        values = {"rows": [evening_row(day, now) for day in days], "group": None}
        buttons = [
            Button(f"glance:{day.group.id}", "leader.button_group", {"group": day.group.name})
            for day in days[: service.SHOWN]
        ]
        buttons.append(Button("evening:off:0", "leader.button_evening_off"))
        return Reply("leader.evening_groups", values, kind=Kind.DM, to=person, buttons=buttons)
    (day,) = days
    buttons = [Button(f"do:topic:{day.group.id}", "leader.button_tomorrow")]
    if day.open:
        buttons.append(Button(f"do:faq:{day.group.id}", "leader.button_waiting"))
    buttons.append(Button(f"evening:off:{day.group.id}", "leader.button_evening_off"))
    return Reply("leader.evening", overview(day, now), tails_of(day), kind=Kind.DM, to=person, buttons=buttons)
