"""The import contracts hold on a tree like ours, and each notices what it is there to notice.

A contract that never fails may be one that checks nothing: so every case plants one forbidden import in a small tree
with our layout and asks import-linter, with the settings of pyproject.toml, which contract it broke.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

pytestmark = [pytest.mark.xdist_group("contracts"), pytest.mark.untraced]
ROOT = Path(__file__).resolve().parents[2]
SLICE = ("manifest", "handlers", "jobs", "service", "tables", "rules")
TREE = {
    "bot": (
        "__main__",
        "main",
        "gateway",
        "play",
        "routing",
        "rendering/__init__",
        "channels/__init__",
        *(f"channels/{name}" for name in ("sim", "telegram", "terminal", "wechat", "wecom", "wecom_bot")),
    ),
    "console": ("app", "pages/__init__", "pages/checkin"),
    "scheduler": ("clock", "planner", "delivery", "engine", "gate"),
    "engagement": (
        *("kernel", "feature", "dispatch", "guards", "errors", "events", "calendar", "rhythm", "registry"),
        *(f"{name}/{module}" for name in ("points", "checkin", "topic") for module in ("__init__", *SLICE)),
    ),
    "knowledge": ("answering", "index", "model"),
    "storage": ("engine", "writer", "ledger"),
    "prompts": ("loader", "cards"),
}
# What is allowed, so that the clean tree exercises the permissions too.
ALLOWED = {
    "bot/__main__": "import bot.main",
    "bot/main": "import bot.gateway, bot.play, bot.channels.telegram, scheduler.engine, console.app",
    "bot/gateway": "import bot.routing, bot.rendering, engagement.dispatch",
    "bot/channels/telegram": "import telegram, engagement.kernel",
    "console/app": "import fastapi, engagement.dispatch, storage.engine",
    "console/pages/checkin": "import engagement.checkin.service",
    "scheduler/engine": "import dbos, scheduler.delivery",
    "scheduler/clock": "import apscheduler",
    "engagement/rhythm": "import engagement.calendar",
    "engagement/dispatch": "import engagement.registry, engagement.guards",
    "engagement/registry": "import engagement.points.manifest, engagement.checkin.manifest, engagement.topic.manifest",
    "engagement/checkin/manifest": "import engagement.feature, engagement.checkin.handlers, engagement.checkin.jobs",
    "engagement/checkin/handlers": "import engagement.checkin.service, engagement.guards",
    "engagement/checkin/service": "import engagement.checkin.tables, engagement.points.service",
    "engagement/checkin/tables": "import sqlmodel",
    "engagement/checkin/rules": "import engagement.kernel",
    "engagement/points/service": "import storage.ledger",
    "knowledge/index": "import chromadb",
    "knowledge/model": "import langchain_openai",
    "knowledge/answering": "import knowledge.index, prompts.loader, storage.engine",
    "storage/engine": "import sqlmodel",
}
VIOLATIONS: dict[str, dict[str, tuple[str, str]]] = {
    "floors": {
        "a lower floor looks up": ("storage/ledger", "import engagement.points.service"),
        "scheduler knows the web": ("scheduler/planner", "import console.app"),
        "a channel calls the gateway": ("bot/channels/telegram", "import bot.gateway"),
        "words read the database": ("prompts/loader", "import storage.engine"),
        "answers know the product": ("knowledge/answering", "import engagement.kernel"),
    },
    "nobody below knows the chat program": {
        "product knows the bot": ("engagement/dispatch", "import bot.routing"),
        "web knows the bot": ("console/app", "import bot.main"),
    },
    "slices are strangers": {
        "slice calls slice": ("engagement/topic/service", "import engagement.checkin.service"),
        "another's rules": ("engagement/topic/rules", "import engagement.points.rules"),
    },
    "channels are strangers": {
        "a channel reads with another's eyes": ("bot/channels/wecom_bot", "import bot.channels.telegram"),
        "two of one house": ("bot/channels/wecom", "import bot.channels.wechat"),
    },
    "inside a slice": {
        "rules call service": ("engagement/checkin/rules", "import engagement.checkin.service"),
        "service calls handlers": ("engagement/checkin/service", "import engagement.checkin.handlers"),
        "handlers call jobs": ("engagement/checkin/handlers", "import engagement.checkin.jobs"),
        "tables call rules": ("engagement/checkin/tables", "import engagement.checkin.rules"),
    },
    "a slice's tables are its own": {
        "page reads tables": ("console/pages/checkin", "import engagement.checkin.tables"),
        "planner reads tables": ("scheduler/planner", "import engagement.topic.tables"),
    },
    "rules are pure": {
        "rules read the database": ("engagement/checkin/rules", "import sqlmodel"),
        "calendar trusts the engine": ("engagement/calendar", "import apscheduler"),
        "rules reach SQL through storage": ("engagement/points/rules", "import storage.engine"),
    },
    "vendors stay at the edge": {
        "slice speaks Telegram": ("engagement/checkin/handlers", "import telegram"),
        "storage knows the engine": ("storage/writer", "import dbos"),
    },
    "answers know no channel, clock or engine": {
        "answers send messages": ("knowledge/index", "import telegram"),
        "answers know the engine": ("knowledge/model", "import dbos"),
    },
    "models and channels are not the console's or the scheduler's": {
        "delivery speaks Telegram": ("scheduler/delivery", "import telegram"),
        "web asks a model": ("console/app", "import openai"),
    },
}
CASES = [
    pytest.param(*planted, contract, id=what)
    for contract, plants in VIOLATIONS.items()
    for what, planted in plants.items()
]


LINT = """
import os, sys
from importlinter.cli import lint_imports_command
for folder in sys.argv[1:]:
    child = os.fork()
    if child == 0:
        os.chdir(folder)
        sys.path.insert(0, folder)
        for stream in (1, 2):
            os.dup2(os.open("said", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), stream)
        lint_imports_command(["--no-cache", "--no-logo"])
    os.waitpid(child, 0)
"""
"""One start of import-linter looks at every tree, each in a process of its own."""


def _plant(folder: Path, module: str = "", line: str = "") -> None:
    """Write the tree with one more import."""
    text = (ROOT / "pyproject.toml").read_text()
    (folder / "pyproject.toml").write_text(text[text.index("[tool.importlinter]") :])
    for package, modules in TREE.items():
        (folder / package).mkdir()
        (folder / package / "__init__.py").touch()
        for name in modules:
            path = folder / package / f"{name}.py"
            path.parent.mkdir(exist_ok=True)
            lines = [ALLOWED.get(f"{package}/{name}", ""), line if module == f"{package}/{name}" else ""]
            path.write_text("\n".join(lines) + "\n")


def _broken(said: str) -> set[str]:
    """Names of the contracts that broke; each has its verdict."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    verdicts = dict(re.findall(r"^(.+?) (KEPT|BROKEN)", said, flags=re.MULTILINE))
    names = {contract["name"] for contract in contracts}
    assert names <= verdicts.keys(), said
    return {name for name in names if verdicts[name] == "BROKEN"}


@pytest.fixture(scope="module")
def linted(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], str]:
    """Planted import → what import-linter said of the tree that has it."""
    folders = {("", ""): tmp_path_factory.mktemp("clean")}
    folders |= {
        planted: tmp_path_factory.mktemp("tree") for plants in VIOLATIONS.values() for planted in plants.values()
    }
    for planted, folder in folders.items():
        _plant(folder, *planted)
    environment = os.environ | {"COLUMNS": "200", "NO_COLOR": "1"}
    subprocess.run([sys.executable, "-c", LINT, *map(str, folders.values())], env=environment, check=True)
    return {planted: (folder / "said").read_text("utf-8") for planted, folder in folders.items()}


def test_there_are_ten_contracts_and_a_clean_tree_keeps_them(linted: dict[tuple[str, str], str]) -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    assert len(contracts) == 10
    assert VIOLATIONS.keys() == {contract["name"] for contract in contracts}
    assert _broken(linted["", ""]) == set()


@pytest.mark.parametrize(("module", "line", "contract"), CASES)
def test_a_planted_violation_is_caught(
    linted: dict[tuple[str, str], str], module: str, line: str, contract: str
) -> None:
    assert contract in _broken(linted[module, line])
