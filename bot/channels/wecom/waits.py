"""How long a mass-send waits for its leader, and what delivery is told meanwhile.

Source: ADR-0019.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

from bot.channels.wecom.settings import WecomSettings
from engagement.calendar import instant_of, month_end
from engagement.kernel import Outcome, Receipt
from storage.mass_sends import AWAITING, ZONE, Asked

_A_LITTLE = timedelta(minutes=10)


class Waits:
    """The times of one company's settings."""

    def __init__(self, settings: WecomSettings) -> None:
        """Take them."""
        self._settings = settings

    def ends(self, row: Asked) -> datetime:
        """Return until when a row's leader is waited for."""
        return self.until(row.local_date, row.asked_at)

    def until(self, day: date, asked_at: datetime) -> datetime:
        """Return until when a leader is waited for: some hours, and no longer than the evening of that day."""
        evening = instant_of(day, self._settings.recall_hour * 60, ZONE)
        return min(asked_at + timedelta(hours=self._settings.wait_hours), max(evening, asked_at + _A_LITTLE))

    def most(self, day: date) -> int:
        """Return how many mass-sends a group may have in a day's month."""
        return self._settings.mass_sends_a_month or month_end(day).day

    @property
    def soon(self) -> timedelta:
        """Return within how long a delivery that waits has asked again."""
        return 2 * timedelta(seconds=self._settings.poll_seconds) + _A_LITTLE

    def wait(self, row: Asked) -> Receipt:
        """Say that the leader is waited for: a little longer than that, so that the row hears that nobody tapped."""
        until = self.ends(row) + self.soon
        return Receipt(Outcome.RETRY, retry_after=self._settings.poll_seconds, reason=AWAITING, held_until=until)

    def later(self, why: str, until: datetime | None = None) -> Receipt:
        """Say that it is not known yet how it stands, and is not to end before ``until`` and a little."""
        held = None if until is None else until + self.soon
        return Receipt(Outcome.RETRY, retry_after=30.0, reason=why, held_until=held)
