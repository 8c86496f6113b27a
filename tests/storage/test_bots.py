"""Several bot accounts of one channel, on both databases: who serves a chat, whom a person started, where a chat was before."""

from __future__ import annotations

import pytest
from sqlmodel import col, select

from storage import bots, identities, outbox
from storage.engine import Database
from storage.groups import Group, Identity
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


def test_a_chat_that_closes_by_itself_is_the_last_choice(database: Database) -> None:
    """One person on three channels, the Official Account first: he is told there only while no other chat is open."""
    person = database.write_now(lambda s: identities.meet(s, "wechat", "o-li", "李阿姨", NOW)).person_id

    def also(channel: str) -> None:
        row = Identity(person_id=person, channel=channel, external_id=f"{channel}-li", name="李阿姨")
        database.write_now(lambda s: s.add(row))

    def reached(channel: str) -> tuple[str, bool] | None:
        found = database.read_now(lambda s: bots.reach(s, person, channel))
        return None if found is None else (found.channel, found.is_open)

    def write_to(channel: str, who: str, *, shut: bool = False) -> None:
        act = bots.close_private if shut else bots.open_private
        database.write_now(lambda s: act(s, identities.meet(s, channel, who, "", NOW), "1"))

    def told() -> bool:
        """Whether a query over persons finds him."""
        found = select(Identity.person_id).where(bots.can_be_told(col(Identity.person_id))).distinct()
        return database.read_now(lambda s: list(s.exec(found))) == [person]

    also("telegram")
    also("wecom_bot")
    assert (reached("wecom"), told()) == (None, False)
    assert reached("wechat") == ("wechat", False), "who has written nowhere is tried where he is known"
    write_to("wechat", "o-li")
    assert (reached("wecom"), told()) == (("wechat", True), True)
    write_to("telegram", "telegram-li")
    assert [reached(one) for one in ("wecom", "wechat", "telegram")] == [("telegram", True)] * 3
    write_to("wecom_bot", "wecom_bot-li")
    assert [reached(one) for one in ("wecom_bot", "telegram")] == [("wecom_bot", True), ("telegram", True)]
    for channel in ("telegram", "wecom_bot"):
        write_to(channel, f"{channel}-li", shut=True)
    assert reached("telegram") == ("wechat", True)
    write_to("wechat", "o-li", shut=True)
    assert (reached("wechat"), told()) == (("wechat", False), False)


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
