"""群发: what a leader is asked to confirm in a group where only she can let the bot speak."""

from __future__ import annotations

from engagement.events import DayLookedAt
from engagement.feature import Command, Feature, PersonalData
from engagement.mass_sends import handlers, jobs, privacy
from engagement.pushes import JobSpec

_EVENING = 21 * 60 + 30
"""After what nobody has confirmed was taken back, and before groups are quiet."""
_LEADER = frozenset({"leader"})

FEATURE = Feature(
    name="mass_sends",
    commands=(
        Command(
            "mass_sends.today",
            ("今天的群发", "今日群发", "群发"),
            handlers.today,
            slash=("masssend",),
            roles=_LEADER,
            consent=False,
            help="mass_sends.help_today",
        ),
        Command(
            "mass_sends.decline",
            ("今天不发", "今天不发了", "今日不发", "今天别发"),
            handlers.decline,
            slash=("nosend",),
            roles=_LEADER,
            consent=False,
            help="mass_sends.help_decline",
        ),
    ),
    buttons={"nosend": handlers.said_no, "nosend_ask": handlers.ask},
    plain=frozenset({"nosend", "nosend_ask"}),
    events={DayLookedAt: handlers.glance},
    jobs=(JobSpec("mass_send_evening", _EVENING, jobs.plan_evening, grace_minutes=60, unasked=False),),
    personal_data=(
        PersonalData(
            "mass_send",
            ("leader", "state", "reminders"),
            "mass_sends.purpose_asked",
            privacy.export_asked,
            lambda session, person_id, now: privacy.erase_asked(session, person_id),
        ),
        PersonalData(
            "owner_day",
            ("owner", "figures"),
            "mass_sends.purpose_days",
            privacy.export_days,
            lambda session, person_id, now: privacy.erase_days(session, person_id),
        ),
        PersonalData(
            "customer_group",
            ("owner",),
            "mass_sends.purpose_owned",
            privacy.export_owned,
            lambda session, person_id, now: privacy.erase_owned(session, person_id),
        ),
        PersonalData(
            "send_count",
            ("name", "at", "sent"),
            "mass_sends.purpose_counts",
            privacy.export_counts,
            lambda session, person_id, now: privacy.erase_counts(session, person_id),
        ),
    ),
    help="mass_sends.help",
)
