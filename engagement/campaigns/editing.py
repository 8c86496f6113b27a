"""换文案: a leader's own words for a day of a campaign in the own group.

Nothing is remembered but what the question was about, which is the subject of its message. Doubtful words are taken when
they are sent a second time as they were; what a list forbids is never taken.

Source: F27, F81.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlmodel import select as pick

from engagement import actions, rooms, wording
from engagement.campaigns import choices, offers, saying, words
from engagement.campaigns.choices import Coming
from engagement.campaigns.tables import Beat
from engagement.errors import Refusal
from engagement.events import Worded
from engagement.feature import Context
from engagement.kernel import Button, Place, Reply, row_id
from prompts.campaigns import MOST_TEXT
from storage import audit, wordings
from storage.wordings import Wording

CHANGE = "campaign_words"
_OFFERED = 6


def begin(ctx: Context) -> Sequence[Reply]:
    """The button 换文案: of which day, if there are several to come."""
    number, group = words.reference(ctx.text, 2)
    rooms.lead(ctx, group)
    _in_private(ctx)
    return _days(ctx, number)


def typed(ctx: Context) -> Sequence[Reply]:
    """换文案 3; without a number, which there are."""
    number, _ = words.numbered(ctx.argument)
    rooms.lead(ctx)
    _in_private(ctx)
    return _days(ctx, number) if number else [offers.mine(ctx, "words", "guard.private_only")]


def _days(ctx: Context, number: int) -> Sequence[Reply]:
    group = ctx.here.id
    row = choices.view(ctx)
    here = choices.find(ctx.session, number, row)
    left = [one for one in choices.beats(ctx.session, here, row) if one.at > ctx.now]
    if here.plan.audience != "groups" or not left:
        raise Refusal("campaigns.word_late", name=here.plan.name)
    if len(left) == 1:
        return [_question(ctx, left[0])]
    buttons = [
        Button(
            f"cal_word:{one.beat.id}.{group}",
            "campaigns.button_day",
            {"day": words.day(one.day), "title": one.title},
        )
        for one in left[:_OFFERED]
    ]
    return [Reply("campaigns.word_which", {"name": here.plan.name, "group": ctx.here.name}, buttons=buttons)]


def ask_button(ctx: Context) -> Sequence[Reply]:
    """Of this day."""
    return [_question(ctx, _pressed(ctx))]


def _pressed(ctx: Context) -> Coming:
    beat, group = words.reference(ctx.text, 2)
    rooms.lead(ctx, group)
    _in_private(ctx)
    return _meant(ctx, beat)


def _in_private(ctx: Context) -> None:
    if ctx.incoming.place is not Place.DM:
        raise Refusal("guard.private_only")


def _meant(ctx: Context, beat_id: int) -> Coming:
    """Return the day that is meant, as the group has it.

    Raises:
        Refusal: ``guard.old_button``; ``campaigns.word_late`` when it has been said.
    """
    beat = ctx.session.get(Beat, beat_id) if 0 < beat_id < 1 << 62 else None
    if beat is None:
        raise Refusal("guard.old_button")
    row = choices.view(ctx)
    here = choices.find(ctx.session, beat.plan_id, row)
    found = next(one for one in choices.beats(ctx.session, here, row) if one.beat.id == beat_id)
    if found.at <= ctx.now or here.plan.audience != "groups":
        raise Refusal("campaigns.word_late", name=here.plan.name)
    return found


def _own(ctx: Context, beat: Beat) -> str:
    """Return the words that the group alone has."""
    wanted = pick(Wording).where(Wording.slot == saying.slot(beat), Wording.scope == f"group:{ctx.here.id}")
    row = ctx.session.exec(wanted).first()
    return row.text if row is not None else ""


def _question(ctx: Context, one: Coming, digest: int = 0) -> Reply:
    """Show what the group would read as it stands, with its variables, and ask for other words."""
    own = wordings.own(ctx.session, [saying.slot(one.beat)], [ctx.here.id]).get(
        (saying.slot(one.beat), ctx.here.id), ""
    )
    mine = _own(ctx, one.beat)
    at = f"{one.beat.id}.{ctx.here.id}"
    text = own or saying.ready(one.here.plan, one.beat, ctx.here.id)
    values = {
        "name": one.here.plan.name,
        "day": words.day(one.day),
        "title": one.title,
        "text": text.splitlines(),
        "most": MOST_TEXT["groups"],
        "group": ctx.here.name,
    }
    buttons = [Button(f"cal_reset:{at}", "campaigns.button_reset", settles=True)] if mine else []
    buttons.append(Button(f"cal_keep:{at}", "campaigns.button_keep", settles=True))
    tails = ["campaigns.word_braces"] if "{" in text else []
    return Reply("campaigns.word_ask", values, tails, buttons=buttons, subject=_subject(one.beat, ctx.here.id, digest))


def _subject(beat: Beat, group: int, digest: int) -> str:
    return f"cal_word:{beat.id}.{group}" + (f".{digest}" if digest else "")


def said(ctx: Context) -> Sequence[Reply]:
    """The answer to the question, or the next private words after it."""
    beat, group, digest = (*ctx.subject.partition(":")[2].split("."), "", "", "")[:3]
    if ctx.incoming.place is not Place.DM:
        return []
    rooms.lead(ctx, row_id(group) or 0)
    one = _meant(ctx, row_id(beat))
    match wording.steers(ctx.text):
        case "stop":
            return [_kept(ctx, one)]
        case "reset":
            return [_reset(ctx, one)]
    try:
        text = words.wording(ctx.text)
        return [_taken(ctx, one, text, row_id(digest))]
    except Refusal as no:
        # The question stays open under the refusal: what is sent next is an answer to it.
        values = {"name": one.here.plan.name, "group": ctx.here.name, **no.values}
        return [Reply(no.key, values, subject=_subject(one.beat, ctx.here.id, 0))]


def _taken(ctx: Context, one: Coming, text: str, known: int) -> Reply:
    """Keep words that stand the test; doubtful ones when they come for the second time.

    Raises:
        Refusal: ``campaigns.word_forbidden``.
    """
    looked = Worded(ctx.here.id, text)
    ctx.emit(looked)
    if looked.forbidden:
        raise Refusal("campaigns.word_forbidden", word=looked.forbidden[0])
    digest = wording.digest(text)
    if looked.doubtful and known != digest:
        rows = [{"word": word, "instead": instead} for word, instead in looked.doubtful]
        return Reply(
            "campaigns.word_doubtful",
            {"rows": rows, "group": ctx.here.name},
            subject=_subject(one.beat, ctx.here.id, digest),
        )
    return _changed(ctx, one, text, "campaigns.word_kept", "campaigns.did_word")


def _changed(ctx: Context, one: Coming, text: str, told: str, did: str) -> Reply:
    """Write words (empty: none of its own), and show what the group will read now."""
    slot = saying.slot(one.beat)
    before = wordings.write(ctx.session, slot, f"group:{ctx.here.id}", text, ctx.actor.person_id, ctx.now)
    _note(ctx, one.beat)
    shown = saying.preview(ctx.session, one.here.plan, one.beat, ctx.here, one.day)
    undo = actions.note(
        ctx, CHANGE, {"slot": slot, "text": before}, did, {"plan": one.here.plan.name, "day": words.day(one.day)}
    )
    at = f"{one.beat.id}.{ctx.here.id}"
    buttons = [Button(f"cal_reset:{at}", "campaigns.button_reset")] if text else []
    buttons.append(Button(f"cal_word:{at}", "campaigns.button_again"))
    values = {**shown.values, "day": words.day(one.day), "group": ctx.here.name}
    body = shown.values["body"]
    hidden = isinstance(body, list) and len(body) < len(text.splitlines())
    tails = [shown.key, *shown.tails, *(["campaigns.word_hidden"] if hidden else [])]
    return Reply(told, values, tails, buttons=[*buttons, undo], subject=words.DONE, card=shown.card)


def _note(ctx: Context, beat: Beat) -> None:
    audit.record(
        ctx.session,
        at=ctx.now,
        actor_id=ctx.actor.person_id,
        group_id=ctx.here.id,
        action="calendar.worded",
        beat=beat.id or 0,
    )


def reset_button(ctx: Context) -> Sequence[Reply]:
    """恢复原文."""
    return [_reset(ctx, _pressed(ctx))]


def _reset(ctx: Context, one: Coming) -> Reply:
    if not _own(ctx, one.beat):
        return Reply("campaigns.word_ready_already", {"group": ctx.here.name}, subject=words.DONE)
    return _changed(ctx, one, "", "campaigns.word_ready", "campaigns.did_reset")


def keep_button(ctx: Context) -> Sequence[Reply]:
    """不改了: the next words are words again."""
    return [_kept(ctx, _pressed(ctx))]


def _kept(ctx: Context, one: Coming) -> Reply:
    return Reply("campaigns.word_unchanged", {"number": one.here.plan.id, "group": ctx.here.name}, subject=words.DONE)


def undo_words(ctx: Context, before: Mapping[str, object]) -> Sequence[Reply]:
    """Say what stood there before."""
    slot, text = str(before.get("slot")), str(before.get("text"))
    wordings.write(ctx.session, slot, f"group:{ctx.here.id}", text, ctx.actor.person_id, ctx.now)
    return [Reply("campaigns.word_back", {"group": ctx.here.name})]
