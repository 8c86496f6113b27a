"""Somebody's own words instead of a ready text, as they are typed in private: what is taken, and what ends the asking.

The dialogue is that of the slices that have ready texts; here stands what they share. Pure.

Source: F27, F81.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from hashlib import blake2s

from engagement.errors import Refusal
from engagement.kernel import one_line, simplified
from prompts.loader import texts

MOST_LINES = 8
_NAMED = re.compile(r"\{([^{}]*)\}")
_RESETS = re.compile(r"恢复原文|原文|用原来的|还原")
_STOPS = re.compile(r"不改|停")
_GIVES_UP = re.compile(
    r"(?!退出$)(?:那|那就|还是|先)*(?:取消|算了|祘了|不要了|不用了|先不(?:填|写|改|弄|发|问|说)|不(?:填|写|改|弄|发|问|说|想填|想写)了|退出)"
    r"(?:了|吧|啦|啊|呀|哈|谢谢)*"
)


def steers(text: str) -> str:
    """Say whether an answer is no wording but steers: ``reset``, ``stop``, or nothing."""
    bare = simplified(unicodedata.normalize("NFKC", text)).strip(" 。.!！「」")
    if _RESETS.fullmatch(bare):
        return "reset"
    return "stop" if _STOPS.fullmatch(bare) or gives_up(text) else ""


def gives_up(text: str) -> bool:
    """Say whether somebody who was asked for words will not say any: 「取消」, 「算了」, 「先不填了」.

    Bare 「退出」 is the command that ends the recording, whatever was asked.
    """
    return bool(_GIVES_UP.fullmatch(simplified(unicodedata.normalize("NFKC", text[:20])).strip(" 。.!！,，~～「」")))


def read(text: str, most: int, known: Mapping[str, str]) -> str:
    """Read somebody's own words: lines without what hides, full-width braces as ours.

    Args:
        most: characters that they may have, inclusive.
        known: name that may stand in braces → key of the text that says what it means.

    Raises:
        Refusal: ``campaigns.word_empty``, ``campaigns.word_long``, ``campaigns.word_unknown``.
    """
    braced = text.replace("\uff5b", "{").replace("\uff5d", "}")
    lines = [line for one in braced.splitlines() if (line := one_line(one, 2000))]
    found = "\n".join(lines)
    if not any(unicodedata.category(char)[0] in "LN" for char in found):
        raise Refusal("campaigns.word_empty")
    if len(found) > most or len(lines) > MOST_LINES:
        raise Refusal("campaigns.word_long", length=len(found), most=most, lines=MOST_LINES)
    strange = [name for name in _NAMED.findall(found) if name not in known]
    if strange:
        listed = [
            texts().fill("campaigns.variable", {"name": f"{{{name}}}", "what": texts().raw(key)})
            for name, key in sorted(known.items())
        ]
        raise Refusal("campaigns.word_unknown", name=f"{{{one_line(strange[0], 20)}}}", known=listed)
    return found


def shown(text: str, known: Mapping[str, object]) -> str:
    """Return words as a list shows them: instead of a name in braces what is known for it; an unknown one stays."""
    return _NAMED.sub(lambda found: str(known.get(found.group(1), found.group(0))), text)


def digest(text: str) -> int:
    """Return a number by which the same words are known again when they are sent a second time."""
    return int.from_bytes(blake2s(text.encode(), digest_size=6).digest(), "big")
