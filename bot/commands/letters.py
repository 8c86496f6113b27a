"""``python -m bot push failed|resend|settle``: pushes that did not arrive, and those of which nobody knows."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.commands.beside import program_beside
from bot.commands.plans import campaign_key
from bot.commands.push_terminal import AsJson, Data, Yes, fail, out, say, show, sure
from bot.push_words import advice, first_line, word
from prompts.loader import texts

if TYPE_CHECKING:
    from scheduler.letters import Letter, Unfit


def failed(
    campaign: Annotated[str, typer.Argument(metavar="[CAMPAIGN]")] = "",
    days: Annotated[int, typer.Option("--days", min=1, max=400, help=texts().raw("push.option_days"))] = 14,
    data: Data = Path("data"),
    as_json: AsJson = False,
) -> None:
    """Show what failed or is unknown, why, and what can be done."""
    from scheduler.letters import letters

    with program_beside(data) as program:
        since = program.clock.now() - timedelta(days=days)
        key = program.database.read_now(lambda session: campaign_key(session, campaign)) if campaign else ""
        found = program.database.read_now(lambda session: letters(session, since, key))
    if as_json:
        show({"letters": [_shown(one) for one in found]})
        return
    if not found:
        say("no_letters", days=days)
    for one in found:
        _line(one)
    if any(one.state == "unknown" for one in found):
        say("letters_how")


def _line(one: Letter) -> None:
    from engagement.calendar import zone

    say(
        "letter",
        number=one.id,
        state=word("state", one.state),
        when=f"{one.due_at.astimezone(zone(one.group.zone)):%m-%d %H:%M}",
        group=one.group.name or one.group.external_id,
        campaign=one.name or word("kind", one.kind),
        to=texts().raw("push.in_private") if one.recipient else "",
    )
    out(texts().fill("push.letter_why", {"reason": word("reason", one.reason), "what": advice(one)}))
    words = first_line(one)
    if words:
        say("words", text=words)


def _shown(one: Letter) -> dict[str, Any]:
    from bot.rendering import PLAY, render

    return {
        "id": one.id,
        "campaign": one.campaign,
        "name": one.name or word("kind", one.kind),
        "group": {"id": one.group.id, "external_id": one.group.external_id, "name": one.group.name},
        "person": one.recipient or None,
        "due_utc": one.due_at.isoformat(timespec="seconds"),
        "state": one.state,
        "reason": one.reason,
        "reason_text": word("reason", one.reason),
        "advice": advice(one),
        "attempts": one.attempts,
        "text": render(one.message, PLAY).text if one.message is not None else "",
    }


def resend(
    ids: Annotated[list[str], typer.Argument(metavar="ID…")],
    data: Data = Path("data"),
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Send unknown ones once more: a group may have read them already."""
    from scheduler import letters

    with program_beside(data) as program:
        numbers = list(dict.fromkeys(map(_number, ids)))
        # Looked at first, so that nobody confirms what cannot be done.
        _try(lambda: program.database.read_now(lambda session: letters.check(session, numbers)))
        sure(yes, "sure_resend", count=len(numbers))
        now = program.clock.now()
        at = _try(lambda: program.database.write_now(lambda s: letters.resend(s, numbers, program.jobs, now)))
    if as_json:
        show({"resent": numbers, "not_before_utc": at.isoformat(timespec="seconds")})
    elif at > now:
        say("resent_later", count=len(numbers), at=f"{at.astimezone():%m-%d %H:%M}")
    else:
        say("resent", count=len(numbers))


def settle(
    letter: Annotated[str, typer.Argument(metavar="ID")],
    how: Annotated[str, typer.Argument(metavar="sent|skip")],
    data: Data = Path("data"),
    as_json: AsJson = False,
) -> None:
    """Say what became of an unknown one."""
    from scheduler import letters

    if how not in ("sent", "skip"):
        raise fail("settle_how", how=how[:20])
    number, state = _number(letter), "sent" if how == "sent" else "skipped"
    with program_beside(data) as program:
        now = program.clock.now()
        _try(lambda: program.database.write_now(lambda session: letters.settle(session, number, state, now)))
    if as_json:
        show({"id": number, "state": state})
    else:
        say(f"settled_{state}", number=number)


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise fail("bad_number", number=text[:40])
    return int(text)


def _try(work: Any) -> Any:
    from scheduler.letters import Unfit

    try:
        return work()
    except Unfit as unfit:
        raise _unfit(unfit) from unfit


def _unfit(unfit: Unfit) -> typer.Exit:
    return fail(unfit.why, number=unfit.row, campaign=unfit.campaign)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for name, command in (("failed", failed), ("resend", resend), ("settle", settle)):
        app.command(name, help=texts().raw(f"push.{name}"))(command)
