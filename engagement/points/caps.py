"""积分上限: a leader sees and sets the group's caps within what the staff allow; staff set that, too.

A change is shown first and done by button: a cap touches everybody's points. It can be taken back as long as nobody has changed
the same cap since.

Source: F6; FAULTS C13.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from sqlmodel import col
from sqlmodel import select as pick

from engagement import actions, rooms
from engagement.errors import Refusal
from engagement.feature import Context, GroupView
from engagement.kernel import Button, Reply, row_id
from engagement.points import rules
from prompts.loader import texts
from storage import audit
from storage.groups import Group, RoleGrant

UNDO: Final = "points_caps"
_NONE = "-"
"""What stands in a button for no value of the group's own."""


def show(ctx: Context) -> Sequence[Reply]:
    """积分上限, alone or with 「一次 50」."""
    is_staff = _check(ctx)
    if not ctx.argument:
        return [_now(ctx)]
    wish = rules.read_cap(ctx.argument)
    if wish.top and not is_staff:
        raise Refusal("guard.staff_only")
    name = _name(wish.cap, top=wish.top)
    what = texts().raw(f"points.cap_{wish.cap}")
    most = rules.LARGEST_CAP if wish.top else rules.top_of(ctx.here.settings, wish.cap)
    if wish.value is not None and not 1 <= wish.value <= most:
        raise Refusal("points.caps_bounds_staff" if is_staff else "points.caps_bounds", what=what, most=most)
    old = _value(ctx.here.settings, wish.cap, top=wish.top)
    value = _value(_with(ctx.here, name, wish.value), wish.cap, top=wish.top)
    if old == value:
        raise Refusal("points.caps_same", what=what, value=value)
    # The button says what it was made for: a press after another change is an old one.
    wanted, stands = (_NONE if one is None else one for one in (wish.value, _own(ctx.here).get(name)))
    yes = Button(f"caps:{ctx.here.id}:{name}:{wanted}:{stands}", "points.button_caps", settles=True)
    values = {"what": what, "old": old, "value": value}
    return [Reply("points.caps_top_ask" if wish.top else "points.caps_ask", values, buttons=[yes])]


def confirm(ctx: Context) -> Sequence[Reply]:
    """The button under it."""
    parts = ctx.text.split(":")
    group_id, name, wanted, stands = parts if len(parts) == 4 else ("", "", "", "")
    cap = next((one for one in rules.DEFAULTS if name in (one, _name(one, top=True))), None)
    if cap is None or not row_id(group_id) or not (row_id(wanted) or wanted == _NONE):
        raise Refusal("guard.old_button")
    if ctx.here.id != row_id(group_id):
        rooms.step_into(ctx, row_id(group_id))
    is_staff, top = _check(ctx), name != cap
    if top and not is_staff:
        raise Refusal("guard.staff_only")
    before = _own(ctx.here).get(name)
    value = None if wanted == _NONE else int(wanted)
    if str(_NONE if before is None else before) != stands or value == before:
        raise Refusal("guard.old_button")
    if value is not None and value > (rules.LARGEST_CAP if top else rules.top_of(ctx.here.settings, cap)):
        raise Refusal("guard.old_button")
    _write(ctx, name, value)
    values = {"what": texts().raw(f"points.cap_{cap}"), "value": _value(ctx.here.settings, cap, top=top)}
    kept = {"name": name, "cap": cap, "value": before, "set": value}
    button = actions.note(ctx, UNDO, kept, "points.did_caps_top" if top else "points.did_caps", values)
    return [Reply("points.caps_top_set" if top else "points.caps_set", values, buttons=[button])]


def undo(ctx: Context, before: Mapping[str, object]) -> Sequence[Reply]:
    """Put a cap back, unless it was changed again since.

    Raises:
        Refusal: ``points.caps_changed``.
    """
    name, value = str(before["name"]), before["value"]
    cap = next(one for one in rules.DEFAULTS if one == before["cap"])
    if name != cap and not _is_staff(ctx):
        raise Refusal("guard.staff_only")
    if _own(ctx.here).get(name) != before["set"]:
        raise Refusal(
            "points.caps_changed",
            what=texts().raw(f"points.cap_{cap}"),
            value=_value(ctx.here.settings, cap, top=name != cap),
        )
    _write(ctx, name, value if isinstance(value, int) else None)
    return [_now(ctx)]


def _check(ctx: Context) -> bool:
    """Let this group's leaders and its staff pass; returns whether the actor is of the staff here.

    Raises:
        Refusal: ``guard.leader_only``.
    """
    is_staff = _is_staff(ctx)
    if not is_staff and not ctx.actor.leader:
        raise Refusal("guard.leader_only")
    return is_staff


def _is_staff(ctx: Context) -> bool:
    """Say whether the actor is of the staff of this group's region, or of all."""
    region = ctx.session.get_one(Group, ctx.here.id).region_id
    grants = ctx.session.exec(
        pick(RoleGrant).where(RoleGrant.person_id == ctx.actor.person_id, col(RoleGrant.role).in_(("staff", "admin")))
    )
    return any(one.role == "admin" or one.region_id is None or one.region_id == region for one in grants)


def _now(ctx: Context) -> Reply:
    limits = rules.Limits.of(ctx.here.settings)
    values: dict[str, object] = {}
    for cap in rules.DEFAULTS:
        values |= {cap: getattr(limits, cap), f"{cap}_top": rules.top_of(ctx.here.settings, cap)}
    return Reply("points.caps", values)


def _name(cap: rules.Cap, *, top: bool) -> str:
    return f"{cap}_top" if top else cap


def _value(settings: Mapping[str, object], cap: rules.Cap, *, top: bool) -> int:
    return rules.top_of(settings, cap) if top else int(getattr(rules.Limits.of(settings), cap))


def _own(group: GroupView) -> Mapping[str, object]:
    own = group.settings.get("points")
    return own if isinstance(own, Mapping) else {}


def _with(group: GroupView, name: str, value: int | None) -> dict[str, object]:
    """Return the settings with one of them changed; None takes it out."""
    points = {key: kept for key, kept in _own(group).items() if key != name}
    return {**group.settings, "points": points if value is None else {**points, name: value}}


def _write(ctx: Context, name: str, value: int | None) -> None:
    group = ctx.session.get_one(Group, ctx.here.id)
    group.settings = _with(ctx.here, name, value)
    ctx.session.add(group)
    ctx.session.flush()
    ctx.group = GroupView.of(group)
    audit.record(
        ctx.session,
        at=ctx.now,
        actor_id=ctx.actor.person_id,
        group_id=group.id,
        action="points.caps_set",
        cap=name,
        value=value or 0,
    )
