"""月度主题 and its challenge."""

from __future__ import annotations

from engagement.events import CheckedIn, TopicAnswered
from engagement.feature import Command, Feature, JobSpec, PersonalData
from engagement.theme import handlers, jobs, rules, service

FEATURE = Feature(
    name="theme",
    commands=(
        Command(
            "theme.month",
            ("本月主题", "这个月主题", "月度主题", "主题", "本月活动"),
            handlers.show_month,
            asked="shown",
            slash=("theme",),
            consent=False,
            help="theme.help_month",
        ),
        Command(
            "theme.standing",
            ("挑战", "我的挑战", "本月挑战", "挑战榜", "挑战进度"),
            handlers.show_standing,
            asked="shown",
            reads=True,
            slash=("challenge",),
            help="theme.help_standing",
        ),
        Command(
            "theme.next",
            ("主题预告", "下月主题", "下个月主题"),
            handlers.show_next,
            slash=("theme_next",),
            consent=False,
            roles=frozenset({"leader"}),
            help="theme.help_next",
        ),
    ),
    quotes={"theme": handlers.heard},
    plain=frozenset({"theme"}),
    passes_on={"theme": rules.asks},
    events={CheckedIn: service.on_checked_in, TopicAnswered: service.on_answered},
    jobs=(
        JobSpec("theme", rules.THEME_MINUTE, jobs.plan_theme, grace_minutes=240, merges=True),
        JobSpec("challenge", rules.CHALLENGE_MINUTE, jobs.plan_challenge, grace_minutes=120, merges=True),
    ),
    personal_data=(
        PersonalData(
            "theme_score",
            ("member_id", "points", "days", "answers", "day_bits", "answer_bits", "completed_on", "rewarded_on"),
            "theme.purpose_scores",
            export=service.export_scores,
            erase=service.erase_scores,
        ),
    ),
    help="theme.help",
)
