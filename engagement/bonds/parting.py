"""What is bound to a person, and taking it apart: what goes where is said first, and whoever did not press hears of it.

Source: ADR-0020.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import col, select

from engagement.bonds import joining, service
from engagement.errors import Refusal
from engagement.feature import Context
from storage import bonds
from storage.bonds import Bond
from storage.engine import Session
from storage.groups import Identity

Chat = tuple[str, str, str]
"""(Channel, bot account, the channel's id of somebody)."""


@dataclass(frozen=True, slots=True)
class Part:
    """What is bound to a person: the channels that would go."""

    bond_id: int
    channels: Sequence[str]
    bound_at: datetime


@dataclass(frozen=True, slots=True)
class Apart:
    """Two are two again.

    Attributes:
        went, stayed: the channels of each.
        points: whole points that went along.
        went_chats, stayed_chats: private chats of each, besides the one in which it was pressed.
    """

    went: Sequence[str]
    stayed: Sequence[str]
    points: int
    went_chats: Sequence[Chat]
    stayed_chats: Sequence[Chat]


def mine(session: Session, person_id: int) -> tuple[list[str], list[Part]]:
    """Return the channels that are a person's own, and what is bound to him, oldest first."""
    parts = [_part(session, bond) for bond in bonds.of_survivor(session, person_id)]
    gone = {channel for part in parts for channel in part.channels}
    return [one for one in bonds.channels(session, person_id) if one not in gone], parts


def _part(session: Session, bond: Bond) -> Part:
    moved = bonds.Moved.of(bond)
    rows = session.exec(
        select(Identity.channel).where(col(Identity.id).in_(moved.identities)).order_by(col(Identity.id))
    )
    return Part(bond.id or 0, list(dict.fromkeys(rows)), bond.bound_at or bond.until)


def ask(ctx: Context, bond_id: int) -> tuple[Part, joining.Going]:
    """Say what parting would bring; changes nothing.

    Raises:
        Refusal: not the actor's, parted already, or another one hangs on it.
    """
    return look(ctx, _mine(ctx, bond_id))


def look(ctx: Context, bond: Bond) -> tuple[Part, joining.Going]:
    """Say the same of a bond that may be taken apart."""
    return _part(ctx.session, bond), joining.look_at_parting(ctx, bond)


def part(ctx: Context, bond_id: int) -> Apart:
    """Take the two apart again, once, as they came together.

    Raises:
        Refusal: as :func:`ask`.
    """
    bond = _mine(ctx, bond_id)
    done = take_apart(ctx, bond)
    service.note(ctx, "bond.parted", bond=bond_id, absorbed=bond.absorbed_id)
    return done


def take_apart(ctx: Context, bond: Bond) -> Apart:
    """Do it with a bond that may be; whoever does it puts it on record."""
    went = _part(ctx.session, bond).channels
    service.claim(ctx, bond, "bound", "parted")
    bond.parted_at = ctx.now
    points = joining.part(ctx, bond)
    service.forget_codes(ctx.session, bond)
    return Apart(
        went,
        bonds.channels(ctx.session, bond.survivor_id),
        points,
        _others(ctx, bond.absorbed_id),
        _others(ctx, bond.survivor_id),
    )


def _others(ctx: Context, person_id: int) -> list[Chat]:
    """Return a person's private chats without the one that the press came from; a page is none."""
    incoming = ctx.incoming
    here = ("", "") if incoming.desk_person else (incoming.channel, incoming.sender)
    return [chat for chat in bonds.open_chats(ctx.session, person_id) if (chat[0], chat[2]) != here]


def _mine(ctx: Context, bond_id: int) -> Bond:
    bond = ctx.session.get(Bond, bond_id)
    if bond is None or bond.survivor_id != ctx.actor.person_id:
        raise Refusal("guard.old_button")
    return living(ctx, bond)


def living(ctx: Context, bond: Bond) -> Bond:
    """Return a bond that can be taken apart now.

    Raises:
        Refusal: parted already, or another one hangs on it.
    """
    if bond.state != "bound":
        raise Refusal("guard.old_button")
    if bonds.rests_on(ctx.session, bonds.Moved.of(bond).members):
        raise Refusal("bonds.other_first")
    return bond
