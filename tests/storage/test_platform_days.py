"""An owner's days read group by group, on both databases."""

from __future__ import annotations

from datetime import date, timedelta

from storage import mass_sends, platform_days
from storage.customer_groups import CustomerGroup
from storage.engine import Database, Session
from storage.groups import Group
from storage.platform_days import PlatformDay
from tests.storage.worlds import NOW

TODAY = date(2026, 9, 1)


def test_days_of_groups(database: Database) -> None:
    def make(session: Session) -> list[int]:
        made = []
        for chat, owner in (("wr1", "zhou"), ("wr2", "qian"), ("wr3", ""), ("tg", None)):
            group = Group(channel="wecom", account="ww", external_id=chat, created_at=NOW)
            session.add(group)
            session.flush()
            made.append(group.id or 0)
            if owner is not None:
                session.add(CustomerGroup(channel="wecom", account="ww", conversation=chat, owner=owner, stale=0))
        for number, total in enumerate((5, 7)):
            mass_sends.put_figures(
                session,
                channel="wecom",
                account="ww",
                owner="zhou",
                local_date=TODAY + timedelta(days=number),
                figures={"msg_total": total, "member_has_msg": 3, "member_total": 9, "chat_total": number + 1},
            )
        return made

    one, two, three, other = database.write_now(make)
    read = database.read_now(lambda s: platform_days.of_groups(s, [one, two, three, other], TODAY, TODAY))
    assert read == {one: {TODAY: PlatformDay(5, 3, 9, 1)}, two: {}, three: {}}
    later = database.read_now(lambda s: platform_days.of_groups(s, [one], TODAY, TODAY + timedelta(days=9)))
    assert [(day.messages, day.of_one) for day in later[one].values()] == [(5, True), (7, False)]
    assert database.read_now(lambda s: platform_days.of_groups(s, [], TODAY, TODAY)) == {}
