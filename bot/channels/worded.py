"""What a channel needs of a rendered message: texts within its limits, and buttons or numbers as it can show them.

A port, since rendering and channels are strangers to each other; :class:`bot.rendering.render.Rendered` is what comes.

Source: DESIGN 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Labelled(Protocol):
    """A button as a person sees it."""

    @property
    def key(self) -> str:
        """What it sends back."""
        ...

    @property
    def label(self) -> str:
        """What it shows."""
        ...

    @property
    def settles(self) -> bool:
        """It answers the question it stands under."""
        ...


class Worded(Protocol):
    """A rendered message."""

    @property
    def parts(self) -> Sequence[str]:
        """Texts within the channel's limit, one under the other."""
        ...

    @property
    def text(self) -> str:
        """All words."""
        ...

    @property
    def html(self) -> bool:
        """The texts are escaped, with ``<b>`` and links as the only markup."""
        ...

    @property
    def buttons(self) -> Sequence[Sequence[Labelled]]:
        """Rows of buttons under the last text; empty where the channel has none."""
        ...

    @property
    def numbered(self) -> Sequence[str]:
        """Keys of the numbered choices in the text; the first is number 1."""
        ...

    @property
    def captioned(self) -> bool:
        """The first text fits under a picture or a file."""
        ...
