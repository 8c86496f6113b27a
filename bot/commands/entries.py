"""``python -m bot kb entry|golden|duplicates|propose|…|week``: single entries, and what the base learns from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from bot.commands.kb_terminal import AsJson, By, Data, as_json, out, run
from prompts.loader import texts

entry_app = typer.Typer(help=texts().raw("kb_entries.about_entry"), no_args_is_help=True)
golden_app = typer.Typer(help=texts().raw("kb_entries.about_golden"), no_args_is_help=True)

Entry = Annotated[str, typer.Argument(metavar="ENTRY")]
Document = Annotated[str, typer.Option("--document", help="Which document, where the id stands in several")]
Scope = Annotated[str, typer.Option("--scope", help="all | region:ID | group:ID")]
Plain = Annotated[str, typer.Option("--plain", help="The answer where a group lacks a fact that it names")]
Number = Annotated[str, typer.Argument(metavar="ID")]
Text = Annotated[str, typer.Argument(metavar="ANSWER")]
Phrasings = Annotated[list[str], typer.Argument(metavar="PHRASING…")]
NewId = Annotated[str, typer.Option("--id", help="Id of the new entry; made of the question when empty")]


def _say(key: str, **values: object) -> None:
    out(texts().fill(f"kb_entries.{key}", values))


def _shown(result: dict[str, Any], json_: bool) -> None:
    """What came of an edit, and what the entry now clashes with."""
    if json_:
        as_json(result)
        return
    if not result["changed"]:
        _say("unchanged", entry=result["entry"])
        return
    _say("edited", **{name: result[name] for name in ("entry", "phrasings", "document", "version")})
    for other in result["others"]:
        _say("edited_too", document=other)
    for clash in result["clashes"]:
        _clash(clash)


def _clash(clash: dict[str, Any]) -> None:
    _say(f"clash_{clash['kind']}", **clash)


@entry_app.command("show", help=texts().raw("kb_entries.entry_show"))
def show(entry: Entry, data: Data = Path("data"), document: Document = "", json_: AsJson = False) -> None:
    """Show an entry as the next edit would find it."""
    result = run(data, "entry_show", entry=entry, document=document)
    if json_:
        as_json(result)
        return
    _say("shown", **{name: result[name] for name in ("entry", "document", "version", "scope")})
    out(result["answer"])
    if result["plain"]:
        _say("shown_plain", plain=result["plain"])
    if result["withheld"]:
        _say("shown_withheld")
    for one in result["phrasings"]:
        out(f"  {one['text']}")
    for old in result["merged"]:
        _say("shown_merged", old=old)


@entry_app.command("phrase", help=texts().raw("kb_entries.entry_phrase"))
def phrase(
    entry: Entry,
    phrasings: Phrasings,
    data: Data = Path("data"),
    old: Annotated[str, typer.Option("--instead", help="The phrasing that it takes the place of")] = "",
    remove: Annotated[bool, typer.Option("--remove", help="Take these out")] = False,
    document: Document = "",
    by: By = "",
    json_: AsJson = False,
) -> None:
    """Add, change or remove ways to ask."""
    words = {"texts": phrasings, "old": old, "remove": remove}
    _shown(run(data, "entry_phrase", entry=entry, document=document, by=by, **words), json_)


@entry_app.command("answer", help=texts().raw("kb_entries.entry_answer"))
def answer(
    entry: Entry,
    text: Text,
    data: Data = Path("data"),
    plain: Plain = "",
    document: Document = "",
    by: By = "",
    json_: AsJson = False,
) -> None:
    """Put another answer in place."""
    _shown(run(data, "entry_answer", entry=entry, answer=text, plain=plain, document=document, by=by), json_)


@entry_app.command("new", help=texts().raw("kb_entries.entry_new"))
def new(
    text: Text,
    phrasings: Phrasings,
    data: Data = Path("data"),
    plain: Plain = "",
    scope: Scope = "all",
    identity: NewId = "",
    by: By = "",
    json_: AsJson = False,
) -> None:
    """Write a new entry."""
    about = {"plain": plain, "scope": scope, "new": identity}
    _shown(run(data, "entry_new", answer=text, texts=phrasings, by=by, **about), json_)


@entry_app.command("merge", help=texts().raw("kb_entries.entry_merge"))
def merge(
    keep: Entry,
    other: Annotated[str, typer.Argument(metavar="OTHER")],
    data: Data = Path("data"),
    chosen: Annotated[str, typer.Option("--answer", help="keep | other: whose answer stays")] = "keep",
    by: By = "",
    json_: AsJson = False,
) -> None:
    """Unite two entries."""
    _shown(run(data, "entry_merge", keep=keep, other=other, answer=chosen, by=by), json_)


@entry_app.command("split", help=texts().raw("kb_entries.entry_split"))
def split(
    entry: Entry,
    text: Text,
    phrasings: Phrasings,
    data: Data = Path("data"),
    plain: Plain = "",
    identity: NewId = "",
    by: By = "",
    json_: AsJson = False,
) -> None:
    """Move phrasings into an entry of their own."""
    about = {"answer": text, "texts": phrasings, "plain": plain, "new": identity}
    _shown(run(data, "entry_split", entry=entry, by=by, **about), json_)


@entry_app.command("move", help=texts().raw("kb_entries.entry_move"))
def move(
    entry: Entry,
    scope: Annotated[str, typer.Argument(metavar="SCOPE")],
    data: Data = Path("data"),
    document: Document = "",
    by: By = "",
    json_: AsJson = False,
) -> None:
    """Move an entry to another scope."""
    _shown(run(data, "entry_move", entry=entry, scope=scope, document=document, by=by), json_)


@entry_app.command("drop", help=texts().raw("kb_entries.entry_drop"))
def drop(entry: Entry, data: Data = Path("data"), document: Document = "", by: By = "", json_: AsJson = False) -> None:
    """Take an entry out of its document."""
    _shown(run(data, "entry_drop", entry=entry, document=document, by=by), json_)


def duplicates(data: Data = Path("data"), json_: AsJson = False) -> None:
    """Look through the base for doubles and contradictions."""
    result = run(data, "duplicates")
    if json_:
        as_json(result)
        return
    _say("reviewed", entries=result["entries"], phrasings=result["phrasings"], clashes=len(result["clashes"]))
    for clash in result["clashes"]:
        out(f"{clash['entry']} × {clash['other']}")
        _clash(clash)
    for one in result["astray"]:
        _say("astray", **one)
    for one in result["few"]:
        _say("few", **one)


@golden_app.command("add", help=texts().raw("kb_entries.golden_add"))
def golden_add(
    question: str,
    relevant: Annotated[list[str] | None, typer.Argument(metavar="ENTRY…")] = None,
    none: Annotated[bool, typer.Option("--none", help="The base must not answer it")] = False,
    data: Data = Path("data"),
    scope: Scope = "all",
    by: By = "",
    json_: AsJson = False,
) -> None:
    """Fix the right answer of a question."""
    from bot.commands.kb_terminal import fail

    if none == bool(relevant):
        raise fail("kb_entries.golden_which", {})
    result = run(data, "golden_add", question=question, relevant=relevant or [], scope=scope, by=by)
    as_json(result) if json_ else _say("golden_added", id=result["id"])


@golden_app.command("remove", help=texts().raw("kb_entries.golden_remove"))
def golden_remove(identity: Number, data: Data = Path("data"), by: By = "", json_: AsJson = False) -> None:
    """Take a case out."""
    result = run(data, "golden_remove", id=identity, by=by)
    as_json(result) if json_ else _say("golden_removed", id=result["id"])


@golden_app.command("import", help=texts().raw("kb_entries.golden_import"))
def golden_import(
    path: Path, data: Data = Path("data"), scope: Scope = "all", by: By = "", json_: AsJson = False
) -> None:
    """Take cases in from a file of the form of ``kb eval``."""
    result = run(data, "golden_import", path=str(path.resolve()), scope=scope, by=by)
    as_json(result) if json_ else _say("golden_imported", **result)


@golden_app.command("list", help=texts().raw("kb_entries.golden_list"))
def golden_list(data: Data = Path("data"), json_: AsJson = False) -> None:
    """List the cases, and how the last runs went."""
    result = run(data, "golden_list")
    if json_:
        as_json(result)
        return
    if not result["cases"]:
        _say("golden_empty")
    for one in result["cases"]:
        answers = " ".join(one["relevant"]) or texts().raw("kb_entries.golden_no_answer")
        out(f"{one['id']}\t{one['scope']}\t{one['question']}\t{answers}")
    for one in result["runs"]:
        _trend(one)


def _trend(one: dict[str, Any]) -> None:
    figures = one["figures"]
    asked = int(figures.get("n", 0))
    right = int(figures.get("answered_right", 0) + figures.get("handed_over_right", 0))
    wrong = int(figures.get("answered_wrong", 0))
    _say("golden_trend", at=one["at"][:16].replace("T", " "), asked=asked, right=right, wrong=wrong)


@golden_app.command("run", help=texts().raw("kb_entries.golden_run"))
def golden_run(data: Data = Path("data"), json_: AsJson = False) -> None:
    """Ask every case."""
    result = run(data, "golden_run")
    if json_:
        as_json(result)
        return
    _trend(result)
    for question in result["wrong"]:
        _say("golden_wrong", question=question)


def grouped(data: Path, *, json_: bool) -> None:
    """List what the base does not know, grouped by meaning (``kb gaps --grouped``)."""
    result = run(data, "gaps_grouped")
    if json_:
        as_json(result)
        return
    if not result["gaps"]:
        _say("no_gaps")
    for one in result["gaps"]:
        _say("gap", question=one["questions"][0], **{name: one[name] for name in ("count", "groups", "text")})
        if one["near"]:
            _say("gap_near", near=one["near"], title=one["near_title"])


def propose(
    question: Annotated[str, typer.Argument(metavar="QUESTION-ID")],
    text: Annotated[str, typer.Argument(metavar="ANSWER")] = "",
    data: Data = Path("data"),
    entry: Annotated[str, typer.Option("--entry", help="These are other ways to ask for this entry")] = "",
    scope: Scope = "all",
    by: By = "",
    json_: AsJson = False,
) -> None:
    """Make a proposal of a gap."""
    result = run(data, "propose", question=question, answer=text, entry=entry, scope=scope, by=by)
    as_json(result) if json_ else _say("proposed", id=result["id"], phrasings=len(result["phrasings"]))


def proposals(
    data: Data = Path("data"),
    state: Annotated[str, typer.Option(help="open | accepted | declined")] = "open",
    json_: AsJson = False,
) -> None:
    """List proposals."""
    result = run(data, "proposals", state=state)
    if json_:
        as_json(result)
        return
    if not result["proposals"]:
        _say("no_proposals")
    for one in result["proposals"]:
        origin = texts().raw(f"kb_entries.origin_{one['origin']}")
        asked = " / ".join(one["phrasings"][:3])
        _say("proposal", id=one["id"], origin=origin, scope=one["scope"], entry=one["entry"], asked=asked)
        if one["answer"]:
            out(f"  {one['answer']}")


def accept_proposal(
    identity: Number,
    data: Data = Path("data"),
    text: Annotated[str, typer.Option("--answer", help="Better words")] = "",
    entry: Annotated[str, typer.Option("--entry", help="It is about this entry")] = "",
    scope: Annotated[str, typer.Option("--scope", help="all | region:ID | group:ID")] = "",
    by: By = "",
    json_: AsJson = False,
) -> None:
    """Take a proposal into a draft."""
    _shown(run(data, "accept_proposal", id=identity, answer=text, entry=entry, scope=scope, by=by), json_)


def decline_proposal(identity: Number, data: Data = Path("data"), by: By = "", json_: AsJson = False) -> None:
    """Lay a proposal aside."""
    result = run(data, "decline_proposal", id=identity, by=by)
    as_json(result) if json_ else _say("declined", id=result["id"])


def week(data: Data = Path("data"), json_: AsJson = False) -> None:
    """Tell the last seven days' figures."""
    result = run(data, "week")
    if json_:
        as_json(result)
        return
    _say("week", first=result["from"], last=result["to"], waiting=result["waiting"], proposals=result["proposals"])
    _week(texts().raw("kb_entries.week_all"), result["all"])
    _week(texts().raw("kb_entries.week_before"), result["before"])
    for one in result["groups"]:
        _week(texts().fill("kb_entries.week_group", {"group": one["group"]}), one)


def _week(name: str, one: dict[str, Any]) -> None:
    def share(value: float | None) -> str:
        return "–" if value is None else f"{100 * value:.0f}%"

    took = one["hand_over_seconds"]
    minutes = "–" if took is None else f"{took / 60:.1f}"
    shares = {"coverage": share(one["coverage"]), "resolution": share(one["resolution"])}
    _say("week_row", name=name, questions=one["questions"], minutes=minutes, **shares)


def add_to(app: typer.Typer) -> None:
    """Registers the commands."""
    app.add_typer(entry_app, name="entry")
    app.add_typer(golden_app, name="golden")
    for command in (duplicates, propose, proposals, accept_proposal, decline_proposal, week):
        name = command.__name__.replace("_", "-")
        app.command(name, help=texts().raw(f"kb_entries.help_{command.__name__}"))(command)
