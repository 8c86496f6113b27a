"""A day of twenty customer groups: found, asked, confirmed by some, forgotten by others; from the company's list to the rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from bot.channels.wecom.api import WecomApi
from bot.channels.wecom.channel import WecomChannel
from bot.channels.wecom.settings import WecomSettings
from bot.push_words import word
from bot.rendering import Rendered
from engagement.kernel import Event, Incoming, Outgoing, Sender
from storage.campaigns import Delivery
from storage.groups import Group
from storage.mass_sends import MassSend
from tests.bot.channels.wecom.test_channel import FULL
from tests.platforms.wecom import FakeWecom, Template
from tests.scheduler.community import Town, database_at, job
from tests.scheduler.test_planner import at

GROUPS = 20
CONFIRMED = {f"wr{number}" for number in range(0, GROUPS, 2)}
STEP = timedelta(minutes=30)


class Company(Town):
    """A town whose groups are those of a company, found by its channel."""

    def __init__(self, folder: Path, groups: int = GROUPS, **settings: Any) -> None:
        super().__init__(
            database_at(folder),
            job(merges=True, grace_minutes=60),
            job("theme", 8 * 60 + 20, merges=True, grace_minutes=60),
            job("evening", 19 * 60, grace_minutes=60),
        )
        self.wecom = FakeWecom(self.clock.now())
        for number in range(groups):
            self.wecom.add_group(f"wr{number}", "leader" if number % 3 else "staff", name=f"{number} 号楼")
        self.settings = WecomSettings.model_validate(FULL | {"h5_url": "https://t.example/h5"} | settings)
        self.troubles: list[tuple[str, str]] = []
        self.channel = self.connect()

    def connect(self) -> WecomChannel:
        """Connect the channel, as a start does."""

        async def receive(event: Incoming) -> None:
            assert event.event in (Event.BOT_ADDED, Event.TROUBLE), event.event
            if event.event is Event.TROUBLE:
                self.troubles.append((event.conversation, event.text))

        def render(message: Outgoing) -> Rendered:
            return Rendered(("\n".join([message.key, *(one.key for one in message.more)]),), False, ())

        api = WecomApi(self.settings, self.clock, self.wecom.client())
        return WecomChannel(self.settings, receive, render, self.clock, self.database, api=api)

    @property
    def senders(self) -> dict[str, Sender]:
        return {"wecom": self.channel.pushes}

    async def until(self, moment: datetime) -> None:
        """Let the day go on: the company's own turns and the pushes."""
        while self.clock.now() < moment:
            self.wecom.now = min(self.clock.now() + STEP, moment)
            self.clock.set(self.wecom.now)
            await self.channel.company.turn(self.channel.mass)
            await self.run()

    def templates(self) -> dict[str, list[Template]]:
        found: dict[str, list[Template]] = {}
        for one in self.wecom.templates.values():
            found.setdefault(one.chats[0], []).append(one)
        return found

    def rows(self) -> dict[str, list[tuple[str, str]]]:
        """Group → (state, reason) of what it was to be told."""

        def read(session: Any) -> dict[str, list[tuple[str, str]]]:
            found: dict[str, list[tuple[str, str]]] = {}
            rows = session.exec(
                select(Group.external_id, Delivery.state, Delivery.reason)
                .join(Delivery, Delivery.group_id == Group.id)  # type: ignore[arg-type]
                .order_by(Delivery.due_at, Delivery.id)  # type: ignore[arg-type]
            )
            for chat, state, reason in rows:
                found.setdefault(chat, []).append((state, reason))
            return found

        return self.database.read_now(read)


@pytest.fixture
def company(data_dir: Path) -> Iterator[Company]:
    made = Company(data_dir, poll_seconds=1800)
    yield made
    made.database.close()


async def test_a_day_of_twenty_customer_groups(company: Company) -> None:
    """
    06:00  团团看到 20 个客户群，每群一天一条
    08:00  话题和主题合成一条，请 20 位群主确认；群里还什么都没有
    09:30  十位点了，他们的群里各有一条
    11:00  程序重启：谁也没有被问第二遍
    21:00  另外十位提醒过三次，还是没点：收回，投递写明「团长没有确认，收回了」
    19:00  晚上的小结：今天的条数用完了，不发
    """
    await company.until(at(7))
    assert Counter(
        group.daily_budget for group in company.database.read_now(lambda s: s.exec(select(Group)).all())
    ) == {1: GROUPS}
    await company.until(at(8, 30))
    assert company.wecom.log == []
    assert {chat: [one.text for one in made] for chat, made in company.templates().items()} == {
        f"wr{number}": ["topic.push\ntopic.push"] for number in range(GROUPS)
    }
    assert {tuple(states) for states in company.rows().values()} == {(("pending", "awaiting_leader"),) * 2}

    for chat in CONFIRMED:
        company.wecom.confirm(company.templates()[chat][0].msgid)
    await company.until(at(10))
    assert Counter(one.to for one in company.wecom.log) == {f"group:{chat}": 1 for chat in CONFIRMED}
    assert {chat for chat, states in company.rows().items() if states[:2] == [("sent", "")] * 2} == CONFIRMED

    company.channel = company.connect()
    await company.until(at(21, 30))
    assert {chat: len(made) for chat, made in company.templates().items()} == {f"wr{n}": 1 for n in range(GROUPS)}
    forgotten = {chat: made[0] for chat, made in company.templates().items() if chat not in CONFIRMED}
    assert {(len(one.reminded), one.cancelled) for one in forgotten.values()} == {(3, True)}
    assert len(company.wecom.log) == len(CONFIRMED)
    told = [("sent", "")] * 2 + [("skipped", "budget")]
    missed = [("failed", "not_confirmed")] * 2 + [("skipped", "budget")]
    assert company.rows() == {f"wr{n}": told if f"wr{n}" in CONFIRMED else missed for n in range(GROUPS)}
    for _, reason in told[2:] + missed:
        assert word("reason", reason) != reason

    # The next day is a day of its own, and the month counts only what was sent.
    await company.until(at(8, 30) + timedelta(days=1))
    assert {len(made) for made in company.templates().values()} == {2}


async def test_a_start_in_the_morning_after_a_night_without_a_process(company: Company) -> None:
    """08:10 请了确认，程序死了一整天；第二天早上起来：昨天的收回了，写明为什么，今天的另起一条。"""
    await company.until(at(8, 30))
    company.channel = company.connect()
    company.clock.set(at(8) + timedelta(days=1))
    company.wecom.now = company.clock.now()
    await company.until(at(9) + timedelta(days=1))
    assert {tuple(one.cancelled for one in made) for made in company.templates().values()} == {(True, False)}
    assert {states[0][0] for states in company.rows().values()} <= {"skipped", "failed"}
    states = company.database.read_now(
        lambda s: Counter((str(one.local_date), one.state, one.reason) for one in s.exec(select(MassSend)).all())
    )
    assert states == {
        ("2026-11-23", "recalled", "not_confirmed"): GROUPS,
        ("2026-11-24", "awaiting", ""): GROUPS,
    }


async def test_a_robot_that_was_deleted_is_tried_once(data_dir: Path) -> None:
    """早上推送时群机器人已经被删：碰一次壁，写明白；晚上和第二天不再碰，每次看设置都提一声。"""
    company = Company(data_dir, groups=0, poll_seconds=1800, robots={"店": "deleted"})
    await company.until(at(20))
    assert company.wecom.calls.count("webhook/send") == 1
    assert company.rows() == {"robot:店": [("failed", "gone")] * 2}
    assert set(company.troubles) == {("robot:店", "robot_gone")}
    await company.until(at(20) + timedelta(days=1))
    assert company.wecom.calls.count("webhook/send") == 1
    company.database.close()
