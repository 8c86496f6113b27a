"""What a campaign says on its day, to a group or to its leaders in private."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime

from sqlmodel import col
from sqlmodel import select as pick

from engagement.campaigns import lessons, saying
from engagement.kernel import Card, Kind
from engagement.pushes import Occurrence, Planned
from storage.engine import Session
from storage.groups import Group, Member


def plan_groups(session: Session, occurrences: Sequence[Occurrence], now: datetime) -> Sequence[Planned]:
    """Say in each group what its campaign says today.

    Skips: ``off`` (the leader wants no campaigns of this form), ``not_open`` (nor a late slot), ``nothing`` (its days were
    changed meanwhile), ``new_group`` (it looks back on days when the group was not there).

    Source: F27-F31, F34-F37, F39, F40.
    """
    found = saying.said(session, occurrences)
    planned = []
    for one in occurrences:
        mine = found.get((one.campaign_id, one.group.id))
        if mine is None:
            planned.append(Planned(one, skip="nothing"))
        elif saying.is_off(mine.plan, one.group.settings):
            planned.append(Planned(one, skip="not_open" if mine.plan.night else "off"))
        elif mine.too_early:
            planned.append(Planned(one, skip="new_group"))
        else:
            planned.append(Planned(one, saying.message(mine, one.local_date)))
    return planned


def speaks(session: Session, one: Occurrence) -> bool:
    """Say whether a campaign has anything to say that the group's leader wants; reads only."""
    mine = saying.said(session, [one]).get((one.campaign_id, one.group.id))
    return mine is not None and not mine.too_early and not saying.is_off(mine.plan, one.group.settings)


def plan_leaders(session: Session, occurrences: Sequence[Occurrence], now: datetime) -> Sequence[Planned]:
    """Say to a group's leaders in private what is for them; who leads several groups reads it for the oldest one only.

    A day brings one thing to read: a lesson of every week gives way to what belongs to the day, where it could not be
    moved on before (:func:`lessons.make_room`).

    Skips: ``off``, ``nothing``, ``new_group`` (in the first days there is one lesson a day), ``other_today``, ``no_address``
    (nobody leads the group, or all of them read it elsewhere).

    Source: F30, F41, F42, F44, F112.
    """
    found = saying.said(session, occurrences)
    groups: dict[int, list[int]] = {}
    for campaign, group in found:
        groups.setdefault(campaign, []).append(group)
    heard: dict[tuple[int, date], list[saying.Said]] = {}
    for one in occurrences:
        if (other := found.get((one.campaign_id, one.group.id))) is not None:
            heard.setdefault((one.group.id, one.local_date), []).append(other)
    leaders = _leaders(session, {one.group.id for one in occurrences})
    first = _first_groups(session, {person for people in leaders.values() for person in people})
    planned = []
    for one in occurrences:
        mine = found.get((one.campaign_id, one.group.id))
        if mine is None:
            planned.append(Planned(one, skip="nothing"))
            continue
        if saying.is_off(mine.plan, one.group.settings):
            planned.append(Planned(one, skip="off"))
            continue
        if mine.too_early:
            planned.append(Planned(one, skip="new_group"))
            continue
        if lessons.is_lesson(mine.plan) and any(
            not lessons.is_lesson(other.plan)
            and not other.too_early
            and not saying.is_off(other.plan, one.group.settings)
            for other in heard[one.group.id, one.local_date]
        ):
            planned.append(Planned(one, skip="other_today"))
            continue
        told = [
            person
            for person in leaders.get(one.group.id, ())
            if mine.plan.scope != "all" or first.get(person) == one.group.id
        ]
        if not told:
            planned.append(Planned(one, skip="no_address"))
        lesson = replace(saying.message(mine, one.local_date), kind=Kind.DM)
        planned.extend(Planned(one, replace(lesson, to=person)) for person in told)
    return planned


def posters(session: Session, occurrences: Sequence[Occurrence]) -> Sequence[Card]:
    """Return the pictures that some occurrences will be said with."""
    found = saying.said(session, occurrences)
    days = {(one.campaign_id, one.group.id): one.local_date for one in occurrences}
    made = (saying.message(mine, days[key]).card for key, mine in found.items())
    return [card for card in made if card is not None]


def _leaders(session: Session, group_ids: Collection[int]) -> Mapping[int, list[int]]:
    rows = session.exec(
        pick(Member.group_id, Member.person_id)
        .where(col(Member.group_id).in_(group_ids), Member.role == "leader", col(Member.left_at).is_(None))
        .order_by(col(Member.id))
    )
    found: dict[int, list[int]] = {}
    for group, person in rows:
        found.setdefault(group, []).append(person)
    return found


def _first_groups(session: Session, people: Collection[int]) -> Mapping[int, int]:
    """Return person → the oldest active group that he leads."""
    rows = session.exec(
        pick(Member.person_id, Member.group_id)
        .join(Group, col(Group.id) == col(Member.group_id))
        .where(
            col(Member.person_id).in_(people),
            Member.role == "leader",
            col(Member.left_at).is_(None),
            Group.state == "active",
        )
        .order_by(col(Member.group_id).desc())
    )
    return dict(rows.all())
