"""From the chat into the web pages."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlmodel import select

from engagement.kernel import Outgoing
from engagement.registry import FEATURES
from storage import entry
from storage.engine import Session
from storage.entry import EntryLink, WebSession
from storage.groups import RoleGrant
from tests.engagement.stage import Stage, keys, open_stage, placeholders_match, shown

PAGES = "https://tuan.example"


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    opened = open_stage(tmp_path, FEATURES, "2026-12-01T09:00")
    opened.gateway.dispatcher.pages = PAGES
    for who in ("周团长", "李阿姨"):
        opened.say(who, "签到")
    return opened


def links(stage: Stage) -> list[EntryLink]:
    return stage.database.read_now(lambda s: list(s.exec(select(EntryLink))))


def token(message: Outgoing) -> str:
    return str(message.values["link"]).removeprefix(f"{PAGES}/enter/")


def test_a_leader_gets_a_link_that_opens_once(stage: Stage) -> None:
    """
    周团长（私聊）: 后台 → 链接，10 分钟，一次
    周团长（私聊）: 控制台 → 新的链接，旧的作废
    """
    (first,) = stage.say("周团长", "后台", private=True)
    assert first.key == "entry.console"
    assert placeholders_match(first)
    (second,) = stage.say("周团长", "控制台", private=True)
    (row,) = links(stage)
    assert row.id == entry.digest(token(second)) != entry.digest(token(first))
    assert (row.purpose, row.group_id, row.person_id) == ("console", stage.group_id, stage.person("周团长"))
    assert token(second) not in row.id


def test_in_a_group_nobody_gets_a_link(stage: Stage) -> None:
    """
    周团长: 后台 → 私聊我
    李阿姨: 我的页面 → 私聊我；Telegram 里是进私聊的链接，谁点都是谁的
    """
    assert keys(stage.say("周团长", "后台")) == ["entry.console_in_private"]
    assert keys(stage.say("李阿姨", "我的页面")) == ["entry.page_in_private"]
    stage.gateway.dispatcher.doors[("play", "")] = "https://t.me/sample_bot?start="
    (door,) = stage.say("李阿姨", "我的页面")
    assert door.values == {"link": "https://t.me/sample_bot?start=page"}
    assert not links(stage)
    (own,) = stage.say("王姐", "/start page", private=True)
    assert own.key == "entry.page"
    assert [row.person_id for row in links(stage)] == [stage.person("王姐")]


def test_a_resident_gets_his_own_page(stage: Stage) -> None:
    (said,) = stage.say("李阿姨", "我的頁面", private=True)
    assert said.key == "entry.page"
    assert PAGES in shown(said)
    (row,) = links(stage)
    assert (row.purpose, row.path, (row.until - row.made_at).seconds) == ("h5", "/h5", 600)


def test_a_resident_has_no_console(stage: Stage) -> None:
    assert keys(stage.say("李阿姨", "后台", private=True)) != ["entry.console"]
    assert not links(stage)


def test_staff_sign_in_by_their_account(stage: Stage) -> None:
    """A link in a chat would be a way around the second step."""
    person = stage.person("李阿姨")
    stage.database.write_now(lambda s: s.merge(RoleGrant(person_id=person, role="staff", granted_at=stage.clock.now())))
    (said,) = stage.say("李阿姨", "后台", private=True)
    assert (said.key, said.values["link"]) == ("entry.sign_in", f"{PAGES}/login")
    assert not links(stage)


@pytest.mark.parametrize(("who", "words"), [("周团长", "后台"), ("李阿姨", "我的页面")])
def test_where_there_are_no_pages_a_sentence_says_so(stage: Stage, who: str, words: str) -> None:
    stage.gateway.dispatcher.pages = ""
    (said,) = stage.say(who, words, private=True)
    assert said.key == "entry.no_pages"
    assert "://" not in shown(said)


def test_not_me_ends_everything_of_mine_and_nothing_of_others(stage: Stage) -> None:
    """
    团团（私聊）: 刚刚有人用你的链接进了后台 [不是我]
    周团长: [不是我] → 全部退出，没用过的链接作废
    """
    now = stage.clock.now()

    def come_in(session: Session) -> None:
        for number, who in enumerate(("周团长", "周团长", "李阿姨")):
            session.add(
                WebSession(
                    id=f"{number:064}",
                    area="h5",
                    role="resident",
                    person_id=stage.person(who),
                    made_at=now,
                    seen_at=now,
                    until=now,
                )
            )

    stage.database.write_now(come_in)
    stage.say("周团长", "后台", private=True)
    stage.say("李阿姨", "我的页面", private=True)
    (said,) = stage.say("周团长", "", button="entry:out", private=True)
    assert (said.key, said.values["count"]) == ("entry.shut", 2)
    assert [row.person_id for row in links(stage)] == [stage.person("李阿姨")]
    left = stage.database.read_now(lambda s: [row.person_id for row in s.exec(select(WebSession))])
    assert left == [stage.person("李阿姨")]
    (again,) = stage.say("周团长", "", button="entry:out", private=True)
    assert again.values["count"] == 0
