"""What pages ask with conditions written out for an index is understood by PostgreSQL too, and finds the same."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from console.pages.groups import board_of
from engagement.faq import waiting as questions
from engagement.feature import GroupView
from engagement.leader import glance
from engagement.members import service as members
from engagement.moderation import docket
from engagement.moderation import service as moderation
from engagement.moderation import waiting as cases
from engagement.registry import FEATURES
from engagement.topic import service as topics
from scheduler import board, campaigns, letters
from scheduler.foresight import foresee_day
from storage import audit, migrate
from storage.campaigns import Campaign, Delivery
from storage.engine import Database, DatabaseSettings, Session, open_database
from storage.groups import Group
from tests.console.doors import NOW, people

JOBS = [job for feature in FEATURES for job in feature.jobs]


@pytest.fixture
def database(tmp_path: Path, postgres_url: str) -> Iterator[Database]:
    found = open_database(tmp_path, DatabaseSettings(url=SecretStr(postgres_url)))
    migrate.upgrade(found)
    found.write_now(people)
    found.write_now(pushed)
    yield found
    found.close()


def pushed(session: Session) -> None:
    """One that waits, one that went out, one of which nobody knows; and two acts."""
    row = Campaign(key="topic", kind="topic", created_at=NOW)
    session.add(row)
    session.flush()
    for back, state in enumerate(("pending", "sent", "unknown")):
        session.add(
            Delivery(
                campaign_id=row.id or 0,
                group_id=1,
                local_date=NOW.date() - timedelta(days=back),
                shard="x",
                state=state,
                due_at=NOW - timedelta(hours=1),
                expires_at=NOW + timedelta(hours=3),
                sent_at=NOW - timedelta(seconds=20) if state == "sent" else None,
            )
        )
    for action in ("points.given", "group.viewed"):
        audit.record(session, at=NOW, actor_id=1, group_id=1, action=action)


def test_pages_ask_postgresql(database: Database) -> None:
    def read(session: Session) -> None:
        assert [one.counts for one in board.recent(session, NOW)] == [{"pending": 1, "sent": 1, "unknown": 1}]
        assert sum(board.per_minute(session, NOW)) == 1
        assert campaigns.progress(session, JOBS, {"telegram": 27.0}, NOW).ready == 1
        assert [one.state for one in letters.letters(session, NOW - timedelta(days=2))] == ["unknown"]
        assert audit.actions(session) == ["group.viewed", "points.given"]
        for scope in (None, [1]):
            assert questions.waiting(session, scope) == []
            assert cases.waiting(session, scope, NOW) == []
            assert all(docket.cases(session, scope, tab, NOW) == ([], 0) for tab in docket.TABS)
        assert questions.counts(session) == {}
        assert moderation.all_warnings(session, [1], NOW) == {}
        group = session.get_one(Group, 1)
        assert glance.days(session, [GroupView.of(group)], NOW)[1].newcomers == 1
        assert board_of(session, group, NOW).unknown == 1
        assert ("members.purpose_member", "2") in members.kept(session, FEATURES, 1)

    database.read_now(read)
    database.write_now(lambda session: topics.forget_old(session, NOW))
    assert foresee_day(database, JOBS, NOW.date() + timedelta(days=1), NOW, 1).pushes
