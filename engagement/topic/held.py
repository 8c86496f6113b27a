"""Answers that were hidden when they came in, and what people decided about them since."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import update
from sqlmodel import col

from engagement.events import PostCleared, PostWithdrawn, TopicAnswered
from engagement.feature import Context
from engagement.kernel import Reply, row_id
from engagement.points.service import award
from engagement.topic import rules, service
from engagement.topic.tables import TopicAnswer, TopicDay
from storage.groups import Member


def on_cleared(ctx: Context, event: PostCleared) -> Sequence[Reply]:
    """An answer that was hidden counts after all, unless its author has answered otherwise meanwhile.

    An insult stays out of the evening's summary: whoever let it pass did not choose it to be said once more by the bot.
    """
    row = ctx.session.get(TopicDay, row_id(event.reference)) if event.activity == service.KIND else None
    member = ctx.session.get(Member, event.member_id)
    if row is None or row.id is None or member is None or member.account_id is None:
        return ()
    if member.bonded_to is not None and service.enter(ctx, row.id, member.bonded_to, "", by_bond=True) is None:
        return ()  # he has answered as the one person that he is
    if service.enter(ctx, row.id, event.member_id, event.text if event.repeated else "") is None:
        return ()
    award(
        ctx,
        kind=service.KIND,
        key=rules.award_key(row.group_id, event.member_id, row.local_date),
        amount=rules.points_of(ctx.here.settings),
        member_id=event.member_id,
        account_id=member.account_id,
    )
    ctx.emit(TopicAnswered(row.group_id, event.member_id, member.account_id, row.local_date))
    return ()


def on_withdrawn(ctx: Context, event: PostWithdrawn) -> Sequence[Reply]:
    """The words go out of the evening's summary again; that it counted stays."""
    if event.activity == service.KIND:
        ctx.session.execute(
            update(TopicAnswer)
            .where(
                col(TopicAnswer.topic_day_id) == row_id(event.reference), col(TopicAnswer.member_id) == event.member_id
            )
            .values(text="")
        )
    return ()
