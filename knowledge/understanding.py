"""How a message asks: several questions at once, or one that leans on the last turn. Pure; the words stand in prompts/asking.

Source: F62; FAULTS A13.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from knowledge import normalise
from prompts.asking import intents, turns

if TYPE_CHECKING:
    from knowledge.answer import Candidate, Prepared

MOST = 3
"""Questions of one message that are answered; the others are asked for one by one."""
_ENDS = re.compile(r"(?<=[。!?;…\n~])\s*|(?<=[,])\s*|\s{2,}")
_MARKS = " ,.。!?;:…~\n\t-、"
_HARD = "。!?;…\n~"
_GAPS = re.compile(r"(?<=[^\W\d_a-zA-Z])\s(?=[^\W\d_a-zA-Z])|(?<=吗)(?=[^\W\d_a-zA-Z])")
"""Where two questions may meet without a mark or a word: a blank between two words, the end of a question."""
_SHORTEST = 3
"""Characters without which a clause is no question of its own."""


@dataclass(slots=True)
class _Clause:
    text: str
    hard: bool
    """What stands before it ended a sentence, or a joining word begins it."""


def several(text: str) -> tuple[str, ...]:
    """The questions of a message in their order; the message itself when it is one, or a story around one.

    Args:
        text: as typed or written down from speech, any length; ``normalise.MAX_QUERY`` characters are looked at.

    Returns:
        At least one text. Clauses that ask for nothing go with the question behind them, the last ones with the one before.
    """
    whole = text[: normalise.MAX_QUERY]
    found: list[str] = []
    pending = ""
    for clause in _clauses(whole):
        bare = normalise.question(clause.text).strip(_MARKS)
        if not bare:
            continue
        asks = bool(turns().asks.search(bare)) or clause.text.rstrip().endswith("?")
        tag = turns().tags.fullmatch(bare) is not None or len(bare) < _SHORTEST
        if asks and not tag and not _is_apart(pending, clause.text):
            found.append(f"{pending}{clause.text}".strip(_MARKS + " "))
            pending = ""
        elif asks and found and not pending:
            found[-1] = f"{found[-1]},{clause.text}".strip(_MARKS)
        elif asks and pending and _is_apart(pending, clause.text):
            found += [pending.strip(_MARKS), clause.text.strip(_MARKS)]
            pending = ""
        elif asks and pending:
            found.append(f"{pending}{clause.text}".strip(_MARKS))
            pending = ""
        else:
            pending = f"{pending}{clause.text}"
    return tuple(found) if len(found) > 1 else (text,)


def _clauses(whole: str) -> list[_Clause]:
    plain = normalise.canonical(whole.replace("\n", "。"))
    plain = turns().listed.sub("。", plain)
    clauses: list[_Clause] = []
    hard = True
    for part in _ENDS.split(plain):
        for at, piece in enumerate(_joined(part)):
            if piece.strip(_MARKS):
                clauses.append(_Clause(piece, hard or at > 0))
        hard = part.rstrip()[-1:] in _HARD if part.strip() else hard
    return clauses


def _joined(part: str) -> list[str]:
    """Cut at joining words and at blanks, where a question stands on both sides; at the beginning the word itself goes."""
    joiners, asks = turns().joiners, turns().asks
    first = joiners.match(part.lstrip())
    if first is not None and part.lstrip()[first.end() :].strip(_MARKS):
        part = part.lstrip()[first.end() :]
    for found in joiners.finditer(part):
        left, right = part[: found.start()], part[found.end() :]
        if asks.search(left.strip(_MARKS)) and asks.search(right.strip(_MARKS)):
            return [*_joined(left), *_joined(right)]
    for gap in _GAPS.finditer(part):
        left, right = part[: gap.start()], part[gap.end() :]
        if (_is_whole(left) and _is_whole(right)) or _is_apart(left, right):
            return [left, *_joined(right)]
    return [part]


def _is_apart(before: str, part: str) -> bool:
    """Whether a question is of another matter than the trouble that is told before it."""
    told, asked = normalise.question(before).strip(_MARKS), normalise.question(part).strip(_MARKS)
    known = turns()
    return bool(known.trouble.fullmatch(told) and known.other.match(asked) and known.asks.search(asked))


def _is_whole(part: str) -> bool:
    """Whether a piece is a question by itself, and not what belongs to the one beside it."""
    plain = normalise.question(part).strip(_MARKS)
    known = turns()
    if len(plain) < _SHORTEST or known.tags.fullmatch(plain) is not None:
        return False
    return bool(known.asks.search(plain)) and known.leans[2].fullmatch(plain) is None


def leans(text: str) -> bool:
    """Whether a message cannot be understood without the one before it: 「那周末呢」, 「要多久」."""
    bare = normalise.question(text)
    known = turns()
    if not bare or len(bare) > known.most or known.never.fullmatch(bare):
        return False
    return any(pattern.fullmatch(bare) for pattern in known.leans) or known.points.match(bare) is not None


def bare(text: str) -> str:
    """A follow-up without the words that only point back: 「那要拍照吗」 → 「要拍照吗」."""
    known = turns()
    short = known.end.sub("", known.begin.sub("", normalise.question(text))).strip(_MARKS)
    return short if leans(text) and len(short) >= _SHORTEST else text


def together(before: str, text: str) -> tuple[str, ...]:
    """What a follow-up may mean after an earlier question, the likeliest first; questions to try on the base.

    Args:
        before: the earlier question, or the title of what answered it.
        text: for which :func:`leans` is true.
    """
    known = turns()
    new = known.end.sub("", known.begin.sub("", normalise.question(text))).strip(_MARKS)
    old = normalise.question(before)
    matter = known.asking.sub("", old).strip(_MARKS)
    if not new:
        return (old,)
    found = [f"{matter} {new}", f"{old} {new}"] if known.asks.search(new) else [f"{new} {old}", f"{matter} {new}"]
    return tuple(dict.fromkeys(one.strip() for one in found))


def is_bare(text: str) -> bool:
    """Whether a follow-up names nothing of its own: 「要多久」, 「要钱吗」."""
    return turns().leans[2].fullmatch(normalise.question(text)) is not None


@dataclass(frozen=True, slots=True)
class Reading:
    """What a question was taken to mean.

    Attributes:
        query: what is to be asked of the base.
        entry: what would answer it; empty = nothing would, or it was not looked up.
        leans: the query is more than what was typed.
        by_entry: several readings agree on the entry, though none reaches the floor alone.
        offered: what is to be offered instead of the answer that was given just before.
        decision: what the base decides about it; empty = it was not looked up.
    """

    query: str
    entry: str = ""
    leans: bool = False
    by_entry: bool = False
    offered: tuple[Candidate, ...] = ()
    decision: str = ""


SOFT = 8
"""A question that is no longer may lean, if it is not clear as it stands."""
CLEAR = 0.9
"""Chance above which a question is clear as it stands."""


def may_lean(text: str) -> bool:
    """Whether it is worth looking at a message together with the one before; a long new question never is."""
    bare = normalise.question(text)
    if turns().never.fullmatch(bare):
        return False
    return leans(text) or (0 < len(bare) <= SOFT and bool(turns().asks.search(bare)))


def alone(question: str, prepared: Prepared) -> Reading:
    """The reading of a question that stands for itself."""
    return Reading(question, _entry(prepared), decision=prepared.decision)


def choose(question: str, before: str, plain: Prepared, tried: Sequence[tuple[str, Prepared]]) -> Reading:
    """Choose between a message as it stands and together with the question before.

    Args:
        question: for which :func:`may_lean` is true.
        before: entry that answered the question before, or empty.
        plain: the message alone.
        tried: :func:`together` and what is decided about each.
    """
    own = _entry(plain)
    strict = leans(question)
    itself = alone(bare(question), plain)
    if not tried or (not strict and own and plain.score >= CLEAR):
        return itself
    for query, prepared in tried:
        entry = _entry(prepared)
        if entry and entry != before and (not own or own == entry or prepared.score > plain.score):
            return Reading(query, entry, leans=True, decision="answered")
    same = [(prepared.score, query) for query, prepared in tried if before and _entry(prepared) == before]
    surest, again = max(same, default=(0.0, ""))
    if again and is_bare(question) and (not own or surest > plain.score):
        return Reading(again, before, leans=True, decision="answered")
    if own:
        return itself
    if not strict:
        return _agreed(plain, tried, itself, before)
    guessed = _guess(before, plain, tried, again, sure=not is_bare(question))
    return guessed if guessed.decision in ("answered", "asked_back") or plain.decision != "asked_back" else itself


def _agreed(plain: Prepared, tried: Sequence[tuple[str, Prepared]], itself: Reading, before: str) -> Reading:
    """All readings agree on an entry, though none reaches the floor; else the question stands for itself."""
    firsts = {_first(prepared, before) for prepared in (plain, *(prepared for _, prepared in tried))}
    best = firsts.pop() if len(firsts) == 1 else ""
    return Reading(tried[0][0], best, leans=True, by_entry=True, decision="answered") if best else itself


def _guess(before: str, plain: Prepared, tried: Sequence[tuple[str, Prepared]], again: str, *, sure: bool) -> Reading:
    """What a follow-up means that no reading answers: what most readings begin with, what lies beside, the same again.

    Args:
        again: the reading that was answered with the same entry as before, or empty.
        sure: the follow-up names something, so that the same answer is worth less than asking.
    """
    query = tried[0][0]
    firsts = [_first(prepared, before) for prepared in (plain, *(prepared for _, prepared in tried))]
    agreed = [one for one in firsts if one]
    best = max(agreed, key=agreed.count, default="")
    votes = agreed.count(best)
    if best and (votes > 2 or (votes == 2 and (firsts[0] == best or not again))):
        return Reading(query, best, leans=True, by_entry=True, decision="answered")
    near = _beside(plain, before)
    if near:
        return Reading(query, near, leans=True, by_entry=True, decision="answered")
    other = tuple(one for one in plain.candidates if one.id != before)
    if again and sure and plain.decision == "asked_back" and other:
        return Reading(again, "", leans=True, offered=other, decision="asked_back")
    if again:
        return Reading(again, before, leans=True, decision="answered")
    return Reading(query, "", leans=True, decision=tried[0][1].decision)


def distinct(readings: Sequence[Reading]) -> tuple[int, ...]:
    """Which questions of one message are to be answered, by position; fewer than two: it is one question.

    The same entry is given once. A story around one question has clauses that look like questions and mean nothing to the
    base: where only one is understood, the others are no questions.
    """
    kept: list[int] = []
    seen: set[str] = set()
    for at, reading in enumerate(readings):
        if reading.entry in seen:
            continue
        if reading.entry:
            seen.add(reading.entry)
        kept.append(at)
    if len(seen) < 2:
        return ()
    return tuple(kept)


def _entry(prepared: Prepared) -> str:
    return prepared.passages[0].entry if prepared.decision == "answered" and prepared.passages else ""


def _beside(prepared: Prepared, before: str) -> str:
    """The first candidate of the same category as what answered before, where the base would ask back."""
    category, dot, _ = before.partition(".")
    if prepared.decision != "asked_back" or not dot:
        return ""
    found = (one.id for one in prepared.candidates if one.id != before)
    return next((entry for entry in found if entry.startswith(f"{category}.")), "")


def _first(prepared: Prepared, without: str) -> str:
    return next((one.id for one in prepared.candidates if one.id != without), "")


_INTENT_MOST = 24
_NOT_LETTERS = re.compile(r"[\W_]+")


def meant(text: str) -> str:
    """Name of the command that a sentence means: 「我还有几分」; empty when it is a question, or mere talk.

    Whether it may be run, and for whom, is for the command's own rules; a sentence never changes anything by itself.

    Args:
        text: as typed. Only a whole short sentence counts.

    Source: FAULTS A13.
    """
    bare = _NOT_LETTERS.sub("", normalise.canonical(text))
    if not 2 < len(bare) <= _INTENT_MOST:
        return ""
    return next((name for name, pattern in intents().items() if pattern.fullmatch(bare)), "")
