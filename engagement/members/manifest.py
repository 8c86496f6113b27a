"""成员: help, and everybody's rights over what is kept about them."""

from __future__ import annotations

from engagement.feature import Command, Feature, PersonalData
from engagement.members import handlers, service

FEATURE = Feature(
    name="members",
    commands=(
        Command(
            "members.help",
            ("帮助", "怎么用", "使用说明", "菜单", "功能", "指令", "help"),
            handlers.help_,
            slash=("help",),
            needs_group=False,
            consent=False,
            help="members.help_help",
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
    ),
    buttons={"erase": handlers.erase_button, "keep": handlers.keep_button},
    plain=frozenset({"erase", "keep"}),
    personal_data=(
        PersonalData(
            "identity",
            ("external_id", "name"),
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
            ("name", "role", "joined_at", "left_at", "last_seen"),
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
    ),
    help="members.help",
)
