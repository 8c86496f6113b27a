"""活动: the calendar of campaigns."""

from __future__ import annotations

from engagement.campaigns import jobs, service
from engagement.campaigns.rules import GRACE_MINUTES
from engagement.feature import Feature, JobSpec

FEATURE = Feature(
    name="campaigns",
    jobs=(
        JobSpec(
            service.GROUPS, 0, jobs.plan_groups, GRACE_MINUTES, rhythm=service.rhythm_of(service.GROUPS), merges=True
        ),
        JobSpec(
            service.NIGHT,
            0,
            jobs.plan_groups,
            GRACE_MINUTES,
            ignores_quiet=True,
            rhythm=service.rhythm_of(service.NIGHT),
        ),
        JobSpec(
            service.LEADERS,
            0,
            jobs.plan_leaders,
            GRACE_MINUTES,
            unasked=False,
            rhythm=service.rhythm_of(service.LEADERS),
        ),
    ),
    help="campaigns.help",
)
