"""长辈模式: a private answer made short: the fact, one next step, no list longer than three lines.

A text ``members.easy_<slice>_<name>`` stands for ``<slice>.<name>`` where there is one; what has none keeps its words.

Source: F126.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from engagement.kernel import Reply
from prompts.loader import texts

MOST_ROWS = 3
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
    return replace(reply, values={k: _cut(value) for k, value in reply.values.items()}, tails=tuple(reply.tails)[:1])


def _cut(value: object) -> object:
    if isinstance(value, list | tuple) and value and isinstance(value[0], Mapping):
        return value[:MOST_ROWS]
    return value
