"""Acting from a page: the same commands that people type, run for who is signed in, about the group of the page.

The program fills :class:`Desk` in (bot.desk); the pages know only this port.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from engagement.kernel import Citation

DONE, REFUSED, REPEATED, FAULT, BUG = "done", "refused", "repeated", "fault", "bug"


@dataclass(frozen=True, slots=True)
class Line:
    """One answer, in plain words.

    Attributes:
        text: may have several lines; nothing in it is markup.
        buttons: (key, label); a key is pressed with :meth:`Desk.press`.
        document: (file name, words) of a file that goes with it.
        about: what an answer to it is about, when it is a question; goes back through :meth:`Desk.say`.
    """

    text: str
    buttons: tuple[tuple[str, str], ...] = ()
    document: tuple[str, str] | None = None
    citations: tuple[Citation, ...] = ()
    about: str = ""


@dataclass(frozen=True, slots=True)
class Said:
    """What came of it.

    Attributes:
        outcome: ``done``, ``refused``, ``repeated`` (this key was used before: nothing was changed), ``fault`` or ``bug``.
    """

    outcome: str
    lines: tuple[Line, ...] = ()

    @property
    def went_well(self) -> bool:
        """Say whether it is done, now or before."""
        return self.outcome in (DONE, REPEATED)


class Desk(Protocol):
    """Runs commands and buttons for a person, exactly as if they came in a private message about a group.

    Guards, consent, undo and everything that is sent to others are the same. The rights are looked up from the rows when
    the command runs: staff act in every group, a leader leads in hers only, others are neighbours where they are members;
    and they are never more than the session's, which may be a neighbour's while the person is more.
    """

    async def say(self, person_id: int, group_id: int, text: str, key: str, about: str = "", *, role: str = "") -> Said:
        """Run what somebody would type.

        Args:
            group_id: 0 = about no group.
            key: the form's own one-time id; the same words with the same key have one effect.
            about: what the words answer (``prefix:reference``), from a line or a row of ours, never from a browser unsigned.
            role: ``resident`` or ``leader`` where the session may be no more than that; empty for all that the rows say.
        """
        ...

    async def press(self, person_id: int, group_id: int, button: str, key: str, *, role: str = "") -> Said:
        """Press a button."""
        ...


class Subjects:
    """Signs what an answer is about, so that a browser can only bring back what it was given."""

    def __init__(self, secret: str) -> None:
        """Take the installation's secret."""
        self._key = secret.encode()

    def _mac(self, person_id: int, about: str) -> str:
        return hmac.new(self._key, f"about\0{person_id}\0{about}".encode(), hashlib.sha256).hexdigest()[:32]

    def seal(self, person_id: int, about: str) -> str:
        """Return the field's value; empty for nothing."""
        return f"{about}.{self._mac(person_id, about)}" if about else ""

    def open(self, person_id: int, sealed: str) -> str | None:
        """Read it; None if it is not ours or was given to somebody else."""
        if not sealed:
            return ""
        about, _, mac = sealed.rpartition(".")
        fits = hmac.compare_digest(mac.encode("utf-8", "replace"), self._mac(person_id, about).encode())
        return about if about and fits else None


def one_text(words: Sequence[str]) -> str:
    """Put a form's fields behind each other as one message; empty ones are left out."""
    return " ".join(
        part for part in (" ".join(word.split()) if "\n" not in word else word.strip() for word in words) if part
    )
