"""每日话题: a question a day that neighbours answer for points."""

from __future__ import annotations

from engagement.events import Bonded, DayLookedAt, Parted, PostCleared, PostWithdrawn
from engagement.feature import Command, Feature, PersonalData
from engagement.pushes import JobSpec
from engagement.topic import bonding, handlers, held, jobs, kinds, rules, service

_LEADER = frozenset({"leader"})

FEATURE = Feature(
    name="topic",
    commands=(
        Command(
            "topic.today",
            ("今日话题", "今天话题", "今天的话题", "每日话题", "看话题", "今天聊啥"),
            handlers.show_today,
            asked="shown",
            slash=("topic",),
            consent=False,
            help="topic.help_today",
        ),
        Command(
            "topic.say",
            ("话题", "聊话题", "答话题", "回答话题"),
            handlers.say,
            slash=("say",),
            takes="optional",
            quotes=True,
            help="topic.help_say",
        ),
        Command(
            "topic.tomorrow",
            ("明日话题", "明天话题", "明天的话题"),
            handlers.show_tomorrow,
            slash=("topic_tomorrow",),
            consent=False,
            roles=_LEADER,
            help="topic.help_tomorrow",
        ),
        Command(
            "topic.swap",
            ("换话题", "换个话题", "换一个话题"),
            handlers.swap,
            slash=("topic_swap",),
            consent=False,
            roles=_LEADER,
        ),
        Command(
            "topic.skip", ("跳过话题", "不发话题"), handlers.skip, slash=("topic_skip",), consent=False, roles=_LEADER
        ),
        Command(
            "topic.restore",
            ("恢复话题", "撤销跳过", "取消跳过"),
            handlers.restore,
            slash=("topic_restore",),
            consent=False,
            roles=_LEADER,
        ),
        Command(
            "topic.kind",
            ("群类型", "群类别"),
            kinds.choose,
            slash=("topic_kind",),
            takes="optional",
            consent=False,
            roles=_LEADER,
            help="topic.help_kind",
        ),
        Command(
            "topic.write",
            ("写话题", "自己写话题", "出话题"),
            handlers.write,
            slash=("topic_write",),
            takes="required",
            quotes=True,
            consent=False,
            roles=_LEADER,
            help="topic.help_write",
        ),
    ),
    buttons={
        "topic_swap": handlers.swap,
        "topic_skip": handlers.skip,
        "topic_restore": handlers.restore,
        "topic_write": handlers.ask_words,
        "topic_kind": kinds.choose_button,
    },
    quotes={"topic": handlers.quote, "topic_write": handlers.write_quoted},
    passes_on={"topic": rules.asks_service},
    ends=frozenset({"topic_write"}),
    events={
        DayLookedAt: handlers.glance,
        PostCleared: held.on_cleared,
        PostWithdrawn: held.on_withdrawn,
        Bonded: bonding.on_bonded,
        Parted: bonding.on_parted,
    },
    undos={handlers.CHANGE: handlers.undo, kinds.CHANGE: kinds.undo},
    jobs=(
        JobSpec(service.KIND, rules.PUSH_MINUTE, jobs.plan_topic, grace_minutes=240, merges=True),
        JobSpec("topic_summary", rules.SUMMARY_MINUTE, jobs.plan_summary, grace_minutes=120, yields=True),
    ),
    personal_data=(
        PersonalData(
            "topic_answer",
            ("text",),
            "topic.purpose_answers",
            export=service.export_answers,
            erase=service.erase_answers,
            count=service.count_answers,
        ),
    ),
    help="topic.help",
)
