"""What the pages need of the running program about pushes; bot/pushing.py fills it in.

The pages know neither channels nor the scheduler: how a message looks on a channel, how long the rest takes, whether a text may
be said, and what is stopped, sent again or tried out, is asked here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Protocol

from engagement.feature import GroupView
from engagement.kernel import Reply
from storage.engine import Session


@dataclass(frozen=True, slots=True)
class Shown:
    """A message as a channel shows it.

    Attributes:
        channel: ``telegram``, ``wechat`` or ``web``.
        text: plain words, one message after the other.
        buttons: labels.
        length, limit: of the longest message, in the channel's own unit.
        picture: it goes with one.
    """

    channel: str
    text: str
    buttons: tuple[str, ...]
    length: int
    limit: int
    picture: bool


@dataclass(frozen=True, slots=True)
class Together:
    """What a group reads on a day, as messages: what goes out together is one.

    Attributes:
        at: local time.
        texts: each part with the name of its push.
    """

    at: str
    texts: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Rest:
    """What is still to go out (:class:`scheduler.campaigns.Progress`); seconds are None when nobody can say."""

    ready: int = 0
    queue: int = 0
    later: int = 0
    later_from: datetime | None = None
    too_late: int = 0
    asked: int = 0
    held: int = 0
    pace: float | None = None
    floor: float | None = None
    seconds: float | None = None
    driven: bool = False

    @property
    def open(self) -> int:
        """Messages that have not gone out yet."""
        return self.ready + self.later + self.asked + self.held


@dataclass(frozen=True, slots=True)
class Running:
    """A campaign on its way, in figures of the last day.

    Attributes:
        plan: its plan in the calendar; 0 for what comes every day.
        counts: delivery state → rows.
        reasons: (state, reason, rows), the commonest first.
    """

    id: int
    key: str
    kind: str
    name: str
    state: str
    plan: int
    counts: Mapping[str, int]
    reasons: Sequence[tuple[str, str, int]]
    latest: datetime | None = None

    @property
    def total(self) -> int:
        """All its rows."""
        return sum(self.counts.values())

    def count(self, *states: str) -> int:
        """Rows in these states."""
        return sum(self.counts.get(state, 0) for state in states)

    @property
    def waiting(self) -> int:
        """Rows that have not gone out yet."""
        return self.count("pending", "sending")


@dataclass(frozen=True, slots=True)
class Asked:
    """A group whose leader has to confirm today's message.

    Attributes:
        asked: since when; ``until``: when it is taken back.
        left: messages that the group may still have this month, this one not counted.
        taken_back: the leader said that it is not to be sent, and it is being taken back.
    """

    group_id: int
    group: str
    leader: str
    asked: datetime
    until: datetime
    reminders: int
    left: int
    taken_back: bool
    making: bool


@dataclass(frozen=True, slots=True)
class Board:
    """All that was on its way within a day.

    Attributes:
        minutes: messages sent in each of the last ``len(minutes)`` minutes, the oldest first.
        rests: campaign key → what of it is still to go out; of those that have something.
    """

    campaigns: Sequence[Running] = ()
    minutes: Sequence[int] = ()
    rest: Rest = field(default_factory=Rest)

    @property
    def moves(self) -> bool:
        """Whether something is going out, so that looking again says something new."""
        return bool(self.rest.ready) or any(one.waiting and one.state == "running" for one in self.campaigns)


@dataclass(frozen=True, slots=True)
class LongLine:
    """How the connection stands to a platform that takes one alone.

    Attributes:
        holder: the process that has the right to it; empty: nobody has.
        state: ``open``, ``connecting``, or why it ended last; ``since`` when.
    """

    holder: str = ""
    state: str = ""
    since: datetime | None = None

    @property
    def is_up(self) -> bool:
        """Somebody is connected."""
        return self.state == "open"


MOST_LETTERS = 30
"""So many are shown at once; what is settled makes room for the next."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A push that did not arrive, or of which nobody knows."""

    id: int
    state: str
    reason: str
    why: str
    advice: str
    name: str
    group: str
    due_at: datetime
    zone: str
    private: bool
    first_line: str


class Unfit(Exception):
    """What is asked cannot be done with a push.

    Attributes:
        said: why, in words.
    """

    def __init__(self, said: str) -> None:
        """Keep why."""
        super().__init__(said)
        self.said = said


class Pushing(Protocol):
    """The port."""

    def judged(self, session: Session, scope: str, text: str) -> Sequence[tuple[str, bool]]:
        """Return what is to be said about a text where it is read: a sentence, and whether it cannot be taken with it."""
        ...

    def shown(self, session: Session, reply: Reply, group: GroupView) -> Sequence[Shown]:
        """Return how a push into a group looks on each channel."""
        ...

    async def picture(self, reply: Reply) -> bytes:
        """Return the picture that goes with it; empty when there is none."""
        ...

    async def together(self, group_id: int, day: date) -> Sequence[Together]:
        """Return what a group reads on a local day, as it will be if nothing changes until then."""
        ...

    async def try_out(self, person_id: int, plan_key: str, number: int, group_id: int) -> str:
        """Send a beat to a person in private; returns what came of it in words.

        Raises:
            Unfit: it did not go out.
        """
        ...

    async def board(self) -> Board:
        """Return what is on its way."""
        ...

    async def asked(self) -> tuple[Sequence[Asked], int]:
        """Return whom delivery waits for, the longest first, some of them, and how many they are."""
        ...

    async def long_line(self) -> LongLine | None:
        """Return how the one connection stands; None where there is no such platform."""
        ...

    async def rest(self, key: str) -> Rest:
        """Return what of a campaign is still to go out."""
        ...

    async def move(self, key: str, how: str, person_id: int) -> str:
        """Pause, resume or cancel a campaign; returns its state.

        Raises:
            Unfit: there is none, it is over, or still a draft.
        """
        ...

    async def letters(self, days: int) -> Sequence[Letter]:
        """Return what failed or is unknown."""
        ...

    async def resend(self, number: int, person_id: int) -> datetime:
        """Send an unknown one once more; returns when it goes out at the earliest.

        Raises:
            Unfit: it cannot be.
        """
        ...

    async def settle(self, number: int, how: str, person_id: int) -> None:
        """Say what became of an unknown one: ``sent`` or ``skipped``.

        Raises:
            Unfit: it is not unknown.
        """
        ...
