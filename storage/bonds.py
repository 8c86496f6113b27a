"""Which persons are one: bound by themselves, each row with exactly what it moved, so that it can be taken apart again.

The person who made the code goes on (the survivor); the other one (the absorbed) keeps his row, his preferences and his
consent, has no identity meanwhile, and gets everything back when they part. A survivor may have several absorbed persons, an
absorbed one has none: bonds make stars, never chains.

Source: ADR-0020.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ColumnElement, Index, text
from sqlmodel import Field, SQLModel, col, func, select

from storage.columns import document, pk, ref, utc
from storage.engine import Session
from storage.groups import Identity, Member

KEYS = ("bond:", "part:")
"""How the keys of entries begin that move points by a bond."""
_BOUND = text("state = 'bound'")


class Bond(SQLModel, table=True):
    """Two persons of whom one shows that both are his; offered, until he has confirmed it.

    Attributes:
        survivor_id: who made the code; ``absorbed_id``: who entered it.
        state: ``offered``, ``refused`` (cancelled, or it can be no more), ``bound`` or ``parted``.
        until: how long it can be confirmed.
        moved: of a bound one: :class:`Moved`.
    """

    __tablename__ = "bond"
    __table_args__ = (
        CheckConstraint("state IN ('offered', 'refused', 'bound', 'parted')", name="bond_state"),
        CheckConstraint("survivor_id <> absorbed_id", name="bond_two"),
        Index("ix_bond_bound", "absorbed_id", unique=True, sqlite_where=_BOUND, postgresql_where=_BOUND),
        {"sqlite_autoincrement": True},
    )
    id: int | None = pk()
    survivor_id: int = ref("person.id")
    absorbed_id: int = ref("person.id")
    state: str = Field(default="offered", max_length=8)
    until: datetime = utc()
    bound_at: datetime | None = utc(nullable=True)
    parted_at: datetime | None = utc(nullable=True)
    moved: dict[str, Any] | None = document()


class BondCode(SQLModel, table=True):
    """A person's one living code, and how often he entered wrong ones lately.

    Attributes:
        digest: SHA-256 (hex) of the code; None when there is none.
        until: when the code ends.
        used_by: who has entered it: nobody else can.
        tries: wrong codes that this person has entered since ``tries_since``.
    """

    __tablename__ = "bond_code"
    person_id: int = ref("person.id", primary_key=True, index=False)
    digest: str | None = Field(default=None, max_length=64, unique=True, nullable=True)
    until: datetime | None = utc(nullable=True)
    used_by: int | None = ref("person.id", nullable=True)
    tries: int = 0
    tries_since: datetime | None = utc(nullable=True)


@dataclass(frozen=True, slots=True)
class Meeting:
    """A group in which both were: the absorbed person's membership rests, and what it had there.

    Attributes:
        member: the resting membership; ``into``: the one that acts for it.
        account: where its points were; 0 = it had none.
        left, into_left: when each had left the group, microseconds; None = was there.
        muted, into_muted: until when each was muted, microseconds; None = was not.
        into_by_link: the acting one had come by the group's link and was not seen in its chat; None = it was not noted.
    """

    group: int
    member: int
    into: int
    account: int
    left: int | None = None
    into_left: int | None = None
    muted: int | None = None
    into_muted: int | None = None
    into_by_link: bool | None = None


@dataclass(frozen=True, slots=True)
class Moved:
    """What a bond moved, by row.

    Attributes:
        identities, members: rows that were the absorbed person's and are the survivor's.
        met: groups in which both were.
    """

    identities: tuple[int, ...]
    members: tuple[int, ...]
    met: tuple[Meeting, ...]

    @classmethod
    def of(cls, bond: Bond) -> Moved:
        """Read it from the row."""
        kept = bond.moved or {}
        return cls(
            tuple(kept.get("identities", ())),
            tuple(kept.get("members", ())),
            tuple(Meeting(**one) for one in kept.get("met", ())),
        )

    def as_json(self) -> dict[str, Any]:
        """As it stands in the row."""
        return {
            "identities": list(self.identities),
            "members": list(self.members),
            "met": [asdict(one) for one in self.met],
        }


def of_survivor(session: Session, person_id: int) -> list[Bond]:
    """Return the living bonds of a person who goes on for others, oldest first."""
    return list(
        session.exec(select(Bond).where(Bond.survivor_id == person_id, Bond.state == "bound").order_by(col(Bond.id)))
    )


def absorbed(session: Session, person_id: int) -> list[int]:
    """Return the persons for whom a person goes on."""
    return [bond.absorbed_id for bond in of_survivor(session, person_id)]


def is_absorbed(session: Session, person_id: int) -> bool:
    """Say whether somebody else goes on for a person."""
    found = session.exec(select(Bond.id).where(Bond.absorbed_id == person_id, Bond.state == "bound")).first()
    return found is not None


def channels(session: Session, person_id: int) -> list[str]:
    """Return the channels on which a person is known, in the order in which they came."""
    found = session.exec(select(Identity.channel).where(Identity.person_id == person_id).order_by(col(Identity.id)))
    return list(dict.fromkeys(found))


def open_chats(session: Session, person_id: int) -> list[tuple[str, str, str]]:
    """Return (channel, bot account, the channel's id) of every private chat in which the bot may write to a person."""
    found = session.exec(
        select(Identity.channel, Identity.account, Identity.external_id)
        .where(Identity.person_id == person_id, col(Identity.dm_open))
        .order_by(col(Identity.id))
    )
    return [(channel, account, external_id) for channel, account, external_id in found]


def resting(session: Session, account_id: int) -> list[Member]:
    """Return the memberships that share an account while another one acts for them."""
    return list(
        session.exec(
            select(Member)
            .where(Member.account_id == account_id, col(Member.bonded_to).is_not(None))
            .order_by(col(Member.id))
        )
    )


def rests_on(session: Session, member_ids: Collection[int]) -> bool:
    """Say whether one of the memberships acts for a resting one."""
    found = session.exec(select(Member.id).where(col(Member.bonded_to).in_(member_ids)).limit(1)).first()
    return found is not None


def acting(session: Session, member: Member) -> Member:
    """Return the membership that acts for one: itself, unless it rests."""
    return member if member.bonded_to is None else session.get_one(Member, member.bonded_to)


def acts() -> ColumnElement[int]:
    """Return, of a row of ``member``, the membership that acts for it: who counts people counts these, each once."""
    return func.coalesce(col(Member.bonded_to), col(Member.id))


def with_resting(session: Session, member_ids: Collection[int]) -> dict[int, int]:
    """Return membership → the one that acts for it, of these and of all that are one person with them."""
    asked = session.exec(select(Member.id, Member.bonded_to).where(col(Member.id).in_(member_ids))).all()
    acts = {into or member or 0 for member, into in asked}
    rests = session.exec(select(Member.id, Member.bonded_to).where(col(Member.bonded_to).in_(acts))).all()
    return {one: one for one in acts} | {member: into for member, into in rests if member and into}


def memberships(session: Session, person_id: int) -> list[int]:
    """Return the memberships of a person, and those that rest on them: what was said as either is his own."""
    own = session.exec(select(Member.id).where(Member.person_id == person_id))
    return sorted(with_resting(session, [one for one in own if one is not None]))


def check(session: Session) -> tuple[int, int]:
    """Return (living bonds, what is wrong with them), for ``verify``.

    Wrong are: an absorbed person with an identity, or who goes on for somebody; a resting membership that is in another
    group or household than the one that acts for it, that is still in the group, or that no living bond knows.
    """
    bound = list(session.exec(select(Bond).where(Bond.state == "bound")))
    gone = {bond.absorbed_id for bond in bound}
    wrong = sum(bond.survivor_id in gone for bond in bound)
    for some in _slices(sorted(gone)):
        counted = select(func.count()).select_from(Identity).where(col(Identity.person_id).in_(some))
        wrong += int(session.exec(counted).one())
    meetings = {one.member: (bond.survivor_id, one.into) for bond in bound for one in Moved.of(bond).met}
    for member in session.exec(select(Member).where(col(Member.bonded_to).is_not(None))):
        acting = session.get(Member, member.bonded_to)
        sound = (
            acting is not None
            and meetings.pop(member.id or 0, None) == (acting.person_id, acting.id)
            and acting.group_id == member.group_id
            and member.account_id in (None, acting.account_id)
            and member.left_at is not None
        )
        wrong += not sound
    return len(bound), wrong + len(meetings)


def _slices(ids: Sequence[int]) -> list[Sequence[int]]:
    return [ids[start : start + 500] for start in range(0, len(ids), 500)]
