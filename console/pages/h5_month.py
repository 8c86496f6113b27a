"""活动: the month's theme, the challenge with one's own progress and its board, today's topic, and what comes next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from console.auth import Area
from console.desk import Subjects
from console.pages import h5_frame
from console.pages.h5_frame import Mine
from console.policy import RESIDENT, Allow
from engagement.theme import rules, words
from engagement.theme import service as theme
from engagement.topic import shown
from storage import identities, wordings
from storage.engine import Session

router = APIRouter()
OPEN = Allow(Area.H5, RESIDENT)


@router.get("/h5/month", dependencies=[Depends(OPEN)])
async def look(request: Request, group: str = "") -> Response:
    """Show what is on this month."""
    return await h5_frame.show(request, "month", _reader(request), group)


@router.post("/h5/month", dependencies=[Depends(OPEN)])
async def do(request: Request) -> Response:
    """Answer the day's topic."""
    return await h5_frame.do(request, "month", _reader(request))


def _reader(request: Request) -> h5_frame.Read:
    subjects = Subjects(request.app.state.console.secret)

    def read(session: Session, me: Mine) -> Mapping[str, Any]:
        if me.member is None or me.group is None:
            return {}
        month = theme.month_of(me.today)
        leader = identities.leader_names(session, [me.group_id]).get(me.group_id, "")
        figures = words.figures(month, me.group.name, leader)
        beat = rules.beat_of(month, me.today)
        body: list[str] = []
        if beat is not None:
            slot = rules.slot(month, rules.Part("beat", beat))
            own = wordings.own(session, [slot], [me.group_id]).get((slot, me.group_id))
            body = list(words.lines(own or beat.text, figures))
        topic = shown.known(session, me.group_id, [me.today]).get(me.today)
        asked = topic is not None and not topic.skipped
        return {
            "pack": month,
            "rule": list(words.lines(month.challenge.rule, figures)),
            "beat": beat,
            "body": body,
            "mine": theme.standing_of(session, me.group_id, me.member_id, me.today) if me.account_id else None,
            "topic": topic if asked else None,
            "about": subjects.seal(me.person_id, f"topic:{topic.id}") if asked and topic is not None else "",
            "ahead": next((one for one in month.beats if one.day > me.today.day), None),
            "next": theme.month_of(rules.next_month(me.today)),
        }

    return read
