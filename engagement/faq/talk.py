"""What is said to words that ask for nothing to be looked up: a greeting, the clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from engagement import calendar
from engagement.faq import complaints, rules, service
from engagement.feature import Context
from engagement.kernel import Reply
from prompts.loader import texts
from storage import outbox
from storage.documents import Question

_HOME = "Asia/Shanghai"
"""Whose clock it is in private, for who is in no group."""
_HELLO, _GREETED = "faq:hello", timedelta(hours=12)
"""Subject of the bot's introduction, and how long who is in no group is not told it again."""
NO_GROUP: Mapping[str, object] = {"group": None}
"""Values of what is said of no group: in private it needs no word about which one."""


def polite(ctx: Context, kind: str) -> Reply:
    """Answer words that ask for nothing; ``kind`` as :func:`rules.courtesy` says it."""
    if kind in ("hello", "how"):
        return _hello(ctx, asks=kind == "how")
    waits = kind == "nothing_open" and service.waiting_of(ctx)
    return Reply("faq.still_waiting" if waits else f"faq.{kind}", NO_GROUP, subject="faq:talk")


def plain(ctx: Context, question: str) -> Reply | None:
    """Answer what no knowledge base can: the time, what only leaders may do, why the leader is silent; None for all else."""
    kind = rules.clock(question)
    if kind:
        return clock(ctx, kind)
    if rules.begs_points(question) and not ctx.actor.leader:
        return Reply("faq.points_wish", NO_GROUP, subject="faq:talk")
    if rules.expels(question):
        return Reply("faq.expel_leader" if ctx.actor.leader else "faq.expel", NO_GROUP, subject="faq:talk")
    waits = service.waiting_of(ctx) if rules.awaits(question) else ()
    return _still(ctx, waits) if waits else None


def _still(ctx: Context, waits: Sequence[Question]) -> Reply:
    """Tell who wonders why the leader is silent that nothing is lost, and until when a complaint has its answer.

    What he asked is not said again: it may have been asked in private.
    """
    leader = service.leader_name(ctx.session, ctx.here.id) or texts().raw("faq.leader")
    promises = [complaints.promise(one.text, one.asked_at, ctx.here.zone, ctx.now) for one in waits]
    first: Mapping[str, object] = next(filter(None, promises), {})
    tails = ["faq.waits_until"] if first else []
    return Reply("faq.waits_still", {"leader": leader, **first}, tails, subject="faq:talk")


def _hello(ctx: Context, *, asks: bool) -> Reply:
    """Introduce the bot, once; who knows it, or was told here just now, is greeted as neighbours greet each other."""
    known = ctx.actor.account_id is not None and not ctx.actor.first_time
    if asks or not (known or _introduced(ctx)):
        return Reply("faq.hello", NO_GROUP, subject=_HELLO)
    part = rules.part_of_day(calendar.local_minute(ctx.now, ctx.group.zone if ctx.group is not None else _HOME))
    greeting = texts().raw(f"faq.greeting_{part}")
    key = ctx.rng.choice(("faq.hello_again", "faq.hello_again_here", "faq.hello_again_ask"))
    return Reply(key, {**NO_GROUP, "greeting": greeting}, subject="faq:talk")


def _introduced(ctx: Context) -> bool:
    incoming = ctx.incoming
    return _HELLO in outbox.last_subjects(
        ctx.session,
        channel=incoming.channel,
        account=incoming.account,
        conversation=incoming.conversation,
        since=ctx.now - _GREETED,
        until=ctx.now,
    )


def clock(ctx: Context, kind: str) -> Reply:
    """Say what the clock of the group says."""
    zone = ctx.group.zone if ctx.group is not None else _HOME
    minute = calendar.local_minute(ctx.now, zone)
    if kind == "time":
        time = f"{minute // 60}:{minute % 60:02d}"
        return Reply("faq.clock_time", {**NO_GROUP, "time": time}, subject="faq:talk")
    day = calendar.local_day(ctx.now, zone) + timedelta(days=int(kind == "tomorrow"))
    weekday = texts().raw(f"faq.weekday_{day.isoweekday()}")
    key = "faq.clock_tomorrow" if kind == "tomorrow" else "faq.clock_day"
    values = {**NO_GROUP, "month": day.month, "day": day.day, "weekday": weekday}
    return Reply(key, values, subject="faq:talk")
