"""What is written about commands and settings is what the program has."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from engagement.feature import Command, Feature
from engagement.registry import FEATURES
from tests.tools import docs

ROOT = Path(__file__).resolve().parents[1]
COMMANDS = [command for feature in FEATURES for command in feature.commands]
VARIABLES = {name for name, _ in docs.variables()}


@pytest.mark.parametrize("name", docs.WRITTEN)
def test_it_is_up_to_date(name: str) -> None:
    assert (ROOT / name).read_text("utf-8") == docs.WRITTEN[name](), "run: python -m tests.tools.docs"


def test_every_command_stands_there() -> None:
    written = (ROOT / "docs/commands.md").read_text("utf-8")
    for command in COMMANDS:
        assert command.words[0] in written
        for slash in command.slash:
            assert f"`/{slash}`" in written


def test_what_is_explained_exists_and_is_not_in_the_help() -> None:
    unlisted = {command.name for command in COMMANDS if not command.help}
    assert docs.UNLISTED.keys() == unlisted
    assert docs.TITLES.keys() == {feature.name for feature in FEATURES}


def test_a_command_without_a_word_about_it_is_noticed() -> None:
    mute = Feature("faq", commands=(Command("faq.new", ("新",), lambda ctx: ()),), help="faq.help")
    with pytest.raises(KeyError, match=r"faq\.new"):
        docs.commands([mute])


def test_every_setting_is_described() -> None:
    assert {"BOT_MODE", "BOT_WEB__PORT", "BOT_DATABASE__URL", "BOT_TELEGRAM__TOKEN", "BOT_LLM__API_KEY"} <= VARIABLES
    written = (ROOT / "docs/settings.md").read_text("utf-8")
    for name, field in docs.variables():
        assert field.description, name
        assert f"`{name}`" in written


def test_secrets_are_not_shown() -> None:
    for name, field in docs.variables():
        if re.search(r"(TOKEN|SECRET|API_KEY|PASSWORD)$", name):
            assert docs._values(field) == "secret", name


def test_settings_that_are_named_anywhere_exist() -> None:
    """In guides, the example of an environment file, texts and the Makefile."""
    places = [ROOT / "Makefile", ROOT / "docs/settings.md", *ROOT.glob("*.md"), *ROOT.glob(".env.example")]
    places += [*(ROOT / "docs").glob("*.md"), *(ROOT / "prompts/texts").rglob("*.toml")]
    wrong = {}
    for path in places:
        for name in re.findall(r"\bBOT_[A-Z_]+\b", path.read_text("utf-8")):
            if name.rstrip("_") not in VARIABLES and not any(known.startswith(name) for known in VARIABLES):
                wrong[name] = path.name
    assert not wrong


def test_what_the_guides_point_at_is_there() -> None:
    """Pictures and pages that are linked from a document of ours."""
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    missing = [
        f"{page.name}: {target}"
        for page in pages
        for target in re.findall(r"\]\(([^)#\s]+)", page.read_text("utf-8"))
        if "://" not in target and not (page.parent / target).exists()
    ]
    assert not missing
