"""Keys of groups: one that opens, unlike any other's, and what becomes of it when it is renewed."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy.exc import IntegrityError

from storage import group_keys
from storage.engine import Database, Session
from storage.group_keys import GroupKey, Opens
from storage.groups import Group
from tests.console.doors import NOW


def two(session: Session) -> None:
    for number in (1, 2):
        session.add(Group(channel="wecom", external_id=f"wr{number}", name="阳光花园", created_at=NOW))


def test_a_key_is_one_groups_until_it_is_renewed(database: Database) -> None:
    database.write_now(two)
    first, again, other = (
        database.write_now(lambda s, group=group: group_keys.current(s, group, NOW))  # type: ignore[misc]
        for group in (1, 1, 2)
    )
    assert first == again != other and len(first) == 22
    assert database.read_now(lambda s: group_keys.find(s, first)) == Opens(1, ended=False)
    renewed = database.write_now(lambda s: group_keys.renew(s, 1, NOW + timedelta(days=1)))
    assert renewed not in (first, other)
    assert database.read_now(lambda s: group_keys.find(s, first)) == Opens(1, ended=True)
    assert database.write_now(lambda s: group_keys.current(s, 1, NOW)) == renewed
    third = database.write_now(lambda s: group_keys.renew(s, 1, NOW + timedelta(days=2)))
    assert database.read_now(lambda s: group_keys.all_of(s, 1)) == [third, renewed, first]
    assert database.read_now(lambda s: group_keys.find(s, other)) == Opens(2, ended=False), "others keep theirs"
    for wrong in ("", "1", first[:-1], f"{first} ", "密" * 22):
        assert database.read_now(lambda s, wrong=wrong: group_keys.find(s, wrong)) is None  # type: ignore[misc]


def test_no_group_has_two_that_open(database: Database) -> None:
    database.write_now(two)
    database.write_now(lambda s: group_keys.current(s, 1, NOW))
    with pytest.raises(IntegrityError):
        database.write_now(lambda s: s.add(GroupKey(key="x" * 22, group_id=1, made_at=NOW)))
