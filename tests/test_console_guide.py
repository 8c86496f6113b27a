"""What the guide to the web pages names is there: every word to send, every command, its arguments and options."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer

from bot.commands import user as commands_user
from bot.routing import Routes
from engagement.kernel import Place
from engagement.registry import FEATURES
from prompts.loader import texts
from tests.tools import docs

ROOT = Path(__file__).resolve().parents[1]
GUIDE = (ROOT / "docs/console.md").read_text("utf-8")
QUOTED = sorted(set(re.findall(r"「([^」]+)」", GUIDE)))
COMMANDS = sorted(set(re.findall(r"`user ([^`]+)`", GUIDE)))
ROUTES = Routes(FEATURES)
SHOWN = {texts().raw(key) for key in texts().keys() if key.startswith(("console", "entry.button"))}  # noqa: SIM118
KNOWN = {
    name: {option for one in command.params for option in (*one.opts, *one.secondary_opts)}
    for name, command in typer.main.get_command(commands_user.app).commands.items()  # type: ignore[attr-defined]
}


@pytest.mark.parametrize("words", QUOTED)
def test_what_is_quoted_can_be_sent_or_stands_on_a_page(words: str) -> None:
    found = ROUTES.command(words, place=Place.DM)
    sent = found is not None and found.command is not None
    assert sent or any(words in one for one in SHOWN)


@pytest.mark.parametrize("line", COMMANDS)
def test_what_is_to_be_typed_is_a_command(line: str) -> None:
    name, *words = line.split()
    assert name in KNOWN
    assert [one for one in words if one.startswith("--") and one not in KNOWN[name]] == []


def test_the_guide_names_every_command_and_stands_among_the_documents() -> None:
    assert set(KNOWN) == {line.split()[0] for line in COMMANDS}
    for name in ("README.md", "README.zh-CN.md"):
        assert "docs/console.md" in (ROOT / name).read_text("utf-8")


def test_the_settings_that_it_names_exist() -> None:
    named = set(re.findall(r"BOT_[A-Z_]+", GUIDE))
    assert {"BOT_WEB__PUBLIC_URL", "BOT_WEB__SECRET"} <= named <= {name for name, _ in docs.variables()}
