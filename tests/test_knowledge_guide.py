"""What the staff's guide to the knowledge base names is there: every word to send, every command and its options."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bot.commands import kb as commands_kb
from bot.routing import Routes
from engagement.kernel import Place
from engagement.registry import FEATURES

GUIDE = (Path(__file__).resolve().parents[1] / "docs/knowledge.md").read_text("utf-8")
TYPED = sorted(set(re.findall(r"「([^」]+)」", GUIDE)))
COMMANDS = sorted(set(re.findall(r"`kb ([^`]+)`", GUIDE)))
ROUTES = Routes(FEATURES)


@pytest.mark.parametrize("words", TYPED)
def test_what_is_to_be_sent_is_a_command(words: str) -> None:
    found = ROUTES.command(words, place=Place.DM)
    assert found is not None and found.command is not None


@pytest.mark.parametrize("line", COMMANDS)
def test_what_is_to_be_typed_is_a_command(line: str) -> None:
    """Its name, and each option that stands there."""
    words = line.split()
    name = words[: 2 if words[0] in ("entry", "golden") else 1]
    asked = CliRunner().invoke(commands_kb.app, [*name, "--help"])
    assert asked.exit_code == 0, asked.output
    assert [word for word in words if word.startswith("--") and word not in asked.output] == []


def test_the_guide_names_enough() -> None:
    assert len(TYPED) > 20 and len(COMMANDS) > 30
