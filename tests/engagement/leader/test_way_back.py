"""Every leader's command, of every slice: it only shows something, or it asks first, or it can be taken back.

A new command is asked without a line here: it is tried with words that leaders type, and what it changes must be noted. Only
what shows nothing but figures stands in :data:`READS`, and what asks before it acts in :data:`ASKS`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlmodel import SQLModel

from bot.rendering.capabilities import PLAY
from bot.rendering.render import render
from engagement.feature import Command
from engagement.kernel import Outgoing
from engagement.registry import FEATURES
from storage.actions import LeaderAction
from storage.engine import Session
from tests.engagement.campaigns import scene
from tests.engagement.campaigns.test_year_rules import pack
from tests.engagement.stage import Stage, keys, open_stage

LEADER = "周团长"
PLUMBING = {"inbox", "outbox", "sent_message", "audit", "leader_action", "identity"}
APPENDS = {"ledger_entry", "ledger_reason", "points_lot", "points_lot_use"}
"""Tables that are only added to: taking back is a further row there, and the balance says that it is undone."""
COMMANDS = [
    command
    for feature in FEATURES
    for command in feature.commands
    if command.roles & {"leader", "staff", "admin"} >= {"leader"}
]
BY_NAME = pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)

READS = {
    "members.for_leaders",
    "members.newcomers",
    "members.silent",
    "groups.settings",
    "leader.today",
    "leader.roll",
    "leader.export",
    "leader.undo",
    "leader.muted",
    "topic.tomorrow",
    "theme.next",
    "theme.words",  # asks for the words; tests/engagement/theme/test_words_in_chat.py takes them back
    "faq.waiting",
    "invites.board",
    "mass_sends.today",  # of groups that a leader confirms for; tests/engagement/mass_sends
    "moderation.waiting",
    "announcements.progress",
    "announcements.running",
    "campaigns.course",
    "campaigns.try",
    "campaigns.words",  # asks for the words; tests/engagement/campaigns/test_chat_words.py takes them back
    "curation.list",
    "curation.show",
    "curation.diff",
    "curation.gaps",
    "curation.offers",
    "curation.try",
    "entry.console",
    "entry.join_link",  # its button asks first; tests/engagement/entry/test_join_link.py
}
"""Shows, and changes nothing."""
ASKS = {
    "announcements.announce",
    "announcements.urgent",
    "announcements.update",
    "announcements.end",
    "announcements.withdraw",
    "groups.copy",
    "mass_sends.decline",  # in private; tests/engagement/mass_sends
    "groups.thread",  # needs a forum's topic; tests/bot/test_troubles.py takes it back
    "groups.pause",
    "groups.resume",  # of a pause that a button began; tests/engagement/groups/test_pause.py takes it back
    "points.caps",
    "points.reverse",
    # In private, about a document that is there: tests/engagement/curation takes each of them back.
    *(f"curation.{act}" for act in ("publish", "back", "take", "restore", "dates", "owner", "review")),
    *(f"curation.{act}" for act in ("new", "answer", "phrasing", "merge", "split")),
}
"""Shows what it would do, with a button that does it: what has gone out to groups cannot be called back."""
WORDS = (
    "",
    " 王姐",
    " 王姐 20 帮忙搬货",
    " 王姐 2小时 刷屏",
    " 提货点 东门快递柜",
    " 21:00-8:00",
    " Asia/Tokyo",
    " 你家的拿手菜是什么？",
    " 健身",
    " 12月5日",
    " 12月5日 12月7日",
    " 12个月",
    " https://t.me/+sample",
)
"""What leaders type after a command; one of them fits."""
OWN = {
    "groups.unleader": ("设团长 王姐", " 王姐"),
    "leader.unmute": ("禁言 王姐 2小时", " 王姐"),
    "topic.restore": ("跳过话题", ""),
    "moderation.words": ("明日话题", " 添加 样例词"),
    "points.take": ("加分 王姐 20 帮忙搬货", " 王姐 20 发错了"),
    "checkin.topic_stop": ("新增打卡 健身", " 健身"),
    "topic.kind": ("明日话题", " 亲子"),
    "campaigns.wanted": ("不要节气", ""),
    "campaigns.night": ("明日话题", " 开"),
    "campaigns.move": ("明日话题", " 1 晚 1 天"),
    "campaigns.join": ("不参加活动 1", " 1"),
    "campaigns.resume": ("不参加活动 1", " 1"),
    **{f"campaigns.{act}": ("明日话题", " 1") for act in ("leave", "pause", "cancel")},
}
"""Command → what has to be said before it, and what follows it."""
_ABOUT_ONE = {f"campaigns.{act}" for act in ("leave", "join", "move", "pause", "resume", "cancel")}
PRIVATE = {"moderation.words", *_ABOUT_ONE}
"""Works in private only."""
ABOUT_SOMEBODY = {"leader.mute", "leader.unmute", "groups.leader", "groups.unleader"}
"""What the leader reads under 「撤销」 names somebody, in private."""
LEAVES = {
    "checkin.topic_add": {"chat_group"},  # stopped, not gone: check-ins may point at it
    "topic.kind": {"chat_group"},  # mixed, said in so many words
    "checkin.freeze": {"chat_group"},  # a bound up to which pauses are looked for
    **{name: {"schedule"} for name in _ABOUT_ONE},  # made before its time; it says what it would say anyway
}
"""Tables in which a trace stays after the way back, that changes nothing for anybody."""


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    opened = open_stage(tmp_path, FEATURES, "2026-12-01T09:00")
    opened.say("王姐", "签到")
    opened.say(LEADER, "签到")
    # Tomorrow's topic is written down when it is first looked at; the private chat is open.
    opened.say(LEADER, "明日话题", private=True)
    scene.plan(opened, pack({"day": "12-20"}))
    yield opened
    opened.database.close()


def bare(value: Any) -> Any:
    """A value without what is empty: settings that were never made and settings that are empty are the same."""
    if isinstance(value, dict):
        return {name: kept for name, one in value.items() if (kept := bare(one)) is not None} or None
    return value or None


_typed: dict[str, tuple[list[Any], list[Any]]] = {}
"""Rows of a table as the file has them, and what they mean: only what has changed is read with its types again."""


def contents(stage: Stage) -> dict[str, list[Any]]:
    """Every row of every table that is not plumbing."""

    def read(session: Session) -> dict[str, list[Any]]:
        raw: Any = session.connection().connection.dbapi_connection
        found = {}
        for table in SQLModel.metadata.sorted_tables:
            if table.name in PLUMBING:
                continue
            order = ", ".join(column.name for column in table.primary_key)
            rows = raw.execute(f'SELECT * FROM "{table.name}" ORDER BY {order}').fetchall()
            if table.name not in _typed or _typed[table.name][0] != rows:
                typed = session.execute(select(table).order_by(*table.primary_key))
                _typed[table.name] = rows, [tuple(bare(value) for value in row) for row in typed]
            found[table.name] = _typed[table.name][1]
        return found

    return stage.database.read_now(read)


def noted(stage: Stage) -> int:
    return len(stage.database.read_now(lambda s: s.execute(select(LeaderAction.id)).all()))  # type: ignore[call-overload]


def changed(before: dict[str, list[Any]], after: dict[str, list[Any]]) -> set[str]:
    return {name for name in before if before[name] != after[name]}


def attempts(command: Command) -> Iterator[str]:
    if command.name in OWN:
        yield command.words[0] + OWN[command.name][1]
        return
    for words in WORDS:
        if not words or command.takes:
            yield command.words[0] + words


def undo_of(messages: list[Outgoing]) -> str:
    """The button that takes it back."""
    return next(
        (
            button.key
            for message in messages
            for button in message.buttons
            if button.key.startswith(("undo:", "undo_points:"))
        ),
        "",
    )


@BY_NAME
def test_it_shows_or_asks_or_can_be_taken_back(stage: Stage, command: Command) -> None:
    if command.name in OWN:
        stage.say(LEADER, OWN[command.name][0], private=command.name in PRIVATE)
    acted = False
    for text in attempts(command):
        before, noted_before = contents(stage), noted(stage)
        said = stage.say(LEADER, text, private=command.name in PRIVATE)
        touched = changed(before, contents(stage))
        if not touched:
            continue
        assert command.name not in READS, f"{text} changes {touched}"
        back = undo_of(said)
        assert back, f"{text} changes {touched}, and nothing takes it back: {keys(said)}"
        assert noted(stage) == noted_before + 1, "what has a button back stands under 「撤销」 too"
        if not acted:
            read_aloud(stage, command)
        acted = True
        answer = stage.say(LEADER, "", button=back, private=command.name in PRIVATE)
        assert not [key for key in keys(answer) if key.startswith("guard.")], keys(answer)
        left = changed(before, contents(stage)) - APPENDS - LEAVES.get(command.name, set())
        assert not left, f"{text}: {left} is not as it was: {keys(answer)}"
    assert acted or command.name in READS | ASKS, (
        "say in READS or ASKS why it changes nothing, or in WORDS how it is used"
    )


def read_aloud(stage: Stage, command: Command) -> None:
    """The line under 「撤销」 can be read: its text is there and gets its values; in the group it names nobody."""
    for private in (False, True):
        for message in stage.say(LEADER, "撤销", private=private):
            labels = [choice.label for row in render(message, PLAY).buttons for choice in row]
            assert all(3 <= len(label) <= 40 and "{" not in label for label in labels), labels
            if command.name.startswith(("leader.", "groups.")):
                assert ("王姐" in labels[0]) is (private and command.name in ABOUT_SOMEBODY), labels


@pytest.mark.parametrize("name", sorted(READS | ASKS))
def test_the_lists_name_commands_that_exist(name: str) -> None:
    assert name in {command.name for command in COMMANDS}
