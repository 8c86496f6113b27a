"""``python -m bot push test``: a beat as a group will read it, sent to oneself by the running server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.commands.beside import program_beside
from bot.commands.plans import beat_of, plan_of
from bot.commands.push_terminal import AsJson, BeatName, Data, Key, fail, group_of, say, show
from prompts.loader import texts

if TYPE_CHECKING:
    from storage.engine import Session


def trial(
    key: Key,
    beat: BeatName,
    to: Annotated[str, typer.Option("--to", help=texts().raw("push.option_to"))],
    group: Annotated[str, typer.Option("--group", help=texts().raw("push.option_group"))] = "",
    data: Data = Path("data"),
    as_json: AsJson = False,
) -> None:
    """Send a beat to oneself in private, marked as a trial."""
    from bot import control
    from knowledge.errors import KnowledgeRefusal

    request = _request(data, key, beat, to, group)
    if not (data / control.NAME).exists():
        raise fail("test_no_server")
    try:
        result = control.ask(data, request, lambda *_: None)
    except control.NoServer as error:
        raise fail("test_no_server") from error
    except KnowledgeRefusal as refusal:
        raise fail(refusal.key.removeprefix("push."), **refusal.values) from refusal
    if as_json:
        show(result)
    elif result["sent"]:
        say("tested", to=result["to"], channel=result["channel"])
    if not result["sent"]:
        raise fail("test_failed", to=result["to"], reason=result["reason"])


def _request(data: Path, key: str, beat: str, to: str, group: str) -> dict[str, Any]:
    from engagement.campaigns import desk

    def read(session: Session) -> dict[str, Any]:
        plan = plan_of(session, key)
        line = beat_of(session, plan, beat)
        where = group_of(session, group) if group else desk.first_group(session, plan)
        if where is None:
            raise fail("test_no_group", name=plan.name)
        return {"kind": "push", "plan": plan.key, "beat": line.number, "to": to, "group": where.id}

    with program_beside(data) as program:
        return program.database.read_now(read)
