"""Who may look after which part of the knowledge base: staff all of it or their region's, a leader his own groups'.

Source: F69, F115.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import ParamSpec, TypeVar

from sqlmodel import col
from sqlmodel import select as pick

from engagement.errors import Refusal
from engagement.feature import Context
from engagement.kernel import Place
from knowledge import lifecycle
from knowledge.errors import KnowledgeRefusal
from knowledge.lifecycle import Hand
from prompts.loader import texts
from storage import identities
from storage.documents import Document
from storage.engine import Session
from storage.groups import Group, Identity, Region, RoleGrant

WHO = frozenset({"leader", "staff", "admin"})
ALL = "all"
_HAND = "staff:"
P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Curator:
    """Somebody who looks after knowledge.

    Attributes:
        staff: over groups, not as a leader of some.
        scopes: what he may look after, as scopes of documents; None = everything.
        home: the scope that what he brings goes into; empty for a leader of several groups who has to say which.
    """

    person_id: int
    staff: bool
    scopes: frozenset[str] | None
    home: str

    @property
    def hand(self) -> Hand:
        """Return who acts, for the base: a pseudonym, so that an erasure has nothing to look for in old versions."""
        return Hand(hand_of(self.person_id), self.person_id)

    def may(self, scope: str) -> bool:
        """Say whether a scope is his to look after."""
        return self.scopes is None or scope in self.scopes


def hand_of(person_id: int) -> str:
    """Return the pseudonym that stands in versions for a person."""
    return f"{_HAND}{person_id}"


def curator(ctx: Context) -> Curator:
    """Return the acting person as a curator.

    Raises:
        Refusal: ``guard.leader_only`` for everybody else; ``guard.private_only`` where neighbours read along.
    """
    found = curator_of(ctx.session, ctx.actor.person_id, ctx.group.id if ctx.group is not None else 0)
    if found is None:
        raise Refusal("guard.leader_only")
    if ctx.incoming.place is not Place.DM:
        raise Refusal("guard.private_only")
    return found


def curator_of(session: Session, person_id: int, group_id: int = 0) -> Curator | None:
    """Return a person as a curator, who is speaking of a group; None when he is none."""
    if not person_id:
        return None
    grants = session.exec(
        pick(RoleGrant).where(RoleGrant.person_id == person_id, col(RoleGrant.role).in_(lifecycle.EDITORS))
    ).all()
    if any(grant.role == "admin" or grant.region_id is None for grant in grants):
        return Curator(person_id, True, None, ALL)
    led = [group.id for member, group in identities.memberships(session, person_id) if member.role == "leader"]
    scopes = {f"group:{one}" for one in led}
    regions = sorted(grant.region_id for grant in grants if grant.region_id is not None)
    if regions:
        inside = session.exec(pick(Group.id).where(col(Group.region_id).in_(regions))).all()
        scopes |= {f"region:{one}" for one in regions} | {f"group:{one}" for one in inside}
        return Curator(person_id, True, frozenset(scopes), f"region:{regions[0]}")
    if not led:
        return None
    here = group_id if group_id in led else led[0] if len(led) == 1 else 0
    return Curator(person_id, False, frozenset(scopes), f"group:{here}" if here else "")


def document(session: Session, who: Curator, identity: int, *, removed: bool = False) -> Document:
    """Return a document that is the curator's to look after; somebody else's is as unknown to him as none.

    Args:
        removed: It may be taken down.

    Raises:
        Refusal: ``curation.unknown``.
    """
    found = session.get(Document, identity) if 0 < identity < 1 << 62 else None
    if found is None or (found.removed_at is not None and not removed) or not who.may(found.scope):
        raise Refusal("curation.unknown", id=identity)
    return found


def home(who: Curator) -> str:
    """Return the scope for what he brings.

    Raises:
        Refusal: ``guard.which_group``.
    """
    if not who.home:
        raise Refusal("guard.which_group")
    return who.home


def scope_name(session: Session, scope: str) -> str:
    """Say whom a scope is for."""
    kind, _, name = scope.partition(":")
    if kind == "group":
        group = session.get(Group, int(name)) if _is_id(name) else None
        return group.name if group is not None else name
    if kind == "region":
        region = session.get(Region, int(name)) if _is_id(name) else None
        return region.name if region is not None else name
    return texts().raw("curation.scope_all")


def _is_id(name: str) -> bool:
    """Say whether a row may have this number; the database refuses longer ones."""
    return name.isdecimal() and len(name) < 19


def hand_name(session: Session, hand: str, channel: str) -> str:
    """Return the name behind what :attr:`Curator.hand` left in a version."""
    if not hand.startswith(_HAND):
        return texts().raw("curation.hand_operator") if hand in ("cli", "starter", "") else hand
    person = hand.removeprefix(_HAND)
    names: Sequence[tuple[str, str]] = session.exec(
        pick(Identity.channel, Identity.name)
        .where(Identity.person_id == (int(person) if person.isdecimal() else 0))
        .order_by(col(Identity.id))
    ).all()
    known = [name for there, name in names if there == channel] or [name for _, name in names]
    return (known[0] if known else "") or texts().raw("curation.hand_gone")


def refusing(call: Callable[P, T]) -> Callable[P, T]:
    """Let what the base refuses be a refusal of the chat, in its own words where the command line's would not fit."""

    @wraps(call)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return call(*args, **kwargs)
        except KnowledgeRefusal as no:
            raise refusal(no) from no

    return wrapped


def refusal(no: KnowledgeRefusal) -> Refusal:
    """Turn a refusal of the base into one of the chat."""
    own = f"curation.no_{no.key.partition('.')[2]}"
    return Refusal(own if own in texts().keys() else no.key, **no.values)  # noqa: SIM118
