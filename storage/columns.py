"""Column types and small constructors that every table uses.

Instants are stored as whole microseconds since 1970 (BIGINT) and local days as ``YYYY-MM-DD`` text, on SQLite and on
PostgreSQL alike: the same value compares, sorts and hashes the same way in both, and prepared statements
(:mod:`storage.statements`) can pass it to the driver without a type layer.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, Integer
from sqlalchemy.types import JSON, String, TypeDecorator
from sqlmodel import Field

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

BigInt = BigInteger().with_variant(Integer(), "sqlite")
"""64-bit integer; on SQLite plain INTEGER, so that a primary key is the rowid."""


def micros(moment: datetime) -> int:
    """Turn an aware instant into microseconds since 1970-01-01T00:00:00Z.

    Raises:
        ValueError: if ``moment`` is naive.
    """
    if moment.tzinfo is None:
        raise ValueError("naive datetime")
    return (moment - _EPOCH) // _MICROSECOND


def instant(value: int) -> datetime:
    """Turn microseconds since 1970 back into an aware UTC datetime."""
    return _EPOCH + timedelta(microseconds=value)


class UtcMicros(TypeDecorator[datetime]):
    """Aware UTC datetime in Python, microseconds (BIGINT) in the database."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> int | None:
        """Encode; a naive datetime is a bug and raises ValueError."""
        return None if value is None else micros(value)

    def process_result_value(self, value: int | None, dialect: Any) -> datetime | None:
        """Decode."""
        return None if value is None else instant(value)


class LocalDay(TypeDecorator[date]):
    """A group's local calendar day: ``datetime.date`` in Python, ISO text in the database."""

    impl = String(10)
    cache_ok = True

    def process_bind_param(self, value: date | str | None, dialect: Any) -> str | None:
        """Encode."""
        return value.isoformat() if isinstance(value, date) else value

    def process_result_value(self, value: str | None, dialect: Any) -> date | None:
        """Decode."""
        return None if value is None else date.fromisoformat(value)


def pk() -> Any:
    """Autoincrementing 64-bit primary key."""
    return Field(default=None, primary_key=True, sa_type=BigInt, sa_column_kwargs={"autoincrement": True})


def ref(target: str, *, index: bool = True, nullable: bool = False, primary_key: bool = False) -> Any:
    """Foreign key of 64 bits to ``target`` (``table.column``); deleting the target is refused."""
    kwargs: dict[str, Any] = {"default": None} if nullable else {}
    return Field(
        foreign_key=target,
        sa_type=BigInt,
        index=index,
        nullable=nullable,
        primary_key=primary_key,
        ondelete="RESTRICT",
        **kwargs,
    )


def utc(*, nullable: bool = False, index: bool = False, primary_key: bool = False) -> Any:
    """Aware UTC instant."""
    kwargs: dict[str, Any] = {"default": None} if nullable else {}
    return Field(sa_type=UtcMicros, nullable=nullable, index=index, primary_key=primary_key, **kwargs)


def day(*, nullable: bool = False, index: bool = False, primary_key: bool = False) -> Any:
    """Local calendar day."""
    kwargs: dict[str, Any] = {"default": None} if nullable else {}
    return Field(sa_type=LocalDay, nullable=nullable, index=index, primary_key=primary_key, **kwargs)


def document(*, nullable: bool = True) -> Any:
    """A JSON value."""
    return Field(default=None, sa_type=JSON, nullable=nullable)
