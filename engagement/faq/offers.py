"""A sentence that means a command which would change something: it brings the command's button, never its effect.

Source: F62; FAULTS A13.
"""

from __future__ import annotations

from collections.abc import Sequence

from engagement.feature import DO, Context
from engagement.kernel import Button, Place, Reply


def offer(ctx: Context) -> Sequence[Reply]:
    """Say how it is done; who presses does it for himself.

    In a group the rights over one's own data have no button: a neighbour who presses it would mean something else.
    """
    command = next(one for feature in ctx.features for one in feature.commands if one.name == ctx.argument)
    word = command.words[0]
    if ctx.incoming.place is Place.GROUP and not command.consent:
        return [Reply("faq.offer_words", {"group": None, "word": word}, subject="faq:talk")]
    button = Button(f"{DO}:{command.name}", "faq.button_do", {"word": word})
    return [Reply("faq.offer", {"group": None, "word": word}, buttons=[button], subject="faq:talk")]
