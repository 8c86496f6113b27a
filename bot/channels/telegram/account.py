"""The bot account that receives: its id and names, and how it is called in a group."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

CHANNEL = "telegram"


@dataclass(frozen=True, slots=True)
class Me:
    """The bot account that receives.

    Attributes:
        id: Telegram's id of the bot.
        username: without ``@``.
        reads_all: privacy mode is off; None when unknown.
        account: what stands in ``Incoming.account``.
        siblings: ids of the installation's other bot accounts: who quotes one of them means us.
        also: their names, small: who calls one of them means us too. Which of us answers is decided by the rows.
    """

    id: int
    username: str
    reads_all: bool | None = None
    account: str = ""
    siblings: frozenset[int] = frozenset()
    also: frozenset[str] = frozenset()
    mention: re.Pattern[str] = field(init=False)
    command: re.Pattern[str] = field(init=False)

    def __post_init__(self) -> None:
        """Prepare the patterns that find the bot's name."""
        names = sorted({self.username, *self.also} - {""})
        name = f"(?:{'|'.join(re.escape(one) for one in names)})" if names else r"(?!)"
        object.__setattr__(self, "account", self.account or str(self.id))
        object.__setattr__(self, "mention", re.compile(rf"(?<![\w@])@{name}(?!\w)", re.IGNORECASE | re.ASCII))
        object.__setattr__(self, "command", re.compile(r"^\s*/(\w{1,64})@(\w{1,64})", re.ASCII))
