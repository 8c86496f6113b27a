"""``python -m bot kb …``: what staff do with a document besides adding and publishing: look, date, care, put away, erase."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from bot.commands import kb_words
from bot.commands.kb_terminal import AsJson, By, Data, Identity, as_json, fail, run, say, table
from prompts.loader import texts


def accept(
    identity: Identity,
    findings: Annotated[list[str] | None, typer.Argument(metavar="FINDING…")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All that waits in the newest version")] = False,
    data: Data = Path("data"),
    by: By = "",
    json_: AsJson = False,
) -> None:
    """Let findings pass after somebody has looked."""
    if not findings and not everything:
        raise fail("kb.accept_which", {"id": identity[:40]})
    result = run(data, "accept", id=identity, findings=findings or [], by=by)
    as_json(result) if json_ else say("accepted" if result["passed"] else "seen", **result)


def restore(identity: Identity, data: Data = Path("data"), by: By = "", json_: AsJson = False) -> None:
    """Bring a removed document back."""
    result = run(data, "restore", id=identity, by=by)
    as_json(result) if json_ else say("restored", id=result["id"])


def archive(
    identity: Identity,
    version: Annotated[str, typer.Argument(metavar="VERSION")],
    data: Data = Path("data"),
    by: By = "",
    json_: AsJson = False,
) -> None:
    """Put a version away, or take it out again."""
    result = run(data, "archive", id=identity, version=version, by=by)
    as_json(result) if json_ else say("archived" if result["stage"] == "archived" else "taken_out", **result)


def dates(
    identity: Identity,
    first: Annotated[str, typer.Option("--from", metavar="YYYY-MM-DD", help="First day; empty = from now on")] = "",
    last: Annotated[str, typer.Option("--until", metavar="YYYY-MM-DD", help="Last day; empty = without end")] = "",
    data: Data = Path("data"),
    by: By = "",
    json_: AsJson = False,
) -> None:
    """Say from which day until which day a document answers."""
    result = run(data, "dates", **{"id": identity, "from": first, "until": last, "by": by})
    if json_:
        as_json(result)
    elif result["from"] or result["until"]:
        say("dated", id=result["id"], first=result["from"] or "", last=result["until"] or "")
    else:
        say("undated", id=result["id"])


def care(
    identity: Identity,
    owner: Annotated[str | None, typer.Option(help="Who answers for it")] = None,
    review: Annotated[str, typer.Option(metavar="YYYY-MM-DD|none", help="When to look through it again")] = "",
    audience: Annotated[str | None, typer.Option(help="everybody | leaders")] = None,
    data: Data = Path("data"),
    by: By = "",
    json_: AsJson = False,
) -> None:
    """Say who answers for a document, when to look through it again, and whom it is for."""
    result = run(data, "care", id=identity, owner=owner, review=review, audience=audience, by=by)
    as_json(result) if json_ else say("cared", id=result["id"], name=result["name"])


def erase(
    identity: Identity,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask")] = False,
    data: Data = Path("data"),
    by: By = "",
    json_: AsJson = False,
) -> None:
    """Erase a document's words for good."""
    if not yes:
        if not sys.stdin.isatty():
            raise fail("kb.erase_unconfirmed", {"id": identity[:40]})
        typer.confirm(texts().fill("kb.erase_sure", {"id": identity[:40]}), abort=True, err=True)
    result = run(data, "erase", id=identity, confirmed=True, by=by)
    kept = sorted(path.name for path in (data / "backups").glob("*.zip"))
    if json_:
        as_json({**result, "backups": kept})
        return
    say("erased", **result)
    say("erased_backups" if kept else "erased_no_backups", count=len(kept), path=str(data / "backups"))


def usage(
    data: Data = Path("data"),
    span: Annotated[str, typer.Option("--by", help="day | week | model")] = "day",
    count: Annotated[int, typer.Option("--days", help="Of how many days, today among them")] = 30,
    json_: AsJson = False,
) -> None:
    """Tell what outside models used and cost."""
    result = run(data, "usage", span=span, days=count)
    if json_:
        as_json(result)
    elif not result["rows"]:
        say("usage_none", first=result["since"])
    else:
        columns = ("span", "model", "calls", "failures", "sent", "written", "cost")
        table(columns, [kb_words.used(one) for one in result["rows"]], folded=1)
        say("usage_all", first=result["since"], last=result["until"], **kb_words.priced(result["all"]))
        say("usage_tokens", **result["all"])


def add_to(app: typer.Typer) -> None:
    """Registers the commands."""
    for command in (accept, restore, archive, dates, care, erase, usage):
        app.command(command.__name__, help=texts().raw(f"kb.{command.__name__}"))(command)
