"""What leaders were asked, on both databases: once a day, changed only by who has seen it as it is."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from storage import confirmations, customer_groups, mass_sends
from storage.engine import Database, Session
from storage.groups import Group
from tests.storage.worlds import NOW

TODAY = date(2026, 9, 1)
WHERE: dict[str, Any] = {"channel": "wecom", "account": "ww", "conversation": "wr1"}


def begin(session: Session, day: date = TODAY) -> bool:
    return mass_sends.begin(session, leader="leader", parts=("a", "b"), now=NOW, local_date=day, **WHERE)


def found(database: Database) -> mass_sends.Asked:
    row = database.read_now(lambda session: mass_sends.find(session, local_date=TODAY, **WHERE))
    assert row is not None
    return row


def test_once_a_day(database: Database) -> None:
    assert [database.write_now(begin) for _ in range(2)] == [True, False]
    row = found(database)
    assert (row.state, row.parts, row.reminders, row.asked_at) == ("making", ("a", "b"), 0, NOW)


def test_who_saw_it_otherwise_changes_nothing(database: Database) -> None:
    database.write_now(begin)
    row = found(database)
    later = NOW + timedelta(minutes=1)
    assert database.write_now(lambda s: mass_sends.move(s, row, "awaiting", later, provider_id="m1"))
    assert not database.write_now(lambda s: mass_sends.move(s, row, "unknown", later))
    assert [
        one.provider_id for one in database.read_now(lambda s: mass_sends.open_rows(s, channel="wecom", account="ww"))
    ] == ["m1"]


def test_what_a_month_has_had(database: Database) -> None:
    for day in (TODAY, TODAY + timedelta(days=1), TODAY + timedelta(days=40)):
        database.write_now(lambda s, day=day: begin(s, day))  # type: ignore[misc]
    row = found(database)
    month: dict[str, Any] = {"first": TODAY, "last": date(2026, 9, 30)}
    assert database.read_now(lambda s: mass_sends.count(s, **month, **WHERE)) == 2
    database.write_now(lambda s: mass_sends.move(s, row, "recalled", NOW, why="not_confirmed"))
    assert database.read_now(lambda s: mass_sends.count(s, **month, **WHERE)) == 1


def test_a_later_count_of_a_day_replaces(database: Database) -> None:
    for total in (5, 9):
        database.write_now(
            lambda s, total=total: mass_sends.put_figures(  # type: ignore[misc]
                s, channel="wecom", account="ww", owner="leader", local_date=TODAY, figures={"msg_total": total}
            )
        )
    row = database.read_now(lambda s: s.get_one(mass_sends.OwnerDay, ("wecom", "ww", "leader", TODAY)))
    assert row.figures == {"msg_total": 9}
    database.write_now(lambda s: mass_sends.prune(s, TODAY + timedelta(days=1)))
    assert database.read_now(lambda s: mass_sends.last_figures(s, channel="wecom", account="ww")) == {}


def test_what_waits_and_what_is_in_doubt_is_looked_after(database: Database) -> None:
    """And a row of yesterday is found from today."""
    database.write_now(begin)
    where = {name: value for name, value in WHERE.items() if name != "conversation"}

    def states() -> list[str]:
        return [one.state for one in database.read_now(lambda s: mass_sends.open_rows(s, **where))]

    assert states() == ["making"]
    database.write_now(lambda s: mass_sends.move(s, found(database), "unknown", NOW + timedelta(minutes=1)))
    assert states() == ["unknown"]
    database.write_now(lambda s: mass_sends.seen(s, found(database).id, NOW + timedelta(hours=1)))
    row = found(database)
    assert (row.seen_at, row.changed_at) == (NOW + timedelta(hours=1), NOW + timedelta(minutes=1))
    tomorrow = TODAY + timedelta(days=1)
    before = database.read_now(lambda s: mass_sends.last(s, local_date=tomorrow, **WHERE))
    assert before is not None
    assert (before.id, before.local_date) == (row.id, TODAY)
    assert database.read_now(lambda s: mass_sends.last(s, local_date=TODAY, **WHERE)) is None
    database.write_now(lambda s: mass_sends.prune(s, TODAY))
    assert states() == ["unknown"]
    database.write_now(lambda s: mass_sends.prune(s, tomorrow))
    assert states() == []


def test_groups_as_they_were_looked_at(database: Database) -> None:
    where = ("wecom", "ww")
    database.write_now(lambda s: customer_groups.add(s, *where, ["wr1", "wr2", "wr2"]))
    assert database.read_now(lambda s: customer_groups.known(s, *where, "wr9")) is None

    def wanted(before: datetime = NOW) -> list[str]:
        found = database.read_now(lambda s: customer_groups.to_look_at(s, *where, before, 10))
        return [one.conversation for one in found]

    assert wanted() == ["wr1", "wr2"]
    database.write_now(lambda s: customer_groups.looked(s, *where, "wr1", "leader", 1, NOW))
    assert wanted() == ["wr2"]
    assert wanted(NOW + timedelta(seconds=1)) == ["wr2", "wr1"]
    # A mark that comes while a group is being read is not wiped away by the reading.
    before = database.read_now(lambda s: customer_groups.marks(s, *where, "wr1"))
    database.write_now(lambda s: customer_groups.mark(s, *where, "wr1"))
    database.write_now(lambda s: customer_groups.looked(s, *where, "wr1", "leader", before, NOW))
    assert wanted() == ["wr2", "wr1"]
    database.write_now(lambda s: customer_groups.looked(s, *where, "wr1", "leader", before + 1, NOW))
    assert wanted() == ["wr2"]
    database.write_now(lambda s: customer_groups.mark(s, *where, "wr1"))
    database.write_now(lambda s: customer_groups.mark(s, *where, "wr3"))
    assert sorted(wanted()) == ["wr1", "wr2", "wr3"]
    known = database.read_now(lambda s: customer_groups.known(s, *where, "wr1"))
    assert known == customer_groups.Known("wr1", "leader", 1, NOW)
    assert database.read_now(lambda s: customer_groups.owners(s, *where)) == ["leader"]
    database.write_now(lambda s: customer_groups.forget(s, *where, "wr3"))
    assert database.read_now(lambda s: customer_groups.conversations(s, *where)) == {"wr1", "wr2"}
    assert database.read_now(lambda s: customer_groups.conversations(s, "wecom", "another")) == set()


def test_the_last_day_of_each_owner(database: Database) -> None:
    for owner, days in (("leader", 3), ("staff", 1)):
        for number in range(days):
            database.write_now(
                lambda s, owner=owner, day=TODAY + timedelta(days=number): mass_sends.put_figures(  # type: ignore[misc]
                    s, channel="wecom", account="ww", owner=owner, local_date=day, figures={"msg_total": 1}
                )
            )
    last = database.read_now(lambda s: mass_sends.last_figures(s, channel="wecom", account="ww"))
    assert last == {"leader": TODAY + timedelta(days=2), "staff": TODAY}


def test_who_is_waited_for(database: Database) -> None:
    def make(session: Session) -> None:
        session.add(Group(channel="wecom", account="ww", external_id="wr1", name="阳光花园", created_at=NOW))
        for number in range(3):
            begin(session, TODAY - timedelta(days=number))
        for number in (1, 2):
            row = mass_sends.last(session, local_date=TODAY - timedelta(days=number - 1), **WHERE)
            assert row is not None
            mass_sends.move(session, row, "sent", NOW)

    database.write_now(make)
    first, last = date(2026, 8, 1), date(2026, 9, 30)
    rows, total = database.read_now(lambda s: confirmations.waiting(s, first, last, 5))
    assert [(one.group, one.leader, one.state, one.had) for one in rows] == [("阳光花园", "leader", "making", 3)]
    assert (total, rows[0].asked_at, rows[0].local_date) == (1, NOW, TODAY)
    rows, _ = database.read_now(lambda s: confirmations.waiting(s, TODAY, last, 5))
    assert [one.had for one in rows] == [1]


def test_a_no_is_written_down_once(database: Database) -> None:
    def decline() -> str:
        return database.write_now(lambda s: mass_sends.decline(s, leader="leader", local_date=TODAY, now=NOW, **WHERE))

    assert [decline(), decline()] == ["", "recalled"]
    row = found(database)
    assert (row.state, row.reason, row.parts) == ("recalled", "declined", ())
