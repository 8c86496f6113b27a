"""长辈模式: a private answer made short: the fact, one next step, no list longer than three lines.

A text ``members.easy_<slice>_<name>`` stands for ``<slice>.<name>`` where there is one; what has none keeps its words.

Source: F126.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeGuard

from engagement.kernel import Reply
from prompts.loader import texts

MOST_ROWS = 3
MORE = "members.easier_left"
"""Says that a list goes on, and how to see the rest."""
_WHOLE = ("members", "guard", "faq", "bonds")
"""Slices whose answers stay whole: rights over one's own data, refusals, answers with their source, what is confirmed."""


def shortened(reply: Reply) -> Reply:
    """Return a private reply in its short form; buttons, pictures and files stay."""
    slice_, _, name = reply.key.partition(".")
    if slice_ in _WHOLE:
        return reply
    key = f"members.easy_{slice_}_{name}"
    words = texts()
    if key in set(words.keys()) and words.placeholders(key) <= reply.values.keys():
        return replace(reply, key=key, tails=())
    left = sum(len(value) - MOST_ROWS for value in reply.values.values() if _is_long(value))
    values = {k: value[:MOST_ROWS] if _is_long(value) else value for k, value in reply.values.items()}
    tails = tuple(reply.tails)[:1]
    return (
        replace(reply, values={**values, "easy_left": left}, tails=(*tails, MORE))
        if left
        else replace(reply, tails=tails)
    )


def _is_long(value: object) -> TypeGuard[Sequence[object]]:
    return isinstance(value, list | tuple) and len(value) > MOST_ROWS and isinstance(value[0], Mapping)
