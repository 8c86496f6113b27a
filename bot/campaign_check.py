"""What staff are told about a campaign's file, or about their own words for a beat, before anybody reads them in a group.

Source: F27, F31, F81.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prompts.campaigns import FARTHEST, PLACEHOLDERS, Flaw, Pack, decode, flaws, parse
from prompts.loader import texts

if TYPE_CHECKING:
    from engagement.moderation.rules import Finding, Lexicon

NIGHT_FROM, NIGHT_TO = 22 * 60, 7 * 60
_PLACE = re.compile(r", beat (\d+)$")
_LINE = re.compile(r"line (\d+)")
_STOPS = frozenset({"word", "link"})
_LISTED = frozenset({"insults", "threats"})
"""What no group may read: words of the lists, and links, which a leader sends himself."""
_TOLD = frozenset({"word", "link", "personal"})
"""Kinds of findings that are told; what else there is are guesses about how neighbours talk to each other."""


@dataclass(frozen=True, slots=True)
class Complaint:
    """One thing about a file or a text.

    Attributes:
        place: where, for a person.
        said: what is wrong and what to do.
        wrong: it cannot be taken as it is; else somebody should look.
    """

    place: str
    said: str
    wrong: bool = True

    def shown(self) -> dict[str, object]:
        """As JSON values."""
        return {"place": self.place, "said": self.said, "wrong": self.wrong}


def of_file(path: Path, year: int, lexicons: Sequence[Lexicon]) -> tuple[Pack | None, list[Complaint]]:
    """Look a file through; returns the campaign too when it can be taken.

    Args:
        year: whose days are tried.
        lexicons: words that are held back in the groups that will read it.
    """
    try:
        table = decode(path)
    except Flaw as flaw:
        return None, [_complaint(flaw)]
    except OSError:
        return None, [Complaint(path.name, texts().raw("push.flaw_no_file"))]
    found = [_complaint(flaw) for flaw in flaws(table, path.name)]
    if found:
        return None, found
    pack = parse(table, path.name)
    found = [*_days(pack, year), *_hours(pack)]
    for number, line in enumerate(pack.lines, start=1):
        place = _beat(number, line.title)
        for text in dict.fromkeys((line.title, line.text, line.other)):
            found.extend(Complaint(place, said, wrong) for said, wrong in of_words(text, lexicons))
    for text in (pack.name, pack.slogan):
        found.extend(Complaint(texts().raw("push.place_head"), said, wrong) for said, wrong in of_words(text, lexicons))
    return pack, found


def of_words(text: str, lexicons: Sequence[Lexicon]) -> list[tuple[str, bool]]:
    """Return what is to be said about a text: a sentence, and whether the text cannot be taken with it."""
    from engagement.moderation import claims as wording
    from engagement.moderation import rules
    from knowledge import scanning
    from prompts.claims import claims

    found: dict[str, bool] = {}
    for one in wording.find(text, claims()):
        found[texts().fill("push.flaw_claim", {"word": one.word, "instead": one.instead})] = False
    for finding in rules.inspect(text, lexicons):
        if finding.category.value not in _TOLD and finding.kind not in _LISTED:
            continue
        found[_listed(text, finding)] = finding.category.value in _STOPS or finding.kind in _LISTED
    for scanned in scanning.look(text):
        if scanned.kind != "ad_law" and scanned.severity == "block":
            found[texts().fill("push.flaw_scanned", {"excerpt": scanned.excerpt})] = True
    return list(found.items())


def _listed(text: str, finding: Finding) -> str:
    values = {"word": text[finding.start : finding.end]}
    return texts().fill(f"push.flaw_{finding.category.value}", values)


def _complaint(flaw: Flaw) -> Complaint:
    values = {name: _joined(value) for name, value in flaw.values.items()}
    beat = _PLACE.search(flaw.where)
    place = _beat(int(beat[1])) if beat else texts().raw("push.place_head")
    if flaw.what == "no_toml":
        line = _LINE.search(values.get("error", ""))
        key = "push.flaw_no_toml_line" if line else "push.flaw_no_toml"
        return Complaint(texts().raw("push.place_file"), texts().fill(key, {"line": line[1] if line else ""}))
    if flaw.what == "unknown_name":
        values["found"] = f"{{{values['found']}}}"
        values["known"] = " ".join(f"{{{name}}}" for name in sorted(PLACEHOLDERS))
    return Complaint(place, texts().fill(f"push.flaw_{flaw.what}", values))


def _joined(value: object) -> str:
    return "、".join(map(str, value)) if isinstance(value, list) else str(value)


def _beat(number: int, title: str = "") -> str:
    return texts().fill("push.place_beat", {"number": number, "title": title}).strip()


def _days(pack: Pack, year: int) -> list[Complaint]:
    """Try a year's days: a festival that nobody knows, two lines on one day, nothing at all."""
    from engagement.calendar import FESTIVALS
    from engagement.campaigns import rules

    head = texts().raw("push.place_head")
    named = [(head, pack.when.festival), *((_beat(n, x.title), x.festival) for n, x in enumerate(pack.lines, start=1))]
    strange = [(place, one) for place, one in named if one and one not in FESTIVALS]
    if strange:
        known = "、".join(sorted(FESTIVALS))
        return [
            Complaint(place, texts().fill("push.flaw_festival", {"name": one, "known": known}))
            for place, one in strange
        ]
    try:
        days = rules.year_of(pack, year)
    except ValueError:
        return [Complaint(head, texts().fill("push.flaw_same_day", {"year": year, "most": FARTHEST}))]
    return [] if days else [Complaint(head, texts().fill("push.flaw_no_days", {"year": year}))]


def _hours(pack: Pack) -> list[Complaint]:
    found = []
    for number, line in enumerate(pack.lines, start=1):
        late = line.minute >= NIGHT_FROM or line.minute < NIGHT_TO
        values: Mapping[str, Any] = {"at": f"{line.minute // 60:02d}:{line.minute % 60:02d}"}
        if late and not pack.night:
            found.append(Complaint(_beat(number, line.title), texts().fill("push.flaw_quiet", values), wrong=False))
    return found
