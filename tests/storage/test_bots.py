"""Several bot accounts of one channel, on both databases: who serves a chat, whom a person started, where a chat was before."""

from __future__ import annotations

import pytest
from sqlmodel import select

from storage import bots, identities, outbox
from storage.engine import Database
from storage.groups import Group
from tests.storage.worlds import NOW


def add(database: Database, account: str, chat: str, state: str = "active", **marks: object) -> int:
    def work(session: object) -> int:
        group = Group(
            channel="telegram",
            account=account,
            external_id=chat,
            state=state,
            settings={"checkin": {"base": 2}, "groups": marks},
            created_at=NOW,
        )
        session.add(group)  # type: ignore[attr-defined]
        session.flush()  # type: ignore[attr-defined]
        assert group.id is not None
        return group.id

    return database.write_now(work)


def test_who_else_serves_a_chat(database: Database) -> None:
    gone, here = add(database, "1", "-5", "removed"), add(database, "2", "-5")

    def elsewhere(account: str, chat: str = "-5") -> tuple[int, str] | None:
        return database.read_now(lambda s: bots.elsewhere(s, "telegram", account, chat))

    assert (elsewhere("3"), elsewhere("2"), elsewhere("1")) == ((here, "2"), (gone, ""), (here, "2"))
    assert elsewhere("1", "-6") is None


def test_where_a_chat_was_before(database: Database) -> None:
    add(database, "1", "-100", **{bots.WAS: "-77"})
    moved = add(database, "1", "-200", **{bots.WAS: "-7"})
    add(database, "1", "-300", note='"was": "-9"')

    def before(chat: str, account: str = "1") -> int | None:
        return database.read_now(lambda s: bots.moved_from(s, "telegram", account, chat))

    assert before("-7") == moved
    assert (before("-7", "2"), before("7"), before("-9"), before("-_"), before("%")) == (None,) * 5


def test_whom_a_person_started(database: Database) -> None:
    def bot() -> str:
        return database.read_now(lambda s: bots.bot_of(s, "telegram", "7"))

    assert bot() == ""
    li = database.write_now(lambda s: identities.meet(s, "telegram", "7", "李阿姨", NOW))
    assert (bot(), li.account, li.dm_open) == ("", "", False)
    for account in ("1", "2", "2"):
        database.write_now(lambda s, a=account: bots.open_private(s, identities.meet(s, "telegram", "7", "", NOW), a))  # type: ignore[misc]
    assert bot() == "2"
    for account, is_open in (("1", True), ("2", False)):
        database.write_now(lambda s, a=account: bots.close_private(s, identities.meet(s, "telegram", "7", "", NOW), a))  # type: ignore[misc]
        assert database.read_now(lambda s: identities.meet(s, "telegram", "7", "", NOW)).dm_open is is_open


def test_what_was_said_is_handed_over(database: Database) -> None:
    for account, chat in (("1", "-5"), ("1", "-6")):
        database.write_now(
            lambda s, a=account, c=chat: outbox.remember(  # type: ignore[misc]
                s, channel="telegram", account=a, conversation=c, provider_id="9", subject="topic:1", sent_at=NOW
            )
        )
    database.write_now(lambda s: bots.hand_over(s, "telegram", "1", "2", "-5"))
    rows = database.read_now(
        lambda s: s.exec(select(outbox.SentMessage.account, outbox.SentMessage.conversation)).all()
    )
    assert sorted(rows) == [("1", "-6"), ("2", "-5")]


@pytest.mark.parametrize("unknown", ["", "8"])
def test_nobody_is_known(database: Database, unknown: str) -> None:
    assert database.read_now(lambda s: bots.bot_of(s, "telegram", unknown)) == ""
