"""Names of time zones as they stand in rows.

Source: ADR-0004.
"""

from __future__ import annotations

import structlog

from engagement.calendar import zone

log = structlog.get_logger("scheduler.zones")
DEFAULT_ZONE = "Asia/Shanghai"


def zone_of(name: str) -> str:
    """Return the zone's name, or the default one for a name that no longer exists: one bad row must not stop the others."""
    try:
        zone(name)
    except ValueError:
        log.error("schedule.bad_zone", zone=name)
        return DEFAULT_ZONE
    return name
