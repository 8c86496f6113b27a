"""An announcement before it goes out: its words, the draft that its author sees, and the groups that it is meant for.

Source: F111.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import ColumnElement, update
from sqlmodel import col
from sqlmodel import select as pick

from engagement.announcements import audience, rules
from engagement.announcements.tables import Announcement, AnnouncementRound
from engagement.errors import Refusal
from engagement.feature import Context
from engagement.kernel import Reply
from prompts.loader import texts
from storage.engine import Session

DRAFT_LIVES = timedelta(hours=1)
"""An older draft may be wrong by now."""

MORE = "announcements.more_to_come"
"""Under a beginning: what comes next is said in the same place."""
_R = AnnouncementRound.__table__  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class Draft:
    """A round that waits for its button, with what it is about."""

    announcement: Announcement
    round: AnnouncementRound

    @property
    def is_first(self) -> bool:
        """It begins the announcement."""
        return self.round.step == "first"

    @property
    def rings_at_night(self) -> bool:
        """It does not wait for the end of quiet hours; an end does, since nobody has to act on it."""
        return self.announcement.urgent and self.round.step != "end"


# ---------------------------------------------------------------- what groups read


def message(announcement: Announcement, step: str, words: str, first: str, *, heard: bool = True) -> Reply:
    """Return what a group reads; the same for the preview and for the push.

    Args:
        first: words of the announcement's beginning.
        heard: the group has had the beginning; else an update says it along with itself.
    """
    assert announcement.id is not None
    about = f"announcement:{announcement.id}"
    if step == "first":
        who = "official" if announcement.official else "leader"
        key = f"announcements.{'urgent' if announcement.urgent else 'first'}_{who}"
        return Reply(key, {"lines": words.splitlines()}, (MORE,), subject=about)
    values = {"lines": words.splitlines(), "about": rules.about(first), "first": first.splitlines()}
    if not heard:
        return Reply("announcements.update_first", values, subject=about)
    tails = ("announcements.about",) if first else ()
    more = f"announcement_more:{announcement.id}"
    return Reply(f"announcements.{step}", values, tails, subject=more, quotes=about)


def shown(reply: Reply) -> list[str]:
    """Return a message's lines as the group will read them, for the preview."""
    told = "\n".join(texts().fill(key, reply.values) for key in (reply.key, *reply.tails))
    return told.replace("**", "").split("\n")


def preview(ctx: Context, draft: Draft) -> list[str]:
    """Return the lines of a draft as groups will read them."""
    first = draft.round.words if draft.is_first else first_words(ctx.session, draft.announcement)
    return shown(message(draft.announcement, draft.round.step, draft.round.words, first))


def filled(form: rules.Form) -> str:
    """Return a template's words with its fields."""
    one, two = form.fields
    return texts().fill(f"announcements.text_{form.key}", {"one": one, "two": two})


def first_words(session: Session, announcement: Announcement) -> str:
    """Return the words of an announcement's beginning."""
    found = session.exec(
        pick(AnnouncementRound.words).where(
            AnnouncementRound.announcement_id == announcement.id, AnnouncementRound.step == "first"
        )
    ).first()
    return found or ""


def most(announcement: Announcement, step: str) -> int:
    """Return how many announcements a group may have on a day, this one included."""
    return rules.MOST_URGENT if announcement.urgent and step == "first" else rules.MOST_A_DAY


# ---------------------------------------------------------------- drafts


def begin(ctx: Context, words: str, *, urgent: bool) -> Draft:
    """Draft an announcement; an earlier draft of the same person is dropped.

    Raises:
        Refusal: the words are none or too many, or the person leads no group and is no staff.
    """
    lines = rules.lines_of(words)
    scopes = audience.scopes(ctx.session, ctx.actor.person_id)
    if not scopes:
        raise Refusal("guard.leader_only")
    scope = next(iter(scopes))
    _drop_drafts(ctx)
    announcement = Announcement(
        author_id=ctx.actor.person_id, scope=scope, official=scope != "own", urgent=urgent, created_at=ctx.now
    )
    ctx.session.add(announcement)
    ctx.session.flush()
    return _add_round(ctx, announcement, "first", lines)


def go_on(ctx: Context, step: str, words: str) -> Draft:
    """Draft an update or the end of the latest announcement that the person may go on with.

    Raises:
        Refusal: ``announcements.none_open``, or the words are none or too many.
    """
    lines = rules.lines_of(words)
    found = latest(ctx)
    _drop_drafts(ctx)
    return _add_round(ctx, found, step, lines)


def latest(ctx: Context) -> Announcement:
    """Return the latest announcement that the person may go on with.

    Raises:
        Refusal: ``announcements.none_open``.
    """
    found = audience.managed(ctx.session, ctx.actor.person_id, ["open"], 1)
    if not found:
        raise Refusal("announcements.none_open")
    return found[0]


def end_of(ctx: Context, announcement_id: int) -> Draft:
    """Draft the end of an announcement in those of its groups where the person may tell it.

    Raises:
        Refusal: ``announcements.ended_already``; ``guard.leader_only`` or ``guard.old_button`` when there is no such group.
    """
    if not audience.scopes(ctx.session, ctx.actor.person_id):
        raise Refusal("guard.leader_only")
    found = ctx.session.get(Announcement, announcement_id)
    if found is not None and found.state == "ended":
        raise Refusal("announcements.ended_already")
    if (
        found is None
        or found.state != "open"
        or not audience.count(ctx.session, audience.ending(ctx.session, ctx.actor.person_id, found))
    ):
        raise Refusal("guard.old_button")
    _drop_drafts(ctx)
    return _add_round(ctx, found, "end", rules.lines_of(texts().raw("announcements.text_end")))


def _add_round(ctx: Context, announcement: Announcement, step: str, lines: Sequence[str]) -> Draft:
    assert announcement.id is not None
    made = AnnouncementRound(
        announcement_id=announcement.id,
        author_id=ctx.actor.person_id,
        step=step,
        words="\n".join(lines),
        made_at=ctx.now,
    )
    ctx.session.add(made)
    ctx.session.flush()
    return Draft(announcement, made)


def _drop_drafts(ctx: Context) -> None:
    ctx.session.execute(
        update(_R).where(_R.c.author_id == ctx.actor.person_id, _R.c.state == "draft").values(state="dropped", words="")
    )


def find(ctx: Context, reference: str) -> tuple[Draft, int]:
    """Return the actor's draft that a button ``round.changes.choice`` is about, and the choice.

    Raises:
        Refusal: it is nobody's or somebody else's, has been sent or dropped, was changed since, or is an hour old.
    """
    round_id, changes, choice = rules.numbers(reference)
    found = ctx.session.get(AnnouncementRound, round_id)
    if found is None or found.author_id != ctx.actor.person_id:
        allowed = audience.scopes(ctx.session, ctx.actor.person_id)
        raise Refusal("guard.old_button" if allowed else "guard.leader_only")
    if found.state == "sent":
        raise Refusal("announcements.sent_already")
    if found.state != "draft" or found.changes != changes:
        raise Refusal("announcements.newer_draft")
    if found.made_at < ctx.now - DRAFT_LIVES:
        raise Refusal("announcements.draft_too_old")
    return Draft(ctx.session.get_one(Announcement, found.announcement_id), found), choice


def where(ctx: Context, draft: Draft) -> ColumnElement[bool]:
    """Return the condition on the groups that a draft will go to."""
    if draft.is_first:
        return audience.targets(ctx.session, draft.announcement)
    return audience.ending(ctx.session, ctx.actor.person_id, draft.announcement)


def leave_out(ctx: Context, draft: Draft, group_id: int) -> None:
    """Take a group out of a draft, or put it in again."""
    left = audience.left_out(draft.announcement)
    kept = [one for one in left if one != group_id]
    draft.announcement.left_out = {"groups": kept if len(kept) < len(left) else [*left, group_id]}
    _changed(ctx, draft)


def rescope(ctx: Context, draft: Draft, number: int) -> None:
    """Choose the scope of a draft by its place among those that the person has.

    Raises:
        Refusal: ``guard.old_button``: there is none at this place.
    """
    scopes = list(audience.scopes(ctx.session, ctx.actor.person_id))
    if not 0 < number <= len(scopes) or not draft.is_first:
        raise Refusal("guard.old_button")
    draft.announcement.scope = scopes[number - 1]
    draft.announcement.official = draft.announcement.scope != "own"
    draft.announcement.left_out = None
    _changed(ctx, draft)


def turn_to(ctx: Context, draft: Draft, announcement_id: int) -> Draft:
    """Let an update or an end be about another open announcement.

    Raises:
        Refusal: ``guard.old_button``: the person may not go on with that one.
    """
    for other in audience.managed(ctx.session, ctx.actor.person_id, ["open"]):
        if other.id == announcement_id and not draft.is_first:
            draft.round.announcement_id = announcement_id
            _changed(ctx, draft)
            return Draft(other, draft.round)
    raise Refusal("guard.old_button")


def _changed(ctx: Context, draft: Draft) -> None:
    draft.round.changes += 1
    ctx.session.add(draft.announcement)
    ctx.session.add(draft.round)
    ctx.session.flush()


def drop(ctx: Context, draft: Draft) -> None:
    """Throw a draft away."""
    draft.round.state, draft.round.words = "dropped", ""
    ctx.session.add(draft.round)


# ---------------------------------------------------------------- the author's rights


def export(session: Session, person_id: int) -> Sequence[dict[str, object]]:
    """Return what a person announced."""
    rows = session.exec(
        pick(AnnouncementRound).where(AnnouncementRound.author_id == person_id).order_by(col(AnnouncementRound.id))
    )
    return [{"step": one.step, "words": one.words, "at": one.made_at.isoformat(), "state": one.state} for one in rows]


def export_heads(session: Session, person_id: int) -> Sequence[dict[str, object]]:
    """Return which announcements a person began."""
    rows = session.exec(pick(Announcement).where(Announcement.author_id == person_id).order_by(col(Announcement.id)))
    return [{"at": one.created_at.isoformat(), "to": one.scope, "state": one.state} for one in rows]
