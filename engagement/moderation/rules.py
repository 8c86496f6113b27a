"""What is wrong with a text that others will see, and what to do about it. Pure.

Source: F121, F125.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import IntEnum, StrEnum
from functools import lru_cache
from typing import TypeAlias

from engagement.kernel import simplified
from engagement.moderation import adverts, personal, scores
from engagement.moderation.folding import Folded, bare, fold, is_latin
from prompts import signals
from prompts.wordlists import ListedWord

APPEAL_WITHIN = timedelta(days=7)
KEEP = timedelta(days=30)
"""The words of a case are kept as long; warnings count as long."""
BETWEEN_NOTICES = timedelta(minutes=10)
MUTE = timedelta(days=3)
MANY_WARNINGS = 3
MOST_WAITING = 5
"""Cases of one neighbour that wait at once; what comes on top is hidden without a case."""
SHORTEST_WORD = 2
LONGEST_WORD = 20
MOST_ORDINARY = 0.02
"""Share of ordinary talk that a word may hit."""
TO_LEADER = frozenset({"question", "appeal"})
"""Activities whose text only the leader reads: complaints may be rude there, and questions about links may have one."""

STANDS = frozenset({"caption"})
"""Activities whose text nobody passes on and the bot cannot cover: it stands in the group, beside what counts anyway."""


class Category(StrEnum):
    """What is wrong."""

    WORD = "word"
    LINK = "link"
    ADVERT = "advert"
    PERSONAL = "personal"
    INSULT = "insult"


class Action(IntEnum):
    """What to do; the gravest of a text's findings counts."""

    PASS = 0
    MASK = 1
    WARN = 2
    HOLD = 3


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing in a text.

    Attributes:
        kind: what exactly: the list's name, ``phone``, ``hidden``, …
        start, end: half open, in the text as it was written.
        severity: 1 light, 2 plain, 3 grave.
    """

    category: Category
    kind: str
    start: int
    end: int
    severity: int
    action: Action


@dataclass(frozen=True, slots=True)
class Lexicon:
    """Words in the form in which they are compared.

    Attributes:
        by_first: first character → (word, list, words in which it is harmless), longest first.
    """

    by_first: Mapping[str, Sequence[tuple[str, str, Sequence[str]]]]

    @classmethod
    def of(cls, words: Iterable[ListedWord]) -> Lexicon:
        """Prepare words."""
        found: dict[str, list[tuple[str, str, Sequence[str]]]] = {}
        for one in words:
            word = bare(one.word)
            if word:
                found.setdefault(word[0], []).append((word, one.listed_in, tuple(bare(word) for word in one.unless)))
        return cls({first: sorted(rows, key=lambda row: -len(row[0])) for first, rows in found.items()})


@lru_cache(maxsize=4)
def lexicon(words: tuple[ListedWord, ...]) -> Lexicon:
    """Return the prepared starter lists, made once."""
    return Lexicon.of(words)


_Span: TypeAlias = tuple[int, int]
_INSULTING = frozenset({"insults", "threats"})
_ASKED_ABOUT = "fraud"
"""The list of what neighbours ask about too: what to do with a false note."""
OWN = "own"
"""Name of the list of words that a group, a region or the staff added."""


def _hits(folded: Folded, words: Lexicon) -> Iterator[tuple[str, int, int]]:
    """Yield (list, start, end) of every word, in ``bare``."""
    text = folded.bare
    for start, char in enumerate(text):
        for word, listed_in, unless in words.by_first.get(char, ()):
            end = start + len(word)
            if not text.startswith(word, start) or (is_latin(word) and not _stands_alone(folded, start, end)):
                continue
            if any(_covers(text, one, word, start) for one in unless):
                continue
            if listed_in == "insults" and adverts.OWN_FAULT.search(text[:start]):
                continue
            yield listed_in, start, end
            break


def _covers(text: str, harmless: str, word: str, start: int) -> bool:
    return text.startswith(harmless, max(0, start - harmless.index(word)))


def _stands_alone(folded: Folded, start: int, end: int) -> bool:
    """Say whether no Latin letter or digit touches a word in the text."""
    first, last = folded.unbared(start, end)
    around = folded.text[max(0, first - 1) : first] + folded.text[last : last + 1]
    return not re.search(r"[a-z0-9]", around)


def inspect(text: str, words: Sequence[Lexicon] = (), activity: str = "") -> tuple[Finding, ...]:
    """Find what is wrong with a text, in the order of the text.

    Args:
        words: the lists that hold where it is said.
        activity: what it was written for; see :data:`TO_LEADER`.
    """
    folded = fold(text)
    about = _about(folded)
    found: list[Finding] = []

    def add(category: Category, kind: str, span: tuple[int, int], severity: int, action: Action) -> None:
        start, end = folded.original(*span)
        found.append(Finding(category, kind, start, end, severity, action))

    for one in personal.find(folded):
        add(Category.PERSONAL, one.kind, (one.start, one.end), 1, Action.MASK)
    links = list(_links(folded, text))
    for kind, span in links:
        hold = kind != "plain" and activity not in TO_LEADER
        add(Category.LINK, kind, span, 2 if hold else 1, Action.HOLD if hold else Action.MASK)
    reachable = any(one.kind == "phone" for one in found)
    advert = _advert(folded, about, reachable=reachable, links=[span for _, span in links])
    if advert is not None:
        add(Category.ADVERT, "advert", advert, 2, Action.HOLD)
    for listed_in, start, end in (hit for lexicon_ in words for hit in _hits(folded, lexicon_)):
        if listed_in in _INSULTING:
            severity = 3 if listed_in == "threats" else 2
            add(Category.INSULT, listed_in, folded.unbared(start, end), severity, _rude(activity, severity))
        elif not about.others and not (about.asks and listed_in == _ASKED_ABOUT):
            severity = 2 if listed_in == OWN else 3
            add(Category.WORD, listed_in, folded.unbared(start, end), severity, Action.HOLD)
    for match in adverts.INSULTS.finditer(folded.bare):
        if not about.laughs and not adverts.SELF.search(folded.bare[: match.start()]):
            add(Category.INSULT, "quarrel", folded.unbared(*match.span()), 2, _rude(activity, 2))
    for kind, span in _added_up(folded, about):
        category = _SCORED.get(kind, Category.WORD)
        if not any(one.category in (category, _INSTEAD.get(kind)) for one in found):
            severity = 3 if category is Category.WORD else 2
            add(category, kind, span, severity, _rude(activity, 2) if category is Category.INSULT else Action.HOLD)
    return tuple(sorted(found, key=lambda one: (one.start, -one.end)))


def listed(text: str, words: Sequence[Lexicon]) -> Sequence[str]:
    """Return the words of lists that stand in a text, as they were written, each once."""
    folded = fold(text)
    found: dict[str, None] = {}
    for one in words:
        for _, start, end in _hits(folded, one):
            first, last = folded.original(*folded.unbared(start, end))
            found[text[first:last]] = None
    return list(found)


_SCORED = {"advert": Category.ADVERT, "insult": Category.INSULT}
"""Kinds of signals that are a category of their own; the others are grave words."""
_LAUGH = 4
"""Points that a laugh takes from an insult."""
_INSTEAD = {"advert": Category.WORD, "fraud": Category.ADVERT}
"""Kinds that need not be said where this is found: whoever offers a forged paper advertises, and one reason is enough."""


def _added_up(folded: Folded, about: _About) -> Iterator[tuple[str, _Span]]:
    """Yield the kinds whose signals add up, with their span in ``text``; who tells of others does none of it himself."""
    kinds = signals.kinds()
    for name in sorted(kinds, key=lambda name: name == "advert"):
        if about.others and name != "insult":
            continue
        found = scores.score(kinds[name], folded.clauses)
        points = found.points - (_LAUGH if about.laughs and name == "insult" else 0)
        own = name == "insult" and "you" not in found.groups and adverts.SELF.search(folded.clauses[: found.start])
        if points >= kinds[name].needs and not own:
            yield name, (folded.clauses_at[found.start], folded.clauses_at[found.end - 1] + 1)


def _rude(activity: str, severity: int) -> Action:
    if activity in TO_LEADER:
        return Action.PASS
    return Action.HOLD if severity > 2 else Action.WARN


@dataclass(frozen=True, slots=True)
class _About:
    """What a text is about: it asks, warns of somebody, or tells of what somebody else does; or it laughs."""

    asks: bool
    warns: bool
    others: bool
    laughs: bool


def _about(folded: Folded) -> _About:
    promises = bool(adverts.PROMISES.search(folded.text))
    warns = not promises and bool(adverts.WARNS.search(folded.text))
    others = warns or (not promises and bool(adverts.REPORTS.search(folded.text)))
    laughs = bool(adverts.LAUGHS.search(folded.text))
    return _About(bool(adverts.ASKS.search(folded.text)), warns, others, laughs)


def _advert(folded: Folded, about: _About, *, reachable: bool, links: Sequence[_Span]) -> _Span | None:
    """Return the span (in ``text``) of what makes a text an advertisement, or None.

    One plain sign is enough (an account to write to, an offer that no neighbour makes); else goods, a sum and a way to get in
    touch have to come together.

    Args:
        reachable: a mobile number stands in it.
        links: spans in which an account's name means nothing.
    """
    text = folded.bare
    contact = _contact(folded, links)
    solicits = _span(folded, adverts.SOLICITS)
    offers = _span(folded, adverts.OFFERS) or _span(folded, adverts.HARD)
    if about.warns or (about.others and about.asks):
        return None
    if (about.others or about.asks) and not (contact and (solicits or offers)):
        return None
    goods = list({match.group(): match for match in adverts.GOODS.finditer(text)}.values())
    own = contact is not None and _OWN.search(folded.text[: contact[0]]) is not None
    plain = offers or solicits or (None if own and not goods else contact)
    if plain is not None or not goods:
        return plain
    sums = bool(adverts.PRICE.search(folded.text) or adverts.PAY.search(folded.text))
    score = min(2, len(goods)) + sums + bool(adverts.HINTS.search(text)) + reachable
    touch = reachable or adverts.HINTS.search(text)
    return folded.unbared(*goods[0].span()) if touch and score >= _ADVERT_FROM else None


_ADVERT_FROM = 3
_OWN = re.compile(r"(?:我|我的|本人)\s?$")


def _span(folded: Folded, pattern: re.Pattern[str]) -> _Span | None:
    match = pattern.search(folded.bare)
    return None if match is None else folded.unbared(*match.span())


def _contact(folded: Folded, links: Sequence[_Span]) -> _Span | None:
    """Return the span of an account to write to, outside links."""
    marked = adverts.MARKED.search(folded.text)
    spans = [folded.unbared(*match.span()) for match in adverts.CONTACT.finditer(folded.bare)]
    if marked is not None:
        spans.append(marked.span())
    return next((span for span in spans if not any(a < span[1] and span[0] < b for a, b in links)), None)


def _links(folded: Folded, text: str) -> Iterator[tuple[str, tuple[int, int]]]:
    """Yield ``plain``, ``short`` or ``hidden`` and the span (in ``text`` of the folded)."""
    plain: list[tuple[int, int]] = []
    for match in adverts.LINK.finditer(folded.text):
        start, end = folded.original(*match.span())
        written = text[start:end].lower()
        plain.append(match.span())
        if written != match.group() or match.group().startswith("hx"):
            yield "hidden", match.span()
        else:
            yield ("short" if adverts.SHORT.search(match.group()) else "plain"), match.span()
    for pattern in (adverts.DOTTED, adverts.SPACED, adverts.GAPPED):
        for match in pattern.finditer(folded.text):
            squeezed = re.sub(r"\s", "", match.group())
            if pattern is adverts.SPACED and not adverts.LINK.fullmatch(squeezed):
                continue
            if not any(start < match.end() and match.start() < end for start, end in plain):
                plain.append(match.span())
                yield "hidden", match.span()


def verdict(findings: Iterable[Finding]) -> Action:
    """Return what becomes of a text."""
    return max((one.action for one in findings), default=Action.PASS)


def masked(text: str, findings: Iterable[Finding], labels: Mapping[str, str]) -> str:
    """Cover what is to be masked.

    Args:
        labels: kind → what stands there instead; ``""`` is for kinds that have none of their own.
    """
    pieces: list[str] = []
    done = 0
    for one in sorted(findings, key=lambda one: (one.start, -one.end)):
        if one.action is not Action.MASK or one.end <= done:
            continue
        pieces.append(text[done : max(done, one.start)])
        pieces.append(labels.get(one.kind, labels[""]))
        done = one.end
    return "".join(pieces) + text[done:]


def reason(findings: Iterable[Finding]) -> str:
    """Return the category (or ``threats``) that a person is told of: the gravest finding's."""
    worst = max(findings, key=lambda one: (one.action, one.severity, one.category == Category.ADVERT))
    return "threats" if worst.kind == "threats" else worst.category.value


def word_fault(word: str) -> str:
    """Say why a word cannot be put on a list: ``short``, ``long``, or nothing."""
    length = len(bare(word))
    if length < SHORTEST_WORD:
        return "short"
    return "long" if length > LONGEST_WORD else ""


def ordinary_share(word: str, talk: Sequence[str]) -> float:
    """Return the share of lines that a word would hit, 0 … 1."""
    own = Lexicon.of([ListedWord(word, OWN)])
    return sum(next(_hits(_read(line), own), None) is not None for line in talk) / max(1, len(talk))


_read = lru_cache(maxsize=1024)(fold)
"""Ordinary talk is tried with every new word."""


_COMPLAINS = re.compile(
    r"(?<!怎么)(?<!如何)(?<!哪里)(?<!哪儿)(?:投诉|举报|状告|要告)(?:一下|下|你们|咱们|我们|这个|那个|本群)*(?:的)?(?:团长|群主|店长)"
    r"|(?:团长|群主|店长)(?:她|他|本人)?(?:说话|态度|做事|做人|办事|就|又|老|总|老是|总是|一直|太|很|真|特别|天天|居然|竟然|对我|对人|当众)*"
    r"(?:骂|凶|吼|欺负|偏心|坑|黑心|恶劣|差劲|态度(?:太|很|真|特别)?(?:差|坏|不好|恶劣)|不公平|不负责|乱收|多收|私吞|克扣|贪|赖账|不讲理|蛮不讲理|拿回扣)"
)


def complains_of_leader(text: str) -> bool:
    """Say whether words clearly complain of the leader; asking how one complains is a question."""
    return bool(_COMPLAINS.search(simplified(unicodedata.normalize("NFKC", text))))
