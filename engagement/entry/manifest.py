"""进门: from the chat into the web pages."""

from __future__ import annotations

from engagement.entry import handlers
from engagement.events import Started
from engagement.feature import Command, Feature, PersonalData
from storage import entry

FEATURE = Feature(
    name="entry",
    commands=(
        Command(
            "entry.console",
            ("后台", "控制台", "打开后台", "管理后台"),
            handlers.console,
            asked="shown",
            slash=("console",),
            needs_group=False,
            roles=frozenset({"leader", "staff", "manager", "admin"}),
            consent=False,
            help="entry.help_console",
        ),
        Command(
            "entry.page",
            ("我的页面", "我的网页", "个人页面", "打开我的页面"),
            handlers.page,
            slash=("page",),
            needs_group=False,
            consent=False,
            reads=True,
            help="entry.help_page",
        ),
        Command(
            "entry.join_link",
            ("打卡链接", "进群链接"),
            handlers.join_link,
            slash=("grouplink",),
            roles=frozenset({"leader"}),
            consent=False,
            help="entry.help_join",
        ),
    ),
    buttons={"entry": handlers.not_me, "door": handlers.renew},
    plain=frozenset({"entry", "door"}),
    events={Started: handlers.on_started},
    personal_data=(
        PersonalData(
            "login",
            ("name", "password", "second", "second_since", "second_step", "recovery", "made_at", "changed_at"),
            "entry.purpose_login",
            entry.export_login,
            lambda session, person_id, now: entry.erase(session, person_id),
        ),
        PersonalData(
            "web_session",
            ("area", "role", "browser", "made_at", "seen_at"),
            "entry.purpose_session",
            entry.export_sessions,
            lambda session, person_id, now: None,  # goes with the account
        ),
        PersonalData(
            "entry_link",
            ("purpose", "group_id", "path", "made_at", "until", "used_at"),
            "entry.purpose_link",
            entry.export_links,
            lambda session, person_id, now: None,  # goes with the account
        ),
    ),
    help="entry.help",
)
