"""Characters that no reader sees are taken out of whatever a loader found; words written in them are told.

Source: FAULTS C2, A9.
"""

from __future__ import annotations

import re

from knowledge.loaders.blocks import Loaded
from knowledge.masking import mask

_NOTHING = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u180e\u200b\u200c\u200e\u200f\u202a-\u202e\u2028\u2029\u2060-\u2064\u2066-\u206f"
    r"\ufeff\ufff9-\ufffb\ufffe\uffff\ud800-\udfff]"
)
_SECRET = re.compile(r"[\U000e0020-\U000e007e]+")
_TAGS = re.compile(r"[\U000e0000-\U000e0fff]")


def _clean(text: str, loaded: Loaded, place: str) -> str:
    for run in _SECRET.findall(text):
        if len(run) > 8:  # shorter runs are the flags of regions
            loaded.find("hidden_text", place, "".join(chr(ord(letter) - 0xE0000) for letter in run))
    return _NOTHING.sub("", _TAGS.sub("", text))


def clean(loaded: Loaded) -> None:
    """Cleans title, blocks, entries and findings in place; masks what the findings quote."""
    loaded.title = _clean(loaded.title, loaded, "")
    for block in loaded.blocks:
        block.text = _clean(block.text, loaded, f"P{block.page}" if block.page else block.sheet)
    for entry in loaded.entries:
        for name in ("entry", "question", "answer", "category", "source", "plain", "product"):
            setattr(entry, name, _clean(getattr(entry, name), loaded, entry.locator))
        entry.aliases = [_clean(alias, loaded, entry.locator) for alias in entry.aliases]
    for finding in loaded.findings:
        finding.excerpt = mask(_NOTHING.sub("", _TAGS.sub("", finding.excerpt)))
        finding.locator = _NOTHING.sub("", _TAGS.sub("", finding.locator))
