"""Several groups, their leaders and staff, with the real planner and delivery."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC
from pathlib import Path
from typing import Any

from sqlmodel import select

from engagement.kernel import Kind, Outcome, Outgoing, Receipt
from engagement.registry import FEATURES
from scheduler.clock import run_due
from scheduler.delivery import Conduct
from scheduler.gate import no_gate
from storage import identities
from storage.campaigns import Delivery
from storage.engine import Session
from storage.groups import Group, Member, Region, RoleGrant
from tests.engagement.stage import Stage, at, keys, open_stage, shown

LEADER = "周团长"


@dataclass
class Phone:
    """Keeps what it was given and answers as told."""

    answer: Callable[[Outgoing], Receipt] | None = None
    sent: list[Outgoing] = field(default_factory=list)

    async def send(self, message: Outgoing) -> Receipt:
        receipt = self.answer(message) if self.answer else Receipt(Outcome.SENT, provider_id=f"p{len(self.sent)}")
        if receipt.outcome is Outcome.SENT:
            self.sent.append(message)
        return receipt


@dataclass
class Town:
    """A stage with more groups: g1 … gN are led by one leader, and what was sent to them."""

    stage: Stage
    phone: Phone = field(default_factory=Phone)

    def group(self, name: str, leader: str = LEADER, **changes: Any) -> int:
        """Add a group with a leader."""

        def make(session: Session) -> int:
            now = self.stage.clock.now().astimezone(UTC)
            number = len(session.exec(select(Group.id)).all()) + 1
            group = Group(
                **{"channel": "play", "external_id": f"g{number}", "name": name, "created_at": now, **changes}
            )
            session.add(group)
            session.flush()
            assert group.id is not None
            if leader:
                person = identities.meet(session, "play", leader, leader, now)
                session.add(
                    Member(group_id=group.id, person_id=person.person_id, name=leader, role="leader", joined_at=now)
                )
            return group.id

        return self.stage.database.write_now(make)

    def region(self, name: str, *groups: int) -> int:
        """Add a region of some groups."""

        def make(session: Session) -> int:
            region = Region(name=name)
            session.add(region)
            session.flush()
            for one in groups:
                group = session.get_one(Group, one)
                group.region_id = region.id
                session.add(group)
            return region.id or 0

        return self.stage.database.write_now(make)

    def grant(self, who: str, role: str, region: int | None = None) -> None:
        """Give somebody a role over groups."""

        def make(session: Session) -> None:
            now = self.stage.clock.now().astimezone(UTC)
            person = identities.meet(session, "play", who, who, now)
            session.add(RoleGrant(person_id=person.person_id, role=role, region_id=region, granted_at=now))

        self.stage.database.write_now(make)

    def say(self, text: str, who: str = LEADER, when: str = "") -> Outgoing:
        """Somebody types in private; returns the one answer."""
        (answer,) = self.stage.say(who, text, when, private=True)
        return answer

    def press(self, message: Outgoing, prefix: str, who: str = LEADER, when: str = "") -> Outgoing:
        """Press the first button that begins so, or says so."""
        key = next(one.key for one in message.buttons if one.key.startswith(prefix) or prefix in label(one))
        (answer,) = self.stage.say(who, "", when, button=key, private=True)
        return answer

    def run(self, when: str = "") -> list[Outgoing]:
        """Plan and send what is due; returns what went out."""
        if when:
            self.stage.clock.set(at(when))
        before = len(self.phone.sent)
        jobs = [job for job in self.stage.jobs.values() if job.once]
        conduct = Conduct(me="town", concurrency=1)
        asyncio.run(run_due(self.stage.database, jobs, self.stage.clock, {"play": self.phone}, no_gate(), conduct))
        return self.phone.sent[before:]

    def announce(self, text: str = "发公告 冷链车晚到", who: str = LEADER, when: str = "") -> Outgoing:
        """Draft and confirm."""
        return self.press(self.say(text, who, when), "announce_go", who)

    def rows(self) -> list[tuple[str, str]]:
        """Return (state, reason) of every delivery."""
        return self.stage.database.read_now(
            lambda s: [(one.state, one.reason) for one in s.exec(select(Delivery).order_by(Delivery.id))]  # type: ignore[arg-type]
        )


def label(button: Any) -> str:
    """Return what stands on a button."""
    from prompts.loader import texts

    return texts().fill(button.label, button.values)


def open_town(folder: Path, groups: int = 3, url: str = "") -> Town:
    """Make groups 阳光花园一期, 小区2, 小区3 … of one leader, at nine in the morning."""
    town = Town(open_stage(folder, FEATURES, "2026-12-01T09:00", leader=LEADER, url=url))
    for number in range(2, groups + 1):
        town.group(f"小区{number}")
    return town


__all__ = ["LEADER", "Kind", "Phone", "Town", "at", "keys", "label", "open_town", "shown"]
