"""``python -m bot user …``: accounts of staff, managers and administrators. The very first administrator is made here.

Rows are the truth, so these commands work beside a running server as well.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.commands.beside import program_beside
from prompts.loader import texts

if TYPE_CHECKING:
    from bot.main import Program
    from storage.engine import Session

app = typer.Typer(help=texts().raw("user.about"), no_args_is_help=True)
MOST = 10_000

Data = Annotated[Path, typer.Option("--data", help="Data directory")]
AsJson = Annotated[bool, typer.Option("--json", help="Machine-readable output")]
Name = Annotated[str, typer.Argument(help=texts().raw("user.name"))]
Region = Annotated[str, typer.Option("--region", help=texts().raw("user.region"))]


def _out(line: str) -> None:
    sys.stdout.write(line + "\n")


def _done(program: Program, act: Callable[[Session], str | None]) -> str:
    """Run one act; a refusal is one line on stderr and 2."""
    from engagement.errors import Refusal

    try:
        return program.database.write_now(act) or ""
    except Refusal as no:
        sys.stderr.write(texts().fill(no.key, no.values) + "\n")
        raise typer.Exit(2) from no


def _told(program: Program, name: str, token: str, key: str, *, as_json: bool) -> None:
    from engagement.entry import rules
    from storage.entry import INVITED_DAYS

    link = rules.address(program.dispatcher.pages, f"/enter/{token}") if token else ""
    if as_json:
        _out(json.dumps({"name": name, "done": key, "link": link}, ensure_ascii=False))
        return
    _out(texts().fill(f"user.{key}", {"name": name}))
    if link:
        _out(texts().fill("user.link", {"link": link, "days": INVITED_DAYS}))
        if link.startswith("/"):
            _out(texts().raw("user.no_address"))


@app.command("add", help=texts().raw("user.add"))
def add(
    name: Name,
    role: Annotated[str, typer.Option("--role", help="admin | staff | manager")] = "",
    region: Region = "",
    person: Annotated[int, typer.Option("--person", help=texts().raw("user.person"))] = 0,
    data: Data = Path("data"),
    as_json: AsJson = False,
) -> None:
    """Make an account and print the link by which its person chooses a password."""
    from engagement.entry import accounts

    with program_beside(data) as program:
        now = program.clock.now()
        token = _done(program, lambda s: accounts.add(s, name, now, by=None, role=role, region=region, person=person))
        _told(program, name, token, "added", as_json=as_json)


@app.command("list", help=texts().raw("user.list"))
def listed(data: Data = Path("data"), as_json: AsJson = False) -> None:
    """List the accounts with their roles."""
    from storage import entry, identities

    with program_beside(data) as program:
        rows = program.database.read_now(
            lambda s: [(one, sorted(identities.roles(s, one.person_id))) for one in entry.logins(s, "", MOST)]
        )
    for one, roles in rows:
        if as_json:
            shown = {
                "name": one.name,
                "person": one.person_id,
                "roles": roles,
                "second_step": one.second_since is not None,
                "waiting": not one.password,
                "disabled": one.disabled_at is not None,
            }
            _out(json.dumps(shown, ensure_ascii=False))
        else:
            state = "disabled" if one.disabled_at else "waiting" if not one.password else "ready"
            values = {"name": one.name, "person": one.person_id, "roles": " ".join(roles) or "-"}
            _out(texts().fill(f"user.row_{state}", values))
    if not rows and not as_json:
        _out(texts().raw("user.none"))


@app.command("reset", help=texts().raw("user.reset"))
def reset(
    name: Name,
    second: Annotated[bool, typer.Option("--second-step", help=texts().raw("user.second_step"))] = False,
    data: Data = Path("data"),
    as_json: AsJson = False,
) -> None:
    """Let somebody choose a new password; prints the link."""
    from engagement.entry import accounts

    with program_beside(data) as program:
        now = program.clock.now()
        token = _done(
            program,
            lambda s: accounts.reset(s, accounts.found(s, name).person_id, now, by=None, second=second),
        )
        _told(program, name, token, "was_reset", as_json=as_json)


@app.command("disable", help=texts().raw("user.disable"))
def disable(name: Name, data: Data = Path("data"), as_json: AsJson = False) -> None:
    """Stop an account."""
    from engagement.entry import accounts

    with program_beside(data) as program:
        now = program.clock.now()
        _done(program, lambda s: accounts.disable(s, accounts.found(s, name).person_id, now, by=None))
        _told(program, name, "", "disabled", as_json=as_json)


@app.command("enable", help=texts().raw("user.enable"))
def enable(name: Name, data: Data = Path("data"), as_json: AsJson = False) -> None:
    """Open a stopped account again."""
    from engagement.entry import accounts

    with program_beside(data) as program:
        now = program.clock.now()
        _done(program, lambda s: accounts.enable(s, accounts.found(s, name).person_id, now, by=None))
        _told(program, name, "", "enabled", as_json=as_json)


@app.command("grant", help=texts().raw("user.grant"))
def grant(name: Name, role: str, region: Region = "", data: Data = Path("data"), as_json: AsJson = False) -> None:
    """Give a role."""
    from engagement.entry import accounts

    with program_beside(data) as program:
        now = program.clock.now()
        _done(
            program, lambda s: accounts.grant(s, accounts.found(s, name).person_id, role, now, by=None, region=region)
        )
        _told(program, name, "", "granted", as_json=as_json)


@app.command("revoke", help=texts().raw("user.revoke"))
def revoke(name: Name, role: str, data: Data = Path("data"), as_json: AsJson = False) -> None:
    """Take a role."""
    from engagement.entry import accounts

    with program_beside(data) as program:
        now = program.clock.now()
        _done(program, lambda s: accounts.revoke(s, accounts.found(s, name).person_id, role, now, by=None))
        _told(program, name, "", "revoked", as_json=as_json)
