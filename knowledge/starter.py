"""The starter base that ships in prompts/knowledge."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from sqlmodel import select

from storage.documents import Document

if TYPE_CHECKING:
    from knowledge.answering import Answering


def load_starter(answering: Answering, now: datetime, *, publish: bool, wait: bool = True) -> int:
    """Takes the starter base into a directory that has no documents at all; returns how many it took in.

    Args:
        answering: Of the directory.
        now: Aware instant.
        publish: False leaves drafts for staff to read first (production).
        wait: See ``Answering.seed``.
    """
    if answering.database.read_now(lambda session: session.exec(select(Document.id)).first()) is not None:
        return 0
    return answering.seed(now, publish=publish, wait=wait)
