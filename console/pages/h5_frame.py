"""What every room of a resident's pages stands on: whose page it is, in which group, and what came of a form.

Everything is of the session's person and of groups that he is in now; any other group's number leads nowhere.

Source: DESIGN §7, FAULTS E3, E4.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from fastapi import Request
from fastapi.responses import Response

from console.auth import Area, Visitor
from console.desk import Said, Subjects
from console.pages import act
from console.policy import NotThere, field, look_again
from console.views import Views
from engagement import calendar
from engagement.feature import GroupView
from storage import identities
from storage.engine import Session
from storage.groups import Consent, Group, Member

HOME_ZONE = "Asia/Shanghai"


@dataclass(frozen=True, slots=True)
class Mine:
    """Whose page it is.

    Attributes:
        groups: that the person is in now, the one looked at among them; empty: in none any more.
        consent: ``in``; ``out`` = withdrawn; ``none`` = never asked.
        today: in the group's zone.
    """

    person_id: int
    groups: tuple[Group, ...]
    group: Group | None
    member: Member | None
    consent: str
    today: date
    now: datetime

    @property
    def member_id(self) -> int:
        """The membership's number; 0 = in no group."""
        return 0 if self.member is None or self.member.id is None else self.member.id

    @property
    def account_id(self) -> int:
        """The account's number; 0 = none yet."""
        return 0 if self.member is None or self.member.account_id is None else self.member.account_id

    @property
    def group_id(self) -> int:
        """The group's number; 0 = none."""
        return 0 if self.group is None or self.group.id is None else self.group.id

    @property
    def here(self) -> GroupView:
        """The group as slices see it."""
        assert self.group is not None
        return GroupView.of(self.group)


Read = Callable[[Session, Mine], Mapping[str, Any]]
"""Reads what a room shows."""


def mine(session: Session, visitor: Visitor, wanted: str, now: datetime) -> Mine:
    """Find whose page it is.

    Args:
        wanted: the group's number as the address or the form says it; empty or 0 = the first one.

    Raises:
        NotThere: it is not one of the person's.
    """
    known = identities.memberships(session, visitor.person_id)
    at = next((pair for pair in known if str(pair[1].id) == wanted), None)
    if at is None and wanted not in ("", "0"):
        raise NotThere
    if at is None and known:
        # The group where something is kept already comes before one where he only reads along.
        at = next((pair for pair in known if pair[0].account_id is not None), known[0])
    consent = session.get(Consent, visitor.person_id)
    state = "none" if consent is None else "in" if consent.withdrawn_at is None else "out"
    member, group = at or (None, None)
    today = calendar.local_day(now, HOME_ZONE if group is None else group.zone)
    return Mine(visitor.person_id, tuple(one for _, one in known), group, member, state, today, now)


async def show(request: Request, room: str, read: Read, wanted: str, said: Said | None = None) -> Response:
    """Show a room, with what came of a form above it."""
    console, views = request.app.state.console, request.app.state.views
    assert isinstance(views, Views)
    visitor: Visitor = request.state.visitor
    now = console.clock.now()

    def work(session: Session) -> tuple[Mine, Mapping[str, Any]]:
        me = mine(session, visitor, wanted, now)
        return me, read(session, me)

    me, values = await console.database.read(work)
    subjects = Subjects(console.secret)
    lines = () if said is None else said.lines
    return views.page(
        request,
        f"h5_{room}.html",
        me=me,
        room=room,
        at=request.url.path,
        tail=f"?group={me.group_id}" if len(me.groups) > 1 else "",
        said=said,
        abouts=[subjects.seal(visitor.person_id, line.about) for line in lines],
        files=[None if line.document is None else act.download(line.document[1]) for line in lines],
        **values,
    )


async def do(request: Request, room: str, read: Read) -> Response:
    """Do what a form of a room asks for, as the commands do it, and show the room as it is then."""
    form = await request.form()
    wanted = field(form, "group")
    visitor: Visitor = request.state.visitor
    console = request.app.state.console
    now = console.clock.now()
    me: Mine = await console.database.read(lambda s: mine(s, visitor, wanted, now))
    said = await act.done(request, form, me.group_id)
    await look_again(request, Area.H5)
    visitor = request.state.visitor
    # Who deletes himself is in no group afterwards, and still hears what came of it.
    after: Mine = await console.database.read(lambda s: mine(s, visitor, "", now))
    still = any(str(one.id) == wanted for one in after.groups)
    return await show(request, room, read, wanted if still else "", said)
