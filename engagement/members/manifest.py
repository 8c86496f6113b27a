"""成员: help, and everybody's rights over what is kept about them."""

from __future__ import annotations

from engagement.events import CheckedIn, Named, TopicAnswered, Used
from engagement.feature import Command, Feature, JobSpec, PersonalData
from engagement.members import birthdays, ease, handlers, neighbours, path, service, wishes

_LEADER = frozenset({"leader"})

FEATURE = Feature(
    name="members",
    commands=(
        Command(
            "members.help",
            ("帮助", "怎么用", "使用说明", "菜单", "指令", "help"),
            handlers.help_,
            slash=("help",),
            needs_group=False,
            consent=False,
            help="members.help_help",
        ),
        Command(
            "members.everything",
            ("全部功能", "功能", "所有功能", "全部口令", "功能列表"),
            handlers.everything,
            slash=("all",),
            needs_group=False,
            consent=False,
            help="members.help_everything",
        ),
        Command(
            "members.for_leaders",
            ("团长帮助", "团长功能", "团长口令"),
            handlers.for_leaders,
            slash=("leader_help",),
            roles=_LEADER,
            consent=False,
            help="members.help_for_leaders",
        ),
        Command(
            "members.about", ("你好团团", "开始"), handlers.about, slash=("start",), needs_group=False, consent=False
        ),
        Command(
            "members.mine",
            ("我的数据", "我的隐私", "隐私"),
            handlers.mine,
            slash=("mydata",),
            needs_group=False,
            consent=False,
            help="members.help_mine",
        ),
        Command(
            "members.export",
            ("导出", "导出我的数据", "导出数据"),
            handlers.export,
            slash=("export",),
            needs_group=False,
            consent=False,
        ),
        Command(
            "members.withdraw",
            ("退出", "退出记录", "不要记录我", "撤回同意"),
            handlers.withdraw,
            slash=("optout",),
            needs_group=False,
            consent=False,
        ),
        Command(
            "members.erase",
            ("删除我的数据", "删除数据", "注销"),
            handlers.erase,
            slash=("erase",),
            needs_group=False,
            consent=False,
        ),
        Command(
            "members.steps",
            ("新手任务", "我的新手任务", "新人任务"),
            path.show,
            slash=("steps",),
            help="members.help_steps",
        ),
        Command(
            "members.birthday",
            ("我的生日", "生日", "设置生日"),
            birthdays.ask,
            slash=("birthday",),
            takes="optional",
            help="members.help_birthday",
        ),
        Command(
            "members.no_birthday",
            ("删除生日", "删掉生日", "取消生日"),
            birthdays.delete,
            slash=("no_birthday",),
            needs_group=False,
            consent=False,
        ),
        Command(
            "members.wishes",
            ("我的偏好", "偏好", "我的口味"),
            wishes.show,
            slash=("likes",),
            help="members.help_wishes",
        ),
        Command(
            "members.notices",
            ("通知设置", "通知", "消息设置"),
            wishes.notices,
            slash=("notices",),
            needs_group=False,
            consent=False,
            help="members.help_notices",
        ),
        Command(
            "members.elder",
            ("长辈模式", "老人模式", "简单模式"),
            ease.elder,
            slash=("elder",),
            needs_group=False,
            consent=False,
            help="members.help_elder",
        ),
        Command(
            "members.large",
            ("大字", "大字版", "字大一点", "看不清"),
            ease.large,
            slash=("large",),
            needs_group=False,
            consent=False,
            help="members.help_large",
        ),
        Command(
            "members.newcomers",
            ("新邻居", "新人", "新来的邻居"),
            neighbours.newcomers,
            slash=("newcomers",),
            roles=_LEADER,
            consent=False,
            help="members.help_newcomers",
        ),
        Command(
            "members.silent",
            ("沉默邻居", "潜水邻居", "沉默的邻居"),
            neighbours.silent,
            slash=("silent",),
            roles=_LEADER,
            consent=False,
            help="members.help_silent",
        ),
    ),
    buttons={
        "erase": handlers.erase_button,
        "keep": handlers.keep_button,
        "birthday": birthdays.choose,
        "wish": wishes.choose,
        "notices": wishes.switch,
        "elder": ease.elder_button,
    },
    plain=frozenset({"erase", "keep", "notices", "elder"}),
    events={
        CheckedIn: path.on_checked_in,
        TopicAnswered: path.on_answered,
        Used: path.on_used,
        Named: neighbours.on_named,
    },
    lifecycle={"join": handlers.joined},
    jobs=(JobSpec("birthday", birthdays.MINUTE, birthdays.plan, grace_minutes=180),),
    personal_data=(
        PersonalData(
            "identity",
            ("external_id", "name", "elder"),
            "members.purpose_identity",
            service.export_identity,
            lambda session, person_id, now: service.erase_identity(session, person_id),
        ),
        PersonalData(
            "role_grant",
            ("role", "region_id", "granted_at"),
            "members.purpose_roles",
            service.export_roles,
            lambda session, person_id, now: None,  # goes with the identity
        ),
        PersonalData(
            "member",
            ("name", "role", "joined_at", "left_at", "last_seen", "steps"),
            "members.purpose_member",
            service.export_membership,
            service.erase_membership,
        ),
        PersonalData(
            "consent",
            ("granted_at", "withdrawn_at"),
            "members.purpose_consent",
            service.export_consent,
            lambda session, person_id, now: None,
        ),
        PersonalData(
            "birthday",
            ("month", "day", "in_group", "agreed_at"),
            "members.purpose_birthday",
            birthdays.export,
            birthdays.erase,
        ),
        PersonalData("preference", ("kind", "value"), "members.purpose_preference", wishes.export, wishes.erase),
        PersonalData("notice_off", ("kind",), "members.purpose_notices", wishes.export_notices, wishes.erase_notices),
        PersonalData(
            "lookalike", ("name", "found_at"), "members.purpose_lookalike", neighbours.export, neighbours.erase
        ),
    ),
    help="members.help",
)
