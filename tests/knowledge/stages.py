"""Documents at every stage, for the tests of what becomes of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import col, select

from knowledge import ingest, lifecycle, requests
from knowledge.answering import Answering
from knowledge.errors import KnowledgeRefusal
from knowledge.lifecycle import Hand
from storage.audit import AuditRow
from storage.engine import Database, Session
from storage.groups import Person, RoleGrant
from tests.knowledge.conftest import NOW

Add = Callable[..., ingest.Added]
OLD = {"id": "refund", "question": "退款多久到账？", "answer": "三天内。"}
NEW = {**OLD, "answer": "五天内。"}


def refused(act: Callable[[], object]) -> str:
    with pytest.raises(KnowledgeRefusal) as refusal:
        act()
    return refusal.value.key


def staff(database: Database, count: int) -> list[Hand]:
    def make(session: Session) -> list[Hand]:
        hands = []
        for at in range(count):
            person = Person(created_at=NOW)
            session.add(person)
            session.flush()
            assert person.id is not None
            session.add(RoleGrant(person_id=person.id, role="staff" if at else "admin", granted_at=NOW))
            hands.append(Hand(f"运营{at}", person.id))
        session.flush()
        return hands

    return database.write_now(make)


def acts(database: Database) -> list[str]:
    return database.read_now(
        lambda session: [one.action for one in session.exec(select(AuditRow).order_by(col(AuditRow.id)))]
    )


def stages(database: Database, identity: int) -> list[str]:
    return database.read_now(lambda session: [one.stage for one in lifecycle.versions(session, identity)])


def take(database: Database, tmp_path: Path, rows: list[dict[str, Any]], hand: Hand, **more: Any) -> ingest.Added:
    path = tmp_path / "faq.jsonl"
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    return ingest.add(database, path, now=NOW, hand=hand, **more)


def request(answering: Answering, action: str, **arguments: Any) -> dict[str, Any]:
    import asyncio

    return asyncio.run(requests.handle(answering, {"action": action, **arguments}, NOW))
