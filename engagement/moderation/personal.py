"""Numbers and addresses that belong to a person: found however they are written. Pure.

Source: F121, F125.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from engagement.moderation.folding import Folded

_D = r"[\do]"
_GAP = r"[\s\-._·*/—~]{1,3}"
_CALL = r"(?<![\da-z])(?:(?:\+|00)?86[\s\-]{0,2})?"
_PHONE = re.compile(
    rf"{_CALL}(1[3-9]{_D}{{9}}|1[3-9]{_D}{_GAP}{_D}{{4}}{_GAP}{_D}{{4}}|1{_GAP}[3-9](?:{_GAP}{_D}){{9}})(?!{_D})"
)
"""Eleven digits in one piece, in 3-4-4, or each by itself: any other spacing is as often a row of prices."""
_LOOSE_PHONE = re.compile(rf"{_CALL}(1[\s\-]{{0,2}}[3-9](?:[\s\-]{{0,2}}{_D}){{9}})(?!{_D})")
_ABOUT_PHONE = re.compile(r"电话|手机|号码|联系|微信|打给|打我")
_IDENTITY = re.compile(
    r"(?<!\d)([1-9]\d{5}[\s\-]{0,2}(?:19|20)\d\d[\s\-]?(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])[\s\-]{0,2}\d{3}[\dx])(?!\d)"
)
_ABOUT_IDENTITY = re.compile(r"身份证|证件")
_CARD = re.compile(r"(?<!\d)([3-6]\d{3}(?:[\s\-]?\d{4}){2}[\s\-]?\d{3,4}(?:[\s\-]?\d{1,3})?)(?!\d)")
_ABOUT_CARD = re.compile(r"卡号|银行|账号|打到|退到|转到|[农工建中]行")
_ABOUT_ORDER = re.compile(r"(?:订单|单号|运单|快递|编号|流水|券码|取件|提货码|条码)[^,。;\s]{0,3}[\s:]{0,2}$")
_PASSPORT = re.compile(r"护照[^,。]{0,4}?([a-z]\w?\d{7,8})(?!\d)")
_MAIL = re.compile(r"[a-z0-9][\w.+-]*@[a-z0-9-]+(?:\.[a-z0-9-]+)+")
_OWN_CONTACT = re.compile(
    r"(?<![加找私系到])(?:我|本人)\s?(?:的|家)?\s?(?:微信|qq)\s?号?(?:码)?[是:\s]{0,3}([a-z][\w-]{5,19}|[1-9]\d{5,11})(?!\d)"
)

_HOUSE = r"(?:\d{1,3}|[甲乙丙丁a-z])\s*(?:栋|幢|号楼|座)"
_ADDRESS = re.compile(
    rf"{_HOUSE}[^\w]{{0,2}}(?:\d{{1,2}}\s*单元[^\w]{{0,2}})?\d{{3,4}}\s*(?:室|房|号)?(?!\d|[元块份斤个人积分袋盒])"
)
_SURNAMES = (
    "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦尤许何吕施张孔曹严华金魏陶姜谢邹喻柏章苏潘葛范彭郎鲁韦马苗方俞任袁柳史唐费薛雷贺"
    "倪汤罗毕郝邬安常傅齐康伍余顾孟黄萧尹姚邵汪毛成戴宋熊纪舒屈项祝董梁杜阮蓝季贾江童颜郭梅盛林徐邱骆高夏蔡田胡凌霍虞万柯卢"
    "莫丁邓洪包左石崔吉龚程陆翁曾关叶刘白温庄乔聂钟侯谭申龙段钱"
)  # zh: surnames
_NAME = re.compile(
    rf"(?:收货人|收件人|联系人|姓名|我叫|名叫|[妈爸婆公哥姐弟妹]叫)[是:\s]{{0,2}}[{_SURNAMES}][一-鿿]{{1,2}}"
    rf"|(?:^|[\s,。、;:!]|给)[{_SURNAMES}][一-鿿]{{1,2}}(?:收|$|[\s,。、;:!])"
    rf"|[{_SURNAMES}](?:先生|女士|小姐|阿姨|大爷|叔叔|师傅|奶奶|爷爷|大姐|大哥|[姐哥])"
)


@dataclass(frozen=True, slots=True)
class Personal:
    """One thing that belongs to a person: ``phone``, ``identity``, ``card``, ``address`` or ``contact``.

    Attributes:
        start, end: half open, in :attr:`Folded.text`.
    """

    kind: str
    start: int
    end: int


def identity_holds(number: str) -> bool:
    """Say whether the check digit of an identity card's number (18 characters, x small) is right.

    Source: GB 11643.
    """
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    total = sum(int(digit) * weight for digit, weight in zip(number, weights, strict=False))
    return "10x98765432"[total % 11] == number[17]


def luhn_holds(number: str) -> bool:
    """Say whether a card number's check digit is right.

    Source: ISO/IEC 7812-1.
    """
    total = 0
    for place, digit in enumerate(reversed(number)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def find(folded: Folded) -> Iterator[Personal]:
    """Yield what is personal in a text; spans may overlap."""
    digits = folded.digits
    if sum(char.isdigit() for char in digits) >= 6:
        yield from _numbers(folded)
    yield from _addresses(digits)
    for match in _MAIL.finditer(folded.text):
        yield Personal("contact", *match.span())
    for match in _OWN_CONTACT.finditer(folded.text):
        yield Personal("contact", *match.span(1))


def _numbers(folded: Folded) -> Iterator[Personal]:
    digits = folded.digits
    taken: list[tuple[int, int]] = []
    for match in _IDENTITY.finditer(digits):
        number = re.sub(r"[^\dx]", "", match.group(1))
        if identity_holds(number) or _ABOUT_IDENTITY.search(digits[: match.start()]):
            taken.append(match.span(1))
            yield Personal("identity", *match.span(1))
    for match in _PASSPORT.finditer(digits):
        yield Personal("identity", *match.span(1))
    for match in _CARD.finditer(digits):
        before = digits[max(0, match.start() - 12) : match.start()]
        number = re.sub(r"\D", "", match.group(1))
        known = number.startswith("62") or _ABOUT_CARD.search(before)
        if known and not _ABOUT_ORDER.search(before) and luhn_holds(number) and not _within(match.span(1), taken):
            taken.append(match.span(1))
            yield Personal("card", *match.span(1))
    phone = _LOOSE_PHONE if _ABOUT_PHONE.search(folded.text) else _PHONE
    for pattern in (_PHONE, phone):
        for match in pattern.finditer(digits):
            if not _ABOUT_ORDER.search(digits[: match.start()]) and not _within(match.span(1), taken):
                taken.append(match.span(1))
                yield Personal("phone", *match.span(1))


def _within(span: tuple[int, int], taken: list[tuple[int, int]]) -> bool:
    return any(start < span[1] and span[0] < end for start, end in taken)


def _addresses(digits: str) -> Iterator[Personal]:
    """A flat is nobody's until a name or a number stands beside it: neighbours call each other by their flats."""
    matches = list(_ADDRESS.finditer(digits))
    if matches and (_NAME.search(digits) or _PHONE.search(digits)):
        for match in matches:
            yield Personal("address", *match.span())
