"""What a campaign says in a group on a day: its words chosen, its figures filled in; the same for preview and push.

Source: F27-F31, ADR-0014.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from sqlalchemy import tuple_
from sqlmodel import col
from sqlmodel import select as pick

from engagement import calendar
from engagement.campaigns import rules, service
from engagement.campaigns.tables import Beat, Plan
from engagement.feature import GroupView
from engagement.kernel import Button, Card, Kind, Reply
from engagement.pushes import Occurrence
from prompts import packs
from prompts.loader import texts
from storage import identities, wordings
from storage.campaigns import Schedule
from storage.engine import Session
from storage.groups import Group


@dataclass(frozen=True, slots=True)
class Said:
    """A beat as a group gets it: its words chosen, its figures filled in.

    Attributes:
        peak: the anchor's day in that group.
        too_early: the group is too new for it.
    """

    plan: Plan
    beat: Beat
    title: str
    lines: Sequence[str]
    peak: date | None
    too_early: bool = False


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


def preview(session: Session, plan: Plan, beat: Beat, view: GroupView, day: date) -> Reply:
    """Return what a group, or its leaders, would read of a beat on a local day, whatever its stage."""
    own = wordings.own(session, [slot(beat)], [view.id])
    leader = identities.leader_names(session, [view.id]).get(view.id, "")
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
    leaders = identities.leader_names(session, views)
    began = _began(session, views)
    following = {campaign for (campaign, _), (plan, _) in beats.items() if campaign and plan.form in rules.FOLLOWING}
    lines = service.moments(session, following) if following else {}
    found: dict[tuple[int, int], Said] = {}
    for (campaign, group), day in days.items():
        pair = beats.get((campaign, day))
        if pair is None:
            continue
        plan, beat = pair
        view, there = views[group], day + timedelta(days=shifts.get((campaign, group), 0))
        words = own.get((slot(beat), group), "")
        mine = _filled(plan, beat, view, there, words, leaders.get(group, ""))
        earlier = max((one for one, _ in lines.get(campaign, ()) if one < day), default=None)
        early = plan.scope == "all" and not plan.joined
        early = early and rules.is_too_early(
            plan.form,
            beat.phase,
            to_leaders=plan.audience == "leaders",
            began=began[group],
            day=there,
            peak=mine.peak,
            before=None if earlier is None else there - (day - earlier),
        )
        found[campaign, group] = replace(mine, too_early=early)
    return found


def _began(session: Session, views: Mapping[int, GroupView]) -> Mapping[int, date]:
    """Return group id → the local day on which the bot first came into it."""
    rows = session.exec(pick(Group.id, Group.created_at).where(col(Group.id).in_(sorted(views))))
    return {group: calendar.local_day(at, views[group].zone) for group, at in rows if group is not None}


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
