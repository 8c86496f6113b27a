"""The composition: one owner of a directory, the clock's way, what is forgotten; the command line and its logs."""

from __future__ import annotations

import asyncio
import io
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import structlog
from sqlalchemy import update
from sqlmodel import col, select
from typer.testing import CliRunner

from bot import logs
from bot.__main__ import app, main
from bot.main import Busy, Ownership, Program, open_program
from bot.server import Server
from bot.settings import Settings
from engagement.clocks import SetClock, SystemClock
from engagement.kernel import Event, Incoming, Outcome, Outgoing, Place, Receipt
from storage.campaigns import Delivery
from storage.inbox import Inbox
from storage.outbox import SentMessage
from tests.bot.house import NOW

ROOT = Path(__file__).resolve().parents[2]


class Taker:
    """Takes everything."""

    def __init__(self) -> None:
        self.sent: list[Outgoing] = []

    async def send(self, message: Outgoing) -> Receipt:
        self.sent.append(message)
        return Receipt(Outcome.SENT, provider_id=f"p{len(self.sent)}")


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    """A program on a clock that is set, with one group."""
    opened = open_program(tmp_path / "data", Settings(), clock=SetClock(NOW), answers=False, gated=False)
    opened.senders["play"] = Taker()
    asyncio.run(opened.take(incoming("m0", Event.BOT_ADDED, NOW)))
    yield opened
    opened.close()


def incoming(number: str, event: Event, now: datetime, text: str = "") -> Incoming:
    return Incoming(event, "play", number, Place.GROUP, "g1", "u9", now, now, sender_name="周团长", text=text)


def test_one_owner(tmp_path: Path) -> None:
    first = Ownership(tmp_path / "data")
    with pytest.raises(Busy):
        Ownership(tmp_path / "data")
    with pytest.raises(Busy):
        open_program(tmp_path / "data", Settings(), answers=False)
    beside = open_program(tmp_path / "data", Settings(), answers=False, own=False)
    beside.close()
    first.release()
    again = open_program(tmp_path / "data", answers=False)
    assert isinstance(again.clock, SystemClock)
    again.close()


def test_a_directory_that_cannot_be_opened_is_let_go(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "tuantuan.db").write_text("this is not a database" * 100)
    with pytest.raises(Exception, match="not a database"):
        open_program(folder, Settings(), answers=False)
    Ownership(folder).release()


def test_the_clock_stops_at_every_due_instant(program: Program) -> None:
    clock = program.clock
    assert isinstance(clock, SetClock)

    async def main() -> None:
        await program.advance(clock, NOW)
        await program.advance(clock, NOW + timedelta(days=2))

    asyncio.run(main())
    assert clock.now() == NOW + timedelta(days=2)
    sent = program.database.read_now(lambda s: list(s.exec(select(Delivery).where(Delivery.state == "sent"))))
    assert sent
    assert all(row.sent_at == row.due_at for row in sent)


def test_a_clock_that_cannot_be_held_still_reaches_its_end(program: Program) -> None:
    """A platform that never takes a push: it is put off, and the clock goes on."""

    class Never:
        async def send(self, message: Outgoing) -> Receipt:
            return Receipt(Outcome.RETRY, retry_after=3600.0)

    program.senders["play"] = Never()
    clock = program.clock
    assert isinstance(clock, SetClock)
    asyncio.run(program.advance(clock, NOW + timedelta(days=1)))
    assert clock.now() == NOW + timedelta(days=1)


def test_what_need_not_be_kept_is_forgotten_once_an_hour(program: Program) -> None:
    clock = program.clock
    assert isinstance(clock, SetClock)

    def kept() -> tuple[int, int]:
        return program.database.read_now(
            lambda s: (len(s.exec(select(Inbox)).all()), len(s.exec(select(SentMessage)).all()))
        )

    async def main() -> None:
        await program.take(incoming("m1", Event.MESSAGE, NOW, "今日话题"))
        await program.prune()
        assert kept() == (2, 2)
        clock.set(NOW + timedelta(days=15))
        await program.prune()
        assert kept() == (0, 2)
        await program.take(incoming("m2", Event.MESSAGE, NOW, "签到"))
        clock.set(NOW + timedelta(days=15, minutes=59))
        await program.prune()
        assert kept() == (1, 2), "not yet again"
        clock.set(NOW + timedelta(days=61))
        await program.prune()
        assert kept() == (0, 0)

    asyncio.run(main())


def test_every_kind_of_push_has_its_name_once(program: Program) -> None:
    kinds = [job.kind for job in program.jobs]
    assert len(kinds) == len(set(kinds)) > 3


# ---------------------------------------------------------------- the command line


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    """A data directory whose database is none."""
    (tmp_path / "tuantuan.db").write_text("this is not a database" * 100)
    return tmp_path


@pytest.mark.parametrize("command", ["play SCRIPT", "verify", "kb list", "push status", "serve --channels web"])
def test_a_damaged_database_is_said_in_one_line(
    damaged: Path, command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    script = damaged / "script.jsonl"
    script.write_text('{"at": "2026-12-01T09:00:00+08:00"}\n')
    monkeypatch.setenv("BOT_WEB__PORT", "0")
    monkeypatch.setattr(sys, "argv", ["bot", *command.replace("SCRIPT", str(script)).split(), "--data", str(damaged)])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 2
    said = capsys.readouterr().err
    assert "not a database" in said
    assert len(said.strip().splitlines()) == 1, said


def test_a_damaged_database_is_said_in_one_line_by_the_program(damaged: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "bot", "verify", "--data", str(damaged)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert run.returncode == 2, run.stderr
    assert "not a database" in run.stderr
    assert len(run.stderr.strip().splitlines()) == 1, run.stderr


@pytest.mark.parametrize("command", ["serve", "play", "kb", "push", "verify", "doctor", "bench"])
def test_every_command_explains_itself_in_chinese(command: str) -> None:
    result = CliRunner().invoke(app, [command, "--help"])
    assert result.exit_code == 0
    assert any("\u4e00" <= char <= "\u9fff" for char in result.stdout)


def test_chinese_goes_out_also_where_the_locale_knows_none(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "bot", "doctor", "--data", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        check=False,
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
    )
    assert run.returncode == 0, run.stderr
    assert "没有发现问题" in run.stdout.decode("utf-8")


@pytest.mark.parametrize("name", ["nothing", "../x", "__init__", "os.path", ""])
def test_a_bench_that_is_not_there(name: str) -> None:
    result = CliRunner().invoke(app, ["bench", name])
    assert result.exit_code == 2
    assert len(result.stderr.strip().splitlines()) == 1


# ---------------------------------------------------------------- logs


@pytest.fixture
def unconfigured() -> Iterator[None]:
    """Puts the tests' own logging back."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)


def test_logs_hold_no_words_and_no_secrets(monkeypatch: pytest.MonkeyPatch, unconfigured: None) -> None:
    out = io.StringIO()
    monkeypatch.setattr(sys, "stderr", out)
    logs.set_up(level="INFO")
    log = structlog.get_logger("test")
    token = "123456789:" + "A" * 35
    try:
        int(f"{token} of 13912345678")
    except ValueError:
        log.exception("bug", inbox=7, text="李阿姨的话", name="李阿姨", url=f"https://x/bot{token}/send")
    log.debug("not shown")
    log.info("call", number="13912345678", key="sk-" + "a" * 20)
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [line["event"] for line in lines] == ["bug", "call"]
    assert lines[0]["inbox"] == 7
    for leak in (token, "13912345678", "李阿姨", "a" * 20):
        assert leak not in out.getvalue()


def test_logs_for_a_terminal(monkeypatch: pytest.MonkeyPatch, unconfigured: None) -> None:
    out = io.StringIO()
    monkeypatch.setattr(sys, "stderr", out)
    logs.set_up(level="WARNING", json=False)
    structlog.get_logger("test").warning("slow", ms=70)
    assert "slow" in out.getvalue()
    assert not out.getvalue().startswith("{")


async def _nothing(_self: object) -> None:
    """Neither pushes nor pictures."""


@pytest.mark.parametrize("role", ["web", "worker"])
def test_what_a_dead_process_received_is_handled_by_whoever_can_speak_there(
    program: Program, role: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one web is down for good: a worker speaks on the channel, too."""
    monkeypatch.setattr(Server, "_start_beat", _nothing)
    monkeypatch.setattr(Server, "_paint", _nothing)
    left = replace(incoming("m1", Event.MESSAGE, NOW, "签到"), message_id="7")

    async def main() -> None:
        row = await program.gateway.accept(left)
        dead = update(Inbox).where(col(Inbox.id) == row).values(receiver="dead/1")
        await program.database.write(lambda s: s.execute(dead))
        server = Server(program, [], role)
        await server.start()
        await server.stop()

    asyncio.run(main())
    assert [one.reply_to for one in program.senders["play"].sent][-1:] == ["7"]  # type: ignore[attr-defined]
    assert program.database.read_now(lambda s: s.exec(select(Inbox.state).order_by(col(Inbox.id))).all())[-1] == "done"
