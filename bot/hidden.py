"""A leader whom the platform hides: a press shows who it is, where the words did not.

Telegram tells nobody who writes as an anonymous administrator, but always who presses a button. So a leader's command of such a
sender is answered with one button, which brings the same words again, this time in the name of whoever presses it: with his
own rights, as if he had typed them.

Source: F130; CHANNELS (anonymous admins); Telegram Bot API (CallbackQuery.from).
"""

from __future__ import annotations

from dataclasses import replace

from bot.routing import Routes
from engagement.errors import Hushed, Refusal
from engagement.guards import UNKNOWN, UNKNOWN_STAMP
from engagement.kernel import Button, Event, Incoming, Place, Reply

ASKED = "guard.anonymous_press"
_PREFIX = "as:"
_LONGEST = 64
"""Bytes of a button's key, inclusive."""


def asked(routes: Routes, incoming: Incoming, refusal: Refusal) -> Reply | None:
    """Return what is said instead of a no to a hidden administrator's command; None when the no stands."""
    unknown = refusal.key == UNKNOWN or (isinstance(refusal, Hushed) and refusal.emoji == UNKNOWN_STAMP)
    if not unknown or not incoming.sender_is_admin or incoming.event is not Event.MESSAGE:
        return None
    target = routes.command(incoming.text)
    key = _PREFIX + incoming.text
    if target is None or target.command is None or "leader" not in target.command.roles:
        return None
    if incoming.place is not Place.GROUP or len(key.encode("utf-8", "replace")) > _LONGEST:
        return None
    return Reply(ASKED, buttons=[Button(key, "guard.button_me")])


def typed(incoming: Incoming) -> Incoming | None:
    """Return the words that a press stands for, as the presser's; None for every other button."""
    if incoming.event is not Event.BUTTON or not incoming.button.startswith(_PREFIX):
        return None
    return replace(incoming, text=incoming.button.removeprefix(_PREFIX))
