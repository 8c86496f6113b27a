"""活动: the calendar of campaigns, and who decides what about them."""

from __future__ import annotations

from dataclasses import replace

from engagement.campaigns import (
    control,
    echoes,
    editing,
    handlers,
    jobs,
    kinds,
    privacy,
    progress,
    service,
    trials,
    words,
)
from engagement.campaigns.charge import ROLES
from engagement.campaigns.choices import CHANGE, KIND, NIGHT
from engagement.campaigns.rules import GRACE_MINUTES, asks
from engagement.events import Quoted
from engagement.feature import Command, Feature, Handler, PersonalData, Slow
from engagement.pushes import JobSpec
from engagement.rhythm import Rhythm

_LEADER = frozenset({"leader"})


def _numbered(
    name: str, said: tuple[str, ...], numbered: tuple[str, ...], handler: Handler | Slow, roles: frozenset[str]
) -> Command:
    """Return a command about one campaign: 「不参加 3」, in private only; alone it says how."""
    with_number = tuple(dict.fromkeys((*numbered, *said)))
    return Command(
        f"campaigns.{name}", said, handler, numbered=with_number, needs_group=False, roles=roles, consent=False
    )


def _rhythm(kind: str) -> Rhythm:
    """Return when a kind of push is due, and what pictures it goes with."""
    return replace(service.rhythm_of(kind), cards=jobs.posters)


COMMANDS = (
    Command(
        "campaigns.calendar",
        ("活动", "活动日历", "最近活动", "活动安排"),
        handlers.calendar_,
        asked="shown",
        numbered=("活动",),
        slash=("events",),
        needs_group=False,
        consent=False,
        help="campaigns.help_calendar",
    ),
    _numbered("leave", ("不参加活动",), ("不参加", "退出活动"), handlers.leave, _LEADER),
    _numbered("join", ("重新参加活动",), ("参加", "参加活动"), handlers.join, _LEADER),
    _numbered("move", ("活动换日子",), ("换日子", "推迟", "推遲"), handlers.move, _LEADER),
    _numbered("try", ("试发活动",), ("试发",), handlers.trial, ROLES | _LEADER),
    _numbered("words", ("换活动文案",), ("换文案", "改文案"), editing.typed, _LEADER),
    Command(
        "campaigns.unwanted",
        (*words.kind_words(words.WANT_NOT), "不要的活动"),
        kinds.typed,
        slash=("unwanted",),
        roles=_LEADER,
        consent=False,
        help="campaigns.help_unwanted",
    ),
    Command("campaigns.wanted", words.kind_words(words.WANT), kinds.typed, roles=_LEADER, consent=False),
    Command(
        "campaigns.night",
        ("深夜福利", "深夜福利开", "深夜福利关", "打开深夜福利", "关闭深夜福利"),
        kinds.night,
        slash=("night",),
        roles=_LEADER,
        consent=False,
        help="campaigns.help_night",
    ),
    Command(
        "campaigns.course",
        ("课程", "新手课程", "七天课程"),
        kinds.course,
        slash=("course",),
        roles=_LEADER,
        consent=False,
        help="campaigns.help_course",
    ),
    _numbered("drafts", ("活动草稿", "待批准活动"), (), control.drafts, ROLES),
    _numbered("approve", ("批准活动",), ("批准",), control.approve, ROLES),
    _numbered("back", ("退回活动",), ("退回",), control.back, ROLES),
    _numbered("progress", ("活动进度", "推送进度"), (), progress.SHOW, ROLES),
    _numbered("pause", ("暂停这个活动",), ("暂停活动",), handlers.pause, ROLES | _LEADER),
    _numbered("resume", ("恢复这个活动",), ("恢复活动",), handlers.resume, ROLES | _LEADER),
    _numbered("cancel", ("取消活动", "取消这个活动"), (), handlers.cancel, ROLES | _LEADER),
)

BUTTONS: dict[str, Handler | Slow] = {
    "cal_show": handlers.show_button,
    "cal_leave": handlers.leave_button,
    "cal_join": handlers.join_button,
    "cal_move": handlers.move_button,
    "cal_shift": handlers.shift_button,
    "cal_try": trials.button,
    "cal_kinds": kinds.page_button,
    "cal_kind": kinds.button,
    "cal_night": kinds.night_button,
    "cal_dark": kinds.night_switch,
    "cal_words": editing.begin,
    "cal_word": editing.ask_button,
    "cal_reset": editing.reset_button,
    "cal_keep": editing.keep_button,
    "cal_draft": control.show_button,
    "cal_trial": control.trial,
    "cal_approve": control.approve,
    "cal_back": control.back,
    "cal_pause": control.pause,
    "cal_resume": control.resume,
    "cal_cancel": control.cancel,
    "cal_end": control.end,
    "cal_progress": progress.SHOW,
    "cal_in": echoes.pressed,
}

FEATURE = Feature(
    name="campaigns",
    commands=COMMANDS,
    buttons=BUTTONS,
    quotes={"cal_word": editing.said, "campaign": echoes.heard},
    passes_on={"campaign": asks},
    events={Quoted: echoes.on_quoted},
    asks=frozenset({"cal_word"}),
    plain=frozenset({*BUTTONS, "cal_word"}),
    undos={
        CHANGE: handlers.undo_choice,
        KIND: kinds.undo_kind,
        NIGHT: kinds.undo_night,
        editing.CHANGE: editing.undo_words,
    },
    jobs=(
        JobSpec(
            service.GROUPS,
            0,
            jobs.plan_groups,
            GRACE_MINUTES,
            rhythm=_rhythm(service.GROUPS),
            merges=True,
            speaks=jobs.speaks,
        ),
        JobSpec(
            service.NIGHT,
            0,
            jobs.plan_groups,
            GRACE_MINUTES,
            ignores_quiet=True,
            rhythm=_rhythm(service.NIGHT),
            speaks=jobs.speaks,
        ),
        JobSpec(
            service.LEADERS,
            0,
            jobs.plan_leaders,
            GRACE_MINUTES,
            unasked=False,
            rhythm=_rhythm(service.LEADERS),
            merges=True,
            private=True,
        ),
    ),
    personal_data=(
        PersonalData(
            "calendar_plan",
            ("written_by", "written_at", "approved_by", "approved_at"),
            "campaigns.purpose_plans",
            privacy.export_plans,
            privacy.erase_plans,
        ),
        PersonalData(
            "wording",
            ("written_by", "written_at", "text"),
            "campaigns.purpose_wordings",
            privacy.export_wordings,
            privacy.erase_wordings,
        ),
        PersonalData(
            "calendar_echo",
            ("member_id", "answers", "first_at"),
            "campaigns.purpose_echoes",
            echoes.export_echoes,
            echoes.erase_echoes,
        ),
    ),
    help="campaigns.help",
)
