"""公告: one message to every group that an incident concerns, how far it is, what is new, and its end."""

from __future__ import annotations

from engagement.announcements import handlers, jobs, rules, sending, service
from engagement.feature import Command, Feature, PersonalData
from engagement.pushes import JobSpec

_WHO = frozenset({"leader", "staff", "admin"})

FEATURE = Feature(
    name="announcements",
    commands=(
        Command(
            "announcements.announce",
            ("发公告", "群发公告", "通知所有群"),
            handlers.announce,
            asked="offered",
            long=True,
            slash=("announce",),
            takes="optional",
            quotes=True,
            needs_group=False,
            roles=_WHO,
            consent=False,
            help="announcements.help_announce",
        ),
        Command(
            "announcements.urgent",
            ("紧急公告", "发紧急公告"),
            handlers.announce_urgently,
            long=True,
            takes="optional",
            quotes=True,
            needs_group=False,
            roles=_WHO,
            consent=False,
            help="announcements.help_urgent",
        ),
        Command(
            "announcements.update",
            ("公告更新", "更新公告"),
            handlers.update,
            long=True,
            takes="optional",
            quotes=True,
            needs_group=False,
            roles=_WHO,
            consent=False,
        ),
        Command(
            "announcements.end",
            ("公告结束", "结束公告"),
            handlers.end,
            long=True,
            takes="optional",
            quotes=True,
            needs_group=False,
            roles=_WHO,
            consent=False,
        ),
        Command(
            "announcements.progress",
            ("公告进度", "公告发到哪了"),
            handlers.how_far,
            needs_group=False,
            roles=_WHO,
            consent=False,
            help="announcements.help_progress",
        ),
        Command(
            "announcements.running",
            ("公告列表", "进行中的公告", "所有公告"),
            handlers.running_now,
            needs_group=False,
            roles=_WHO,
            consent=False,
            help="announcements.help_list",
        ),
        Command(
            "announcements.withdraw",
            ("公告撤回", "撤回公告"),
            handlers.take_back,
            needs_group=False,
            roles=_WHO,
            consent=False,
        ),
    ),
    buttons={
        "announce_form": handlers.form_button,
        "announce_go": handlers.go_button,
        "announce_out": handlers.out_button,
        "announce_to": handlers.scope_button,
        "announce_about": handlers.about_button,
        "announce_drop": handlers.drop_button,
        "announce_look": handlers.look_button,
        "announce_end": handlers.end_button,
    },
    quotes={"announce_form": handlers.form_answered, "announce_say": handlers.said},
    asks=frozenset({"announce_form", "announce_say"}),
    passes_on=dict.fromkeys(("announce_form", "announce_say"), rules.is_no_draft),
    ends=frozenset({"announce_form", "announce_say"}),
    plain=frozenset(
        {
            *("announce_form", "announce_say", "announce_go", "announce_out", "announce_to"),
            *("announce_about", "announce_drop", "announce_look", "announce_end"),
        }
    ),
    jobs=(
        JobSpec(
            sending.KIND,
            0,
            jobs.plan,
            grace_minutes=sending.GRACE_MINUTES,
            unasked=False,
            once=True,
        ),
        JobSpec(
            sending.URGENT,
            0,
            jobs.plan,
            grace_minutes=sending.GRACE_MINUTES,
            unasked=False,
            ignores_quiet=True,
            once=True,
        ),
    ),
    personal_data=(
        PersonalData(
            "announcement",
            ("author_id", "created_at"),
            "announcements.purpose",
            service.export_heads,
            lambda session, person_id, now: None,  # that groups were told stays, without words
        ),
        PersonalData(
            "announcement_round",
            ("author_id", "words", "made_at"),
            "announcements.purpose_words",
            service.export,
            sending.erase,
        ),
    ),
    help="announcements.help",
)
