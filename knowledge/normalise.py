"""What people type, brought to one form before it is compared: width, script, invisible marks, greetings.

Source: F62, RETRIEVAL (a greeting costs four points of R@1, the traditional script more; both come back here).
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Protocol, cast

from knowledge import amounts

MAX_QUERY = 300
"""Characters of a question that are looked at; the rest of a long paste adds time, never meaning."""

_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    "\ufe00-\ufe0f\ufeff\U000e0000-\U000e0fff]"
)
_BARE = re.compile(r"[^\w.%]+|_+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\s]+")
_MENTION = re.compile(r"@(?:团团助手|团团|小助手|助手)\s*|^\s*@\S{1,32}\s+(?=\S)")

_PEOPLE = (
    "团长|群主|老板娘|老板|掌柜的?|店家|商家|客服|小助手|助手|机器人|团团|亲们?|亲爱的|各位|大家|姐妹们?"
    "|大姐|大哥|姐姐?|哥哥?|美女|帅哥|[\u4e00-\u9fff](?:姐|哥|团长|阿姨)"
)
_HELLO = (
    "你们?好呀?|您好呀?|哈喽|哈啰|哈罗|hello|hi|hey|嗨|喂|早上好|上午好|中午好|下午好|晚上好|早安|晚安|早呀?"
    "|在吗|在不在?|在么|有人吗|忙吗"
)
_ASK = (
    "(?:我|俺|咱)?(?:想|要)?(?:再|先)?(?:麻烦|请|劳驾|打扰|不好意思|冒昧)?(?:再|先)?"
    "(?:请?问|咨询|请教|打听|了解)(?:一?下子?|一句|个?问题|个?事儿?|你|您|各位|大家)*"
    "|麻烦(?:你|您)?(?:一下|了)?|打扰(?:一下|了)?|不好意思|劳驾|帮(?:我|忙)(?:看看?|查查?|问问?)(?:一下)?"
)
_EDGE = r"[\s,，.。!！?？~～:：;；、…\-—]"
_LEAD = re.compile(
    rf"^(?:{_EDGE}*(?:"
    rf"(?:{_HELLO})(?:啊|呀|哈|哦|呢|啦)?(?={_EDGE}|{_PEOPLE}|{_HELLO}|我|请|想|麻烦|咨询|有)"
    rf"|(?:{_PEOPLE})(?:啊|呀|哈|好)?(?={_EDGE}|{_HELLO}|我(?!们)|请问|想问|问一?下|麻烦|打扰|不好意思)"
    rf"|(?:{_ASK}){_EDGE}*"
    rf"|(?:在吗|在么|有人吗)(?={_EDGE}*\S{{3}})|急+(?={_EDGE})"
    rf"))+",
    re.IGNORECASE,
)
_TAIL = re.compile(
    rf"(?:{_EDGE}*(?:谢谢|多谢|感谢|谢了|3q|thx|thanks|拜托了?|麻烦了|辛苦了?|急急*|在线等|求解答?|求告知|求助)"
    rf"(?:你|您|啦|了|哈|啊|呀|哦|{_PEOPLE})*)+{_EDGE}*$",
    re.IGNORECASE,
)
_TRIM = re.compile(rf"^{_EDGE}+|{_EDGE}+$")
_PICTURE = re.compile(
    "[\u2190-\u21ff\u2300-\u23ff\u2460-\u24ff\u25a0-\u27bf\u2900-\u297f\u2b00-\u2bff\u20e3\U0001f000-\U0001faff]"
    r"|\[[\u4e00-\u9fff]{1,4}\]"
)
"""Emoji, arrows, and what WeChat writes for its own pictures: [微笑]."""
_STAMMER = re.compile(r"([^\W\d_a-z])\1{2,}|([a-z])\2{3,}|([^\w\s])\3+|([\u4e00-\u9fff]{2,4})\4+")
_PARTICLES = re.compile(r"(?<=.{3})(?:[啊呀哈哇呗咯啵喔哦噢噻撒嘞哩咧喽哟诶欸嘿]|的说)+$")
"""What dialects and moods put at the end; 吗 不 没 呢 stay, for they ask."""

_BESIDES = re.compile(
    r"^除(?:了|去)[^,。?!]{1,10}?(?:以外|之外|外)?[,\s]*(?=(?:你|我|咱|他|她|它)?们?(?:还|别的|其他))"
)
"""「除了签到你还能干点啥」 asks for all but checking in."""


class _Converter(Protocol):
    def convert(self, text: str) -> str: ...


@lru_cache(maxsize=1)
def _simplifier() -> _Converter:
    import opencc

    return cast(_Converter, opencc.OpenCC("t2s"))


def canonical(text: str) -> str:
    """One form of a text for comparing: NFKC, simplified script, lower case, no invisible characters.

    Args:
        text: Anything a person or a document says; any length.

    Returns:
        The same words; runs of white space are one space, the ends are bare. May be empty.
    """
    plain = _INVISIBLE.sub("", unicodedata.normalize("NFKC", text.encode("utf-8", "ignore").decode("utf-8")))
    return _simplifier().convert(_CONTROL.sub(" ", plain).strip()).lower()


def comparable(text: str) -> str:
    """What is counted of a text: canonical, with numbers, times, money and weights in one form."""
    return amounts.alike(canonical(text))


def key(asked: str) -> str:
    """What of a question in question form must be the same for two to be the same: no spaces, no marks, no final particles."""
    return _PARTICLES.sub("", _BARE.sub("", asked))


def question(text: str) -> str:
    """The question proper: comparable, without address, greeting, thanks, pictures and stammering.

    A text that is nothing but greeting stays as it is, so that small talk is still seen as small talk.

    Args:
        text: What the person typed; ``MAX_QUERY`` characters of it are looked at.
    """
    whole = canonical(_MENTION.sub(" ", text))[:MAX_QUERY]
    plain = _PICTURE.sub(" ", whole)
    plain = _STAMMER.sub(r"\1\2\3\4", plain if plain.strip() else whole)
    bare = _BESIDES.sub("", _TRIM.sub("", _TAIL.sub("", _LEAD.sub("", plain))))
    return amounts.alike(bare if len(bare) >= 2 else _TRIM.sub("", plain))[:MAX_QUERY]
