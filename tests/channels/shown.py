"""What a person sees on a channel, whichever it is; and what somebody does there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum


@dataclass(frozen=True)
class Shown:
    """One thing that a person sees.

    Attributes:
        text: the words as they are read, without markup; ``links``: what of them can be tapped and leads somewhere.
        buttons: keys, in order; ``where``: what the platform calls the message.
        picture, document: it is one, or has one.
    """

    text: str = ""
    buttons: tuple[str, ...] = ()
    where: str = ""
    picture: bool = False
    document: str = ""
    quotes: str = ""
    links: tuple[str, ...] = ()


class Trouble(StrEnum):
    """How a platform fails at the next call that says something."""

    ERROR = "error"
    CUT = "cut"
    SLOW = "slow"
    BUSY = "busy"
    EXPIRED = "expired"


Again = Callable[[], Awaitable[object]]
"""The platform tells the same event once more."""


@dataclass
class Talk:
    """A person's private chat: everything seen so far, and how far it was read."""

    who: str
    read: int = 0
    news: list[Shown] = field(default_factory=list)

    @property
    def text(self) -> str:
        """All the news in one."""
        return "\n".join(one.text for one in self.news)
