"""公告列表: what is running where somebody may announce, who began it, and its end.

Source: F111, F115.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlmodel import col
from sqlmodel import select as pick

from engagement import calendar
from engagement.announcements import audience, rules, service
from engagement.announcements.tables import Announcement
from engagement.feature import Context
from engagement.kernel import Button, Reply
from prompts.loader import shown_day, texts
from storage.engine import Session
from storage.groups import Identity

SHOWN = 10
_ZONE = "Asia/Shanghai"


@dataclass(frozen=True, slots=True)
class Running:
    """One announcement that is not over.

    Attributes:
        about: its beginning.
        who: who began it; empty when he has erased his data.
        groups: how many hear of it still; ``mine``: in how many of these the person may tell the end.
    """

    announcement: Announcement
    about: str
    who: str
    groups: int
    mine: int


def _looked_at(ctx: Context, announcements: Sequence[Announcement]) -> list[Running]:
    me = ctx.actor.person_id
    return [
        Running(
            one,
            rules.about(service.first_words(ctx.session, one)),
            _name(ctx.session, one.author_id, ctx.incoming.channel),
            audience.count(ctx.session, audience.still_told(ctx.session, one)),
            audience.count(ctx.session, audience.ending(ctx.session, me, one)),
        )
        for one in announcements
    ]


def _name(session: Session, person_id: int, channel: str) -> str:
    names = session.exec(
        pick(Identity.channel, Identity.name).where(Identity.person_id == person_id).order_by(col(Identity.id))
    ).all()
    return next((name for there, name in names if there == channel), names[0][1] if names else "")


def listed(ctx: Context) -> Sequence[Reply]:
    """Answer 公告列表, with a button for the end of each."""
    open_ = audience.running(ctx.session, ctx.actor.person_id)
    if not open_:
        return [Reply("announcements.list_none")]
    running = _looked_at(ctx, open_[:SHOWN])
    zone = calendar.zone(ctx.group.zone if ctx.group is not None else _ZONE)
    words = texts()
    rows = []
    for one in running:
        at = one.announcement.created_at.astimezone(zone)
        part = 0 < one.mine < one.groups
        rows.append(
            {
                "about": one.about,
                "who": one.who or words.raw("announcements.list_nobody"),
                "since": f"{shown_day(at)} {at:%H:%M}",
                "groups": one.groups,
                "part": words.fill("announcements.list_part", {"mine": one.mine}) if part else "",
            }
        )
    buttons = [
        Button(f"announce_end:{one.announcement.id}", "announcements.button_end", {"about": one.about})
        for one in running
        if one.mine
    ]
    tails = ["announcements.list_more"] if len(open_) > SHOWN else []
    values = {"rows": rows, "count": len(open_), "more": len(open_) - SHOWN, "group": None}
    return [Reply("announcements.list", values, tails, buttons=buttons)]
