"""How a campaign's progress is put into words, or into figures for a program."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from bot.push_words import word
from prompts.loader import texts

if TYPE_CHECKING:
    from scheduler.campaigns import Progress, Standing


def for_programs(found: list[Standing], progress: Progress) -> dict[str, Any]:
    """Return the figures as JSON values."""
    return {"campaigns": [_figures(one) for one in found], "progress": _pace(progress)}


def in_words(found: list[Standing], progress: Progress) -> list[str]:
    """Say in words how it stands."""
    lines = []
    for one in found:
        counts = " ".join(f"{word('state', state)} {count}" for state, count in sorted(one.counts.items()))
        values = {
            "campaign": _named(one),
            "state": word("campaign", one.state),
            "counts": counts or texts().raw("push.no_rows"),
        }
        lines.append(texts().fill("push.standing", values))
        for name, count in sorted(one.reasons.items()):
            state, _, reason = name.partition(":")
            why = {"state": word("state", state), "reason": word("reason", reason), "count": count}
            lines.append(texts().fill("push.why", why))
    return lines + _rest(progress)


def _rest(one: Progress) -> list[str]:
    """Say what is still to go out and how long that takes; nothing when all has gone."""

    def line(key: str, **values: object) -> None:
        lines.append(texts().fill(f"push.{key}", values))

    lines: list[str] = []
    if one.held:
        line("rest_held", count=one.held)
    if one.ready:
        if one.seconds is None:
            line("rest_ready", count=one.ready)
            line("rest_unknown" if one.driven else "rest_nobody")
        else:
            until = (datetime.now(UTC) + timedelta(seconds=one.seconds)).astimezone()
            line("rest_eta", count=one.ready, left=_duration(one.seconds), until=f"{until:%H:%M:%S}")
            if one.pace is not None:
                line("rest_pace", pace=f"{one.pace:.1f}", over=round(one.measured_over))
            if one.floor is not None:
                line("rest_floor", least=_duration(one.floor))
            if one.queue > one.ready:
                line("rest_queue", count=one.queue - one.ready)
    if one.asked:
        line("rest_asked", count=one.asked)
    if one.later and one.later_from is not None:
        line("rest_later", count=one.later, at=f"{one.later_from.astimezone():%m-%d %H:%M}")
    if one.too_late:
        line("rest_too_late", count=one.too_late)
    return lines


def _duration(seconds: float) -> str:
    whole = max(1, round(seconds))
    if whole < 60:
        return texts().fill("push.seconds", {"seconds": whole})
    if whole < 3600:
        return texts().fill("push.minutes", {"minutes": whole // 60, "seconds": whole % 60})
    return texts().fill("push.hours", {"hours": whole // 3600, "minutes": whole % 3600 // 60})


def _named(one: Standing) -> str:
    """Name a campaign for people; its key stands beside the name, since that is what the commands take."""
    return texts().fill("push.named", {"name": one.name or word("kind", one.kind), "campaign": one.key})


def _figures(one: Standing) -> dict[str, Any]:
    return {
        "campaign": one.key,
        "kind": one.kind,
        "name": one.name or word("kind", one.kind),
        "state": one.state,
        "counts": one.counts,
        "reasons": one.reasons,
        "next_utc": one.next_at.isoformat(timespec="seconds") if one.next_at else None,
    }


def _pace(one: Progress) -> dict[str, Any]:
    return {
        "ready": one.ready,
        "queue": one.queue,
        "later": one.later,
        "later_from_utc": one.later_from.isoformat(timespec="seconds") if one.later_from else None,
        "later_until_utc": one.later_until.isoformat(timespec="seconds") if one.later_until else None,
        "asked": one.asked,
        "held": one.held,
        "too_late": one.too_late,
        "per_second": round(one.pace, 2) if one.pace is not None else None,
        "floor_seconds": round(one.floor, 1) if one.floor is not None else None,
        "seconds_left": round(one.seconds, 1) if one.seconds is not None else None,
        "driven": one.driven,
    }
