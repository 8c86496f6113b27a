"""发公告, 公告更新, 公告结束, 公告进度, 公告撤回 and their buttons: arguments → service → reply."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement

from engagement.announcements import audience, progress, rules, running, sending, service
from engagement.errors import Refusal
from engagement.events import LeaderWrote
from engagement.feature import Context
from engagement.kernel import Button, Place, Reply, row_id
from prompts.loader import texts

_NAMED = 6
_OTHERS = 3


def _in_private(ctx: Context) -> None:
    """A draft is nobody's business but the author's.

    Raises:
        Refusal: ``announcements.private_only``.
    """
    if ctx.incoming.place is not Place.DM:
        raise Refusal("announcements.private_only")


def announce(ctx: Context) -> Sequence[Reply]:
    """发公告 冷链车晚到，预计 19:00 到货: a draft. Alone: how, and the templates."""
    return _announce(ctx, urgent=False)


def announce_urgently(ctx: Context) -> Sequence[Reply]:
    """紧急公告 …: the same, and it rings in quiet hours."""
    return _announce(ctx, urgent=True)


def _announce(ctx: Context, *, urgent: bool) -> Sequence[Reply]:
    _in_private(ctx)
    if not ctx.argument:
        buttons = [Button(f"announce_form:{key}", f"announcements.button_{key}") for key, _ in rules.FORMS.values()]
        how = "announcements.how_urgent" if urgent else "announcements.how"
        return [Reply(how, buttons=buttons, subject=f"announce_say:{'urgent' if urgent else 'plain'}")]
    words = rules.own_words(ctx.text, ctx.argument)
    form = rules.read_form(words)
    if form is not None and not form.fields:
        return _ask(form.key)
    if form is not None:
        words = service.filled(form)
    return _written(ctx, service.begin(ctx, words, urgent=urgent), words)


def said(ctx: Context) -> Sequence[Reply]:
    """The next words after 发公告 alone: a draft of them."""
    _in_private(ctx)
    return _written(ctx, service.begin(ctx, ctx.text, urgent=ctx.subject.endswith(":urgent")), ctx.text)


def form_button(ctx: Context) -> Sequence[Reply]:
    """A template was chosen: ask for its fields."""
    if not audience.scopes(ctx.session, ctx.actor.person_id):
        raise Refusal("guard.leader_only")
    _in_private(ctx)
    if ctx.text not in dict(rules.FORMS.values()):
        raise Refusal("guard.old_button")
    return _ask(ctx.text)


def _ask(key: str) -> Sequence[Reply]:
    return [Reply(f"announcements.form_{key}", subject=f"announce_form:{key}")]


def form_answered(ctx: Context) -> Sequence[Reply]:
    """The fields of a template, typed as an answer to the question for them."""
    _in_private(ctx)
    key = ctx.subject.partition(":")[2]
    if key not in dict(rules.FORMS.values()):
        raise Refusal("guard.old_button")
    form = rules.fill_form(key, ctx.text)
    if not form.fields:
        return _ask(key)
    words = service.filled(form)
    return _written(ctx, service.begin(ctx, words, urgent=False), words)


def update(ctx: Context) -> Sequence[Reply]:
    """公告更新 改到 20:00: a draft of what the same groups read next."""
    _in_private(ctx)
    if not ctx.argument:
        service.latest(ctx)
        raise Refusal("announcements.update_how")
    words = rules.own_words(ctx.text, ctx.argument)
    return _written(ctx, service.go_on(ctx, "update", words), words)


def end(ctx: Context) -> Sequence[Reply]:
    """公告结束 已恢复正常: a draft of the end."""
    _in_private(ctx)
    words = rules.own_words(ctx.text, ctx.argument)
    return _written(ctx, service.go_on(ctx, "end", words or texts().raw("announcements.text_end")), words)


def _written(ctx: Context, draft: service.Draft, words: str) -> Sequence[Reply]:
    """Show a draft whose words are new, and what is doubtful about them."""
    return [*_shown(ctx, draft), *ctx.emit(LeaderWrote(words))]


def _shown(ctx: Context, draft: service.Draft) -> Sequence[Reply]:
    """Show what the groups will read, which groups, and the buttons; nothing is sent by this."""
    found = _outlook(ctx, draft)
    values: dict[str, object] = {"shown": service.preview(ctx, draft), "group": None, **found.values}
    reference = f"{draft.round.id}.{draft.round.changes}"
    buttons = (
        [Button(f"announce_go:{reference}", "announcements.button_go", values, settles=True)] if found.reached else []
    )
    every = audience.count(ctx.session, service.where(ctx, draft))
    names = audience.names(ctx.session, service.where(ctx, draft), _NAMED)
    buttons += _choices(ctx, draft, reference, names if every <= _NAMED else [])
    buttons.append(Button(f"announce_drop:{reference}", "announcements.button_drop", settles=True))
    key = "draft" if found.reached else "draft_full" if found.full else "draft_shut" if every else "draft_nobody"
    subject = f"announce_shown:{draft.round.id}"  # what is said next is no draft
    return [Reply(f"announcements.{key}", values, found.tails(draft), buttons=buttons, subject=subject)]


@dataclass(frozen=True, slots=True)
class _Outlook:
    """What becomes of a draft now.

    Attributes:
        open: groups into which something can be said today; asleep: of these, how many sleep.
        full: how many of these have had too many announcements; over: how many hear one more for its urgency.
        reached: groups that get it.
        asked: whether some of these get it only when their leader confirms; shut: whether others get nothing any more today.
        values: for the texts.
    """

    open: int
    asleep: int
    full: int
    over: int
    reached: int
    asked: bool
    shut: bool
    values: Mapping[str, object]

    def tails(self, draft: service.Draft) -> list[str]:
        """Say which groups get it, when, and which do not, and why."""
        tails = ["announcements.names" if self.open <= _NAMED else "announcements.names_more"] if self.reached else []
        if self.asleep and self.reached:
            tails.append("announcements.rings" if draft.rings_at_night else "announcements.waits")
        if self.full and self.reached:
            tails.append("announcements.some_full" if draft.is_first else "announcements.some_edited")
        if self.over:
            tails.append("announcements.some_over")
        return [*tails, *self.limits()]

    def limits(self) -> list[str]:
        """Say in which groups a leader has to confirm it, and which get nothing more today."""
        tails = ["announcements.some_asked"] if self.asked else []
        return [*tails, "announcements.some_shut"] if self.shut else tails


def _outlook(ctx: Context, draft: service.Draft) -> _Outlook:
    where = service.where(ctx, draft)
    taken = audience.shut(ctx.session, where, ctx.now, rings=draft.rings_at_night)
    shut = where & taken
    where &= ~taken
    asked = where & audience.asks_its_leader()
    most = service.most(draft.announcement, draft.round.step)
    groups, full = audience.count(ctx.session, where), audience.full(ctx.session, where, ctx.now, most)
    over = audience.full(ctx.session, where, ctx.now) - full if most > rules.MOST_A_DAY else 0
    asleep = audience.asleep(ctx.session, where, ctx.now)
    reached = groups - (full if draft.is_first else 0)
    values: dict[str, object] = {
        "groups": reached,
        "names": "、".join(name for _id, name in audience.names(ctx.session, where, _NAMED)),
        "asleep": asleep,
        "full": full,
        "over": over,
        "asked": _named(ctx, asked),
        "shut": _named(ctx, shut),
    }
    return _Outlook(groups, asleep, full, over, reached, bool(values["asked"]), bool(values["shut"]), values)


def _named(ctx: Context, where: ColumnElement[bool]) -> str:
    """Name some groups, a few of many; empty for none."""
    count = audience.count(ctx.session, where)
    names = "、".join(name for _id, name in audience.names(ctx.session, where, _NAMED))
    more = {"names": names, "count": count}
    return texts().fill("announcements.groups_named", more) if count > _NAMED else names


def _choices(ctx: Context, draft: service.Draft, reference: str, names: Sequence[tuple[int, str]]) -> list[Button]:
    """Return the buttons that change to whom a draft goes, or what it is about."""
    if not draft.is_first:
        open_ = audience.managed(ctx.session, ctx.actor.person_id, ["open"])
        return [
            Button(
                f"announce_about:{reference}.{one.id}",
                "announcements.button_about",
                {"about": rules.about(service.first_words(ctx.session, one))},
            )
            for one in open_
            if one.id != draft.announcement.id
        ][:_OTHERS]
    buttons = []
    if draft.announcement.scope == "own":
        left = set(audience.left_out(draft.announcement))
        buttons += [
            Button(f"announce_out:{reference}.{group}", "announcements.button_out", {"name": name})
            for group, name in names
            if len(names) > 1
        ]
        buttons += [
            Button(f"announce_out:{reference}.{group.id}", "announcements.button_in", {"name": group.name})
            for group in audience.led(ctx.session, ctx.actor.person_id)
            if group.id in left
        ]
    for number, (scope, name) in enumerate(audience.scopes(ctx.session, ctx.actor.person_id).items(), start=1):
        if scope != draft.announcement.scope:
            key = f"announcements.button_scope_{rules.whose(scope)[0]}"
            buttons.append(Button(f"announce_to:{reference}.{number}", key, {"name": name}))
    return buttons[:20]


def _drafted(change: Callable[[Context, service.Draft, int], Sequence[Reply]]) -> Callable[[Context], Sequence[Reply]]:
    """Make the handler of a draft's button."""

    def handle(ctx: Context) -> Sequence[Reply]:
        draft, choice = service.find(ctx, ctx.text)
        return change(ctx, draft, choice)

    return handle


def _leave_out(ctx: Context, draft: service.Draft, group_id: int) -> Sequence[Reply]:
    service.leave_out(ctx, draft, group_id)
    return _shown(ctx, draft)


def _rescope(ctx: Context, draft: service.Draft, number: int) -> Sequence[Reply]:
    service.rescope(ctx, draft, number)
    return _shown(ctx, draft)


def _turn(ctx: Context, draft: service.Draft, announcement_id: int) -> Sequence[Reply]:
    return _shown(ctx, service.turn_to(ctx, draft, announcement_id))


def _drop(ctx: Context, draft: service.Draft, _choice: int) -> Sequence[Reply]:
    service.drop(ctx, draft)
    return [Reply("announcements.dropped")]


def _go(ctx: Context, draft: service.Draft, sure: int) -> Sequence[Reply]:
    """The confirmation; what rings at night, or beyond the day's three, asks once more."""
    found = _outlook(ctx, draft)
    rings = found.asleep if draft.rings_at_night else 0
    if (rings or found.over) and not sure:
        reference = f"{draft.round.id}.{draft.round.changes}"
        buttons = [
            Button(f"announce_go:{reference}.1", "announcements.button_ring", settles=True),
            Button(f"announce_drop:{reference}", "announcements.button_drop", settles=True),
        ]
        key = "announcements.ring_sure" if rings else "announcements.over_sure"
        return [Reply(key, {"asleep": found.asleep, "over": found.over}, buttons=buttons)]
    if found.shut and not found.open:
        raise Refusal("announcements.none_left")
    sending.confirm(ctx, draft)
    waits = 0 if draft.rings_at_night else found.asleep
    tails = [*(["announcements.waiting"] if waits else []), *found.limits()]
    return [Reply(f"announcements.sent_{draft.round.step}", {**found.values, "asleep": waits}, tails)]


go_button = _drafted(_go)
out_button = _drafted(_leave_out)
scope_button = _drafted(_rescope)
about_button = _drafted(_turn)
drop_button = _drafted(_drop)


def how_far(ctx: Context) -> Sequence[Reply]:
    """公告进度: how far the latest announcement is, group by group."""
    _in_private(ctx)
    return _far(ctx, 0)


def look_button(ctx: Context) -> Sequence[Reply]:
    """The progress of another one."""
    if not audience.scopes(ctx.session, ctx.actor.person_id):
        raise Refusal("guard.leader_only")
    _in_private(ctx)
    return _far(ctx, row_id(ctx.text) or -1)


def _far(ctx: Context, announcement_id: int) -> Sequence[Reply]:
    found, others = progress.latest(ctx, announcement_id)
    if found is None:
        raise Refusal("guard.old_button" if announcement_id else "announcements.none_yet")
    figures = [texts().fill(f"announcements.count_{stage}", {"count": n}) for stage, n in found.tally.items() if n]
    figures_shown = texts().raw("announcements.between").join(figures)
    values = {"about": found.about, "rows": found.rows, "more": found.more, "figures": figures_shown, **found.tally}
    tails = ["announcements.rows"] if found.rows else []
    if found.more:
        tails.append("announcements.rows_more")
    tails.append(f"announcements.next_{found.announcement.state}")
    buttons = [
        Button(f"announce_look:{one}", "announcements.button_look", {"about": about}) for one, about in others[:_OTHERS]
    ]
    return [Reply(f"announcements.progress_{found.step}", values, tails, buttons=buttons)]


def running_now(ctx: Context) -> Sequence[Reply]:
    """公告列表: what is running where I may announce, and who began it."""
    _in_private(ctx)
    return running.listed(ctx)


def end_button(ctx: Context) -> Sequence[Reply]:
    """The end of one of these: shown first, like any other."""
    draft = service.end_of(ctx, row_id(ctx.text))
    _in_private(ctx)
    return _shown(ctx, draft)


def take_back(ctx: Context) -> Sequence[Reply]:
    """公告撤回: what is not out yet stays in."""
    _in_private(ctx)
    done = sending.withdraw(ctx)
    key = "announcements.withdrawn_partly" if done.told else "announcements.withdrawn"
    return [Reply(key, {"about": done.about, "spared": done.spared, "told": done.told})]
