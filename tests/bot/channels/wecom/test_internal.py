"""The company's own groups: made once, kept as the settings say, and no longer spoken to when they are taken out."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update
from sqlmodel import select

from bot import diagnosis
from bot.channels.wecom.api import WecomApi
from bot.channels.wecom.appchat import PREFIX
from bot.channels.wecom.internal import Internal, chat_of, gone
from bot.channels.wecom.settings import WecomSettings
from bot.settings import Settings
from engagement.clocks import SetClock
from prompts.loader import texts
from storage.engine import Database, open_database
from storage.groups import Group
from tests.platforms.wecom import FakeWecom

MORNING = datetime(2026, 9, 1, 0, 30, tzinfo=UTC)
CHAT = chat_of("ww-sample", "团长群")


class Office:
    """A company of three members of staff."""

    def __init__(self, folder: Path) -> None:
        self.wecom = FakeWecom(MORNING, members={"zhou", "li", "wang"})
        self.database: Database = open_database(folder)

    async def keep(self, robots: dict[str, str] | None = None, **chats: list[str]) -> list[str]:
        settings = self.settings(chats=chats, robots=robots or {})
        api = WecomApi(settings, SetClock(MORNING), self.wecom.client())
        return await Internal(api, settings, self.database).keep(MORNING)

    def settings(self, **more: Any) -> WecomSettings:
        return WecomSettings.model_validate(
            {"corp_id": self.wecom.corp_id, "agent_id": 7, "secret": self.wecom.secret} | more
        )

    def remove(self) -> None:
        """Do as delivery does when WeCom knows a robot or a group no more."""
        self.database.write_now(lambda session: session.execute(update(Group).values(state="removed")))

    def states(self) -> list[str]:
        return [state for _, _, state, _, _ in self.groups()]

    def gone(self, **robots: str) -> list[str]:
        settings = self.settings(robots=robots)
        return self.database.read_now(lambda session: gone(session, settings))

    def groups(self) -> list[tuple[str, str, str, bool, bool]]:
        found = self.database.read_now(lambda session: session.exec(select(Group).order_by(Group.id)).all())  # type: ignore[arg-type]
        return [(one.external_id, one.name, one.state, one.hears, one.speaks) for one in found]


@pytest.fixture
def office(started_dir: Path) -> Office:
    return Office(started_dir)


async def test_a_group_is_made_once_and_its_members_follow_the_settings(office: Office) -> None:
    assert await office.keep(团长群=["zhou", "li"]) == []
    assert await office.keep(团长群=["zhou", "li"]) == []
    assert office.wecom.calls.count("appchat/create") == 1
    assert office.wecom.chat_members == {CHAT: ["zhou", "li"]}
    assert office.groups() == [(PREFIX + CHAT, "团长群", "active", False, True)]
    assert await office.keep(团长群=["wang", "li"]) == []
    assert office.wecom.chat_members == {CHAT: ["li", "wang"]}
    assert office.wecom.calls.count("appchat/update") == 1
    assert await office.keep() == []
    assert [state for _, _, state, _, _ in office.groups()] == ["removed"]
    assert await office.keep(团长群=["wang", "li"]) == []
    assert [state for _, _, state, _, _ in office.groups()] == ["active"]


async def test_an_answer_that_is_lost_makes_no_second_group(office: Office) -> None:
    office.wecom.script["appchat/create"] = ["cut"]
    assert len(await office.keep(团长群=["zhou", "li"])) == 1
    assert office.groups() == [], "what is not known to stand is not pushed to"
    assert await office.keep(团长群=["zhou", "li"]) == []
    assert office.wecom.appchats == {CHAT}
    assert office.wecom.calls.count("appchat/create") == 1


async def test_one_that_is_refused_holds_up_no_other_and_one_that_stands_stays(office: Office) -> None:
    assert len(await office.keep(团长群=["zhou", "nobody"], 店员群=["li", "wang"])) == 1
    assert [name for _, name, _, _, _ in office.groups()] == ["店员群"]
    office.wecom.script["appchat/get"] = [45009]
    assert len(await office.keep(店员群=["li", "wang"])) == 1
    assert [state for _, _, state, _, _ in office.groups()] == ["active"]


async def test_a_robot_that_is_gone_stays_gone_until_it_has_another_key(office: Office) -> None:
    """
    （群里的机器人删了：推送碰壁，群记成「不在了」）
    一小时后又看一遍设置          → 还是不在：不再推，也不再碰壁
    （换了新的 key）              → 又在了
    （从设置里去掉，再填回同一个） → 也再试一次
    """
    await office.keep({"店": "key-1"})
    assert (office.states(), office.gone(店="key-1")) == (["active"], [])
    office.remove()
    for _ in range(3):
        await office.keep({"店": "key-1"})
        assert (office.states(), office.gone(店="key-1")) == (["removed"], ["店"])
    await office.keep({"店": "key-2"})
    assert (office.states(), office.gone(店="key-2")) == (["active"], [])
    office.remove()
    await office.keep({"店": "key-2"})
    assert office.states() == ["removed"]
    await office.keep()
    assert office.gone() == []
    await office.keep({"店": "key-2"})
    assert office.states() == ["active"]


async def test_a_key_stands_in_no_row(office: Office) -> None:
    await office.keep({"店": "key-of-the-shop"})
    kept = office.database.read_now(lambda session: session.exec(select(Group)).one().settings)
    assert "key-of" not in str(kept)


async def test_a_group_of_the_app_that_is_there_is_spoken_to_again(office: Office) -> None:
    """A push met a no: whether the group is there, WeCom can be asked."""
    await office.keep(团长群=["zhou", "li"])
    office.remove()
    await office.keep(团长群=["zhou", "li"])
    assert office.states() == ["active"]
    office.remove()
    office.wecom.script["appchat/get"] = [60011]
    await office.keep(团长群=["zhou", "li"])
    assert office.states() == ["removed"]


@pytest.mark.parametrize(
    "chats",
    [{"团长群": ["zhou"]}, {"团长群": ["zhou", "zhou"]}, {"a/b": ["zhou", "li"]}, {"团长群": ["zhou", "li|wang"]}],
)
def test_a_group_that_cannot_be_is_told_before_the_start(office: Office, chats: dict[str, list[str]]) -> None:
    assert "wecom.bad_chat" in office.settings(chats=chats).problems()
    assert "wecom.bad_chat" not in office.settings(chats={"团长群": ["zhou", "li"]}).problems()


async def test_doctor_names_a_robot_that_is_gone(
    office: Office, started_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def doctor(key: str) -> list[str]:
        monkeypatch.setenv("BOT_WECOM__CORP_ID", office.wecom.corp_id)
        monkeypatch.setenv("BOT_WECOM__ROBOTS", json.dumps({"店": key}))
        said = texts().fill("wecom.robot_gone", {"name": "店"})
        return [one for one in diagnosis.examine(started_dir, Settings()) if one == said]

    await office.keep({"店": "key-1"})
    assert doctor("key-1") == []
    office.remove()
    assert len(doctor("key-1")) == 1
    assert doctor("key-2") == []
