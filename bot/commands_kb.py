"""``python -m bot kb …``: the knowledge base from the command line (CONTRACT).

The commands talk to the server that owns the directory; they open the directory themselves only when none runs.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from prompts.loader import texts

app = typer.Typer(help=texts().raw("kb.about"), no_args_is_help=True)

Data = Annotated[Path, typer.Option("--data", help="Data directory")]
AsJson = Annotated[bool, typer.Option("--json", help="Machine-readable output")]
By = Annotated[str, typer.Option("--by", help="Who does it")]


def _out(line: str) -> None:
    sys.stdout.write(line + "\n")


def _say(key: str, **values: object) -> None:
    _out(texts().fill(f"kb.{key}", values))


def _fail(key: str, values: dict[str, Any]) -> typer.Exit:
    sys.stderr.write(texts().fill(key, values).replace("\n", " ") + "\n")
    return typer.Exit(2)


@contextmanager
def _bar() -> Iterator[Callable[[str, int, int], None]]:
    """A progress bar on standard error, shown only on a terminal."""
    if not sys.stderr.isatty():
        yield lambda *_: None
        return
    from rich.console import Console
    from rich.progress import Progress, TaskID

    with Progress(console=Console(stderr=True), transient=True) as bars:
        tasks: dict[str, TaskID] = {}

        def show(kind: str, done: int, total: int) -> None:
            if kind not in tasks:
                tasks[kind] = bars.add_task(texts().raw(f"kb.progress_{kind}"), total=total)
            bars.update(tasks[kind], completed=done, total=total)

        yield show


def _run(data: Path, action: str, **arguments: object) -> dict[str, Any]:
    """Do a request through the owner of the directory, or as its owner."""
    from bot import control
    from bot.main import Busy
    from knowledge.errors import KnowledgeRefusal

    request = {"kind": "kb", "action": action, **arguments}
    with _bar() as bar:
        try:
            if (data / control.NAME).exists():
                try:
                    return control.ask(data, request, bar)
                except control.NoServer:
                    pass  # a socket that a killed server left behind
            return _as_owner(data, request, bar)
        except KnowledgeRefusal as refusal:
            raise _fail(refusal.key, refusal.values) from refusal
        except Busy as error:
            raise _fail("kb.busy", {"path": str(data)}) from error


def _as_owner(data: Path, request: dict[str, Any], bar: Callable[[str, int, int], None]) -> dict[str, Any]:
    import asyncio
    from datetime import UTC, datetime

    from bot import logs
    from bot.main import Ownership
    from bot.settings import Settings
    from knowledge import requests
    from knowledge.answering import open_answering
    from storage import migrate
    from storage.engine import open_database

    logs.set_up(level="ERROR")
    settings = Settings()
    ownership = Ownership(data)
    try:
        database = open_database(data, settings.database)
        try:
            migrate.upgrade(database)
            if request["action"] in requests.READ_ONLY:
                return requests.read(database, request)
            answering = open_answering(database, data, settings.llm)
            try:
                return asyncio.run(requests.handle(answering, request, datetime.now(UTC), bar))
            finally:
                answering.close()
        finally:
            database.close()
    finally:
        ownership.release()


def _print(value: dict[str, Any]) -> None:
    _out(json.dumps(value, ensure_ascii=False))


@app.command(help=texts().raw("kb.add"))
def add(
    paths: Annotated[list[Path], typer.Argument()],
    data: Data = Path("data"),
    scope: Annotated[str, typer.Option(help="all | region:ID | group:ID")] = "all",
    owner: Annotated[str, typer.Option(help="Who answers for it")] = "",
    publish: Annotated[bool, typer.Option("--publish", help="Answer from it at once")] = False,
    as_json: AsJson = False,
) -> None:
    """Take files in."""
    where = [str(path.resolve()) for path in paths]
    result = _run(data, "add", paths=where, scope=scope, owner=owner, publish=publish)
    if as_json:
        _print(result)
    else:
        for one in result["added"]:
            _say("unchanged" if one["unchanged"] else "added", **{**one, "state": _state(one["state"])})
            for warning in one["warnings"]:
                _say("warned", name=one["name"], warning=texts().raw(f"kb.warning_{warning}"))
    for refusal in result["refused"]:
        _fail(refusal["key"], refusal["values"])
    if result["refused"]:
        raise typer.Exit(2)


def _state(state: str) -> str:
    return texts().raw(f"kb.state_{state}")


@app.command("list", help=texts().raw("kb.list"))
def list_documents(data: Data = Path("data"), as_json: AsJson = False) -> None:
    """List documents."""
    result = _run(data, "list")
    if as_json:
        _print(result)
    elif not result["documents"]:
        _say("none")
    else:
        for one in result["documents"]:
            _out("\t".join(texts().fill("kb.row", {**one, "state": _state(one["state"])}).split("\t")))


@app.command(help=texts().raw("kb.show"))
def show(
    identity: Annotated[str, typer.Argument(metavar="ID")], data: Data = Path("data"), as_json: AsJson = False
) -> None:
    """Show a document."""
    result = _run(data, "show", id=identity)
    if as_json:
        _print(result)
        return
    _say("shown", **{name: result[name] for name in ("id", "title", "scope")})
    for one in result["versions"]:
        _say(
            "shown_version",
            number=one["number"],
            state=_state(one["state"]),
            chunks=one["chunks"],
            at=one["created_at"],
        )
    for one in result["chunks"]:
        _out("")
        _out(f"[{one['entry']}] {one['title']}")
        _out(one["body"])


@app.command(help=texts().raw("kb.publish"))
def publish(
    identity: Annotated[str, typer.Argument(metavar="ID")],
    data: Data = Path("data"),
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Publish the newest version."""
    result = _run(data, "publish", id=identity, by=by)
    _print(result) if as_json else _say("published", **result)


@app.command(help=texts().raw("kb.rollback"))
def rollback(
    identity: Annotated[str, typer.Argument(metavar="ID")],
    version: Annotated[str, typer.Argument(metavar="VERSION")],
    data: Data = Path("data"),
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Publish an earlier version again."""
    result = _run(data, "rollback", id=identity, version=version, by=by)
    _print(result) if as_json else _say("published", **result)


@app.command(help=texts().raw("kb.remove"))
def remove(
    identity: Annotated[str, typer.Argument(metavar="ID")], data: Data = Path("data"), as_json: AsJson = False
) -> None:
    """Take a document out of all answers."""
    result = _run(data, "remove", id=identity)
    _print(result) if as_json else _say("removed", id=result["id"])


@app.command(help=texts().raw("kb.rebuild"))
def rebuild(data: Data = Path("data"), as_json: AsJson = False) -> None:
    """Make the vector index anew."""
    result = _run(data, "rebuild")
    _print(result) if as_json else _say("rebuilt", **result)


@app.command(help=texts().raw("kb.gaps"))
def gaps(data: Data = Path("data"), as_json: AsJson = False) -> None:
    """List unanswered questions."""
    result = _run(data, "gaps")
    if as_json:
        _print(result)
    elif not result["questions"]:
        _say("no_gaps")
    else:
        for one in result["questions"]:
            _out(f"{one['asked_at'][:16]}\t{one['group'] or ''}\t{one['question']}")


@app.command(help=texts().raw("kb.ask"))
def ask(
    question: str,
    data: Data = Path("data"),
    group: Annotated[str, typer.Option(help="Ask as a member of this group")] = "",
    as_json: AsJson = False,
) -> None:
    """Ask a question."""
    result = _run(data, "ask", question=question, group=group)
    if as_json:
        _print(result)
        return
    if result["decision"] == "answered":
        _out(result["answer"])
        for citation in result["citations"]:
            _say("cited", source=citation["document"])
    elif result["decision"] == "asked_back":
        _say("asked_back", options=" / ".join(one["question"] for one in result["candidates"][:3]))
    else:
        _say(result["decision"])


@app.command("eval", help=texts().raw("kb.eval"))
def evaluate(queries: Path, data: Data = Path("data"), as_json: AsJson = False) -> None:
    """Measure on questions with known answers."""
    result = _run(data, "eval", path=str(queries.resolve()))
    if as_json:
        _print(result)
    else:
        for name, value in result.items():
            _say("figure", name=name, value=value)
