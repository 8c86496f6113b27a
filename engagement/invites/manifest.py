"""邀请: bringing neighbours into the group, by poster, link or code, and the thanks for it."""

from __future__ import annotations

from engagement.events import Bonded, CheckedIn, Started
from engagement.feature import Command, Feature, PersonalData
from engagement.invites import bonding, handlers, records, service

FEATURE = Feature(
    name="invites",
    commands=(
        Command(
            "invites.poster",
            ("邀请海报", "海报", "邀请邻居", "邀请链接"),
            handlers.poster,
            slash=("invite",),
            help="invites.help_poster",
        ),
        Command(
            "invites.code",
            ("邀请码", "填邀请码"),
            handlers.code,
            slash=("code",),
            takes="optional",
        ),
        Command(
            "invites.link",
            (
                "海报链接",
                "群信息 海报链接",
                "设置群信息 海报链接",
                "入群链接",
                "群信息 入群链接",
                "设置群信息 入群链接",
            ),
            handlers.link,
            takes="required",
            roles=frozenset({"leader"}),
            consent=False,
            help="invites.help_link",
        ),
        Command("invites.reset", ("重置邀请码", "换邀请码"), handlers.reset),
        Command("invites.mine", ("我的邀请", "我邀请了谁"), handlers.mine, asked="shown", reads=True),
        Command(
            "invites.board",
            ("邀请榜", "邀请排行"),
            handlers.board,
            roles=frozenset({"leader"}),
            consent=False,
            help="invites.help_board",
        ),
    ),
    events={CheckedIn: service.on_checked_in, Started: service.on_started, Bonded: bonding.on_bonded},
    undos={handlers.UNDO: handlers.undo_link},
    lifecycle={"join": service.on_join},
    personal_data=(
        PersonalData(
            "invite_code",
            ("member_id", "code", "token"),
            "invites.purpose_code",
            records.export_codes,
            records.erase,
        ),
        PersonalData(
            "invitation",
            ("inviter_id", "invited_id", "how", "at", "days", "last_day"),
            "invites.purpose_invitation",
            records.export_invitations,
            lambda session, person_id, now: None,  # pseudonyms that points hang on
        ),
        PersonalData(
            "invite_claim",
            ("person_id", "inviter_id", "at"),
            "invites.purpose_claim",
            records.export_claims,
            lambda session, person_id, now: None,  # goes with the codes
        ),
    ),
    help="invites.help",
)
