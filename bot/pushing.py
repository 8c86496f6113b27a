"""What the console asks about pushes, over the running program (console.pushing is its port)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from sqlmodel import col, select

from bot import campaign_check, trial
from bot.channels.wecom.waits import Waits
from bot.channels.wecom_bot.lease import name_of
from bot.previews import lexicons, previewed
from bot.push_words import advice, first_line, word
from bot.rendering import TELEGRAM, WEB, WECOM, render
from bot.rendering.capabilities import Capabilities, Dialect, Unit
from console.pushing import MOST_LETTERS, Asked, Board, Letter, LongLine, Pushing, Rest, Running, Shown, Together, Unfit
from engagement.calendar import local_day, month_end, month_start, zone
from engagement.campaigns import sheets
from knowledge.errors import KnowledgeRefusal
from prompts.loader import texts
from scheduler import board, campaigns, letters
from scheduler.foresight import foresee_day
from storage import audit, confirmations, leases, mass_sends
from storage.groups import Group, Identity

if TYPE_CHECKING:
    from bot.main import Program
    from engagement.feature import GroupView
    from engagement.kernel import Outgoing, Reply
    from storage.engine import Session

WECHAT = replace(WECOM, name="wechat")
"""The plain words of WeChat and WeCom: no buttons, the shorter limit of both."""
_SHOWN = (TELEGRAM, WECHAT, WEB)
_LENGTHS: dict[Unit, Callable[[str], int]] = {
    Unit.CHARACTERS: len,
    Unit.UTF16: lambda text: len(text.encode("utf-16-le")) // 2,
    Unit.BYTES: lambda text: len(text.encode()),
}


class ProgramPushing(Pushing):
    """The port over a program."""

    def __init__(self, program: Program) -> None:
        """Take the program."""
        self._program = program

    # ------------------------------------------------------------------ words

    def judged(self, session: Session, scope: str, text: str) -> Sequence[tuple[str, bool]]:
        """Say what is wrong with a text."""
        return campaign_check.of_words(text, lexicons(session, scope))

    def shown(self, session: Session, reply: Reply, group: GroupView) -> Sequence[Shown]:
        """Render for every channel."""
        message = previewed(session, reply, group)
        return [_shown(message, can) for can in _SHOWN]

    async def picture(self, reply: Reply) -> bytes:
        """Draw the card, or take it from the folder of drawn ones."""
        if reply.card is None:
            return b""
        await self._program.pictures.early([reply.card])
        return await asyncio.to_thread(self._program.pictures.read, reply.card)

    async def together(self, group_id: int, day: date) -> Sequence[Together]:
        """Rehearse a group's day."""
        program = self._program
        now = program.clock.now()
        found = await asyncio.to_thread(foresee_day, program.database, program.jobs, day, now, group_id)
        messages: dict[int, Together] = {}
        for one in found.pushes:
            if not one.number or one.message is None or one.recipient:
                continue
            at = f"{one.at.astimezone(zone(one.group.zone)):%H:%M}"
            before = messages.get(one.number)
            part = (one.name or word("kind", one.kind), render(one.message, WECHAT).text)
            messages[one.number] = Together(at, (*(before.texts if before else ()), part))
        return sorted(messages.values(), key=lambda one: one.at)

    async def try_out(self, person_id: int, plan_key: str, number: int, group_id: int) -> str:
        """Send a beat to one person, on the group's channel."""
        to = await self._program.database.read(lambda session: _address(session, person_id, group_id))
        if to is None:
            raise Unfit(texts().raw("console_calendar.try_no_chat"))
        request = {"kind": "push", "plan": plan_key, "beat": str(number), "to": to, "group": group_id}
        try:
            result = await trial.handle(self._program, request, lambda *_: None)
        except KnowledgeRefusal as refusal:
            raise Unfit(texts().fill(refusal.key, refusal.values)) from refusal
        if not result["sent"]:
            raise Unfit(texts().fill("push.test_failed", {"to": result["to"], "reason": result["reason"]}))
        return texts().fill("push.tested", {"to": result["to"], "channel": result["channel"]})

    # ------------------------------------------------------------------ what is on its way

    async def board(self) -> Board:
        """Count what came due within a day."""
        program = self._program
        now = program.clock.now()

        def lately(session: Session) -> list[Running]:
            found = board.recent(session, now)
            plans = sheets.of_campaigns(session, [one.campaign.id or 0 for one in found])
            return [_running(one, plans.get(one.campaign.id or 0, 0)) for one in found]

        def left(session: Session) -> tuple[list[int], Rest]:
            rest = campaigns.progress(session, program.jobs, self._rates(), now)
            return board.per_minute(session, now), _rest(rest)

        # Beside each other: with thousands of groups each reads as many rows, and somebody looks every two seconds.
        running, (minutes, rest) = await asyncio.gather(program.database.read(lately), program.database.read(left))
        return Board(running, minutes, rest)

    async def asked(self) -> tuple[Sequence[Asked], int]:
        """Read whom delivery waits for, with the times of the settings."""
        program = self._program
        waits = Waits(program.settings.wecom)
        day = local_day(program.clock.now(), mass_sends.ZONE)
        rows, total = await program.database.read(
            lambda session: confirmations.waiting(session, month_start(day), month_end(day), MOST_LETTERS)
        )
        found = [
            Asked(
                one.group_id,
                one.group,
                one.leader,
                one.asked_at,
                waits.until(one.local_date, one.asked_at),
                one.reminders,
                max(0, waits.most(day) - one.had),
                one.reason == mass_sends.DECLINED,
                one.state != "awaiting",
            )
            for one in rows
        ]
        return found, total

    async def long_line(self) -> LongLine | None:
        """Look who has the lease of the AI bot's connection."""
        program, bot = self._program, self._program.settings.wecom_bot.bot_id
        if not bot:
            return None
        now, name = program.clock.now(), name_of(bot)
        found = await program.database.read(lambda session: leases.held(session, name, now))
        if found is None:
            return LongLine()
        # Behind it stands what tells two lives of one process apart.
        return LongLine(found.holder.partition("/")[0], found.state, found.state_at)

    async def rest(self, key: str) -> Rest:
        """Count what of one is still to go out."""
        program = self._program
        now = program.clock.now()
        return await program.database.read(
            lambda session: _rest(campaigns.progress(session, program.jobs, self._rates(), now, key))
        )

    def _rates(self) -> dict[str, float]:
        telegram = self._program.settings.telegram
        return {"telegram": telegram.rate} if telegram.rate else {}

    async def move(self, key: str, how: str, person_id: int) -> str:
        """Pause, resume or cancel, on record."""
        program = self._program
        now = program.clock.now()

        def write(session: Session) -> str | None:
            draft = sheets.draft_of_key(session, key)
            if draft:
                raise Unfit(texts().fill("console_calendar.still_draft", {"name": draft}))
            state = campaigns.move(session, key, how, now, program.jobs)
            if state is not None:
                audit.record(
                    session, at=now, actor_id=person_id, group_id=None, action=f"calendar.{state}", campaign=key
                )
            return state

        state = await program.database.write(write)
        if state is None:
            raise Unfit(texts().raw("console_pushes.over"))
        return state

    # ------------------------------------------------------------------ what did not arrive

    async def letters(self, days: int) -> Sequence[Letter]:
        """Put what failed or is unknown into words, the first ``MOST_LETTERS`` of it."""
        since = self._program.clock.now() - timedelta(days=days)
        return await self._program.database.read(
            lambda session: [_letter(one) for one in letters.letters(session, since, most=MOST_LETTERS)]
        )

    async def resend(self, number: int, person_id: int) -> datetime:
        """Let an unknown one go out once more, on record."""
        program = self._program
        now = program.clock.now()

        def write(session: Session) -> datetime:
            at = letters.resend(session, [number], program.jobs, now)
            _noted(session, "delivery.resent", number, person_id, now)
            return at

        try:
            return await program.database.write(write)
        except letters.Unfit as unfit:
            raise _unfit(unfit) from unfit

    async def settle(self, number: int, how: str, person_id: int) -> None:
        """Write down what somebody saw, on record."""
        now = self._program.clock.now()

        def write(session: Session) -> None:
            letters.settle(session, number, how, now)
            _noted(session, f"delivery.seen_{how}", number, person_id, now)

        try:
            await self._program.database.write(write)
        except letters.Unfit as unfit:
            raise _unfit(unfit) from unfit


def _shown(message: Outgoing, can: Capabilities) -> Shown:
    """Render one channel; words in bold are shown as plain ones, which is what a person compares."""
    plain = replace(can, dialect=Dialect.PLAIN, links_people=False)
    rendered = render(message, plain)
    longest = max((_LENGTHS[can.unit](part) for part in rendered.parts), default=0)
    limit = (can.caption_limit if message.card is not None and can.picture else 0) or can.text_limit
    buttons = tuple(choice.label for row in rendered.buttons for choice in row)
    return Shown(can.name, rendered.text, buttons, longest, limit, message.card is not None and can.picture)


def _running(one: board.Recent, plan: int) -> Running:
    reasons = sorted(one.reasons.items(), key=lambda item: (-item[1], item[0]))
    return Running(
        one.campaign.id or 0,
        one.campaign.key,
        one.campaign.kind,
        one.campaign.name or word("kind", one.campaign.kind),
        one.campaign.state,
        plan,
        one.counts,
        [(word("state", state), word("reason", reason), count) for (state, reason), count in reasons],
        one.latest,
    )


def _rest(one: campaigns.Progress) -> Rest:
    return Rest(
        one.ready,
        one.queue,
        one.later,
        one.later_from,
        one.too_late,
        one.asked,
        one.held,
        one.pace,
        one.floor,
        one.seconds,
        one.driven,
    )


def _letter(one: letters.Letter) -> Letter:
    return Letter(
        one.id,
        one.state,
        one.reason,
        word("reason", one.reason),
        advice(one),
        one.name or word("kind", one.kind),
        one.group.name or one.group.external_id,
        one.due_at,
        one.group.zone,
        bool(one.recipient),
        first_line(one),
    )


def _address(session: Session, person_id: int, group_id: int) -> str | None:
    group = session.get(Group, group_id)
    if group is None:
        return None
    return session.exec(
        select(Identity.external_id)
        .where(Identity.person_id == person_id, Identity.channel == group.channel)
        .order_by(col(Identity.id))
    ).first()


def _noted(session: Session, action: str, number: int, person_id: int, now: datetime) -> None:
    audit.record(session, at=now, actor_id=person_id, group_id=None, action=action, delivery=number)


def _unfit(unfit: letters.Unfit) -> Unfit:
    key = unfit.why if unfit.why in _WHYS else "no_letter"
    return Unfit(texts().raw(_WHYS[key]))


_WHYS = {
    "no_letter": "console_pushes.no_letter",
    "letter_failed": "console_pushes.letter_failed",
    "letter_settled": "console_pushes.letter_settled",
    "letter_gone": "console_pushes.letter_gone",
    "letter_stopped": "console_pushes.letter_stopped",
    "letter_empty": "console_pushes.letter_empty",
}
