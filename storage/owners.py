"""Whose a row is that one of several processes handles: its owner is dead, or has let it lie.

Source: ADR-0023.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, bindparam, case, literal_column, select

from storage.campaigns import Heartbeat

_H = Heartbeat.__table__  # type: ignore[attr-defined]


def is_adrift(owner: Any, since: Any) -> ColumnElement[bool]:
    """Say whether nobody who lives is at work on a row.

    Args:
        owner: the column of the process's name, empty where an earlier version wrote it; ``since``: of when it was written.

    Returns:
        A condition on ``me`` and ``before`` (what this process itself wrote so early), ``unnamed`` (the same without a name)
        and ``fresh`` (since when a living process has given a heartbeat).
    """
    return case(
        (owner == bindparam("me"), since <= bindparam("before")),
        (owner == literal_column("''"), since <= bindparam("unnamed")),
        else_=owner.not_in(select(_H.c.executor).where(_H.c.beat_at > bindparam("fresh"))),
    )
