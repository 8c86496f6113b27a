"""What a mass-send's row means for the leader who reads about it. Pure."""

from __future__ import annotations

STATES = {"making": "asking", "unknown": "asking", "awaiting": "awaiting", "sent": "sent"}
SAID = {"declined": "declined", "not_confirmed": "not_confirmed"}


def stands(state: str, reason: str) -> str:
    """Return how a row stands: ``asking``, ``awaiting``, ``sent``, ``declined``, ``not_confirmed`` or ``failed``."""
    return SAID.get(reason) or STATES.get(state, "failed")


def can_be_declined(state: str, reason: str) -> bool:
    """Say whether a no still changes anything; ``state`` is empty while nobody was asked."""
    return stands(state, reason) in ("asking", "awaiting") or not state


def is_worth_telling(state: str, reason: str) -> bool:
    """Say whether a day ended without the group's message, and not because the leader wanted it so."""
    return reason not in ("declined", "called_back") and state in ("recalled", "refused")
