"""Alembic's entry: runs on the connection that :mod:`storage.migrate` passes."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context
from sqlmodel import SQLModel
from sqlmodel.sql.sqltypes import AutoString

from storage import (  # noqa: F401  (tables register on import)
    actions,
    audit,
    campaigns,
    columns,
    customer_groups,
    documents,
    entry,
    group_keys,
    groups,
    inbox,
    learning,
    leases,
    ledger,
    lots,
    mass_sends,
    nonces,
    offers,
    outbox,
    preferences,
    send_counts,
    weeks,
    wordings,
)

connection = context.config.attributes["connection"]


def _render(kind: str, item: Any, _autogen: object) -> str | Literal[False]:
    if kind == "type" and isinstance(item, columns.UtcMicros):
        return "sa.BigInteger()"
    if kind == "type" and isinstance(item, columns.LocalDay):
        return "sa.String(10)"
    if kind == "type" and isinstance(item, AutoString):
        return f"sa.String({item.length})" if item.length else "sa.String()"
    return False


context.configure(
    connection=connection,
    target_metadata=SQLModel.metadata,
    render_as_batch=False,
    compare_type=False,
    render_item=_render,
    version_table_pk=True,
)
with context.begin_transaction():
    context.run_migrations()
