"""What can go wrong with knowledge: an expected no, and a world that failed.

``engagement`` has its own ``Refusal`` and ``Fault`` above this floor; they are told apart here in the same way.
"""

from __future__ import annotations


class KnowledgeRefusal(Exception):
    """An expected no: a document that cannot be taken in, an id that does not exist.

    Args:
        key: Text key in prompts/texts/zh/kb.toml, e.g. ``kb.document_encrypted``.
        values: What the text names; never a body of a document.
    """

    def __init__(self, key: str, **values: str | int) -> None:
        super().__init__(key)
        self.key = key
        self.values = values

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (self.key, self.values))


def _rebuild(key: str, values: dict[str, str | int]) -> KnowledgeRefusal:
    return KnowledgeRefusal(key, **values)


class ModelFault(Exception):
    """A model, an embedding endpoint or the vector index failed; the caller falls back.

    Args:
        what: Which of them: ``chat``, ``embedding``, ``index``.
        reason: A short code for the log: a class name or a status; never a body.
    """

    def __init__(self, what: str, reason: str) -> None:
        super().__init__(f"{what}: {reason}")
        self.what = what
        self.reason = reason
