"""团长: what a leader needs at hand in a chat, and the way back from it."""

from __future__ import annotations

from engagement.events import CheckedIn, Suspected
from engagement.feature import Command, Feature, PersonalData
from engagement.leader import handlers, jobs, roll, rules, service
from engagement.pushes import JobSpec

_LEADER = frozenset({"leader"})

FEATURE = Feature(
    name="leader",
    commands=(
        Command(
            "leader.today",
            ("今日一览", "一览", "今天怎么样", "群里怎么样"),
            handlers.today,
            asked="shown",
            slash=("today",),
            roles=_LEADER,
            consent=False,
            help="leader.help_today",
        ),
        Command("leader.day", ("今日", "今天"), handlers.day, slash=("day",), consent=False),
        Command(
            "leader.roll",
            ("签到名单", "打卡名单", "今日签到名单"),
            roll.roll,
            slash=("roll",),
            roles=_LEADER,
            refusal="leader.roll_not_yours",
            consent=False,
            asked="shown",
            help="leader.help_roll",
        ),
        Command("leader.people", ("群人数", "群里人数"), roll.people, consent=False, asked="shown", reads=True),
        Command(
            "leader.export",
            ("导出名单", "导出成员", "导出群成员"),
            roll.export,
            roles=_LEADER,
            refusal="leader.roll_not_yours",
            consent=False,
            asked="shown",
        ),
        Command(
            "leader.undo",
            ("撤销", "撤回操作", "反悔"),
            handlers.undo,
            asked="offered",
            slash=("undo",),
            roles=_LEADER,
            consent=False,
            help="leader.help_undo",
        ),
        Command(
            "leader.mute",
            ("禁言",),
            handlers.mute,
            slash=("mute",),
            takes="required",
            roles=_LEADER,
            consent=False,
            help="leader.help_mute",
        ),
        Command(
            "leader.unmute",
            ("解除禁言", "取消禁言", "解禁"),
            handlers.unmute,
            slash=("unmute",),
            takes="required",
            roles=_LEADER,
            consent=False,
        ),
        Command(
            "leader.muted",
            ("禁言名单", "谁在禁言", "禁言列表"),
            handlers.muted,
            slash=("muted",),
            roles=_LEADER,
            consent=False,
        ),
    ),
    buttons={
        "undo": handlers.undo_button,
        "do": handlers.do,
        "glance": handlers.glance_button,
        "evening": handlers.evening,
    },
    plain=frozenset({"undo", "do", "glance", "evening"}),
    events={CheckedIn: service.on_checked_in, Suspected: service.on_suspected},
    undos={service.MUTE: handlers.undo_mute, service.EVENING: handlers.undo_evening},
    jobs=(JobSpec("leader_evening", rules.EVENING_MINUTE, jobs.plan_evening, grace_minutes=60, unasked=False),),
    personal_data=(
        PersonalData(
            "leader_action",
            ("actor_id", "kind", "before", "done_at"),
            "leader.purpose",
            service.export,
            service.erase,
        ),
    ),
    help="leader.help",
)
