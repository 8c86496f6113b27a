"""One message: claim → identify → route → dispatch → reply, in one transaction; sending comes after its commit."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import structlog
from sqlmodel import select

from bot import hidden, people, showing
from bot.addressing import address, at_desk
from bot.queued import Queued, queue
from bot.routing import Routes
from bot.showing import Drafts
from bot.targets import Targets
from bot.voice import Ear, with_heard
from engagement.clocks import Clock
from engagement.dispatch import Dispatcher, Said, Target
from engagement.errors import Fault, Hushed, Refusal
from engagement.events import Named, Unidentified
from engagement.feature import Actor, Context, GroupView, Slow
from engagement.guards import UNKNOWN
from engagement.kernel import Event, Incoming, Kind, Reply
from storage import inbox, outbox
from storage.engine import Database, Session
from storage.gathering import Gathering
from storage.groups import Group

T = TypeVar("T")
log = structlog.get_logger("bot.gateway")
TRIES = 3
"""How often a message is tried before it is dead-lettered (FAULTS F14)."""
_PAUSES = (0.0, 0.1, 0.4)
"""Seconds before each try."""
EARLY_SECONDS = 5.0
"""How long an answer waits for what was said before it."""


@dataclass(frozen=True, slots=True)
class Handled:
    """What came of one event.

    Attributes:
        outcome: ``done``, ``repeated``, ``refused``, ``fault``, ``bug``, or ``down``: nothing could be recorded, and the
            event is still to be handled.
    """

    outcome: str
    queued: Sequence[Queued] = ()


@dataclass(slots=True)
class _Stage:
    """An event with everybody identified and the target found."""

    ctx: Context
    targets: list[Target]
    new_name: bool = False


@dataclass(frozen=True, slots=True)
class _Half:
    """What the first transaction of a slow handler leaves for the second.

    Attributes:
        subject: what was asked when the words came; something else may have been said during the wait.
        early: what is said at once.
    """

    target: Target
    slow: Slow
    state: Any
    subject: str
    new_name: bool
    early: Sequence[Queued]


class Gateway:
    """Receives events, handles them one at a time per conversation (the pump orders them)."""

    def __init__(self, database: Database, dispatcher: Dispatcher, clock: Clock, paced: Container[str] = ()) -> None:
        """Wire the parts.

        Args:
            paced: channels on which one person's commands a minute are bounded.
        """
        self.database = database
        self.dispatcher = dispatcher
        self.routes = Routes(dispatcher.features)
        self.targets = Targets(dispatcher.features, self.routes)
        self.clock = clock
        self._paced = paced
        self.ear: Ear | None = None
        self.post: Callable[[Queued], asyncio.Future[Any]] | None = None
        """Begins to send what is said before a long wait; None: only the answer is said."""
        self.drafts: dict[str, Drafts] = {}
        """By channel: who can show words that are still being written."""
        self.accounts: dict[str, frozenset[str]] = {}
        """By channel: its bot accounts, where there may be several."""
        self._received = Gathering(database.write, self._put)

    # ---------------------------------------------------------------- receiving

    async def accept(self, incoming: Incoming) -> int | None:
        """Persist an event before it is acknowledged; None when it is a redelivery.

        Raises:
            Whatever the database raises: then the platform must not be told that all is well.
        """
        return await self._received.add(incoming)

    @staticmethod
    def _put(session: Session, incoming: Incoming) -> int | None:
        return inbox.put(
            session,
            channel=incoming.channel,
            account=incoming.account,
            dedupe_key=incoming.dedupe_key,
            conversation=incoming.conversation,
            received_at=incoming.received_at,
            body=incoming.dump(),
        )

    # ---------------------------------------------------------------- handling

    async def hear(self, incoming: Incoming) -> Incoming:
        """Return the event with a voice message's words in it, if there is somebody who listens."""
        return incoming if self.ear is None else await self.ear.hear(incoming)

    async def handle(self, inbox_id: int, incoming: Incoming) -> Handled:
        """Bring about the one effect of an event. Never raises: what fails three times is given up with an apology.

        Source: FAULTS F2, F14.
        """
        outcome, code = "bug", "B1"
        for pause in _PAUSES:
            if pause:
                await asyncio.sleep(pause)
            try:
                return await self._try(inbox_id, incoming)
            except Refusal as refusal:
                # From the work between the two transactions of a slow handler.
                no = refusal
                handled = await self._recorded(inbox_id, lambda s: self._refused(s, inbox_id, incoming, no))  # noqa: B023
                return handled or Handled("refused")
            except Fault as fault:
                log.warning("fault", inbox=inbox_id, code=fault.code)
                outcome, code = "fault", fault.code
            except Exception as error:
                log.exception("bug", inbox=inbox_id, kind=type(error).__name__)
            handled = await self._recorded(
                inbox_id,
                lambda s, o=outcome, c=code: self._failed(s, inbox_id, incoming, o, c),  # type: ignore[misc]
            )
            if handled is not None:
                return handled
        return Handled(outcome)

    async def _try(self, inbox_id: int, incoming: Incoming) -> Handled:
        result = await self.database.write(
            lambda s: self._or_no(s, inbox_id, incoming, lambda: self._first(s, inbox_id, incoming))
        )
        if isinstance(result, Handled):
            return result
        half = result
        sending = [self.post(queued) for queued in half.early if not queued.is_shown] if self.post is not None else []
        found = await half.slow.work(half.state)
        if sending:
            # So that the answer can take its place; when the platform is slow, it comes behind it.
            await asyncio.wait(sending, timeout=EARLY_SECONDS)
        return await self.database.write(
            lambda s: self._or_no(s, inbox_id, incoming, lambda: self._second(s, inbox_id, incoming, half, found))
        )

    def _or_no(self, session: Session, inbox_id: int, incoming: Incoming, bring_about: Callable[[], T]) -> T | Handled:
        """Bring an effect about or say no, in one transaction.

        In two, a later message of the conversation could come between, and after a crash the no become a yes.
        """
        try:
            return bring_about()
        except Refusal as refusal:
            session.undo()
            return self._refused(session, inbox_id, incoming, refusal)

    async def _recorded(self, inbox_id: int, record: Callable[[Session], Handled | None]) -> Handled | None:
        """Write down what became of a try that brought nothing about."""
        try:
            return await self.database.write(record)
        except Exception as error:
            # The database itself is down: the row is still pending, and the pump comes back to it.
            log.error("gateway.cannot_record", inbox=inbox_id, kind=type(error).__name__)
            return Handled("down")

    def _failed(self, session: Session, inbox_id: int, incoming: Incoming, outcome: str, code: str) -> Handled | None:
        """Count a try; the last one gives the event up and tells the person that it did not work."""
        if not inbox.failed(session, inbox_id, give_up_after=TRIES):
            return None
        if incoming.event not in (Event.MESSAGE, Event.BUTTON):
            return Handled(outcome)
        return Handled(outcome, self._say(session, inbox_id, incoming, Reply("guard.sorry", {"code": code})))

    def _refused(self, session: Session, inbox_id: int, incoming: Incoming, refusal: Refusal) -> Handled:
        """Say no, once."""
        if not inbox.claim(session, inbox_id):
            return Handled("repeated")
        log.info("refused", inbox=inbox_id, key=refusal.key)
        reply = Reply(refusal.key, refusal.values) if refusal.key else None
        if isinstance(refusal, Hushed) and incoming.event is Event.MESSAGE:
            reply = Reply("", kind=Kind.REACTION, emoji=refusal.emoji)
        reply = hidden.asked(self.routes, incoming, refusal) or reply
        return Handled("refused", () if reply is None else self._say(session, inbox_id, incoming, reply))

    def _say(self, session: Session, inbox_id: int, incoming: Incoming, reply: Reply) -> list[Queued]:
        group = people.group_of(session, incoming)
        ctx = self.dispatcher.context(session, incoming, Actor(0, ""), group, self.clock.now())
        said = [Said("guard", reply)]
        if reply.key in (UNKNOWN, hidden.ASKED) and group is not None:
            said += [Said(more.key.partition(".")[0], more) for more in ctx.emit(Unidentified())]
        return self._queue(ctx, inbox_id, said)

    def _first(self, session: Session, inbox_id: int, incoming: Incoming) -> Handled | _Half:
        stage = self._stage(session, incoming)
        if stage.targets and incoming.channel in self._paced:
            self.dispatcher.keep_pace(stage.ctx)
        for target in stage.targets:
            if isinstance(target.handler, Slow):
                ctx = self.dispatcher.admit(stage.ctx, target, record=False)
                ctx.argument = target.argument
                drafts = None if incoming.desk_person else self.drafts.get(incoming.channel)
                ctx.show = showing.shown_by(drafts, incoming, inbox_id)
                state = target.handler.prepare(ctx)
                early = self._early(ctx, target, inbox_id, state)
                return _Half(target, target.handler, state, ctx.subject, stage.new_name, early)
        if not inbox.claim(session, inbox_id):
            return Handled("repeated")
        said: list[Said] = []
        for target in stage.targets:
            said.extend(self.dispatcher.run(stage.ctx, target))
        said.extend(self._named(stage.ctx, stage.new_name))
        self._learn(stage.ctx.group)
        outcome = "refused" if any(one.reply.refuses for one in said) else "done"
        return Handled(outcome, self._queue(stage.ctx, inbox_id, said))

    def _early(self, ctx: Context, target: Target, inbox_id: int, state: Any) -> Sequence[Queued]:
        """Queue what is said before a long wait, once; another try says it again no more."""
        assert isinstance(target.handler, Slow)
        if target.handler.begin is None or self.post is None or outbox.exists(ctx.session, f"{inbox_id}:b0"):
            return ()
        said = [Said(target.feature.name, reply) for reply in target.handler.begin(state)]
        return self._queue(ctx, inbox_id, said, "b")

    def _second(self, session: Session, inbox_id: int, incoming: Incoming, half: _Half, found: Any) -> Handled:
        """Let the slice that waited finish: what its words were an answer to was settled when they came."""
        if not inbox.claim(session, inbox_id):
            return Handled("repeated")
        stage = self._stage(session, incoming)
        stage.ctx.subject = half.subject
        ctx = self.dispatcher.admit(stage.ctx, half.target)
        ctx.argument = half.target.argument
        said = self.dispatcher.said(ctx, half.target, half.slow.finish(ctx, found))
        said.extend(self._named(ctx, half.new_name))
        return Handled("done", self._queue(stage.ctx, inbox_id, said))

    @staticmethod
    def _named(ctx: Context, new_name: bool) -> list[Said]:
        """Tell who wants to know of a name that was not seen in the group before."""
        if not new_name or ctx.group is None or not ctx.actor.name:
            return []
        event = Named(ctx.group.id, ctx.actor.person_id, ctx.actor.name)
        return [Said(reply.key.partition(".")[0], reply) for reply in ctx.emit(event)]

    # ---------------------------------------------------------------- who and what for

    def _stage(self, session: Session, incoming: Incoming) -> _Stage:
        now = self.clock.now()
        running = self.accounts.get(incoming.channel, ())
        actor, group, new_name = people.acting(session, incoming, now, running)
        self._learn(group)
        ctx = self.dispatcher.context(session, incoming, actor, group, now)
        return _Stage(ctx, self.targets.of(session, ctx), new_name)

    def _learn(self, group: GroupView | None) -> None:
        """Note the group's own words: before its message is looked up, and after it was handled for the next ones."""
        if group is not None:
            self.routes.learn((group.channel, group.account, group.external_id), group.settings)

    def learn_all(self, session: Session) -> None:
        """Note the own words of every group, at the start, and now and then where other processes change them."""
        for channel, account, external_id, settings in session.exec(
            select(Group.channel, Group.account, Group.external_id, Group.settings)
        ):
            self.routes.learn((channel, account, external_id), settings or {})

    # ---------------------------------------------------------------- what goes out

    def _queue(self, ctx: Context, inbox_id: int, said: Sequence[Said], mark: str = "") -> list[Queued]:
        queued: list[Queued] = []
        for number, one in enumerate(with_heard(ctx.incoming, said)):
            shown = at_desk(ctx, one)
            if shown is not None:
                queued.append(Queued(0, shown))
                continue
            message = address(ctx, one)
            if message is None:
                log.info("no_address", inbox=inbox_id, key=one.reply.key)
                continue
            queued.append(queue(ctx.session, f"{inbox_id}:{mark}{number}", message, ctx.now))
        return queued
