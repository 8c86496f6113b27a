"""What stands before every command: roles, places, pace."""

from __future__ import annotations

import pytest

from engagement import guards
from engagement.errors import Fault, Refusal
from engagement.feature import Actor, Command
from engagement.guards import Pace
from engagement.kernel import Place


def command(**more: object) -> Command:
    return Command("x.y", ("x",), lambda ctx: (), **more)  # type: ignore[arg-type]


RESIDENT, LEADER = Actor(1, "李阿姨"), Actor(2, "周团长", leader=True)
STAFF = Actor(3, "运营", roles=frozenset({"staff"}))
ADMIN_AND_LEADER = Actor(4, "管理", leader=True, roles=frozenset({"admin"}))


@pytest.mark.parametrize(
    ("roles", "allowed"),
    [
        ((), {RESIDENT, LEADER, STAFF, ADMIN_AND_LEADER}),
        (("leader",), {LEADER, ADMIN_AND_LEADER}),
        (("staff",), {STAFF}),
        (("staff", "admin"), {STAFF, ADMIN_AND_LEADER}),
        (("leader", "staff"), {LEADER, STAFF, ADMIN_AND_LEADER}),
        (("manager",), set()),
    ],
)
def test_roles(roles: tuple[str, ...], allowed: set[Actor]) -> None:
    for actor in (RESIDENT, LEADER, STAFF, ADMIN_AND_LEADER):
        if actor in allowed:
            guards.check_role(command(roles=frozenset(roles)), actor)
            continue
        with pytest.raises(Refusal) as no:
            guards.check_role(command(roles=frozenset(roles)), actor)
        assert no.value.key == ("guard.leader_only" if "leader" in roles else "guard.staff_only")


@pytest.mark.parametrize(
    ("places", "needs_group", "place", "has_group", "expected"),
    [
        ({Place.GROUP, Place.DM}, True, Place.GROUP, True, ""),
        ({Place.GROUP, Place.DM}, True, Place.DM, True, ""),
        ({Place.GROUP, Place.DM}, True, Place.DM, False, "guard.no_group"),
        ({Place.GROUP, Place.DM}, False, Place.DM, False, ""),
        ({Place.DM}, False, Place.GROUP, True, "guard.private_only"),
        ({Place.GROUP}, False, Place.DM, True, "guard.group_only"),
    ],
)
def test_places(places: set[Place], needs_group: bool, place: Place, has_group: bool, expected: str) -> None:
    asked = command(places=frozenset(places), needs_group=needs_group)
    if not expected:
        guards.check_place(asked, place, has_group=has_group)
        return
    with pytest.raises(Refusal) as no:
        guards.check_place(asked, place, has_group=has_group)
    assert no.value.key == expected


class Messages:
    """Messages of people, each with a name of its own."""

    def __init__(self, per_minute: int) -> None:
        self.pace = Pace(per_minute)
        self.number = 0

    def admit(self, person: int, now: float) -> bool:
        self.number += 1
        return self.pace.admit(person, f"m{self.number}", now)

    def tell(self, person: int) -> bool:
        return self.pace.tell(person, f"m{self.number}")


def test_pace_allows_a_burst_and_refills() -> None:
    pace = Messages(6)
    assert [pace.admit(1, 100.0) for _ in range(7)] == [True] * 6 + [False]
    assert pace.admit(2, 100.0), "each person has an own bucket"
    assert not pace.admit(1, 109.9)
    assert pace.admit(1, 110.0), "one in ten seconds"
    assert not pace.admit(1, 110.0)
    assert [pace.admit(1, 1000.0) for _ in range(7)].count(True) == 6, "never more than a burst"


def test_a_clock_that_goes_back_takes_nothing_and_gives_nothing() -> None:
    pace = Messages(1)
    assert pace.admit(1, 100.0)
    assert not pace.admit(1, 50.0)
    assert not pace.admit(1, 100.0)


def test_told_once_until_slower() -> None:
    pace = Messages(4)
    assert not pace.tell(1), "nobody who was never seen is too fast"
    for _ in range(5):
        pace.admit(1, 0.0)
    assert pace.tell(1)
    pace.admit(1, 0.0)
    assert not pace.tell(1)
    pace.admit(1, 15.0)
    assert not pace.tell(1)
    pace.admit(1, 60.0)
    assert pace.tell(1)


def test_a_message_that_is_tried_again_counts_once_and_is_told_again() -> None:
    """On PostgreSQL what two transactions cannot both do is tried up to six times."""
    pace = Pace(2)
    assert [pace.admit(1, "first", 0.0) for _ in range(6)] == [True] * 6
    assert pace.admit(1, "second", 0.0)
    for _ in range(6):
        assert not pace.admit(1, "third", 0.0)
        assert pace.tell(1, "third")
    assert not pace.admit(1, "fourth", 0.0)
    assert not pace.tell(1, "fourth")
    for number in range(guards._LAST):
        pace.admit(1, f"more{number}", 0.0)
    assert len(pace._buckets[1].last) == guards._LAST


def test_who_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guards, "_REMEMBERED", 3)
    pace = Messages(1)
    for person in (1, 2, 3, 1, 4):
        pace.admit(person, 0.0)
    assert not pace.admit(1, 0.0), "the one seen last stays"
    assert pace.admit(2, 0.0), "the one not seen for longest is forgotten"


def test_errors_carry_what_people_need() -> None:
    no = Refusal("points.too_few", balance=3)
    assert (no.key, no.values, str(no)) == ("points.too_few", {"balance": 3}, "points.too_few")
    assert (Fault("D7").code, str(Fault("D7")), str(Fault("D7", "disk"))) == ("D7", "D7", "D7: disk")
