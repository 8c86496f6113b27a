"""What staff do to the knowledge base from a page: which requests there are, what each may name, how it is taken back.

A form posts ``deed`` and the fields that stand here; nothing else of it is looked at.

Source: F69; DESIGN 7 (whatever is done can be undone or was confirmed).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from knowledge.errors import KnowledgeRefusal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from console.works import Work

LONGEST = 4000
MOST_LINES = 60


@dataclass(frozen=True, slots=True)
class Deed:
    """One request.

    Attributes:
        fields: arguments that are words; ``lines``: arguments that are one text a line.
        document: name of the argument that is a document, which must be the visitor's to look after.
        scope: whether an argument ``scope`` says whom it is for.
        flags: arguments that are true when a box is ticked.
    """

    fields: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()
    document: str = ""
    scope: bool = False
    flags: tuple[str, ...] = ()


DEEDS: dict[str, Deed] = {
    "publish": Deed(("mark",), document="id"),
    "rollback": Deed(("version",), document="id"),
    "remove": Deed(document="id"),
    "restore": Deed(document="id"),
    "archive": Deed(("version",), document="id"),
    "dates": Deed(("from", "until"), document="id"),
    "care": Deed(("owner", "review", "audience"), document="id"),
    "accept": Deed(lines=("findings",), document="id"),
    "clash": Deed(("finding", "choice"), document="id"),
    "erase": Deed(document="id", flags=("confirmed",)),
    "entry_phrase": Deed(("entry", "old"), ("texts",), document="document", flags=("remove",)),
    "entry_answer": Deed(("entry", "answer", "plain"), document="document"),
    "entry_new": Deed(("answer", "plain", "category"), ("texts",), scope=True),
    "entry_move": Deed(("entry",), document="document", scope=True),
    "entry_drop": Deed(("entry",), document="document"),
    "golden_add": Deed(("question",), ("relevant",), scope=True),
    "golden_remove": Deed(("id",)),
    "golden_run": Deed(),
    "duplicates": Deed(),
    "gap_answer": Deed(("question", "answer"), scope=True),
    "gap_link": Deed(("question", "entry")),
    "gap_dismiss": Deed(("question",), scope=True),
    "gap_undo": Deed(("id",)),
    "accept_proposal": Deed(("id", "answer", "entry")),
    "decline_proposal": Deed(("id",)),
}
EVERYWHERE = frozenset(
    {"golden_add", "golden_remove", "golden_run", "duplicates", "accept_proposal", "decline_proposal"}
)
"""What is of the whole base: for who looks after all of it."""


def read(name: str, form: Mapping[str, str]) -> dict[str, Any]:
    """Return the arguments of a deed as a form gives them.

    Raises:
        KnowledgeRefusal: a document is not a number.
    """
    deed = DEEDS[name]
    found: dict[str, Any] = {one: form[one].strip()[:LONGEST] for one in deed.fields if one in form}
    for one in deed.lines:
        given = form.get(one, "")[: LONGEST * 4].splitlines()
        found[one] = [line.strip() for line in given if line.strip()][:MOST_LINES]
    for one in deed.flags:
        found[one] = form.get(one) == "1"
    if deed.document:
        given_id = form.get(deed.document, "")
        if not (given_id.isascii() and given_id.isdecimal() and len(given_id) < 19):
            raise KnowledgeRefusal("kb.document_unknown", id=given_id[:40])
        found[deed.document] = int(given_id)
    if deed.scope:
        found["scope"] = form.get("scope", "")[:80] or "all"
    return found


Undo = tuple[str, dict[str, str]]
"""A deed and its fields, as a form gives them."""


def undo(work: Work) -> Undo | None:
    """Return what takes a work back that is done; None where nothing is to be taken back, or it was confirmed."""
    if work.state != "done":
        return None
    result, asked = work.result, work.request
    was: dict[str, str] = asked.get("was") or {}
    identity = str(result.get("id", ""))
    found: Undo | None = None
    if work.what == "publish":
        found = ("rollback", {"version": str(result["replaced"])}) if result.get("replaced") else ("remove", {})
    elif work.what == "rollback" and result.get("replaced"):
        found = ("rollback", {"version": str(result["replaced"])})
    elif work.what in ("remove", "restore"):
        found = ("restore" if work.what == "remove" else "remove", {})
    elif work.what == "archive":
        found = ("archive", {"version": str(result["version"])})
    elif work.what in ("dates", "care", "clash") and was:
        found = (work.what, was)
    elif work.what == "golden_add":
        return "golden_remove", {"id": identity}
    elif work.what == "golden_remove" and was:
        return "golden_add", was
    elif work.what.startswith("gap_") and result.get("proposal"):
        return "gap_undo", {"id": str(result["proposal"])}
    elif work.what == "add":
        return _not_taken_in(result)
    elif work.what.startswith("entry_"):
        return _unwritten(work)
    return None if found is None else (found[0], {"id": identity, **found[1]})


def _not_taken_in(result: Mapping[str, Any]) -> Undo | None:
    """A file's draft is put away."""
    added = result.get("added") or []
    if len(added) != 1 or added[0]["unchanged"] or added[0]["state"] != "draft":
        return None
    return "archive", {"id": str(added[0]["document"]), "version": str(added[0]["version"])}


def _unwritten(work: Work) -> Undo | None:
    """An edit of an entry is edited back in the same draft."""
    result, asked = work.result, work.request
    if not result.get("changed"):
        return None
    where = {"document": str(result.get("document", "")), "entry": str(result.get("entry", ""))}
    was: dict[str, str] = asked.get("was") or {}
    if work.what == "entry_new":
        return "entry_drop", where
    if work.what == "entry_answer" and was:
        return "entry_answer", {**where, **was}
    if work.what == "entry_phrase":
        texts = "\n".join(asked.get("texts") or ())
        if asked.get("old"):
            return "entry_phrase", {**where, "old": texts, "texts": str(asked["old"])}
        return "entry_phrase", {**where, "texts": texts, **({} if asked.get("remove") else {"remove": "1"})}
    return None
