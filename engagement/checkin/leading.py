"""The leader's 新增打卡, 停用打卡, 双倍日 and 冻结连签: arguments → service → reply; each can be taken back."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from engagement import actions
from engagement.checkin import catchup, freezes, handlers, pauses, rules, words
from engagement.errors import Refusal
from engagement.feature import Context
from engagement.kernel import Button, Reply, row_id, simplified
from prompts.loader import shown_day, texts

_SETTING, _FREEZE = "checkin_setting", "checkin_freeze"
_OFF = re.compile(r"取消|关闭?|不要了?|停|全部取消|清空")
_FESTIVALS = re.compile(r"(?:节日|节假日|过节)\s*(.*)")
_MOST_DAYS = 20


def add_topic(ctx: Context) -> Sequence[Reply]:
    """新增打卡 健身 3分 要照片 工作日 连签."""
    known = rules.topics_of(pauses.settings_of(ctx.here))
    made = words.read_topic(ctx.argument, known)
    before = [topic.kept() for topic in known]
    _keep_topics(ctx, [*(topic for topic in known if topic.key != made.key), made], made.key)
    values = {"topic": made.name, "points": made.points, "rules": handlers.rules_shown(made)}
    undo = actions.note(ctx, _SETTING, {"topics": before}, "checkin.did_topic_added", values)
    return [Reply("checkin.topic_added", values, buttons=[undo])]


def stop_topic(ctx: Context) -> Sequence[Reply]:
    """停用打卡 健身; what was checked in stays."""
    known = rules.topics_of(pauses.settings_of(ctx.here))
    topic = words.find(known, words.topic_name(ctx.argument))
    if topic is None or not topic.active:
        raise Refusal("checkin.topic_not_there", topic=words.topic_name(ctx.argument)[: words.LONGEST_NAME])
    before = [one.kept() for one in known]
    stopped = rules.Topic(**{**topic.kept(), "active": False})  # type: ignore[arg-type]
    _keep_topics(ctx, [stopped if one is topic else one for one in known], "")
    values = {"topic": topic.name}
    undo = actions.note(ctx, _SETTING, {"topics": before}, "checkin.did_topic_stopped", values)
    return [Reply("checkin.topic_off", values, buttons=[undo])]


def _keep_topics(ctx: Context, topics: Sequence[rules.Topic], changed: str) -> None:
    pauses.keep_settings(ctx, action="checkin.topics", topics=[topic.kept() for topic in topics])
    if changed:
        # A topic that begins again may count other days.
        catchup.begin(ctx, topic=changed)


def double(ctx: Context) -> Sequence[Reply]:
    """双倍日 12-12, 双倍日 取消, 双倍日 节日; alone it shows what is set."""
    settings = pauses.settings_of(ctx.here)
    kept = settings.get("double")
    days = sorted(day for day in kept if isinstance(day, str)) if isinstance(kept, list) else []
    coming = [day for day in days if day >= ctx.today.isoformat()]
    text = simplified(unicodedata.normalize("NFKC", ctx.argument)).strip()
    before = {"double": days, "festivals": settings.get("festivals") is True}
    if not text:
        return [_special_days(coming, festivals=before["festivals"] is True)]
    festivals = _FESTIVALS.fullmatch(text)
    if festivals:
        on = not _OFF.search(festivals.group(1))
        pauses.keep_settings(ctx, action="checkin.festivals", festivals=on or None)
        told = "checkin.did_festivals_on" if on else "checkin.did_festivals_off"
        undo = actions.note(ctx, _SETTING, before, told)
        return [Reply("checkin.festivals_on" if on else "checkin.festivals_off", buttons=[undo])]
    off = _OFF.match(text)
    rest = text[off.end() :].strip() if off else text
    day = words.read_day(rest, ctx.today, past=False) if rest else None
    if (day is None and rest) or (day is not None and not ctx.today <= day <= ctx.today + timedelta(days=366)):
        raise Refusal("checkin.double_how")
    if off:
        left = [one for one in coming if day is not None and one != day.isoformat()]
        if left == coming:
            raise Refusal("checkin.double_none")
        return [_doubled(ctx, left, before, "checkin.double_off", "")]
    assert day is not None
    if len(coming) >= _MOST_DAYS:
        raise Refusal("checkin.double_many", most=_MOST_DAYS)
    return [_doubled(ctx, sorted({*coming, day.isoformat()}), before, "checkin.double_on", shown_day(day))]


def _doubled(ctx: Context, days: list[str], before: Mapping[str, object], key: str, day: str) -> Reply:
    pauses.keep_settings(ctx, action="checkin.double", double=days or None)
    told = "checkin.did_double_on" if day else "checkin.did_double_off"
    undo = actions.note(ctx, _SETTING, before, told, {"day": day})
    return Reply(key, {"day": day, "days": _shown(days)}, buttons=[undo])


def _special_days(days: Sequence[str], *, festivals: bool) -> Reply:
    tails = ["checkin.double_festivals" if festivals else "checkin.double_no_festivals"]
    return Reply("checkin.double_list" if days else "checkin.double_empty", {"days": _shown(days)}, tails)


def _shown(days: Sequence[str]) -> str:
    return "、".join(shown_day(date.fromisoformat(day)) for day in days)


def freeze(ctx: Context) -> Sequence[Reply]:
    """冻结连签 2027-02-15 2027-02-21 春节; alone it shows what is frozen."""
    if not ctx.argument:
        rows = [_frozen(one.first_day, one.last_day, one.reason) for one in freezes.freezes(ctx)]
        return [Reply("checkin.freezes" if rows else "checkin.freezes_none", {"rows": rows})]
    if _OFF.fullmatch(simplified(ctx.argument.strip())):
        found = freezes.freezes(ctx)
        buttons = [
            Button(f"unfreeze:{one.id}", "checkin.did_freeze", _frozen(one.first_day, one.last_day, one.reason))
            for one in found
        ]
        if not buttons:
            raise Refusal("checkin.freezes_none")
        return [Reply("checkin.unfreeze_which", buttons=buttons)]
    first, last, reason = words.read_freeze(ctx.argument, ctx.today)
    made = freezes.freeze(ctx, first, last, reason)
    values = _frozen(first, last, reason)
    undo = actions.note(ctx, _FREEZE, {"pause": made}, "checkin.did_freeze", values)
    return [Reply("checkin.frozen", values, buttons=[undo])]


def unfreeze_button(ctx: Context) -> Sequence[Reply]:
    """A freeze was chosen to end."""
    if not ctx.actor.leader:
        raise Refusal("guard.leader_only")
    if not freezes.unfreeze(ctx, row_id(ctx.text)):
        raise Refusal("guard.old_button")
    return [Reply("checkin.unfrozen")]


def _frozen(first: date, last: date, reason: str) -> dict[str, object]:
    return {
        "first": shown_day(first),
        "last": shown_day(last),
        "days": (last - first).days + 1,
        "reason": reason or texts().raw("checkin.freeze_reason"),
    }


def undo_setting(ctx: Context, before: Mapping[str, Any]) -> Sequence[Reply]:
    """Put topics or special days back as they were."""
    known = {topic.key for topic in rules.topics_of(pauses.settings_of(ctx.here))}
    changed = {name: before[name] or None for name in ("double", "festivals", "topics") if name in before}
    if "topics" in changed:
        # A topic that was made meanwhile keeps its key, stopped: its check-ins stay what they are.
        there = [topic.kept() for topic in rules.topics_of({"topics": before["topics"]})]
        gone = known - {str(one["key"]) for one in there}
        now = rules.topics_of(pauses.settings_of(ctx.here))
        stopped = [{**topic.kept(), "active": False} for topic in now if topic.key in gone]
        changed["topics"] = [*there, *stopped]
    pauses.keep_settings(ctx, action="checkin.restored", **changed)
    if "topics" in changed and known:
        catchup.begin(ctx, topic=min(known) if len(known) == 1 else "")
    return [Reply("checkin.restored")]


def undo_freeze(ctx: Context, before: Mapping[str, Any]) -> Sequence[Reply]:
    """Take a freeze away again."""
    freezes.unfreeze(ctx, int(before["pause"]))
    return [Reply("checkin.unfrozen")]
