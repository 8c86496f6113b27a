"""加入家庭, 邀请家人, 同意加入, and the buttons and quotes that answer: arguments → requests → reply."""

from __future__ import annotations

from collections.abc import Sequence

from engagement.errors import Refusal
from engagement.feature import Context
from engagement.households import handlers, requests, rules
from engagement.households.requests import Joined
from engagement.households.tables import FamilyRequest
from engagement.kernel import Kind, Place, Reply, row_id
from storage import identities
from storage.groups import Group


def join(ctx: Context) -> Sequence[Reply]:
    """加入家庭 王姐."""
    return _ask(ctx, handlers.must_name(ctx, "households.join_how"), "join")


def invite(ctx: Context) -> Sequence[Reply]:
    """邀请家人 王姐."""
    return _ask(ctx, handlers.must_name(ctx, "households.invite_how"), "invite")


def _ask(ctx: Context, name: str, kind: str) -> Sequence[Reply]:
    """In the group the request stands under the asker's words and calls the other; in private it goes to him alone.

    Who cannot be written to is asked in the group, or, where nobody is heard there, finds it under his own 我的家庭.
    """
    came = requests.ask(ctx, name, kind)
    if isinstance(came, Joined):
        return _joined(ctx, came)
    values = {"asker": ctx.actor.name, "name": came.member.name, "group": ctx.here.name}
    buttons = handlers.answers(came.request.id, ctx.actor.name)
    if ctx.incoming.place is Place.GROUP:
        subject = f"family:{came.request.id}"
        to = came.member.person_id
        return [Reply(f"households.asked_{kind}", values, to=to, mention=True, buttons=buttons, subject=subject)]
    if not handlers.can_hear(ctx, came.member):
        if ctx.here.hears:
            raise Refusal("households.ask_in_group", name=came.member.name)
        return [Reply("households.waits_quietly", values)]
    request = Reply(f"households.asked_{kind}_privately", values, buttons=buttons)
    return [Reply("households.waits", values), *handlers.told(ctx, [came.member], request)]


def accept(ctx: Context) -> Sequence[Reply]:
    """同意加入 王姐; without a name when only one waits."""
    waiting = requests.incoming(ctx, rules.read_person(ctx.argument))
    if not waiting:
        raise Refusal("households.no_request")
    if len(waiting) > 1:
        buttons = [handlers.answers(one.request.id, one.member.name)[0] for one in waiting[: rules.ASKS_MOST]]
        return [Reply("households.which_request", {"count": len(waiting)}, buttons=buttons)]
    return _joined(ctx, requests.accept(ctx, waiting[0].request.id or 0))


def yes_button(ctx: Context) -> Sequence[Reply]:
    """The button under a request."""
    return _joined(ctx, requests.accept(ctx, row_id(ctx.text)))


def no_button(ctx: Context) -> Sequence[Reply]:
    """The other one: nobody is told; the request only loses its buttons."""
    return _declined(ctx, row_id(ctx.text))


def back_button(ctx: Context) -> Sequence[Reply]:
    """Take a request of one's own back."""
    return [Reply("households.withdrawn"), _settled(requests.withdraw(ctx, row_id(ctx.text)))]


def quoted(ctx: Context) -> Sequence[Reply]:
    """Words that quote a request: 同意, 不用了."""
    request_id = row_id(ctx.subject.partition(":")[2])
    if rules.answer_of(ctx.text):
        return _joined(ctx, requests.accept(ctx, request_id))
    return _declined(ctx, request_id)


def _joined(ctx: Context, came: Joined) -> Sequence[Reply]:
    group = ctx.session.get_one(Group, came.request.group_id)
    asker = came.joiner if came.joiner.id == came.request.asker_id else came.host
    values = {
        "answerer": ctx.actor.name,
        "joiner": came.joiner.name,
        "host": came.host.name,
        "points": came.points,
        "balance": came.balance,
        "group": group.name,
    }
    if ctx.incoming.place is Place.GROUP:
        other = asker if asker.person_id != ctx.actor.person_id else came.host
        joined = Reply("households.joined", values, to=other.person_id, mention=True)
        return [joined, _settled(came.request)]
    joined = Reply("households.joined_privately", values)
    assert came.host.account_id is not None
    others = [one for one in identities.sharing(ctx.session, came.host.account_id) if one.left_at is None]
    return [joined, *handlers.told(ctx, others, joined), _settled(came.request)]


def _declined(ctx: Context, request_id: int) -> Sequence[Reply]:
    settled = _settled(requests.decline(ctx, request_id))
    return [settled] if ctx.incoming.place is Place.GROUP else [Reply("households.declined"), settled]


def _settled(request: FamilyRequest) -> Reply:
    """Replace the request in the group by words that tell neither a yes nor a no."""
    subject = f"family:{request.id}"
    return Reply("households.settled", kind=Kind.EDIT, group_id=request.group_id, subject=subject)
