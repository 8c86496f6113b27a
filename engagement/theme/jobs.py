"""The theme's opening, weekly beats and closing, and the challenge's two looks at the field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from engagement.calendar import month_end
from engagement.kernel import Kind, Reply
from engagement.pushes import Occurrence, Planned
from engagement.theme import figures, rules, service, words
from prompts.packs import Month
from storage import identities, wordings
from storage.engine import Session

_Key = tuple[int, str]


def _keys(occurrences: Sequence[Occurrence]) -> list[_Key]:
    return [(one.group.id, rules.month_key(one.local_date)) for one in occurrences]


def speaks(session: Session, one: Occurrence) -> bool:
    """Say whether the theme has anything to say on a day; reads only."""
    joined = service.joined_days(session, {one.group.id: one.group.zone})[one.group.id]
    return rules.part_of(service.month_of(one.local_date), one.local_date, joined) is not None


def challenge_speaks(_session: Session, one: Occurrence) -> bool:
    """Say whether it is a day on which the challenge may have something to say."""
    return one.local_date.day in rules.CHALLENGE_DAYS


def _push(one: Occurrence, key: str, values: Mapping[str, object], tails: Sequence[str] = ()) -> Planned:
    return Planned(one, Reply(key, values, tails, kind=Kind.PUSH, subject="theme:"))


def plan_theme(session: Session, occurrences: Sequence[Occurrence], now: datetime) -> Sequence[Planned]:
    """Say what the theme says today; nothing at all for a group on an ordinary day.

    Pays the completers first: on the last day of a month, and on any later day whom an earlier run left out.

    Skips: ``nothing`` (a closing where nobody took part).

    Source: F27, F28.
    """
    service.settle(session, {one.group.id: one.local_date for one in occurrences}, now)
    joined = service.joined_days(session, {one.group.id: one.group.zone for one in occurrences})
    speaking = [
        (one, part)
        for one in occurrences
        if (part := rules.part_of(service.month_of(one.local_date), one.local_date, joined[one.group.id]))
    ]
    leaders = identities.leader_names(session, [one.group.id for one, _ in speaking])
    slots = {rules.slot(service.month_of(one.local_date), part) for one, part in speaking}
    own = wordings.own(session, slots, {one.group.id for one, _ in speaking})
    closing = [one for one, part in speaking if part.kind == "closing"]
    totals = figures.totals(session, _keys(closing))
    most = max((service.month_of(one.local_date).challenge.top for one in closing), default=0)
    places = service.places(session, _keys(closing), most + rules.COMPLETERS_SHOWN)
    planned = []
    for one, part in speaking:
        month = service.month_of(one.local_date)
        values = dict(words.figures(month, one.group.name, leaders.get(one.group.id, "")))
        text = own.get((rules.slot(month, part), one.group.id), "")
        if part.kind == "closing":
            key = (one.group.id, rules.month_key(one.local_date))
            closing_text = text or month.closing
            planned.append(_closing(one, month, closing_text, values, totals.get(key), places.get(key, ())))
        elif part.beat is not None:
            shown = {"title": part.beat.title, "body": words.lines(text or part.beat.text, values)}
            planned.append(_push(one, "theme.beat", shown))
        elif part.kind == "opening":
            shown = {"name": month.name, "body": words.lines(words.opening(month, text), values)}
            planned.append(_push(one, "theme.opening", shown))
        else:
            values |= {"name": month.name, "slogan": month.slogan, "challenge": month.challenge.name}
            planned.append(_push(one, f"theme.{part.kind}", values))
    return planned


def _closing(
    one: Occurrence,
    month: Month,
    text: str,
    values: Mapping[str, object],
    total: figures.Totals | None,
    places: Sequence[service.Place],
) -> Planned:
    if total is None:
        return Planned(one, skip="nothing")
    top = month.challenge.top
    winners = [place for place in places if place.place <= top]
    others = [place for place in places if place.place > top and place.completed]
    body = words.lines(text, {**values, **words.closing_figures(total, winners)})
    shown = {"name": month.name, "body": body, "others": words.listed("theme.name", others)}
    return _push(one, "theme.closing", shown, ["theme.closing_others"] if others else [])


def plan_challenge(session: Session, occurrences: Sequence[Occurrence], now: datetime) -> Sequence[Planned]:
    """Say on the 15th and the 25th how many completed the challenge and who is close; nothing on other days.

    Skips: ``nothing`` when nobody completed it or is close.

    Source: F28.
    """
    due = [one for one in occurrences if one.local_date.day in rules.CHALLENGE_DAYS]
    keys = _keys(due)
    totals = figures.totals(session, keys)
    near = service.places(session, keys, rules.CLOSE_SHOWN, completed=False)
    planned = []
    for one, key in zip(due, keys, strict=True):
        month = service.month_of(one.local_date)
        target = month.challenge.target
        close = [place for place in near.get(key, ()) if place.points >= rules.close_from(target)]
        total = totals.get(key, figures.Totals())
        if not close and not total.completed:
            planned.append(Planned(one, skip="nothing"))
            continue
        values = {
            "challenge": month.challenge.name,
            "completed": total.completed,
            "participants": total.participants,
            "close": words.listed("theme.close_one", close, target),
            "days_left": (month_end(one.local_date) - one.local_date).days,
        }
        tails = ["theme.challenge_close"] if close else []
        key_of = "theme.challenge_some" if total.completed else "theme.challenge_none_yet"
        planned.append(_push(one, key_of, values, [*tails, "theme.challenge_end"]))
    return planned
