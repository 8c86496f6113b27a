"""A month's theme as a page has it: every part with its ready words, and the words that others have instead.

Source: F27, F28.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from engagement import wording
from engagement.errors import Refusal
from engagement.kernel import Kind, Reply
from engagement.theme import own, rules, words
from engagement.theme.own import MOST
from prompts import packs
from prompts.loader import texts
from prompts.packs import Month
from storage import audit, wordings
from storage.engine import Session


@dataclass(frozen=True, slots=True)
class Sheet:
    """A part of a month.

    Attributes:
        day: of the month; 0 = its last.
        others: scope → other words.
        most: characters that other words may have.
        known: name that may stand in braces → what it means.
    """

    slot: str
    kind: str
    day: int
    title: str
    ready: str
    others: Mapping[str, str]
    most: int
    known: Mapping[str, str]


def sheets(session: Session, number: int) -> tuple[Month, list[Sheet]]:
    """Return a month and its parts, by day."""
    month = packs.months()[number]
    parts = [rules.Part("opening"), *(rules.Part("beat", one) for one in month.beats), rules.Part("closing")]
    others = wordings.of_slots(session, [rules.slot(month, part) for part in parts])
    return month, [_sheet(month, part, others.get(rules.slot(month, part), {})) for part in parts]


def _sheet(month: Month, part: rules.Part, others: Mapping[str, str]) -> Sheet:
    ready, day, title = month.opening, 1, texts().raw("theme.part_opening")
    if part.beat is not None:
        ready, day, title = part.beat.text, part.beat.day, part.beat.title
    elif part.kind == "closing":
        ready, day, title = month.closing, 0, texts().raw("theme.part_closing")
    known = {name: texts().raw(key) for name, key in own.known(part).items()}
    return Sheet(rules.slot(month, part), part.kind, day, title, ready, others, MOST[part.kind], known)


def find(session: Session, slot: str) -> tuple[Month, Sheet] | None:
    """Return the part of a slot; None when there is none."""
    pieces = slot.split(":")
    number = int(pieces[1]) if len(pieces) > 2 and pieces[1].isascii() and pieces[1].isdecimal() else 0
    if pieces[0] != "month" or number not in packs.months():
        return None
    month, found = sheets(session, number)
    return next(((month, one) for one in found if one.slot == slot), None)


def checked(sheet: Sheet, text: str) -> str:
    """Return words as they are kept; raises as :func:`engagement.wording.read`."""
    return wording.read(text, sheet.most, {name: f"theme.variable_{name}" for name in sheet.known})


def reword(session: Session, sheet: Sheet, scope: str, text: str, by: int | None, now: datetime) -> None:
    """Give a part other words in a scope; an empty text gives the ready ones back.

    Raises:
        Refusal: as :func:`checked`.
    """
    kept = checked(sheet, text) if text.strip() else ""
    wordings.write(session, sheet.slot, scope, kept, by, now)
    month = int(sheet.slot.split(":")[1])
    audit.record(session, at=now, actor_id=by, group_id=None, action="theme.worded", month=month, day=sheet.day)


def preview(month: Month, sheet: Sheet, text: str, group_name: str, leader: str) -> Reply:
    """Return what a group would read; what only the day brings stands there by its name."""
    figures: dict[str, object] = {
        name: texts().fill("theme.later", {"what": what}) for name, what in sheet.known.items()
    }
    figures |= {name: one for name, one in words.figures(month, group_name, leader).items() if one is not None}
    said = words.opening(month, text) if sheet.kind == "opening" else text or sheet.ready
    lines: Sequence[str] = words.lines(said, figures)
    if sheet.kind == "beat":
        return Reply("theme.beat", {"title": sheet.title, "body": lines}, kind=Kind.PUSH)
    return Reply(f"theme.{sheet.kind}", {"name": month.name, "body": lines}, kind=Kind.PUSH)


def shown(month: Month, text: str) -> str:
    """Return words as a list shows them: what the month knows, and the name of what only a group or the day brings."""
    known: dict[str, object] = {
        name: texts().fill("theme.later", {"what": texts().raw(f"theme.variable_{name}")}) for name in own.NAMES
    }
    known |= {name: one for name, one in words.figures(month, "", "").items() if one is not None}
    return wording.shown(text, known)


def refuse_unknown(found: tuple[Month, Sheet] | None) -> tuple[Month, Sheet]:
    """Return what was found.

    Raises:
        Refusal: ``campaigns.beat_gone`` when nothing was.
    """
    if found is None:
        raise Refusal("campaigns.beat_gone")
    return found
