"""Settings from the environment, what ``doctor`` says about them, and what must not start."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from typer.testing import CliRunner

from bot.__main__ import app
from bot.channels.addresses import is_loopback
from bot.diagnosis import examine, problems
from bot.settings import Mode, Settings, complaints

ROOT = Path(__file__).resolve().parents[2]
SECRET = "0123456789abcdef0123456789abcdef"
BASIS = "BOT_PRIVACY__TRANSFER_BASIS"


def settings(monkeypatch: pytest.MonkeyPatch, **variables: str) -> Settings:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return Settings()


def test_the_contract_s_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {
        "BOT_MODE": "production",
        "BOT_LOG_LEVEL": "warning",
        "BOT_TELEGRAM__TOKEN": "1:x",
        "BOT_TELEGRAM__BASE_URL": "http://127.0.0.1:8081",
        "BOT_TELEGRAM__MODE": "webhook",
        "BOT_TELEGRAM__WEBHOOK_URL": "https://bot.example.org",
        "BOT_TELEGRAM__SECRET": SECRET,
        "BOT_TELEGRAM__RATE": "10",
        "BOT_TELEGRAM__GROUP_RATE": "7.5",
        "BOT_LLM__BASE_URL": "http://127.0.0.1:1/v1",
        "BOT_LLM__API_KEY": "hunter2",
        "BOT_LLM__MODEL": "m",
        "BOT_DATABASE__URL": "postgresql://x/y",
        "BOT_WEB__PORT": "9090",
        BASIS: "contract",
    }
    read = settings(monkeypatch, **given)
    assert (read.mode, read.log_level, read.web.port, read.telegram.group_rate) == (
        Mode.PRODUCTION,
        "WARNING",
        9090,
        7.5,
    )
    assert read.database.url.get_secret_value() == "postgresql://x/y"
    assert (read.llm.model, read.privacy.transfer_basis) == ("m", "contract")
    for secret in ("1:x", SECRET, "hunter2", "postgresql://x/y"):
        assert secret not in repr(read)
        assert secret not in str(read)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BOT_MODE", "staging"),
        ("BOT_LOG_LEVEL", "loud"),
        ("BOT_WEB__PORT", "eighty"),
        ("BOT_WEB__PORT", "70000"),
        ("BOT_DATABASE__URL", "mysql://user:hunter2@x/y"),
        ("BOT_DATABASE__POOL", "0"),
        ("BOT_TELEGRAM__MODE", "push"),
        ("BOT_TELEGRAM__RATE", "0"),
        ("BOT_TELEGRAM__CONNECTIONS", "many"),
        ("BOT_LLM__DEADLINE", "-1"),
    ],
)
def test_what_cannot_be_read_is_named_without_its_value(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    with pytest.raises(ValidationError) as wrong:
        settings(monkeypatch, **{name: value})
    ((variable, what),) = complaints(wrong.value)
    assert variable == name
    assert "hunter2" not in what


def test_the_program_says_it_in_one_line() -> None:
    environment = {**os.environ, "BOT_WEB__PORT": "eighty"}
    run = subprocess.run(
        [sys.executable, "-m", "bot", "doctor"], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert run.returncode == 2
    assert run.stdout == ""
    assert len(run.stderr.splitlines()) == 1
    assert "BOT_WEB__PORT" in run.stderr


# ---------------------------------------------------------------- what must not start

PRODUCTION = {"BOT_MODE": "production", "BOT_WEB__SECRET": SECRET}
NO_BASIS = "doctor.transfer_basis"
TELEGRAM = {"BOT_TELEGRAM__TOKEN": "1:x"}
WECOM = {
    "BOT_WECOM__CORP_ID": "ww-sample",
    "BOT_WECOM__AGENT_ID": "7",
    "BOT_WECOM__SECRET": "s",
    "BOT_WECOM__TOKEN": "t",
    "BOT_WECOM__AES_KEY": "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C",
}
WECOM_BOT = {"BOT_WECOM_BOT__BOT_ID": "bot-1", "BOT_WECOM_BOT__SECRET": "s"}


@pytest.mark.parametrize(
    ("variables", "channels", "expected"),
    [
        ({}, ["web", "sim"], []),
        ({}, ["web", "pigeon"], ["doctor.unknown_channel"]),
        ({}, [], ["doctor.unknown_channel"]),
        ({}, ["telegram"], ["telegram.no_token"]),
        (TELEGRAM, ["telegram"], []),
        (PRODUCTION, ["web"], []),
        (PRODUCTION, ["web", "sim"], ["doctor.no_simulator"]),
        (PRODUCTION, ["web", "terminal"], ["doctor.no_simulator"]),
        ({"BOT_MODE": "production"}, ["web"], ["doctor.web_secret"]),
        ({"BOT_MODE": "production", "BOT_WEB__SECRET": "short"}, ["web"], ["doctor.web_secret"]),
        (PRODUCTION | TELEGRAM, ["telegram"], ["doctor.transfer_basis"]),
        (PRODUCTION | TELEGRAM | {BASIS: "  "}, ["telegram"], ["doctor.transfer_basis"]),
        (PRODUCTION | TELEGRAM | {BASIS: "contract of 2026"}, ["telegram"], []),
        # A Bot API server on this machine passes everything on to Telegram.
        (PRODUCTION | TELEGRAM | {"BOT_TELEGRAM__BASE_URL": "http://127.0.0.1:8081"}, ["telegram"], [NO_BASIS]),
        (PRODUCTION | {"BOT_LLM__BASE_URL": "https://model.example.org/v1"}, ["web"], ["doctor.transfer_basis"]),
        (PRODUCTION | {"BOT_LLM__BASE_URL": "http://localhost:8000/v1"}, ["web"], []),
        (WECOM, ["wecom"], []),
        (PRODUCTION | WECOM, ["web", "wecom"], []),
        (WECOM | {"BOT_WECOM__WAIT_HOURS": "3"}, ["wecom"], ["wecom.reminders_too_late"]),
        ({}, ["wecom_bot"], ["wecom_bot.no_bot_id", "wecom_bot.no_secret"]),
        (PRODUCTION | WECOM_BOT, ["wecom_bot", "web"], []),
        (WECOM_BOT | {"BOT_WECOM_BOT__URL": "ws://wecom.example"}, ["wecom_bot"], ["wecom_bot.bad_url"]),
        (TELEGRAM | {"BOT_TELEGRAM__MODE": "webhook"}, ["telegram"], ["telegram.no_webhook_url", "telegram.no_secret"]),
    ],
)
def test_what_must_not_start(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], channels: list[str], expected: list[str]
) -> None:
    assert problems(settings(monkeypatch, **variables), channels) == expected


@pytest.mark.parametrize(
    ("url", "loopback"),
    [
        ("http://127.0.0.1:1/v1", True),
        ("http://127.9.9.9", True),
        ("http://[::1]:80/", True),
        ("http://localhost/", True),
        ("http://localhost.example.org/", False),
        ("http://127.0.0.1.example.org/", False),
        ("http://127.0.0.1@example.org/", False),
        ("https://api.telegram.org", False),
        ("http://0.0.0.0/", False),
        ("", False),
        ("nonsense", False),
        ("http://[::1", False),
        ("http://localhost@example.org/", False),
        ("http://localhost:80@example.org/", False),
        ("http://localhost\\@example.org/", False),
        ("http://[::ffff:8.8.8.8]/", False),
        ("http://2130706433/", False),
        ("http://0x7f.1/", False),
        ("http://LOCALHOST/", True),
    ],
)
def test_this_machine(url: str, loopback: bool) -> None:
    assert is_loopback(url) is loopback


# ---------------------------------------------------------------- doctor


def doctor(folder: Path) -> tuple[int, Any]:
    result = CliRunner().invoke(app, ["doctor", "--data", str(folder), "--json"])
    return result.exit_code, json.loads(result.stdout)


def test_a_healthy_set_up(tmp_path: Path) -> None:
    assert doctor(tmp_path) == (0, {"ok": True, "findings": []})
    assert doctor(tmp_path / "not yet there")[0] == 0
    assert "没有发现问题" in CliRunner().invoke(app, ["doctor", "--data", str(tmp_path)]).stdout


def test_what_is_wrong_and_how_to_mend_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOT_LLM__BASE_URL", "http://127.0.0.1:1/v1")
    monkeypatch.setenv("BOT_MODE", "production")
    code, said = doctor(tmp_path)
    assert (code, said["ok"], len(said["findings"])) == (1, False, 3)
    assert "BOT_WEB__SECRET" in said["findings"][0]
    assert "BOT_WEB__PUBLIC_URL" in said["findings"][1]
    assert "BOT_LLM__MODEL" in said["findings"][2]


def test_a_directory_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    (finding,) = examine(tmp_path, Settings())
    assert str(tmp_path) in finding


def test_a_telegram_bot_is_examined_when_there_is_a_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOT_TELEGRAM__TOKEN", "1:x")
    monkeypatch.setenv("BOT_TELEGRAM__MODE", "webhook")
    assert len(examine(tmp_path, Settings())) == 2


def test_a_company_is_examined_and_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Offline: what is missing. Online: nobody is asked before that is mended, and then in plain words."""
    assert doctor(tmp_path)[0] == 0
    for name, value in WECOM.items():
        monkeypatch.setenv(name, value)
    code, said = doctor(tmp_path)
    assert (code, len(said["findings"])) == (1, 1)
    assert "BOT_WECOM__H5_URL" in said["findings"][0]
    monkeypatch.setenv("BOT_WECOM__H5_URL", "https://tuan.example/h5")
    assert doctor(tmp_path) == (0, {"ok": True, "findings": []})
    monkeypatch.setenv("BOT_WECOM__BASE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("BOT_WECOM__TIMEOUT", "2")
    result = CliRunner().invoke(app, ["doctor", "--online", "--data", str(tmp_path)])
    assert result.exit_code == 1
    assert "http://127.0.0.1:9" in result.stdout
    monkeypatch.setenv("BOT_WECOM__AES_KEY", "short")
    result = CliRunner().invoke(app, ["doctor", "--online", "--data", str(tmp_path)])
    assert "43" in result.stdout
    assert "127.0.0.1" not in result.stdout
