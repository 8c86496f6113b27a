"""活动进度, live: one message that is edited while a campaign goes out, and says when all of it has."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import col, select

from bot import live
from bot.main import Program, open_program
from bot.settings import Settings
from engagement.campaigns import service
from engagement.campaigns.tables import Plan
from engagement.clocks import SetClock
from engagement.kernel import Event, Incoming, Kind, Outcome, Outgoing, Place, Receipt
from prompts.loader import texts
from storage.campaigns import Campaign, Delivery
from storage.engine import Session
from storage.groups import Group, Identity, RoleGrant
from tests.engagement.campaigns.test_year_rules import pack

NOON = datetime(2027, 6, 18, 2, 0, tzinfo=UTC)
"""Ten in the morning in Shanghai."""
GROUPS = 100


@dataclass
class Phone:
    """A channel that takes everything."""

    sent: list[Outgoing] = field(default_factory=list)
    count: int = -1

    async def send(self, message: Outgoing) -> Receipt:
        self.sent.append(message)
        edited = message.kind is Kind.EDIT
        self.count += 1
        return Receipt(Outcome.SENT, provider_id=message.reply_to if edited else f"p{self.count}")


@dataclass
class Office:
    """A program with a campaign that is due in a hundred groups, and somebody of the staff."""

    program: Program
    clock: SetClock
    phone: Phone
    folder: Path
    channel: str = "play"
    number: int = 0

    def opened(self) -> Office:
        """The same directory after a restart."""
        self.program.close()
        self.program = open_program(self.folder, Settings(), clock=self.clock, answers=False, gated=False)
        self.program.senders[self.channel] = self.phone
        return self

    def write(self, change: Any) -> Any:
        return self.program.database.write_now(change)

    def say(self, text: str, **more: Any) -> list[Outgoing]:
        """Something said in private by the staff; returns what was answered."""
        self.number += 1
        before = len(self.phone.sent)
        incoming = Incoming(
            event=Event.BUTTON if "button" in more else Event.MESSAGE,
            channel=self.channel,
            dedupe_key=f"m{self.number}",
            place=Place.DM,
            conversation="s1",
            sender="s1",
            sender_name="王运营",
            occurred_at=self.clock.now(),
            received_at=self.clock.now(),
            text=text,
            message_id=f"m{self.number}",
            **more,
        )
        asyncio.run(self.program.take(incoming))
        return self.phone.sent[before:]

    def goes_out(self, count: int, seconds: float = 0) -> None:
        """So many more messages go out, evenly within the next seconds."""

        def send(session: Session) -> None:
            rows = session.exec(
                select(Delivery).where(Delivery.state == "pending").order_by(col(Delivery.id)).limit(count)
            )
            for place, row in enumerate(rows.all()):
                row.state, row.sent_at = "sent", self.clock.now() + timedelta(seconds=seconds * place / count)
                session.add(row)

        self.write(send)
        self.clock.set(self.clock.now() + timedelta(seconds=seconds))

    def looks(self, seconds: float = 0) -> list[Outgoing]:
        """The program attends to its messages after some seconds; returns the edits."""
        self.clock.set(self.clock.now() + timedelta(seconds=seconds))
        before = len(self.phone.sent)

        async def attend() -> None:
            await self.program.follow_up()
            await self.program.courier.drain()

        asyncio.run(attend())
        return self.phone.sent[before:]


def said(message: Outgoing) -> str:
    """Its words."""
    return "\n".join(texts().fill(key, message.values) for key in (message.key, *message.tails))


def open_office(folder: Path, channel: str = "play") -> Office:
    clock = SetClock(NOON)
    phone = Phone()
    program = open_program(folder, Settings(), clock=clock, answers=False, gated=False)
    program.senders[channel] = phone
    office = Office(program, clock, phone, folder)
    office.channel = channel

    def make(session: Session) -> None:
        plan = service.plan(session, pack({"day": "06-18"}, {}, {"day": 4}, key="rice", name="会员日"), 2027, NOON)
        service.approve(session, plan, None, NOON)
        for number in range(GROUPS):
            group = Group(channel=channel, external_id=f"g{number}", name=f"群 {number}", created_at=NOON)
            session.add(group)
            session.flush()
            session.add(
                Delivery(
                    campaign_id=plan.campaign_id or 0,
                    group_id=group.id or 0,
                    shard=f"rice:{number % 8}",
                    local_date=NOON.date(),
                    due_at=NOON,
                    expires_at=NOON + timedelta(hours=2),
                    state="pending",
                    body="{}",
                )
            )

    try:
        _fill(office, make)
    except BaseException:
        program.close()
        raise
    return office


def _fill(office: Office, make: Any) -> None:
    office.write(make)
    office.say("你好")
    who = office.program.database.read_now(lambda s: s.exec(select(Identity)).one().person_id)
    office.write(lambda s: s.add(RoleGrant(person_id=who, role="staff", granted_at=NOON)))
    office.phone.sent.clear()


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    opened = open_office(tmp_path / "data")
    yield opened
    opened.program.close()


def test_one_message_is_edited_until_the_last_has_gone(office: Office) -> None:
    """
    王运营（私聊）: 活动进度 1 → 已发 0 条，在等 100 条 [暂停] …；the same message: 已发 40 …，还要大约 15 秒；…… 发完了
    """
    (first,) = office.say("活动进度 1")
    assert "已发 **0** 条，在等 100 条" in said(first) and first.subject == "cal_live:1"
    office.goes_out(40, seconds=10)
    (edit,) = office.looks()
    assert (edit.kind, edit.reply_to, edit.place) == (Kind.EDIT, "p1", Place.DM)
    assert "已发 **40** 条，在等 60 条" in said(edit) and "照刚才 10 秒的速度，还要大约 15 秒。" in said(edit)
    assert "（10:00:10 更新）" in said(edit)
    assert [one.label for one in edit.buttons] == ["campaigns.button_pause", "campaigns.button_cancel"]
    office.goes_out(1)
    assert office.looks(1) == [], "no more than one edit in four seconds"
    assert len(office.looks(3)) == 1
    office.goes_out(59, seconds=15)
    (last,) = office.looks(5)
    assert "已发 **100** 条，在等 0 条" in said(last) and "这条发完了，从 10:00 发到 10:00。" in said(last)
    assert office.looks(60) == [], "it is over"


def test_nothing_is_edited_while_nothing_changes(office: Office) -> None:
    office.say("活动进度 1")
    assert [office.looks(10) for _ in range(5)] == [[]] * 5


def test_a_pause_under_the_message_holds_at_once_and_is_seen_in_it(office: Office) -> None:
    (first,) = office.say("活动进度 1")
    office.goes_out(40, seconds=10)
    (edit,) = office.looks()
    pause = next(one.key for one in edit.buttons if one.label == "campaigns.button_pause")
    (told,) = office.say("", button=pause)
    assert told.key == "campaigns.paused"
    state = office.program.database.read_now(lambda s: s.exec(select(Campaign)).all())
    assert "paused" in [one.state for one in state]
    (held,) = office.looks(4)
    assert "停着，不动。" in said(held) and "campaigns.button_resume" in [one.label for one in held.buttons]
    assert first.subject == held.subject


def test_asked_again_the_later_message_is_the_live_one(office: Office) -> None:
    office.say("活动进度 1")
    office.say("活动进度 1")
    office.goes_out(10, seconds=10)
    assert [one.reply_to for one in office.looks()] == ["p2"]


def test_a_restart_goes_on_with_it(office: Office) -> None:
    office.say("活动进度 1")
    office.opened()
    office.goes_out(10, seconds=10)
    assert [one.reply_to for one in office.looks()] == ["p1"]
    assert office.looks(1) == []


def test_who_lost_the_role_is_told_nothing_more(office: Office) -> None:
    office.say("活动进度 1")
    office.write(lambda s: [s.delete(one) for one in s.exec(select(RoleGrant)).all()])
    office.goes_out(10, seconds=10)
    assert office.looks() == [] and office.looks(60) == []


def test_what_is_not_under_way_is_no_live_message(office: Office) -> None:
    office.goes_out(GROUPS)
    (told,) = office.say("活动进度 1")
    assert told.subject == "" and office.looks(60) == []


def test_after_six_hours_nobody_looks_any_more(office: Office) -> None:
    office.say("活动进度 1")
    office.clock.set(NOON + live.LONGEST + timedelta(minutes=1))
    office.looks()
    office.goes_out(10)
    assert office.looks(60) == []


def test_where_nothing_can_be_edited_the_answer_stays_as_it_was(tmp_path: Path) -> None:
    office = open_office(tmp_path / "data", channel="terminal")
    try:
        (first,) = office.say("活动进度 1")
        assert "在等 100 条" in said(first)
        office.goes_out(40, seconds=10)
        assert office.looks(30) == []
    finally:
        office.program.close()


def test_plans_have_the_number_that_is_asked_for(office: Office) -> None:
    assert office.program.database.read_now(lambda s: s.exec(select(Plan.id)).all()) == [1]
