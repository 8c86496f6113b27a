"""长辈模式 and 大字: short answers in private, and the web page in large type.

Source: F126.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlmodel import select as pick

from engagement.feature import Context
from engagement.kernel import Button, Reply
from storage.groups import Identity


def elder(ctx: Context) -> Sequence[Reply]:
    """Answer 长辈模式: switch it on, or offer to switch it off."""
    if ctx.actor.elder:
        return [Reply("members.elder_is_on", buttons=[Button("elder:off", "members.button_elder_off")])]
    _switch(ctx, on=True)
    return [Reply("members.elder_on")]


def elder_button(ctx: Context) -> Sequence[Reply]:
    """Switch it off, or on again."""
    if ctx.text != "on":
        return elder_end(ctx)
    _switch(ctx, on=True)
    return [Reply("members.elder_on")]


def elder_end(ctx: Context) -> Sequence[Reply]:
    """Answer 退出长辈模式: the usual way of speaking again."""
    _switch(ctx, on=False)
    return [Reply("members.elder_off", buttons=[Button("elder:on", "members.button_elder_on")])]


def _switch(ctx: Context, *, on: bool) -> None:
    for row in ctx.session.exec(pick(Identity).where(Identity.person_id == ctx.actor.person_id)):
        row.elder = on
        ctx.session.add(row)
    ctx.session.flush()


def large(ctx: Context) -> Sequence[Reply]:
    """Answer 大字: where one's own page stands in large type."""
    if not ctx.pages:
        return [Reply("members.large_none")]
    return [Reply("members.large", {"link": f"{ctx.pages}/h5?size=large"})]
