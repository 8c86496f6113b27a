"""Who leads a group: one more, one less, and the way back.

Source: F70; DESIGN 7.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from engagement import actions, rooms
from engagement.errors import Refusal
from engagement.feature import Context
from engagement.groups import service
from engagement.kernel import Button, Kind, Reply, row_id
from storage.actions import LeaderAction
from storage.groups import Member

ROLE = "group_leader"


def add(ctx: Context) -> Sequence[Reply]:
    """设团长 王姐."""
    member = service.add_leader(ctx, _name(ctx, "groups.leader_how"))
    undo = actions.note(ctx, ROLE, {"member": member.id, "role": "member"}, "groups.did_leader")
    return [Reply("groups.leader_added", {"name": member.name}, buttons=[undo]), *_told_so(ctx, member)]


def _told_so(ctx: Context, member: Member, buttons: Sequence[Button] = ()) -> Sequence[Reply]:
    """Tell somebody in private that he leads the group now, or no more; nobody is told what he did himself."""
    if member.person_id == ctx.actor.person_id or not service.is_reachable(ctx, member.person_id):
        return ()
    key = "groups.you_lead" if member.role == "leader" else "groups.you_lead_no_more"
    tails = ["groups.relead"] if buttons else []
    return [Reply(key, {"group": ctx.here.name}, tails, buttons=buttons, kind=Kind.DM, to=member.person_id)]


def _name(ctx: Context, how: str) -> str:
    name = ctx.argument.lstrip("@").strip()
    if not name:
        raise Refusal(how)
    return name


def remove(ctx: Context) -> Sequence[Reply]:
    """取消团长 王姐: at once; who led the group before the acting leader is asked about first."""
    member = service.named_leader(ctx, _name(ctx, "groups.unleader_how"))
    return _asked(ctx, member) or _removed(ctx, member)


def ask_before_undo(ctx: Context, before: Mapping[str, object]) -> Sequence[Reply]:
    """Ask before 撤销 takes the group from who led it before the acting leader, as 取消团长 does."""
    member = ctx.session.get(Member, before.get("member", 0)) if before.get("role") != "leader" else None
    return _asked(ctx, member) if member is not None and member.group_id == ctx.here.id else ()


def _asked(ctx: Context, member: Member) -> Sequence[Reply]:
    if not service.led_before(ctx, member):
        return ()
    values = {"name": member.name, "group": ctx.here.name}
    button = Button(f"unlead:{ctx.here.id}:{member.id}", "groups.button_unlead", values, settles=True)
    return [Reply("groups.unlead_ask", values, buttons=[button])]


def removing(ctx: Context) -> Sequence[Reply]:
    """The button under that question."""
    group, _, number = ctx.text.partition(":")
    rooms.lead(ctx, row_id(group))
    member = ctx.session.get(Member, row_id(number))
    if member is None or member.group_id != ctx.here.id or member.role != "leader" or member.left_at is not None:
        raise Refusal("guard.old_button")
    return _removed(ctx, member)


def _removed(ctx: Context, member: Member) -> Sequence[Reply]:
    before = service.led_before(ctx, member)
    service.remove_leader(ctx, member)
    kept = {"member": member.id, "role": "leader", "back": before}
    undo = actions.note(ctx, ROLE, kept, "groups.did_unleader")
    back = Button(undo.key.replace("undo:", "relead:"), "groups.button_relead", settles=True)
    said = Reply("groups.leader_removed", {"name": member.name}, buttons=[undo])
    return [said, *_told_so(ctx, member, [back] if before else [])]


def take_back(ctx: Context) -> Sequence[Reply]:
    """The button of who led before the one who took that away: he leads again, and the other one hears it."""
    action = ctx.session.get(LeaderAction, row_id(ctx.text))
    before = (action.before or {}) if action is not None and action.kind == ROLE else {}
    member = ctx.session.get(Member, before.get("member", 0))
    if action is None or member is None or not before.get("back") or member.person_id != ctx.actor.person_id:
        raise Refusal("guard.old_button")
    rooms.step_into(ctx, action.group_id)
    said = list(actions.undo(ctx, action))
    if service.is_reachable(ctx, action.actor_id):
        values = {"name": member.name, "group": ctx.here.name}
        said.append(Reply("groups.releads", values, kind=Kind.DM, to=action.actor_id))
    return said


def undo(ctx: Context, before: Mapping[str, object]) -> Sequence[Reply]:
    """Make or unmake a leader again."""
    member = service.restore_role(ctx, before)
    key = "groups.leads_again" if member.role == "leader" else "groups.leads_no_more"
    return [Reply(key, {"name": member.name}), *_told_so(ctx, member)]
