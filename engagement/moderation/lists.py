"""The words that hold in a group: the starter lists, and what the staff, a region or the group added.

Source: F81, F125.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from sqlalchemy import bindparam, select
from sqlmodel import col
from sqlmodel import select as pick

from engagement.errors import Refusal
from engagement.feature import Context
from engagement.moderation import rules
from engagement.moderation.folding import bare
from engagement.moderation.rules import Lexicon
from engagement.moderation.tables import ModerationWord
from prompts import wordlists
from prompts.wordlists import ListedWord
from storage import audit, bots
from storage.engine import Session
from storage.groups import Group, RoleGrant
from storage.statements import Prepared

MOST_WORDS = 200
"""Words of one scope."""
SHOWN = 40
_OVER_GROUPS = frozenset({"staff", "manager", "admin"})

_W = ModerationWord.__table__  # type: ignore[attr-defined]
_G = Group.__table__  # type: ignore[attr-defined]
_HERE = (
    (_W.c.scope == "all")
    | ((_W.c.scope == "group") & (_W.c.scope_id == bindparam("group_row")))
    | (
        (_W.c.scope == "region")
        & (_W.c.scope_id == select(_G.c.region_id).where(_G.c.id == bindparam("group_row")).scalar_subquery())
    )
)
_HOLDING = Prepared("moderation_word.holding", select(_W.c.word, _W.c.scope).where(_HERE).order_by(_W.c.id))

_COMMAND = re.compile(
    r"(?P<verb>添加|增加|新增|加上|加|删除|删掉|去掉|移除|删)\s*(?:(?P<scope>本群|本区|所有群)\s+)?(?P<word>\S.*)"
)
_SCOPES = {"本群": "group", "本区": "region", "所有群": "all"}  # zh: what is typed


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants done to a list.

    Attributes:
        scope: ``all``, ``region`` or ``group``; empty when it was not said.
    """

    adds: bool
    scope: str
    word: str


def read(argument: str) -> Wish:
    """Read 「添加 xxx」, 「添加 本区 xxx」 or 「删除 xxx」.

    Raises:
        Refusal: ``moderation.words_how``.
    """
    match = _COMMAND.fullmatch(argument.strip())
    if match is None:
        raise Refusal("moderation.words_how")
    adds = match["verb"][0] in "添增新加"  # zh: first characters of the verbs
    return Wish(adds, _SCOPES.get(match["scope"] or "", ""), match["word"].strip(" 「」\"'“”"))


def holding(session: Session, group_id: int) -> Sequence[Lexicon]:
    """Return every list that holds in a group."""
    own = session.rows(_HOLDING, group_row=group_id)
    starter = rules.lexicon(wordlists.words())
    if not own:
        return [starter]
    return [starter, _prepared(tuple(str(row[0]) for row in own))]


@lru_cache(maxsize=64)
def _prepared(own: tuple[str, ...]) -> Lexicon:
    """Prepare a group's words once, as long as they stay the same: a list from a file may have thousands."""
    return Lexicon.of(ListedWord(word, rules.OWN) for word in own)


def own_words(session: Session, group_id: int) -> Mapping[str, Sequence[str]]:
    """Return scope → the words that were added there and hold in a group; 0 = no group."""
    found: dict[str, list[str]] = {"group": [], "region": [], "all": []}
    for word, scope in session.rows(_HOLDING, group_row=group_id):
        found[str(scope)].append(str(word))
    return found


@dataclass(frozen=True, slots=True)
class Changed:
    """What was done to a list, and what the way back needs.

    Attributes:
        share: of ordinary talk that the word hits, 0 … 1.
    """

    word: str
    scope: str
    adds: bool
    before: Mapping[str, object]
    share: float


def change(ctx: Context, wish: Wish) -> Changed:
    """Put a word on a list or take it off.

    Raises:
        Refusal: not allowed there; there already, or not there; too short, too long, too many; or a word of ordinary talk.
    """
    scope, scope_id = _scope(ctx, wish)
    word = bare(wish.word)
    row = ctx.session.exec(
        pick(ModerationWord).where(
            ModerationWord.scope == scope, ModerationWord.scope_id == scope_id, ModerationWord.word == word
        )
    ).first()
    share = 0.0
    if wish.adds:
        if row is not None:
            raise Refusal("moderation.word_there", word=word)
        share = _admit(ctx.session, scope, scope_id, word)
    elif row is None:
        raise Refusal("moderation.word_not_there", word=word or wish.word)
    put(ctx, scope, scope_id, word, present=wish.adds)
    before = {"scope": scope, "scope_id": scope_id, "word": word, "present": not wish.adds}
    return Changed(word, scope, wish.adds, before, share)


def put(ctx: Context, scope: str, scope_id: int, word: str, *, present: bool) -> None:
    """Make a word stand on a list, or not."""
    row = ctx.session.exec(
        pick(ModerationWord).where(
            ModerationWord.scope == scope, ModerationWord.scope_id == scope_id, ModerationWord.word == word
        )
    ).first()
    if present and row is None:
        ctx.session.add(ModerationWord(scope=scope, scope_id=scope_id, word=word, added_at=ctx.now))
    elif not present and row is not None:
        ctx.session.delete(row)
    ctx.session.flush()
    audit.record(
        ctx.session,
        at=ctx.now,
        actor_id=ctx.actor.person_id,
        group_id=ctx.group.id if ctx.group is not None else None,
        action="moderation.word_added" if present else "moderation.word_removed",
        scope=scope,
        scope_id=scope_id,
    )


def _admit(session: Session, scope: str, scope_id: int, word: str) -> float:
    fault = rules.word_fault(word)
    if fault:
        raise Refusal(f"moderation.word_{fault}", most=rules.LONGEST_WORD)
    share = rules.ordinary_share(word, wordlists.ordinary_talk())
    if share > rules.MOST_ORDINARY:
        raise Refusal("moderation.word_ordinary", word=word, percent=f"{share * 100:.1f}")
    there = session.exec(
        pick(ModerationWord.id).where(ModerationWord.scope == scope, ModerationWord.scope_id == scope_id)
    ).all()
    if len(there) >= MOST_WORDS:
        raise Refusal("moderation.words_full", most=MOST_WORDS)
    return share


def _scope(ctx: Context, wish: Wish) -> tuple[str, int]:
    """Return where a word goes; a leader has the own group, a regional manager the region, the staff everything."""
    over = ctx.actor.roles & _OVER_GROUPS
    scope = wish.scope or ("group" if ctx.actor.leader else "region" if over == {"manager"} else "all")
    if scope == "group":
        if not ctx.actor.leader:
            raise Refusal("guard.leader_only")
        return scope, ctx.here.id
    if scope == "all":
        if not over - {"manager"}:
            raise Refusal("guard.staff_only")
        return scope, 0
    if not over:
        raise Refusal("guard.staff_only")
    region = _region(ctx, over)
    if region is None:
        raise Refusal("moderation.no_region")
    return scope, region


def _region(ctx: Context, over: frozenset[str]) -> int | None:
    """Return the region meant: a manager's own, the present group's for the staff."""
    if over == {"manager"}:
        grant = ctx.session.get(RoleGrant, (ctx.actor.person_id, "manager"))
        return grant.region_id if grant is not None else None
    return ctx.session.get_one(Group, ctx.group.id).region_id if ctx.group is not None else None


def staff(session: Session) -> list[int]:
    """Return the staff (person ids) who can be told in private, by id."""
    return list(
        session.exec(
            pick(RoleGrant.person_id)
            .where(RoleGrant.role == "staff", bots.can_be_told(col(RoleGrant.person_id)))
            .order_by(col(RoleGrant.person_id))
        )
    )
