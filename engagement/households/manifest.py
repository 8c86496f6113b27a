"""家庭: neighbours of one household share their points, as long as both sides want it."""

from __future__ import annotations

from engagement.events import Bonded, Parted, PartingAsked, PostCleared, PostWithdrawn, SharesAsked
from engagement.feature import Command, Feature, PersonalData
from engagement.households import asking, bonding, handlers, records, rules

FEATURE = Feature(
    name="households",
    commands=(
        Command(
            "households.mine",
            ("我的家庭", "家庭积分", "我家积分", "家庭账户", "家庭成员"),
            handlers.show,
            asked="shown",
            reads=True,
            slash=("family",),
            help="households.help_mine",
        ),
        Command(
            "households.invite",
            ("邀请家人", "添加家人", "邀请加入家庭", "绑定家人"),
            asking.invite,
            slash=("family_invite",),
            takes="required",
        ),
        Command(
            "households.join",
            ("加入家庭", "申请加入家庭", "进家庭"),
            asking.join,
            slash=("family_join",),
            takes="required",
        ),
        Command(
            "households.accept",
            ("同意加入", "同意家人", "同意邀请", "同意成为家人"),
            asking.accept,
            slash=("family_accept",),
            takes="optional",
        ),
        Command(
            "households.name",
            ("家庭名", "家庭名字", "家庭起名", "家庭改名"),
            handlers.name,
            slash=("family_name",),
            takes="required",
        ),
        Command(
            "households.give",
            ("转给家人", "转积分", "转分", "转积分给"),
            handlers.give,
            asked="offered",
            slash=("family_give",),
            takes="required",
        ),
        Command(
            "households.leave",
            ("退出家庭", "离开家庭", "解除家庭", "退出我的家庭"),
            handlers.leave,
            asked="offered",
            slash=("family_leave",),
        ),
    ),
    events={
        PostCleared: handlers.on_cleared,
        PostWithdrawn: handlers.on_withdrawn,
        Bonded: bonding.on_bonded,
        SharesAsked: bonding.on_shares_asked,
        PartingAsked: bonding.on_parting_asked,
        Parted: bonding.on_parted,
    },
    buttons={
        "family_yes": asking.yes_button,
        "family_no": asking.no_button,
        "family_back": asking.back_button,
        "family_leave": handlers.leave_button,
        "family_stay": handlers.stay_button,
    },
    quotes={"family": asking.quoted},
    passes_on={"family": rules.is_no_answer},
    plain=frozenset({"family_no", "family_back", "family_stay"}),
    personal_data=(
        PersonalData(
            "family_request",
            ("asker_id", "asked_id", "kind", "state", "asked_at"),
            "households.purpose_requests",
            records.export_requests,
            records.erase_requests,
        ),
        PersonalData(
            "family",
            ("name", "named_by"),
            "households.purpose_names",
            records.export_names,
            records.erase_names,
        ),
    ),
    help="households.help",
)
