"""The ready calendar as typed values: calendar/campaigns/*.toml, one file a campaign, read and checked once.

A campaign says when it is (``[when]``) and what it says on which day of it (``[[beat]]``). README.md beside the files
explains every field to who writes one.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from prompts.loader import PROMPTS
from prompts.packs import BadPack

FOLDER = PROMPTS / "calendar" / "campaigns"
FORMS = (
    "event",
    "gala",
    "festival",
    "terms",
    "member_day",
    "live",
    "farm",
    "contest",
    "night",
    "lesson",
    "drill",
    "training",
    "phase",
    "own",
)
"""What kind of campaign it is: what lists show beside its name, and what a leader may switch off as a kind."""
PHASES = ("", "warm", "peak", "last")
"""预热, 爆发, 持续; empty = the campaign has no such course (a lesson, a reminder)."""
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
PLACEHOLDERS = frozenset(
    {
        "group",
        "leader",
        "name",
        "slogan",
        "year",
        "month",
        "peak",
        "days_left",
        "pickup_place",
        "pickup_hours",
        "delivery_day",
        "hotline",
    }
)
"""What a text may name. ``peak`` is the anchor's date in words, ``days_left`` how far off it is (none from that day on)."""
MOST_NAME, MOST_SLOGAN, MOST_TITLE = 14, 30, 16
MOST_TEXT = {"groups": 180, "leaders": 320}
"""Characters: what a neighbour reads standing in the lift, and what a leader reads sitting down."""
FARTHEST = 45
"""Days that a beat may lie before or after its anchor."""
_KEY = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")
_DATE = re.compile(r"(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])")
_NTH = re.compile(r"(1[0-2]|[1-9])/([1-4]|last)/(mon|tue|wed|thu|fri|sat|sun)")
_NAMED = re.compile(r"\{([^{}]*)\}")
_WAYS = ("day", "festival", "nth", "monthly", "weekly", "joined")


class Flaw(BadPack):
    """One thing that is wrong with a file.

    Attributes:
        what: a fixed word.
        where: the file's name, and which part of it.
        values: what was found, and what would be right.
    """

    def __init__(self, what: str, where: str, said: str, **values: object) -> None:
        """Say it in a sentence that begins with the place."""
        super().__init__(f"{where}: {said}")
        self.what = what
        self.where = where
        self.values = values


@dataclass(frozen=True, slots=True)
class When:
    """When a campaign has its anchor; at most one of the first six is set, none where every beat has a festival.

    Attributes:
        day: ``MM-DD``.
        festival: id of a festival or solar term (engagement/calendar.py).
        nth: ``month/1…4 or last/weekday``.
        monthly: day of every month, 1 … 28.
        weekly: a weekday, of :data:`WEEKDAYS`.
        joined: the day on which the bot came into the group, or another leader took it over.
        months: restricts ``monthly`` and ``weekly``; empty = all.
        cycle: of a repeated one, each time another turn's beats; else all of them each time.
        not_on: of a weekly one: ``holidays`` leaves public holidays out, and its turns go on afterwards.
    """

    day: str = ""
    festival: str = ""
    nth: str = ""
    monthly: int = 0
    weekly: str = ""
    joined: bool = False
    months: tuple[int, ...] = ()
    cycle: bool = False
    not_on: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """What a campaign says on one day.

    Attributes:
        offset: days from the anchor.
        minute: local minute of the day.
        festival: anchor of this line alone.
        turn: from 1, of a campaign with ``cycle``; 0 without.
        other: another wording of the text, to compare; empty = none.
        poster: goes with a picture.
    """

    title: str
    text: str
    offset: int = 0
    minute: int = 600
    phase: str = ""
    festival: str = ""
    turn: int = 0
    other: str = ""
    poster: bool = False


@dataclass(frozen=True, slots=True)
class Pack:
    """A campaign as it is written down.

    Attributes:
        audience: ``groups``, or ``leaders`` in private.
        night: only for groups whose leader opened the late slot.
    """

    key: str
    name: str
    form: str
    slogan: str
    when: When
    lines: tuple[Line, ...]
    audience: str = "groups"
    night: bool = False


def _text(table: Mapping[str, Any], name: str, most: int, where: str, *, needed: bool = True) -> str:
    value = table.get(name, "")
    if not isinstance(value, str) or (needed and not value.strip()):
        raise Flaw("missing", where, f"{name} is missing or no text", field=name)
    value = value.strip()
    if len(value) > most:
        said = f"{name} has {len(value)} characters, {most} at most"
        raise Flaw("too_long", where, said, field=name, length=len(value), most=most)
    for found in _NAMED.findall(value):
        if found not in PLACEHOLDERS:
            said = f"{name} names {{{found}}}, which nobody knows"
            raise Flaw("unknown_name", where, said, field=name, found=found)
    return value


def _whole(table: Mapping[str, Any], name: str, low: int, high: int, where: str, default: int) -> int:
    value = table.get(name, default)
    if type(value) is not int or not low <= value <= high:
        said = f"{name} must be a whole number in {low} … {high}"
        raise Flaw("no_number", where, said, field=name, low=low, high=high)
    return value


def _flag(table: Mapping[str, Any], name: str, where: str) -> bool:
    value = table.get(name, False)
    if type(value) is not bool:
        raise Flaw("no_flag", where, f"{name} must be true or false", field=name)
    return value


def _of(table: Mapping[str, Any], name: str, among: Sequence[str], where: str, default: str = "") -> str:
    value = table.get(name, default)
    if value not in among:
        known = ", ".join(one or "nothing" for one in among)
        raise Flaw("no_choice", where, f"{name} must be one of {known}", field=name, known=list(filter(None, among)))
    return str(value)


def _strange(table: Mapping[str, Any], known: Sequence[str], where: str) -> None:
    if odd := sorted(set(table) - set(known)):
        raise Flaw("strange", where, f"{odd[0]} is no field of it", field=odd[0], known=list(known))


def _when(table: object, where: str) -> When:
    if not isinstance(table, dict):
        raise Flaw("no_when", where, "[when] is missing")
    _strange(table, (*_WAYS, "months", "cycle", "not_on"), f"{where}, when")
    ways = [name for name in _WAYS if name in table]
    months = table.get("months", [])
    if not isinstance(months, list) or not all(type(one) is int and 1 <= one <= 12 for one in months):
        raise Flaw("bad_months", f"{where}, when", "months must be whole numbers in 1 … 12")
    when = When(
        day=str(table.get("day", "")),
        festival=str(table.get("festival", "")),
        nth=str(table.get("nth", "")),
        monthly=_whole(table, "monthly", 1, 28, f"{where}, when", 1) if "monthly" in table else 0,
        weekly=_of(table, "weekly", WEEKDAYS, f"{where}, when") if "weekly" in table else "",
        joined=_flag(table, "joined", f"{where}, when"),
        months=tuple(months),
        cycle=_flag(table, "cycle", f"{where}, when"),
        not_on=_of(table, "not_on", ("", "holidays"), f"{where}, when"),
    )
    if len(ways) > 1 or (when.day and not _DATE.fullmatch(when.day)) or (when.nth and not _NTH.fullmatch(when.nth)):
        said = 'say one of day = "MM-DD", festival, nth = "6/3/sat", monthly = 8, weekly'
        raise Flaw("bad_when", f"{where}, when", said)
    if (when.months or when.cycle) and not (when.monthly or when.weekly):
        raise Flaw("bad_cycle", f"{where}, when", "months and cycle belong to monthly or weekly")
    if when.not_on and not when.weekly:
        raise Flaw("bad_not_on", f"{where}, when", "not_on belongs to weekly")
    return when


def _line(table: object, when: When, audience: str, where: str) -> Line:
    if not isinstance(table, dict):
        raise Flaw("no_table", where, "no table")
    _strange(table, ("title", "text", "other", "day", "at", "phase", "festival", "turn", "poster"), where)
    at = _TIME.fullmatch(str(table.get("at", "")))
    if at is None:
        raise Flaw("bad_time", where, 'at must be a time such as "10:00"')
    turn = _whole(table, "turn", 1, 60, where, 0) if "turn" in table else 0
    if bool(turn) != when.cycle:
        raise Flaw("bad_turn", where, "turn belongs to a campaign with cycle, and every beat of one has it")
    festival = str(table.get("festival", ""))
    if not festival and not any(getattr(when, name) for name in _WAYS):
        raise Flaw("no_day", where, "neither the campaign nor the beat says when")
    most = MOST_TEXT[audience]
    return Line(
        title=_text(table, "title", MOST_TITLE, where),
        text=_text(table, "text", most, where),
        offset=_whole(table, "day", -FARTHEST, FARTHEST, where, 0),
        minute=int(at[1]) * 60 + int(at[2]),
        phase=_of(table, "phase", PHASES, where),
        festival=festival,
        turn=turn,
        other=_text(table, "other", most, where, needed=False),
        poster=_flag(table, "poster", where),
    )


def _head(table: Mapping[str, Any], where: str) -> Pack:
    """Read everything but the beats."""
    _strange(table, ("key", "name", "form", "slogan", "audience", "night", "when", "beat"), where)
    key = str(table.get("key", ""))
    if not _KEY.fullmatch(key) or len(key) > 40:
        raise Flaw("bad_key", where, "key must be small letters, figures and hyphens, at most 40")
    audience = _of(table, "audience", tuple(MOST_TEXT), where, "groups")
    when = _when(table.get("when", {}), where)
    if not isinstance(table.get("beat"), list) or not table["beat"]:
        raise Flaw("no_beats", where, "it has no [[beat]]")
    return Pack(
        key=key,
        name=_text(table, "name", MOST_NAME, where),
        form=_of(table, "form", FORMS, where),
        slogan=_text(table, "slogan", MOST_SLOGAN, where),
        when=when,
        lines=(),
        audience=audience,
        night=_flag(table, "night", where),
    )


def parse(table: Mapping[str, Any], where: str) -> Pack:
    """Turn a decoded file into a campaign.

    Args:
        where: the file's name, for the message.

    Raises:
        Flaw: a field is missing, unknown, too long, of the wrong type or out of bounds, or a text names what nobody knows.
    """
    pack = _head(table, where)
    lines = (_line(row, pack.when, pack.audience, f"{where}, beat {n}") for n, row in enumerate(table["beat"], start=1))
    return replace(pack, lines=tuple(lines))


def flaws(table: Mapping[str, Any], where: str) -> Sequence[Flaw]:
    """Return what is wrong with a file, where :func:`parse` raises the first of it: one of its head, and one of each beat."""
    found = []
    try:
        _head(table, where)
    except Flaw as flaw:
        found.append(flaw)
    rows = table.get("beat")
    audience = "leaders" if table.get("audience") == "leaders" else "groups"
    try:
        when = _when(table.get("when", {}), where)
    except Flaw:
        return found
    for n, row in enumerate(rows if isinstance(rows, list) else (), start=1):
        try:
            _line(row, when, audience, f"{where}, beat {n}")
        except Flaw as flaw:
            found.append(flaw)
    return found


def decode(path: Path) -> Mapping[str, Any]:
    """Read a file's fields, whatever they are.

    Raises:
        Flaw: it is no TOML, or no UTF-8.
    """
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Flaw("no_toml", path.name, str(error), error=str(error)) from error


def read(path: Path) -> Pack:
    """Read one file.

    Raises:
        Flaw: see :func:`parse`; or it is no TOML, or no UTF-8.
    """
    return parse(decode(path), path.name)


def read_all(folder: Path) -> tuple[Pack, ...]:
    """Read every file of a folder, in the order of their names.

    Raises:
        BadPack: a file is wrong, or two have one key.
    """
    found: dict[str, Pack] = {}
    for path in sorted(folder.glob("*.toml")):
        pack = read(path)
        if pack.key in found:
            raise BadPack(f"{path.name}: {pack.key} stands twice")
        found[pack.key] = pack
    return tuple(found.values())


@lru_cache(maxsize=1)
def packs() -> tuple[Pack, ...]:
    """Return the ready year. Source: F27-F31, F34-F37, F39-F42, F44, F112."""
    return read_all(FOLDER)
