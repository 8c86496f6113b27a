"""What stands before every command: mute, consent, roles, pace. Pure where it can be."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from engagement.errors import Refusal
from engagement.feature import Actor, Command, Context
from engagement.kernel import Place
from storage.groups import Group

COMMANDS_A_MINUTE = 20
"""One person's commands a minute over all groups; a neighbour in a hurry sends 5, a script hundreds."""
_LAST = 40
_REMEMBERED = 50_000
MUTED_STAMP = "🙊"
UNKNOWN, UNKNOWN_STAMP = "guard.anonymous", "🤷"
"""Under what a muted neighbour goes on to say in the group."""
NOTICE, NOTICE_SHORT, BACK = "members.notice", "members.notice_short", "members.notice_back"
_NOTICED = "noticed"
"""Mark in a group's settings of the slice of members: the local day on which the whole notice was last given there."""


def check_role(command: Command, actor: Actor) -> None:
    """Refuse who lacks every role that the command asks for.

    Source: F115.

    Raises:
        Refusal: the command's own, ``guard.leader_only`` or ``guard.staff_only``.
    """
    if not command.roles:
        return
    if "leader" in command.roles and actor.leader:
        return
    if actor.roles & command.roles:
        return
    raise Refusal(command.refusal or "guard.leader_only" if "leader" in command.roles else "guard.staff_only")


def check_place(command: Command, place: Place, *, has_group: bool) -> None:
    """Refuse a command in the wrong place, or in private when no group is known.

    Raises:
        Refusal: ``guard.private_only``, ``guard.group_only`` or ``guard.no_group``.
    """
    if place not in command.places:
        raise Refusal("guard.private_only" if place is Place.GROUP else "guard.group_only")
    if command.needs_group and not has_group:
        raise Refusal("guard.no_group")


def notice(ctx: Context) -> str:
    """Return the text key of the notice under a first command or a welcome: whole in private, and once a day in a group.

    The next ones that day, and newcomers, who read it when they were welcomed, get one line that says what is kept, where
    all of it stands and how to withdraw. Everybody gets one of the two, and a consent record of their own.

    Source: DESIGN 4.
    """
    group = ctx.group
    if group is None or ctx.incoming.place is not Place.GROUP:
        return NOTICE
    mine, today = group.settings.get("members"), ctx.today.isoformat()
    if ctx.actor.steps is not None or (isinstance(mine, Mapping) and mine.get(_NOTICED) == today):
        return NOTICE_SHORT
    row = ctx.session.get_one(Group, group.id)
    kept = row.settings or {}
    others = kept.get("members")
    marks = {**others, _NOTICED: today} if isinstance(others, Mapping) else {_NOTICED: today}
    row.settings = {**kept, "members": marks}
    ctx.session.add(row)
    ctx.session.flush()
    group.settings = row.settings
    return NOTICE


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float
    told: str | None = None
    """The message for which the person was told."""
    last: OrderedDict[str, bool] = field(default_factory=OrderedDict)
    """What was said of the last messages: one of them may be tried again."""


class Pace:
    """Commands a minute per person, in memory: a restart forgives everybody, which is harmless.

    Source: FAULTS C13.
    """

    def __init__(self, per_minute: int = COMMANDS_A_MINUTE) -> None:
        """Allow bursts of ``per_minute``."""
        self._full = float(per_minute)
        self._rate = per_minute / 60
        self._buckets: OrderedDict[int, _Bucket] = OrderedDict()

    def admit(self, person_id: int, reference: str, now: float) -> bool:
        """Take one command; False when the person is too fast.

        Args:
            reference: names the message, which may be tried several times, and counts once.
            now: seconds of any clock that goes forward.
        """
        bucket = self._buckets.get(person_id)
        if bucket is None:
            bucket = self._buckets[person_id] = _Bucket(self._full, now)
            if len(self._buckets) > _REMEMBERED:
                self._buckets.popitem(last=False)
        else:
            self._buckets.move_to_end(person_id)
        if reference in bucket.last:
            return bucket.last[reference]
        bucket.tokens = min(self._full, bucket.tokens + max(0.0, now - bucket.at) * self._rate)
        bucket.at = now
        if bucket.tokens >= self._full / 2:
            bucket.told = None
        admitted = bucket.tokens >= 1
        bucket.tokens -= admitted
        bucket.last[reference] = admitted
        if len(bucket.last) > _LAST:
            bucket.last.popitem(last=False)
        return admitted

    def tell(self, person_id: int, reference: str) -> bool:
        """Say whether who is too fast is to be told so: for one message, until the person has slowed down."""
        bucket = self._buckets.get(person_id)
        if bucket is None:
            return False
        if bucket.told is None:
            bucket.told = reference
        return bucket.told == reference


class Mutes:
    """Who was told that he is muted, in memory: a restart tells it once more, which is harmless."""

    def __init__(self) -> None:
        """Remember nobody."""
        self._told: OrderedDict[int, tuple[datetime, str]] = OrderedDict()

    def tell(self, member_id: int, until: datetime, reference: str) -> bool:
        """Say whether a member is to be told: once for a mute, named by its end; the same message again is told again.

        Args:
            reference: names the message, which may be tried twice.
        """
        told = self._told.get(member_id)
        if told is not None and told[0] == until:
            return told[1] == reference
        self._told[member_id] = until, reference
        if len(self._told) > _REMEMBERED:
            self._told.popitem(last=False)
        return True


class Nobodies:
    """In which groups somebody who cannot be known was told so lately, in memory: once an hour, then a stamp is enough.

    Who called for help lately is kept in the same way.
    """

    def __init__(self, pause: timedelta = timedelta(hours=1)) -> None:
        """Remember nobody."""
        self._pause = pause
        self._told: OrderedDict[Hashable, tuple[datetime, str]] = OrderedDict()

    def tell(self, whom: Hashable, now: datetime, reference: str) -> bool:
        """Say whether it is to be said in words; the same message, which may be tried twice, is told again."""
        told = self._told.get(whom)
        if told is not None and now - told[0] < self._pause:
            return told[1] == reference
        self._told[whom] = now, reference
        self._told.move_to_end(whom)
        if len(self._told) > _REMEMBERED:
            self._told.popitem(last=False)
        return True


class Acts:
    """For which messages people were rewarded in the last seconds, over all groups, in memory.

    A restart forgets it, which is harmless; a message that is tried again is noted once.
    """

    def __init__(self, window: timedelta = timedelta(seconds=10)) -> None:
        """Remember acts for ``window``."""
        self._window = window
        self._acts: OrderedDict[int, dict[str, datetime]] = OrderedDict()

    def note(self, person_id: int, reference: str, at: datetime) -> Sequence[datetime]:
        """Note a rewarded message; returns when the others within ``window`` before or after it were.

        Args:
            reference: names the message; several rewards for one message are one act.
        """
        acts = self._acts.get(person_id)
        if acts is None:
            acts = self._acts[person_id] = {}
            if len(self._acts) > _REMEMBERED:
                self._acts.popitem(last=False)
        else:
            self._acts.move_to_end(person_id)
            for old in [name for name, moment in acts.items() if abs(at - moment) >= self._window]:
                del acts[old]
        acts[reference] = at
        return [moment for name, moment in acts.items() if name != reference]
