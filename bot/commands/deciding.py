"""``python -m bot push approve|withdraw|word``: what is decided about a plan, and other words for its beats."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.commands.beside import program_beside
from bot.commands.plans import beat_of, check_scope, in_words, person_of, plan_of, row_of
from bot.commands.push_terminal import AsJson, BeatName, By, Data, Key, Scope, fail, refused, say, show
from bot.previews import lexicons
from prompts.loader import texts

if TYPE_CHECKING:
    from bot.main import Program
    from engagement.campaigns.desk import Paper
    from storage.engine import Session


def _decide(data: Path, as_json: bool, act: Callable[[Session, Program], Paper], done: str) -> None:
    from engagement.errors import Refusal

    with program_beside(data) as program:
        try:
            plan = program.database.write_now(lambda session: act(session, program))
        except Refusal as refusal:
            raise refused(refusal) from refusal
    if as_json:
        show(row_of(plan))
    else:
        say(done, **in_words(plan))
        if done == "approved" and not plan.joined and plan.last_day < datetime.now(UTC).date():
            say("approved_past")


def approve(key: Key, by: By = "", data: Data = Path("data"), as_json: AsJson = False) -> None:
    """Let a draft run."""
    from engagement.campaigns import desk

    def act(session: Session, program: Program) -> Paper:
        return desk.approve(session, plan_of(session, key), person_of(session, by), program.clock.now())

    _decide(data, as_json, act, "approved")


def withdraw(key: Key, data: Data = Path("data"), as_json: AsJson = False) -> None:
    """Make an approved plan a draft again, before anybody has it."""
    from engagement.campaigns import desk

    def act(session: Session, program: Program) -> Paper:
        plan = plan_of(session, key)
        if plan.state == "draft":
            raise fail("draft_already", name=plan.name)
        return desk.withdraw(session, plan, program.clock.now())

    _decide(data, as_json, act, "withdrawn")


def reword(
    key: Key,
    beat: BeatName,
    scope: Scope,
    text: Annotated[str, typer.Option("--text", help=texts().raw("push.option_text"))] = "",
    reset: Annotated[bool, typer.Option("--reset", help=texts().raw("push.option_reset"))] = False,
    by: By = "",
    data: Data = Path("data"),
    as_json: AsJson = False,
) -> None:
    """Give a beat other words for all, a region or a group, or the ready ones again."""
    from engagement.campaigns import desk
    from engagement.errors import Refusal

    if bool(text.strip()) == reset:
        raise fail("word_what")
    with program_beside(data) as program:
        check_scope(program, scope)

        def write(session: Session) -> tuple[dict[str, Any], list[str]]:
            plan = plan_of(session, key)
            line = beat_of(session, plan, beat)
            words, warned = ("", []) if reset else _checked(session, plan, scope, text)
            desk.reword(session, line, scope, words, person_of(session, by), program.clock.now())
            row = {"key": plan.key, "name": plan.name, "day": line.day.isoformat(), "scope": scope, "text": words}
            return row, warned

        try:
            row, warned = program.database.write_now(write)
        except Refusal as refusal:
            raise refused(refusal) from refusal
    if as_json:
        show({**row, "warned": warned})
    else:
        for one in warned:
            say("word_warned", why=one)
        say("word_reset" if reset else "word_put", **row)


def _checked(session: Session, plan: Paper, scope: str, text: str) -> tuple[str, list[str]]:
    """Return the words as they are kept, and what somebody should look at."""
    from bot import campaign_check
    from engagement.campaigns import words

    found = words.wording(text.replace("\\n", "\n"), plan.audience)
    said = campaign_check.of_words(found, lexicons(session, scope))
    wrong = [one for one, stops in said if stops]
    if wrong:
        raise fail("word_refused", why=wrong[0])
    return found, [one for one, _ in said]
