"""What must come of acts on the knowledge base, worked out without the product: documents, versions, who answers."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

ACTS = ("add", "publish", "rollback", "rebuild", "remove", "restore", "erase", "send")
Edition = tuple[int, int]
"""Number of the file, and which edition of it."""
State = dict[int, tuple[str, bool, tuple[tuple[int, Edition, str], ...]]]
"""Document → name, whether it is removed, and its whole versions: number, edition, state."""


@dataclass
class Version:
    """A whole version."""

    number: int
    edition: Edition
    state: str = "draft"


@dataclass
class Document:
    """A document with its whole versions, oldest first; ``held``: every edition whose words it ever had a part of."""

    name: str
    removed: bool = False
    erased: bool = False
    versions: list[Version] = field(default_factory=list)
    held: set[Edition] = field(default_factory=set)

    def published(self) -> Version | None:
        """What answers, unless it is removed."""
        return next((one for one in self.versions if one.state == "published"), None)

    def put(self, chosen: Version) -> None:
        """Publishes one."""
        for one in self.versions:
            if one.state == "published":
                one.state = "retired"
        chosen.state = "published"


class Model:
    """All documents."""

    def __init__(self) -> None:
        self.documents: dict[int, Document] = {}

    def state(self) -> State:
        """As it is compared with the rows."""
        return {
            identity: (
                f"#{identity}" if one.erased else one.name,
                one.removed,
                tuple((version.number, version.edition, version.state) for version in one.versions),
            )
            for identity, one in self.documents.items()
        }

    def answering(self) -> set[Edition]:
        """Editions that answer."""
        found = (one.published() for one in self.documents.values() if not one.removed)
        return {one.edition for one in found if one is not None}

    def gone(self) -> set[Edition]:
        """Editions whose words must be nowhere: an erased document had them, and no other one has."""
        living: set[Edition] = set()
        erased: set[Edition] = set()
        for one in self.documents.values():
            (erased if one.erased else living).update(one.held)
        return erased - living

    def steps(self, told: dict[str, Any]) -> list[Model] | None:
        """What there may be while an act is under way, the last being what it comes to; None = it is refused."""
        made = deepcopy(self)
        steps = [made]

        def step() -> Model:
            steps.append(deepcopy(steps[-1]))
            return steps[-1]

        act = told["act"]
        if act in ("add", "send"):
            name, edition, publish = told["name"], (told["edition"]["file"], told["edition"]["number"]), told["publish"]
            found = [at for at, one in made.documents.items() if one.name == name and not one.erased]
            identity = found[0] if found else max(made.documents, default=0) + 1
            made.documents.setdefault(identity, Document(name)).held.add(edition)
            if not found:
                steps[:0] = [deepcopy(self)]
            document = step().documents[identity]
            newest = document.versions[-1] if document.versions else None
            if newest is None or newest.edition != edition or newest.state == "retired":
                if document.removed and (current := document.published()) is not None:
                    current.state = "retired"
                document.removed = False
                number = newest.number + 1 if newest else 1
                step().documents[identity].versions.append(Version(number, edition))
            document.removed = False
            if publish and steps[-1].documents[identity].versions[-1].state != "published":
                last = step().documents[identity]
                last.put(last.versions[-1])
            return steps
        if act == "rebuild":
            return steps
        one = step().documents.get(told["id"])
        if one is None or not _change(one, act):
            return None
        return steps


def _change(one: Document, act: str) -> bool:
    """Does one of the acts of a single step; False = it is refused."""
    current = one.published()
    chosen: Version | None = None
    if act == "restore":
        fits = one.removed and bool(one.versions)
    elif act == "erase":
        fits = bool(one.versions)
    elif act == "publish":
        chosen = one.versions[-1] if one.versions and one.versions[-1].state == "draft" else None
        fits = not one.removed and chosen is not None
    elif act == "rollback":
        retired = [other for other in one.versions if other.state == "retired"]
        earlier = [other for other in retired if not current or other.number < current.number]
        chosen = earlier[-1] if earlier else None
        fits = not one.removed and chosen is not None
    else:
        fits = not one.removed
    if not fits:
        return False
    if chosen is not None:
        one.put(chosen)
    if act == "erase":
        one.versions, one.erased = [], True
    one.removed = act in ("erase", "remove")
    return True
