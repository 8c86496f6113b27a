"""Thumbs of persons who become one: of two under one answer and day the earlier stands, and parting brings the other not back.

Source: F64, ADR-0020.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlmodel import col, select

from engagement.events import Bonded
from engagement.faq import tallies
from engagement.feature import Context
from engagement.kernel import Reply
from storage import bonds
from storage.learning import Feedback


def on_bonded(ctx: Context, event: Bonded) -> Sequence[Reply]:
    """Take the later ones off the figures of their day."""
    for one in event.shared:
        rows = ctx.session.exec(
            select(Feedback)
            .where(col(Feedback.member_id).in_(bonds.with_resting(ctx.session, [one.into_id])))
            .order_by(col(Feedback.id))
        )
        stands = set()
        for row in rows.all():
            key = row.document_id, row.entry, row.local_date
            if key in stands:
                helped, missed = -int(row.verdict > 0), -int(row.verdict < 0)
                tallies.count(ctx.session, row.group_id, row.local_date, helped=helped, missed=missed)
                ctx.session.delete(row)
            stands.add(key)
    ctx.session.flush()
    return ()
