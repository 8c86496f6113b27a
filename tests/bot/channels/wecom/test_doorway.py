"""Who a newcomer on the pages is in the chat: WeCom says so, knows nobody, or does not answer, which is not the same."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.channels.wecom import doorway
from bot.channels.wecom.api import WecomApi
from bot.channels.wecom.customer_groups import CustomerGroups
from bot.channels.wecom.doorway import Doorway
from bot.channels.wecom.settings import WecomSettings
from engagement.clocks import SetClock
from engagement.entry.joining import Neighbour
from engagement.errors import Refusal
from storage.engine import open_database
from tests.platforms.wecom import FakeWecom

NOW = datetime(2026, 9, 1, 1, tzinfo=UTC)
GET = "externalcontact/groupchat/get"


@pytest.fixture
def wecom() -> FakeWecom:
    """A group in which WeCom knows one by what the whole company calls her."""
    fake = FakeWecom(NOW)
    fake.add_group("wr1", "leader", "wm-li")
    fake.groups["wr1"]["member_list"][-1] |= {"unionid": "u-li", "group_nickname": "李阿姨"}
    return fake


@pytest.fixture
def door(wecom: FakeWecom, tmp_path: Path, migrated_file: Path) -> Iterator[Doorway]:
    shutil.copytree(migrated_file, folder := tmp_path / "rows")
    database = open_database(folder)
    settings = WecomSettings.model_validate({"corp_id": wecom.corp_id, "agent_id": 7, "secret": wecom.secret})
    clock = SetClock(NOW)
    yield Doorway(CustomerGroups(WecomApi(settings, clock, wecom.client()), wecom.corp_id), clock, database)
    database.close()


async def test_who_is_there_and_who_is_not(door: Doorway) -> None:
    assert await door.neighbour("wr1", "u-li") == Neighbour("wm-li", "李阿姨")
    assert await door.neighbour("wr1", "u-wang") is None


@pytest.mark.parametrize("silence", ["drop", "cut", 45009, -1])
async def test_no_answer_is_not_nobody(wecom: FakeWecom, door: Doorway, silence: str | int) -> None:
    """Cut off, busy, asked too often: nothing is known of him; the next time it is."""
    wecom.script[GET] = [silence]
    with pytest.raises(Refusal, match=r"entry\.join_silent"):
        await door.neighbour("wr1", "u-li")
    assert await door.neighbour("wr1", "u-li") == Neighbour("wm-li", "李阿姨")


async def test_an_answer_that_takes_too_long(wecom: FakeWecom, door: Doorway, monkeypatch: pytest.MonkeyPatch) -> None:
    await door.neighbour("wr1", "u-li")
    monkeypatch.setattr(doorway, "WHO_SECONDS", 0.05)
    wecom.script[GET] = [30.0]
    with pytest.raises(Refusal, match=r"entry\.join_silent"):
        await door.neighbour("wr1", "u-li")


async def test_what_may_not_be_asked_is_not_waited_for(wecom: FakeWecom, door: Doorway) -> None:
    """Without the right to read customer groups it never says: everybody says his own name there."""
    wecom.script[GET] = [48002]
    assert await door.neighbour("wr1", "u-li") is None
