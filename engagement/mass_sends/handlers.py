"""今天的群发, 今天不发 and the line in the day's overview: arguments → service → reply."""

from __future__ import annotations

from collections.abc import Sequence

from engagement import rooms
from engagement.errors import Refusal
from engagement.events import DayLookedAt
from engagement.feature import Context
from engagement.kernel import Button, Reply, row_id
from engagement.mass_sends import rules, service
from engagement.mass_sends.service import Room
from engagement.mass_sends.words import stands

_SHOWN = 8


def today(ctx: Context) -> Sequence[Reply]:
    """今天的群发: each group that the leader confirms for."""
    found = _led(ctx)
    rows = [{"group": one.group.name, "state": stands(one), "had": one.had} for one in found]
    buttons = [_ask(one) for one in found if _open(one)]
    return [Reply("mass_sends.today", {"rows": rows, "group": None}, buttons=buttons[:_SHOWN])]


def decline(ctx: Context) -> Sequence[Reply]:
    """今天不发: for the one group that it can mean, else which."""
    found = _led(ctx)
    here = [one for one in found if ctx.group is not None and one.group.id == ctx.group.id]
    still = [one for one in found if _open(one)]
    if len(found) == 1 or (here and len(still) < 2):
        return [_sure(ctx, (here or found)[0])]
    if not still:
        return today(ctx)
    return [Reply("mass_sends.which", {"group": None}, buttons=[_ask(one) for one in still[:_SHOWN]])]


def ask(ctx: Context) -> Sequence[Reply]:
    """One of several groups was chosen."""
    return [_sure(ctx, _of(ctx, ctx.text))]


def _sure(ctx: Context, found: Room) -> Reply:
    if not _open(found):
        return Reply("mass_sends.stands", {"group": found.group.name, "state": stands(found)})
    day = service.today(ctx.now).isoformat()
    button = Button(f"nosend:{found.group.id}:{day}", "mass_sends.button_sure", settles=True)
    return Reply("mass_sends.sure", {"group": found.group.name}, buttons=[button])


def said_no(ctx: Context) -> Sequence[Reply]:
    """The leader is sure."""
    number, _, day = ctx.text.partition(":")
    found = _of(ctx, number)
    if day != service.today(ctx.now).isoformat():
        raise Refusal("guard.old_button")
    values = {"group": found.group.name}
    if not _open(found) or service.decline(ctx, found) == "sent":
        return [Reply("mass_sends.stands", {**values, "state": stands(found)})]
    return [Reply("mass_sends.declined" if found.row is None else "mass_sends.taken_back", values)]


def glance(ctx: Context, _event: DayLookedAt) -> Sequence[Reply]:
    """Say in the leader's overview how the day's message stands, and what the platform counted yesterday."""
    found = service.room(ctx.session, ctx.here, ctx.now)
    if found is None:
        return []
    said = [Reply("mass_sends.glance", {"mass_send": stands(found)})]
    day = service.yesterday(ctx.session, found, ctx.now)
    if day is not None:
        values = {
            "platform_messages": day.messages,
            "platform_speakers": day.speakers,
            "platform_people": day.people,
            "platform_groups": day.groups,
        }
        said.append(Reply("mass_sends.glance_day" if day.of_one else "mass_sends.glance_days", values))
    return said


def _open(found: Room) -> bool:
    row = found.row
    return rules.can_be_declined("" if row is None else row.state, "" if row is None else row.reason)


def _ask(found: Room) -> Button:
    return Button(f"nosend_ask:{found.group.id}", "mass_sends.button_ask", {"group": found.group.name})


def _led(ctx: Context) -> list[Room]:
    found = service.led(ctx)
    if not found:
        raise Refusal("mass_sends.none")
    return found


def _of(ctx: Context, number: str) -> Room:
    group = rooms.lead(ctx, row_id(number) or -1)
    found = service.room(ctx.session, group, ctx.now)
    if found is None:
        raise Refusal("guard.old_button")
    return found
