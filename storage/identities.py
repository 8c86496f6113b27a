"""Finding and making groups, persons, members and their accounts: prepared statements, since every message starts here."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, select, update
from sqlmodel import col
from sqlmodel import select as pick

from storage.columns import instant
from storage.engine import Session
from storage.groups import Account, Consent, Group, GroupDay, Household, Identity, Member, Person, RoleGrant
from storage.statements import Prepared

NOTICE_VERSION = "2026-11"


@dataclass(slots=True)
class Known:
    """A person as one look-up finds him: the identity, and his membership of one group if he has one."""

    identity_id: int
    person_id: int
    name: str
    dm_open: bool
    member_id: int | None
    member_name: str
    account_id: int | None
    leader: bool
    left: bool
    muted_until: datetime | None
    last_seen: str | None
    consented: bool
    withdrawn: bool
    elder: bool = False
    steps: int | None = None
    account: str = ""


_G = Group.__table__  # type: ignore[attr-defined]
_I = Identity.__table__  # type: ignore[attr-defined]
_M = Member.__table__  # type: ignore[attr-defined]
_C = Consent.__table__  # type: ignore[attr-defined]
_A = Account.__table__  # type: ignore[attr-defined]
_P = Person.__table__  # type: ignore[attr-defined]
_D = GroupDay.__table__  # type: ignore[attr-defined]

_GROUP_COLUMNS = (
    _G.c.id,
    _G.c.channel,
    _G.c.account,
    _G.c.external_id,
    _G.c.name,
    _G.c.zone,
    _G.c.quiet_from,
    _G.c.quiet_to,
    _G.c.daily_budget,
    _G.c.quiet_acks,
    _G.c.settings,
    _G.c.facts,
    _G.c.state,
    _G.c.hears,
    _G.c.speaks,
)
_GROUP = Prepared(
    "group.find",
    select(*_GROUP_COLUMNS).where(
        _G.c.channel == bindparam("channel"),
        _G.c.account == bindparam("account"),
        _G.c.external_id == bindparam("external_id"),
    ),
)
_GROUP_BY_ID = Prepared("group.get", select(*_GROUP_COLUMNS).where(_G.c.id == bindparam("row")))
_KNOWN = Prepared(
    "identity.known",
    select(
        _I.c.id,
        _I.c.person_id,
        _I.c.name,
        _I.c.dm_open,
        _M.c.id,
        _M.c.name,
        _M.c.account_id,
        _M.c.role,
        _M.c.left_at,
        _M.c.muted_until,
        _M.c.last_seen,
        _C.c.granted_at,
        _C.c.withdrawn_at,
        _I.c.elder,
        _M.c.steps,
        _I.c.account,
    )
    .select_from(
        _I.outerjoin(_M, (_M.c.person_id == _I.c.person_id) & (_M.c.group_id == bindparam("group_row"))).outerjoin(
            _C, _C.c.person_id == _I.c.person_id
        )
    )
    .where(_I.c.channel == bindparam("channel"), _I.c.external_id == bindparam("external_id")),
)
_RENAME = Prepared("identity.rename", update(_I).where(_I.c.id == bindparam("row")).values(name=bindparam("new_name")))
_RENAME_MEMBER = Prepared(
    "member.rename", update(_M).where(_M.c.id == bindparam("row")).values(name=bindparam("new_name"))
)
_SEEN = Prepared("member.seen", update(_M).where(_M.c.id == bindparam("row")).values(last_seen=bindparam("seen")))
_SEEN_IN = Prepared(
    "member.seen_in",
    update(_M)
    .where(
        _M.c.group_id == bindparam("group_row"),
        _M.c.person_id
        == select(_I.c.person_id)
        .where(_I.c.channel == bindparam("in_channel"), _I.c.external_id == bindparam("who"))
        .scalar_subquery(),
        (_M.c.last_seen.is_(None)) | (_M.c.last_seen < bindparam("seen")),
        select(_C.c.person_id).where(_C.c.person_id == _M.c.person_id, _C.c.withdrawn_at.is_(None)).exists(),
    )
    .values(last_seen=bindparam("seen")),
)
_CURRENT = Prepared(
    "person.current_group",
    select(_M.c.group_id)
    .select_from(_M.join(_G, _G.c.id == _M.c.group_id).join(_P, _P.c.id == _M.c.person_id))
    .where(
        _M.c.person_id == bindparam("person"),
        _M.c.left_at.is_(None),
        _G.c.state == "active",
    )
    .order_by(
        (_P.c.current_group_id == _M.c.group_id).desc().nulls_last(),
        (_G.c.channel == bindparam("channel")).desc(),
        _M.c.joined_at.desc(),
        _M.c.id.desc(),
    )
    .limit(1),
)
_BUDGET = Prepared(
    "group_day.spend",
    lambda insert: (
        insert(_D)
        .values(group_id=bindparam("group_row"), local_date=bindparam("local_day"), unasked=1)
        .on_conflict_do_update(
            index_elements=["group_id", "local_date"],
            set_={"unasked": _D.c.unasked + 1},
            where=_D.c.unasked < bindparam("budget"),
        )
        .returning(_D.c.unasked)
    ),
)


def as_json(value: object) -> dict[str, object]:
    """Decode a JSON column read by a prepared statement (SQLite gives text, PostgreSQL a value)."""
    if isinstance(value, str):
        value = json.loads(value)
    return value if isinstance(value, dict) else {}


def group_row(session: Session, channel: str, account: str, external_id: str) -> tuple[object, ...] | None:
    """Return the columns of :class:`engagement.feature.GroupView`, the state before its last two, or None."""
    found: tuple[object, ...] | None = session.row(_GROUP, channel=channel, account=account, external_id=external_id)
    return found


def group_row_by_id(session: Session, group_id: int) -> tuple[object, ...] | None:
    """The same by id."""
    found: tuple[object, ...] | None = session.row(_GROUP_BY_ID, row=group_id)
    return found


def known(session: Session, channel: str, external_id: str, group_id: int | None) -> Known | None:
    """Look a person up by the channel's id, with the membership of a group; None if never seen."""
    row = session.row(_KNOWN, channel=channel, external_id=external_id, group_row=group_id)
    if row is None:
        return None
    return Known(
        identity_id=row[0],
        person_id=row[1],
        name=row[2],
        dm_open=bool(row[3]),
        member_id=row[4],
        member_name=row[5] or "",
        account_id=row[6],
        leader=row[7] == "leader",
        left=row[8] is not None,
        muted_until=None if row[9] is None else instant(row[9]),
        last_seen=row[10],
        consented=row[11] is not None and row[12] is None,
        withdrawn=row[12] is not None,
        elder=bool(row[13]),
        steps=row[14],
        account=row[15],
    )


def meet(session: Session, channel: str, external_id: str, name: str, now: datetime) -> Known:
    """Return the person behind a channel's id, made if new; the name is brought up to date."""
    found = known(session, channel, external_id, None)
    if found is None:
        person = Person(created_at=now)
        session.add(person)
        session.flush()
        assert person.id is not None
        identity = Identity(person_id=person.id, channel=channel, external_id=external_id, name=name)
        session.add(identity)
        session.flush()
        found = known(session, channel, external_id, None)
        assert found is not None
    elif name and found.name != name:
        session.run(_RENAME, row=found.identity_id, new_name=name)
        found.name = name
    return found


def enter(session: Session, group_id: int, person_id: int, name: str, now: datetime) -> Member:
    """Return the membership of a person in a group, made if new; a name change is followed, a leaver comes back.

    Whoever enters is in the chat, except who is said not to be (:mod:`engagement.entry.joining`).
    """
    member = session.exec(
        pick(Member).where(col(Member.group_id) == group_id, col(Member.person_id) == person_id)
    ).first()
    if member is None:
        member = Member(group_id=group_id, person_id=person_id, name=name, joined_at=now)
    elif name:
        member.name = name
    member.left_at = None
    member.by_link = False
    session.add(member)
    session.flush()
    return member


def rename(session: Session, person: Known, name: str) -> None:
    """Follow a new display name."""
    session.run(_RENAME, row=person.identity_id, new_name=name)
    person.name = name
    if person.member_id is not None:
        session.run(_RENAME_MEMBER, row=person.member_id, new_name=name)
        person.member_name = name


def seen(session: Session, member_id: int, local_day: str) -> None:
    """Note the last day on which a consenting member used the bot."""
    session.run(_SEEN, row=member_id, seen=local_day)


def seen_in(session: Session, group_id: int, channel: str, external_id: str, local_day: str) -> None:
    """Note the last day on which somebody was there, if he agreed to be recorded; an earlier day changes nothing."""
    session.run(_SEEN_IN, group_row=group_id, in_channel=channel, who=external_id, seen=local_day)


def open_account(session: Session, member_id: int, now: datetime) -> int:
    """Give a member a household of one and its account in the group; returns the account's id."""
    member = session.get_one(Member, member_id)
    if member.account_id is None:
        member.account_id = new_account(session, member.group_id, now)
        session.add(member)
        session.flush()
    assert member.account_id is not None
    return member.account_id


def new_account(session: Session, group_id: int, now: datetime) -> int:
    """Make a household with its account in a group; nobody's yet. Returns the account's id."""
    household = Household(created_at=now)
    session.add(household)
    session.flush()
    assert household.id is not None
    account = Account(household_id=household.id, group_id=group_id)
    session.add(account)
    session.flush()
    assert account.id is not None
    return account.id


def sharing(session: Session, account_id: int) -> list[Member]:
    """Return the members of an account's household, also those who left the group, longest in the group first.

    A membership for which another one acts is no member of its own (:mod:`storage.bonds`).
    """
    here = (Member.account_id == account_id, col(Member.bonded_to).is_(None))
    return list(session.exec(pick(Member).where(*here).order_by(col(Member.id))))


def grant_consent(session: Session, person_id: int, now: datetime) -> None:
    """Record consent; after a withdrawal a new command records it anew."""
    consent = session.get(Consent, person_id)
    if consent is None:
        consent = Consent(person_id=person_id, notice_version=NOTICE_VERSION, granted_at=now)
    consent.granted_at = now
    consent.notice_version = NOTICE_VERSION
    consent.withdrawn_at = None
    session.add(consent)
    session.flush()


def withdraw_consent(session: Session, person_id: int, now: datetime) -> bool:
    """Record a withdrawal; False if there was no consent."""
    consent = session.get(Consent, person_id)
    if consent is None or consent.withdrawn_at is not None:
        return False
    consent.withdrawn_at = now
    session.add(consent)
    session.flush()
    return True


def roles(session: Session, person_id: int) -> frozenset[str]:
    """Return a person's roles over groups."""
    return frozenset(session.exec(pick(RoleGrant.role).where(RoleGrant.person_id == person_id)))


def first_leaders(session: Session, group_ids: Sequence[int]) -> dict[int, int]:
    """Return group id → person id of its longest-serving leader; groups without one are absent."""
    rows = session.exec(
        pick(Member.group_id, Member.person_id)
        .where(col(Member.group_id).in_(group_ids), Member.role == "leader", col(Member.left_at).is_(None))
        .order_by(col(Member.id).desc())
    )
    return dict(rows.all())


def leader_names(session: Session, group_ids: Collection[int]) -> dict[int, str]:
    """Return group id → the name of its longest-serving leader, as it is shown there; groups without one are absent."""
    rows = session.exec(
        pick(Member.group_id, Member.name)
        .where(col(Member.group_id).in_(group_ids), Member.role == "leader", col(Member.left_at).is_(None))
        .order_by(col(Member.id).desc())
    )
    return dict(rows.all())


def named(session: Session, group_id: int, name: str) -> list[Member]:
    """Return the present members of a group who are shown by just this name."""
    return list(
        session.exec(
            pick(Member).where(Member.group_id == group_id, Member.name == name, col(Member.left_at).is_(None))
        )
    )


def spend_unasked(session: Session, group_id: int, local_day: str, budget: int) -> bool:
    """Take one message from a group's daily budget of unasked messages; False when it is used up."""
    if budget <= 0:
        return False
    return session.row(_BUDGET, group_row=group_id, local_day=local_day, budget=budget) is not None


def address(session: Session, person_id: int, channel: str) -> tuple[str, str, bool] | None:
    """Return (channel's id, name, private chat open) of a person on a channel, or None."""
    found = session.exec(pick(Identity).where(Identity.person_id == person_id, Identity.channel == channel)).first()
    return None if found is None else (found.external_id, found.name, found.dm_open)


def leaders(session: Session, group_id: int) -> list[int]:
    """Return the person ids of a group's leaders, longest-serving first."""
    return list(
        session.exec(
            pick(Member.person_id)
            .where(Member.group_id == group_id, Member.role == "leader", col(Member.left_at).is_(None))
            .order_by(col(Member.id))
        )
    )


def current_group(session: Session, person_id: int, channel: str) -> tuple[object, ...] | None:
    """Return the columns of the group that a private message is about, on whatever channel that is.

    The chosen one, else one of the channel on which the message came, else any; of several the latest joined.

    Source: ADR-0021.
    """
    row = session.row(_CURRENT, person=person_id, channel=channel)
    return None if row is None else group_row_by_id(session, row[0])


def memberships(session: Session, person_id: int) -> list[tuple[Member, Group]]:
    """Return every living membership of a person with its group, oldest first."""
    rows = session.exec(
        pick(Member, Group)
        .join(Group, col(Group.id) == col(Member.group_id))
        .where(col(Member.person_id) == person_id, col(Member.left_at).is_(None), col(Group.state) == "active")
        .order_by(col(Member.id))
    )
    return list(rows)
