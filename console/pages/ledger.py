"""积分流水: a group's ledger, searched; points given, taken and reversed by the commands; as a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from sqlalchemy import ColumnElement, and_, or_
from sqlmodel import col, select

from console import exporting
from console.auth import Area
from console.policy import LEADERS, STAFF, Allow
from console.views import Views, say
from engagement import actions, calendar
from engagement.bonds import helping
from engagement.points import service as points
from engagement.points.rules import Limits
from prompts.loader import shown_day
from storage import identities
from storage.engine import Session
from storage.groups import Group, Identity, Member
from storage.ledger import Entry, EntryReason

router = APIRouter()
PAGE = 50
NAMES = 60
"""Neighbours whose names hold what was searched for."""
NAMESAKES = 5
"""Neighbours of one name whose accounts are shown."""
OFFERED = 500
"""Names that are offered while one types: a whole group as large as WeChat's get."""
KINDS = ("checkin", "streak", "makeup", "topic", "challenge", "adjust", "reversal", "onboarding", "birthday", "invite",
         "invited", "transfer", "expiry")  # fmt: skip
REVERSIBLE = frozenset(KINDS) - {"reversal", "transfer", "expiry"}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is searched for; empty or None = anything.

    Attributes:
        q: part of a neighbour's name.
        since, until: local days, both inclusive.
        least, most: of the amount, inclusive.
        before: (local day, id) of the last row of the page before.
    """

    q: str = ""
    kind: str = ""
    since: date | None = None
    until: date | None = None
    least: int | None = None
    most: int | None = None
    before: tuple[date, int] | None = None

    def address(self, **more: str) -> str:
        """Return it as the part of an address behind ``?``."""
        fields = {
            "q": self.q,
            "kind": self.kind,
            "since": self.since.isoformat() if self.since else "",
            "until": self.until.isoformat() if self.until else "",
            "least": "" if self.least is None else str(self.least),
            "most": "" if self.most is None else str(self.most),
            **more,
        }
        return urlencode({name: value for name, value in fields.items() if value})

    @property
    def any(self) -> bool:
        """Something is searched for."""
        return bool(self.address())


@dataclass(frozen=True, slots=True)
class Row:
    """An entry as it is shown."""

    id: int
    day: date
    shown: str
    clock: str
    name: str
    kind: str
    what: str
    amount: int
    reason: str
    by: str
    reverses: int | None
    reversed: bool


def wanted_of(request: Request) -> Wanted:
    """Read an address; what cannot be meant is left out."""
    fields = request.query_params
    last_day, _, last_id = fields.get("before", "").partition(".")
    day, number = _day(last_day), _whole(last_id)
    return Wanted(
        fields.get("q", "").replace("\x00", "").strip()[:32],
        fields.get("kind", "") if fields.get("kind", "") in KINDS else "",
        _day(fields.get("since", "")),
        _day(fields.get("until", "")),
        _whole(fields.get("least", "")),
        _whole(fields.get("most", "")),
        None if day is None or number is None else (day, number),
    )


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if len(text) == 10 else None
    except ValueError:
        return None


def _whole(text: str) -> int | None:
    digits = text.removeprefix("-")
    return int(text) if digits.isascii() and digits.isdecimal() and len(digits) < 16 else None


@router.get(
    "/console/groups/{group_id}/ledger", dependencies=[Depends(Allow(Area.CONSOLE, LEADERS, reads="ledger.viewed"))]
)
async def page(request: Request, group_id: str) -> Response:  # noqa: ARG001 - the policy reads it
    """Search the ledger of a group."""
    console, views = request.app.state.console, request.app.state.views
    assert isinstance(views, Views)
    group: Group = request.state.group
    wanted = wanted_of(request)

    def read(session: Session) -> tuple[list[Row], list[str], list[helping.Accounts]]:
        rows = entries(session, group, wanted, PAGE + 1)
        return rows, _names(session, group.id or 0), _bound(session, group.id or 0, wanted.q, console.clock.now())

    rows, names, bound = await console.database.read(read)
    further = f"{rows[PAGE - 1].day.isoformat()}.{rows[PAGE - 1].id}" if len(rows) > PAGE else ""
    return views.page(
        request,
        "ledger.html",
        group=group,
        rows=rows[:PAGE],
        names=names,
        bound=bound,
        helps=request.state.visitor.role in STAFF,
        days=actions.WINDOW.days,
        wanted=wanted,
        further=further,
        kinds=[(kind, points.what_of(kind)) for kind in KINDS],
        reversible=REVERSIBLE,
        limits=Limits.of(group.settings or {}),
        active="ledger",
    )


@router.get(
    "/console/groups/{group_id}/ledger/export",
    dependencies=[Depends(Allow(Area.CONSOLE, LEADERS, reads="ledger.exported"))],
)
async def export(request: Request, group_id: str, kind_of_file: str = "csv") -> Response:  # noqa: ARG001
    """Give what is searched for as a file."""
    console = request.app.state.console
    group: Group = request.state.group
    wanted = wanted_of(request)
    rows = await console.database.read(lambda s: entries(s, group, wanted, exporting.MOST_ROWS))
    head = say("ledger.export_head").split()
    cells: Sequence[Sequence[exporting.Cell]] = [
        (one.id, one.day.isoformat(), one.clock, one.name, one.what, one.amount, one.reason, one.by) for one in rows
    ]
    return exporting.answer(request, f"ledger-{group.id}", head, cells, kind_of_file, group.zone)


def entries(session: Session, group: Group, wanted: Wanted, most: int) -> list[Row]:
    """Return entries, the newest first: by the index of group and day, or by the accounts of those who were named."""
    conditions = _conditions(session, group.id or 0, wanted)
    if conditions is None:
        return []
    found: Sequence[tuple[Entry, str, EntryReason | None]] = session.exec(
        select(Entry, Member.name, EntryReason)
        .join(Member, col(Member.id) == col(Entry.member_id))
        .outerjoin(EntryReason, col(EntryReason.entry_id) == col(Entry.id))
        .where(*conditions)
        .order_by(col(Entry.local_date).desc(), col(Entry.id).desc())
        .limit(most)
    ).all()
    ids = [entry.id for entry, _, _ in found]
    undone = set()
    for start in range(0, len(ids), 500):
        part = ids[start : start + 500]
        undone |= set(session.exec(select(Entry.reverses_id).where(col(Entry.reverses_id).in_(part))))
    givers = {reason.given_by for _, _, reason in found if reason is not None and reason.given_by is not None}
    by = _givers(session, group, givers)
    zone = calendar.zone(group.zone)
    return [
        Row(
            entry.id or 0,
            entry.local_date,
            shown_day(entry.local_date),
            entry.occurred_at.astimezone(zone).strftime("%H:%M"),
            name or say("ledger.gone"),
            entry.kind,
            points.what_of(entry.kind),
            entry.amount,
            "" if reason is None else reason.reason,
            "" if reason is None else by.get(reason.given_by or 0, ""),
            entry.reverses_id,
            entry.id in undone,
        )
        for entry, name, reason in found
    ]


def _conditions(session: Session, group_id: int, wanted: Wanted) -> list[ColumnElement[bool]] | None:
    """Return what entries must fulfil; None when nobody is called so."""
    conditions = [col(Entry.group_id) == group_id]
    if wanted.q:
        named = session.exec(
            select(Member)
            .where(Member.group_id == group_id, col(Member.name).contains(wanted.q, autoescape=True))
            .limit(NAMES)
        ).all()
        if not named:
            return None
        conditions.append(col(Entry.account_id).in_([one.account_id for one in named if one.account_id is not None]))
        conditions.append(col(Entry.member_id).in_([one.id for one in named]))
    if wanted.kind:
        conditions.append(col(Entry.kind) == wanted.kind)
    if wanted.since:
        conditions.append(col(Entry.local_date) >= wanted.since)
    if wanted.until:
        conditions.append(col(Entry.local_date) <= wanted.until)
    if wanted.least is not None:
        conditions.append(col(Entry.amount) >= wanted.least)
    if wanted.most is not None:
        conditions.append(col(Entry.amount) <= wanted.most)
    if wanted.before is not None:
        day, number = wanted.before
        same = and_(col(Entry.local_date) == day, col(Entry.id) < number)
        conditions += [col(Entry.local_date) <= day, or_(col(Entry.local_date) < day, same)]
    return conditions


def _givers(session: Session, group: Group, persons: set[int]) -> dict[int, str]:
    """Return person → the name as shown in the group, or on its channel."""
    if not persons:
        return {}
    rows = session.exec(
        select(Identity.person_id, Identity.name).where(
            col(Identity.person_id).in_(persons), Identity.channel == group.channel
        )
    )
    found = dict(rows.all())
    members = session.exec(
        select(Member.person_id, Member.name).where(
            col(Member.person_id).in_(persons), Member.group_id == group.id, Member.name != ""
        )
    )
    return {one: found.get(one, "") or say("ledger.staff") for one in persons} | dict(members.all())


def _bound(session: Session, group_id: int, name: str, now: datetime) -> list[helping.Accounts]:
    """Return those who are searched for by the whole name and are one person on several channels, or lately were."""
    named = identities.named(session, group_id, name) if name else []
    found = [helping.accounts(session, one, now) for one in named[:NAMESAKES]]
    return [one for one in found if len(one.channels) > 1 or one.back]


def _names(session: Session, group_id: int) -> list[str]:
    """Return the neighbours who were here last, for the field of names."""
    rows = session.exec(
        select(Member.name)
        .where(
            Member.group_id == group_id,
            col(Member.left_at).is_(None),
            col(Member.account_id).is_not(None),
            Member.name != "",
        )
        .order_by(col(Member.last_seen).desc(), col(Member.id))
        .limit(OFFERED)
    )
    return list(dict.fromkeys(rows))
