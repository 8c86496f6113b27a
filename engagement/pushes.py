"""What a slice pushes unasked: a kind of push, the groups and days for which it is due, and what the slice makes of them.

The scheduler asks the slices' jobs and knows no slice by name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

from engagement.kernel import Reply
from engagement.rhythm import Rhythm
from storage.engine import Session

if TYPE_CHECKING:
    from engagement.feature import GroupView


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One group in which a campaign is due for a local day."""

    group: GroupView
    campaign_id: int
    local_date: date
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Planned:
    """What a job makes of an occurrence: a reply to push, or the fixed word why not.

    A plan may return several for one occurrence: at most one for the group, and private ones (DM) to different people.

    Attributes:
        again: it is too much for one transaction: the occurrence comes due again a second later; what is done so far is kept.
    """

    occurrence: Occurrence
    reply: Reply | None = None
    skip: str = ""
    again: bool = False


@dataclass(frozen=True, slots=True)
class JobSpec:
    """A kind of push.

    Attributes:
        kind: stable name, also of its campaign; ``minute``: default local minute of the day, 0 … 1439.
        grace_minutes: later than this after its time it is skipped, not sent.
        plan: in the planner's transaction: what each occurrence says. Idempotent; called in batches of groups.
        resend_ambiguous: a crash between the platform's yes and our commit: True = send again, False = ``unknown``.
        unasked: counts against the group's daily budget.
        ignores_quiet: may be sent in quiet hours (only with the leader's opt-in).
        once: a slice writes a campaign of this kind with a schedule a group; each comes due once. ``minute`` means nothing.
        rhythm: a slice's campaigns of this kind come due on days of their own.
        merges: what such pushes say to a group within an hour is one message; only where ``resend_ambiguous``.
        private: it speaks to people only; ``merges`` is then about what one person is told.
        speaks: whether an occurrence to come may have something to say to its group; yes in doubt, reads only.
        yields: it gives up its place in the group's day to the welcome of the day's first newcomer.
    """

    kind: str
    minute: int
    plan: Callable[[Session, Sequence[Occurrence], datetime], Sequence[Planned]]
    grace_minutes: int = 120
    resend_ambiguous: bool = True
    unasked: bool = True
    ignores_quiet: bool = False
    once: bool = False
    rhythm: Rhythm | None = None
    merges: bool = False
    private: bool = False
    speaks: Callable[[Session, Occurrence], bool] = lambda _session, _occurrence: True
    yields: bool = False

    @property
    def daily(self) -> bool:
        """Every active group has it every day, at the minute of its schedule."""
        return not self.once and self.rhythm is None
