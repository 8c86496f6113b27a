"""Prepared statements: SQLAlchemy Core compiled once per dialect and handed to the driver as it is.

The ORM costs more than the database on the hot path (ADR 0001), so the statements of one check-in are written in Core,
compiled when first used, and run on the driver's cursor. Values pass unconverted: instants as microseconds
(:func:`storage.columns.micros`), days as ISO text, JSON as text.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import ClauseElement

_DIALECTS = {
    "sqlite": sqlite.dialect(paramstyle="named"),
    "postgresql": postgresql.psycopg.dialect(),  # type: ignore[no-untyped-call]
}
_INSERTS: dict[str, Any] = {"sqlite": sqlite_insert, "postgresql": postgresql_insert}


class Prepared:
    """One Core statement, compiled lazily per dialect; run it with :meth:`storage.engine.Session.run`."""

    __slots__ = ("_compiled", "_statement", "name")

    def __init__(self, name: str, statement: ClauseElement | Callable[[Any], ClauseElement]) -> None:
        """Remember the statement under a name that shows up in traces.

        Args:
            statement: a Core statement, or a function that makes it from the dialect's own ``insert`` (ON CONFLICT is
                spelt alike in both dialects, but each has a construct of its own).
        """
        self.name = name
        self._statement = statement
        self._compiled: dict[str, tuple[str, dict[str, Any]]] = {}

    def sql(self, dialect: str) -> tuple[str, dict[str, Any]]:
        """Return the SQL text and the literal parameters that stand in the statement itself.

        Args:
            dialect: ``sqlite`` or ``postgresql``.
        """
        found = self._compiled.get(dialect)
        if found is None:
            statement = self._statement
            if not isinstance(statement, ClauseElement):
                statement = statement(_INSERTS[dialect])
            compiled = statement.compile(dialect=_DIALECTS[dialect])
            assert isinstance(compiled, SQLCompiler)
            fixed = {k: v for k, v in compiled.params.items() if v is not None}
            found = (str(compiled), fixed)
            if "POSTCOMPILE" in found[0]:
                raise ValueError(f"{self.name}: IN with a bound list cannot be prepared")
            self._compiled[dialect] = found
        return found
