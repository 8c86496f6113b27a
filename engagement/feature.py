"""What a slice declares about itself, and what its functions are given.

A slice's ``manifest.py`` holds one :class:`Feature`; :mod:`engagement.registry` lists them; routing, dispatch, planner and
the privacy commands are built from that list and know no slice by name.
"""

from __future__ import annotations

import random
import re
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from engagement.errors import Refusal
from engagement.kernel import Incoming, Place, Reply
from engagement.pushes import JobSpec
from storage.engine import Session
from storage.groups import Group

if TYPE_CHECKING:
    from knowledge.answering import Answering


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts.

    Attributes:
        person_id: 0 for somebody whom the platform does not identify (anonymous admins): no points, no rights.
        member_id, account_id: in the context's group; None outside a group, or before the first command.
        name: one line, as shown to others.
        leader: of the context's group.
        roles: over groups: staff, manager, admin.
        consented: the record exists and is not withdrawn.
        first_time: the record is made with this very command, and the reply carries the notice; ``returned``: made anew.
        muted: in the context's group, at present.
        steps: bits of a newcomer's first steps in the context's group; None for who is not on that path.
        elder: asked for short, plain answers in private.
    """

    person_id: int
    name: str
    member_id: int | None = None
    account_id: int | None = None
    leader: bool = False
    roles: frozenset[str] = frozenset()
    consented: bool = False
    first_time: bool = False
    returned: bool = False
    muted: bool = False
    steps: int | None = None
    elder: bool = False


@dataclass(slots=True)
class GroupView:
    """What handlers need of a group; read once per message.

    Attributes:
        settings: per slice; see :class:`storage.groups.Group`.
        facts: structured facts, e.g. ``pickup_hours``.
        hears, speaks: whether people's words reach the bot there, and whether it can speak there at once.
    """

    id: int
    channel: str
    account: str
    external_id: str
    name: str
    zone: str
    quiet_from: int
    quiet_to: int
    daily_budget: int
    quiet_acks: bool
    settings: Mapping[str, Any]
    facts: Mapping[str, str]
    hears: bool = True
    speaks: bool = True

    @classmethod
    def of(cls, group: Group) -> GroupView:
        """Copy from the row."""
        row = {name: getattr(group, name) for name in cls.__slots__}
        return cls(**row | {"settings": group.settings or {}, "facts": group.facts or {}})


class Fetch(Protocol):
    """How a channel hands out a file; never called within a transaction."""

    async def __call__(self, media_id: str, most: int) -> bytes:
        """Return at most ``most`` bytes; raise TooLarge when there are more, Unfetchable when it cannot be had."""
        ...


@dataclass(slots=True)
class Context:
    """Everything a service function may use: the transaction, who, where, when.

    Attributes:
        session: the open transaction; nothing outside it may be touched.
        group: None in a private chat of somebody who is in no group.
        today: the group's local day that this event counts for.
        argument: what followed the command word, cleaned; empty if nothing.
        text: the whole message.
        subject: what the quoted message is about (``prefix:reference``), if it was one of ours.
        chance: names the event; the random numbers follow from it.
        notify: hands events to the subscribers of other slices, in this transaction.
        features: every slice's declaration, for help and for the privacy commands.
        pages: address of the web pages without a slash at the end; empty when there are none that neighbours can sign in to.
        rewarded: (person, message's reference, when) → when he was rewarded for others lately; notes this one, in memory.
        cried: (who and where, when, message's reference) → whether he called for help for the first time lately, in memory.
        door: link that opens a private chat with the bot, to which a payload is added; empty where there is none.
        fetch: hands out a file that somebody sent on this channel, by its ``media_id``; None where files cannot be had.
        show: shows an answer's words in private while they are written, until the reply comes; None where that cannot be.
        closing: (text key, values) of short lines that subscribers put under the reply; their values need names of their own.
        aside: what is said (to somebody in danger, to 「算了」) is no use of anything, and makes no newcomer's step.
    """

    session: Session
    incoming: Incoming
    actor: Actor
    group: GroupView | None
    now: datetime
    today: date
    chance: str
    notify: Callable[[Context, object], list[Reply]]
    argument: str = ""
    text: str = ""
    subject: str = ""
    answering: Answering | None = None
    features: Sequence[Feature] = ()
    pages: str = ""
    rewarded: Callable[[int, str, datetime], Sequence[datetime]] | None = None
    door: str = ""
    fetch: Fetch | None = None
    show: Callable[[str], Awaitable[None]] | None = None
    closing: list[tuple[str, Mapping[str, object]]] = field(default_factory=list)
    aside: bool = False
    cried: Callable[[Hashable, datetime, str], bool] | None = None
    _rng: random.Random | None = field(default=None, init=False)

    @property
    def rng(self) -> random.Random:
        """The event's random numbers: they follow from ``chance``, so that a repeat draws the same."""
        if self._rng is None:
            self._rng = random.Random(self.chance)
        return self._rng

    def emit(self, event: object) -> list[Reply]:
        """Tell other slices what happened; returns what they want said. Their exceptions propagate."""
        return self.notify(self, event)

    @property
    def here(self) -> GroupView:
        """The group.

        Raises:
            Refusal: ``guard.no_group``. Dispatch asks before a command that needs one; a button may be pressed anywhere.
        """
        if self.group is None:
            raise Refusal("guard.no_group")
        return self.group


Handler: TypeAlias = Callable[[Context], Sequence[Reply]]


@dataclass(frozen=True, slots=True)
class Slow:
    """A handler with a wait in it (a model, a picture): no transaction is open during the wait.

    Attributes:
        prepare: reads; gets a read-only context, returns a state.
        work: awaits; gets the state, returns a result. No session.
        finish: one transaction with the claim; gets a writing context and the result.
        begin: what is said at once, before a long wait, about the state; a reply with a ``subject`` can be edited by
            ``finish`` once it has gone out.
    """

    prepare: Callable[[Context], Any]
    work: Callable[[Any], Awaitable[Any]]
    finish: Callable[[Context, Any], Sequence[Reply]]
    begin: Callable[[Any], Sequence[Reply]] | None = None


DO = "do"
"""Prefix of the buttons that run a command: ``do:checkin.do``."""


@dataclass(frozen=True, slots=True)
class Command:
    """A command that people type.

    Attributes:
        name: its own name, ``slice.verb``.
        words: what people type, in Chinese; the first is shown in help. Compared after normalisation.
        slash: names for ``/name`` commands, ``[a-z0-9_]``.
        takes: ``""`` = the words alone; ``"optional"`` or ``"required"`` = text may or must follow.
        places: where it works.
        needs_group: without a group it is refused with a hint; a private chat resolves to the person's group.
        roles: any of these is needed: ``leader``, ``staff``, ``manager``, ``admin``; empty = everybody.
        consent: running it needs (and, the first time, makes) the consent record. False for help and privacy rights.
        numbered: further words that count in private only, and only with a number behind them: 「看 3」.
        asked: what a sentence that means it brings (prompts/asking): ``shown`` its reply, ``offered`` its button; empty: nothing.
        reads: it only shows what is kept; after 退出 it does not count as coming back.
        long: what follows may be longer than any other command, which would be a question; the handler says what is too long.
        quotes: what follows is passed on to people, so its punctuation stays as it was typed.
        refusal: text key of the no to whom the roles leave out, if the general one does not fit.
        help: text key of one line, or empty = not listed.
    """

    name: str
    words: Sequence[str]
    handler: Handler | Slow
    slash: Sequence[str] = ()
    numbered: Sequence[str] = ()
    takes: str = ""
    places: frozenset[Place] = frozenset({Place.GROUP, Place.DM})
    needs_group: bool = True
    roles: frozenset[str] = frozenset()
    consent: bool = True
    asked: str = ""
    reads: bool = False
    long: bool = False
    quotes: bool = False
    refusal: str = ""
    help: str = ""


@dataclass(frozen=True, slots=True)
class PersonalData:
    """A table's personal columns, and how they leave.

    Attributes:
        columns: the personal ones, for the register in docs/privacy.
        purpose: text key, one line: why it is kept and how long.
        export: rows of one person as JSON-able mappings.
        erase: deletes or empties them; must leave sums and constraints intact.
        count: (session, person, most) → how many rows ``export`` has, at most ``most``; None = they are few.
    """

    table: str
    columns: Sequence[str]
    purpose: str
    export: Callable[[Session, int], Sequence[Mapping[str, object]]]
    erase: Callable[[Session, int, datetime], None]
    count: Callable[[Session, int, int], int] | None = None


@dataclass(frozen=True, slots=True)
class OwnWords:
    """Words that are commands in one group only, because its leader chose them (topics of check-ins).

    Attributes:
        spellings: from a group's settings, what people type → the argument that the handler gets. Compared after
            normalisation; a command of the table comes first.
        handler: who is called.
        others: where a group has such words: what looks like one and is none goes to the handler too, with the whole
            text as argument, if ``is_meant`` says so of the first group of the match.
    """

    spellings: Callable[[Mapping[str, Any]], Mapping[str, str]]
    handler: Handler
    others: re.Pattern[str] | None = None
    is_meant: Callable[[str], bool] = bool


@dataclass(frozen=True, slots=True)
class FollowUp:
    """What a slice says some seconds after events, when more of them may have come meanwhile (an edited summary).

    Attributes:
        due: when there is next something to say; one indexed read.
        take: claims what is due, a bounded number at once, and returns the edits (Kind.EDIT) with their groups.
    """

    due: Callable[[Session], datetime | None]
    take: Callable[[Session, datetime], Sequence[tuple[GroupView, Reply]]]


@dataclass(frozen=True, slots=True)
class Feature:
    """A slice, as the rest of the program sees it.

    Attributes:
        name: the folder's name.
        commands: what people type.
        buttons: button-key prefix → handler (``Context.text`` is the key's reference part).
        quotes: subject prefix → handler of a message that quotes ours (a command inside the quote comes first).
        plain: prefixes of buttons and quotes that neither need nor make the consent record.
        passes_on: subject prefix → pure test of a quoting text: True = not for this slice, it goes on as a question.
        asks: subject prefixes of questions to a leader: in private his next words need not quote one, if it came last.
        ends: subject prefixes of questions for words that a 「算了」 ends with the common word for it; of other ``asks`` the
            slice hears it.
        urgent: test of (words, whether a leader was asked for them) that wait for nothing but a command; who answers (one only).
        pictures: subject prefixes of questions for a picture: in private the next bare one need not quote it, if it came last.
        events: event type → subscriber ``(ctx, event) → replies``; same transaction.
        lifecycle: platform event → handler (join, leave, bot added …).
        fallback: the handler of addressed words that are no command (one slice only).
        offers: the handler of a sentence that means a command which would change something, with its name (one slice only).
        files: the handler of a file that somebody sends in private (one slice only); it asks who may.
        links: what ``files`` takes too when staff or a leader send it alone in private: the address of a web page.
        jobs: kinds of push.
        undos: kind of a leader's action → what takes it back, given what stood before (:mod:`engagement.actions`).
        undo_asks: kind → what is asked before that, if anything: then nothing is taken back yet.
        own_words, follow_up: words that are commands in some groups only; what is said some seconds later.
        personal_data: every personal column of the slice's tables.
        help: text key of the slice's own help paragraph.
    """

    name: str
    commands: Sequence[Command] = ()
    buttons: Mapping[str, Handler | Slow] = field(default_factory=dict)
    quotes: Mapping[str, Handler | Slow] = field(default_factory=dict)
    plain: frozenset[str] = frozenset()
    passes_on: Mapping[str, Callable[[str], bool]] = field(default_factory=dict)
    asks: frozenset[str] = frozenset()
    ends: frozenset[str] = frozenset()
    urgent: tuple[Callable[[str, bool], bool], Handler] | None = None
    pictures: frozenset[str] = frozenset()
    events: Mapping[type, Callable[[Context, Any], Sequence[Reply]]] = field(default_factory=dict)
    lifecycle: Mapping[str, Handler] = field(default_factory=dict)
    fallback: Handler | Slow | None = None
    offers: Handler | None = None
    files: Handler | Slow | None = None
    links: re.Pattern[str] | None = None
    jobs: Sequence[JobSpec] = ()
    undos: Mapping[str, Callable[[Context, Mapping[str, Any]], Sequence[Reply]]] = field(default_factory=dict)
    undo_asks: Mapping[str, Callable[[Context, Mapping[str, Any]], Sequence[Reply]]] = field(default_factory=dict)
    own_words: OwnWords | None = None
    follow_up: FollowUp | None = None
    personal_data: Sequence[PersonalData] = ()
    help: str = ""
