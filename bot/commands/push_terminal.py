"""What the ``push`` commands share: words on a terminal, and which group somebody means."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from prompts.loader import texts

if TYPE_CHECKING:
    from engagement.errors import Refusal
    from storage.engine import Session
    from storage.groups import Group

Data = Annotated[Path, typer.Option("--data", help="Data directory")]
AsJson = Annotated[bool, typer.Option("--json", help="Machine-readable output")]
Yes = Annotated[bool, typer.Option("--yes", help=texts().raw("push.option_yes"))]
Key = Annotated[str, typer.Argument(metavar="KEY")]
BeatName = Annotated[str, typer.Argument(metavar="BEAT", help=texts().raw("push.option_beat"))]
Scope = Annotated[str, typer.Option("--scope", help="all | region:ID | group:ID")]
By = Annotated[str, typer.Option("--by", help=texts().raw("push.option_by"))]


def out(line: str) -> None:
    """Prints a line."""
    sys.stdout.write(line + "\n")


def say(key: str, /, **values: object) -> None:
    """Prints the text ``push.{key}``."""
    out(texts().fill(f"push.{key}", values))


def show(value: object) -> None:
    """Prints a result for a program."""
    out(json.dumps(value, ensure_ascii=False))


def fail(key: str, /, **values: object) -> typer.Exit:
    """One clear line on standard error; raise what is returned (2: bad input)."""
    sys.stderr.write(texts().fill(f"push.{key}", values) + "\n")
    return typer.Exit(2)


def refused(refusal: Refusal) -> typer.Exit:
    """The same for a slice's own no."""
    sys.stderr.write(texts().fill(refusal.key, refusal.values).replace("\n", " ") + "\n")
    return typer.Exit(2)


def day_of(text: str) -> date:
    """Read ``2026-12-01``; ends the command when it is none."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise fail("bad_day", day=text[:40]) from error


def sure(yes: bool, key: str, /, **values: object) -> None:
    """Ask before what cannot be taken back; ends the command unless it is a yes."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise fail("unconfirmed", what=texts().fill(f"push.{key}", values))
    if not typer.confirm(texts().fill(f"push.{key}", values), default=False):
        raise fail("left")


def group_of(session: Session, text: str) -> Group:
    """Find a group by its number, its id on the platform, or its name; ends the command when it is none or several."""
    from sqlmodel import col, or_, select

    from storage.groups import Group

    wanted = text.strip()
    found: Sequence[Group] = []
    if wanted.isascii() and wanted.isdigit() and len(wanted) <= 18:
        found = session.exec(select(Group).where(Group.id == int(wanted))).all()
    if not found:
        found = session.exec(
            select(Group).where(or_(Group.external_id == wanted, Group.name == wanted)).order_by(col(Group.id))
        ).all()
    if not found:
        raise fail("no_group", group=wanted[:40])
    if len(found) > 1:
        raise fail("many_groups", group=wanted[:40], numbers="、".join(str(one.id) for one in found[:8]))
    return found[0]
