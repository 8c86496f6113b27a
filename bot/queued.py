"""A message in the outbox: what is to be sent is written down in the transaction that decided it, and sent after its commit."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from engagement.kernel import Outgoing
from storage import outbox
from storage.engine import Session


@dataclass(frozen=True, slots=True)
class Queued:
    """A message to send: its outbox row and content; without a row (0) the page that asked shows it, and it is not sent.

    Attributes:
        since: when it was written, by which it grows old; None = just now.
    """

    outbox_id: int
    message: Outgoing
    since: datetime | None = None

    @property
    def is_shown(self) -> bool:
        """Say whether it goes back to the page instead of out."""
        return not self.outbox_id

    def named(self) -> Outgoing:
        """Return the message with the name of its row, which tells it from another one of the same words."""
        return replace(self.message, row=f"outbox:{self.outbox_id}") if self.outbox_id else self.message


def queue(session: Session, key: str, message: Outgoing, now: datetime) -> Queued:
    """Put a message into the outbox.

    Args:
        key: natural key of the message; the same one is not put twice.
    """
    row = outbox.put(
        session,
        key=key,
        channel=message.channel,
        account=message.account,
        conversation=message.conversation,
        kind=message.kind.value,
        body=message.dump(),
        created_at=now,
    )
    return Queued(row, message, now)
