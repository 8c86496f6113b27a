"""A push as a group would read it, before it is sent, and the words that are held back there."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engagement.feature import GroupView
    from engagement.kernel import Outgoing, Reply
    from engagement.moderation.rules import Lexicon
    from storage.engine import Session


def previewed(session: Session, reply: Reply, group: GroupView) -> Outgoing:
    """Address a reply as its push into the group would be, whomever it is for."""
    from engagement.kernel import Kind
    from scheduler.addressing import outgoing

    found = outgoing(session, replace(reply, kind=Kind.PUSH), group)
    assert found is not None  # only what is private, or changes an earlier message, may have nowhere to go
    return found


def lexicons(session: Session, scope: str) -> list[Lexicon]:
    """Return the words that are held back where a scope is read."""
    from engagement.moderation import files, rules
    from prompts import wordlists
    from prompts.wordlists import ListedWord

    scopes = [("all", 0)]
    found = files.scope_id(session, scope)
    if found is not None and found != ("all", 0):
        scopes.append(found)
    own = [one for name, number in scopes for one in files.words(session, name, number)]
    return [rules.lexicon(wordlists.words()), rules.Lexicon.of(ListedWord(one, rules.OWN) for one in own)]
