"""A push that goes to one person: the evening reminder to the leader, who may not be reachable."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlmodel import select

from bot.rendering import PLAY, render
from engagement.clocks import SetClock
from engagement.feature import GroupView
from engagement.kernel import Kind, Outcome, Outgoing, Place, Receipt, Reply
from engagement.registry import FEATURES
from scheduler import rows
from scheduler.addressing import outgoing
from scheduler.clock import run_due
from scheduler.gate import no_gate
from storage.campaigns import Delivery
from storage.documents import Question
from storage.engine import Session
from storage.groups import Group, Identity
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


def _evening(stage: Stage, post: Post, channel: str = "play") -> Delivery:
    jobs = [job for job in stage.jobs.values() if job.kind == "question_reminder"]
    for moment in ("2026-12-03T09:01", "2026-12-03T18:00"):
        clock = SetClock(at(moment))
        asyncio.run(run_due(stage.database, jobs, clock, {channel: post}, no_gate()))
    return stage.database.read_now(lambda s: s.exec(select(Delivery)).one())


def test_it_waits_for_the_process_that_speaks_where_its_reader_is(stage: Stage) -> None:
    """Its group's channel is another one: the process that serves that leaves it alone, and it is not lost."""

    def elsewhere(session: Session) -> None:
        leader = session.exec(select(Identity).where(Identity.external_id == "周团长")).one()
        there = Identity(
            person_id=leader.person_id, channel="chat", external_id="zhou", name="周", account="b2", dm_open=True
        )
        leader.dm_open = False
        session.add(leader)
        session.add(there)

    stage.database.write_now(elsewhere)
    here, there = Post(Receipt(Outcome.SENT, provider_id="1")), Post(Receipt(Outcome.SENT, provider_id="2"))
    row = _evening(stage, here)
    assert (row.state, row.channel, row.account, row.attempts) == ("pending", "chat", "b2", 0)
    assert here.given == []
    now = at("2026-12-03T18:00")
    shards = stage.database.read_now(lambda s: [rows.due_shards(s, "me", now, channel) for channel in ("play", "chat")])
    assert shards == [[], [(row.shard, row.epoch)]]
    assert _evening(stage, there, "chat").state == "sent"
    (message,) = there.given
    assert (message.channel, message.account, message.conversation) == ("chat", "b2", "zhou")
    assert here.given == []


def test_it_goes_to_the_leader_alone(stage: Stage) -> None:
    post = Post(Receipt(Outcome.SENT, provider_id="9"))
    assert _evening(stage, post).state == "sent"
    (message,) = post.given
    assert (message.kind, message.place, message.conversation) == (Kind.DM, Place.DM, "周团长")


def test_a_leader_who_asked_hears_of_both_in_one_message(stage: Stage) -> None:
    """What waits for her answer, and that nobody answered her own question: one kind has one row a day for a person."""
    stage.say("周团长", "帮助", private=True)
    asked, leader = stage.clock.now() - timedelta(days=8), stage.person("周团长")
    own = Question(
        group_id=stage.group_id, text="几点到货", asked_at=asked, relay={"person": leader, "place": Place.DM.value}
    )
    stage.database.write_now(lambda s: s.add(own))
    post = Post(Receipt(Outcome.SENT, provider_id="9"))
    row = _evening(stage, post)
    assert (row.state, row.recipient) == ("sent", leader)
    (message,) = post.given
    assert (message.key, [one.key for one in message.more]) == ("faq.reminder", ["faq.ended"])
    assert (message.subject, len(message.buttons)) == ("question:1", 1)
    said = render(message, PLAY).text
    assert "燃气灶能代收吗" in said and "几点到货" in said


def test_a_closed_private_chat_does_not_close_the_group(stage: Stage) -> None:
    row = _evening(stage, Post(Receipt(Outcome.GONE, reason="blocked")))
    assert (row.state, row.reason) == ("failed", "no_address")
    assert stage.database.read_now(lambda s: s.get_one(Group, stage.group_id).state) == "active"
    # Whoever is told next by that chat is not said to have been reached.
    open_ = select(Identity.dm_open).where(Identity.external_id == "周团长")
    assert stage.database.read_now(lambda s: s.exec(open_).one()) is False


def test_nobody_on_this_channel(stage: Stage) -> None:
    group = GroupView.of(stage.database.read_now(lambda s: s.get_one(Group, stage.group_id)))
    reminder = Reply("faq.reminder", kind=Kind.DM, to=999)
    assert stage.database.read_now(lambda s: outgoing(s, reminder, group)) is None
