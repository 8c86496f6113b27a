"""How a page of staff asks the knowledge base: who looks after which part of it, and one door to its requests.

Source: F69, F115.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from fastapi import HTTPException, Request
from sqlmodel import col, select

from console.auth import Role, Visitor
from console.policy import STAFF
from console.views import local_time, say
from engagement.curation import access
from engagement.curation.access import Curator
from knowledge import requests
from knowledge.errors import KnowledgeRefusal
from knowledge.lifecycle import Hand
from prompts.loader import shown_day, texts
from storage.documents import Document
from storage.engine import Session
from storage.entry import Login
from storage.groups import Group, Region

if TYPE_CHECKING:
    from collections.abc import Iterable

    from console.works import Works

MOST_SCOPES = 60
_OWN = frozenset(key for key in texts().keys() if key.startswith("console_knowledge.no_"))  # noqa: SIM118


@dataclass(frozen=True, slots=True)
class Keeper:
    """Somebody on a page of the knowledge base.

    Attributes:
        who: what he may look after; a leader only looks.
        hand: who acts, for the base.
    """

    visitor: Visitor
    who: Curator
    hand: Hand

    @property
    def writes(self) -> bool:
        """Whether he may change anything."""
        return self.visitor.role in STAFF

    @property
    def scopes(self) -> list[str] | None:
        """Whose documents he sees; None = all. Who only looks sees what is for everybody too."""
        if self.who.scopes is None:
            return None
        return sorted(self.who.scopes) if self.writes else ["all", *sorted(self.who.scopes)]

    @property
    def groups(self) -> list[int] | None:
        """Groups whose questions he may read; None = all."""
        if self.who.scopes is None:
            return None
        return sorted(int(one.partition(":")[2]) for one in self.who.scopes if one.startswith("group:"))

    def may(self, scope: str) -> bool:
        """Whether a scope is his to look after."""
        return self.writes and self.who.may(scope)


async def keeper(request: Request) -> Keeper:
    """Return who is at the page."""
    visitor: Visitor = request.state.visitor
    found = await request.app.state.console.database.read(lambda session: _curator(session, visitor))
    hand = found.hand if visitor.person_id else Hand(visitor.name)
    return Keeper(visitor, found, hand)


def _curator(session: Session, visitor: Visitor) -> Curator:
    if not visitor.person_id:  # sample staff, nobody in a chat
        return Curator(0, True, None, access.ALL)
    found = access.curator_of(session, visitor.person_id)
    if visitor.role in STAFF:
        # The session says what he is; whose region it is, his grants.
        everywhere = Curator(visitor.person_id, True, None, access.ALL)
        return found if found is not None and found.staff else everywhere
    own = frozenset() if found is None or visitor.role is not Role.LEADER else found.scopes
    return Curator(visitor.person_id, False, own or frozenset(), "")


async def ask(request: Request, who: Keeper, action: str, **about: Any) -> dict[str, Any]:
    """Ask the base something that takes no time.

    Raises:
        KnowledgeRefusal: an expected no.
    """
    console = request.app.state.console
    asked = {**about, "action": action, "zone": console.zone}
    now = console.clock.now()
    if requests.reads_only(action):
        return await console.database.read(lambda session: requests.read_in(session, asked, now))  # type: ignore[no-any-return]
    if console.answering is None:
        raise KnowledgeRefusal("knowledge.not_open")
    return await requests.handle(console.answering, asked, now, hand=who.hand)


def works_of(request: Request) -> Works | None:
    """Return what does the long work; None where the base is not open."""
    found: Works | None = request.app.state.works
    return found


def refused(no: KnowledgeRefusal) -> str:
    """Say why not, in the words of a page where the command line's would not fit."""
    return said_no(no.key, no.values)


def said_no(key: str, values: dict[str, Any]) -> str:
    """The same for a key that was written down."""
    own = f"console_knowledge.no_{key.partition('.')[2]}"
    if own in _OWN:
        return texts().fill(own, {"id": "", "name": "", **values})
    return texts().fill(key, values)


async def document(request: Request, who: Keeper, identity: int) -> Document:
    """Return a document that the visitor may see; what is not his is as unknown as what is not there.

    Raises:
        HTTPException: 404.
    """
    database = request.app.state.console.database
    fits = 0 < identity < 1 << 62
    row = await database.read(lambda session: session.get(Document, identity)) if fits else None
    scopes = who.scopes
    hidden = row is None or (scopes is not None and row.scope not in scopes)
    if row is not None and not who.writes:
        hidden = hidden or row.audience != "everybody" or row.removed_at is not None
    if row is None or hidden:
        raise HTTPException(404)
    found: Document = row
    return found


def shown(request: Request, one: dict[str, Any]) -> dict[str, Any]:
    """Return a document or version with its days and instants as people read them, beside the values of its forms."""
    zone = request.app.state.console.zone
    told = dict(one)
    for name in ("review_at", "from", "until"):
        if name in one:
            told[f"{name.removesuffix('_at')}_shown"] = shown_day(date.fromisoformat(one[name])) if one[name] else ""
    for name in ("created_at", "published_at"):
        if name in one:
            moment = datetime.fromisoformat(one[name]) if one[name] else None
            told[f"{name.removesuffix('_at')}_shown"] = local_time(moment, zone)
    return told


# ---------------------------------------------------------------- scopes as people name them


async def scopes(request: Request, who: Keeper, chosen: str = "") -> list[tuple[str, str]]:
    """Return the scopes to choose from, at most ``MOST_SCOPES``, with what they are called; ``chosen`` is among them."""
    found: list[tuple[str, str]] = await request.app.state.console.database.read(
        lambda session: _scopes(session, who, chosen)
    )
    return found


_LEFT = re.compile(r"staff:[0-9]{1,15}")
"""What a colleague's hand leaves where no name was typed."""
_PLACE = re.compile(r"(?:region|group):[0-9]{1,15}")
"""What an address may name as a scope; anything else is nobody's."""


def _scopes(session: Session, who: Keeper, chosen: str) -> list[tuple[str, str]]:
    wanted = who.who.scopes
    found = [("all", say("knowledge.scope_all"))] if wanted is None or not who.writes else []
    for kind, table, key in (("region", Region, "knowledge.scope_region"), ("group", Group, "knowledge.scope_group")):
        query = select(table.id, table.name).order_by(col(table.id)).limit(MOST_SCOPES)
        if table is Group:
            query = query.where(Group.state == "active")
        if wanted is not None:
            query = query.where(col(table.id).in_(_numbers(wanted, kind)))
        found += [(f"{kind}:{number}", say(key, name=name)) for number, name in session.execute(query).all()]
    if _PLACE.fullmatch(chosen) and all(value != chosen for value, _ in found):
        found.append((chosen, scope_name(session, chosen)))
    return found


def _numbers(scopes: Iterable[str], kind: str) -> list[int]:
    return [
        int(name) for one, _, name in (scope.partition(":") for scope in scopes) if one == kind and name.isdecimal()
    ]


def scope_name(session: Session, scope: str) -> str:
    """Say whom a scope is for."""
    kind, _, name = scope.partition(":")
    if not name:
        return say("knowledge.scope_all")
    return say(f"knowledge.scope_{kind}", name=access.scope_name(session, scope))


async def scope_names(request: Request, wanted: Iterable[str]) -> dict[str, str]:
    """Say whom some scopes are for."""
    names: dict[str, str] = await request.app.state.console.database.read(
        lambda session: {scope: scope_name(session, scope) for scope in set(wanted)}
    )
    return names


async def hand_names(request: Request, who: Keeper, wanted: Iterable[str]) -> dict[str, str]:
    """Say who stands behind what was left in versions."""
    names: dict[str, str] = await request.app.state.console.database.read(
        lambda session: {hand: _hand_name(session, who, hand) for hand in set(wanted)}
    )
    return names


async def owner_names(request: Request, who: Keeper, wanted: Iterable[str]) -> dict[str, str]:
    """Say who answers for documents: a name that somebody typed, or that of the colleague whose hand was left there."""
    given = {one for one in wanted if one}
    left = await hand_names(request, who, [one for one in given if _LEFT.fullmatch(one)])
    return {one: left.get(one, one) for one in given}


def _hand_name(session: Session, who: Keeper, hand: str) -> str:
    """A colleague is known by her name in a chat, else by that of her account."""
    if hand == who.hand.name:
        return who.visitor.name
    found = access.hand_name(session, hand, "")
    person = hand.rpartition(":")[2]
    if found == texts().raw("curation.hand_gone") and person.isdecimal():
        login = session.get(Login, int(person))
        return login.name if login is not None else found
    return found
