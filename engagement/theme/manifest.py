"""月度主题 and its challenge."""

from __future__ import annotations

from engagement.events import CheckedIn, TopicAnswered
from engagement.feature import Command, Feature, Handler, PersonalData, Slow
from engagement.pushes import JobSpec
from engagement.theme import handlers, jobs, own, places, rules, service

BUTTONS: dict[str, Handler | Slow] = {
    "thm_page": own.page_button,
    "thm_word": own.ask_button,
    "thm_reset": own.reset_button,
    "thm_keep": own.keep_button,
    "thm_back": own.back_button,
}

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
        Command(
            "theme.words",
            ("主题文案", "换主题文案", "改主题文案"),
            own.show,
            slash=("theme_words",),
            takes="optional",
            needs_group=False,
            consent=False,
            roles=places.ROLES | {"leader"},
            help="theme.help_words",
        ),
    ),
    buttons=BUTTONS,
    quotes={"theme": handlers.heard, "thm_word": own.said},
    asks=frozenset({"thm_word"}),
    undos={places.CHANGE: places.undo},
    plain=frozenset({"theme", *BUTTONS}),
    passes_on={"theme": rules.asks},
    events={CheckedIn: service.on_checked_in, TopicAnswered: service.on_answered},
    jobs=(
        JobSpec("theme", rules.THEME_MINUTE, jobs.plan_theme, grace_minutes=240, merges=True, speaks=jobs.speaks),
        JobSpec(
            "challenge",
            rules.CHALLENGE_MINUTE,
            jobs.plan_challenge,
            grace_minutes=120,
            merges=True,
            speaks=jobs.challenge_speaks,
        ),
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
