"""主题文案: other words for the opening, a beat or the closing of a month's theme, by a leader or by the staff.

The dialogue is that of a campaign's words: the question is answered in private, doubtful words are taken when they come a
second time, what a list forbids never is. Such words hold every year until somebody takes them back.

Source: F27, F28, F81.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from engagement import actions, calendar, wording
from engagement.errors import Refusal
from engagement.feature import Context
from engagement.kernel import Button, Reply, simplified
from engagement.theme import places, rules, words
from engagement.theme.places import Where
from prompts import packs
from prompts.loader import texts
from prompts.packs import Month
from storage import audit, identities, wordings

OPENING, CLOSING = 0, 99
"""Stand for the opening and the closing where a beat has its day of the month."""
MOST = {"opening": 260, "beat": 180, "closing": 260}
DONE = "theme_done:"
"""Subject of what ends the dialogue: what is said next is no answer to its question."""
_EVERYWHERE = ("group", "leader", "month_name", "target", "reward_points")
_AT_THE_END = ("participants", "checkins", "answers", "completed", "winners")
NAMES = (*_EVERYWHERE, *_AT_THE_END)
"""Everything that may stand in braces."""
_REFERENCE = re.compile(r"[0-9]{1,18}(?:\.[0-9]{1,18}){0,5}")
_NEXT = re.compile(r"下个?月(?:的|主题)?")
_MONTH = re.compile(r"([0-9]{1,2})\s*月?(?:份|的)?")


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a month's theme, somewhere.

    Attributes:
        day: the date on which it is said next.
    """

    where: Where
    month: Month
    part: rules.Part
    day: date

    @property
    def slot(self) -> str:
        """The name under which its words are kept."""
        return rules.slot(self.month, self.part)

    @property
    def ready(self) -> str:
        """The words that come with the program."""
        if self.part.beat is not None:
            return self.part.beat.text
        return self.month.opening if self.part.kind == "opening" else self.month.closing

    @property
    def title(self) -> str:
        """What a list calls it."""
        return self.part.beat.title if self.part.beat is not None else texts().raw(f"theme.part_{self.part.kind}")

    @property
    def at(self) -> str:
        """Its reference in a button's key."""
        number = self.part.beat.day if self.part.beat else OPENING if self.part.kind == "opening" else CLOSING
        return f"{self.month.month}.{number}.{self.where.at}"


def show(ctx: Context) -> Sequence[Reply]:
    """主题文案, 主题文案 下月, 主题文案 3月: what of a month is still to be said, one button each."""
    found = places.of(ctx)
    month = _asked_month(ctx)
    if len(found) == 1:
        return [_page(ctx, found[0], month)]
    buttons = [Button(f"thm_page:{month}.{one.at}", "theme.button_where", {"where": one.name}) for one in found]
    return [Reply("theme.words_where", {"group": None}, buttons=buttons)]


def _asked_month(ctx: Context) -> int:
    """Read which month is meant; this one when none is said.

    Raises:
        Refusal: ``theme.words_how``.
    """
    said = simplified(ctx.argument).strip()
    found = _MONTH.fullmatch(said)
    if not said:
        return ctx.today.month
    if _NEXT.fullmatch(said):
        return rules.next_month(ctx.today).month
    if found is None or not 1 <= int(found[1]) <= 12:
        raise Refusal("theme.words_how")
    return int(found[1])


def page_button(ctx: Context) -> Sequence[Reply]:
    """Of this place, or of another month."""
    month, kind, number = _reference(ctx.text, 3)
    if month not in packs.months():
        raise Refusal("guard.old_button")
    return [_page(ctx, places.find(ctx, kind, number), month)]


def _reference(text: str, count: int) -> tuple[int, ...]:
    found = tuple(int(part) for part in text.split(".")) if _REFERENCE.fullmatch(text) else ()
    if len(found) != count:
        raise Refusal("guard.old_button")
    return found


def _pieces(ctx: Context, where: Where, month: Month) -> Sequence[Piece]:
    """Return what of a month is still to be said, by day: of this month the rest, of another one all."""
    year = ctx.today.year + (month.month < ctx.today.month)
    first = date(year, month.month, 1)
    all_parts = [
        (first, rules.Part("opening")),
        *((first.replace(day=one.day), rules.Part("beat", one)) for one in month.beats),
        (calendar.month_end(first), rules.Part("closing")),
    ]
    said_today = calendar.local_minute(ctx.now, where.zone) >= rules.THEME_MINUTE
    return [
        Piece(where, month, part, day)
        for day, part in all_parts
        if day > ctx.today or (day == ctx.today and not said_today)
    ]


def _page(ctx: Context, where: Where, number: int) -> Reply:
    month = packs.months()[number]
    found = _pieces(ctx, where, month)
    if not found:
        month = packs.months()[rules.next_month(date(ctx.today.year, number, 1)).month]
        found = _pieces(ctx, where, month)
    changed = wordings.of_slots(ctx.session, [one.slot for one in found])
    rows = [
        {
            "day": words.day(one.day),
            "title": one.title,
            "mark": texts().raw("theme.words_changed") if where.scope in changed.get(one.slot, {}) else "",
        }
        for one in found
    ]
    after = rules.next_month(date(ctx.today.year, month.month, 1)).month
    buttons = [
        Button(f"thm_word:{one.at}", "theme.button_part", {"day": words.day(one.day), "title": one.title})
        for one in found
    ]
    buttons.append(Button(f"thm_page:{after}.{where.at}", "theme.button_month", {"month": after}))
    values = {"name": month.name, "month": month.month, "where": where.name, "group": where.name, "rows": rows}
    return Reply("theme.words", values, buttons=buttons, subject=DONE)


# ---------------------------------------------------------------- one of them


def ask_button(ctx: Context) -> Sequence[Reply]:
    """Show what is said as it stands, with its variables, and ask for other words."""
    return [_question(ctx, _piece(ctx, _reference(ctx.text, 4)))]


def _piece(ctx: Context, numbers: Sequence[int]) -> Piece:
    """Return the part that is meant.

    Raises:
        Refusal: ``guard.old_button``; ``theme.word_late`` when it has been said.
    """
    month, part, kind, number = numbers
    where = places.find(ctx, kind, number)
    if month not in packs.months():
        raise Refusal("guard.old_button")
    reference = f"{month}.{part}.{where.at}"
    found = next((one for one in _pieces(ctx, where, packs.months()[month]) if one.at == reference), None)
    if found is None:
        raise Refusal("theme.word_late", group=where.name)
    return found


def _now_said(ctx: Context, piece: Piece) -> tuple[str, bool]:
    """Return the words that hold in a place, and whether they are its own."""
    known = wordings.of_slots(ctx.session, [piece.slot]).get(piece.slot, {})
    text = next((known[scope] for scope in piece.where.scopes if scope in known), piece.ready)
    return text, piece.where.scope in known


def _question(ctx: Context, piece: Piece) -> Reply:
    text, own = _now_said(ctx, piece)
    values = {
        "name": piece.month.name,
        "day": words.day(piece.day),
        "title": piece.title,
        "text": text.splitlines(),
        "most": MOST[piece.part.kind],
        "group": piece.where.name,
    }
    buttons = [Button(f"thm_reset:{piece.at}", "campaigns.button_reset", settles=True)] if own else []
    buttons.append(Button(f"thm_keep:{piece.at}", "campaigns.button_keep", settles=True))
    tails = ["theme.word_braces"] if "{" in text else []
    return Reply("campaigns.word_ask", values, tails, buttons=buttons, subject=f"thm_word:{piece.at}")


def said(ctx: Context) -> Sequence[Reply]:
    """The answer to the question, or the next private words after it."""
    numbers = _reference(ctx.subject.partition(":")[2] + ("" if ctx.subject.count(".") == 4 else ".0"), 5)
    piece = _piece(ctx, numbers[:4])
    match wording.steers(ctx.text):
        case "stop":
            return [_kept(piece)]
        case "reset":
            return [_reset(ctx, piece)]
    try:
        text = wording.read(ctx.text, MOST[piece.part.kind], _known(piece))
        return [_taken(ctx, piece, text, numbers[4])]
    except Refusal as no:
        # The question stays open under the refusal: what is sent next is an answer to it.
        values = {"name": piece.month.name, "group": piece.where.name, **no.values}
        return [Reply(no.key, values, subject=f"thm_word:{piece.at}")]


def _known(piece: Piece) -> dict[str, str]:
    return known(piece.part)


def known(part: rules.Part) -> dict[str, str]:
    """Return what the words of a part may name: name → key of the text that says what it means."""
    names = _EVERYWHERE + (_AT_THE_END if part.kind == "closing" else ())
    return {name: f"theme.variable_{name}" for name in names}


def _taken(ctx: Context, piece: Piece, text: str, known: int) -> Reply:
    looked = places.look(ctx, piece.where, text)
    if looked.forbidden:
        raise Refusal("campaigns.word_forbidden", word=looked.forbidden[0])
    digest = wording.digest(text)
    if looked.doubtful and known != digest:
        rows = [{"word": word, "instead": instead} for word, instead in looked.doubtful]
        values = {"rows": rows, "group": piece.where.name}
        return Reply("campaigns.word_doubtful", values, subject=f"thm_word:{piece.at}.{digest}")
    return _changed(ctx, piece, text, "campaigns.word_kept", "theme.did_word")


def _changed(ctx: Context, piece: Piece, text: str, told: str, did: str) -> Reply:
    """Write words (empty: none of its own), and show what will be read now."""
    where = piece.where
    before = wordings.write(ctx.session, piece.slot, where.scope, text, ctx.actor.person_id, ctx.now)
    audit.record(
        ctx.session,
        at=ctx.now,
        actor_id=ctx.actor.person_id,
        group_id=where.group_id or None,
        action="theme.worded",
        month=piece.month.month,
        day=piece.day.day,
    )
    key, shown = _preview(ctx, piece)
    if where.group_id:
        change = {"slot": piece.slot, "text": before}
        did_values = {"month": piece.month.month, "title": piece.title}
        back = actions.note(ctx, places.CHANGE, change, did, did_values)
    else:
        places.keep(ctx, where, piece.slot, before)
        back = Button(f"thm_back:{piece.at}", "leader.button_undo")
    buttons = [Button(f"thm_reset:{piece.at}", "campaigns.button_reset")] if text else []
    buttons += [Button(f"thm_word:{piece.at}", "campaigns.button_again"), back]
    tails = [key, *(["theme.word_yearly"] if text else [])]
    values = {**shown, "day": words.day(piece.day), "group": where.name}
    others = places.with_own(ctx, where, piece.slot)
    if others:
        values["others"] = others
        tails.append("theme.word_others")
    return Reply(told, values, tails, buttons=buttons, subject=DONE)


def _preview(ctx: Context, piece: Piece) -> tuple[str, dict[str, object]]:
    """Return the text key and the values of what will be read; what only the day brings stands there by its name."""
    group = piece.where.group_id
    later = {name: texts().fill("theme.later", {"what": texts().raw(key)}) for name, key in _known(piece).items()}
    leader = identities.leader_names(ctx.session, [group]).get(group, "") if group else ""
    known = words.figures(piece.month, piece.where.name if group else "", leader)
    figures: dict[str, object] = later | {name: value for name, value in known.items() if value is not None or group}
    text = _now_said(ctx, piece)[0]
    lines = words.lines(words.opening(piece.month, text) if piece.part.kind == "opening" else text, figures)
    if piece.part.beat is not None:
        return "theme.beat", {"title": piece.title, "body": lines}
    return f"theme.{piece.part.kind}", {"name": piece.month.name, "body": lines}


def reset_button(ctx: Context) -> Sequence[Reply]:
    """恢复原文."""
    return [_reset(ctx, _piece(ctx, _reference(ctx.text, 4)))]


def _reset(ctx: Context, piece: Piece) -> Reply:
    if not _now_said(ctx, piece)[1]:
        return Reply("campaigns.word_ready_already", {"group": piece.where.name}, subject=DONE)
    return _changed(ctx, piece, "", "campaigns.word_ready", "theme.did_reset")


def keep_button(ctx: Context) -> Sequence[Reply]:
    """不改了."""
    return [_kept(_piece(ctx, _reference(ctx.text, 4)))]


def _kept(piece: Piece) -> Reply:
    return Reply("theme.word_unchanged", {"group": piece.where.name}, subject=DONE)


def back_button(ctx: Context) -> Sequence[Reply]:
    """The staff's way back, which has no action of a leader behind it: what stood there before; pressed again, the other way."""
    piece = _piece(ctx, _reference(ctx.text, 4))
    places.swap(ctx, piece.where, piece.slot)
    key, shown = _preview(ctx, piece)
    values = {**shown, "day": words.day(piece.day), "group": piece.where.name}
    return [Reply("theme.word_swapped", values, [key], subject=DONE)]
