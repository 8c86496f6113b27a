"""How golden tests read a file: in the child as the product does, and here too, where every line is seen to run."""

from __future__ import annotations

from pathlib import Path

import pytest

from knowledge import loaders
from knowledge.errors import KnowledgeRefusal
from knowledge.loaders import child
from knowledge.loaders.guard import Unfit


def load(path: Path) -> loaders.Loaded:
    """What the child says; it must be what the same code says without limits."""
    try:
        here = child.read(path)
    except Unfit as unfit:
        with pytest.raises(KnowledgeRefusal, match=f"document_{unfit.code}"):
            loaders.load(path)
        raise KnowledgeRefusal(f"kb.document_{unfit.code}", name=path.name) from unfit
    found = loaders.load(path)
    assert found == here
    return found
