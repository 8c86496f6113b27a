"""``python -m bot kb …``: the knowledge base from the command line (CONTRACT).

The commands talk to the server that owns the directory; they open the directory themselves only when none runs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from bot.commands import entries, kb_care, kb_words
from bot.commands.kb_terminal import AsJson, By, Data, Identity, as_json, fail, out, run, say, table
from prompts.loader import texts

app = typer.Typer(help=texts().raw("kb.about"), no_args_is_help=True)


@app.command(help=texts().raw("kb.add"))
def add(
    paths: Annotated[list[str], typer.Argument(metavar="PATH|URL…")],
    data: Data = Path("data"),
    scope: Annotated[str, typer.Option(help="all | region:ID | group:ID")] = "all",
    owner: Annotated[str, typer.Option(help="Who answers for it")] = "",
    audience: Annotated[str, typer.Option(help="everybody | leaders")] = "",
    publish: Annotated[bool, typer.Option("--publish", help="Answer from it at once")] = False,
    json_: AsJson = False,
) -> None:
    """Take files in, and pages of the web where the operator lets it."""
    where = [path if path.lower().startswith(("http://", "https://")) else str(Path(path).resolve()) for path in paths]
    result = run(data, "add", paths=where, scope=scope, owner=owner, audience=audience, publish=publish)
    if json_:
        as_json(result)
    else:
        for one in result["added"]:
            say("unchanged" if one["unchanged"] else "added", **{**one, "state": kb_words.state(one["state"])})
            for warning in one["warnings"]:
                say("warned", name=one["name"], warning=texts().raw(f"kb.warning_{warning}"))
            if one["findings"] and not one["unchanged"]:
                say("found", id=one["document"], figures=kb_words.figures(one["findings"]))
            if publish and one["clashes"]:
                say("published_clash", id=one["document"], count=len(one["clashes"]))
    for refusal in result["refused"]:
        fail(refusal["key"], refusal["values"])
    if result["refused"]:
        raise typer.Exit(2)


@app.command("list", help=texts().raw("kb.list"))
def list_documents(
    data: Data = Path("data"),
    removed: Annotated[bool, typer.Option("--removed", help="What was removed and can be restored")] = False,
    json_: AsJson = False,
) -> None:
    """List documents."""
    result = run(data, "list", removed=removed)
    if json_:
        as_json(result)
    elif not result["documents"]:
        say("none_removed" if removed else "none")
    else:
        columns = ("id", "state", "version", "chunks", "scope", "validity", "findings", "name")
        table(columns, [kb_words.row(one) for one in result["documents"]])


@app.command(help=texts().raw("kb.show"))
def show(
    identity: Identity,
    version: Annotated[str, typer.Argument()] = "",
    data: Data = Path("data"),
    json_: AsJson = False,
) -> None:
    """Show a document."""
    result = run(data, "show", id=identity, version=version)
    if json_:
        as_json(result)
        return
    say("shown", **{name: result[name] for name in ("id", "title", "scope")})
    for line in kb_words.care(result):
        out(line)
    table(
        ("number", "state", "chunks", "validity", "made", "put"), [kb_words.version(one) for one in result["versions"]]
    )
    _findings(result["findings"])
    for one in result["chunks"]:
        out("")
        out(f"[{one['entry']}] {one['title']}" + (texts().raw("kb.withheld") if one["withheld"] else ""))
        out(one["body"])


def _findings(found: list[dict[str, Any]]) -> None:
    waiting = [one for one in found if not one["accepted"]]
    if waiting:
        out("")
        table(("finding", "severity", "what"), [kb_words.finding(one) for one in waiting])


@app.command(help=texts().raw("kb.diff"))
def diff(
    identity: Identity,
    version: Annotated[str, typer.Argument()] = "",
    data: Data = Path("data"),
    json_: AsJson = False,
) -> None:
    """Show what a version would change of what is answered now."""
    result = run(data, "diff", id=identity, version=version)
    if json_:
        as_json(result)
        return
    say(
        "diff_first" if result["old"] is None else "diff_head",
        **{name: result[name] for name in ("id", "old", "version")},
    )
    lines = list(kb_words.difference(result))
    for line in lines:
        out(line)
    if not lines:
        say("diff_none")
    _findings(result["findings"])


@app.command(help=texts().raw("kb.publish"))
def publish(identity: Identity, data: Data = Path("data"), by: By = "", json_: AsJson = False) -> None:
    """Publish the newest version."""
    result = run(data, "publish", id=identity, by=by)
    if json_:
        as_json(result)
        return
    say("published", id=result["id"], version=result["version"])
    say("published_changes", **result["changes"])
    if result["withheld"]:
        say("published_withheld", id=result["id"], count=result["withheld"])
    if result["clashes"]:
        say("published_clash", id=result["id"], count=result["clashes"])
    if result["alone"]:
        say("published_alone")
    for kind in ("lost", "won"):
        if result[kind]:
            say(f"golden_{kind}", count=len(result[kind]), questions=kb_words.some(result[kind]))


@app.command(help=texts().raw("kb.rollback"))
def rollback(
    identity: Identity,
    version: Annotated[str, typer.Argument(metavar="[VERSION]")] = "",
    data: Data = Path("data"),
    by: By = "",
    json_: AsJson = False,
) -> None:
    """Publish an earlier version again; without a number, the one before."""
    result = run(data, "rollback", id=identity, version=version, by=by)
    as_json(result) if json_ else say("published", id=result["id"], version=result["version"])


@app.command(help=texts().raw("kb.remove"))
def remove(identity: Identity, data: Data = Path("data"), by: By = "", json_: AsJson = False) -> None:
    """Take a document out of all answers."""
    result = run(data, "remove", id=identity, by=by)
    as_json(result) if json_ else say("removed", id=result["id"])


@app.command(help=texts().raw("kb.rebuild"))
def rebuild(data: Data = Path("data"), json_: AsJson = False) -> None:
    """Make the vector index anew."""
    result = run(data, "rebuild")
    as_json(result) if json_ else say("rebuilt", **result)


@app.command(help=texts().raw("kb.gaps"))
def gaps(
    data: Data = Path("data"),
    grouped: Annotated[bool, typer.Option("--grouped", help="By meaning, the most asked first")] = False,
    json_: AsJson = False,
) -> None:
    """List unanswered questions."""
    if grouped:
        entries.grouped(data, json_=json_)
        return
    result = run(data, "gaps")
    if json_:
        as_json(result)
    elif not result["questions"]:
        say("no_gaps")
    else:
        rows = [(kb_words.moment(one["asked_at"]), one["group"] or "", one["question"]) for one in result["questions"]]
        table(("asked", "group", "question"), rows)


@app.command(help=texts().raw("kb.ask"))
def ask(
    question: str,
    data: Data = Path("data"),
    group: Annotated[str, typer.Option(help="Ask as a member of this group")] = "",
    json_: AsJson = False,
) -> None:
    """Ask a question."""
    result = run(data, "ask", question=question, group=group)
    if json_:
        as_json(result)
        return
    if result["decision"] == "answered":
        out(result["answer"])
        for citation in result["citations"]:
            say("cited", source=citation["document"])
    elif result["decision"] == "asked_back":
        say("asked_back", options=" / ".join(one["question"] for one in result["candidates"][:3]))
    else:
        say(result["decision"])


@app.command("eval", help=texts().raw("kb.eval"))
def evaluate(queries: Path, data: Data = Path("data"), json_: AsJson = False) -> None:
    """Measure on questions with known answers."""
    result = run(data, "eval", path=str(queries.resolve()))
    if json_:
        as_json(result)
    else:
        table(("figure", "value"), list(result.items()))


kb_care.add_to(app)
entries.add_to(app)
