"""How far an announcement is, as its rows say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlmodel import col
from sqlmodel import select as pick

from engagement import calendar
from engagement.announcements import audience, rules, service
from engagement.announcements.tables import Announcement, AnnouncementRound
from engagement.feature import Context
from prompts.loader import texts
from storage.campaigns import Delivery, Schedule
from storage.engine import Session
from storage.groups import Group

SHOWN = 8
"""Groups that are named; of more, those that have it are only counted."""
_S = Schedule.__table__  # type: ignore[attr-defined]
_D = Delivery.__table__  # type: ignore[attr-defined]
_G = Group.__table__  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class Progress:
    """One announcement.

    Attributes:
        step: of its latest confirmed round, which the figures are about.
        tally: stage → groups.
        rows: group and state as people read them, at most ``SHOWN``; ``more`` are not shown.
    """

    announcement: Announcement
    about: str
    step: str
    tally: dict[str, int]
    rows: Sequence[dict[str, str]]
    more: int


def latest(ctx: Context, announcement_id: int = 0) -> tuple[Progress | None, list[tuple[int, str]]]:
    """Return the progress of the latest announcement, or of one, and (id, beginning) of a few others."""
    found = audience.managed(ctx.session, ctx.actor.person_id, ["open", "ended", "withdrawn"])
    chosen = next((one for one in found if not announcement_id or one.id == announcement_id), None)
    if chosen is None:
        return None, []
    others = [
        (one.id or 0, rules.about(service.first_words(ctx.session, one)))
        for one in found
        if one is not chosen and one.state == "open"
    ]
    return _progress(ctx.session, chosen, ctx.now), others


def _progress(session: Session, announcement: Announcement, now: datetime) -> Progress:
    made = session.exec(
        pick(AnnouncementRound)
        .where(AnnouncementRound.announcement_id == announcement.id, col(AnnouncementRound.campaign_id).is_not(None))
        .order_by(col(AnnouncementRound.id).desc())
    ).first()
    assert made is not None
    rows: list[rules.Row] = []
    when: dict[int, str] = {}
    for name, zone, state, reason, not_before, next_at in session.execute(
        select(_G.c.name, _G.c.zone, _D.c.state, _D.c.reason, _D.c.not_before, _S.c.next_at)
        .select_from(
            _S.join(_G, _G.c.id == _S.c.group_id).outerjoin(
                _D, (_D.c.campaign_id == _S.c.campaign_id) & (_D.c.group_id == _S.c.group_id)
            )
        )
        .where(_S.c.campaign_id == made.campaign_id)
        .order_by(_G.c.id)
    ):
        if state == "pending" and not_before is not None and not_before > now:
            when[len(rows)] = f"{not_before.astimezone(calendar.zone(zone)):%H:%M}"
        rows.append(rules.Row(name, state or "", reason or "", next_at is not None))
    named = [
        {"group": row.group, "state": _state(row, when.get(number, ""))}
        for number, row in enumerate(rows)
        if len(rows) <= SHOWN or rules.stage(row) != "sent"
    ]
    first = service.first_words(session, announcement)
    return Progress(
        announcement, rules.about(first), made.step, rules.tally(rows), named[:SHOWN], max(0, len(named) - SHOWN)
    )


def _state(row: rules.Row, when: str) -> str:
    """Put a group's state into words; the reason where it did not arrive."""
    stage = rules.stage(row)
    if stage == "waiting" and when:
        return texts().fill("announcements.state_waiting_until", {"time": when})
    key = f"push.reason_{row.reason}"
    if stage == "failed" and row.reason and key in set(texts().keys()):
        return texts().fill("announcements.state_failed_because", {"reason": texts().raw(key)})
    return texts().raw(f"announcements.state_{stage}")
