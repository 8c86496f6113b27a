"""What is shown while it is being written: in private alone, and never at the answer's cost."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bot import showing
from engagement.kernel import Event, Incoming, Place

NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
ASKED = Incoming(
    event=Event.MESSAGE,
    channel="telegram",
    account="1",
    place=Place.DM,
    conversation="7",
    sender="7",
    sender_name="李阿姨",
    message_id="1",
    dedupe_key="1",
    text="怎么退",
    occurred_at=NOW,
    received_at=NOW,
)


class Screen:
    """Keeps what it was shown; slow when told to be."""

    def __init__(self) -> None:
        self.shown: list[tuple[str, int, str]] = []
        self.pause = 0.0

    async def draft(self, conversation: str, number: int, text: str, reply_to: str) -> None:
        """Keep it."""
        self.shown.append((conversation, number, text))
        await asyncio.sleep(self.pause)


async def test_in_private_it_is_shown() -> None:
    screen = Screen()
    show = showing.shown_by(screen, ASKED, 5)
    assert show is not None
    await show("提货后")
    await show("提货后拍照。")
    assert screen.shown == [("7", 5, "提货后"), ("7", 5, "提货后拍照。")]


async def test_a_channel_that_is_slow_once_is_not_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(showing, "MOST_SECONDS", 0.01)
    screen = Screen()
    screen.pause = 5.0
    show = showing.shown_by(screen, ASKED, 5)
    assert show is not None
    await show("一")
    await show("二")
    assert len(screen.shown) == 1


def test_not_in_a_group_and_not_where_the_channel_cannot() -> None:
    assert showing.shown_by(Screen(), replace(ASKED, place=Place.GROUP), 5) is None
    assert showing.shown_by(None, ASKED, 5) is None
