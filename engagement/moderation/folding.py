"""One spelling for texts that are looked at: width, case, script, invisible characters, digits. Pure.

Every layer remembers which character of the text as it was written each of its characters came from, so that a finding can
be covered in the original.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from engagement.kernel import simplified

LONGEST = 400
"""Characters that are looked at; whoever shows a text cuts it to fewer."""
_MORE = str.maketrans(  # zh: traditional characters of the word lists that no command needs
    "網賭場冊貸發錢賣買藥槍彈黃碼約薦紅裝號機樓軟體銀證聯繫維優價廠銷費領險財贏輸馬媽嗎滾髒罵個賤廢婦養東妳祕緊",
    "网赌场册贷发钱卖买药枪弹黄码约荐红装号机楼软体银证联系维优价厂销费领险财赢输马妈吗滚脏骂个贱废妇养东你秘紧",
)
_STROKES = frozenset("丨丶亅丿乀灬丷ーㅣ")  # zh: strokes that are put between the characters of a word
_SIGNS = {  # zh: signs that are written for a word
    **dict.fromkeys("➕✚✛✜🞢", "加"),
    **dict.fromkeys("❤♥💓💕💖💗💙💚💛💜🖤🧡🤍", "心"),
    "🐧": "企鹅",
    "🛰": "卫星",
    "☎": "电话",
    "📞": "电话",
    "📱": "手机",
    "💰": "钱",
    "🧧": "红包",
    "✉": "信",
    "💌": "信",
    "🐶": "狗",
    "🐕": "狗",
    "🐷": "猪",
    "🐖": "猪",
    "🐴": "马",
    "🐎": "马",
    "💩": "屎",
    "🐔": "鸡",
    "🐢": "龟",
    "🖕": "竖中指",
    **dict(zip("аеорсхуіѕνωАЕОРСХВНКМТ", "aeopcxyisvwaeopcxbhkmt", strict=True)),  # letters that look like Latin ones
    "∨": "v",
    "√": "v",
    "∪": "u",
    "Ⅴ": "v",
}
_DIGITS = str.maketrans(  # zh: digits as they are written out
    "零〇○洞一壹幺弌二贰貳两三叁參叄四肆五伍六陆陸七柒拐八捌九玖勾",
    "0000111122223333445566677788999",
)


@dataclass(frozen=True, slots=True)
class Folded:
    """A text in its layers.

    Attributes:
        text: NFKC, small, simplified, nothing invisible; marks and blanks stand as they are.
        at: index in the original of each character of ``text``.
        digits: ``text`` with digits that are written out turned into 0 … 9; same length.
        bare: letters and digits of ``text`` alone.
        bare_at: index in ``text`` of each character of ``bare``.
        clauses: the same with a line break where a clause ends, so that no word reaches over a comma; a comma beside a single
            character ends none, since it is put there to hide the word.
        clauses_at: index in ``text`` of each character of ``clauses``.
    """

    text: str
    at: tuple[int, ...]
    digits: str
    bare: str
    bare_at: tuple[int, ...]
    clauses: str
    clauses_at: tuple[int, ...]

    def original(self, start: int, end: int) -> tuple[int, int]:
        """Turn a span of ``text`` (half open, not empty) into one of the original."""
        return self.at[start], self.at[end - 1] + 1

    def unbared(self, start: int, end: int) -> tuple[int, int]:
        """Turn a span of ``bare`` (half open, not empty) into one of ``text``."""
        return self.bare_at[start], self.bare_at[end - 1] + 1


@lru_cache(maxsize=8192)
def _folded(char: str) -> str:
    """Return what a character is read as: nothing, itself, or several."""
    if char in _SIGNS:
        return _SIGNS[char]
    if "🇦" <= char <= "🇿":
        return chr(ord("a") + ord(char) - ord("🇦"))
    for first in "🅐🅰":
        if 0 <= ord(char) - ord(first) < 26:
            return chr(ord("a") + ord(char) - ord(first))
    if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Co", "Cn", "Mn", "Me"):
        return " " if char.isspace() else ""
    if unicodedata.category(char) == "So":
        return char  # an ideograph in a circle is an ornament, and no character of a word
    return simplified(unicodedata.normalize("NFKC", char).lower()).translate(_MORE)


@lru_cache(maxsize=8192)
def _counts(char: str) -> bool:
    return char not in _STROKES and unicodedata.category(char)[0] in "LN"


_CLAUSE_ENDS = re.compile(r"(?<=\w\w)([,。!?;:…~])[\W_]*(?=\w\w)")


def fold(text: str) -> Folded:
    """Read the first :data:`LONGEST` characters of a text."""
    kept: list[str] = []
    at: list[int] = []
    for index, char in enumerate(text[:LONGEST]):
        for one in _folded(char):
            kept.append(one)
            at.append(index)
    folded = "".join(kept)
    bare_at = tuple(index for index, char in enumerate(kept) if _counts(char))
    bare = "".join(kept[index] for index in bare_at)
    clauses_at = tuple(sorted({*bare_at, *(match.start(1) for match in _CLAUSE_ENDS.finditer(folded))}))
    clauses = "".join(kept[index] if _counts(kept[index]) else "\n" for index in clauses_at)
    return Folded(folded, tuple(at), folded.translate(_DIGITS), bare, bare_at, clauses, clauses_at)


_KEPT = re.compile(r"[a-z0-9]+")


def is_latin(word: str) -> bool:
    """Say whether a folded word is of Latin letters and digits alone, and so has to stand by itself."""
    return _KEPT.fullmatch(word) is not None


def bare(word: str) -> str:
    """Reduce a word to what is compared."""
    return fold(word).bare
