"""Nothing goes abroad in earnest before a basis is stated, by whatever way; and on trial it is said before it goes."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from bot import transfer
from bot.diagnosis import problems
from bot.main import open_program
from bot.settings import Settings
from engagement.errors import Refusal
from knowledge.embedding import EndpointEmbedder
from knowledge.errors import ModelFault
from knowledge.model import configured
from knowledge.settings import KnowledgeSettings
from tests.platforms.serving import ROOT

BASIS = "BOT_PRIVACY__TRANSFER_BASIS"
PRODUCTION = {"BOT_MODE": "production", "BOT_WEB__SECRET": "s" * 32}
WECHAT = {
    "BOT_WECHAT__APP_ID": "wx2c2769f8efd9abc2",
    "BOT_WECHAT__SECRET": "s",
    "BOT_WECHAT__TOKEN": "spamtest",
    "BOT_WECHAT__AES_KEY": "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG",
}
WECOM = {
    "BOT_WECOM__CORP_ID": "ww-sample",
    "BOT_WECOM__AGENT_ID": "7",
    "BOT_WECOM__SECRET": "s",
    "BOT_WECOM__TOKEN": "t",
    "BOT_WECOM__AES_KEY": "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C",
}
WECOM_BOT = {"BOT_WECOM_BOT__BOT_ID": "bot-1", "BOT_WECOM_BOT__SECRET": "s"}
HOSTILE = (
    "https://api.openai.com/v1",
    "http://8.8.8.8/v1",
    "http://[2001:4860:4860::8888]/v1",
    "http://[::ffff:8.8.8.8]/v1",
    "http://127.0.0.1@example.org/v1",
    "http://localhost:1@example.org/v1",
    "http://localhost\\@example.org/v1",
    "http://localhost.example.org/v1",
    "http://127.0.0.1.example.org/v1",
    "http://127.0.0.1.nip.io/v1",
    "http://localhosl/v1",
    "http://lоcalhost/v1",  # with a Cyrillic letter
    "http://2130706434/v1",
    "http://0.0.0.0/v1",
    "http://[::1",
    "//example.org/v1",
    "example.org/v1",
)


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> Given:
    return Given(monkeypatch)


class Given:
    """The environment of a test."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._patch = patch
        patch.setattr(transfer, "_told", set())
        for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
            patch.delenv(name, raising=False)
            patch.delenv(name.upper(), raising=False)

    def __call__(self, variables: dict[str, str]) -> Settings:
        for name, value in variables.items():
            self._patch.setenv(name, value)
        return Settings()


# ---------------------------------------------------------------- in earnest


@pytest.mark.parametrize("url", HOSTILE)
@pytest.mark.parametrize("variable", ["BOT_LLM__BASE_URL", "BOT_LLM__EMBEDDING_BASE_URL", "BOT_SPEECH__BASE_URL"])
def test_no_model_is_asked_by_any_door(given: Given, tmp_path: Path, variable: str, url: str) -> None:
    """Serving in each role, and opening the base for `play`, `kb` or a page: each says no, and no directory is made."""
    settings = given(PRODUCTION | {variable: url, "BOT_DATABASE__URL": "postgresql://nobody@127.0.0.1:1/none"})
    for role in ("all", "web", "worker"):
        assert problems(settings, ["web"], role) == ["doctor.transfer_basis"]
    with pytest.raises(Refusal, match=r"doctor\.transfer_basis"):
        open_program(tmp_path / "data", settings)
    assert not (tmp_path / "data").exists()
    settings = given({BASIS: "contract of 2026"})
    assert problems(settings, ["web"]) == []


@pytest.mark.parametrize(
    ("variables", "channel"),
    [
        (WECHAT | {"BOT_WECHAT__BASE_URL": "https://api.wechat.com"}, "wechat"),
        (WECHAT | {"BOT_WECHAT__BASE_URL": "https://api.weixin.qq.com.example.org"}, "wechat"),
        (WECHAT | {"BOT_WECHAT__BASE_URL": "https://api.weixin.qq.com@example.org"}, "wechat"),
        (WECHAT | {"BOT_WECHAT__BASE_URL": "https://evilweixin.qq.com"}, "wechat"),
        (WECOM | {"BOT_WECOM__BASE_URL": "https://qyapi.example.org"}, "wecom"),
        (WECOM_BOT | {"BOT_WECOM_BOT__URL": "wss://openws.example.org"}, "wecom_bot"),
        ({"BOT_TELEGRAM__TOKEN": "1:x"}, "telegram"),
        ({"BOT_TELEGRAM__TOKEN": "1:x", "BOT_TELEGRAM__MORE": '[{"token": "2:y"}]'}, "telegram"),
        ({"BOT_TELEGRAM__TOKEN": "1:x", "BOT_TELEGRAM__BASE_URL": "http://127.0.0.1:8081"}, "telegram"),
        ({"BOT_TELEGRAM__TOKEN": "1:x", "BOT_TELEGRAM__BASE_URL": "http://localhost:8081/bot"}, "telegram"),
        ({"BOT_KNOWLEDGE__CHROMA_URL": "https://chroma.example.org"}, "web"),
        ({"BOT_KNOWLEDGE__CHROMA_URL": "http://8.8.8.8:8000"}, "web"),
    ],
)
def test_no_platform_elsewhere(given: Given, variables: dict[str, str], channel: str) -> None:
    assert "doctor.transfer_basis" in problems(given(PRODUCTION | variables), [channel])
    assert "doctor.transfer_basis" not in problems(given({BASIS: "contract of 2026"}), [channel])


@pytest.mark.parametrize(
    ("variables", "channels"),
    [
        ({}, ["web"]),
        (WECHAT, ["wechat"]),
        (WECOM, ["wecom"]),
        (WECOM_BOT, ["wecom_bot"]),
        ({"BOT_LLM__BASE_URL": "http://[::1]:8000/v1"}, ["web"]),
        ({"BOT_KNOWLEDGE__CHROMA_URL": "http://chroma:8000"}, ["web"]),
        ({"BOT_KNOWLEDGE__CHROMA_URL": "http://10.0.0.7:8000"}, ["web"]),
    ],
)
def test_what_stays_here_needs_none(given: Given, variables: dict[str, str], channels: list[str]) -> None:
    settings = given(PRODUCTION | variables)
    assert problems(settings, channels) == [] and transfer.destinations(settings, channels) == []


def test_a_basis_of_blanks_is_none(given: Given) -> None:
    assert transfer.is_refused(given(PRODUCTION | {"BOT_LLM__BASE_URL": "https://example.org", BASIS: " \t\n"}))


def test_a_proxy_takes_it_out_of_this_machine(given: Given) -> None:
    """A model on the loopback, and a shell whose proxy stands elsewhere: the question goes to the proxy."""
    here = PRODUCTION | {"BOT_LLM__BASE_URL": "http://127.0.0.1:8000/v1"}
    assert not transfer.is_refused(given(here))
    assert transfer.is_refused(given({"http_proxy": "http://proxy.example.org:3128"}))
    assert not transfer.is_refused(given({"no_proxy": "127.0.0.1"}))


COMMANDS = [
    ["play", "script.jsonl", "--data", "data"],
    ["kb", "ask", "坏果怎么退", "--data", "data"],
    ["serve", "--channels", "web", "--data", "data"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: " ".join(command[:2]))
def test_the_commands_say_no(tmp_path: Path, command: list[str]) -> None:
    """A public address that would answer nobody: the command ends at once, in a sentence, and has not knocked there."""
    (tmp_path / "script.jsonl").write_text("")
    variables = PRODUCTION | {"BOT_LLM__BASE_URL": "http://192.0.2.1:9/v1", "BOT_LLM__MODEL": "m"}
    done = subprocess.run(
        [sys.executable, "-m", "bot", *command],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert BASIS in done.stderr and "Traceback" not in done.stderr


# ---------------------------------------------------------------- on trial


def test_on_trial_it_is_said_once_before_it_goes(given: Given, capsys: pytest.CaptureFixture[str]) -> None:
    settings = given(
        {
            "BOT_LLM__BASE_URL": "https://key@model.example.org/v1?key=secret",
            "BOT_LLM__EMBEDDING_BASE_URL": "https://vectors.example.org",
            "BOT_TELEGRAM__TOKEN": "1:x",
        }
    )
    transfer.tell(settings, ["telegram"])
    said = capsys.readouterr().err
    assert said.count(BASIS) == 3 and "secret" not in said and "key" not in said
    for host in ("model.example.org", "vectors.example.org", "api.telegram.org"):
        assert host in said
    transfer.tell(settings, ["telegram"])
    assert capsys.readouterr().err == ""


def test_with_a_basis_nothing_is_said(given: Given, capsys: pytest.CaptureFixture[str]) -> None:
    transfer.tell(given({"BOT_LLM__BASE_URL": "https://example.org", BASIS: "contract"}), ["telegram"])
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    "variable", ["LANGSMITH_TRACING", "LANGSMITH_TRACING_V2", "LANGCHAIN_TRACING", "LANGCHAIN_TRACING_V2"]
)
def test_no_tracing_service_is_told_what_is_asked(variable: str) -> None:
    """A developer's shell may ask for it; every question would go to a host abroad."""
    code = (
        "import knowledge.model\n"
        "from langchain_core.tracers.context import _tracing_v2_is_enabled\n"
        "print(_tracing_v2_is_enabled())"
    )
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), variable: "true"}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "False"


class Asked(BaseHTTPRequestHandler):
    """A model's host that sends whoever asks to another one, or is that other one."""

    elsewhere = ""
    reached: ClassVar[list[str]] = []

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.reached.append("there" if self.connection.getsockname()[1] in _THERE else "here")
        self.send_response(307 if Asked.elsewhere else 500)
        self.send_header("location", Asked.elsewhere + self.path)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


_THERE: set[int] = set()


@pytest.fixture
def redirecting() -> Iterator[str]:
    """The address of a host on this machine that sends on to another one."""
    servers = [HTTPServer(("127.0.0.1", 0), Asked) for _ in range(2)]
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    here, there = servers
    _THERE.add(there.server_port)
    Asked.elsewhere = f"http://127.0.0.1:{there.server_port}"
    Asked.reached.clear()
    yield f"http://127.0.0.1:{here.server_port}/v1"
    for server in servers:
        server.shutdown()
        server.server_close()
    _THERE.clear()


async def test_a_model_that_sends_on_to_another_host_is_not_followed(redirecting: str) -> None:
    settings = KnowledgeSettings(base_url=redirecting, model="m", retries=0, deadline=5)
    model = configured(settings)
    assert model is not None
    with pytest.raises(ModelFault):
        await model.word("坏果怎么退", ["拍照发给团长"])
    assert Asked.reached == ["here"]


def test_nor_are_embeddings(redirecting: str) -> None:
    settings = KnowledgeSettings(
        embedding_base_url=redirecting, embedding_model="m", embedding_dimension=8, embedding_timeout=5
    )
    with pytest.raises(ModelFault):
        EndpointEmbedder(settings).embed(["坏果怎么退"])
    assert set(Asked.reached) == {"here"}
