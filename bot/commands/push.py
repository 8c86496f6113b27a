"""``python -m bot push …``: what is pushed when, how far it has come, and how to stop it (CONTRACT).

The rows are the truth of a push, so these commands work on the rows, beside a running server as well: it looks at a
campaign's state before every send.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.commands import calendar, effects, letters
from bot.commands.beside import program_beside
from bot.commands.plans import campaign_key, check_approved
from bot.commands.push_progress import for_programs, in_words
from bot.commands.push_terminal import AsJson, Data, day_of, fail, group_of, out, say, show
from bot.push_words import weekday, word
from prompts.loader import texts

if TYPE_CHECKING:
    from bot.main import Program
    from scheduler.campaigns import Progress, Standing
    from scheduler.foresight import Foreseen, Foresight
    from storage.engine import Session

app = typer.Typer(help=texts().raw("push.about"), no_args_is_help=True)
Name = Annotated[str, typer.Argument(metavar="CAMPAIGN")]


# ------------------------------------------------------------------ what will be sent


@app.command(help=texts().raw("push.plan"))
def plan(
    first: Annotated[str, typer.Option("--from", help="YYYY-MM-DD")],
    last: Annotated[str, typer.Option("--to", help="YYYY-MM-DD")],
    groups: Annotated[list[str] | None, typer.Option("--group", help=texts().raw("push.option_group"))] = None,
    kinds: Annotated[list[str] | None, typer.Option("--kind", help=texts().raw("push.option_kind"))] = None,
    brief: Annotated[bool, typer.Option("--brief", help=texts().raw("push.option_brief"))] = False,
    data: Data = Path("data"),
    as_json: AsJson = False,
) -> None:
    """Show what would be sent on local days in [from, to], to whom, when, and what would be skipped and why."""
    begin, end = day_of(first), day_of(last)
    with program_beside(data) as program:
        found = _foresee(program, begin, end, groups)
    known = {one.kind for one in found.pushes}
    pushes = [one for one in found.pushes if not kinds or one.kind in kinds]
    if as_json:
        _plan_for_programs(first, last, pushes, found)
        return
    for kind in kinds or []:
        if kind not in known:
            say("nothing_of_kind", kind=kind, known="、".join(sorted(known)))
    shown = [one for one in pushes if (one.state, one.reason) != ("skipped", "nothing")]
    if len({one.group.id for one in shown}) == 1 and end > begin:
        _plan_of_one(shown, found, brief)
    else:
        _plan_of_many(shown, brief)
    if shown:
        messages = {one.number for one in shown if one.number}
        along = sum(one.along for one in shown)
        quiet = len(pushes) - len(shown)
        say("plan_sum", messages=len(messages), along=along, skipped=sum(not one.number for one in shown), quiet=quiet)
        _busiest(shown, found)
    else:
        say("nothing")


def _foresee(program: Program, begin: date, end: date, wanted: list[str] | None) -> Foresight:
    from engagement.campaigns import service
    from prompts.campaigns import packs
    from scheduler.foresight import FEW, LONGEST, LONGEST_FOR_FEW, TooMuch, foresee

    now = program.clock.now()
    ids = program.database.read_now(lambda session: [group_of(session, one).id or 0 for one in wanted or ()])

    def prepare(session: Session) -> None:
        for year in range(now.year + 1, end.year + 1):
            for pack, of in service.unplanned(session, packs(), datetime(year, 1, 1, tzinfo=UTC)):
                service.load(session, pack, of, now, approved=False)

    try:
        return foresee(program.database, program.jobs, begin, end, now, ids if wanted else None, prepare)
    except TooMuch as error:
        if end - begin > LONGEST and not begin + LONGEST_FOR_FEW < end:
            raise fail("long_range", days=LONGEST.days, few=FEW) from error
        raise fail("bad_range", first=begin, last=end, days=LONGEST.days, most=LONGEST_FOR_FEW.days) from error


def _plan_for_programs(first: str, last: str, pushes: list[Foreseen], found: Foresight) -> None:
    summary: dict[str, int] = {}
    for one in pushes:
        summary[one.state] = summary.get(one.state, 0) + 1
    show(
        {
            "from": first,
            "to": last,
            "pushes": [_shown(one, found) for one in pushes],
            "summary": summary,
            "messages": len({one.number for one in pushes if one.number}),
        }
    )


def _plan_of_one(pushes: list[Foreseen], found: Foresight, brief: bool) -> None:
    """One group, day by day."""
    from engagement.calendar import zone

    group = pushes[0].group
    say("plan_group", group=group.name or group.external_id, zone=group.zone, number=group.id)
    day: date | None = None
    for one in pushes:
        at = one.at.astimezone(zone(group.zone))
        if at.date() != day:
            day = at.date()
            spent = found.unasked.get((group.id, day), 0)
            say("plan_day", day=day, weekday=weekday(day), spent=spent, budget=group.daily_budget)
        say("plan_line", time=f"{at:%H:%M}", campaign=_title(one), state=_state(one), why=_why(one))
        _words(one, brief)


def _plan_of_many(pushes: list[Foreseen], brief: bool) -> None:
    from engagement.calendar import zone

    for one in pushes:
        at = one.at.astimezone(zone(one.group.zone))
        say(
            "line",
            when=f"{at:%Y-%m-%d %H:%M}",
            zone=one.group.zone,
            group=one.group.name or one.group.external_id,
            campaign=_title(one),
            state=_state(one),
            why=_why(one),
        )
        _words(one, brief)


def _busiest(pushes: list[Foreseen], found: Foresight) -> None:
    """Say which day comes nearest to a group's budget."""
    groups = {one.group.id: one.group for one in pushes}
    most = max(
        ((count, groups[group], day) for (group, day), count in found.unasked.items() if group in groups),
        key=lambda one: (one[0] - one[1].daily_budget, one[0]),
        default=None,
    )
    if most is not None and most[0]:
        count, group, day = most
        name = group.name or group.external_id
        say("plan_busiest", group=name, day=day, weekday=weekday(day), spent=count, budget=group.daily_budget)


def _title(one: Foreseen) -> str:
    return one.name or word("kind", one.kind)


def _state(one: Foreseen) -> str:
    if one.along:
        return texts().raw("push.along")
    private = texts().raw("push.in_private") if one.recipient and one.number else ""
    return word("state", one.state) + private


def _why(one: Foreseen) -> str:
    return texts().fill("push.because", {"reason": word("reason", one.reason)}) if one.reason else ""


def _words(one: Foreseen, brief: bool) -> None:
    from bot.rendering import PLAY, render

    if one.message is not None and not brief:
        for line in render(one.message, PLAY).text.splitlines():
            say("words", text=line)


def _shown(one: Foreseen, found: Foresight) -> dict[str, Any]:
    from bot.rendering import PLAY, render
    from engagement.calendar import zone

    message = one.message
    return {
        "campaign": one.campaign,
        "kind": one.kind,
        "name": _title(one),
        "group": {
            "id": one.group.id,
            "external_id": one.group.external_id,
            "name": one.group.name,
            "channel": one.group.channel,
        },
        "person": one.recipient or None,
        "local_date": one.local_date.isoformat(),
        "local_time": one.at.astimezone(zone(one.group.zone)).isoformat(timespec="seconds"),
        "utc": one.at.astimezone(UTC).isoformat(timespec="seconds"),
        "due_utc": one.due_at.astimezone(UTC).isoformat(timespec="seconds"),
        "zone": one.group.zone,
        "state": one.state,
        "state_text": word("state", one.state),
        "reason": one.reason,
        "message": one.number or None,
        "along": one.along,
        "unasked": found.unasked.get((one.group.id, one.local_date), 0),
        "budget": one.group.daily_budget,
        "feature": message.feature if message else "",
        "key": message.key if message else "",
        "values": dict(message.values) if message else {},
        "text": render(message, PLAY).text if message else "",
    }


# ------------------------------------------------------------------ how far it has come


@app.command(help=texts().raw("push.status"))
def status(
    campaign: Annotated[str, typer.Argument(metavar="[CAMPAIGN]")] = "",
    watch: Annotated[bool, typer.Option("--watch", help=texts().raw("push.option_watch"))] = False,
    data: Data = Path("data"),
    as_json: AsJson = False,
) -> None:
    """Show each campaign's deliveries per state, and how long the rest takes."""
    from scheduler.schedules import campaigns

    with program_beside(data) as program:
        program.database.write_now(lambda session: campaigns(session, program.jobs, program.clock.now()))
        key = program.database.read_now(lambda session: campaign_key(session, campaign)) if campaign else ""
        if watch:
            from bot.commands.push_watching import follow

            follow(lambda: _look(program, key), in_words, for_programs if as_json else None)
            return
        found, progress = _look(program, key)
    if as_json:
        show(for_programs(found, progress))
        return
    for line in in_words(found, progress):
        out(line)


def _look(program: Program, key: str) -> tuple[list[Standing], Progress]:
    from scheduler.campaigns import progress, standings

    telegram = program.settings.telegram
    rates = {"telegram": telegram.rate} if telegram.rate else {}

    def read(session: Session) -> tuple[list[Standing], Progress]:
        return standings(session, key), progress(session, program.jobs, rates, program.clock.now(), key)

    return program.database.read_now(read)


# ------------------------------------------------------------------ stopping


def _move(campaign: str, how: str, data: Path, as_json: bool) -> None:
    from scheduler.campaigns import move
    from scheduler.schedules import campaigns

    with program_beside(data) as program:
        now = program.clock.now()
        program.database.write_now(lambda session: campaigns(session, program.jobs, now))

        def change(session: Session) -> tuple[str, str | None]:
            key = campaign_key(session, campaign)
            check_approved(session, key)
            return key, move(session, key, how, now, program.jobs)

        key, state = program.database.write_now(change)
    if state is None:
        raise fail("no_campaign", campaign=campaign)
    if as_json:
        show({"campaign": key, "state": state})
    else:
        say(f"moved_{state}", campaign=key)


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


letters.register(app)
calendar.register(app)
effects.register(app)
