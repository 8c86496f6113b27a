"""What the guide to the calendar names is there: every word to send, every command, its arguments and its options."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer

from bot.commands import push as commands_push
from bot.routing import Routes
from engagement.kernel import Place
from engagement.registry import FEATURES

GUIDE = (Path(__file__).resolve().parents[1] / "docs/calendar.md").read_text("utf-8")
TYPED = sorted(set(re.findall(r"「([^」]+)」", GUIDE)))
COMMANDS = sorted(set(re.findall(r"`push ([^`]+)`", GUIDE)))
ROUTES = Routes(FEATURES)
KNOWN = {
    name: {option for one in command.params for option in (*one.opts, *one.secondary_opts)}
    for name, command in typer.main.get_command(commands_push.app).commands.items()  # type: ignore[attr-defined]
}


@pytest.mark.parametrize("words", [one for one in TYPED if one])
def test_what_is_to_be_sent_is_a_command(words: str) -> None:
    found = ROUTES.command(words, place=Place.DM)
    assert found is not None and found.command is not None


@pytest.mark.parametrize("line", COMMANDS)
def test_what_is_to_be_typed_is_a_command(line: str) -> None:
    name, *words = line.split()
    assert name in KNOWN
    assert [one for one in words if one.startswith("--") and one not in KNOWN[name]] == []


def test_the_guide_names_every_command_but_what_measures() -> None:
    named = {line.split()[0] for line in COMMANDS}
    assert set(KNOWN) - named <= {"effects"}
    assert len(TYPED) > 20


def test_the_guide_stands_among_the_documents() -> None:
    root = Path(__file__).resolve().parents[1]
    for name in ("README.md", "README.zh-CN.md"):
        assert "docs/calendar.md" in (root / name).read_text("utf-8")
