"""The channel put together, and a push that waits for its leader on real delivery rows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.channels.wecom.api import WecomApi
from bot.channels.wecom.channel import WecomChannel
from bot.channels.wecom.settings import WecomSettings
from bot.rendering import Rendered
from engagement.errors import Refusal
from engagement.kernel import Incoming, Kind, Outcome, Outgoing, Place, Receipt, Sender
from prompts.loader import texts
from storage import mass_sends, offers  # noqa: F401  (its table registers on import)
from storage.mass_sends import AWAITING
from tests.platforms.wecom import FakeWecom
from tests.scheduler.community import Town, database_at, job
from tests.scheduler.test_planner import at

KEY = "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C"
FULL: dict[str, Any] = {
    "corp_id": "ww-sample",
    "agent_id": 7,
    "secret": "secret-of-a-sample",
    "token": "t",
    "aes_key": KEY,
}


class Leaders(Town):
    """A town whose groups are customer groups."""

    def __init__(self, folder: Path, **spec: Any) -> None:
        super().__init__(database_at(folder), job(grace_minutes=60), job("theme", 8 * 60 + 20, grace_minutes=60))
        self.wecom = FakeWecom(self.clock.now(), appchats={"chat0"}, robots={"key"})
        self.wecom.add_group("g0", "leader", "wm-li")
        settings = WecomSettings.model_validate(FULL | {"h5_url": "https://t.example", "robots": {"店": "key"}})
        self.channel = channel(settings, self)

    @property
    def senders(self) -> dict[str, Sender]:
        return {"play": self.channel.pushes}

    async def at(self, hour: int, minute: int = 0) -> None:
        """Let the town live until then, the company with it."""
        while self.clock.now() < at(hour, minute):
            moment = self.clock.now() + timedelta(minutes=5)
            self.wecom.now = moment
            await self.run(moment)


def channel(settings: WecomSettings, town: Leaders) -> WecomChannel:
    async def receive(event: Incoming) -> None: ...

    def render(message: Outgoing) -> Rendered:
        return Rendered(("\n".join([message.key, *(one.key for one in message.more)]),), False, ())

    api = WecomApi(settings, town.clock, town.wecom.client())
    return WecomChannel(settings, receive, render, town.clock, town.database, api=api)


@pytest.fixture
def town(data_dir: Path) -> Iterator[Leaders]:
    made = Leaders(data_dir)
    yield made
    made.database.close()


async def test_a_row_waits_for_its_leader_and_is_sent_when_she_taps(town: Leaders) -> None:
    """08:00 请团长确认；08:30 她还没点，投递在等；09:00 她点了；09:10 投递是「已发」，群里一条。"""
    town.add(1)
    town.jobs = (town.jobs[0],)
    await town.at(8, 30)
    assert town.states() == [("pending", AWAITING)]
    assert not town.wecom.log
    [template] = town.wecom.templates.values()
    town.wecom.confirm(template.msgid)
    await town.at(9, 10)
    assert town.states() == [("sent", "")]
    assert [one.to for one in town.wecom.log] == ["group:g0"]
    assert town.deliveries()[0].provider_id == template.msgid
    await town.at(12)
    assert (len(town.wecom.log), len(town.wecom.templates)) == (1, 1)


async def test_a_leader_who_never_taps(town: Leaders) -> None:
    """她一天没点：提醒三次，晚上收回，投递写明为什么没发。"""
    town.add(1)
    town.jobs = (town.jobs[0],)
    await town.at(10)
    assert town.states() == [("pending", AWAITING)]
    assert [row.attempts for row in town.deliveries()] == [0]
    await town.at(21, 30)
    [template] = town.wecom.templates.values()
    assert (template.cancelled, len(template.reminded)) == (True, 3)
    assert town.states() == [("failed", "not_confirmed")]
    assert not town.wecom.log


async def test_every_place_has_its_sender(town: Leaders) -> None:
    async def send(place: Place, conversation: str) -> Outcome:
        message = Outgoing(Kind.PUSH, "wecom", "ww-sample", place, conversation, "topic", "topic.push", {})
        return (await town.channel.pushes.send(message)).outcome

    assert await send(Place.DM, "leader") is Outcome.SENT
    assert await send(Place.GROUP, "appchat:chat0") is Outcome.SENT
    assert await send(Place.GROUP, "robot:店") is Outcome.SENT
    assert await send(Place.GROUP, "g0") is Outcome.RETRY
    # An answer, a greeting: nobody hears it there, and it must not take the place of the day's message.
    hello = Outgoing(Kind.PUSH, "wecom", "ww-sample", Place.GROUP, "g0", "groups", "groups.hello", {})
    assert await town.channel.sender.send(hello) == Receipt(Outcome.REJECTED, reason="not_here")
    assert [one.to for one in town.wecom.log] == ["user:leader", "appchat:chat0", "robot:key"]
    rows = town.database.read_now(lambda s: mass_sends.open_rows(s, channel="wecom", account="ww-sample"))
    assert [(row.conversation, row.leader, row.state) for row in rows] == [("g0", "leader", "awaiting")]


async def test_a_wrong_secret_is_told_at_the_start(town: Leaders, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.channels.wecom.channel._PAUSES", (0.0, 0.0))
    await town.channel.start()
    assert [route.path for route in town.channel.routes()] == ["/wecom/callback"]  # type: ignore[attr-defined]
    await town.channel.close()
    town.wecom.secret = "another"
    with pytest.raises(Refusal, match=r"wecom\.wrong_secret"):
        await channel(town.channel.settings, town).start()
    town.wecom.script["gettoken"] = ["drop"] * 3
    with pytest.raises(Refusal, match=r"wecom\.unreachable"):
        await channel(town.channel.settings, town).start()
    town.wecom.secret = town.channel.settings.secret.get_secret_value()
    town.wecom.script["gettoken"] = ["drop"] * 2
    again = channel(town.channel.settings, town)
    await again.start()  # the network was away for a moment
    await again.close()


@pytest.mark.parametrize(
    ("missing", "problem"),
    [
        ({"corp_id": ""}, "wecom.no_corp_id"),
        ({"agent_id": 0}, "wecom.no_app"),
        ({"secret": ""}, "wecom.no_app"),
        ({"token": ""}, "wecom.no_token"),
        ({"aes_key": "short"}, "wecom.bad_aes_key"),
        ({"h5_url": "ftp://x"}, "wecom.bad_h5_url"),
        ({"base_url": "http://wecom.example"}, "wecom.bad_url"),
        ({"remind_after": 240}, "wecom.reminders_too_late"),
        ({"wait_hours": 3}, "wecom.reminders_too_late"),
        ({"remind_after": 5, "poll_seconds": 600}, "wecom.looks_too_seldom"),
        ({"robots": {"店": ""}}, "wecom.bad_robot"),
        ({"robots": {"店:二": "key"}}, "wecom.bad_robot"),
    ],
)
def test_what_is_missing_is_said(missing: dict[str, Any], problem: str) -> None:
    assert WecomSettings.model_validate(FULL | missing).problems() == [problem]
    assert texts().fill(problem, {})
