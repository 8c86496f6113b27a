"""``python -m bot push …``: what is pushed when, how far it has come, and how to stop it (CONTRACT).

The rows are the truth of a push, so these commands work on the rows, beside a running server as well: it looks at a
campaign's state before every send.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.beside import program_beside
from prompts.loader import texts

if TYPE_CHECKING:
    from scheduler.campaigns import Foreseen, Standing

app = typer.Typer(help=texts().raw("push.about"), no_args_is_help=True)

Data = Annotated[Path, typer.Option("--data", help="Data directory")]
AsJson = Annotated[bool, typer.Option("--json", help="Machine-readable output")]
Name = Annotated[str, typer.Argument(metavar="CAMPAIGN")]


def _out(line: str) -> None:
    sys.stdout.write(line + "\n")


def _say(key: str, **values: object) -> None:
    _out(texts().fill(f"push.{key}", values))


def _fail(key: str, **values: object) -> typer.Exit:
    sys.stderr.write(texts().fill(f"push.{key}", values) + "\n")
    return typer.Exit(2)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise _fail("bad_day", day=text) from error


@app.command(help=texts().raw("push.plan"))
def plan(
    first: Annotated[str, typer.Option("--from", help="YYYY-MM-DD")],
    last: Annotated[str, typer.Option("--to", help="YYYY-MM-DD")],
    data: Data = Path("data"),
    as_json: AsJson = False,
) -> None:
    """Show what would be sent on local days in [from, to], to whom, when, and what would be skipped and why."""
    from scheduler.campaigns import foresee

    begin, end = _day(first), _day(last)
    with program_beside(data) as program:
        try:
            found = foresee(program.database, program.jobs, begin, end, program.clock.now())
        except ValueError as error:
            raise _fail("bad_range", first=first, last=last) from error
    pushes = [_shown(one) for one in found]
    if as_json:
        summary: dict[str, int] = {}
        for one in pushes:
            summary[one["state"]] = summary.get(one["state"], 0) + 1
        _out(json.dumps({"from": first, "to": last, "pushes": pushes, "summary": summary}, ensure_ascii=False))
        return
    for one in pushes:
        why = texts().fill("push.because", {"reason": _word("reason", one["reason"])}) if one["reason"] else ""
        where = one["group"]["name"] or one["group"]["external_id"]
        name = _word("kind", one["campaign"])
        when = one["local_time"][:16].replace("T", " ")
        _say("line", when=when, zone=one["zone"], group=where, campaign=name, state=one["state_text"], why=why)
        if one["text"]:
            _say("words", text=one["text"])
    if not pushes:
        _say("nothing")


def _shown(one: Foreseen) -> dict[str, Any]:
    from bot.rendering import PLAY, render
    from engagement.calendar import zone

    message = one.message
    return {
        "campaign": one.campaign,
        "group": {
            "id": one.group.id,
            "external_id": one.group.external_id,
            "name": one.group.name,
            "channel": one.group.channel,
        },
        "local_date": one.local_date.isoformat(),
        "local_time": one.at.astimezone(zone(one.group.zone)).isoformat(timespec="seconds"),
        "utc": one.at.astimezone(UTC).isoformat(timespec="seconds"),
        "due_utc": one.due_at.astimezone(UTC).isoformat(timespec="seconds"),
        "zone": one.group.zone,
        "state": one.state,
        "state_text": _word("state", one.state),
        "reason": one.reason,
        "feature": message.feature if message else "",
        "key": message.key if message else "",
        "values": dict(message.values) if message else {},
        "text": render(message, PLAY).text if message else "",
    }


def _word(kind: str, name: str) -> str:
    """Return the Chinese word of a state or reason; a slice's own word stands as it is."""
    key = f"push.{kind}_{name}"
    return texts().raw(key) if key in set(texts().keys()) else name


@app.command(help=texts().raw("push.status"))
def status(
    campaign: Annotated[str, typer.Argument(metavar="[CAMPAIGN]")] = "",
    data: Data = Path("data"),
    as_json: AsJson = False,
) -> None:
    """Show each campaign's deliveries per state."""
    from scheduler.campaigns import standings
    from scheduler.schedules import campaigns

    with program_beside(data) as program:
        program.database.write_now(lambda session: campaigns(session, program.jobs, program.clock.now()))
        found = program.database.read_now(lambda session: standings(session, campaign))
    if campaign and not found:
        raise _fail("no_campaign", campaign=campaign)
    if as_json:
        _out(json.dumps({"campaigns": [_figures(one) for one in found]}, ensure_ascii=False))
        return
    for one in found:
        counts = " ".join(f"{_word('state', state)} {count}" for state, count in sorted(one.counts.items()))
        _say(
            "standing",
            campaign=_named(one.key, one.kind),
            state=_word("campaign", one.state),
            counts=counts or texts().raw("push.no_rows"),
        )
        for name, count in sorted(one.reasons.items()):
            state, _, reason = name.partition(":")
            _say("why", state=_word("state", state), reason=_word("reason", reason), count=count)


def _named(key: str, kind: str) -> str:
    """Name a campaign for people; its key stands beside the name, since that is what the commands take."""
    return texts().fill("push.named", {"name": _word("kind", kind), "campaign": key})


def _figures(one: Standing) -> dict[str, Any]:
    return {
        "campaign": one.key,
        "kind": one.kind,
        "state": one.state,
        "counts": one.counts,
        "reasons": one.reasons,
        "next_utc": one.next_at.isoformat(timespec="seconds") if one.next_at else None,
    }


def _move(campaign: str, how: str, data: Path, as_json: bool) -> None:
    from scheduler.campaigns import move
    from scheduler.schedules import campaigns

    with program_beside(data) as program:
        now = program.clock.now()
        program.database.write_now(lambda session: campaigns(session, program.jobs, now))
        state = program.database.write_now(lambda session: move(session, campaign, how, now))
    if state is None:
        raise _fail("no_campaign", campaign=campaign)
    if as_json:
        _out(json.dumps({"campaign": campaign, "state": state}, ensure_ascii=False))
    else:
        _say(f"moved_{state}", campaign=campaign)


@app.command(help=texts().raw("push.pause"))
def pause(campaign: Name, data: Data = Path("data"), as_json: AsJson = False) -> None:
    """Hold a campaign, from the next message on."""
    _move(campaign, "pause", data, as_json)


@app.command(help=texts().raw("push.resume"))
def resume(campaign: Name, data: Data = Path("data"), as_json: AsJson = False) -> None:
    """Let a paused or cancelled campaign go on."""
    _move(campaign, "resume", data, as_json)


@app.command(help=texts().raw("push.cancel"))
def cancel(campaign: Name, data: Data = Path("data"), as_json: AsJson = False) -> None:
    """Stop a campaign and close what is waiting."""
    _move(campaign, "cancel", data, as_json)
