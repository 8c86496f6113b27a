"""What every slice must do with personal data: the export shows them, the erasure removes them.

Only :data:`~tests.engagement.uses.USES` has to learn how they come into being.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlmodel import SQLModel
from sqlmodel import select as pick

from engagement.feature import PersonalData
from engagement.kernel import Kind
from engagement.registry import FEATURES
from prompts.loader import texts
from storage.inbox import Inbox
from tests.engagement.stage import Stage, keys, open_stage
from tests.engagement.uses import CANARY, KEPT, NOT_PERSONAL, USES

pytestmark = pytest.mark.untraced

PLUMBING = ("inbox", "outbox", "sent_message")
DATA = [data for feature in FEATURES for data in feature.personal_data]
OF_DATA = pytest.mark.parametrize("data", DATA, ids=lambda data: data.table)


def test_every_table_that_points_at_a_person_is_declared() -> None:
    declared = {data.table for data in DATA}
    pointing = {
        table.name
        for table in SQLModel.metadata.sorted_tables
        for column in table.columns
        if any(
            key.target_fullname in ("person.id", "member.id", "account.id", "household.id")
            for key in column.foreign_keys
        )
        or column.name in ("actor_id", "person_id", "member_id")
    }
    assert pointing - declared - NOT_PERSONAL.keys() == set()
    assert declared == USES.keys(), "say in USES how the data come into being"


def contents(stage: Stage, without: tuple[str, ...] = PLUMBING) -> dict[str, list[Any]]:
    """Every row of every table."""
    return stage.database.read_now(
        lambda s: {
            table.name: [tuple(row) for row in s.execute(select(table))]
            for table in SQLModel.metadata.sorted_tables
            if table.name not in without
        }
    )


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    """A group with a leader and a resident who has used the bot."""
    opened = open_stage(tmp_path, FEATURES, "2026-12-01T09:00")
    opened.say("李阿姨", "签到")
    opened.say("周团长", "签到")
    return opened


@pytest.fixture
def canary(stage: Stage) -> Stage:
    stage.say(CANARY, "签到")
    return stage


def exported(stage: Stage) -> dict[str, Any]:
    (copy,) = stage.say(CANARY, "导出", private=True)
    assert copy.document is not None
    found: dict[str, Any] = json.loads(copy.document.text)
    return found


def erase(stage: Stage) -> None:
    (sure,) = stage.say(CANARY, "删除我的数据")
    first, *others = keys(stage.say(CANARY, "", button=sure.buttons[0].key))
    # Whoever was bound hears of it in his other chats too.
    assert (first, set(others) - {"members.erased_told"}) == ("members.erased", set())


@OF_DATA
def test_the_export_shows_what_the_feature_put_there(canary: Stage, data: PersonalData) -> None:
    use, expected = USES[data.table]
    use(canary)
    found = exported(canary)
    if expected:
        assert expected in json.dumps(found.get(data.table), ensure_ascii=False)
    others = [name for name in ("李阿姨",) if name in json.dumps(found, ensure_ascii=False)]
    assert not others, "somebody else's data"


@OF_DATA
def test_the_erasure_removes_it(canary: Stage, data: PersonalData) -> None:
    USES[data.table][0](canary)
    person = canary.person(CANARY)
    table = SQLModel.metadata.tables[data.table]
    assert canary.database.read_now(lambda s: s.execute(select(func.count()).select_from(table)).scalar_one())
    erase(canary)
    left = [rows for rows in contents(canary, without=("outbox",))[data.table] if CANARY in str(rows)]
    assert not left
    rows = canary.database.read_now(lambda s: list(data.export(s, person)))
    assert (rows == []) is (data.table not in KEPT), rows
    assert CANARY not in json.dumps(rows, ensure_ascii=False, default=str)


def test_after_an_erasure_the_name_and_the_words_stand_nowhere(canary: Stage) -> None:
    """Everything is used, then erased; no table holds a word of it, the ledger's sums still agree."""
    from storage import audit, ledger

    for use, _ in USES.values():
        use(canary)
    assert any(CANARY in str(rows) for rows in contents(canary).values())
    erase(canary)
    # In private the address of a chat is the person's; it stands with the message until both are pruned.
    where = {name: rows for name, rows in contents(canary, without=("outbox", "inbox")).items() if CANARY in str(rows)}
    assert not where
    assert not [body for body in canary.database.read_now(lambda s: s.exec(pick(Inbox.body)).all()) if CANARY in body]
    assert canary.database.read_now(ledger.check).wrong_balances == 0
    assert canary.database.read_now(audit.broken_links)[1] is None
    (back,) = canary.say(CANARY, "积分")
    assert back.values["balance"] == 0, "who comes back begins anew"
    assert back.tails[-1:] == ("members.notice_short",)


def test_my_data_counts_what_is_kept(canary: Stage) -> None:
    for use, _ in USES.values():
        use(canary)
    mine = [m for m in canary.say(CANARY, "我的数据", private=True) if m.kind is not Kind.REACTION]
    purposes = {row["purpose"] for row in mine[0].values["rows"]}  # type: ignore[attr-defined]
    assert purposes == {texts().raw(data.purpose) for data in DATA if USES[data.table][1]}
