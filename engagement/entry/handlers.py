"""后台, 我的页面, 打卡链接, 「不是我」: arguments → service → reply."""

from __future__ import annotations

from collections.abc import Sequence

from engagement import rooms
from engagement.entry import rules, service
from engagement.errors import Refusal
from engagement.events import Started
from engagement.feature import Context
from engagement.kernel import Button, Place, Reply, row_id
from storage import entry


def console(ctx: Context) -> Sequence[Reply]:
    """Answer 后台: a leader gets a link that opens once; who has an account is sent to the sign-in."""
    if ctx.incoming.place is not Place.DM:
        return [Reply("entry.console_in_private")]
    if service.leads_any(ctx.session, ctx.actor.person_id):
        values = {"link": service.link(ctx, "console", "/console"), "minutes": entry.LINK_MINUTES}
        return [Reply("entry.console", values)]
    if not ctx.pages:
        raise Refusal("entry.no_pages")
    return [Reply("entry.sign_in", {"link": rules.address(ctx.pages, "/login")})]


def page(ctx: Context) -> Sequence[Reply]:
    """Answer 我的页面: a personal link in private; in a group the way to the private chat, and never who it is."""
    if ctx.incoming.place is not Place.DM:
        if ctx.door:
            return [Reply("entry.page_door", {"link": f"{ctx.door}{rules.PREFIX}"})]
        return [Reply("entry.page_in_private")]
    return [Reply("entry.page", {"link": service.link(ctx, "h5", "/h5"), "minutes": entry.LINK_MINUTES})]


def on_started(ctx: Context, event: Started) -> Sequence[Reply]:
    """Answer who came into the private chat by the link of a group."""
    return page(ctx) if event.payload == rules.PREFIX else ()


def join_link(ctx: Context) -> Sequence[Reply]:
    """Answer 打卡链接: the link of a group whose neighbours are on the pages, for its leader, and for nobody who reads along.

    Raises:
        Refusal: ``guard.private_only``.
    """
    if ctx.incoming.place is Place.GROUP:
        raise Refusal("guard.private_only")
    values = {"group": ctx.here.name, "link": service.join_link(ctx)}
    return [Reply("entry.join_link", values, buttons=[Button(f"door:ask:{ctx.here.id}", "entry.button_renew")])]


def renew(ctx: Context) -> Sequence[Reply]:
    """「换一个链接」: asked first, since everybody's old one ends; only then it is done."""
    step, _, reference = ctx.text.partition(":")
    if not (group_id := row_id(reference)):
        raise Refusal("guard.old_button")
    here = rooms.lead(ctx, group_id)
    if step == "ask":
        sure = Button(f"door:sure:{here.id}", "entry.button_renew_sure", settles=True)
        return [Reply("entry.join_renew_ask", {"group": here.name}, buttons=[sure])]
    if step != "sure":
        raise Refusal("guard.old_button")
    return [Reply("entry.join_renewed_now", {"group": here.name, "link": service.join_link(ctx, anew=True)})]


def not_me(ctx: Context) -> Sequence[Reply]:
    """「不是我」: whoever came in by a link is out, everywhere."""
    return [Reply("entry.shut", {"count": service.shut(ctx)})]
