"""What a round says in each group, when the planner comes to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from sqlalchemy import and_, bindparam, select
from sqlmodel import col
from sqlmodel import select as pick

from engagement import calendar
from engagement.announcements import audience, sending, service
from engagement.announcements.tables import Announcement, AnnouncementDay, AnnouncementRound
from engagement.kernel import Kind, Reply
from engagement.pushes import Occurrence, Planned
from storage import outbox
from storage.campaigns import Delivery
from storage.engine import Session
from storage.groups import Group
from storage.statements import Prepared

_D = Delivery.__table__  # type: ignore[attr-defined]
_G = Group.__table__  # type: ignore[attr-defined]
_AD = AnnouncementDay.__table__  # type: ignore[attr-defined]
_SPEND = Prepared(
    "announcement_day.spend",
    lambda insert: (
        insert(_AD)
        .values(group_id=bindparam("group_row"), local_date=bindparam("local_day"), said=1)
        .on_conflict_do_update(
            index_elements=["group_id", "local_date"],
            set_={"said": _AD.c.said + 1},
            where=_AD.c.said < bindparam("most"),
        )
        .returning(_AD.c.said)
    ),
)
_HEARD = ("sent", "sending", "unknown")


@dataclass(frozen=True, slots=True)
class _Told:
    """One round with its announcement and the campaigns of the rounds before it, the first one's first."""

    announcement: Announcement
    round: AnnouncementRound
    first: str
    earlier: tuple[int, ...]


def plan(session: Session, occurrences: Sequence[Occurrence], now: datetime) -> Sequence[Planned]:
    """Say what each group reads of a round.

    What waits of earlier rounds gives way to the newer one, which then says the beginning too. A group that had its
    announcements of the day has the first message edited instead, so that it still reads the end.

    A group that gets one message a day, and has that of the day on which it would be told, gets none of it; what it waits
    for stays as it is.

    Skips: ``withdrawn``, ``superseded`` (a newer round is planned with it), ``unheard`` (an end without a beginning),
    ``announced_enough``, ``said_today``.

    Source: F111.
    """
    rounds = _rounds(session, {one.campaign_id for one in occurrences})
    latest: dict[tuple[int, int], int] = {}
    for one in occurrences:
        if (told := rounds.get(one.campaign_id)) is not None:
            key = (told.announcement.id or 0, one.group.id)
            latest[key] = max(latest.get(key, 0), told.round.id or 0)
    shut = _shut(session, occurrences, rounds, now)
    wanted: dict[int, list[int]] = {}
    for one in occurrences:
        told = rounds.get(one.campaign_id)
        if (
            told is not None
            and told.earlier
            and (one.campaign_id, one.group.id) not in shut
            and not _is_superseded(one, told, latest)
        ):
            wanted.setdefault(one.campaign_id, []).append(one.group.id)
    heard = {campaign: _heard(session, rounds[campaign].earlier, groups) for campaign, groups in wanted.items()}
    planned = []
    for one in occurrences:
        told = rounds.get(one.campaign_id)
        if told is None:
            planned.append(Planned(one, skip="withdrawn"))
        elif _is_superseded(one, told, latest):
            planned.append(Planned(one, skip="superseded"))
        elif (one.campaign_id, one.group.id) in shut:
            planned.append(Planned(one, skip="said_today"))
        else:
            planned.append(_planned(session, one, told, now, heard=one.group.id in heard.get(one.campaign_id, ())))
    return planned


def _shut(
    session: Session, occurrences: Sequence[Occurrence], rounds: Mapping[int, _Told], now: datetime
) -> set[tuple[int, int]]:
    """Return (campaign, group) where a group gets nothing more on the day on which it would be told."""
    groups: dict[int, set[int]] = {}
    for one in occurrences:
        if one.campaign_id in rounds and not one.group.speaks:
            groups.setdefault(one.campaign_id, set()).add(one.group.id)
    found: set[tuple[int, int]] = set()
    for campaign, some in groups.items():
        told = rounds[campaign]
        where, rings = _G.c.id.in_(some), service.Draft(told.announcement, told.round).rings_at_night
        shut = audience.ids(session, where & audience.shut(session, where, now, rings=rings))
        found.update((campaign, group) for group in shut)
    return found


def _is_superseded(one: Occurrence, told: _Told, latest: Mapping[tuple[int, int], int]) -> bool:
    return (told.round.id or 0) < latest[(told.announcement.id or 0, one.group.id)]


def _heard(session: Session, earlier: Sequence[int], groups: Sequence[int]) -> set[int]:
    """Close what of the earlier rounds still waits in some groups, and return those that have had one of them."""
    here = and_(_D.c.campaign_id.in_(earlier), _D.c.group_id.in_(groups), _D.c.recipient == 0)
    sending.close(session, here, "superseded")
    return {row[0] for row in session.execute(select(_D.c.group_id).where(here, _D.c.state.in_(_HEARD)))}


def _rounds(session: Session, campaigns: set[int]) -> dict[int, _Told]:
    rows = session.exec(
        pick(AnnouncementRound, Announcement)
        .join(Announcement, col(Announcement.id) == col(AnnouncementRound.announcement_id))
        .where(col(AnnouncementRound.campaign_id).in_(campaigns), AnnouncementRound.state == "sent")
    ).all()
    found: dict[int, _Told] = {}
    for made, announcement in rows:
        before = session.exec(
            pick(AnnouncementRound.campaign_id)
            .where(
                AnnouncementRound.announcement_id == announcement.id,
                col(AnnouncementRound.campaign_id).is_not(None),
                col(AnnouncementRound.id) < made.id,
            )
            .order_by(col(AnnouncementRound.id))
        ).all()
        assert made.campaign_id is not None
        first = service.first_words(session, announcement)
        if made.words:  # its author may have been erased meanwhile
            earlier = tuple(one for one in before if one is not None)
            found[made.campaign_id] = _Told(announcement, made, first, earlier)
    return found


def _planned(session: Session, one: Occurrence, told: _Told, now: datetime, *, heard: bool) -> Planned:
    step, words = told.round.step, told.round.words
    if step == "end" and not heard:
        return Planned(one, skip="unheard")
    reply = service.message(told.announcement, step, words, told.first, heard=heard or step == "first")
    if not one.group.speaks:
        reply = replace(reply, tails=[tail for tail in reply.tails if tail != service.MORE])  # not there, and not today
    if _has_room(session, one.group.id, one.local_date, service.most(told.announcement, step)):
        return Planned(one, replace(reply, kind=Kind.PUSH))
    return _edited(session, one, told, now) if heard else Planned(one, skip="announced_enough")


def _has_room(session: Session, group_id: int, day: date, most: int) -> bool:
    """Take one of the group's announcements of the day; False when there is none left."""
    return session.row(_SPEND, group_row=group_id, local_day=day.isoformat(), most=most) is not None


def _edited(session: Session, one: Occurrence, told: _Told, now: datetime) -> Planned:
    """Say it in the first message, which rings nowhere."""
    group, subject = one.group, f"announcement:{told.announcement.id}"
    there = outbox.latest_about(
        session, channel=group.channel, account=group.account, conversation=group.external_id, subject=subject
    )
    if not there:
        return Planned(one, skip="announced_enough")
    local = now.astimezone(calendar.zone(group.zone))
    values = {
        "first": told.first.splitlines(),
        "lines": told.round.words.splitlines(),
        "time": f"{local:%H:%M}",
    }
    key = "announcements.edited_end" if told.round.step == "end" else "announcements.edited"
    return Planned(one, Reply(key, values, kind=Kind.EDIT, subject=subject))
