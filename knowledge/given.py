"""What a request names: numbers, scopes, texts, as they were typed.

Source: CONTRACT (``kb …``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from knowledge.answering import named_scope
from knowledge.errors import KnowledgeRefusal

if TYPE_CHECKING:
    from storage.engine import Session


def number(value: object, key: str = "kb.document_unknown") -> int:
    """A whole number that somebody typed; anything else is an id that there is not."""
    text = str(value)
    if not (text.isascii() and text.isdecimal()) or len(text) > 18:
        raise KnowledgeRefusal(key, id=text[:40])
    return int(text)


def scope_named(session: Session, scope: object) -> str:
    """A scope as staff name it: a group may be named by its id on its platform."""
    kind, _, name = str(scope or "all").partition(":")
    if kind not in {"group", "region"} or not name:
        return str(scope or "all")[:80]
    found = named_scope(session, kind, name)
    return f"{kind}:{found.group if kind == 'group' else found.region}"


def strings(value: object) -> list[str]:
    """A list of texts; anything else is none."""
    return [str(one) for one in value] if isinstance(value, list) else []
