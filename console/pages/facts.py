"""群资料: what the bot knows of a group and how it behaves there; every field is changed by the command that leaders type."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from console.auth import Area, Visitor
from console.policy import LEADERS, Allow
from console.views import Views, say
from engagement.campaigns import choices, words
from engagement.feature import GroupView
from engagement.groups import rules, service
from engagement.invites import service as invites
from engagement.leader.service import wants_evening
from engagement.points.rules import expiry_months
from engagement.topic.kinds import kind_of
from prompts import packs
from prompts.loader import texts
from storage.groups import Group

router = APIRouter()
ANSWERED: Mapping[str, str] = {
    "pickup_place": "pickup.place",
    "pickup_hours": "pickup.hours",
    "delivery_day": "delivery.day",
    "order_cutoff": "orders.cutoff",
    "hotline": "group.hotline",
    "leader_name": "group.leader",
    "after_sale_time": "after_sale.time_limit",
    "bad_fruit": "after_sale.broken_fruit",
    "no_reason": "after_sale.dry_goods_return",
}
"""Fact → the entry of the base that is answered with it."""


@dataclass(frozen=True, slots=True)
class Fact:
    """A field: what it is called, what stands in it, how the leader is asked for it, and its ready answers."""

    key: str
    word: str
    value: str
    asked: str
    ready: tuple[str, ...]
    entry: str


@dataclass(frozen=True, slots=True)
class Switch:
    """A setting that is a choice: (key of the button, label, whether it is so now)."""

    name: str
    title: str
    about: str
    options: tuple[tuple[str, str, bool], ...]


@router.get("/console/groups/{group_id}/facts", dependencies=[Depends(Allow(Area.CONSOLE, LEADERS))])
async def page(request: Request, group_id: str) -> Response:  # noqa: ARG001 - the policy reads it
    """Show everything that a leader tells the bot about her group."""
    views: Views = request.app.state.views
    group: Group = request.state.group
    visitor: Visitor = request.state.visitor
    view = GroupView.of(group)
    quiet = "" if group.quiet_from == group.quiet_to else f"{_clock(group.quiet_from)}-{_clock(group.quiet_to)}"
    return views.page(
        request,
        "facts.html",
        group=group,
        facts=_facts(view),
        missing=sum(1 for key in rules.shown_facts() if key not in rules.USEFUL and not view.facts.get(key)),
        quiet=quiet,
        zone=rules.zone_name(group.zone),
        zones=list(rules.ZONES),
        months=expiry_months(view.settings),
        link=invites.group_link(view.settings),
        switches=_switches(view, visitor.person_id),
        kinds=_kinds(view),
        active="facts",
    )


def _clock(minute: int) -> str:
    return rules.clock_time(minute)


def _facts(group: GroupView) -> list[Fact]:
    said = texts()
    found = []
    for key, word in rules.shown_facts().items():
        ready = tuple(said.raw(f"groups.choice_{key}_{n}") for n in (1, 2)) if key in ("bad_fruit", "no_reason") else ()
        asked = said.raw(f"groups.ask_{key}").replace("**", "")
        found.append(Fact(key, word, group.facts.get(key, ""), asked, ready, ANSWERED.get(key, "")))
    return found


def _switches(group: GroupView, person_id: int) -> list[Switch]:
    """Return the settings that are pressed: the keys are those of the buttons in the chat."""
    acks, paused = service.acks(group), group.daily_budget == 0
    night = choices.own(group.settings).get("night") is True
    kind, evening = kind_of(group.settings), wants_evening(group.settings, person_id)
    every = [
        ("acks", [(f"quiet_acks:{one}:{group.id}", one, acks == one) for one in rules.ACKS]),
        ("pause", [(f"pause:off:{group.id}", "off", not paused), (f"pause:on:{group.id}", "on", paused)]),
        ("kind", [(f"topic_kind:{one or 'mixed'}", one or "mixed", kind == one) for one in ("", *packs.GROUPS)]),
        ("night", [(f"cal_dark:{int(on)}.{group.id}", "on" if on else "off", night is on) for on in (True, False)]),
        (
            "evening",
            [(f"evening:{'on' if on else 'off'}:{group.id}", "on" if on else "off", evening is on)
             for on in (True, False)],
        ),
    ]  # fmt: skip
    return [
        Switch(
            name,
            say(f"facts.{name}"),
            say(f"facts.{name}_about"),
            tuple((key, _label(name, option), now) for key, option, now in options),
        )
        for name, options in every
    ]


def _label(name: str, option: str) -> str:
    return texts().raw(f"topic.kind_{option}") if name == "kind" else say(f"facts.{name}_{option}")


def _kinds(group: GroupView) -> list[tuple[str, str, bool]]:
    """Return the kinds of campaigns that come into the group: (key of the button, name, whether it comes)."""
    off = words.off_forms(choices.own(group.settings))
    return [
        (f"cal_kind:{number}.{int(form in off)}.{group.id}", word, form not in off)
        for number, (word, form) in enumerate(words.KINDS.items())
        if form not in words.TO_LEADERS
    ]
