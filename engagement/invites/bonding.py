"""Nobody is his own inviter: what one of two persons who become one would get for having brought the other is void.

Source: ADR-0020.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlmodel import col, delete, select

from engagement.events import Bonded
from engagement.feature import Context
from engagement.invites.tables import Invitation, InviteClaim
from engagement.kernel import Reply
from storage.groups import Member


def on_bonded(ctx: Context, event: Bonded) -> Sequence[Reply]:
    """Drop invitations of the one by the other that are not paid yet, and links of the one that the other pressed."""
    two = (event.survivor_id, event.absorbed_id)
    resting = [one.member_id for one in event.shared]
    mine = [*resting, *ctx.session.exec(select(Member.id).where(col(Member.person_id).in_(two)))]
    ctx.session.execute(
        delete(Invitation).where(
            col(Invitation.inviter_id).in_(mine),
            col(Invitation.invited_id).in_(mine),
            col(Invitation.rewarded_on).is_(None),
        )
    )
    ctx.session.execute(
        delete(InviteClaim).where(col(InviteClaim.person_id).in_(two), col(InviteClaim.inviter_id).in_(mine))
    )
    return ()
