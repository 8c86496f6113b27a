"""Numbered choices in rows, on SQLite and on PostgreSQL: the last ones count, and they end."""

from __future__ import annotations

from datetime import timedelta

from storage import offers
from storage.engine import Database
from tests.storage.worlds import NOW


def test_the_last_choices_count_for_their_person(database: Database) -> None:
    def offer(who: str, *keys: str, later: int = 0) -> None:
        at = NOW + timedelta(hours=later)
        database.write_now(lambda s: offers.put(s, "wechat", who, keys, at))

    def known(who: str, channel: str = "wechat") -> tuple[str, ...]:
        found = database.read_now(lambda s: offers.get(s, channel, who))
        return () if found is None else found[0]

    offer("o-li", "vote:1", "vote:2")
    offer("o-li", "参加:1", later=1)
    offer("o-wang", "x:1")
    assert known("o-li") == ("参加:1",) and known("o-wang") == ("x:1",)
    assert known("o-nobody") == () and known("o-li", "telegram") == ()
    assert database.read_now(lambda s: offers.get(s, "wechat", "o-li")) == (("参加:1",), NOW + timedelta(hours=1))
    offer("o-wang")
    offer("o-wang")
    assert known("o-wang") == () and known("o-li") == ("参加:1",)
    database.write_now(lambda s: offers.prune(s, NOW + timedelta(hours=1)))
    assert known("o-li") == ("参加:1",), "before, exclusive"
    database.write_now(lambda s: offers.prune(s, NOW + timedelta(hours=2)))
    assert known("o-li") == ()
