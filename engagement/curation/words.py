"""Rows of the base as words for a chat: whom a document is for, its state, what a scan found, what a draft changes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from engagement.curation import access
from prompts.loader import shown_day, texts
from storage.documents import Document, Finding
from storage.engine import Session

if TYPE_CHECKING:
    from knowledge.comparing import Changed, Difference

FINDINGS_SHOWN = 4
FINDINGS_MOST = 20
"""Shown where somebody looks at the document itself."""
_PASSAGE = re.compile(r"\d+(?:(?<=^0)#(\d+))?")
_PACKS = ("faq", "leaders")
_FACT = re.compile(r"\{([a-z_]+)\}")
_ABOVE = " \u203a "
"""Stands between the headings of a passage."""
CHANGES_SHOWN = 6
AROUND = 16
"""Characters around a change that are shown with it."""
CHANGE_MOST = 160
"""Characters of one change that are shown."""


def counted(entries: int, passages: int) -> str:
    """Say how many entries and passages there are; what is not there is not named."""
    said = texts()
    parts = [said.fill("curation.entries", {"count": entries})] if entries else []
    parts += [said.fill("curation.passages", {"count": passages})] if passages or not entries else []
    return said.raw("curation.between").join(parts)


def called(title: str, name: str) -> str:
    """Return what a document is called; what ships with the program has names of its own."""
    folder, _, file = name.rpartition("/")
    key = f"curation.pack_{file.removesuffix('.jsonl')}"
    if folder in _PACKS and key in texts().keys():  # noqa: SIM118
        return texts().raw(key)
    return title or name


def readable(answer: str) -> str:
    """Show an answer to staff: facts of the group by what they are called, where the groups' own come in."""

    def fact(found: re.Match[str]) -> str:
        return texts().fill("curation.fact", {"name": fact_name(found.group(1))})

    return _FACT.sub(fact, answer)


def differing(excerpt: str) -> str:
    """Show what two sides say differently: what each group has told of itself is called so."""

    def own(found: re.Match[str]) -> str:
        return texts().fill("curation.fact_own", {"name": fact_name(found.group(1))})

    return _FACT.sub(own, excerpt)


def fact_name(key: str) -> str:
    """Return what a fact of a group is called."""
    known = f"curation.fact_{key}"
    return texts().raw(known) if known in texts().keys() else key  # noqa: SIM118


def headings(titles: Sequence[str]) -> list[str]:
    """Return what passages and entries are about, each once, without the headings above their own."""
    return list(dict.fromkeys(one.rpartition(_ABOVE)[2].strip() for one in titles if one))


def for_whom(session: Session, document: Document) -> str:
    """Say who gets answers from a document."""
    name = access.scope_name(session, document.scope)
    leaders = document.audience == "leaders"
    return texts().fill("curation.scope_leaders" if leaders else "curation.scope_shown", {"name": name})


def finding(kind: str, locator: str, excerpt: str) -> str:
    """Say one thing that was found."""
    said = texts()
    key = f"kb.finding_{kind}"
    key = key if key in said.keys() else "curation.finding_other"  # noqa: SIM118
    where = locator or said.raw("curation.whole_file")
    number = _PASSAGE.fullmatch(locator)
    if number:
        where = said.fill("curation.passage", {"number": int(number[1] or int(number[0]) + 1)})
    elif locator.startswith("!"):
        where = said.fill("curation.row", {"number": locator.removeprefix("!")})
    return said.fill(key, {"locator": where, "excerpt": differing(excerpt)})


def findings(rows: Sequence[Finding], *, most: int = FINDINGS_SHOWN) -> tuple[list[str], dict[str, object]]:
    """Return the text keys and the values that tell of what a scan found, the gravest first.

    Where they are looked at themselves (``most``), what is beyond points nowhere else.
    """
    if not rows:
        return [], {}
    held = sum(one.severity == "block" for one in rows)
    shown = [{"what": finding(one.kind, one.locator, one.excerpt)} for one in rows[:most]]
    values: dict[str, object] = {"findings": shown, "count": len(rows), "held": held}
    tails = ["curation.found_held" if held else "curation.found"]
    if len(rows) > most:
        tails.append("curation.found_more" if most == FINDINGS_SHOWN else "curation.found_rest")
        values["more"] = len(rows) - most
    return tails, values


def changes(found: Difference) -> list[Mapping[str, object]]:
    """Return lines that tell what a version changes: what goes first, since that is what nobody is answered any more."""
    lines = [_line("removed", _name(gone.title, gone.body)) for gone in found.removed]
    lines += [_line("changed", one.shown, _what(one)) for one in found.changed]
    lines += [_line("added", _name(new.title, new.body)) for new in found.added]
    return lines[:CHANGES_SHOWN]


def _name(title: str, body: str) -> str:
    return cut(title or body, 40)


def _line(kind: str, name: str, what: str = "") -> Mapping[str, object]:
    said = texts().fill(f"curation.change_{kind}", {"name": cut(name, 40), "what": what})
    return {"line": said}


def edited(pieces: Iterable[tuple[str, str]]) -> str:
    """Say in a line what became of a text: 开到晚上（九点→十点）, with a little of what stands around it."""
    said, known = texts(), list(pieces)
    line, at = "", 0
    while at < len(known):
        what, text = known[at]
        following = known[at + 1] if at + 1 < len(known) else ("", "")
        if {what, following[0]} == {"-", "+"}:
            gone, new = (text, following[1]) if what == "-" else (following[1], text)
            line += said.fill("curation.edited_into", {"old": gone, "new": new})
            at += 1
        elif what in ("-", "+"):
            line += said.fill(f"curation.edited_{'out' if what == '-' else 'in'}", {"text": text})
        else:
            head = text[:AROUND] if at else ""
            tail = text[-AROUND:] if at + 1 < len(known) else ""
            line += text if len(text) <= len(head) + len(tail) else f"{head}…{tail}"
        at += 1
    return " ".join(line.split())


def _what(one: Changed) -> str:
    said = texts()
    parts = [cut(edited(pieces), CHANGE_MOST) for pieces in (one.title, one.body, one.plain) if pieces]
    if one.asked_new:
        parts.append(said.fill("curation.change_asked_new", {"count": len(one.asked_new), "first": one.asked_new[0]}))
    if one.asked_gone:
        parts.append(
            said.fill("curation.change_asked_gone", {"count": len(one.asked_gone), "first": one.asked_gone[0]})
        )
    if one.valid:
        parts.append(said.raw("curation.change_dates"))
    return said.raw("curation.between_parts").join(parts)


def window(first: str | None, last: str | None, today: date) -> str:
    """Say from when to when, given ISO days or nothing."""
    said = texts()
    if first and last:
        return said.fill("curation.days_between", {"first": short(first, today), "last": short(last, today)})
    if last:
        return said.fill("curation.days_until", {"last": short(last, today)})
    if first:
        return said.fill("curation.days_from", {"first": short(first, today)})
    return said.raw("curation.days_always")


def short(day: str, today: date) -> str:
    """Show an ISO day, with its year where that is another one."""
    meant = date.fromisoformat(day)
    if meant.year == today.year:
        return shown_day(meant)
    return texts().fill("curation.day_of_year", {"year": meant.year, "day": shown_day(meant)})


def cut(text: str, most: int) -> str:
    """Cut words at ``most`` characters."""
    words = " ".join(text.split())
    return words if len(words) <= most else f"{words[: most - 1]}…"


def row(session: Session, one: Mapping[str, Any]) -> dict[str, object]:
    """Return a document's line in the list."""
    said = texts()
    marks = []
    if one["state"] == "draft":
        marks.append(said.fill("curation.mark_new", {"version": one["version"]}))
    elif one["draft"]:
        marks.append(said.fill("curation.mark_draft", {"version": one["draft"]}))
    if one["findings"].get("block"):
        marks.append(said.fill("curation.mark_held", {"count": one["findings"]["block"]}))
    if one["state"] == "retired":
        marks.append(said.raw("curation.mark_retired"))
    if one["validity"] != "open":
        marks.append(said.raw(f"curation.mark_{one['validity']}"))
    if one["review_due"]:
        marks.append(said.raw("curation.mark_review"))
    return {
        "id": one["id"],
        "name": cut(called(one["title"], one["name"]), 24),
        "chunks": one["chunks"],
        "scope": "" if one["scope"] == access.ALL else f"（{access.scope_name(session, one['scope'])}）",
        "marks": "".join(marks),
    }
