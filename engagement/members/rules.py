"""Rules of members: first steps, birthdays, what can be liked, who is silent, and names that pass for a leader's. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

from engagement.errors import Refusal
from engagement.kernel import simplified

# ---------------------------------------------------------------- first steps

STEPS = ("checkin", "topic", "points", "ask")
"""In the order in which they are proposed; a step's bit is 1 << its place."""
ALL_STEPS = (1 << len(STEPS)) - 1


@dataclass(frozen=True, slots=True)
class Gifts:
    """Whole points that a group gives of itself.

    Attributes:
        onboarding_points: to a newcomer who has done every first step.
        birthday_points: on a birthday, once a year.
    """

    onboarding_points: int = 10
    birthday_points: int = 10

    @classmethod
    def of(cls, settings: Mapping[str, object]) -> Gifts:
        """Read a group's own values (``settings["members"]``); what is no whole number in 0 … 1000 keeps its default."""
        mine = settings.get("members")
        found = {
            name: value
            for name, value in (mine.items() if isinstance(mine, Mapping) else ())
            if name in cls.__slots__ and type(value) is int and 0 <= value <= 1000
        }
        return cls(**found)


def with_step(steps: int, step: str) -> int:
    """Return the bits with a step of :data:`STEPS` done."""
    return steps | 1 << STEPS.index(step)


def done_steps(steps: int) -> list[str]:
    """Return the steps that are done, in their order."""
    return [step for place, step in enumerate(STEPS) if steps >> place & 1]


def next_step(steps: int) -> str:
    """Return the first step that is not done; empty when all are."""
    return next((step for place, step in enumerate(STEPS) if not steps >> place & 1), "")


# ---------------------------------------------------------------- birthdays

_NUMERALS = {char: value for value, char in enumerate("零一二三四五六七八九")}  # zh: how people write numbers
_TEN = "十"  # zh: how people write numbers
_CHINESE = r"[一二三四五六七八九十]{1,3}"
_DATE = re.compile(
    rf"^(?:\d{{4}}\s*[-./年]\s*)?(?P<month>\d{{1,2}}|{_CHINESE})\s*(?:[-./]|月份?)\s*(?P<day>\d{{1,2}}|{_CHINESE})\s*[日号號]?$"
)
_LENGTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def _number(word: str) -> int:
    """Read 1 … 99 in digits or Chinese numerals; what is no number is 0."""
    if word.isdecimal():
        return int(word)
    tens, ten, ones = word.rpartition(_TEN)
    if _TEN in tens + ones or len(tens) > 1 or len(ones) > 1:
        return 0
    return (_NUMERALS.get(tens, 1) * 10 if ten else 0) + _NUMERALS.get(ones, 0)


def read_birthday(text: str) -> tuple[int, int]:
    """Read 「5-20」, 「5月20日」 or 「五月二十」 as (month, day); a year that stands before is not looked at.

    Raises:
        Refusal: ``members.birthday_how`` when it cannot be read, or there is no such day.
    """
    match = _DATE.match(unicodedata.normalize("NFKC", text).strip())
    if match is None:
        raise Refusal("members.birthday_how")
    month, day = _number(match.group("month")), _number(match.group("day"))
    if not is_day(month, day):
        raise Refusal("members.birthday_how")
    return month, day


def is_day(month: int, day: int) -> bool:
    """Say whether some year has this day; 29 February counts."""
    return 1 <= month <= 12 and 1 <= day <= _LENGTHS[month - 1]


def greeted_on(today: date) -> list[tuple[int, int]]:
    """Return the (month, day) that are greeted on a local day: who was born on 29 February is greeted on the 28th else."""
    days = [(today.month, today.day)]
    if days == [(2, 28)] and (today + timedelta(days=1)).month == 3:
        days.append((2, 29))
    return days


# ---------------------------------------------------------------- what people like

WISHES: Mapping[str, Sequence[str]] = {
    "category": ("fruit", "vegetable", "meat", "seafood", "dairy", "grain", "daily"),
    "taste": ("mild", "light", "sweetless", "soft"),
    "pack": ("small", "family"),
}
"""Kind → what can be chosen, in the order in which it is asked."""
ONE_OF = frozenset({"pack"})
"""Kinds of which one thing is chosen at a time."""


def following(kind: str) -> str:
    """Return the kind that is asked after this one; empty after the last."""
    kinds = list(WISHES)
    place = kinds.index(kind) + 1
    return kinds[place] if place < len(kinds) else ""


# ---------------------------------------------------------------- silent neighbours

SILENT_DAYS = 14
NEW_DAYS = 7
LISTED = 10


def silent_before(today: date) -> date:
    """Return the last local day that counts as silent: seen then or earlier, and not since."""
    return today - timedelta(days=SILENT_DAYS)


# ---------------------------------------------------------------- names that pass for a leader's

_ADDED = re.compile(
    "官方|客服|小号|大号|新号|副号|备用号?|工作号?|本人|本尊|真人|正版|助理|助手|微信|通知|认证|唯一|vip|official|admin"
)
"""What is put before or behind a name to pass for its owner."""
_NUMBER = re.compile(r"[0-9]{1,3}$")
_ROLE = re.compile("(?:本群|团购|社区)?团长|群主|群?管理员?|团团")
_GREEK = dict(zip("αβεηικμνορτυχω", "abenikmvoptuxw", strict=True))
_CYRILLIC = dict(zip("абвгдезикмнорстухьѕіјԁ", "a6brde3ukmhopctyxbsijd", strict=True))
_DRAWN = "團圑囯曰囗己巳巿玍冂長镸囝園圆囲末汩兀閣閤"  # zh: characters that look like the ones below them
_MEANT = "团团国日口已已市生门长长团园园围未汨元阁阁"  # zh: what they are taken for
_HANZI = dict(zip(_DRAWN, _MEANT, strict=True))
_ALIKE = str.maketrans({**_GREEK, **_CYRILLIC, **_HANZI, "1": "l", "|": "l", "0": "o", "5": "s", "ı": "i"})
_SURNAMES = frozenset(
    "王李张刘陈杨黄赵周吴徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈姚卢姜崔"  # zh: surnames
    "钟谭陆汪范金石廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤章洪舒齐纪俞包"  # zh: surnames
    "施翁单祝左季柳庄岳耿鲁葛古牛焦樊安涂詹裴殷温鲍辛管蓝艾尤"  # zh: surnames
)
_BY_SOUND_LEAST = 3


def bare(name: str) -> str:
    """Reduce a name to what the eye takes in: one width and case, no marks, no invisible characters, look-alikes folded."""
    folded = simplified(unicodedata.normalize("NFKC", name)).casefold()
    seen = "".join(char for char in unicodedata.normalize("NFKD", folded) if unicodedata.category(char)[0] in "LN")
    return simplified(seen.translate(_ALIKE))


def _core(name: str, *, numbered: bool = True) -> str:
    """The name without what people add to pass for its owner; the name itself when nothing else is left of it.

    Args:
        numbered: a number at the end is part of the name (「李姐01」 and 「李姐02」 are two people).
    """
    plain = simplified(unicodedata.normalize("NFKC", name)).casefold()
    plain = _ADDED.sub("", "".join(char for char in plain if unicodedata.category(char)[0] in "LN"))
    return bare(plain if numbered else _NUMBER.sub("", plain)) or bare(name)


@lru_cache(maxsize=4096)
def _sounds(char: str) -> frozenset[str]:
    from pypinyin import Style, pinyin

    return frozenset(pinyin(char, style=Style.TONE3, heteronym=True)[0])


def _sounds_alike(one: str, other: str) -> bool:
    """Say whether two names of at least three characters differ in one that sounds the same and is no other surname."""
    if len(one) != len(other) or len(one) < _BY_SOUND_LEAST:
        return False
    apart = [place for place, (a, b) in enumerate(zip(one, other, strict=True)) if a != b]
    if len(apart) != 1:
        return False
    place = apart[0]
    if place == 0 and one[0] in _SURNAMES and other[0] in _SURNAMES:
        return False
    return bool(_sounds(one[place]) & _sounds(other[place]))


def passes_for(name: str, leader: str) -> bool:
    """Say whether a name can be taken for a leader's: the same to the eye or the ear, or the leader's with something added.

    「王姐」 and 「王哥」 are two people, 「张阿姨」 and 「章阿姨」 too.

    Source: FAULTS A9.
    """
    hers = _core(leader)
    mine = _core(name, numbered=hers[-1:].isdigit())
    if not mine or not hers:
        return False
    return mine == hers or bare(name) == bare(leader) or _sounds_alike(mine, hers)


def claims_a_role(name: str) -> bool:
    """Say whether a name is nothing but a role in the group, as if its bearer had it."""
    return bool(_ROLE.fullmatch(_core(name)) or _ROLE.fullmatch(bare(name)))
