"""The output gate: what a model wrote is kept only as far as a passage says it.

Source: FAULTS C8, C12; LOCAL-MODEL (a small model invented a telephone number).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from knowledge import tokens
from knowledge.normalise import canonical

MAX_ANSWER = 300
KEPT, LEAST = 0.5, 40
SUPPORT = 0.6
"""Share of a sentence's character pairs that one passage must have."""

_SENTENCE = re.compile(r"[^。！？!?\n]+[。！？!?]?")
_LINK = re.compile(
    r"(?:https?|ftp|javascript|data|weixin|tel|mailto):\S*|www\.\S+|\b[\w-]+\.(?:com|cn|net|org|top|xyz|io)\b\S*",
    re.IGNORECASE,
)
_MARKUP = re.compile(
    r"<[^<>]{0,400}>|!?\[[^\]]{0,200}\]\([^)]{0,2000}\)|[*_`#|~]{1,3}|\[\d+\]|【\d+】|^[-•]\s*", re.MULTILINE
)
_MENTION = re.compile(r"@\S+")
_FIGURE = re.compile(
    r"(?P<figure>\d+(?:[.:：\-–~]\d+)*%?)\s*(?:个(?=小时|月))?"
    r"(?P<unit>小时|分钟|公斤|千克|工作日|月|天|日|周|年|元|块|毛|斤|克|次|分|点|张|件|份|折|倍|号|楼|栋|室|户|人|米|公里|箱|袋|瓶|盒)?"
)
_ALIKE = (re.compile("元|块"), re.compile("公斤|千克"), re.compile("天|日"))
"""Units that say the same."""
_PIECE = re.compile("个")
_HAN_FIGURE = re.compile(r"[一二两三四五六七八九十百千万半]+(?:个?小时|个?月|[天日点时分周年元块斤个份次折倍户])")
_WHEN = re.compile(
    r"凌晨|清晨|早上|上午|中午|下午|傍晚|晚上|夜里|今天|明天|后天|昨天|当天|次日|第二天|前一天|本周|下周|周末|工作日|节假日"
    r"|(?:周|星期|礼拜)[一二三四五六日天]"
)
_WHERE = re.compile(
    r"(?P<near>[^\W\d_])(?P<kind>门|楼|路|街|巷|店|站|柜|栋|亭|房)"
    r"|(?P<word>物业|车库|驿站|超市|广场|保安|门卫|架空层|地铁|公交|仓库|市场|公园|学校|幼儿园|医院|银行|邮局|小区|单元)"
)
_OF_NO_PLACE = re.compile("[的这那到在去来本该哪每各有是上下开关一两几个把找进出入回部热专]")
"""What stands before 「门」「店」 without saying which one."""
_NEGATION = re.compile(r"不(?!过|但|仅|管|同)|没|无|未|别|勿|禁")
_UNKNOWN = re.compile(r"不知道|无法(?:回答|确定)|没有(?:相关|提到)|资料(?:里|中)?没有")


def clean(text: str) -> str:
    """Plain words: no links, no markup, no mentions, no control characters; at most ``MAX_ANSWER`` characters."""
    bare = _MENTION.sub("", _LINK.sub("", _MARKUP.sub("", text)))
    return "".join(c for c in bare if c == "\n" or c.isprintable()).strip()[:MAX_ANSWER]


def grounded(answer: str, passages: Sequence[str]) -> tuple[str, list[int]]:
    """The sentences of a model's answer that a passage supports.

    A sentence stays when one passage has at least ``SUPPORT`` of its character pairs, every figure with its unit, every
    time and every place of it literally, and says no as often as the sentence does.

    Args:
        answer: What the model wrote.
        passages: What it was given.

    Returns:
        The kept text and the positions of the passages that support it, in order of use; ("", []) when nothing stays,
        when less than half of the sentences stay, or when the model says that it does not know.
    """
    if _UNKNOWN.search(answer[:40]):
        return "", []
    sentences = [part.strip() for part in _SENTENCE.findall(clean(answer)) if tokens.pieces(canonical(part))]
    kept: list[str] = []
    used: list[int] = []
    for sentence in sentences:
        supporter = next((at for at, passage in enumerate(passages) if _supports(passage, sentence)), None)
        if supporter is not None:
            kept.append(sentence)
            if supporter not in used:
                used.append(supporter)
    if not kept or 2 * len(kept) < len(sentences):
        return "", []
    return "".join(kept), used


def complete(answer: str, passage: str) -> bool:
    """Whether a wording says enough of the passage that it stands for.

    A fragment can be literal and still say the opposite: asked what is forbidden, a small model named what the passage
    allows (LOCAL-MODEL). So a wording keeps at least half of a short passage, and of a long one ``LEAST`` characters.
    """
    whole = len(tokens.pieces(canonical(passage)))
    return len(tokens.pieces(canonical(answer))) >= min(KEPT * whole, LEAST)


def _supports(passage: str, sentence: str) -> bool:
    source, claim = canonical(passage), canonical(sentence)
    if not _stated(source, claim):
        return False
    pairs = _pairs(claim)
    if not pairs or len(pairs & _pairs(source)) < SUPPORT * len(pairs):
        return False
    nearest = max(_SENTENCE.findall(source) or [source], key=lambda part: len(pairs & _pairs(part)))
    return _says_no_alike(source, nearest, claim)


def _says_no_alike(source: str, nearest: str, claim: str) -> bool:
    """Whether the claim says no only where the source does, and keeps the no of the sentence that it comes from."""
    if any(claim[found.start() : found.start() + 2] not in source for found in _NEGATION.finditer(claim)):
        return False
    for found in _NEGATION.finditer(nearest):
        denied = nearest[found.start() : found.start() + 3]
        if len(denied) == 3 and denied[1:] in claim and denied not in claim:
            return False
    return True


def _stated(source: str, claim: str) -> bool:
    """Whether the source has every figure with its unit, every time and every place of the claim."""
    known = _figures(source)
    bare = {figure for figure, _ in known}
    if any((unit and (figure, unit) not in known) or figure not in bare for figure, unit in _figures(claim)):
        return False
    close = source.replace(" ", "")
    words = {_PIECE.sub("", found.group()) for found in _HAN_FIGURE.finditer(claim)}
    words |= {found.group() for found in _WHEN.finditer(claim)}
    words |= {
        found["word"] or found["near"] + found["kind"]
        for found in _WHERE.finditer(claim)
        if found["word"] or not _OF_NO_PLACE.match(found["near"])
    }
    return all(word in close or word in _PIECE.sub("", close) for word in words)


def _figures(text: str) -> set[tuple[str, str]]:
    """Figures with their units; the unit is empty where none follows."""
    return {(found["figure"], _unit(found["unit"] or "")) for found in _FIGURE.finditer(text)}


def _unit(unit: str) -> str:
    return next((alike.pattern for alike in _ALIKE if alike.fullmatch(unit)), unit)


def _pairs(text: str) -> set[str]:
    units = tokens.pieces(text)
    return {left + right for left, right in pairwise(units)} or set(units)
