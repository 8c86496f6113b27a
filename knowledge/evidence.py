"""What kind of thing a question asks for, and whether a text holds one: amount, time, place, person.

Refusal is the weak point of every retrieval method (RETRIEVAL): 「提货点的电话是多少」 looks much like an entry about the
pick-up point that names no number. The check is cheap and only ever lowers confidence.
"""

from __future__ import annotations

import re

AMOUNT, TIME, PLACE, PERSON = 1, 2, 4, 8

_WANTED = (
    (
        AMOUNT,
        re.compile(
            r"多少|几(?:块|元|毛|斤|个|张|份|次|回|分|箱|袋|件|户|人|米|公里|折|成|级|%)|多贵|啥价|什么价|多大|多重"
        ),
    ),
    (
        TIME,
        re.compile(
            r"几点|几号|几时|哪天|哪一?年|啥时|什么时[候间]|何时|多久|多长时间|几天|几个?小时|几个?月|周几|星期几|礼拜几"
        ),
    ),
    (PLACE, re.compile(r"哪里|哪儿|哪块|在哪|去哪|到哪|什么地方|啥地方|何处|地址|位置|几号楼|几栋")),
    (PERSON, re.compile(r"谁|哪位|什么人|哪个人|联系方式|电话")),
)
_HELD = (
    (
        AMOUNT,
        re.compile(r"\d|[一二两三四五六七八九十百千万半](?:块|元|毛|斤|个|张|份|次|分|箱|袋|件|户|人|倍|成|样)|价"),
    ),
    (
        TIME,
        re.compile(
            r"\d\s*(?:点|时|天|日|月|周|小时|分钟|:|个月)|[早中下晚]上?午?\s*\d|当[天日]|次日|第二天|月[初底]|day|hours|cutoff|期"
        ),
    ),
    (PLACE, re.compile(r"页|点|处|店|楼|栋|室|路|号|门口|place|发「|私信|群")),
    (PERSON, re.compile(r"团长|本人|家人|运营|客服|供货方|邻居|leader|hotline")),
)


def wanted(question: str) -> int:
    """Bits of the kinds that a canonical question asks for; 0 = none in particular."""
    return sum(bit for bit, pattern in _WANTED if pattern.search(question))


def held(text: str) -> int:
    """Bits of the kinds that a canonical text can answer; ``{fact}`` placeholders count as what they stand for."""
    return sum(bit for bit, pattern in _HELD if pattern.search(text))


def lacking(question: str, kinds: int) -> bool:
    """Whether the question asks for something in particular and none of it is among ``kinds``."""
    asked = wanted(question)
    return bool(asked) and not asked & kinds
