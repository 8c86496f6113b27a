"""What staff should see before a document answers: orders to the assistant, ways out, people's data, words of advertising.

Rules are prompts/scanning/*.toml and prompts/moderation/claims.toml. What is found is shown; what is grave holds its passage
back until somebody has looked (``passing.accept``). Nothing here decides what a passage may do: a passage never may anything.

Source: F69, F81, FAULTS C2.
"""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import insert
from sqlmodel import col, delete, select, update

from knowledge.loaders.blocks import MAX_EXCERPT
from knowledge.loaders.blocks import Finding as Told
from knowledge.masking import mask
from knowledge.normalise import canonical
from prompts import claims, scanning
from prompts.scanning import Rule
from storage.documents import Chunk, DocumentVersion, Finding, Phrasing

if TYPE_CHECKING:
    from storage.engine import Session

LOADERS = {
    "hidden_text": "warn",
    "hidden_sheet": "warn",
    "hidden_rows": "warn",
    "hidden_columns": "warn",
    "hidden_slide": "warn",
    "hidden_element": "warn",
    "active_content": "warn",
    "repeated_question": "warn",
}
"""How grave what a loader left out is; what is not named is a note."""
MOST = 6
"""Findings of one text; what is beyond that tells nothing new."""
COPIES_TOLD = 6
"""So many of one answer in a version are told to staff."""
COPIES_HELD = 20
"""So many of one answer are held back but for the first ``COPIES_KEPT``: they would leave no room for others."""
COPIES_KEPT = 5
_LONGEST = 6000
"""Characters of a text that are looked at in one piece; a longer one is looked at in overlapping pieces."""
_OVERLAP = 300
_SPELLED = re.compile(r"(?:[\u4e00-\u9fff][\W_]{1,3}){3,}[\u4e00-\u9fff]")
_GAPS = re.compile(r"[\W_]+")
_CODED = re.compile(r"(?<![A-Za-z0-9+/=_\-])[A-Za-z0-9+/_\-]{24,}={0,2}")
_SENTENCE = re.compile(r"[。!?！？\n]")
_PART = re.compile(r"[。!?！？\n,，;；]")
_ASKS = re.compile(r"[?？]|哪|谁|什么|多少|怎么|几[个种样]|吗")
_FIGURES = re.compile(r"[\W_\d]+")


@dataclass(frozen=True, slots=True)
class Found:
    """One thing that staff should see.

    Attributes:
        kind: as ``storage.documents.Finding.kind``.
        excerpt: the words concerned with those about them, at most 120 characters, personal data masked.
    """

    kind: str
    severity: str
    excerpt: str


def look(text: str, *, asked: bool = False) -> list[Found]:
    """What one text has in it, the gravest first, each kind and excerpt once, at most ``MOST``.

    Args:
        text: Of a passage, an answer or a way to ask.
        asked: It is a way to ask: what people ask advertises nothing and tells nobody to pay.
    """
    found: dict[tuple[str, str], Found] = {}
    for piece in _pieces(text):
        plain = canonical(piece)
        whole = _SPELLED.sub(lambda run: _GAPS.sub("", run.group()), plain)
        for read in dict.fromkeys((plain, whole)):
            for one in _by_rules(scanning.instructions(), read):
                if not asked or one.kind != "payment":
                    found.setdefault((one.kind, one.excerpt), one)
        for hidden in _decoded(piece):
            if any(one.severity == "block" for one in _by_rules(scanning.instructions(), canonical(hidden))):
                one = Found("encoded", "block", _short(hidden))
                found.setdefault((one.kind, one.excerpt), one)
        if not asked:
            for one in _adverts(plain):
                found.setdefault((one.kind, one.excerpt), one)
    ordered = sorted(found.values(), key=lambda one: scanning.SEVERITIES.index(one.severity))
    return ordered[:MOST]


def _pieces(text: str) -> Iterator[str]:
    for start in range(0, max(len(text), 1), _LONGEST):
        yield text[max(0, start - _OVERLAP) : start + _LONGEST]


def _by_rules(rules: Sequence[Rule], text: str) -> Iterator[Found]:
    for rule in rules:
        for match in rule.word.finditer(text):
            if rule.unless is None or not rule.unless.search(_around(text, match.start(), match.end())):
                yield Found(rule.kind, rule.severity, _excerpt(text, match.start(), match.end()))
                break


def _around(text: str, start: int, end: int) -> str:
    """The sentence of a match."""
    first = max((one.end() for one in _SENTENCE.finditer(text, max(0, start - 80), start)), default=max(0, start - 80))
    last = _SENTENCE.search(text, end, end + 80)
    return text[first : last.start() if last else end + 80]


def _adverts(text: str) -> Iterator[Found]:
    """What the advertising law does not let anybody say of goods, by sentence; a question is no claim."""
    taken: list[tuple[int, int]] = []
    for claim in claims.claims():
        for match in claim.word.finditer(text):
            start, end = match.span()
            if any(a < end and start < b for a, b in taken):
                continue
            about = _around(text, start, end)
            if not claim.asked and _ASKS.search(about):
                continue
            if claim.unless is not None and claim.unless.search(text[max(0, start - 6) : end + 6]):
                continue
            taken.append((start, end))
            yield Found("ad_law", "warn", _excerpt(text, start, end))
    for rule in scanning.adverts():
        for match in rule.word.finditer(text):
            start, end = match.span()
            if any(a < end and start < b for a, b in taken) or _ASKS.search(_around(text, start, end)):
                continue
            if rule.unless is None or not rule.unless.search(text[max(0, start - 8) : end + 8]):
                taken.append((start, end))
                yield Found(rule.kind, rule.severity, _excerpt(text, start, end))


def _decoded(text: str) -> Iterator[str]:
    for run in _CODED.findall(text)[:20]:
        try:
            raw = base64.b64decode(run.translate(str.maketrans("-_", "+/")) + "=" * (-len(run) % 4), validate=True)
            yield raw.decode("utf-8")
        except (binascii.Error, UnicodeDecodeError, ValueError):
            continue


def _excerpt(text: str, start: int, end: int) -> str:
    """The sentence of a match; of one that is too long, the clauses about it."""
    first, until = 0, len(text)
    for border in (_SENTENCE, _PART):
        first = max((one.end() for one in border.finditer(text, 0, start)), default=0)
        last = border.search(text, max(start, end - 1))
        until = last.end() if last else len(text)
        if until - first <= MAX_EXCERPT:
            return _short(text[first:until])
    return _short(f"…{text[max(first, start - 20) : until]}" if start - first > 20 else text[first:until])


def _short(text: str) -> str:
    plain = mask(" ".join(text.split()))
    return plain if len(plain) <= MAX_EXCERPT else plain[: MAX_EXCERPT - 1] + "…"


def told(findings: Sequence[Told]) -> list[tuple[str, Found]]:
    """What a loader left out, with its place; orders to the assistant among it are told as such besides."""
    known: list[tuple[str, Found]] = []
    for one in findings:
        known.append((one.locator, Found(one.code, LOADERS.get(one.code, "note"), _short(one.excerpt))))
        grave = [found for found in look(one.excerpt, asked=True) if found.severity == "block"]
        known.extend((one.locator, Found(found.kind, "warn", found.excerpt)) for found in grave[:1])
    return known


def copies(answers: Sequence[str]) -> dict[int, Found]:
    """Near-copies among the answers of a version, by place.

    The first of each crowd is told of, with how many there are; of a large crowd all but a few are held back.

    Args:
        answers: Bodies in the version's order; short ones (名单 lines, 「问团长」) are nobody's copies.
    """
    found: dict[int, Found] = {}
    for crowd in _crowds(answers):
        excerpt = _short(f"×{len(crowd)} {answers[crowd[0]]}")
        found[crowd[0]] = Found("near_copy", "warn", excerpt)
        if len(crowd) >= COPIES_HELD:
            found.update({at: Found("near_copy", "block", excerpt) for at in crowd[COPIES_KEPT:]})
    return found


def _crowds(answers: Sequence[str]) -> list[list[int]]:
    """Places of answers that say the same but for figures, marks and a few words."""
    parent = list(range(len(answers)))

    def root(at: int) -> int:
        while parent[at] != at:
            parent[at] = parent[parent[at]]
            at = parent[at]
        return at

    first: dict[tuple[int, int, int], int] = {}
    for at, answer in enumerate(answers):
        letters = _FIGURES.sub("", answer)
        if len(letters) < 12:
            continue
        for key in _sketch(letters):
            other = first.setdefault(key, at)
            parent[root(at)] = root(other)
    crowds: dict[int, list[int]] = defaultdict(list)
    for at in range(len(answers)):
        crowds[root(at)].append(at)
    return [crowd for crowd in crowds.values() if len(crowd) >= COPIES_TOLD]


def _sketch(letters: str) -> list[tuple[int, int, int]]:
    """Three pairs of smallest hashes over runs of four letters: texts that share nine tenths share one almost surely."""
    hashes = {zlib.crc32(letters[at : at + 4].encode()) for at in range(max(1, len(letters) - 3))}
    pairs = []
    for band, factor in enumerate((0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D)):
        mixed = sorted((one * factor) & 0xFFFFFFFF for one in hashes)
        pairs.append((band, mixed[0], mixed[min(2, len(mixed) - 1)]))
    return pairs


def examine(title: str, body: str, plain: str, asked: Sequence[str]) -> list[Found]:
    """What an entry or a passage has in it: what it says, and how it is asked for.

    Args:
        title: Main question or headings.
        body: Answer or passage.
        plain: The answer without facts; may be empty.
        asked: Ways to ask.
    """
    ways = [way for way in dict.fromkeys(asked) if way != title]
    said = look("。\n".join(part for part in (body, plain) if part))
    asked_for = look("。\n".join((title, *ways)), asked=True)
    known = {(one.kind, one.excerpt): one for one in (*said, *asked_for)}
    return sorted(known.values(), key=lambda one: scanning.SEVERITIES.index(one.severity))[:MOST]


Accepted = frozenset[tuple[str, str, str, str]]
"""Entry, kind, excerpt and body of what staff let pass in an earlier version: it need not be looked at again."""


def accepted(session: Session, document: int) -> Accepted:
    """What staff have let pass in any version of a document, as long as the text is still the same."""
    rows = session.execute(
        select(Chunk.entry, Finding.kind, Finding.excerpt, Chunk.body)
        .join(Chunk, col(Chunk.id) == Finding.chunk_id)
        .join(DocumentVersion, col(DocumentVersion.id) == Finding.version_id)
        .where(DocumentVersion.document_id == document, col(Finding.accepted_at).is_not(None))
    )
    return frozenset((entry, kind, excerpt, body) for entry, kind, excerpt, body in rows)


def record(
    session: Session,
    version: int,
    found: Iterable[tuple[Chunk | None, str, Found]],
    passed: Accepted = frozenset(),
    now: datetime | None = None,
) -> None:
    """Writes findings of a version and withholds what is grave.

    Args:
        session: Written to.
        version: Its id.
        found: Chunk (None = of the whole file), place in the file, and what was found.
        passed: From ``accepted``; those are written as accepted at ``now`` and withhold nothing.
        now: Aware instant.
    """
    rows: list[dict[str, object]] = []
    held: set[int] = set()
    for chunk, place, one in found:
        known = chunk is not None and (chunk.entry, one.kind, one.excerpt, chunk.body) in passed
        if chunk is not None and chunk.id is not None and one.severity == "block" and not known:
            held.add(chunk.id)
        rows.append(
            {
                "version_id": version,
                "chunk_id": chunk.id if chunk is not None else None,
                "kind": one.kind,
                "severity": one.severity,
                "locator": place[:120],
                "excerpt": one.excerpt,
                "accepted_at": now if known else None,
            }
        )
    if rows:
        session.execute(insert(Finding), rows)
    if held:
        session.execute(update(Chunk).where(col(Chunk.id).in_(sorted(held))).values(withheld=True))


def rescan(session: Session, version: int, now: datetime, chunks: Sequence[int] | None = None) -> int:
    """Looks through chunks of a draft that were written otherwise than by ``ingest.add``; returns how many are withheld.

    What was found in them before is replaced; what staff have let pass of the same words stays so. The version counts as
    scanned afterwards.

    Args:
        session: Written to; about 2 ms a chunk, so name the chunks that changed.
        version: Id of a version that is not published.
        now: Aware instant.
        chunks: Their ids; None = all of the version.
    """
    made = session.get_one(DocumentVersion, version)
    chosen = select(Chunk).where(Chunk.version_id == version).order_by(col(Chunk.ordinal))
    if chunks is not None:
        chosen = chosen.where(col(Chunk.id).in_(list(chunks)))
    rows = session.exec(chosen).all()
    passed = accepted(session, made.document_id)
    ids = [row.id for row in rows]
    asked: dict[int, list[str]] = defaultdict(list)
    for chunk, text in session.execute(
        select(Phrasing.chunk_id, Phrasing.text).where(col(Phrasing.chunk_id).in_(ids)).order_by(col(Phrasing.id))
    ):
        asked[chunk].append(text)
    session.execute(delete(Finding).where(col(Finding.chunk_id).in_(ids)))
    session.execute(update(Chunk).where(col(Chunk.id).in_(ids)).values(withheld=False))
    found = [
        (row, row.locator or row.entry, one)
        for row in rows
        for one in examine(row.title, row.body, row.plain, asked[row.id or 0])
    ]
    record(session, version, found, passed, now)
    made.scanned_at = now
    session.add(made)
    session.flush()
    return len({row.id for row, _, one in found if one.severity == "block"})
