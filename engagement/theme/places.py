"""For whom somebody may reword a theme: a leader for the own group, the staff and managers for their regions, or for all.

Source: F28, F115, F116.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlmodel import col
from sqlmodel import select as pick

from engagement import rooms
from engagement.errors import Refusal
from engagement.events import Worded
from engagement.feature import Context
from engagement.kernel import Place, Reply
from prompts.loader import texts
from storage import wordings
from storage.groups import Group, Region, RoleGrant

ROLES = frozenset({"staff", "manager", "admin"})
CHANGE = "theme_words"
"""Kind of a leader's action that can be taken back."""
ALL, REGION, GROUP = 0, 1, 2
HOME = "Asia/Shanghai"
_EARLIER = "was:"
"""Before a scope: what stood there before, for the way back of those who have no group of their own."""


@dataclass(frozen=True, slots=True)
class Where:
    """A place whose words somebody may choose.

    Attributes:
        kind: :data:`ALL`, :data:`REGION` or :data:`GROUP`, with its id.
        scopes: whose words hold there, the nearest first.
    """

    kind: int
    id: int
    name: str
    zone: str
    scopes: Sequence[str]

    @property
    def scope(self) -> str:
        """Its own scope."""
        return self.scopes[0]

    @property
    def at(self) -> str:
        """Its reference in a button's key."""
        return f"{self.kind}.{self.id}"

    @property
    def group_id(self) -> int:
        """The group, 0 for a region or all."""
        return self.id if self.kind == GROUP else 0


def of(ctx: Context) -> Sequence[Where]:
    """Return the places of the acting person: the group that he leads, then his regions, then all.

    Raises:
        Refusal: ``guard.private_only`` where neighbours read along; ``guard.leader_only`` when there is none.
    """
    if ctx.incoming.place is not Place.DM:
        raise Refusal("guard.private_only")
    found = [_group(ctx.session.get_one(Group, ctx.here.id))] if ctx.group is not None and ctx.actor.leader else []
    regions, everywhere = _regions(ctx)
    found += [Where(REGION, one.id or 0, one.name, HOME, (f"region:{one.id}", "all")) for one in regions]
    if everywhere:
        found.append(Where(ALL, 0, texts().raw("theme.everywhere"), HOME, ("all",)))
    if not found:
        raise Refusal("guard.leader_only")
    return found


def _group(group: Group) -> Where:
    return Where(
        GROUP, group.id or 0, group.name, group.zone, (f"group:{group.id}", f"region:{group.region_id}", "all")
    )


def _regions(ctx: Context) -> tuple[Sequence[Region], bool]:
    grants = ctx.session.exec(
        pick(RoleGrant).where(RoleGrant.person_id == ctx.actor.person_id, col(RoleGrant.role).in_(ROLES))
    ).all()
    everywhere = any(one.role == "admin" or (one.role == "staff" and one.region_id is None) for one in grants)
    mine = {one.region_id for one in grants}
    rows = ctx.session.exec(pick(Region).order_by(col(Region.id))).all() if grants else []
    return [one for one in rows if everywhere or one.id in mine], everywhere


def find(ctx: Context, kind: int, number: int) -> Where:
    """Return a place of the acting person, and go on with it.

    Raises:
        Refusal: ``guard.old_button``; as :func:`engagement.rooms.lead` for a group.
    """
    if kind == GROUP:
        rooms.lead(ctx, number)
    found = next((one for one in of(ctx) if (one.kind, one.id) == (kind, number)), None)
    if found is None:
        raise Refusal("guard.old_button")
    return found


def look(ctx: Context, where: Where, text: str) -> Worded:
    """Have words looked at by whoever keeps lists."""
    looked = Worded(where.group_id, text)
    ctx.emit(looked)
    return looked


def with_own(ctx: Context, where: Where, slot: str) -> int:
    """Count the groups of a region, or of all, that have words of their own for a slot, and go on saying them."""
    if where.kind == GROUP:
        return 0
    known = wordings.of_slots(ctx.session, [slot]).get(slot, {})
    groups = [int(scope[6:]) for scope in known if scope.startswith("group:")]
    if not groups or where.kind == ALL:
        return len(groups)
    inside = pick(Group.id).where(col(Group.id).in_(groups), Group.region_id == where.id)
    return len(ctx.session.exec(inside).all())


# ---------------------------------------------------------------- the way back


def keep(ctx: Context, where: Where, slot: str, before: str) -> None:
    """Remember what stood in a region or for all before a change."""
    wordings.write(ctx.session, slot, _EARLIER + where.scope, before, ctx.actor.person_id, ctx.now)


def undo(ctx: Context, before: Mapping[str, object]) -> Sequence[Reply]:
    """Say in the leader's group what stood there before."""
    scope = f"group:{ctx.here.id}"
    wordings.write(ctx.session, str(before.get("slot")), scope, str(before.get("text")), ctx.actor.person_id, ctx.now)
    return [Reply("theme.word_back", {"group": ctx.here.name})]


def swap(ctx: Context, where: Where, slot: str) -> None:
    """Let what stood before a change of the staff hold again, and remember the change for the way back of this one."""
    earlier = wordings.of_slots(ctx.session, [slot]).get(slot, {}).get(_EARLIER + where.scope, "")
    now = wordings.write(ctx.session, slot, where.scope, earlier, ctx.actor.person_id, ctx.now)
    wordings.write(ctx.session, slot, _EARLIER + where.scope, now, ctx.actor.person_id, ctx.now)
