"""本月主题, 挑战 and the leader's 主题预告: service → words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from engagement.feature import Context
from engagement.kernel import Kind, Reply
from engagement.theme import rules, service, words
from prompts.packs import Month
from storage import identities, wordings


def _figures(ctx: Context, month: Month) -> Mapping[str, object]:
    group = ctx.here
    leader = identities.leader_names(ctx.session, [group.id]).get(group.id, "")
    return words.figures(month, group.name, leader)


def show_month(ctx: Context) -> Sequence[Reply]:
    """本月主题: what, how, and this week's beat."""
    month = service.month_of(ctx.today)
    figures = _figures(ctx, month)
    values: dict[str, object] = {
        "month": month.month,
        "name": month.name,
        "slogan": month.slogan,
        "challenge": month.challenge.name,
        "rule": words.lines(month.challenge.rule, figures),
    }
    beat = rules.beat_of(month, ctx.today)
    if beat is None:
        return [Reply("theme.month", values, ["theme.month_end"])]
    slot = rules.slot(month, rules.Part("beat", beat))
    text = wordings.own(ctx.session, [slot], [ctx.here.id]).get((slot, ctx.here.id)) or beat.text
    values |= {"title": beat.title, "body": words.lines(text, figures)}
    return [Reply("theme.month", values, ["theme.month_beat", "theme.month_end"])]


def show_standing(ctx: Context) -> Sequence[Reply]:
    """挑战: my standing and the first five."""
    month = service.month_of(ctx.today)
    challenge = month.challenge
    mine = service.standing(ctx)
    values = {
        "name": ctx.actor.name,
        "challenge": challenge.name,
        "target": challenge.target,
        "reward_points": challenge.reward_points,
        "points": mine.points,
        "days": mine.days,
        "answers": mine.answers,
        "rank": mine.rank,
        "left": mine.left,
        "board": [{"rank": one.rank, "name": one.name, "points": one.points} for one in mine.top],
    }
    tails = ["theme.board"] if mine.top else []
    if mine.completed:
        how = "theme.standing_paid" if mine.rewarded else "theme.standing_done"
    elif not mine.reachable:
        how = "theme.standing_late"
    else:
        how = "theme.standing_left"
    if mine.points == 0:
        return [Reply("theme.standing_none" if mine.reachable else "theme.standing_none_late", values, tails)]
    return [Reply("theme.standing", values, [how, *tails])]


def heard(ctx: Context) -> Sequence[Reply]:
    """Words that quote the opening or a beat: it asked for a dish, not for a question to the leader."""
    return [Reply("theme.heard", {"name": ctx.actor.name}, kind=Kind.REACTION, emoji="👍")]


def show_next(ctx: Context) -> Sequence[Reply]:
    """主题预告: next month, for the leader."""
    month = service.month_of(rules.next_month(ctx.today))
    values = {
        "group": None,
        "month": month.month,
        "name": month.name,
        "slogan": month.slogan,
        "challenge": month.challenge.name,
        "goal": words.lines(month.challenge.goal_text, _figures(ctx, month)),
        "beats": [{"day": beat.day, "title": beat.title} for beat in month.beats],
    }
    return [Reply("theme.next", values, ["theme.next_opens" if ctx.here.speaks else "theme.next_opens_quiet"])]
