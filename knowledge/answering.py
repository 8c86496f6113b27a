"""The door of this package: ask a question, or open one entry. Engagement and the command line come in here.

Source: F62, F69; DESIGN 4 (prepare → await → finish) and 6.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from sqlmodel import col, select

from knowledge import ingest
from knowledge.answer import Answer, Candidate, Citation, Decision, Passage, Prepared, Scope
from knowledge.base import KnowledgeBase
from knowledge.budget import Asker, RowPurse
from knowledge.errors import ModelFault
from storage.groups import Group

if TYPE_CHECKING:
    from knowledge.model import Heard
    from knowledge.settings import DocumentSettings, KnowledgeSettings
    from storage.engine import Database, Session

__all__ = ["Answer", "Answering", "Candidate", "Citation", "Decision", "Passage", "Prepared", "Scope", "open_answering"]


class Answering:
    """A knowledge base together with the rows that it is made from.

    Args:
        database: Of the data directory.
        base: Of the same directory; loaded.
        options: What may become a document; None = files alone.
    """

    def __init__(self, database: Database, base: KnowledgeBase, options: DocumentSettings | None = None) -> None:
        self.database = database
        self.base = base
        self.options = options

    async def ask(
        self,
        question: str,
        *,
        now: datetime,
        group_id: int | None = None,
        facts: Mapping[str, str] | None = None,
        leader: bool = False,
        asker: Asker | None = None,
        show: Heard | None = None,
    ) -> Answer:
        """Answers a question, asks back, or says that it cannot.

        Args:
            question: As typed.
            now: Aware instant.
            group_id: Whose passages may be used besides those for everybody; set by code, never by what is said.
            facts: The group's facts.
            leader: The asker is a leader or staff, in private.
            asker: Whose budget of worded answers it is.
            show: See ``KnowledgeBase.finish``.
        """
        vector = await self.base.sense(question)
        prepared = await self.database.read(
            lambda session: self.base.prepare(
                session, question, scope_of(session, group_id, leader=leader).sight(now), vector
            )
        )
        return await self.base.finish(prepared, facts or {}, asker, show)

    async def look(
        self, question: str, *, now: datetime, group_id: int | None = None, leader: bool = False
    ) -> Prepared:
        """What :meth:`ask` would decide, before anything is worded: to compare readings of one message."""
        vector = await self.base.sense(question)
        return await self.database.read(
            lambda session: self.base.prepare(
                session, question, scope_of(session, group_id, leader=leader).sight(now), vector
            )
        )

    async def ask_within(
        self, question: str, scope: Scope, facts: Mapping[str, str] | None = None, *, now: datetime
    ) -> Answer:
        """The same for a scope that is known already (command line)."""
        return await self.base.ask(self.database, question, scope, facts, now=now)

    async def entry(
        self,
        entry: str,
        *,
        now: datetime,
        group_id: int | None = None,
        facts: Mapping[str, str] | None = None,
        leader: bool = False,
    ) -> Answer | None:
        """The answer of an entry that the asker picked; None when it is not published, or not for this group."""
        prepared = await self.database.read(
            lambda session: self.base.prepare_entry(
                session, entry, scope_of(session, group_id, leader=leader).sight(now)
            )
        )
        return await self.base.finish(prepared, facts or {}) if prepared is not None else None

    def reload(self, progress: Callable[[int, int], None] | None = None) -> None:
        """Reads what is published now and fills the vector index; without Chroma, keywords go on answering."""
        try:
            self.database.read_now(lambda session: self.base.load(session, progress))
        except ModelFault:
            self.base.degraded = True

    def seed(self, now: datetime, *, publish: bool, wait: bool = True) -> int:
        """Takes in the starter base; returns how many documents it has.

        Args:
            now: Aware instant.
            publish: False leaves drafts.
            wait: False fills the vector index beside what comes next; the first question waits for it, not the start.
        """
        added = ingest.seed(self.database, now=now, publish=publish)
        if wait:
            self.reload()
        else:
            self.database.read_now(self.base.open)
        return len(added)

    def close(self) -> None:
        """Lets go of the vector index; the database stays with its owner."""
        self.base.close()


def scope_of(session: Session, group_id: int | None, *, leader: bool = False) -> Scope:
    """What a group's members may be answered from."""
    if group_id is None:
        return Scope(leader=leader)
    region = session.exec(select(Group.region_id).where(col(Group.id) == group_id)).first()
    return Scope(str(group_id), str(region) if region is not None else "", leader)


def group_numbered(session: Session, name: str) -> Group | None:
    """The group of a number that was typed; None for anything that is no group's, also for what no row could have."""
    return session.get(Group, int(name)) if name.isdecimal() and len(name) < 19 else None


def named_scope(session: Session, kind: str, name: str) -> Scope:
    """The scope that staff name on the command line: a group's or a region's id, or a group's id on its platform.

    A name that no group has yet stands for itself, so that documents can be there before the group is.
    """
    if kind == "region":
        return Scope(region=name)
    if group_numbered(session, name) is not None:
        return scope_of(session, int(name))
    found = session.exec(select(Group.id).where(Group.external_id == name)).all()
    return scope_of(session, found[0]) if len(found) == 1 else Scope(group=name)


def open_answering(
    database: Database,
    directory: Path,
    settings: KnowledgeSettings,
    options: DocumentSettings | None = None,
    *,
    clock: Callable[[], float] = time.monotonic,
) -> Answering:
    """Opens the knowledge base of a data directory that this process owns, and reads what is published.

    Args:
        database: At the program's schema.
        directory: The data directory; Chroma lives in ``directory/chroma``.
        settings: Model and embedding endpoint.
        options: Where the vectors stand and whether fastembed makes them.
        clock: Monotonic seconds.
    """
    answering = Answering(database, KnowledgeBase(directory, settings, options=options, clock=clock), options)
    answering.base.wording.purse = RowPurse(database, settings)
    database.read_now(answering.base.open)
    return answering
