"""Streaks of a whole group that other facts hold for now, caught up with a few at a time.

A freeze of days that are over, its end, or a topic whose rules changed, may touch the streak of everybody in a group: some
hundred milliseconds of the one writer. So a transaction counts at most ``AT_ONCE`` anew; how far it has come stands in the
group's settings, and the planner goes on a second later, also after a kill. Until it is through, whoever checks in there or
looks at a streak has it counted from the facts, so nobody reads or is paid for a streak that does not hold any more.

Source: F1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from hashlib import blake2s
from typing import Any, Final

from sqlalchemy import and_, or_, select

from engagement.checkin import pauses
from engagement.checkin.tables import CheckinStreak
from engagement.feature import Context, GroupView
from engagement.pushes import Occurrence, Planned
from storage.campaigns import Campaign, Schedule
from storage.engine import Session
from storage.groups import Group, Member

KIND: Final = "checkin_catchup"
AT_ONCE = 20
"""Streaks that a transaction counts anew: about one millisecond each after a year of check-ins."""
GRACE_MINUTES = 30 * 24 * 60
SETTING: Final = "catchup"
_S = CheckinStreak.__table__  # type: ignore[attr-defined]
_M = Member.__table__  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class _Wish:
    """Which streaks of a group are to be counted anew, and the last one that was.

    Attributes:
        since: those that go on after this ISO day; empty = all.
        topic: of one topic; empty = of all.
        member, after: the streak (member, topic) that was counted last, in this order.
    """

    since: str = ""
    topic: str = ""
    member: int = 0
    after: str = ""

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> _Wish | None:
        """Read it from the slice's part of a group's settings."""
        kept = settings.get(SETTING)
        return cls(**kept) if isinstance(kept, dict) else None


def is_behind(group: GroupView) -> bool:
    """Say whether some streaks kept in this group may not hold any more."""
    return SETTING in pauses.settings_of(group)


def begin(ctx: Context, *, since: date | None = None, topic: str = "") -> None:
    """Let the facts decide for everybody whose streak goes on after ``since``, in one topic or all; the first few at once.

    What is still to be done of an earlier call is done along with it.
    """
    wish = _Wish("" if since is None else since.isoformat(), topic)
    earlier = _Wish.of(pauses.settings_of(ctx.here))
    if earlier is not None:
        wish = _Wish(
            min(wish.since, earlier.since),  # empty = all is the smallest
            wish.topic if wish.topic == earlier.topic else "",
        )
    _, left = _count_anew(ctx.session, ctx.here, wish, AT_ONCE)
    if left is None and earlier is None:
        return
    row = ctx.session.get_one(Group, ctx.here.id)
    _keep(ctx.session, row, left)
    ctx.group = GroupView.of(row)
    if left is not None:
        _go_on(ctx)


def _go_on(ctx: Context) -> None:
    """Let the planner come back to this group, once for each event."""
    digest = blake2s(ctx.chance.encode(), digest_size=8).hexdigest()
    campaign = Campaign(key=f"{KIND}:{ctx.here.id}:{digest}", kind=KIND, created_at=ctx.now)
    ctx.session.add(campaign)
    ctx.session.flush()
    assert campaign.id is not None
    ctx.session.add(
        Schedule(
            campaign_id=campaign.id,
            group_id=ctx.here.id,
            kind=KIND,
            zone=ctx.here.zone,
            local_minute=0,
            grace_minutes=GRACE_MINUTES,
            next_at=ctx.now,
        )
    )
    ctx.session.flush()


def plan(session: Session, occurrences: Sequence[Occurrence], _now: datetime) -> Sequence[Planned]:
    """Count the next few; says nothing."""
    planned: list[Planned] = []
    room = AT_ONCE
    for one in occurrences:
        row = session.get_one(Group, one.group.id)
        group = GroupView.of(row)
        wish = _Wish.of(pauses.settings_of(group))
        if wish is None:
            continue
        if room:
            done, wish = _count_anew(session, group, wish, room)
            room -= done
            _keep(session, row, wish)
        if wish is not None:
            planned.append(Planned(one, again=True))
    return planned


def _count_anew(session: Session, group: GroupView, wish: _Wish, most: int) -> tuple[int, _Wish | None]:
    """Count streaks anew; returns how many, and what is left to do."""
    wanted = (
        select(_S.c.member_id, _S.c.topic)
        .join(_M, _M.c.id == _S.c.member_id)
        .where(
            _M.c.group_id == group.id,
            or_(_S.c.member_id > wish.member, and_(_S.c.member_id == wish.member, _S.c.topic > wish.after)),
        )
        .order_by(_S.c.member_id, _S.c.topic)
        .limit(most)
    )
    if wish.since:
        wanted = wanted.where(_S.c.last_date >= date.fromisoformat(wish.since))
    if wish.topic:
        wanted = wanted.where(_S.c.topic == wish.topic)
    found = [(int(member), str(topic)) for member, topic in session.execute(wanted)]
    for member, topic in found:
        pauses.restreak(session, group, member, topic)
    if len(found) < most:
        return len(found), None
    return len(found), replace(wish, member=found[-1][0], after=found[-1][1])


def _keep(session: Session, group: Group, wish: _Wish | None) -> None:
    kept = dict(group.settings or {})
    part = {name: value for name, value in dict(kept.get("checkin") or {}).items() if name != SETTING}  # type: ignore[call-overload]
    group.settings = {**kept, "checkin": part if wish is None else {**part, SETTING: asdict(wish)}}
    session.add(group)
    session.flush()
