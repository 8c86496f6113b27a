"""``python -m bot push check|import|calendar|show|preview|approve|withdraw|word|test``: the calendar's campaigns.

Rows are the truth, so these commands work beside a running server as well; only ``test`` needs one, for it sends.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.commands import deciding, trial
from bot.commands.beside import program_beside
from bot.commands.plans import beat_of, check_scope, in_words, plan_of, row_of, year_of
from bot.commands.push_terminal import AsJson, BeatName, Data, Key, Scope, fail, group_of, out, refused, say, show
from bot.previews import lexicons, previewed
from bot.push_words import weekday, word
from prompts.loader import texts

if TYPE_CHECKING:
    from bot.campaign_check import Complaint
    from engagement.campaigns.desk import Line, Paper, Preview
    from engagement.kernel import Outgoing
    from storage.engine import Session

Files = Annotated[list[Path], typer.Argument(metavar="FILE…")]
Year = Annotated[int, typer.Option("--year", help=texts().raw("push.option_year"))]


# ------------------------------------------------------------------ files


def check(files: Files, year: Year = 0, as_json: AsJson = False) -> None:
    """Say what is wrong with campaign files; nothing is written."""
    from bot import campaign_check
    from engagement.moderation import rules
    from prompts import wordlists

    results = []
    known = [rules.lexicon(wordlists.words())]
    for path in files:
        pack, found = campaign_check.of_file(path, year_of(year), known)
        results.append((path, pack, found))
    wrong = [path for path, pack, found in results if pack is None or any(one.wrong for one in found)]
    if as_json:
        shown = [
            {"file": str(path), "key": pack.key if pack else None, "complaints": [one.shown() for one in found]}
            for path, pack, found in results
        ]
        show({"ok": not wrong, "files": shown})
    else:
        for path, pack, found in results:
            if not found and pack is not None:
                say("checked", file=path.name, name=pack.name, beats=len(pack.lines))
            _complain(path.name, found)
    raise typer.Exit(2 if wrong else 0)


def _complain(name: str, found: Sequence[Complaint]) -> None:
    for one in found:
        key = "push.complaint" if one.wrong else "push.careful"
        out(texts().fill(key, {"file": name, "place": one.place, "said": one.said}))


def take(
    file: Annotated[Path, typer.Argument(metavar="FILE")],
    scope: Scope = "all",
    year: Year = 0,
    data: Data = Path("data"),
    as_json: AsJson = False,
) -> None:
    """Write a file's campaign down as a draft."""
    from bot import campaign_check
    from engagement.campaigns import desk
    from engagement.errors import Refusal

    with program_beside(data) as program:
        now = program.clock.now()
        wanted = year_of(year)
        check_scope(program, scope)
        known = program.database.read_now(lambda session: lexicons(session, scope))
        pack, found = campaign_check.of_file(file, wanted, known)
        if not as_json:
            _complain(file.name, found)
        if pack is None or any(one.wrong for one in found):
            if as_json:
                show({"imported": None, "complaints": [one.shown() for one in found]})
            raise fail("not_imported", file=file.name)

        try:
            made = program.database.write_now(lambda session: desk.take(session, pack, wanted, now, scope))
        except Refusal as refusal:
            raise refused(refusal) from refusal
    if as_json:
        show({"imported": row_of(made), "complaints": [one.shown() for one in found]})
    else:
        say("imported", **in_words(made))


# ------------------------------------------------------------------ looking


def calendar(year: Year = 0, data: Data = Path("data"), as_json: AsJson = False) -> None:
    """List the plans with their states."""
    from engagement.calendar import local_day
    from engagement.campaigns import desk, service

    with program_beside(data) as program:
        today = local_day(program.clock.now(), service.HOME)
        found = program.database.read_now(lambda session: desk.papers(session, today, year_of(year) if year else 0))
    if as_json:
        show({"plans": [row_of(one) for one in found]})
        return
    if not found:
        say("no_plans")
    for one in found:
        say("plan_row", **in_words(one))


def view(key: Key, data: Data = Path("data"), as_json: AsJson = False) -> None:
    """Show a plan: what it says on which day, both wordings, and where others say something else."""
    from engagement.campaigns import desk

    def read(session: Session) -> tuple[Paper, list[Line]]:
        plan = plan_of(session, key)
        return plan, desk.lines(session, plan)

    with program_beside(data) as program:
        plan, lines = program.database.read_now(read)
    if as_json:
        show({**row_of(plan), "lines": [_line(one) for one in lines]})
        return
    say("plan_row", **in_words(plan))
    for one in lines:
        _show(one, plan.joined)


def _line(one: Line) -> dict[str, Any]:
    return {
        "number": one.number,
        "day": one.day.isoformat(),
        "at": _clock(one.minute),
        "phase": one.phase,
        "title": one.title,
        "text": one.text,
        "other": one.other,
        "poster": one.poster,
        "own": dict(one.own),
    }


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"


def _show(one: Line, joined: bool) -> None:
    from engagement.calendar import EPOCH

    when = f"{one.day} {weekday(one.day)}"
    if joined:
        when = texts().fill("push.day_after", {"number": (one.day - EPOCH).days})
    phase = f"　{word('phase', one.phase)}" if one.phase else ""
    poster = texts().raw("push.with_poster") if one.poster else ""
    say("beat", number=one.number, day=when, at=_clock(one.minute), phase=phase, title=one.title, poster=poster)
    _text(one.text)
    if one.other:
        say("beat_other")
        _text(one.other)
    for scope, text in one.own.items():
        say("beat_own", scope=scope)
        _text(text)


def _text(text: str) -> None:
    for line in text.splitlines():
        say("words", text=line)


def preview(
    key: Key,
    beat: BeatName,
    group: Annotated[str, typer.Option("--group", help=texts().raw("push.option_group"))],
    channel: Annotated[str, typer.Option("--channel", help="telegram | play | web")] = "",
    data: Data = Path("data"),
    as_json: AsJson = False,
) -> None:
    """Show what a group will read on a day."""
    from bot import rendering
    from bot.rendering import render
    from engagement.campaigns import desk
    from engagement.feature import GroupView

    channels = {"telegram": rendering.TELEGRAM, "play": rendering.PLAY, "web": rendering.WEB}

    def read(session: Session) -> tuple[Preview, Outgoing]:
        plan = plan_of(session, key)
        where = group_of(session, group)
        found = desk.preview(session, plan, beat_of(session, plan, beat), where)
        return found, previewed(session, found.reply, GroupView.of(where))

    with program_beside(data) as program:
        found, message = program.database.read_now(read)
    note = texts().raw("push.preview_off") if found.off else ""
    day, own = found.day, message.channel
    can = channels.get(channel or own, rendering.PLAY if not channel else None)
    if can is None:
        raise fail("no_channel", channel=channel[:20], known="、".join(channels))
    shown = render(message, can)
    buttons = [choice.label for row in shown.buttons for choice in row]
    if as_json:
        shown_values = {"day": day.isoformat(), "text": shown.text, "html": shown.html, "buttons": buttons}
        show({**shown_values, "picture": message.card.name if message.card else None, "note": note})
        return
    say("preview_head", day=day, weekday=weekday(day), channel=can.name)
    if note:
        out(note)
    if message.card is not None:
        say("preview_picture", name=str(message.card.values.get("name", "")))
    out(shown.text)
    if buttons:
        say("preview_buttons", buttons="　".join(f"[{one}]" for one in buttons))


def register(app: typer.Typer) -> None:
    """Add the commands."""
    commands: list[tuple[str, Callable[..., None]]] = [
        ("check", check),
        ("import", take),
        ("calendar", calendar),
        ("show", view),
        ("preview", preview),
        ("approve", deciding.approve),
        ("withdraw", deciding.withdraw),
        ("word", deciding.reword),
        ("test", trial.trial),
    ]
    for name, command in commands:
        app.command(name, help=texts().raw(f"push.{name}"))(command)
