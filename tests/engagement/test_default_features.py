"""What every slice must do, asked of each that the registry lists; a new slice is asked without a line here.

What becomes of personal data stands in test_default_data.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import SQLModel
from sqlmodel import select as pick

from engagement.feature import Command, Feature
from engagement.kernel import Outgoing
from engagement.registry import FEATURES
from prompts.loader import texts
from storage.engine import Session
from storage.groups import Member
from tests.engagement.stage import Stage, keys, open_stage, shown
from tests.full import FULL

pytestmark = [pytest.mark.timeout(240), pytest.mark.untraced]
BY_NAME = pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.name)
PLUMBING = ("inbox", "outbox", "sent_message")
RUBBISH = (
    "%s%n'; DROP TABLE member;--",
    "{name} {0} ${x} <b>@所有人</b>",
    "-1 ０ ９９９９９９９９９９９９９９９９９９９９",
    "\u202e\u200b\U000e0041 🧧" * 5,
    "x" * 380,
)
ASKING = (("李阿姨", False), ("周团长", False), ("周团长", True), ("路人", True))
REFERENCES = ("", "1", "999999", "-1", "x", "９", "1:2:3", "9" * 40)


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    """A group with a leader and a resident who has used the bot."""
    opened = open_stage(tmp_path, FEATURES, "2026-12-01T09:00")
    opened.say("李阿姨", "签到")
    opened.say("周团长", "签到")
    return opened


def forms(command: Command) -> Iterator[str]:
    """A command alone and with rubbish behind it, in words and with a slash."""
    for word in (command.words[0], *(f"/{slash}" for slash in command.slash)):
        yield word
        for rubbish in RUBBISH:
            yield f"{word} {rubbish}"


def stored(stage: Stage, without: tuple[str, ...] = PLUMBING) -> dict[str, list[Any]]:
    """The same as the file has it, to see whether anything has changed; a hundred times quicker."""
    tables = [name for name in SQLModel.metadata.tables if name not in without]

    def read(session: Session) -> dict[str, list[Any]]:
        raw: Any = session.connection().connection.dbapi_connection
        return {name: raw.execute(f'SELECT * FROM "{name}"').fetchall() for name in tables}

    return stage.database.read_now(read)


# ---------------------------------------------------------------- what is declared


@BY_NAME
def test_help_is_there(feature: Feature) -> None:
    known = set(texts().keys())
    named = [command.help for command in feature.commands if command.help]
    assert feature.help in known
    assert set(named) <= known
    assert len(named) == len(set(named))
    for command in feature.commands:
        if command.help:
            line = texts().raw(command.help)
            assert any(word in line for word in command.words), f"{command.name}: {line}"


@BY_NAME
def test_help_shows_it(stage: Stage, feature: Feature) -> None:
    """帮助 is short; 全部功能 has every line of a resident's, the headings of 团长帮助 every line of a leader's, each its own.

    The two lists themselves stand in neither: who reads one has found it.
    """
    short = shown(stage.say("李阿姨", "帮助")[0])
    assert len(short.splitlines()) <= 12
    everything = shown(stage.say("李阿姨", "全部功能", private=True)[0])
    (headings,) = stage.say("周团长", "团长帮助", private=True)
    under = [stage.say("周团长", "", button=one.key, private=True)[0] for one in headings.buttons]
    for_leaders = "\n".join(map(shown, (headings, *under)))
    for command in feature.commands:
        if command.help:
            line = texts().raw(command.help)
            listed = line.partition("：")[0] not in ("全部功能", "团长帮助")
            assert (line in everything) is (listed and not command.roles), line
            assert (line in for_leaders) is (listed and "leader" in command.roles), line
            assert line not in short or not command.roles, line
    assert "全部功能" in short
    assert keys(stage.say("李阿姨", "团长帮助")) == ["guard.leader_only"]
    assert "团长帮助" in shown(stage.say("周团长", "帮助")[0])


@BY_NAME
def test_names_are_in_order(feature: Feature) -> None:
    for command in feature.commands:
        assert command.name.startswith(f"{feature.name}.")
        assert command.takes in ("", "optional", "required")
        assert command.words
        for slash in command.slash:
            assert re.fullmatch(r"[a-z][a-z0-9_]{0,31}", slash)
    for data in feature.personal_data:
        assert data.purpose in set(texts().keys())
        table = SQLModel.metadata.tables[data.table]
        assert set(data.columns) <= set(table.columns.keys())
    for prefix in (*feature.buttons, *feature.quotes):
        assert re.fullmatch(r"[a-z][a-z_]{0,19}", prefix), prefix
    for job in feature.jobs:
        assert 0 <= job.minute < 1440
        assert job.grace_minutes > 0


def test_nothing_is_claimed_twice() -> None:
    def twice(values: Iterator[str]) -> set[str]:
        seen: set[str] = set()
        return {value for value in values if value in seen or seen.add(value)}  # type: ignore[func-returns-value]

    assert not twice(feature.name for feature in FEATURES)
    assert not twice(command.name for feature in FEATURES for command in feature.commands)
    assert not twice(prefix for feature in FEATURES for prefix in feature.buttons)
    assert not twice(prefix for feature in FEATURES for prefix in feature.quotes)
    assert not twice(job.kind for feature in FEATURES for job in feature.jobs)
    assert not twice(data.table for feature in FEATURES for data in feature.personal_data)
    assert len([feature for feature in FEATURES if feature.fallback is not None]) == 1


# ---------------------------------------------------------------- what is typed and pressed


@BY_NAME
def test_every_command_answers_whatever_follows_it(stage: Stage, feature: Feature) -> None:
    """In the group and in private, by a resident, the leader and a stranger; the stage accepts no bug.

    A command alone by each of them, with rubbish by one half and the next by the other; `make chaos` takes all.
    """
    for turn, command in enumerate(feature.commands):
        for number, text in enumerate(forms(command), start=turn):
            for who, private in ASKING if FULL or " " not in text else ASKING[number % 2 :: 2]:
                said = stage.say(who, text, private=private)
                assert said or (" " in text and not command.takes), (who, text)


@BY_NAME
def test_every_button_answers_whatever_it_refers_to(stage: Stage, feature: Feature) -> None:
    """Half of the references by one half of those who may press, the others by the other; `make chaos` takes all."""
    for turn, prefix in enumerate(feature.buttons):
        for number, reference in enumerate(REFERENCES, start=turn):
            for who, private in ASKING if FULL else ASKING[number % 2 :: 2]:
                assert stage.say(who, "", button=f"{prefix}:{reference}"[:64], private=private), (
                    who,
                    prefix,
                    reference,
                )


@BY_NAME
def test_every_quote_may_refer_to_nothing(stage: Stage, feature: Feature) -> None:
    (message,) = stage.say("李阿姨", "积分")
    for prefix in feature.quotes:
        for reference in ("999999", "answer"):
            quoted = Outgoing(
                **{name: getattr(message, name) for name in message.__slots__} | {"subject": f"{prefix}:{reference}"}
            )
            for who in ("李阿姨", "周团长"):
                stage.say(who, "一句普通的话", quoting=quoted)
                stage.say(who, RUBBISH[1], quoting=quoted)


@BY_NAME
def test_a_redelivery_changes_no_row(stage: Stage, feature: Feature) -> None:
    number = 0
    for command in feature.commands:
        for text in (command.words[0], f"{command.words[0]} 李阿姨 5 谢谢"):
            for who in ("李阿姨", "周团长"):
                number += 1
                stage.say(who, text, dedupe_key=f"again{number}")
                before = stored(stage, without=())
                assert stage.say(who, text, dedupe_key=f"again{number}") == []
                assert stored(stage, without=()) == before, text


@BY_NAME
def test_a_resident_has_no_leader_s_rights(stage: Stage, feature: Feature) -> None:
    before = stored(stage)
    for command in feature.commands:
        if not command.roles:
            continue
        expected = command.refusal or ("guard.leader_only" if "leader" in command.roles else "guard.staff_only")
        with_words = [f"{command.words[0]} 李阿姨 5 谢谢"] if command.takes else []
        for text in (command.words[0], *with_words, *(f"/{slash}" for slash in command.slash)):
            assert keys(stage.say("李阿姨", text)) == [expected], text
            assert keys(stage.say("李阿姨", text, private=True)) == [expected], text
    assert changed(before, stored(stage)) <= {"identity"}


@BY_NAME
def test_a_leader_s_buttons_do_nothing_for_a_resident(stage: Stage, feature: Feature) -> None:
    """A resident presses what a leader was shown."""
    for command in feature.commands:
        if "leader" not in command.roles:
            continue
        for text in (command.words[0], f"{command.words[0]} 李阿姨 5 谢谢"):
            for message in stage.say("周团长", text):
                before = stored(stage)
                for button in message.buttons:
                    assert keys(stage.say("李阿姨", "", button=button.key)) == ["guard.leader_only"], button.key
                assert stored(stage) == before


@BY_NAME
def test_the_muted_change_nothing(stage: Stage, feature: Feature) -> None:
    def mute(session: Any) -> None:
        for member in session.exec(pick(Member)):
            member.muted_until = stage.clock.now().replace(year=2030)
            session.add(member)

    stage.database.write_now(mute)
    before = stored(stage)
    for command in feature.commands:
        for who in ("李阿姨", "周团长"):
            assert keys(stage.say(who, f"{command.words[0]}")) in (["guard.muted"], ["🙊"])
    for prefix in feature.buttons:
        assert keys(stage.say("周团长", "", button=f"{prefix}:1")) in (["guard.muted"], [])
    assert stored(stage) == before


def changed(before: dict[str, list[Any]], after: dict[str, list[Any]]) -> set[str]:
    return {name for name in before if before[name] != after[name]}
