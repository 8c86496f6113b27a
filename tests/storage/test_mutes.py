"""Several mutes of one membership: whichever are taken back, in whatever order, the latest of the others holds."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage import identities, mutes
from storage.engine import Database, Session
from storage.groups import Group, Person

NUMBERS = itertools.count()
ENDS = st.lists(st.integers(1, 9), min_size=1, max_size=4, unique=True).map(sorted)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ends=ENDS, order=st.permutations(range(4)), lifted=st.sets(st.integers(0, 3)))
def test_of_several_mutes_the_latest_that_stands_holds(
    database: Database, ends: list[int], order: list[int], lifted: set[int]
) -> None:
    """Mutes one upon the other, some taken back in any order: the latest of those that nobody took back is what holds."""
    start = datetime(2026, 12, 1, tzinfo=UTC)
    moments = [start + timedelta(days=end) for end in ends]

    def write(session: Session) -> datetime | None:
        group = Group(channel="play", external_id=f"g{next(NUMBERS)}", created_at=start)
        person = Person(created_at=start)
        session.add_all([group, person])
        session.flush()
        row = identities.enter(session, group.id or 0, person.id or 0, "甲", start)
        for moment in moments:
            mutes.add(session, row, moment)
        for number in (one for one in order if one in lifted and one < len(moments)):
            mutes.lift(session, row, moments[number], moments[number - 1] if number else None)
        return row.muted_until

    left = [moment for number, moment in enumerate(moments) if number not in lifted]
    assert database.write_now(write) == max(left, default=None)
