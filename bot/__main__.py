"""The command line. Heavy parts are imported by the command that needs them, so that ``--help`` answers at once."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from bot.commands import kb, moderation, push, user
from bot.commands.usage import Main
from prompts.loader import texts
from storage.errors import Unreadable, WentWrong

Data = Annotated[Path, typer.Option("--data", help="Data directory")]
AsJson = Annotated[bool, typer.Option("--json", help="Machine-readable output")]

app = typer.Typer(
    name="tuantuan",
    cls=Main,
    help=texts().raw("cli.about"),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
)
app.add_typer(kb.app, name="kb")
app.add_typer(push.app, name="push")
app.add_typer(moderation.app, name="words")
app.add_typer(user.app, name="user")


def _out(line: str) -> None:
    sys.stdout.write(line + "\n")


def fail(key: str, **values: object) -> typer.Exit:
    """Print one clear line on stderr and end with 2 (bad input)."""
    sys.stderr.write(texts().fill(f"cli.{key}", values) + "\n")
    return typer.Exit(2)


@app.command(help=texts().raw("cli.serve"))
def serve(
    data: Data = Path("data"),
    channels: Annotated[str, typer.Option(help="telegram,wechat,wecom,wecom_bot,web,sim,terminal")] = "web,sim",
    role: Annotated[str, typer.Option(help="all | web | worker")] = "all",
) -> None:
    """Serve until SIGINT or SIGTERM."""
    import gc

    gc.disable()  # until it is ready: a tenth of the start was spent looking for garbage among imported modules
    from bot import server

    raise typer.Exit(server.run(data, [c.strip() for c in channels.split(",") if c.strip()], role))


@app.command(help=texts().raw("cli.play"))
def play(script: Path, data: Data = Path("data"), as_json: AsJson = False) -> None:
    """Replay a script on a simulated clock."""
    import asyncio

    from bot import logs
    from bot import play as playing
    from bot.main import Busy, replay
    from bot.settings import Settings
    from engagement.errors import Refusal

    settings = Settings()
    logs.set_up(level="ERROR")
    if not script.is_file():
        raise fail("no_file", path=script)

    def write(line: dict[str, object]) -> None:
        _out(json.dumps(line, ensure_ascii=False) if as_json else _words(line))

    try:
        summary = asyncio.run(replay(playing.read_script(script), data, settings, write))
    except playing.BadScript as error:
        raise fail("bad_script", what=error) from error
    except Busy as error:
        raise fail("busy", path=data) from error
    except Refusal as error:
        sys.stderr.write(texts().fill(error.key, error.values) + "\n")
        raise typer.Exit(2) from error
    _out(json.dumps({"summary": summary}, ensure_ascii=False) if as_json else texts().fill("cli.summary", summary))


def _words(line: dict[str, Any]) -> str:
    where = line["group"] or f"@{line['to']}"
    return f"[{line['at'][5:16]}] {where} {line['kind']}: {line['text']}"


@app.command(help=texts().raw("cli.verify"))
def verify(data: Data = Path("data"), as_json: AsJson = False) -> None:
    """Check every invariant; exit 1 when one does not hold."""
    from bot import verification
    from bot.settings import Settings

    results = verification.verify(data, Settings())
    if as_json:
        _out(json.dumps({"ok": all(r.ok for r in results), "checks": [r.shown() for r in results]}, ensure_ascii=False))
    else:
        for result in results:
            _out(texts().fill("cli.verify_ok" if result.ok else "cli.verify_bad", result.shown()))
    raise typer.Exit(0 if all(result.ok for result in results) else 1)


@app.command(help=texts().raw("cli.doctor"))
def doctor(
    data: Data = Path("data"),
    as_json: AsJson = False,
    online: Annotated[bool, typer.Option("--online", help=texts().raw("cli.doctor_online"))] = False,
) -> None:
    """Say what is misconfigured and how to mend it."""
    from bot import diagnosis, logs
    from bot.settings import Settings

    settings = Settings()
    diagnosis.say_what_leaves(settings)
    findings = diagnosis.examine(data, settings)
    if online:
        logs.set_up(level="CRITICAL")
        findings += diagnosis.ask_platforms(settings, data)
    if as_json:
        _out(json.dumps({"ok": not findings, "findings": findings}, ensure_ascii=False))
    else:
        for finding in findings or [texts().raw("cli.doctor_fine")]:
            _out(finding)
    raise typer.Exit(1 if findings else 0)


@app.command(help=texts().raw("cli.backup"))
def backup(file: Path, data: Data = Path("data"), as_json: AsJson = False) -> None:
    """Write everything into one file; a server may run meanwhile."""
    from bot.commands import backup as commands_backup

    try:
        made = commands_backup.take(data, file, texts().raw("cli.backup_bar"))
    except FileNotFoundError as error:
        raise fail("nothing_to_back_up", path=error.filename or data) from error
    except FileExistsError as error:
        raise fail("file_exists", path=file) from error
    except OSError as error:
        raise fail("cannot_write", path=file, why=error.strerror) from error
    figures = {"file": str(file), "rows": made.rows, "tables": len(made.tables), "bytes": file.stat().st_size}
    _out(json.dumps(figures, ensure_ascii=False) if as_json else texts().fill("cli.backed_up", figures))


@app.command(help=texts().raw("cli.restore"))
def restore(
    file: Path,
    data: Data = Path("data"),
    replace: Annotated[bool, typer.Option("--replace", help=texts().raw("cli.restore_replace"))] = False,
    as_json: AsJson = False,
) -> None:
    """Bring a data directory back to what a backup holds."""
    from bot import verification
    from bot.commands import backup as commands_backup
    from bot.main import Busy
    from bot.settings import Settings
    from storage.backup import Unusable

    if not file.is_file():
        raise fail("no_file", path=file)

    def kept(path: Path) -> None:
        sys.stderr.write(texts().fill("cli.kept_before", {"file": path}) + "\n")

    try:
        made = commands_backup.put_back(data, file, texts().raw("cli.restore_bar"), replace=replace, said=kept)
    except Unusable as error:
        raise fail(f"restore_{error.why}", path=file) from error
    except commands_backup.Occupied as error:
        raise fail("restore_occupied", path=data) from error
    except Busy as error:
        raise fail("busy", path=data) from error
    results = verification.verify(data, Settings())
    broken = [check.name for check in results if not check.ok]
    figures = {"rows": made.rows, "made_at": made.made_at, "checks": len(results), "broken": broken}
    if as_json:
        _out(json.dumps(figures, ensure_ascii=False))
    else:
        made_at = f"{datetime.fromisoformat(made.made_at).astimezone():%Y-%m-%d %H:%M}"
        _out(texts().fill("cli.restored", {**figures, "made_at": made_at}))
        if broken:
            _out(texts().fill("cli.restored_broken", {"broken": "、".join(broken)}))
    raise typer.Exit(1 if broken else 0)


@app.command(help=texts().raw("cli.bench"))
def bench(
    name: Annotated[
        str,
        typer.Argument(
            help="checkin | webhook | callbacks | start | month | cards | knowledge | planner | pushes | pages | seed | all"
        ),
    ],
    data: Data = Path("data"),
    groups: Annotated[int, typer.Option(min=0, help=texts().raw("cli.bench_groups"))] = 0,
    residents: Annotated[int, typer.Option(min=1, help=texts().raw("cli.bench_residents"))] = 1000,
    rate: Annotated[float, typer.Option(min=0, max=1000, help=texts().raw("cli.bench_rate"))] = 0.0,
    short: bool = False,
    as_json: AsJson = False,
) -> None:
    """Run what stands in benchmarks/."""
    import importlib

    from bot import logs

    logs.set_up(level="ERROR")
    try:
        runner = importlib.import_module(f"benchmarks.{name}") if name.isidentifier() else None
    except ModuleNotFoundError:
        runner = None
    if runner is None or not hasattr(runner, "run"):
        raise fail("no_bench", name=name)
    try:
        result = runner.run(
            data=data, groups=groups, residents=residents, short=short, **({"rate": rate} if rate else {})
        )
    except ValueError as error:
        raise fail("bad_bench", why=error) from error
    _out(json.dumps(result, ensure_ascii=False) if as_json else json.dumps(result, ensure_ascii=False, indent=2))


def main() -> None:
    """Run; UTF-8 also under an ASCII locale."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="backslashreplace")  # type: ignore[union-attr]
    try:
        app()
    except Unreadable as error:
        sys.stderr.write(texts().fill("cli.unreadable", {"what": error}) + "\n")
        sys.exit(2)
    except WentWrong as error:
        sys.stderr.write(texts().fill("cli.upgrade_broken", {"file": error.file, "broken": error}) + "\n")
        sys.exit(2)
    except ValueError as error:
        from pydantic import ValidationError

        if not isinstance(error, ValidationError) or error.title != "Settings":
            raise
        from bot.settings import complaints

        wrong = "；".join(f"{name}: {what}" for name, what in complaints(error))
        sys.stderr.write(texts().fill("cli.bad_setting", {"what": wrong}) + "\n")
        sys.exit(2)


if __name__ == "__main__":
    main()
