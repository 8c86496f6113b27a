"""In the evening a leader hears, in private, which of her groups got nothing today and why; nobody else hears anything."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from engagement.kernel import Kind, Reply
from engagement.mass_sends import rules, service
from engagement.mass_sends.words import stands
from engagement.pushes import Occurrence, Planned
from storage import bots, identities
from storage.engine import Session


def plan_evening(session: Session, occurrences: Sequence[Occurrence], now: datetime) -> Sequence[Planned]:
    """Tell leaders what was not sent: one message for all of a leader's groups that are due together. It only reads."""
    told: dict[int, list[tuple[Occurrence, dict[str, object]]]] = {}
    for one in sorted(occurrences, key=lambda due: due.group.id):
        if one.group.speaks:
            continue
        found = service.room(session, one.group, now)
        if found is None or found.row is None or not rules.is_worth_telling(found.row.state, found.row.reason):
            continue
        for person in identities.leaders(session, one.group.id):
            if bots.is_open(session, person, one.group.channel):
                told.setdefault(person, []).append((one, {"group": one.group.name, "state": stands(found)}))
    return [
        Planned(
            mine[0][0],
            Reply("mass_sends.evening", {"rows": [row for _, row in mine], "group": None}, kind=Kind.DM, to=person),
        )
        for person, mine in told.items()
    ]
