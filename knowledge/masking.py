"""Personal data is masked before a document is stored and before a question leaves for an outside model.

Source: FAULTS C4 and the workbook of phone numbers in D; LAW (least data).
"""

from __future__ import annotations

import re

from knowledge.loaders.blocks import Loaded

_MOBILE = re.compile(r"(?<![\d.])(?:\+?86[-\s]?|0)?(1[3-9]\d)[-\s]?(\d{4})[-\s]?(\d{4})(?!\d)")
_IDENTITY = re.compile(
    r"(?<![\dA-Za-z])([1-9]\d{5})(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:[0-2]\d|3[01])\d{3}[\dXx](?![\dA-Za-z])"
)
_BANK = re.compile(r"(?<![\d.])([3-6]\d{3})[-\s]?\d{4}[-\s]?\d{4}[-\s]?(?:\d{4}[-\s]?\d{3}|\d{4})(?!\d)")


_DOOR = re.compile(r"\d{1,4}\s*(?:号楼|栋|幢|座|单元)(?:\s*\d{1,2}\s*单元)?(?:\s*\d{2,5}\s*(?:室|号|户)?)?")


def mask_outgoing(text: str) -> str:
    """For what leaves the machine: ``mask``, and door numbers (3号楼2单元501) too."""
    return _DOOR.sub("***", mask(text))


def mask(text: str) -> str:
    """The text with mobile numbers, identity numbers and bank cards masked; service numbers (400, 12315) stay."""
    text = _IDENTITY.sub(lambda found: found.group(1) + "************", text)
    text = _MOBILE.sub(lambda found: f"{found.group(1)}****{found.group(3)}", text)
    return _BANK.sub(lambda found: found.group(1) + " **** ****", text)


def mask_document(loaded: Loaded) -> None:
    """Masks blocks and entries in place and warns when there was something to mask."""
    changed = False
    for block in loaded.blocks:
        masked = mask(block.text)
        changed |= masked != block.text
        block.text = masked
    for entry in loaded.entries:
        for name in ("question", "answer", "plain"):
            before = getattr(entry, name)
            after = mask(before)
            changed |= before != after
            setattr(entry, name, after)
        aliases = [mask(alias) for alias in entry.aliases]
        changed |= aliases != entry.aliases
        entry.aliases = aliases
    if changed:
        loaded.warn("personal_data")
