"""The one entry to every use case: guards, then the handler, in the caller's transaction. Gateway and console call it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from engagement import calendar, easy, guards, rooms
from engagement.errors import Hushed, Refusal
from engagement.events import Quoted, Used
from engagement.feature import DO, Actor, Command, Context, Feature, Fetch, GroupView, Handler, Slow
from engagement.kernel import Event, Incoming, Kind, Place, Reply
from storage import identities
from storage.engine import Session
from storage.groups import Consent, Member

if TYPE_CHECKING:
    from knowledge.answering import Answering


@dataclass(frozen=True, slots=True)
class Target:
    """What a message is for: a slice's handler, and the command if it was one; ``quoted``: it is the quoted message's."""

    feature: Feature
    handler: Handler | Slow
    command: Command | None = None
    argument: str = ""
    consent: bool = True
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class Said:
    """A reply and the slice that gave it."""

    feature: str
    reply: Reply


class Dispatcher:
    """Knows the features; runs targets."""

    def __init__(self, features: Sequence[Feature], answering: Answering | None = None) -> None:
        """Take the registry's features, and what answers questions (None: questions are handed over)."""
        self.features = tuple(features)
        self.answering = answering
        self.pages = ""
        self.doors: dict[tuple[str, str], str] = {}
        """(channel, account) → :attr:`Context.door`; filled by whoever starts a channel."""
        self.sources: dict[str, Fetch] = {}
        """Channel → how it hands out files; filled by whoever starts a channel."""
        self.pace = guards.Pace()
        self.acts = guards.Acts()
        self.mutes = guards.Mutes()
        self.nobodies = guards.Nobodies()
        self.cries = guards.Nobodies(timedelta(minutes=10))
        self._subscribers: dict[type, list[tuple[Feature, Any]]] = {}
        for feature in self.features:
            for kind, subscriber in feature.events.items():
                self._subscribers.setdefault(kind, []).append((feature, subscriber))

    def notify(self, ctx: Context, event: object) -> list[Reply]:
        """Run an event's subscribers in the same transaction; what they raise propagates."""
        said: list[Reply] = []
        for _feature, subscriber in self._subscribers.get(type(event), ()):
            said.extend(subscriber(ctx, event))
        return said

    def context(
        self,
        session: Session,
        incoming: Incoming,
        actor: Actor,
        group: GroupView | None,
        now: datetime,
        *,
        subject: str = "",
    ) -> Context:
        """Make the context of one event; the random numbers follow from the event, so a repeat draws the same."""
        zone = group.zone if group is not None else "Asia/Shanghai"
        return Context(
            session=session,
            incoming=incoming,
            actor=actor,
            group=group,
            now=now,
            today=calendar.business_day(incoming.occurred_at, incoming.received_at, zone),
            chance=f"{incoming.channel}|{incoming.account}|{incoming.dedupe_key}",
            notify=self.notify,
            text=incoming.text,
            subject=subject,
            door=self.doors.get((incoming.channel, incoming.account), ""),
            fetch=self.sources.get(incoming.channel),
            answering=self.answering,
            features=self.features,
            rewarded=self.acts.note,
            cried=self.cries.tell,
            pages=self.pages,
        )

    def keep_pace(self, ctx: Context) -> None:
        """Take one command from what a person may send in a minute; who goes on is told once, and then ignored.

        Raises:
            Refusal: ``guard.too_fast``, or one without a text.

        Source: FAULTS C13.
        """
        person, message = ctx.actor.person_id, ctx.incoming.dedupe_key
        if person and not self.pace.admit(person, message, ctx.now.timestamp()):
            raise Refusal("guard.too_fast" if self.pace.tell(person, message) else "")

    def admit(self, ctx: Context, target: Target, *, record: bool = True) -> Context:
        """Check the guards and make the consent record if the command needs one.

        After 退出 a question, or a look at what is kept, is answered and makes no record: only doing something is a return.

        Args:
            record: False before a wait: the record is made with the answer, which carries the notice.

        Raises:
            Refusal: mute, place, role, or an unidentified sender.
        """
        actor = ctx.actor
        typed = ctx.incoming.event in (Event.MESSAGE, Event.BUTTON)
        if actor.person_id == 0 and typed:
            raise self._unknown(ctx)
        keeps = target.command.consent if target.command is not None else target.consent
        if actor.muted and typed and (keeps or ctx.incoming.place is Place.GROUP):
            # In private the rights over one's own data stay.
            raise self._hushed(ctx)
        if target.command is not None:
            guards.check_place(target.command, ctx.incoming.place, has_group=ctx.group is not None)
            led = "leader" in target.command.roles and not actor.roles & target.command.roles
            if led and not actor.leader and ctx.incoming.place is Place.DM:
                rooms.find_led(ctx)
                actor = ctx.actor
            guards.check_role(target.command, actor)
        if typed and target.command is not None and keeps and ctx.group is not None and actor.member_id is None:
            # Staff on the page of a group in which they are nobody's neighbour.
            raise Refusal("guard.neighbours_only")
        if not keeps or not record:
            return ctx
        if actor.member_id is not None and (not actor.consented or actor.account_id is None):
            first = not actor.consented
            reads = isinstance(target.handler, Slow) or (target.command is not None and target.command.reads)
            back = first and self._withdrew(ctx)
            if back and reads and actor.account_id is not None:
                return ctx
            if first:
                identities.grant_consent(ctx.session, actor.person_id, ctx.now)
            account = identities.open_account(ctx.session, actor.member_id, ctx.now)
            ctx.actor = replace(actor, account_id=account, consented=True, first_time=first, returned=back)
        return ctx

    def _hushed(self, ctx: Context) -> Refusal:
        """Tell a muted neighbour so once a mute; further words in the group get a stamp, for the others have no part in it."""
        actor = ctx.actor
        if ctx.incoming.place is Place.GROUP and actor.member_id is not None:
            until = ctx.session.get_one(Member, actor.member_id).muted_until
            if until is not None and not self.mutes.tell(actor.member_id, until, ctx.chance):
                return Hushed(guards.MUTED_STAMP)
        return Refusal("guard.muted")

    def _unknown(self, ctx: Context) -> Refusal:
        """Tell who cannot be known so, in words now and then: whoever speaks in the group's name goes on doing it."""
        if ctx.group is None or self.nobodies.tell(ctx.group.id, ctx.now, ctx.chance):
            return Refusal(guards.UNKNOWN)
        return Hushed(guards.UNKNOWN_STAMP)

    @staticmethod
    def _withdrew(ctx: Context) -> bool:
        found = ctx.session.get(Consent, ctx.actor.person_id)
        return found is not None and found.withdrawn_at is not None

    def run(self, ctx: Context, target: Target) -> list[Said]:
        """Admit and run a handler that does not wait.

        Raises:
            Refusal: from the guards or the slice; nothing of the transaction may then be kept but the claim.
        """
        ctx = self.admit(ctx, target)
        ctx.argument = target.argument
        assert not isinstance(target.handler, Slow)
        return self.said(ctx, target, target.handler(ctx))

    def said(self, ctx: Context, target: Target, replies: Sequence[Reply]) -> list[Said]:
        """Sign replies with the slice's name; the first one after consent carries the notice.

        In private, somebody who is in several groups is told which one the answer is about; a reply whose values have
        ``group`` says that itself, or (None) is about none. Who asked for short answers gets them in private.
        """
        if ctx.actor.steps is not None and not ctx.aside:
            ctx.emit(Used(target.command.name if target.command is not None else target.feature.name))
        if target.quoted and ctx.incoming.reply_to:
            ctx.emit(Quoted(ctx.incoming.reply_to))
        if ctx.actor.elder:
            replies = [easy.shortened(one) if _is_private(ctx, one) else one for one in replies]
        signed = [Said(target.feature.name, reply) for reply in self._placed(ctx, target, replies)]
        if ctx.closing:
            signed = _closed(ctx, signed)
        if ctx.actor.first_time and signed:
            notice = guards.BACK if ctx.actor.returned else guards.notice(ctx)
            for index, one in enumerate(signed):
                if one.reply.kind is Kind.REPLY:
                    noticed = replace(one.reply, tails=(*one.reply.tails, notice))
                    signed[index] = Said(one.feature, noticed)
                    break
            else:
                signed.append(Said("members", Reply(notice)))
        return signed

    @staticmethod
    def _placed(ctx: Context, target: Target, replies: Sequence[Reply]) -> Sequence[Reply]:
        about_group = target.command.needs_group if target.command is not None else target.consent
        told = ctx.incoming.place is not Place.DM or bool(ctx.incoming.desk_person)  # a page says it itself
        if told or ctx.group is None or not about_group or not replies:
            return replies
        first = replies[0]
        if first.kind is not Kind.REPLY or "group" in first.values:
            return replies
        if len(identities.memberships(ctx.session, ctx.actor.person_id)) < 2:
            return replies
        values = {**first.values, "group": ctx.group.name}
        return [replace(first, values=values, tails=(*first.tails, "guard.about_group")), *replies[1:]]


def _is_private(ctx: Context, reply: Reply) -> bool:
    """Say whether the acting person alone reads a reply."""
    if reply.kind is Kind.DM:
        return reply.to is None or reply.to == ctx.actor.person_id
    return reply.kind in (Kind.REPLY, Kind.EDIT) and ctx.incoming.place is Place.DM


def _closed(ctx: Context, signed: list[Said]) -> list[Said]:
    """Put closing lines under the first reply; a stamp is said in words for it. Without one they stand alone."""
    lines, ctx.closing = ctx.closing, []
    for index, one in enumerate(signed):
        if one.reply.kind in (Kind.REPLY, Kind.REACTION) and one.reply.key:
            values = {name: value for _, more in lines for name, value in more.items()} | dict(one.reply.values)
            tails = (*one.reply.tails, *(key for key, _ in lines))
            said = replace(one.reply, kind=Kind.REPLY, emoji="", values=values, tails=tails)
            signed[index] = Said(one.feature, said)
            return signed
    return [*signed, *(Said(key.partition(".")[0], Reply(key, values)) for key, values in lines)]


def button_target(features: Sequence[Feature], key: str) -> tuple[Target, str] | None:
    """Find who handles a button key ``prefix:reference``; the reference comes back as the second value."""
    prefix, _, reference = key.partition(":")
    if prefix == DO and "." in reference:
        return _command_of(features, reference)
    for feature in features:
        handler = feature.buttons.get(prefix)
        if handler is not None:
            return Target(feature, handler, consent=prefix not in feature.plain), reference
    return None


def file_target(features: Sequence[Feature]) -> Target | None:
    """Find who takes a file that somebody sent in private."""
    return next((Target(one, one.files, consent=False) for one in features if one.files is not None), None)


def link_target(features: Sequence[Feature], incoming: Incoming) -> Target | None:
    """Find who takes the address of a web page that somebody sent alone, in private."""
    if incoming.place is not Place.DM or incoming.event is not Event.MESSAGE:
        return None
    text = incoming.text.strip()
    found = next((one for one in features if one.links is not None and one.links.fullmatch(text)), None)
    return None if found is None else file_target([found])


def _command_of(features: Sequence[Feature], name: str) -> tuple[Target, str] | None:
    """Find a command that sentences are answered with, for its button; it runs as if it had been typed alone."""
    for feature in features:
        for command in feature.commands:
            if command.asked and command.name == name:
                return Target(feature, command.handler, command), ""
    return None


def quote_target(features: Sequence[Feature], subject: str, text: str = "") -> Target | None:
    """Find who handles a message that quotes one of ours about ``prefix:reference``; None when its slice passes on it."""
    prefix = subject.partition(":")[0]
    for feature in features:
        handler = feature.quotes.get(prefix)
        if handler is not None:
            passes_on = feature.passes_on.get(prefix)
            if passes_on is not None and passes_on(text):
                return None
            return Target(feature, handler, consent=prefix not in feature.plain, quoted=True)
    return None


def ended_target(features: Sequence[Feature], subject: str) -> Target | None:
    """Find who hears that somebody will not answer a question for words about ``prefix:reference``; None when it was none."""
    prefix = subject.partition(":")[0]
    for feature in features:
        if prefix in feature.ends:
            return Target(feature, _ended, consent=False)
        if prefix in feature.asks:
            return Target(feature, feature.quotes[prefix], consent=prefix not in feature.plain, quoted=True)
    return None


def _ended(ctx: Context) -> Sequence[Reply]:
    ctx.aside = True
    return [Reply("guard.given_up", {"group": None}, subject="over:")]


def lifecycle_targets(features: Sequence[Feature], event: str) -> list[Target]:
    """Find who wants to know of a platform event, in the registry's order."""
    return [
        Target(feature, feature.lifecycle[event], consent=False) for feature in features if event in feature.lifecycle
    ]
