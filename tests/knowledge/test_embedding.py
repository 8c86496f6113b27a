"""The word vectors that ship with the product."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import knowledge
from knowledge.embedding import WordVectorEmbedder, configured
from knowledge.settings import KnowledgeSettings

_FOLDER = Path(knowledge.__file__).parent / "vectors"


def test_rows_are_unit_vectors_and_near_things_are_near() -> None:
    table = WordVectorEmbedder().embed(["苹果", "香蕉", "退款", "", "😀😀"])
    assert table.dtype == np.float32
    assert table.shape == (5, 100)
    assert np.allclose(np.linalg.norm(table[:3], axis=1), 1, atol=1e-3)
    assert not table[3].any()
    assert not table[4].any()
    assert table[0] @ table[1] > table[0] @ table[2]


@settings(max_examples=50)
@given(st.text(max_size=60))
def test_any_text_has_a_finite_vector(text: str) -> None:
    table = WordVectorEmbedder().embed([text])
    assert np.isfinite(table).all()
    assert np.linalg.norm(table) < 1.001


def test_the_files_agree_and_stay_small() -> None:
    words = (_FOLDER / "words.txt").read_text(encoding="utf-8").splitlines()
    rows = np.load(_FOLDER / "vectors.npy", mmap_mode="r")
    assert rows.shape == (len(words), 100)
    assert len(set(words)) == len(words)
    assert sum(path.stat().st_size for path in _FOLDER.iterdir() if path.is_file()) < 12_000_000
    assert "MIT" in (_FOLDER / "NOTICE").read_text(encoding="utf-8")


def test_without_settings_the_embedder_is_offline() -> None:
    assert isinstance(configured(KnowledgeSettings()), WordVectorEmbedder)
