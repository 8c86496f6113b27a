"""A push that goes to one person: the evening reminder to the leader, who may not be reachable."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlmodel import select

from engagement.clocks import SetClock
from engagement.feature import GroupView
from engagement.kernel import Kind, Outcome, Outgoing, Place, Receipt, Reply
from engagement.registry import FEATURES
from scheduler.addressing import outgoing
from scheduler.clock import run_due
from scheduler.gate import no_gate
from storage.campaigns import Delivery
from storage.documents import Question
from storage.groups import Group
from tests.engagement.stage import Stage, at, open_stage


class Post:
    """Keeps what it was given and answers as told."""

    def __init__(self, receipt: Receipt) -> None:
        self.receipt = receipt
        self.given: list[Outgoing] = []

    async def send(self, message: Outgoing) -> Receipt:
        self.given.append(message)
        return self.receipt


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    stage = open_stage(tmp_path, FEATURES, "2026-12-03T09:00")
    stage.database.write_now(
        lambda s: s.add(Question(group_id=stage.group_id, text="燃气灶能代收吗", asked_at=stage.clock.now()))
    )
    yield stage
    stage.database.close()


def _evening(stage: Stage, post: Post) -> Delivery:
    jobs = [job for job in stage.jobs.values() if job.kind == "question_reminder"]
    for moment in ("2026-12-03T09:01", "2026-12-03T18:00"):
        clock = SetClock(at(moment))
        asyncio.run(run_due(stage.database, jobs, clock, {"play": post}, no_gate()))
    return stage.database.read_now(lambda s: s.exec(select(Delivery)).one())


def test_it_goes_to_the_leader_alone(stage: Stage) -> None:
    post = Post(Receipt(Outcome.SENT, provider_id="9"))
    assert _evening(stage, post).state == "sent"
    (message,) = post.given
    assert (message.kind, message.place, message.conversation) == (Kind.DM, Place.DM, "周团长")


def test_a_closed_private_chat_does_not_close_the_group(stage: Stage) -> None:
    row = _evening(stage, Post(Receipt(Outcome.GONE, reason="blocked")))
    assert (row.state, row.reason) == ("failed", "no_address")
    assert stage.database.read_now(lambda s: s.get_one(Group, stage.group_id).state) == "active"


def test_nobody_on_this_channel(stage: Stage) -> None:
    group = GroupView.of(stage.database.read_now(lambda s: s.get_one(Group, stage.group_id)))
    reminder = Reply("faq.reminder", kind=Kind.DM, to=999)
    assert stage.database.read_now(lambda s: outgoing(s, reminder, group)) is None
