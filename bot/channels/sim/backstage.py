"""What the sample weeks need of the program beside its chats; everything else in them is said and pressed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import date


@dataclass(slots=True)
class Backstage:
    """Where the sample weeks pull a rope; what is None is not there.

    Attributes:
        appoint: (group, local day → id in the bank): says what the sample weeks talk about; None: the bank does.
        examine: asks a share of the sample's golden cases; None: there is no base to ask.
        unite: puts the sample groups into one region, so that its weeks are counted as they close.
    """

    appoint: Callable[[str, Mapping[date, str]], Awaitable[None]] | None = None
    examine: Callable[[float], Awaitable[None]] | None = None
    unite: Callable[[], Awaitable[None]] | None = None
