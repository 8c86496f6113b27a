"""内容审核: what neighbours post into activities is looked at, held back where it must be, and decided by people."""

from __future__ import annotations

from engagement.events import DayLookedAt, LeaderWrote, Posted, Worded
from engagement.feature import Command, Feature, PersonalData
from engagement.moderation import grievances, handlers, jobs, service
from engagement.pushes import JobSpec

FEATURE = Feature(
    name="moderation",
    commands=(
        Command(
            "moderation.waiting",
            ("待审核", "审核"),
            handlers.waiting,
            slash=("review",),
            needs_group=False,
            roles=frozenset({"leader", "staff"}),
            consent=False,
            help="moderation.help_waiting",
        ),
        Command(
            "moderation.words",
            ("敏感词", "屏蔽词"),
            handlers.words,
            slash=("words",),
            takes="optional",
            needs_group=False,
            roles=frozenset({"leader", "staff", "manager", "admin"}),
            consent=False,
            help="moderation.help_words",
        ),
        Command(
            "moderation.grievance",
            ("投诉团长", "举报团长", "投诉群主", "举报群主"),
            grievances.typed,
            slash=("grievance",),
            takes="optional",
            asked="shown",
            quotes=True,
            consent=False,
            help="moderation.help_grievance",
        ),
        Command(
            "moderation.appeal",
            ("申诉", "我要申诉"),
            handlers.appeal,
            slash=("appeal",),
            takes="optional",
            quotes=True,
            needs_group=False,
            consent=False,
        ),
    ),
    buttons={
        **handlers.DECIDE,
        **handlers.SETTLE,
        "mod_next": handlers.following,
        "appeal": handlers.appeal_button,
    },
    plain=frozenset({*handlers.DECIDE, *handlers.SETTLE, "mod_next", "appeal"}),
    events={
        Posted: handlers.on_posted,
        LeaderWrote: handlers.on_leader_wrote,
        Worded: handlers.on_worded,
        DayLookedAt: handlers.glance,
    },
    undos={handlers.DECISION: handlers.undo_decision, handlers.WORD: handlers.undo_word},
    jobs=(
        JobSpec("moderation_morning", jobs.MORNING_MINUTE, jobs.plan_morning, grace_minutes=180, unasked=False),
        JobSpec("moderation_evening", jobs.EVENING_MINUTE, jobs.plan_evening, grace_minutes=180, unasked=False),
    ),
    personal_data=(
        PersonalData(
            "moderation_case",
            ("text", "appeal", "reason", "state", "decided_by"),
            "moderation.purpose",
            export=service.export,
            erase=service.erase,
        ),
    ),
    help="moderation.help",
)
