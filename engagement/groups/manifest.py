"""群: the bot's and the neighbours' coming and going, and what a leader sets for the group."""

from __future__ import annotations

from engagement.events import CheckedIn, FactMissing, Greeted
from engagement.feature import Command, Feature
from engagement.groups import guide, handlers, pause, rules, start
from engagement.kernel import Place

_LEADER = frozenset({"leader"})
_PRIVATE = frozenset({Place.DM})

FEATURE = Feature(
    name="groups",
    commands=(
        Command(
            "groups.settings",
            ("设置", "群设置"),
            handlers.settings,
            slash=("settings",),
            roles=_LEADER,
            consent=False,
            help="groups.help_settings",
        ),
        Command(
            "groups.fact",
            ("群信息", "设置群信息"),
            handlers.fact,
            slash=("fact",),
            takes="required",
            roles=_LEADER,
            consent=False,
            help="groups.help_fact",
        ),
        Command(
            "groups.quiet",
            ("免打扰",),
            handlers.quiet_hours,
            slash=("quiet",),
            takes="required",
            roles=_LEADER,
            consent=False,
            help="groups.help_quiet",
        ),
        Command(
            "groups.zone",
            ("时区",),
            handlers.zone,
            slash=("zone",),
            takes="required",
            roles=_LEADER,
            consent=False,
        ),
        Command(
            "groups.pause",
            ("暂停", "暂停活动", "暂停推送", "停一停", "安静模式", "安静一下"),
            pause.ask,
            slash=("pause",),
            roles=_LEADER,
            consent=False,
            refusal="groups.pause_neighbour",
            help="groups.help_pause",
        ),
        Command(
            "groups.resume",
            ("恢复活动", "恢复推送", "取消暂停", "继续活动"),
            pause.resume,
            slash=("resume",),
            roles=_LEADER,
            consent=False,
        ),
        Command(
            "groups.copy",
            ("照抄", "照抄设置", "照抄另一个群"),
            start.copy_typed,
            slash=("copy",),
            roles=_LEADER,
            consent=False,
        ),
        Command(
            "groups.leader",
            ("设团长", "添加团长"),
            handlers.add_leader,
            slash=("leader",),
            takes="required",
            roles=_LEADER,
            consent=False,
            help="groups.help_leader",
        ),
        Command(
            "groups.unleader",
            ("取消团长", "撤销团长", "撤团长", "去掉团长"),
            handlers.remove_leader,
            slash=("unleader",),
            takes="required",
            roles=_LEADER,
            consent=False,
        ),
        Command(
            "groups.switch",
            ("切换群", "换群"),
            handlers.choose_group,
            asked="offered",
            slash=("group",),
            places=_PRIVATE,
            needs_group=False,
            consent=False,
            help="groups.help_switch",
        ),
    ),
    buttons={
        "group": handlers.choose_button,
        "quiet_acks": handlers.quiet_acks_button,
        "fill": guide.begin,
        "fill_as": guide.chosen,
        "fill_skip": guide.skip,
        "fill_stop": guide.stop,
        "start": start.start_button,
        "copy": start.copy,
        "pause": pause.choose,
    },
    quotes={"fill": guide.answered, "filled": guide.over},
    asks=frozenset({"fill"}),
    plain=frozenset({"fill", "fill_as", "fill_skip", "fill_stop", "start", "copy", "quiet_acks", "filled", "pause"}),
    passes_on={"fill": rules.is_no_value, "filled": rules.is_no_value},
    events={CheckedIn: start.on_checked_in, FactMissing: start.on_fact_missing, Greeted: start.greeted},
    undos={pause.CHANGE: pause.undo, guide.CHANGE: handlers.undo_change, handlers.ROLE: handlers.undo_role},
    lifecycle={
        "bot_added": handlers.bot_added,
        "bot_removed": handlers.bot_removed,
        "migrated": handlers.migrated,
        "join": handlers.join,
        "leave": handlers.leave,
    },
    help="groups.help",
)
