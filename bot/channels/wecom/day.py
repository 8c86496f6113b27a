"""A group's message of a day: which pushes it says, named without their words."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bot.channels.wecom import CHANNEL
from engagement.calendar import local_day
from engagement.kernel import Outcome, Outgoing, Receipt, Section
from storage.mass_sends import ZONE, Asked


@dataclass(frozen=True, slots=True)
class Day:
    """What one send is about; ``parts`` in the order of the message and its ``more``."""

    message: Outgoing
    now: datetime
    parts: tuple[str, ...]

    def find(self) -> dict[str, Any]:
        """Return what the group's row of the day is found by."""
        return {
            "channel": CHANNEL,
            "account": self.message.account,
            "conversation": self.message.conversation,
            "local_date": local_day(self.now, ZONE),
        }


def parts_of(message: Outgoing) -> tuple[str, ...]:
    """Name the pushes that a message says, without their words: the text's key, and a digest of what fills it."""
    said: list[Outgoing | Section] = [message, *message.more]
    return tuple(f"{one.key}#{_digest(one)}" for one in said)


def _digest(one: Outgoing | Section) -> str:
    filled = json.dumps([one.values, list(one.tails)], sort_keys=True)
    return hashlib.sha256(filled.encode()).hexdigest()[:12]


def told(work: Day, row: Asked) -> Receipt:
    """Say that the group has the day's message, and which of these were no parts of it."""
    unsaid: Sequence[int] = [number for number, part in enumerate(work.parts) if part not in row.parts]
    if len(unsaid) == len(work.parts):
        return Receipt(Outcome.REJECTED, reason="said_today")
    reason = "said_today" if unsaid else ""
    return Receipt(Outcome.SENT, provider_id=row.provider_id, unsaid=tuple(unsaid), reason=reason)
