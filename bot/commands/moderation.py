"""``python -m bot words …``: the words that are held back, out into a file and in again, for all, a region or a group.

A list goes in whole or not at all. Rows are the truth, so these commands work beside a running server as well.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.commands.beside import program_beside
from prompts.loader import texts

if TYPE_CHECKING:
    from bot.main import Program
    from engagement.moderation.files import Change, Fault, Wanted

app = typer.Typer(help=texts().raw("moderation.cli_about"), no_args_is_help=True)

_MOST_SHOWN = 20

Data = Annotated[Path, typer.Option("--data", help="Data directory")]
AsJson = Annotated[bool, typer.Option("--json", help="Machine-readable output")]
Scope = Annotated[str, typer.Option(help="all | region:ID | group:ID")]


def _out(line: str) -> None:
    sys.stdout.write(line + "\n")


def _say(key: str, **values: object) -> None:
    _out(texts().fill(f"moderation.cli_{key}", values))


def _fail(key: str, **values: object) -> typer.Exit:
    sys.stderr.write(texts().fill(f"moderation.cli_{key}", values) + "\n")
    return typer.Exit(2)


def _scope(program: Program, scope: str) -> tuple[str, int]:
    from engagement.moderation import files

    found = program.database.read_now(lambda session: files.scope_id(session, scope))
    if found is None:
        raise _fail("no_scope", scope=scope)
    return found


@app.command("export", help=texts().raw("moderation.cli_export"))
def export(
    file: Annotated[Path, typer.Argument()],
    scope: Scope = "all",
    data: Data = Path("data"),
    gb18030: Annotated[bool, typer.Option("--gb18030", help=texts().raw("moderation.cli_gb18030"))] = False,
    as_json: AsJson = False,
) -> None:
    """Write the words of a scope into a file that ``import`` reads."""
    from engagement.moderation import files

    with program_beside(data) as program:
        name, number = _scope(program, scope)
        found = program.database.read_now(lambda session: files.words(session, name, number))
    _write(file, files.shown(found), "gb18030" if gb18030 else "utf-8-sig")
    if as_json:
        _out(json.dumps({"file": str(file), "scope": scope, "words": len(found)}, ensure_ascii=False))
    else:
        _say("exported", file=file, count=len(found))


def _write(file: Path, text: str, encoding: str) -> None:
    try:
        with file.open("x", encoding=encoding, newline="") as out:
            out.write(text)
    except FileExistsError as error:
        raise _fail("file_exists", file=file) from error
    except OSError as error:
        raise _fail("cannot_write", file=file, why=error.strerror) from error


@app.command("import", help=texts().raw("moderation.cli_import"))
def take_in(
    file: Annotated[Path, typer.Argument()],
    scope: Scope = "all",
    data: Data = Path("data"),
    replace: Annotated[bool, typer.Option("--replace", help=texts().raw("moderation.cli_replace"))] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help=texts().raw("moderation.cli_dry_run"))] = False,
    as_json: AsJson = False,
) -> None:
    """Read a list and put it in place, whole or not at all."""
    from engagement.moderation import files

    wanted = _read(file, as_json=as_json, empty=replace)
    with program_beside(data) as program:
        name, number = _scope(program, scope)
        stands = program.database.read_now(lambda session: files.words(session, name, number))
        what = files.change(stands, wanted, replace=replace)
        if what.kept + len(what.add) > files.MOST_WORDS:
            raise _fail("too_many", most=files.MOST_WORDS)
        before = None
        if not dry_run and (what.add or what.drop):
            now = program.clock.now()
            before = data / f"words-before-{name}-{number}-{now:%Y%m%dT%H%M%S%f}.csv"
            _write(before, files.shown(stands), "utf-8-sig")
            program.database.write_now(lambda session: files.put(session, name, number, what, now))
    if as_json:
        figures = {"added": list(what.add), "removed": list(what.drop), "kept": what.kept, "dry_run": dry_run}
        _out(json.dumps({**figures, "before": str(before or "")}, ensure_ascii=False))
        return
    _told(what, dry_run=dry_run)
    if before is not None:
        _say("way_back", file=before, scope=scope, data=data)


def _read(file: Path, *, as_json: bool, empty: bool) -> Wanted:
    from engagement.moderation import files

    try:
        body = file.read_bytes()
    except OSError as error:
        raise _fail("cannot_read", file=file, why=error.strerror) from error
    try:
        wanted, faults = files.read(files.decode(body))
    except files.Unreadable as error:
        raise _fail(f"unreadable_{error.why}", file=file) from error
    if faults:
        _refused(faults, as_json=as_json)
        raise typer.Exit(2)
    if not empty and not wanted.add and not wanted.drop:
        raise _fail("unreadable_empty", file=file)
    return wanted


def _refused(faults: Sequence[Fault], *, as_json: bool) -> None:
    if as_json:
        rows = [{"line": one.line, "why": one.why, "word": one.word} for one in faults]
        _out(json.dumps({"refused": rows}, ensure_ascii=False))
    for one in faults[:_MOST_SHOWN]:
        why = texts().raw(f"moderation.cli_fault_{one.why}")
        _fail("fault", line=one.line, word=one.word, why=why)
    _fail("nothing_imported", count=len(faults))


def _told(what: Change, *, dry_run: bool) -> None:
    _say("would" if dry_run else "imported", added=len(what.add), removed=len(what.drop), kept=what.kept)
    for sign, some in (("+", what.add), ("-", what.drop)):
        for word in some[:_MOST_SHOWN]:
            _out(f"  {sign} {word}")
        if len(some) > _MOST_SHOWN:
            _say("more", sign=sign, count=len(some) - _MOST_SHOWN)
