"""帮忙解绑: the staff take apart for a neighbour who has no account in hand any more, and can take that back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import col, select

from engagement.kernel import Outgoing
from engagement.registry import FEATURES
from storage import identities
from storage.audit import AuditRow
from storage.bonds import Bond
from storage.engine import Session
from storage.groups import RoleGrant
from tests.engagement.bonds.neighbours import (
    MINE,
    THERE,
    balance,
    bind,
    identities_of,
    member,
    on_another_channel,
    part,
    post,
    sound,
)
from tests.engagement.stage import Stage, keys, open_stage, placeholders_match

LEADER, STAFF, COLLEAGUE = "周团长", "王运营", "李运营"


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """小满 and 满满 are in the group, 满满 by the Official Account; 王运营 is of the staff, and in it too."""
    opened = ready(tmp_path)
    yield opened
    opened.database.close()


def ready(folder: Path) -> Stage:
    opened = open_stage(folder, FEATURES, "2026-12-01T09:00")
    for who in (MINE, THERE, LEADER, STAFF):
        opened.say(who, "签到")
    hire(opened, STAFF)
    on_another_channel(opened, THERE)
    return opened


def hire(stage: Stage, who: str) -> None:
    """Somebody is of the staff from now on."""

    def grant(session: Session) -> None:
        person = identities.meet(session, "play", who, who, stage.clock.now()).person_id
        session.add(RoleGrant(person_id=person, role="staff", granted_at=stage.clock.now()))

    stage.database.write_now(grant)


def private(stage: Stage, text: str = "", *, button: str = "", who: str = STAFF) -> list[Outgoing]:
    return stage.say(who, text, button=button, private=True)


def help_apart(stage: Stage) -> tuple[Outgoing, list[Outgoing]]:
    """The staff ask, look and confirm; returns the answer and what others are told."""
    (listed,) = private(stage, f"帮忙解绑 {MINE}")
    assert listed.key == "bonds.for_list", listed.key
    (sure,) = private(stage, button=listed.buttons[0].key)
    assert sure.key == "bonds.for_sure", sure.key
    done, *told = private(stage, button=sure.buttons[0].key)
    assert done.key == "bonds.for_parted", done.key
    assert done.values["points"] == sure.values["points"]
    return done, told


def standing(stage: Stage) -> Any:
    rows = [member(stage, name) for name in (MINE, THERE)]
    accounts = [(row.person_id, row.account_id, row.left_at, row.bonded_to, row.muted_until) for row in rows]
    return accounts, identities_of(stage), [balance(stage, name) for name in (MINE, THERE)]


def test_it_is_taken_apart_and_everybody_hears(stage: Stage) -> None:
    """Nothing before the confirmation; then each is as he was, both private chats hear of it, and it stands on record."""
    was = standing(stage)
    bind(stage)
    stage.say(MINE, "积分", private=True)
    one = standing(stage)
    (listed,) = private(stage, f"帮忙解绑 {MINE}")
    private(stage, button=listed.buttons[0].key)
    assert standing(stage) == one
    _done, told = help_apart(stage)
    assert standing(stage) == was
    assert {(said.key, said.channel, said.to) for said in told} == {
        ("bonds.for_told_stayed", "play", MINE),
        ("bonds.for_told_went", "wechat", THERE),
    }
    trail = stage.database.read_now(
        lambda s: s.exec(select(AuditRow).where(AuditRow.action == "bond.parted_for")).all()
    )
    assert [row.actor_id for row in trail] == [stage.person(STAFF)]
    assert json.loads(trail[0].details)["reason"] == "lost"
    sound(stage)


def test_it_takes_a_reason(stage: Stage) -> None:
    """Each way to confirm is one reason; a button without one, or with another, does nothing."""
    bind(stage)
    one = standing(stage)
    (listed,) = private(stage, f"帮忙解绑 {MINE}")
    (sure,) = private(stage, button=listed.buttons[0].key)
    number = listed.buttons[0].key.partition(":")[2]
    *reasons, keep = [button.key for button in sure.buttons]
    assert reasons == [f"bond_for_yes:{number}.{reason}" for reason in ("lost", "closed", "stranger")]
    assert keep == "bond_keep:"
    for key in (f"bond_for_yes:{number}", f"bond_for_yes:{number}.whim", f"bond_for_yes:{number}.lost.lost"):
        assert keys(private(stage, button=key)) == ["guard.old_button"], key
    assert standing(stage) == one


def test_it_is_taken_back_at_once(stage: Stage) -> None:
    """撤销: one person again, without the thirty days; and 我的账号 takes them apart as before."""
    bind(stage)
    one = standing(stage)
    done, _ = help_apart(stage)
    back, *told = private(stage, button=done.buttons[0].key)
    assert back.key == "bonds.for_back"
    assert {said.key for said in told} == {"bonds.for_told_back"} and len(told) == 2
    assert standing(stage) == one
    assert keys(private(stage, button=done.buttons[0].key)) == ["leader.undone_already"]
    part(stage)
    sound(stage)


def test_any_of_the_staff_takes_it_back_and_a_leader_is_not_offered_it(stage: Stage) -> None:
    """王运营 took it apart; 周团长's 撤销 has nothing of it, 李运营 finds the way back by 帮忙解绑."""
    stage.say(COLLEAGUE, "签到")
    hire(stage, COLLEAGUE)
    bind(stage)
    one = standing(stage)
    done, _ = help_apart(stage)
    apart = standing(stage)
    assert keys(private(stage, "撤销", who=LEADER)) == ["leader.nothing_to_undo"]
    assert not [b for b in private(stage, "今日一览", who=LEADER)[0].buttons if b.key.startswith("do:leader")]
    assert keys(private(stage, button=done.buttons[0].key, who=LEADER)) == ["guard.staff_only"]
    assert standing(stage) == apart
    (nothing,) = private(stage, f"帮忙解绑 {THERE}", who=COLLEAGUE)
    assert nothing.key == "bonds.for_nothing" and placeholders_match(nothing)
    (key,) = [button.key for button in nothing.buttons]
    assert private(stage, button=key, who=COLLEAGUE)[0].key == "bonds.for_back"
    assert standing(stage) == one
    (listed,) = private(stage, f"帮忙解绑 {MINE}")
    assert [button.key.split(":")[0] for button in listed.buttons] == ["bond_for"], "it is taken back already"
    sound(stage)


def test_who_leads_and_is_of_the_staff_finds_it_under_undo(stage: Stage) -> None:
    bind(stage)
    help_apart(stage)
    hire(stage, LEADER)
    (which,) = private(stage, "撤销", who=LEADER)
    assert private(stage, button=which.buttons[0].key, who=LEADER)[0].key == "bonds.for_back"


def test_after_a_week_it_stands(stage: Stage) -> None:
    bind(stage)
    done, _ = help_apart(stage)
    stage.clock.set(stage.clock.now() + timedelta(days=8))
    assert keys(private(stage, button=done.buttons[0].key)) == ["guard.old_button"]


def test_who_has_gone_on_is_not_bound_back(stage: Stage) -> None:
    """小满 withdraws meanwhile: nothing is moved by 撤销, and the staff hear why not."""
    bind(stage)
    done, _ = help_apart(stage)
    for said in private(stage, "退出", who=MINE):
        for button in said.buttons[:1]:
            private(stage, button=button.key, who=MINE)
    apart = standing(stage)
    assert keys(private(stage, button=done.buttons[0].key)) == ["bonds.for_not_back"]
    assert standing(stage) == apart


def test_nobody_else_can(stage: Stage) -> None:
    """Neither a leader nor a neighbour, by words or by a button that is shown around; and not in the group."""
    bind(stage)
    (listed,) = private(stage, f"帮忙解绑 {MINE}")
    bond = stage.database.read_now(lambda s: s.exec(select(Bond.id).order_by(col(Bond.id))).one())
    one = standing(stage)
    for who in (LEADER, MINE):
        assert keys(private(stage, f"帮忙解绑 {MINE}", who=who)) == ["guard.staff_only"]
        for key in (listed.buttons[0].key, f"bond_for_yes:{bond}.lost"):
            assert keys(private(stage, button=key, who=who)) == ["guard.staff_only"]
    assert keys(stage.say(STAFF, f"帮忙解绑 {MINE}")) == ["bonds.for_in_private"]
    assert keys(stage.say(LEADER, f"帮忙解绑 {MINE}")) == ["guard.staff_only"]
    assert keys(private(stage, f"帮忙解绑 {LEADER}")) == ["bonds.for_nothing"]
    assert keys(private(stage, button="bond_for_yes:999.lost")) == ["guard.old_button"]
    assert standing(stage) == one


@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    before=st.lists(st.tuples(st.sampled_from([MINE, THERE]), st.sampled_from([5, 1, 9])), max_size=4),
    after=st.lists(st.sampled_from([5, -1]), max_size=2),
)
def test_nothing_is_lost_there_and_back(
    tmp_path_factory: pytest.TempPathFactory, before: list[tuple[str, int]], after: list[int]
) -> None:
    """Whatever was got and spent before, and while they were one: apart and back again leaves everything where it was."""
    stage = ready(tmp_path_factory.mktemp("there"))
    try:
        for number, (who, amount) in enumerate(before):
            post(stage, who, amount, f"before:{number}")
        total = sum(standing(stage)[2]) + sum(after)
        bind(stage)
        for number, amount in enumerate(after):
            post(stage, MINE, amount, f"after:{number}")
        one = standing(stage)
        done, _ = help_apart(stage)
        assert sum(standing(stage)[2]) == total
        assert private(stage, button=done.buttons[0].key)[0].key == "bonds.for_back"
        assert standing(stage) == one
        sound(stage)
    finally:
        stage.database.close()
