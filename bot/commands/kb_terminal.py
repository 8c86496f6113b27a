"""What the ``kb`` commands share: a request to whoever owns the data directory, words, tables and bars on a terminal."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from prompts.loader import plain, texts

Data = Annotated[Path, typer.Option("--data", help="Data directory")]
AsJson = Annotated[bool, typer.Option("--json", help="Machine-readable output")]
By = Annotated[str, typer.Option("--by", help="Who does it")]
Identity = Annotated[str, typer.Argument(metavar="ID")]
_WIDTH = 80


def out(line: str) -> None:
    """Prints a line."""
    sys.stdout.write(line + "\n")


def say(key: str, **values: object) -> None:
    """Prints the text ``kb.{key}``."""
    out(texts().fill(f"kb.{key}", values))


def fail(key: str, values: dict[str, Any]) -> typer.Exit:
    """One clear line on standard error; raise what is returned (2: bad input)."""
    sys.stderr.write(texts().fill(key, values).replace("\n", " ") + "\n")
    return typer.Exit(2)


def as_json(value: dict[str, Any]) -> None:
    """Prints a result for a program."""
    out(json.dumps(value, ensure_ascii=False))


def width() -> int:
    """Columns of the terminal, 80 where there is none."""
    return max(40, shutil.get_terminal_size((_WIDTH, 24)).columns) if sys.stdout.isatty() else _WIDTH


def table(columns: Sequence[str], rows: Sequence[Sequence[object]], *, folded: int = -1) -> None:
    """Prints rows under headings within the terminal's width; Chinese counts two columns a character.

    Args:
        columns: Last parts of text keys ``kb.column_…``.
        rows: Cells; control characters are taken out of them.
        folded: Which column gives way and goes on in the next line.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    made = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1), expand=False)
    folded %= len(columns)
    for at, name in enumerate(columns):
        made.add_column(texts().raw(f"kb.column_{name}"), overflow="fold", no_wrap=at != folded)
    for row in rows:
        made.add_row(*(Text(plain(str(cell))) for cell in row))
    Console(file=sys.stdout, width=width(), highlight=False, soft_wrap=False, color_system=None).print(made)


@contextmanager
def bar() -> Iterator[Callable[[str, int, int], None]]:
    """A progress bar on standard error, shown only on a terminal."""
    if not sys.stderr.isatty():
        yield lambda *_: None
        return
    from rich.console import Console
    from rich.progress import Progress, TaskID

    with Progress(console=Console(stderr=True), transient=True) as bars:
        tasks: dict[str, TaskID] = {}

        def show(kind: str, done: int, total: int) -> None:
            said = texts().fill(f"kb.progress_{kind}", {"done": done, "total": total})
            if kind not in tasks:
                tasks[kind] = bars.add_task(said, total=total)
            bars.update(tasks[kind], completed=done, total=total, description=said)

        yield show


def run(data: Path, action: str, **arguments: object) -> dict[str, Any]:
    """Does a request through the owner of the directory, or as its owner; ends the command with one line on a refusal."""
    from bot import control
    from bot.main import Busy
    from engagement.errors import Refusal
    from knowledge.errors import KnowledgeRefusal

    request = {"kind": "kb", "action": action, **arguments}
    with bar() as shown:
        try:
            if (data / control.NAME).exists():
                try:
                    return control.ask(data, request, shown)
                except control.NoServer:
                    pass  # a socket that a killed server left behind
            return _as_owner(data, request, shown)
        except (KnowledgeRefusal, Refusal) as refusal:
            raise fail(refusal.key, dict(refusal.values)) from refusal
        except Busy as error:
            raise fail("kb.busy", {"path": str(data)}) from error


def _as_owner(data: Path, request: dict[str, Any], shown: Callable[[str, int, int], None]) -> dict[str, Any]:
    import asyncio
    from datetime import UTC, datetime

    from bot import logs, transfer
    from bot.main import Ownership
    from bot.settings import Settings
    from knowledge import requests
    from knowledge.answering import open_answering
    from storage import migrate
    from storage.engine import open_database

    logs.set_up(level="ERROR")
    settings = Settings()
    now = datetime.now(UTC)
    request = {**request, "zone": settings.knowledge.zone}
    ownership = Ownership(data)
    try:
        database = open_database(data, settings.database)
        try:
            migrate.upgrade(database)
            if requests.reads_only(request["action"]):
                return requests.read(database, request, now)
            transfer.tell(settings)
            answering = open_answering(database, data, settings.llm, settings.knowledge)
            try:
                return asyncio.run(requests.handle(answering, request, now, shown))
            finally:
                answering.close()
        finally:
            database.close()
    finally:
        ownership.release()
