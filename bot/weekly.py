"""Counts the closed weeks that a regional manager's pages show: some groups at each call, so that nothing waits for it.

Source: F115, F116.
"""

from __future__ import annotations

import time
from datetime import datetime
from functools import partial

from engagement.campaigns import echoes
from engagement.region import service
from storage.engine import Database, Session
from storage.weeks import CampaignWeek

SECONDS = 2.0
"""A turn beside other work takes about this long at most."""


async def turn(database: Database, now: datetime) -> None:
    """Do what is to be done, for a short while."""
    started = time.monotonic()
    while await step(database, now) and time.monotonic() - started < SECONDS:
        pass


async def step(database: Database, now: datetime) -> bool:
    """Count some groups, or seal a week of a region when all its groups are counted; says whether there was anything to do.

    Two processes at it come to the same.
    """
    due = await database.read(lambda session: service.due(session, now))
    if due is None:
        return False
    if not due.groups:
        await database.write(partial(service.seal, one=due, now=now))
        return True
    weeks = await database.read(partial(service.count, one=due))
    campaigns = await database.read(partial(_campaigns, due=due))
    await database.write(partial(service.keep, weeks=weeks, campaigns=campaigns))
    return True


def _campaigns(session: Session, due: service.Due) -> list[CampaignWeek]:
    zones = set(due.groups.values())
    found = []
    for zone in sorted(zones):
        groups = [group for group, of in due.groups.items() if of == zone]
        since, until = service.bounds(due.week, zone)
        found += [
            CampaignWeek(
                group_id=group,
                week=due.week,
                plan_id=plan,
                region_id=due.region_id,
                joined=members,
                joined_behind=persons,
            )
            for group, plan, members, persons in echoes.joined(session, groups, since, until, service.at_home())
        ]
    return found
