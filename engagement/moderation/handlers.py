"""What is said about a text that was held back, and what leaders and neighbours press and type about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from engagement import actions
from engagement.errors import Refusal
from engagement.events import DayLookedAt, LeaderWrote, Posted, Worded
from engagement.feature import Context, Handler
from engagement.kernel import Button, Kind, Place, Reply, one_line, row_id
from engagement.moderation import appeals, claims, grievances, lists, rules, service
from engagement.moderation.tables import ModerationCase
from prompts import claims as known
from prompts.loader import texts

DECISION = "moderation"
WORD = "moderation_word"
_SHORT = 60
_ACTS = ("pass", "drop", "remind", "mute")


def on_posted(ctx: Context, posted: Posted) -> Sequence[Reply]:
    """Look at words that are about to be shown; the neighbour hears of it kindly, and in private where that is possible.

    What complains of the leader goes another way than to the leader.
    """
    return [*_judged(ctx, posted), *grievances.on_posted(ctx, posted)]


def _judged(ctx: Context, posted: Posted) -> Sequence[Reply]:
    done = service.judge(ctx, posted)
    if done.action is rules.Action.PASS:
        return []
    private = service.in_private(ctx)
    direct = ctx.incoming.place is Place.DM
    stands = posted.activity in rules.STANDS
    if done.action is rules.Action.MASK:
        key = "moderation.masked_private" if posted.activity in rules.TO_LEADER else "moderation.masked"
        key = "moderation.masked_caption" if stands else key
        if direct:
            # Nothing of it stands in the group.
            key = "moderation.masked_alone" if key == "moderation.masked" else key
            return [Reply(key, {"group": ctx.here.name})]
        return [Reply(key, {"group": ctx.here.name}, kind=Kind.DM, to=ctx.actor.person_id)] if private else []
    values = {"name": ctx.actor.name, "group": ctx.here.name, "why": _why(done.reason)}
    key = "moderation.warned" if done.action is rules.Action.WARN else "moderation.held"
    key = "moderation.caption" if stands else key
    if direct:
        said = Reply(key, values)
    elif private:
        said = Reply(key, values, kind=Kind.DM, to=ctx.actor.person_id)
    else:
        said = Reply("moderation.caption_here" if stands else "moderation.hidden_here", values)
    return [said, *_notice(ctx, done)]


def on_leader_wrote(ctx: Context, wrote: LeaderWrote) -> Sequence[Reply]:
    """Tell a leader in private which of his words the advertising law does not let stand; they are sent all the same."""
    found = claims.find(wrote.text, known.claims())
    if not found or not service.in_private(ctx):
        return []
    rows = [{"word": one.word, "instead": one.instead} for one in found]
    if ctx.incoming.place is Place.DM:
        return [Reply("moderation.claims", {"rows": rows})]
    return [Reply("moderation.claims", {"rows": rows}, kind=Kind.DM, to=ctx.actor.person_id)]


def on_worded(ctx: Context, worded: Worded) -> Sequence[Reply]:
    """Say what the lists forbid in words for a push to come, and which of them the advertising law does not let stand."""
    worded.forbidden += rules.listed(worded.text, lists.holding(ctx.session, worded.group_id))
    worded.doubtful += [(one.word, one.instead) for one in claims.find(worded.text, known.claims())]
    return []


def _why(reason: str) -> str:
    return texts().raw(f"moderation.why_{reason}")


def _notice(ctx: Context, done: service.Judged) -> Sequence[Reply]:
    if done.case is None or not done.notice:
        return []
    if done.count > 1:
        values: Mapping[str, object] = {"count": done.count, "group": ctx.here.name}
        button = Button("mod_next:", "moderation.button_next")
        return [Reply("moderation.to_leader_many", values, kind=Kind.DM, to=done.notice, buttons=[button])]
    return [_shown(ctx, done.case, "moderation.third_time" if done.third else "moderation.to_leader", to=done.notice)]


def _shown(ctx: Context, case: ModerationCase, key: str, *, to: int | None = None, left: int = 0) -> Reply:
    """Show a case with its buttons."""
    member = service.author(ctx.session, case)
    values = {
        "name": member.name,
        "group": service.group_name(ctx.session, case),
        "why": _why(case.reason),
        "text": one_line(case.text, _SHORT),
        "count": service.warnings_of(ctx.session, case.member_id, ctx.now),
        "left": left,
        "appeal": one_line(case.appeal, _SHORT) or texts().raw("moderation.no_words"),
    }
    if case.appeal_state == "waiting":
        acts: Sequence[str] = ("yes", "no")
    elif case.state == "waiting":
        acts = _ACTS
    else:
        acts = ("mute", "pass")
    buttons = [Button(f"mod_{act}:{case.id}", f"moderation.button_{act}", settles=True) for act in acts]
    tails = ("moderation.more_wait",) if left else ()
    if to is None:
        return Reply(key, values, tails, buttons=buttons)
    return Reply(key, values, tails, kind=Kind.DM, to=to, buttons=buttons)


def waiting(ctx: Context) -> Sequence[Reply]:
    """待审核: the first that waits, in private; in the group only that something does."""
    rows = appeals.queue(ctx)
    if ctx.incoming.place is Place.GROUP:
        return [Reply("moderation.wait_in_private" if rows else "moderation.none_wait", {"count": len(rows)})]
    if not rows:
        return [Reply("moderation.none_wait", {"group": None})]
    key = "moderation.appeal_to_leader" if rows[0].appeal_state == "waiting" else "moderation.to_leader"
    return [_shown(ctx, rows[0], key, left=len(rows) - 1)]


def following(ctx: Context) -> Sequence[Reply]:
    """The button 看下一条."""
    service.check_judge(ctx)
    return waiting(ctx)


def _decide(act: str, ctx: Context) -> Sequence[Reply]:
    case = service.enter(ctx, ctx.session.get(ModerationCase, row_id(ctx.text)))
    before, said = service.decide(ctx, case, act)
    member = service.author(ctx.session, case)
    values = {
        "name": member.name,
        "group": ctx.here.name,
        "text": one_line(case.text, _SHORT),
        "why": _why(case.reason),
    }
    told = service.tell(ctx, member, f"moderation.told_{case.state}", values)
    tails = [] if told or act in ("pass", "drop") else ["moderation.not_reached"]
    buttons = _undo(ctx, before, f"moderation.did_{case.state}")
    warned = service.warnings_of(ctx.session, case.member_id, ctx.now)
    if act in ("drop", "remind") and warned >= rules.MANY_WARNINGS:
        tails.append("moderation.many")
        buttons.append(Button(f"mod_mute:{case.id}", "moderation.button_mute"))
    done = f"moderation.done_{case.state}"
    if case.state == "deleted" and not ctx.here.hears:
        done = "moderation.done_deleted_quiet"  # nobody wrote it in the chat
    return [_with_next(ctx, Reply(done, {**values, "count": warned}, tails, buttons=buttons)),
            *said, *told]  # fmt: skip


def _undo(ctx: Context, before: Mapping[str, object], told: str) -> list[Button]:
    """A leader's decision can be taken back from 撤销 too; the staff decide in groups that they are not in."""
    return [actions.note(ctx, DECISION, before, told)] if ctx.actor.leader else []


def _with_next(ctx: Context, reply: Reply) -> Reply:
    rows = appeals.queue(ctx)
    if not rows or ctx.incoming.place is Place.GROUP:
        return reply
    buttons = [*reply.buttons, Button("mod_next:", "moderation.button_next")]
    return Reply(
        reply.key, {**reply.values, "left": len(rows)}, (*reply.tails, "moderation.more_wait"), buttons=buttons
    )


DECIDE: Mapping[str, Handler] = {f"mod_{act}": partial(_decide, act) for act in _ACTS}
"""Button prefix → handler."""


def undo_decision(ctx: Context, before: Mapping[str, object]) -> Sequence[Reply]:
    """Take a decision back; who was muted by it hears that it is over."""
    case = service.restore(ctx, before)
    member = service.author(ctx.session, case)
    values = {"name": member.name, "group": ctx.here.name}
    buttons = [Button("mod_next:", "moderation.button_next")] if case.state == "waiting" else []
    return [Reply("moderation.undone", values, buttons=buttons)]


# ---------------------------------------------------------------- appeals


def appeal(ctx: Context) -> Sequence[Reply]:
    """申诉 <理由>, in private; alone it shows what was held back and how."""
    if ctx.incoming.place is Place.GROUP:
        return [Reply("moderation.appeal_in_private")]
    case = appeals.open_case(ctx)
    if ctx.argument.strip():
        return _appeal(ctx, case, one_line(ctx.argument, 200))
    values = {
        "why": _why(case.reason),
        "text": one_line(case.text, _SHORT),
        "group": service.group_name(ctx.session, case),
    }
    return [Reply("moderation.appeal_how", values, buttons=[Button(f"appeal:{case.id}", "moderation.button_appeal")])]


def appeal_button(ctx: Context) -> Sequence[Reply]:
    """Without further words."""
    case = appeals.open_case(ctx)
    if case.id != row_id(ctx.text):
        raise Refusal("guard.old_button")
    return _appeal(ctx, case, "")


def _appeal(ctx: Context, case: ModerationCase, words: str) -> Sequence[Reply]:
    to = appeals.appeal(ctx, case, words)
    said = Reply("moderation.appealed", {"group": ctx.here.name})
    return [said, _shown(ctx, case, "moderation.appeal_to_leader", to=to)] if to else [said]


def _settle(act: str, ctx: Context) -> Sequence[Reply]:
    granted = act == "yes"
    case = service.enter(ctx, ctx.session.get(ModerationCase, row_id(ctx.text)))
    before, said = appeals.settle(ctx, case, granted=granted)
    member = service.author(ctx.session, case)
    values = {"name": member.name, "group": ctx.here.name, "text": one_line(case.text, _SHORT)}
    told = service.tell(ctx, member, f"moderation.appeal_told_{act}", values)
    buttons = _undo(ctx, before, f"moderation.did_appeal_{act}")
    return [_with_next(ctx, Reply(f"moderation.appeal_done_{act}", values, buttons=buttons)), *said, *told]


SETTLE: Mapping[str, Handler] = {f"mod_{act}": partial(_settle, act) for act in ("yes", "no")}


# ---------------------------------------------------------------- word lists


def words(ctx: Context) -> Sequence[Reply]:
    """敏感词, 敏感词 添加 xxx, 敏感词 删除 xxx: in private, since a list of bad words is nothing for the group."""
    if ctx.incoming.place is Place.GROUP:
        return [Reply("moderation.words_in_private")]
    if not ctx.argument.strip():
        found = lists.own_words(ctx.session, ctx.group.id if ctx.group is not None else 0)
        rows = [
            {"scope": texts().raw(f"moderation.scope_{scope}"), "words": "、".join(found[scope][: lists.SHOWN])}
            for scope in found
            if found[scope]
        ]
        return [
            Reply("moderation.words" if rows else "moderation.words_none", {"rows": rows}, ["moderation.words_tail"])
        ]
    done = lists.change(ctx, lists.read(ctx.argument))
    values = {
        "word": done.word,
        "scope": texts().raw(f"moderation.scope_{done.scope}"),
        "percent": f"{done.share * 100:.1f}",
    }
    tails = ["moderation.word_hits"] if done.share else []
    key = "moderation.word_added" if done.adds else "moderation.word_removed"
    if not ctx.actor.leader:
        return [Reply(key, values, tails)]
    told = "moderation.did_word_added" if done.adds else "moderation.did_word_removed"
    return [Reply(key, values, tails, buttons=[actions.note(ctx, WORD, done.before, told, {"word": done.word})])]


def undo_word(ctx: Context, before: Mapping[str, object]) -> Sequence[Reply]:
    """Put a word back, or off again."""
    scope_id = before.get("scope_id")
    word = str(before.get("word"))
    lists.put(ctx, str(before.get("scope")), scope_id if isinstance(scope_id, int) else 0, word,
              present=before.get("present") is True)  # fmt: skip
    return [Reply("moderation.word_undone", {"word": word})]


def glance(ctx: Context, _event: DayLookedAt) -> Sequence[Reply]:
    """A line of the leader's day: how many texts wait."""
    count = len(appeals.queue(ctx))
    return [Reply("moderation.glance", {"moderation_count": count})] if count else []
