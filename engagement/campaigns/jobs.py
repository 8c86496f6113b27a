"""What a campaign says on its day, to a group or to its leaders in private."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from sqlalchemy import tuple_
from sqlmodel import col
from sqlmodel import select as pick

from engagement.campaigns import rules, service
from engagement.campaigns.tables import Beat, Plan
from engagement.feature import GroupView, Occurrence, Planned
from engagement.kernel import Button, Card, Kind, Reply
from prompts import packs
from prompts.loader import texts
from storage import wordings
from storage.campaigns import Schedule
from storage.engine import Session
from storage.groups import Group, Member


@dataclass(frozen=True, slots=True)
class Said:
    """A beat as a group gets it: its words chosen, its figures filled in.

    Attributes:
        peak: the anchor's day in that group.
    """

    plan: Plan
    beat: Beat
    title: str
    lines: Sequence[str]
    peak: date | None


def plan_groups(session: Session, occurrences: Sequence[Occurrence], now: datetime) -> Sequence[Planned]:
    """Say in each group what its campaign says today.

    Skips: ``off`` (the leader wants no campaigns of this form), ``nothing`` (its days were changed meanwhile).

    Source: F27-F31, F34-F37, F39, F40.
    """
    found = said(session, occurrences)
    planned = []
    for one in occurrences:
        mine = found.get((one.campaign_id, one.group.id))
        if mine is None:
            planned.append(Planned(one, skip="nothing"))
        elif is_off(mine.plan, one.group.settings):
            planned.append(Planned(one, skip="off"))
        else:
            planned.append(Planned(one, message(mine, one.local_date)))
    return planned


def plan_leaders(session: Session, occurrences: Sequence[Occurrence], now: datetime) -> Sequence[Planned]:
    """Say to a group's leaders in private what is for them; who leads several groups reads it for the oldest one only.

    Skips: ``off``, ``nothing``, ``no_address`` (nobody leads the group, or all of them read it elsewhere).

    Source: F30, F41, F42, F44, F112.
    """
    found = said(session, occurrences)
    groups: dict[int, list[int]] = {}
    for campaign, group in found:
        groups.setdefault(campaign, []).append(group)
    leaders = _leaders(session, {one.group.id for one in occurrences})
    first = _first_groups(session, {person for people in leaders.values() for person in people})
    planned = []
    for one in occurrences:
        mine = found.get((one.campaign_id, one.group.id))
        if mine is None:
            planned.append(Planned(one, skip="nothing"))
            continue
        if is_off(mine.plan, one.group.settings):
            planned.append(Planned(one, skip="off"))
            continue
        told = [
            person
            for person in leaders.get(one.group.id, ())
            if mine.plan.scope != "all" or first.get(person) == one.group.id
        ]
        if not told:
            planned.append(Planned(one, skip="no_address"))
        lesson = replace(message(mine, one.local_date), kind=Kind.DM)
        planned.extend(Planned(one, replace(lesson, to=person)) for person in told)
    return planned


def message(mine: Said, day: date) -> Reply:
    """Return what a group, or its leaders, read on a local day; the same for the preview and for the push."""
    card = None
    if mine.beat.poster:
        values: dict[str, object] = {"name": mine.plan.name, "slogan": mine.plan.slogan, "title": mine.title}
        values["phase"] = mine.beat.phase
        if mine.peak is not None:
            left = (mine.peak - day).days
            values |= {"date": mine.peak.isoformat(), "left": max(0, left), "today": left == 0}
        card = Card("campaign", values)
    buttons: tuple[Button, ...] = ()
    if mine.beat.phase and mine.plan.audience == "groups":
        buttons = (Button(f"cal_in:{mine.plan.id}", "campaigns.button_in", {"name": mine.plan.name}, optional=True),)
    key = "campaigns.lesson" if mine.plan.audience == "leaders" else "campaigns.beat"
    said = {"name": mine.plan.name, "title": mine.title, "body": list(mine.lines)}
    return Reply(key, said, kind=Kind.PUSH, subject=f"campaign:{mine.plan.id}", card=card, buttons=buttons)


def posters(session: Session, occurrences: Sequence[Occurrence]) -> Sequence[Card]:
    """Return the pictures that some occurrences will be said with."""
    found = said(session, occurrences)
    days = {(one.campaign_id, one.group.id): one.local_date for one in occurrences}
    made = (message(mine, days[key]).card for key, mine in found.items())
    return [card for card in made if card is not None]


def preview(session: Session, plan: Plan, beat: Beat, view: GroupView, day: date) -> Reply:
    """Return what a group, or its leaders, would read of a beat on a local day, whatever its stage."""
    own = wordings.own(session, [slot(beat)], [view.id])
    leader = _leader_names(session, [view.id]).get(view.id, "")
    return message(_filled(plan, beat, view, day, own.get((slot(beat), view.id), ""), leader), day)


def is_off(plan: Plan, settings: Mapping[str, object]) -> bool:
    """Say whether a group's leader wants no campaigns of a plan's form, or has not opened the late slot that it needs.

    A new leader's first days are no form: they end by themselves, and are left out one by one.
    """
    mine = settings.get(service.SETTING)
    mine = mine if isinstance(mine, Mapping) else {}
    off = mine.get("off")
    unwanted = isinstance(off, list) and plan.form in off and not plan.joined
    return unwanted or (plan.night and mine.get("night") is not True)


def said(session: Session, occurrences: Sequence[Occurrence]) -> Mapping[tuple[int, int], Said]:
    """Return (campaign id, group id) → what is said there on the occurrence's day; absent where nothing is."""
    keys = [(one.campaign_id, one.group.id) for one in occurrences]
    shifts = {
        (campaign, group): shift
        for campaign, group, shift in session.exec(
            pick(Schedule.campaign_id, Schedule.group_id, Schedule.shift_days).where(
                tuple_(col(Schedule.campaign_id), col(Schedule.group_id)).in_(keys)
            )
        )
    }
    days = {
        (one.campaign_id, one.group.id): one.local_date - timedelta(days=shifts.get((one.campaign_id, one.group.id), 0))
        for one in occurrences
    }
    beats = {
        (plan.campaign_id, beat.local_day): (plan, beat)
        for plan, beat in session.exec(
            pick(Plan, Beat)
            .join(Beat, col(Beat.plan_id) == col(Plan.id))
            .where(
                col(Plan.campaign_id).in_({campaign for campaign, _ in keys}),
                col(Beat.local_day).in_(set(days.values())),
                Plan.stage == "approved",
            )
        )
    }
    views = {one.group.id: one.group for one in occurrences}
    own = wordings.own(session, {slot(beat) for _, beat in beats.values()}, views)
    leaders = _leader_names(session, views)
    found: dict[tuple[int, int], Said] = {}
    for (campaign, group), day in days.items():
        pair = beats.get((campaign, day))
        if pair is None:
            continue
        plan, beat = pair
        view, there = views[group], day + timedelta(days=shifts.get((campaign, group), 0))
        words = own.get((slot(beat), group), "")
        found[campaign, group] = _filled(plan, beat, view, there, words, leaders.get(group, ""))
    return found


def _filled(plan: Plan, beat: Beat, view: GroupView, day: date, own: str, leader: str) -> Said:
    """Choose the words and fill them in; a group that has all of it later counts down to a later day."""
    peak = day + (beat.peak - beat.local_day) if beat.peak is not None else None
    figures = rules.figures(
        name=plan.name,
        slogan=plan.slogan,
        day=day,
        peak=peak,
        peak_words=_date(peak) if peak is not None else "",
        group=view.name,
        leader=view.facts.get("leader_name") or leader,
        facts=view.facts,
    )
    return Said(
        plan,
        beat,
        "".join(packs.fill(beat.title, figures)),
        packs.fill(own or ready(plan, beat, view.id), figures),
        peak,
    )


def ready(plan: Plan, beat: Beat, group_id: int) -> str:
    """Return which of a beat's wordings a group gets that has none of its own, not filled in."""
    return beat.other if beat.other and rules.is_second(plan.key, group_id) else beat.text


def slot(beat: Beat) -> str:
    """Return the name under which a region or a group keeps its own words for a beat."""
    return f"beat:{beat.id}"


def _date(day: date) -> str:
    return texts().fill("campaigns.date", {"month": day.month, "day": day.day})


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


def _leader_names(session: Session, group_ids: Collection[int]) -> Mapping[int, str]:
    rows = session.exec(
        pick(Member.group_id, Member.name)
        .where(col(Member.group_id).in_(group_ids), Member.role == "leader", col(Member.left_at).is_(None))
        .order_by(col(Member.id).desc())
    )
    return dict(rows.all())
