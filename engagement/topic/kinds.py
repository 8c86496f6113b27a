"""What kind of group it is: topics of its own besides those for everybody. 「群类型 亲子」, and the way back."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from sqlmodel import col, select

from engagement import actions
from engagement.errors import Refusal
from engagement.feature import Context
from engagement.kernel import Button, Reply, simplified
from prompts import packs
from storage import audit
from storage.engine import Session
from storage.groups import Group

CHANGE = "topic_kind"
_WORDS = {  # zh: what leaders type
    "亲子": "parents",
    "亲子群": "parents",
    "宝妈": "parents",
    "长辈": "elders",
    "老人": "elders",
    "上班族": "workers",
    "新小区": "newcomers",
    "混合": "",
    "普通": "",
    "都有": "",
}


def kind_of(settings: Mapping[str, object] | None) -> str:
    """Return what kind of group a group's settings say it is, of :data:`prompts.packs.GROUPS`; empty = mixed."""
    mine = (settings or {}).get("topic")
    kind = mine.get("kind", "") if isinstance(mine, Mapping) else ""
    return kind if kind in packs.GROUPS else ""


def kinds(session: Session, group_ids: Collection[int]) -> Mapping[int, str]:
    """Return group id → kind."""
    if not group_ids:
        return {}
    rows = session.exec(select(Group.id, Group.settings).where(col(Group.id).in_(sorted(group_ids))))
    return {group_id: kind_of(settings) for group_id, settings in rows if group_id is not None}


def choose(ctx: Context) -> Sequence[Reply]:
    """「群类型」 alone shows what there is; with a word, or by its button, it is set. Planned days keep their topic.

    Source: F79.
    """
    word = simplified(ctx.argument.strip())
    if not word:
        return [_shown(ctx)]
    if word not in _WORDS:
        raise Refusal("topic.kind_how")
    return _set(ctx, _WORDS[word])


def choose_button(ctx: Context) -> Sequence[Reply]:
    """A kind was chosen from the list."""
    if not ctx.actor.leader:
        raise Refusal("guard.leader_only")
    kind = "" if ctx.text == "mixed" else ctx.text
    if kind and kind not in packs.GROUPS:
        raise Refusal("guard.old_button")
    return _set(ctx, kind)


def undo(ctx: Context, before: Mapping[str, object]) -> Sequence[Reply]:
    """Make it the kind that it was."""
    kind = str(before.get("kind", ""))
    _keep(ctx, kind if kind in packs.GROUPS else "")
    return [_shown(ctx)]


def _shown(ctx: Context) -> Reply:
    now = kind_of(ctx.here.settings)
    others = [kind for kind in ("", *packs.GROUPS) if kind != now]
    buttons = [Button(f"topic_kind:{kind or 'mixed'}", f"topic.kind_{kind or 'mixed'}") for kind in others]
    return Reply(f"topic.kind_is_{now or 'mixed'}", buttons=buttons)


def _set(ctx: Context, kind: str) -> Sequence[Reply]:
    before = kind_of(ctx.here.settings)
    _keep(ctx, kind)
    undone = actions.note(ctx, CHANGE, {"kind": before}, "topic.did_kind")
    shown = _shown(ctx)
    return [Reply(shown.key, buttons=[undone])]


def _keep(ctx: Context, kind: str) -> None:
    group = ctx.session.get_one(Group, ctx.here.id)
    kept = group.settings or {}
    mine = kept.get("topic")
    group.settings = {**kept, "topic": {**(mine if isinstance(mine, Mapping) else {}), "kind": kind}}
    ctx.session.add(group)
    ctx.session.flush()
    ctx.here.settings = group.settings
    audit.record(ctx.session, at=ctx.now, actor_id=ctx.actor.person_id, group_id=group.id, action="topic.kind")
