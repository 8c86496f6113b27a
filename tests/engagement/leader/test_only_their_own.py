"""A leader's say ends at his own group: every command and every button, by everybody who might try."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlmodel import SQLModel

from engagement.kernel import Event, Outgoing
from engagement.registry import FEATURES
from storage import identities
from storage.engine import Session
from storage.groups import Group
from tests.engagement.stage import Stage, keys, open_stage
from tests.full import FULL

pytestmark = pytest.mark.xdist_group("one stage for all of them")
LEADER = "周团长"
OTHER, FORMER, GONE, RESIDENT = "林团长", "前团长", "走了的", "李阿姨"
COMMANDS = [command for feature in FEATURES for command in feature.commands if "leader" in command.roles]
WORDS = (
    "",
    " 李阿姨",
    " 李阿姨 20 谢谢",
    " 李阿姨 2小时",
    " 提货点 东门",
    " 21:00-8:00",
    " Asia/Tokyo",
    " 你家的拿手菜是什么？",
)
PLUMBING = {"inbox", "outbox", "sent_message", "identity"}
OWN_WORDS = {"member", "account", "household", "consent", "person"}
"""Tables in which somebody's own rows may change by speaking: he comes back, he agrees."""


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """周团长 leads the first group; 林团长 the second and lives in the first; 前团长 and 走了的 led the first once."""
    folder: Path = tmp_path_factory.mktemp("own")
    opened = open_stage(folder, FEATURES, "2026-12-01T09:00")
    for who in (RESIDENT, OTHER, FORMER, GONE, LEADER):
        opened.say(who, "签到")

    def make(session: Session) -> None:
        group = Group(channel="play", external_id="g2", name="金桂苑", created_at=opened.clock.now())
        session.add(group)
        session.flush()
        assert group.id is not None
        person = identities.meet(session, "play", OTHER, OTHER, opened.clock.now()).person_id
        member = identities.enter(session, group.id, person, OTHER, opened.clock.now())
        member.role = "leader"
        session.add(member)

    opened.database.write_now(make)
    for who in (FORMER, GONE):
        opened.say(LEADER, f"设团长 {who}")
    opened.say(LEADER, f"取消团长 {FORMER}")
    opened.happen(Event.LEAVE, GONE, subject=GONE)
    opened.say(RESIDENT, "问团长 燃气灶能代收吗")
    yield opened
    opened.database.close()


def first_group(stage: Stage) -> dict[str, list[Any]]:
    """Every row that belongs to the first group."""

    def read(session: Session) -> dict[str, list[Any]]:
        found: dict[str, list[Any]] = {}
        for table in SQLModel.metadata.sorted_tables:
            if table.name in PLUMBING | OWN_WORDS:
                continue
            rows = select(table)
            if "group_id" in table.columns:
                rows = rows.where(table.c.group_id == stage.group_id)
            elif table.name == "chat_group":
                rows = rows.where(table.c.id == stage.group_id)
            else:
                continue
            found[table.name] = [tuple(row) for row in session.execute(rows)]
        return found

    return stage.database.read_now(read)


@pytest.fixture(scope="module")
def shown(stage: Stage) -> set[str]:
    """Every button that the leader was shown, in the group and in private."""
    found: set[str] = set()
    todo: list[Outgoing] = []
    for command in COMMANDS:
        for words in WORDS[:1] if not command.takes else WORDS:
            for private in (False, True):
                todo += stage.say(LEADER, command.words[0] + words, private=private)
    for message in todo:
        found |= {button.key for button in message.buttons}
    assert len(found) > 20
    return found


@pytest.mark.parametrize(
    ("who", "private"),
    [(RESIDENT, False), (RESIDENT, True), (FORMER, False), (FORMER, True), (OTHER, False), (OTHER, True), (GONE, True)],
)
def test_nobody_else_changes_a_group(stage: Stage, shown: set[str], who: str, private: bool) -> None:
    """Every command with every third of the words, another third with the next command; `make chaos` takes all words."""
    before = first_group(stage)
    turn = (RESIDENT, FORMER, OTHER, GONE).index(who) + private
    for number, command in enumerate(COMMANDS):
        for words in WORDS if FULL else WORDS[(number + turn) % 3 :: 3]:
            stage.say(who, command.words[0] + words, private=private)
    for key in sorted(shown):
        stage.say(who, "", button=key, private=private)
    after = first_group(stage)
    ignored = {"question", "checkin", "answer_tally"}  # what a resident may do anyway
    wrong = {name for name in before if before[name] != after[name]} - ignored
    assert not wrong


@pytest.mark.parametrize("who", [RESIDENT, FORMER, OTHER])
def test_they_are_told_who_may(stage: Stage, who: str) -> None:
    for command in COMMANDS:
        if command.roles == {"leader"} and len(command.places) == 2:
            assert keys(stage.say(who, command.words[0])) == [command.refusal or "guard.leader_only"], command.name


def test_who_left_and_comes_back_leads_no_more(stage: Stage) -> None:
    """（走了的）当过团长，群里还有别的团长：回来说句话，还是邻居"""
    assert keys(stage.say(GONE, "设置", private=True)) == ["guard.no_group"]
    assert keys(stage.say(GONE, "设置")) == ["guard.leader_only"]


def test_the_only_leader_who_left_by_mistake_still_leads(tmp_path: Path) -> None:
    alone = open_stage(tmp_path, FEATURES, "2026-12-01T09:00")
    alone.happen(Event.LEAVE, LEADER, subject=LEADER)
    assert keys(alone.say(LEADER, "设置", private=True)) == ["guard.no_group"]
    assert keys(alone.say(LEADER, "免打扰 21:00-8:00")) == ["groups.quiet_kept"]
    alone.database.close()


def test_a_leader_of_two_groups_never_acts_on_the_wrong_one(stage: Stage) -> None:
    """林团长在私聊里：命令说的是自己带的群，周团长那个群一行不变"""
    before = first_group(stage)
    (kept,) = stage.say(OTHER, "免打扰 20:00-8:00", private=True)
    assert kept.key == "groups.quiet_kept"
    stage.say(OTHER, "", button=kept.buttons[0].key, private=True)
    assert first_group(stage) == before
