"""Who is who: meeting, entering, renaming, leaving; groups, roles, consent, the budget of unasked messages."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func
from sqlmodel import SQLModel, select

from storage import bots, identities
from storage.engine import Database, Session
from storage.groups import Consent, Group, GroupDay, Household, Identity, Member, Person, RoleGrant
from tests.storage.worlds import NOW, a_group, a_member

LATER = NOW + timedelta(days=1)


def count(database: Database, table: type[SQLModel]) -> int:
    return database.read_now(lambda s: s.exec(select(func.count()).select_from(table)).one())


def known(database: Database, who: str = "u1", group: int | None = None) -> identities.Known:
    found = database.read_now(lambda s: identities.known(s, "play", who, group))
    assert found is not None
    return found


# ---------------------------------------------------------------- persons


def test_met_once_and_named_anew(database: Database) -> None:
    first = database.write_now(lambda s: identities.meet(s, "play", "u1", "李阿姨", NOW))
    again = database.write_now(lambda s: identities.meet(s, "play", "u1", "李姐", NOW))
    silent = database.write_now(lambda s: identities.meet(s, "play", "u1", "", NOW))
    assert (first.person_id, first.name) == (again.person_id, "李阿姨")
    assert (again.name, silent.name, known(database).name) == ("李姐", "李姐", "李姐")
    assert (count(database, Person), count(database, Identity)) == (1, 1)


def test_the_same_id_on_another_channel_is_somebody_else(database: Database) -> None:
    one = database.write_now(lambda s: identities.meet(s, "play", "u1", "x", NOW))
    other = database.write_now(lambda s: identities.meet(s, "telegram", "u1", "x", NOW))
    assert one.person_id != other.person_id
    assert database.read_now(lambda s: identities.known(s, "sim", "u1", None)) is None


def test_what_one_look_up_tells(database: Database) -> None:
    li = database.write_now(a_member)

    def change(session: Session) -> None:
        member = session.get_one(Member, li.member_id)
        member.role, member.muted_until = "leader", LATER
        session.add(member)
        identities.seen(session, li.member_id, "2026-12-01")
        identities.grant_consent(session, li.person_id, NOW)

    database.write_now(change)
    found = known(database, group=li.group_id)
    assert (found.person_id, found.member_id, found.account_id) == (li.person_id, li.member_id, li.account_id)
    assert (found.leader, found.left, found.muted_until, found.last_seen) == (True, False, LATER, "2026-12-01")
    assert (found.consented, found.withdrawn) == (True, False)
    elsewhere = known(database, group=li.group_id + 1)
    assert (elsewhere.member_id, elsewhere.member_name, elsewhere.account_id) == (None, "", None)
    assert (elsewhere.leader, elsewhere.left, elsewhere.muted_until, elsewhere.consented) == (False, False, None, True)


def test_renamed_here_and_there(database: Database) -> None:
    li = database.write_now(a_member)

    def rename(session: Session, group: int | None, name: str) -> None:
        person = identities.known(session, "play", "u1", group)
        assert person is not None
        identities.rename(session, person, name)
        assert person.name == name

    database.write_now(lambda s: rename(s, li.group_id, "李姐"))
    assert (known(database, group=li.group_id).name, known(database, group=li.group_id).member_name) == ("李姐", "李姐")
    database.write_now(lambda s: rename(s, None, "老李"))
    assert (known(database, group=li.group_id).name, known(database, group=li.group_id).member_name) == ("老李", "李姐")


def test_the_private_chat_opens_once(database: Database) -> None:
    for _ in range(2):
        database.write_now(lambda s: bots.open_private(s, identities.meet(s, "play", "u1", "李阿姨", NOW), "b1"))
        assert known(database).dm_open
    person = known(database).person_id
    assert database.read_now(lambda s: identities.address(s, person, "play")) == ("u1", "李阿姨", True)
    assert database.read_now(lambda s: identities.address(s, person, "telegram")) is None


def test_roles_over_groups(database: Database) -> None:
    li = database.write_now(a_member)
    assert database.read_now(lambda s: identities.roles(s, li.person_id)) == frozenset()

    def grant(session: Session) -> None:
        for role in ("staff", "admin"):
            session.add(RoleGrant(person_id=li.person_id, role=role, granted_at=NOW))

    database.write_now(grant)
    assert database.read_now(lambda s: identities.roles(s, li.person_id)) == {"staff", "admin"}


# ---------------------------------------------------------------- members


def test_entered_once_and_back_again(database: Database) -> None:
    li = database.write_now(a_member)

    def leave(session: Session) -> None:
        member = session.get_one(Member, li.member_id)
        member.left_at = NOW
        session.add(member)

    database.write_now(leave)
    assert known(database, group=li.group_id).left
    back = database.write_now(lambda s: identities.enter(s, li.group_id, li.person_id, "李姐", LATER))
    silent = database.write_now(lambda s: identities.enter(s, li.group_id, li.person_id, "", LATER))
    assert (back.id, back.left_at, back.name, silent.name) == (li.member_id, None, "李姐", "李姐")
    assert back.joined_at == NOW
    assert known(database, group=li.group_id).account_id == li.account_id, "the points are still there"


def test_one_account_a_member_and_group(database: Database) -> None:
    here = database.write_now(a_member)
    again = database.write_now(a_member)
    there = database.write_now(lambda s: a_member(s, "u1", "g2"))
    assert here == again
    assert (here.person_id, here.account_id) != (there.person_id, there.account_id)
    assert here.person_id == there.person_id
    assert count(database, Household) == 2


def test_leaders_in_the_order_of_their_coming(database: Database) -> None:
    people = [database.write_now(lambda s, who=who: a_member(s, who)) for who in ("u1", "u2", "u3", "u4")]  # type: ignore[misc]

    def lead(session: Session) -> None:
        for one in people[1:]:
            member = session.get_one(Member, one.member_id)
            member.role = "leader"
            member.left_at = NOW if one is people[2] else None
            session.add(member)

    database.write_now(lead)
    found = database.read_now(lambda s: identities.leaders(s, people[0].group_id))
    assert found == [people[1].person_id, people[3].person_id]


# ---------------------------------------------------------------- groups


def test_a_group_is_found_by_its_chat(database: Database) -> None:
    group = database.write_now(a_group)
    by_chat = database.read_now(lambda s: identities.group_row(s, "play", "", "g1"))
    by_id = database.read_now(lambda s: identities.group_row_by_id(s, group))
    assert by_chat == by_id is not None
    assert by_chat is not None
    assert by_chat[:6] == (group, "play", "", "g1", "g1", "Asia/Shanghai")
    others = [("play", "bot2", "g1"), ("telegram", "", "g1"), ("play", "", "g2")]
    for other in others:
        assert database.read_now(lambda s, o=other: identities.group_row(s, *o)) is None  # type: ignore[misc]


@pytest.mark.parametrize(
    ("value", "expected"),
    [('{"a": 1}', {"a": 1}), ({"a": 1}, {"a": 1}), ("[1]", {}), ("null", {}), (None, {}), (3, {})],
)
def test_json_columns_of_both_databases(value: object, expected: dict[str, Any]) -> None:
    assert identities.as_json(value) == expected


def test_which_group_a_private_chat_is_about(database: Database) -> None:
    nowhere = database.write_now(lambda s: identities.meet(s, "play", "u9", "x", NOW))
    assert database.read_now(lambda s: identities.current_group(s, nowhere.person_id, "play")) is None
    first = database.write_now(a_member)
    second = database.write_now(lambda s: a_member(s, "u1", "g2"))

    def current() -> object:
        row = database.read_now(lambda s: identities.current_group(s, first.person_id, "play"))
        return None if row is None else row[3]

    def change(table: type[SQLModel], key: int, **fields: object) -> None:
        def work(session: Session) -> None:
            row = session.get_one(table, key)
            for name, value in fields.items():
                setattr(row, name, value)
            session.add(row)

        database.write_now(work)

    assert current() == "g2", "the one joined last"
    change(Person, first.person_id, current_group_id=first.group_id)
    assert current() == "g1", "the chosen one"
    change(Member, first.member_id, left_at=NOW)
    assert current() == "g2", "a group that one left is not it any more"
    change(Group, second.group_id, state="removed")
    assert current() is None
    assert database.read_now(lambda s: identities.current_group(s, first.person_id, "telegram")) is None
    assert database.read_now(lambda s: identities.memberships(s, first.person_id)) == []
    change(Member, first.member_id, left_at=None)
    ((member, group),) = database.read_now(lambda s: identities.memberships(s, first.person_id))
    assert (member.id, group.external_id) == (first.member_id, "g1")


def test_the_day_s_budget(database: Database) -> None:
    group = database.write_now(a_group)

    def spend(day: str, budget: int) -> bool:
        return database.write_now(lambda s: identities.spend_unasked(s, group, day, budget))

    assert [spend("2026-12-01", 2) for _ in range(3)] == [True, True, False]
    assert spend("2026-12-02", 2)
    assert spend("2026-12-01", 3), "a larger budget has room again"
    assert not spend("2026-12-03", 0)
    assert count(database, GroupDay) == 2


# ---------------------------------------------------------------- consent


def test_consent_is_given_withdrawn_and_given_again(database: Database) -> None:
    person = database.write_now(a_member).person_id
    assert not database.write_now(lambda s: identities.withdraw_consent(s, person, NOW))
    database.write_now(lambda s: identities.grant_consent(s, person, NOW))
    assert (known(database).consented, known(database).withdrawn) == (True, False)
    assert database.write_now(lambda s: identities.withdraw_consent(s, person, NOW))
    assert not database.write_now(lambda s: identities.withdraw_consent(s, person, LATER))
    assert (known(database).consented, known(database).withdrawn) == (False, True)
    database.write_now(lambda s: identities.grant_consent(s, person, LATER))
    kept = database.read_now(lambda s: s.get_one(Consent, person))
    assert (kept.granted_at, kept.withdrawn_at, kept.notice_version) == (LATER, None, identities.NOTICE_VERSION)
