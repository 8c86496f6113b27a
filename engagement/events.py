"""What slices tell each other, in the past tense and in the same transaction."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime


@dataclass(frozen=True, slots=True)
class CheckedIn:
    """A member checked in for the first time on a local day.

    Attributes:
        streak: days in a row, this one included.
    """

    group_id: int
    member_id: int
    account_id: int
    topic: str
    local_date: date
    streak: int


@dataclass(frozen=True, slots=True)
class TopicAnswered:
    """A member's first answer to a day's topic."""

    group_id: int
    member_id: int
    account_id: int
    local_date: date


@dataclass(frozen=True, slots=True)
class GroupAdded:
    """The bot came into a group, for the first time or again."""

    group_id: int
    again: bool


@dataclass(frozen=True, slots=True)
class GroupClosed:
    """The bot was taken out of a group."""

    group_id: int


@dataclass(frozen=True, slots=True)
class Used:
    """A newcomer who is on the path of first steps used something; nobody else's use is told.

    Attributes:
        what: name of the command; for a button, a quote or a question in plain words the slice's name.
    """

    what: str


@dataclass(frozen=True, slots=True)
class Named:
    """Somebody is seen in a group for the first time, or under a new name."""

    group_id: int
    person_id: int
    name: str


@dataclass(frozen=True, slots=True)
class Suspected:
    """Something looks like points being farmed; nothing is taken away, the leader is to have a look.

    Attributes:
        why: a fixed word, never words of anybody.
    """

    group_id: int
    member_id: int
    why: str


@dataclass(frozen=True, slots=True)
class FactMissing:
    """A question could not be answered (well) because the group has not told a fact.

    Attributes:
        facts: keys of group facts.
    """

    group_id: int
    facts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Greeted:
    """Somebody said hello in private (/start): who has more to say than the general introduction, says it instead."""


@dataclass(frozen=True, slots=True)
class DayLookedAt:
    """A leader looks at the day; a subscriber returns one reply, whose text, values and buttons become a paragraph.

    The values need names of their own.
    """

    group_id: int


@dataclass(slots=True)
class Posted:
    """Somebody's words are about to be shown to others: an answer, a question that is handed over, a caption, a name.

    The one event that carries an answer back, so it is not frozen: a subscriber may cover parts of the words or hide them.
    Who emits it shows ``shown`` and, when ``hidden``, shows nothing, and says what the subscribers return. Ordinary talk
    of a group is never emitted.

    Attributes:
        activity: fixed word, at most 20 characters: ``topic``, ``question``, ``caption``, ``family`` …
        reference: what the activity needs to publish it later (:class:`PostCleared`), at most 64 characters.
        text: as it was written, at most 300 characters.
    """

    group_id: int
    member_id: int
    activity: str
    reference: str
    text: str
    shown: str = ""
    hidden: bool = False

    def __post_init__(self) -> None:
        """Show everything until somebody objects."""
        self.shown = self.text


@dataclass(frozen=True, slots=True)
class LeaderWrote:
    """A leader, or somebody of the staff, gave words of his own that groups will read: an announcement, a topic, a fact.

    It may be said privately what is doubtful about them; nothing is held back.
    """

    text: str


@dataclass(slots=True)
class Worded:
    """A leader, or somebody of the staff, wants something said in a push to come: a subscriber says what is wrong with it.

    Like :class:`Posted` it carries an answer back, before the words are kept.

    Attributes:
        group_id: where it will be said; 0 = in no one group.
        doubtful: words, and what can be said instead of each.
        forbidden: words that are on a list.
    """

    group_id: int
    text: str
    doubtful: list[tuple[str, str]] = field(default_factory=list)
    forbidden: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Quoted:
    """Somebody's words quoted a message of ours and were taken by the slice that said it: no command, and no question.

    Attributes:
        message_id: the channel's id of the quoted message, in the chat in which it was quoted.
    """

    message_id: str


@dataclass(frozen=True, slots=True)
class PostCleared:
    """Words that were hidden may be shown after all; the activity publishes them, if it still can.

    Attributes:
        text: with what is personal covered.
        repeated: the bot may quote them to the group; not what was held back as an insult, whoever let it pass.
    """

    group_id: int
    member_id: int
    activity: str
    reference: str
    text: str
    repeated: bool = True


@dataclass(frozen=True, slots=True)
class PostWithdrawn:
    """That was taken back: the words are hidden again."""

    group_id: int
    member_id: int
    activity: str
    reference: str


@dataclass(frozen=True, slots=True)
class Unidentified:
    """Somebody whom the platform hides (an anonymous administrator, a channel) told the bot to do something, and it could not.

    Told at most once an hour a group; the group is the context's.
    """


@dataclass(frozen=True, slots=True)
class Started:
    """Somebody came to the bot in private over a link with words of ours in it (``/start i7KQ2M4XW``).

    The first slice that knows the words answers; when none does, the bot introduces itself.
    """

    payload: str


@dataclass(slots=True)
class Shared:
    """A group in which two persons who become one, or are taken apart, both have a membership.

    Attributes:
        member_id: the membership that rests while they are one; ``into_id``: the one that acts for it.
        account_id: where the resting one's points are when they are apart; 0 = it had none.
        points: whole points that move with it; filled by whoever moves, or counts, them.
        held: whole points that stay where they are until the two part, since the other one got the same today.
    """

    group_id: int
    member_id: int
    into_id: int
    account_id: int
    points: int = 0
    held: int = 0


@dataclass(frozen=True, slots=True)
class Bonded:
    """Two persons are one from now on; subscribers bring together what both have in the same groups.

    Attributes:
        bond_id: names the bond in keys: what moves by it, moves once.
    """

    bond_id: int
    survivor_id: int
    absorbed_id: int
    shared: tuple[Shared, ...]


@dataclass(slots=True)
class Share:
    """What of an account is a membership's own: all of it, unless a family shares it.

    Attributes:
        points: its whole points, with those of what rests on it.
        family: whole points of the family that shares them, its own among them; None = nobody does.
    """

    member_id: int
    account_id: int
    points: int = 0
    family: int | None = None


@dataclass(frozen=True, slots=True)
class SharesAsked:
    """Somebody wants to know what is whose: fills :attr:`Share.points` and :attr:`Share.family`, changes nothing."""

    shares: tuple[Share, ...]


@dataclass(frozen=True, slots=True)
class PartingAsked:
    """Somebody wants to know what two persons who are one would have apart: fills :attr:`Shared.points`, changes nothing."""

    shared: tuple[Shared, ...]


@dataclass(frozen=True, slots=True)
class Parted:
    """Two persons who were one are two again; subscribers give back.

    Attributes:
        since: when they became one.
    """

    bond_id: int
    survivor_id: int
    absorbed_id: int
    shared: tuple[Shared, ...]
    since: datetime
