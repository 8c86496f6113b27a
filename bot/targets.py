"""What a message is for: a command, a pressed button, an answer to what was asked, or a question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from bot import hidden
from bot.routing import Routes
from bot.voice import HEARD, UNHEARD
from engagement import dispatch as use_cases
from engagement import wording
from engagement.dispatch import Target
from engagement.errors import Refusal
from engagement.feature import Actor, Context, Feature
from engagement.kernel import Event, Place
from storage import identities, outbox
from storage.engine import Session

ASKED_FOR = timedelta(minutes=30)
"""How long a question to a leader in private waits for his next words; after that he quotes it."""
FILE, PHOTO = "file", "photo"


class Targets:
    """Finds who handles an event."""

    def __init__(self, features: Sequence[Feature], routes: Routes) -> None:
        """Take the slices and the command table."""
        self.features = features
        self.routes = routes
        self._asks = frozenset(prefix for feature in features for prefix in feature.asks)
        self._pictures = frozenset(prefix for feature in features for prefix in feature.pictures)
        self._ends = frozenset(prefix for feature in features for prefix in feature.ends)
        plain = frozenset(prefix for feature in features for prefix in feature.plain & feature.quotes.keys())
        self._told_by_leaders = self._asks | self._ends | plain

    def of(self, session: Session, ctx: Context) -> list[Target]:
        """Return who handles the event of a context, in their order; notes in it what a message is an answer to.

        Raises:
            Refusal: a button that nobody knows, or a recording that nobody can read.
        """
        incoming = ctx.incoming
        features = self.features
        if incoming.event is Event.BUTTON:
            return [self._pressed(session, ctx)]
        if incoming.event is not Event.MESSAGE:
            # In private it was about the chat alone (bot.people), and not about the group that the chat is about.
            private = incoming.place is Place.DM
            return [] if private else use_cases.lifecycle_targets(features, incoming.event.value)
        if incoming.media in UNHEARD and not incoming.text:
            raise Refusal(UNHEARD[incoming.media])
        if incoming.reply_to:
            about = outbox.subject_of(
                session,
                channel=incoming.channel,
                account=incoming.account,
                conversation=incoming.conversation,
                provider_id=incoming.reply_to,
            )
            ctx.subject = about or ""
        target = self._given_up(session, ctx) or self.routes.rather(ctx, self._command(session, ctx))
        if target is not None:
            return [target]
        called = incoming.addressed or incoming.place is Place.DM or bool(ctx.subject)
        if not incoming.reply_to and incoming.place is Place.DM:
            shows = incoming.media == PHOTO and not ctx.text
            if shows or self._is_asked(session, ctx.actor):
                ctx.subject = self._asked(session, ctx, self._pictures if shows else self._asks)
        ctx.subject = incoming.desk_about or ctx.subject
        answers = ctx.subject.partition(":")[0] in self._told_by_leaders and self._is_asked(session, ctx.actor)
        target = self.routes.urgent(incoming.text, answers) if called else None
        if target is not None:
            return [target]
        fallback = self.routes.fallback()
        if ctx.subject:
            target = use_cases.quote_target(features, ctx.subject, incoming.text)
            if target is not None and (fallback is None or target.handler is not fallback.handler):
                return [target]
        if incoming.addressed or incoming.place is Place.DM:
            wanted = self.routes.meant(incoming.text, ctx) or self._link(session, ctx) or fallback
            return [] if wanted is None else [wanted]
        return []

    def _given_up(self, session: Session, ctx: Context) -> Target | None:
        """Find whose question for words ends with a 「算了」, before that could be anything else."""
        incoming = ctx.incoming
        if not wording.gives_up(incoming.text):
            return None
        subject = incoming.desk_about or ctx.subject
        if not subject and not incoming.reply_to and incoming.place is Place.DM:
            subject = self._asked(session, ctx, self._asks | self._ends)
        found = use_cases.ended_target(self.features, subject)
        ctx.subject = subject if found is not None else ctx.subject
        return found

    def _pressed(self, session: Session, ctx: Context) -> Target:
        words = hidden.typed(ctx.incoming)
        if words is not None:
            ctx.incoming, ctx.text = words, words.text
            target = self.routes.rather(ctx, self._command(session, ctx))
            if target is not None:
                return target
        found = use_cases.button_target(self.features, ctx.incoming.button)
        if found is None:
            raise Refusal("guard.old_button")
        ctx.text = found[1]
        return found[0]

    def _command(self, session: Session, ctx: Context) -> Target | None:
        """Find the command that was typed, or who takes the file that was sent in private."""
        incoming, group = ctx.incoming, ctx.group
        where = None if group is None else (group.channel, group.account, group.external_id)
        target = self.routes.command(incoming.text, where, incoming.place)
        sent = target is None and incoming.media == FILE and incoming.place is Place.DM
        # What a neighbour writes beside a file is a question as always.
        if sent and (not incoming.text or self._is_asked(session, ctx.actor)):
            target = use_cases.file_target(self.features)
        needed = target.command.roles - {"leader"} if target is not None and target.command is not None else None
        if needed and ctx.actor.person_id:
            ctx.actor = replace(ctx.actor, roles=identities.roles(session, ctx.actor.person_id))
        return target

    def _link(self, session: Session, ctx: Context) -> Target | None:
        """Find who takes a web address that staff or a leader sent alone in private."""
        found = use_cases.link_target(self.features, ctx.incoming)
        return found if found is not None and self._is_asked(session, ctx.actor) else None

    @staticmethod
    def _is_asked(session: Session, actor: Actor) -> bool:
        """Say whether the bot asks somebody things in private: leaders, and who has a role over groups."""
        return actor.leader or (actor.person_id != 0 and bool(identities.roles(session, actor.person_id)))

    def _asked(self, session: Session, ctx: Context, prefixes: frozenset[str]) -> str:
        """Return what the bot asked somebody in private just now: what he says next is meant for it.

        Something else in between (a neighbour's question) makes it doubtful; small talk with the fallback does not.
        """
        incoming, fallback = ctx.incoming, self.routes.fallback()
        for subject in outbox.last_subjects(
            session,
            channel=incoming.channel,
            account=incoming.account,
            conversation=incoming.conversation,
            since=ctx.now - ASKED_FOR,
            # Listening takes a while: what was asked after somebody spoke is not what he answered.
            until=incoming.received_at if incoming.media == HEARD else ctx.now,
        ):
            prefix = subject.partition(":")[0]
            if prefix in prefixes:
                return subject
            if fallback is None or prefix != fallback.feature.name:
                break
        return ""
