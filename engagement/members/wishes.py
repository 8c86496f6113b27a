"""我的偏好 and 通知设置: chosen by buttons, in private, shown as they stand, changed and deleted the same way.

Source: F85, F120.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from engagement.errors import Refusal
from engagement.feature import Context
from engagement.kernel import Button, Kind, Place, Reply
from engagement.members import rules
from prompts.loader import texts
from storage import outbox, preferences
from storage.engine import Session


def in_private(ctx: Context, reply: Reply) -> Sequence[Reply]:
    """Answer in private, and say so in the group."""
    if ctx.incoming.place is Place.DM:
        return [reply]
    return [Reply("members.sent_privately"), replace(reply, kind=Kind.DM, to=ctx.actor.person_id)]


def _renewed(ctx: Context, reply: Reply) -> Sequence[Reply]:
    """Change the message whose button was pressed, where it still stands; else say it anew."""
    incoming = ctx.incoming
    stands = outbox.latest_about(
        ctx.session,
        channel=incoming.channel,
        account=incoming.account,
        conversation=incoming.conversation,
        subject=reply.subject,
    )
    return [replace(reply, kind=Kind.EDIT)] if stands and incoming.place is Place.DM else in_private(ctx, reply)


# ---------------------------------------------------------------- what I like


def show(ctx: Context) -> Sequence[Reply]:
    """Answer 我的偏好."""
    return in_private(ctx, _page(ctx, "category"))


def choose(ctx: Context) -> Sequence[Reply]:
    """A button: ``kind`` shows a page, ``kind:value:on`` chooses, ``kind:value:off`` takes back, ``none`` forgets all."""
    kind, _, rest = ctx.text.partition(":")
    value, _, way = rest.partition(":")
    if ctx.text == "none":
        preferences.forget_choices(ctx.session, ctx.actor.person_id)
        ctx.session.flush()
        return _renewed(ctx, _end(ctx))
    if ctx.text == "end":
        return _renewed(ctx, _end(ctx))
    if kind not in rules.WISHES or (rest and (value not in rules.WISHES[kind] or way not in ("on", "off"))):
        raise Refusal("guard.old_button")
    if rest:
        only = kind in rules.ONE_OF
        preferences.choose(ctx.session, ctx.actor.person_id, kind, value, on=way == "on", only=only)
    return _renewed(ctx, _page(ctx, kind))


def _subject(ctx: Context) -> str:
    return f"wish:{ctx.actor.person_id}"


def _page(ctx: Context, kind: str) -> Reply:
    mine = preferences.chosen(ctx.session, ctx.actor.person_id).get(kind, ())
    buttons = []
    for value in rules.WISHES[kind]:
        on = value in mine
        buttons.append(
            Button(
                f"wish:{kind}:{value}:{'off' if on else 'on'}",
                "members.button_chosen" if on else "members.button_open",
                {"what": _word(value)},
            )
        )
    ahead = rules.following(kind)
    buttons.append(Button(f"wish:{ahead or 'end'}", "members.button_next" if ahead else "members.button_end"))
    return Reply(f"members.wishes_{kind}", {"chosen": _words(mine)}, buttons=buttons, subject=_subject(ctx))


def _end(ctx: Context) -> Reply:
    mine = preferences.chosen(ctx.session, ctx.actor.person_id)
    if not mine:
        return Reply("members.wishes_none", subject=_subject(ctx))
    chosen = _words([value for kind in rules.WISHES for value in mine.get(kind, ())])
    buttons = [Button("wish:none", "members.button_forget")]
    return Reply("members.wishes_kept", {"chosen": chosen}, buttons=buttons, subject=_subject(ctx))


def _word(value: str) -> str:
    return texts().raw(f"members.wish_{value}")


def _words(values: Sequence[str]) -> str:
    return texts().raw("members.help_between").join(map(_word, values)) or texts().raw("members.wish_nothing")


def export(session: Session, person_id: int) -> Sequence[dict[str, object]]:
    """Return what a person said to like."""
    return [{"kind": kind, "likes": values} for kind, values in preferences.chosen(session, person_id).items()]


def erase(session: Session, person_id: int, _now: datetime) -> None:
    """Delete it."""
    preferences.forget_choices(session, person_id)


# ---------------------------------------------------------------- which notices


def notices(ctx: Context) -> Sequence[Reply]:
    """Answer 通知设置."""
    return in_private(ctx, _notices(ctx))


def switch(ctx: Context) -> Sequence[Reply]:
    """A button: ``kind:on`` or ``kind:off``, for whoever presses it."""
    kind, _, way = ctx.text.partition(":")
    if kind not in preferences.NOTICES or way not in ("on", "off"):
        raise Refusal("guard.old_button")
    preferences.switch(ctx.session, ctx.actor.person_id, kind, on=way == "on")
    return _renewed(ctx, _notices(ctx))


def _notices(ctx: Context) -> Reply:
    off = preferences.switched_off(ctx.session, ctx.actor.person_id)
    rows, buttons = [], []
    for kind in preferences.NOTICES:
        what = texts().raw(f"members.notice_{kind}")
        rows.append({"what": what, "state": texts().raw("members.notice_off" if kind in off else "members.notice_on")})
        way, label = ("on", "members.button_on") if kind in off else ("off", "members.button_off")
        buttons.append(Button(f"notices:{kind}:{way}", label, {"what": what}))
    return Reply("members.notices", {"rows": rows}, buttons=buttons, subject=f"notices:{ctx.actor.person_id}")


def export_notices(session: Session, person_id: int) -> Sequence[dict[str, object]]:
    """Return which notices a person does not want."""
    return [{"not_wanted": kind} for kind in preferences.switched_off(session, person_id)]


def erase_notices(session: Session, person_id: int, _now: datetime) -> None:
    """Delete it."""
    preferences.forget_switches(session, person_id)
