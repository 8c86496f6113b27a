"""Results of ``kb`` as words and cells for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from knowledge import days
from prompts.loader import texts

_SHOWN = 5
"""Questions, phrasings or entries that are named in a line; the rest is counted."""
_LONG = 120


def _fill(key: str, **values: object) -> str:
    return texts().fill(f"kb.{key}", values)


def state(name: str) -> str:
    """The word for a state or stage."""
    return texts().raw(f"kb.state_{name}")


def moment(value: str) -> str:
    """An ISO instant as the clocks of the zone show it, to the minute."""
    return f"{days.local(datetime.fromisoformat(value)):%Y-%m-%d %H:%M}"


def validity(one: Mapping[str, Any]) -> str:
    """First and last day, and whether it answers now."""
    if not one["from"] and not one["until"]:
        return ""
    window = _fill("window", first=one["from"] or "", last=one["until"] or "").replace("-", "")
    return window if one["validity"] == "open" else f"{window} {texts().raw('kb.validity_' + one['validity'])}"


def figures(found: Mapping[str, int]) -> str:
    """How many findings of each severity wait."""
    return " ".join(
        _fill(f"waiting_{severity}", count=found[severity])
        for severity in ("block", "warn", "note")
        if found.get(severity)
    )


def row(one: Mapping[str, Any]) -> tuple[object, ...]:
    """A document in the list."""
    number = str(one["version"]) if one["draft"] is None else f"{one['version']} (+{one['draft']})"
    marks = [_fill("for_leaders")] if one["audience"] == "leaders" else []
    marks += [_fill("review_due")] if one["review_due"] else []
    name = " ".join([one["name"], *marks])
    return (
        one["id"],
        state(one["stage"]),
        number,
        one["chunks"],
        one["scope"],
        validity(one),
        figures(one["findings"]),
        name,
    )


def version(one: Mapping[str, Any]) -> tuple[object, ...]:
    """A version in the list of a document's."""
    made = " ".join(part for part in (moment(one["created_at"])[5:], one["created_by"]) if part)
    put = (
        " ".join(part for part in (moment(one["published_at"])[5:], one["published_by"]) if part)
        if one["published_at"]
        else ""
    )
    return one["number"], state(one["stage"]), one["chunks"], validity(one), made, put


def care(one: Mapping[str, Any]) -> Iterator[str]:
    """Who answers for a document, when to look through it, whom it is for, whether it was removed; only what is so."""
    if one["owner"]:
        yield _fill("cared_owner", owner=one["owner"])
    if one["review_at"]:
        yield _fill("cared_review", day=one["review_at"])
    if one["audience"] == "leaders":
        yield _fill("cared_leaders")
    if one["removed"]:
        yield _fill("is_removed", id=one["id"])


def finding(one: Mapping[str, Any]) -> tuple[object, ...]:
    """A finding that waits."""
    from engagement.curation import words  # the tables come with it, and --help has to answer at once

    place = one["locator"] or one["entry"] or texts().raw("kb.whole_file")
    what = _fill(f"finding_{one['kind']}", locator=place, excerpt=words.differing(one["excerpt"]))
    return one["id"], texts().raw(f"kb.severity_{one['severity']}"), what


def some(names: Sequence[str]) -> str:
    """The first of a list, the rest counted."""
    shown = "、".join(names[:_SHOWN])  # zh: a list's comma
    return shown if len(names) <= _SHOWN else _fill("and_more", shown=shown, count=len(names) - _SHOWN)


def difference(found: Mapping[str, Any]) -> Iterator[str]:
    """What a version changes, a line or a few for each entry and passage."""
    from knowledge import comparing  # the tables come with it, and --help has to answer at once

    for one in found["added"]:
        yield _fill("diff_added", entry=one["entry"], title=one["title"], body=_short(one["body"]))
    for one in found["changed"]:
        yield _fill("diff_changed", entry=one["entry"], title=one["shown"])
        for name in ("title", "body", "plain"):
            if one[name]:
                yield "    " + comparing.marked((piece[0], piece[1]) for piece in one[name])
        for name in ("asked_new", "asked_gone"):
            if one[name]:
                yield "    " + _fill(f"diff_{name}", count=len(one[name]), phrasings=some(one[name]))
        if one["valid"]:
            yield "    " + _fill("diff_valid")
    for one in found["removed"]:
        yield _fill("diff_removed", entry=one["entry"], title=one["title"], body=_short(one["body"]))


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONG else line[: _LONG - 1] + "…"


def priced(one: Mapping[str, Any]) -> dict[str, object]:
    """Figures of outside models; a cost of nothing is told as a dash: no price is set."""
    return {**one, "cost": f"{one['cost']:.{2 if one['cost'] >= 1 else 4}f}" if one["cost"] else "–"}


def used(one: Mapping[str, Any]) -> tuple[object, ...]:
    """What a model used within some days."""
    days_ = one["first"] if one["first"] == one["last"] else _fill("window", first=one["first"], last=one["last"])
    names = ("model", "calls", "failures", "prompt_tokens", "completion_tokens", "cost")
    return (days_, *(priced(one)[name] for name in names))
