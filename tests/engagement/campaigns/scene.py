"""A group in June with campaigns that are easy to reckon with, for the tests of what is typed about them."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlmodel import col
from sqlmodel import select as pick

from engagement.campaigns import service
from engagement.campaigns.tables import Beat, Plan
from engagement.kernel import Kind, Outgoing
from engagement.registry import FEATURES
from prompts.campaigns import Pack
from scheduler import gate
from scheduler.clock import run_due
from scheduler.delivery import Conduct
from storage.engine import Session
from storage.groups import Group, Member, RoleGrant
from tests.engagement.campaigns.test_year_rules import pack
from tests.engagement.stage import Stage, at, open_stage
from tests.scheduler.community import Phone

NOW = "2027-06-10T12:00"
LEADER = "周团长"
MEMBER_DAY = pack(
    {"monthly": 18, "months": [6]},
    {"title": "聊聊米", "text": "{group}聊聊米，热线 {hotline}。\n一袋吃多久？", "poster": True},
    {"day": 4, "title": "上周的米", "text": "米还好吗？"},
    key="rice",
    name="会员日",
    form="member_day",
)
FESTIVAL = pack({"festival": "duanwu"}, key="duanwu", name="端午", form="festival")
NEW_YEAR = pack({"festival": "xiazhi"}, {"title": "{year} 年头一天"}, key="yuandan", name="元旦", form="festival")
TERMS = pack({"festival": "xiazhi"}, key="terms", name="节气饭桌", form="terms")
LESSON = pack(
    {"weekly": "mon", "months": [6]},
    {"title": "一课"},
    key="lesson",
    name="每周一课",
    form="lesson",
    audience="leaders",
)
NIGHT = pack(
    {"weekly": "fri", "months": [6]},
    {"at": "22:10", "title": "夜话"},
    key="late",
    name="夜聊",
    form="night",
    night=True,
)
COURSE = pack(
    {"joined": True},
    *({"day": day, "at": "09:40", "title": f"第 {day} 步"} for day in range(1, 8)),
    key="course",
    name="七天课",
    form="lesson",
    audience="leaders",
)


def scene(folder: Path, *packs: Pack, scope: str = "all", by: str = "", approved: bool = True, url: str = "") -> Stage:
    """Open a stage on which these campaigns run, numbered from 1 in their order."""
    stage = open_stage(folder, FEATURES, NOW, leader=LEADER, url=url)
    stage.say(LEADER, "帮助", private=True)
    if by:
        stage.say(by, "帮助")
    plan(stage, *packs, scope=scope, by=stage.person(by) if by else None, approved=approved)
    return stage


def plan(stage: Stage, *packs: Pack, scope: str = "all", by: int | None = None, approved: bool = True) -> list[int]:
    """Plan campaigns; returns their numbers."""

    def write(session: Session) -> list[int]:
        found = []
        for one in packs:
            made = service.plan(session, one, 2027, stage.clock.now(), scope=scope, by=by)
            if approved:
                service.approve(session, made, None, stage.clock.now())
            found.append(made.id or 0)
        return found

    return stage.database.write_now(write)


def grant(stage: Stage, who: str, role: str = "staff", region: int | None = None) -> None:
    """Give somebody a role over groups; the private chat is open."""
    stage.say(who, "帮助", private=True)
    row = RoleGrant(person_id=stage.person(who), role=role, region_id=region, granted_at=stage.clock.now())
    stage.database.write_now(lambda s: s.add(row))


def beats(stage: Stage, number: int) -> list[int]:
    """Return the ids of a campaign's days."""
    wanted = pick(Beat.id).where(Beat.plan_id == number).order_by(col(Beat.local_day))
    return [one or 0 for one in stage.database.read_now(lambda s: s.exec(wanted).all())]


def stage_of(stage: Stage, number: int) -> str:
    """Say whether a campaign is a draft or approved."""
    return stage.database.read_now(lambda s: s.get_one(Plan, number).stage)


def run(stage: Stage, moment: str, phone: Phone | None = None) -> list[Outgoing]:
    """Plan and send what is due at a moment; returns what went out of campaigns."""
    told = phone or Phone()
    jobs = [job for job in stage.jobs.values() if job.kind in service.KINDS]
    conduct = Conduct(me="scene", concurrency=1)
    for earlier in (1, 0):  # the schedules are there before they are due
        stage.clock.set(at(moment) - timedelta(minutes=earlier))
        asyncio.run(run_due(stage.database, jobs, stage.clock, {"play": told}, gate.no_gate(), conduct))
    return list(told.sent)


def dm(stage: Stage, text: str = "", button: str = "", who: str = LEADER, **more: Any) -> Outgoing:
    """Say something in private; returns the one answer."""
    (answer,) = [
        one for one in stage.say(who, text, button=button, private=True, **more) if one.kind is not Kind.REACTION
    ]
    return answer


def press(stage: Stage, message: Outgoing, label: str, who: str = LEADER) -> Outgoing:
    """Press the button of a label's text key."""
    return dm(stage, button=next(one.key for one in message.buttons if one.label == label), who=who)


def labels(message: Outgoing) -> list[str]:
    """The text keys of the labels."""
    return [one.label.removeprefix("campaigns.") for one in message.buttons]


def lead(stage: Stage, who: str, group: int) -> None:
    """Make somebody a leader of another group."""
    row = Member(group_id=group, person_id=stage.person(who), name=who, role="leader", joined_at=stage.clock.now())
    stage.database.write_now(lambda s: s.add(row))


def elsewhere(stage: Stage, name: str, region: int | None = None) -> int:
    """Add another group."""

    def write(session: Session) -> int:
        group = Group(channel="play", external_id=name, name=name, region_id=region, created_at=stage.clock.now())
        session.add(group)
        session.flush()
        return group.id or 0

    return stage.database.write_now(write)
