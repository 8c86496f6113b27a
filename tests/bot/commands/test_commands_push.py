"""``push`` on a directory that ``play`` has filled: a community, a morning, and what comes next."""

from __future__ import annotations

import asyncio
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from bot import play as playing
from bot.commands.push import app
from bot.main import replay
from bot.settings import Settings
from engagement.clocks import SystemClock
from engagement.registry import FEATURES
from prompts.loader import texts

pytestmark = pytest.mark.xdist_group("push")

SCRIPT = (
    '{"at":"2026-12-01T07:00:00+08:00","group":"g1","create":{"name":"测试群","zone":"Asia/Shanghai","leader":"u9","leader_name":"周团长"}}',
    '{"at":"2026-12-02T12:00:00+08:00"}',
)


@pytest.fixture(autouse=True)
def _the_day_of_the_script(monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes and what is past are told from the clock, on whatever day the tests run."""
    monkeypatch.setattr(SystemClock, "now", lambda _clock: datetime(2026, 12, 2, 4, tzinfo=UTC))


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory after one and a half days."""
    folder = tmp_path_factory.mktemp("played")
    script = folder / "script.jsonl"
    script.write_text("\n".join(SCRIPT), encoding="utf-8")
    asyncio.run(replay(playing.read_script(script), folder / "data", Settings(), lambda _line: None))
    return folder / "data"


def run(data: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments, "--data", str(data)])


def as_json(data: Path, *arguments: str) -> Any:
    result = run(data, *arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_plan_shows_what_is_sent_to_whom_and_when(played: Path) -> None:
    plan = as_json(played, "plan", "--from", "2026-12-02", "--to", "2026-12-04")
    topics = [one for one in plan["pushes"] if one["campaign"] == "topic"]
    assert topics[0]["state"] == "sent"
    coming = topics[-1]
    assert coming["group"]["name"] == "测试群"
    assert coming["local_time"].startswith("2026-12-04T")
    assert coming["local_time"].endswith("+08:00")
    assert coming["utc"].startswith("2026-12-03T")
    assert coming["state"] in {"planned", "skipped"}
    assert all(one["reason"] for one in plan["pushes"] if one["state"] == "skipped")
    assert sum(plan["summary"].values()) == len(plan["pushes"])
    again = as_json(played, "plan", "--from", "2026-12-02", "--to", "2026-12-04")
    assert again == plan, "looking changes nothing"


def test_plan_in_words(played: Path) -> None:
    result = run(played, "plan", "--from", "2026-12-03", "--to", "2026-12-03")
    assert result.exit_code == 0
    assert "测试群" in result.stdout
    assert run(played, "plan", "--from", "2020-01-01", "--to", "2020-01-01").stdout.strip()


@pytest.mark.parametrize(
    ("first", "last"),
    [("2026-13-01", "2026-12-01"), ("x", "2026-12-01"), ("2026-12-02", "2026-12-01"), ("2026-01-01", "2026-12-01")],
)
def test_bad_days_are_refused_with_one_line(played: Path, first: str, last: str) -> None:
    result = run(played, "plan", "--from", first, "--to", last)
    assert result.exit_code == 2
    assert len(result.stderr.strip().splitlines()) == 1


def test_status_and_moves(played: Path) -> None:
    before = {one["campaign"]: one for one in as_json(played, "status")["campaigns"]}
    assert before["topic"]["counts"]["sent"] >= 1
    assert before["topic"]["state"] == "running"
    assert as_json(played, "pause", "topic") == {"campaign": "topic", "state": "paused"}
    (topic,) = as_json(played, "status", "topic")["campaigns"]
    assert topic["state"] == "paused"
    assert topic["next_utc"] is None
    assert "topic" in run(played, "cancel", "topic").stdout
    assert as_json(played, "resume", "topic")["state"] == "running"
    shown = run(played, "status").stdout
    assert "每日话题 topic（进行中）" in shown
    assert all(not re.match("[A-Za-z_]", line.strip()) for line in shown.splitlines() if line.strip()), (
        "each begins with a name in words"
    )


def test_every_kind_of_push_has_a_name() -> None:
    known = set(texts().keys())
    assert not [job.kind for feature in FEATURES for job in feature.jobs if f"push.kind_{job.kind}" not in known]


@pytest.mark.parametrize("how", ["pause", "resume", "cancel", "status"])
def test_a_campaign_that_does_not_exist(played: Path, how: str) -> None:
    result = run(played, how, "nothing")
    assert result.exit_code == 2
    assert "nothing" in result.stderr


def test_on_an_empty_directory(tmp_path: Path) -> None:
    assert as_json(tmp_path / "new", "plan", "--from", "2026-12-01", "--to", "2026-12-02")["pushes"] == []
    assert {one["state"] for one in as_json(tmp_path / "new", "status")["campaigns"]} == {"running"}
