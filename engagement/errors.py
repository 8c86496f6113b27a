"""Expected noes and failures of the world.

``Refusal``: an expected no, answered with a text and logged at INFO. ``Fault``: the world failed; retried or apologised for
with a short code. Anything else that is raised is a bug.
"""

from __future__ import annotations


class Refusal(Exception):
    """An expected no.

    Attributes:
        key: the text that says so, e.g. ``points.not_leader``; empty = nothing is said.
        values: what the text needs.
    """

    def __init__(self, key: str, **values: object) -> None:
        """Say no with a text of prompts/texts."""
        super().__init__(key)
        self.key = key
        self.values = values


class Hushed(Refusal):
    """A no without words, to somebody who has been told: a stamp on his message in the group.

    Attributes:
        emoji: the stamp.
    """

    def __init__(self, emoji: str) -> None:
        """Say no with a stamp."""
        super().__init__("")
        self.emoji = emoji


class Fault(Exception):
    """The world failed (network, disk, platform); ``code`` is short and shown to people, e.g. ``D7``."""

    def __init__(self, code: str, detail: str = "") -> None:
        """Carry a code for people and a detail for the log (never message bodies or names)."""
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = code


class TooLarge(Exception):
    """A file that somebody sent has more bytes than are read."""


class Unfetchable(Exception):
    """The channel does not hand a file out; the message is a fixed word."""
