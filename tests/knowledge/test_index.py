"""The vector index: what it keeps, what it refuses, what serves while another is made, what is killed on the way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from knowledge import embedding
from knowledge.embedding import COLUMNS, FastEmbedder, WordVectorEmbedder
from knowledge.errors import ModelFault
from knowledge.generation import OWN_COMPARED, sound
from knowledge.index import VectorIndex, digest
from knowledge.settings import DocumentSettings, KnowledgeSettings

WORDS = ["几点提货", "退款多久到账", "怎么签到", "草莓烂了", "发票在哪开"]
TEXTS = {digest(text): text for text in WORDS}


def _vector(text: str) -> Any:
    return WordVectorEmbedder().embed([text])[0]


class _Three(WordVectorEmbedder):
    name = "three"
    dimension = 3

    def __init__(self) -> None:
        self.calls = 0
        self.fails_after = 10**9

    def embed(self, texts: Sequence[str]) -> Any:
        self.calls += 1
        if self.calls > self.fails_after:
            raise ModelFault("embedding", "down")
        return np.ones((len(texts), 3), dtype=np.float32) / np.sqrt(3)


class _Sick(_Three):
    name = "sick"

    def __init__(self, table: Any) -> None:
        super().__init__()
        self._table = table

    def embed(self, texts: Sequence[str]) -> Any:
        return self._table


def test_no_words_are_kept(tmp_path: Path) -> None:
    index = VectorIndex(tmp_path / "chroma", WordVectorEmbedder())
    index.fill(TEXTS)
    assert max(index.near(_vector("几点提货"), 3).items(), key=lambda one: one[1])[0] == digest("几点提货")
    index.close()
    kept = b"".join(path.read_bytes() for path in (tmp_path / "chroma").rglob("*") if path.is_file())
    assert digest("几点提货").encode() in kept
    assert "几点提货".encode() not in kept


@pytest.mark.parametrize(
    "table",
    [
        np.full((5, 3), np.nan, np.float32),
        np.full((5, 3), np.inf, np.float32),
        np.ones((5, 4), np.float32),
        np.ones((4, 3), np.float32),
        np.ones(15, np.float32),
    ],
    ids=["nan", "inf", "wide", "short", "flat"],
)
def test_unsound_vectors_are_refused(tmp_path: Path, table: Any) -> None:
    with pytest.raises(ModelFault):
        sound(_Sick(table), WORDS)
    index = VectorIndex(tmp_path / "chroma", _Sick(table))
    with pytest.raises(ModelFault):
        index.fill(TEXTS)
    assert index.size == 0
    index.close()


def test_a_question_of_another_shape_finds_nothing(tmp_path: Path) -> None:
    index = VectorIndex(tmp_path / "chroma", WordVectorEmbedder())
    index.fill(TEXTS)
    assert index.near(_vector("几点提货")[:50], 3) == {}
    assert index.near(np.full(COLUMNS, np.nan, np.float32), 3) == {}
    assert index.near(np.zeros(COLUMNS, np.float32), 3) == {}
    index.close()


def test_the_old_one_serves_while_another_is_made(tmp_path: Path) -> None:
    index = VectorIndex(tmp_path / "chroma", WordVectorEmbedder())
    index.fill(TEXTS)
    index.rebuild()
    assert (index.building, index.size) == (True, 5)
    assert index.near(_vector("几点提货"), 3)
    seen: list[int] = []
    index.fill(TEXTS, lambda done, total: seen.append(len(index.near(_vector("怎么签到"), 3))))
    assert seen == [3]
    assert (index.building, index.size) == (False, 5)
    index.close()


def test_a_former_embedder_serves_until_the_new_one_is_done_and_the_work_goes_on_where_it_broke(tmp_path: Path) -> None:
    first = VectorIndex(tmp_path / "chroma", WordVectorEmbedder())
    first.fill(TEXTS)
    first.close()
    texts = {digest(f"{number}号"): f"{number}号" for number in range(200)}
    new = _Three()
    new.fails_after = 2
    index = VectorIndex(tmp_path / "chroma", new, former=WordVectorEmbedder())
    steps: list[tuple[int, int]] = []
    with pytest.raises(ModelFault):
        index.fill(texts, lambda done, total: steps.append((done, total)))
    assert steps == [(64, 200), (128, 200)]
    assert isinstance(index.embedder, WordVectorEmbedder) and not isinstance(index.embedder, _Three)
    index.close()
    new.fails_after = 10**9
    again = VectorIndex(tmp_path / "chroma", new, former=WordVectorEmbedder())
    steps.clear()
    again.fill(texts, lambda done, total: steps.append((done, total)))
    assert steps == [(64, 72), (72, 72)]
    assert again.embedder is new and again.size == 200 and not again.building
    again.close()


def test_what_is_no_longer_wanted_leaves_also_what_serves(tmp_path: Path) -> None:
    index = VectorIndex(tmp_path / "chroma", WordVectorEmbedder())
    index.fill(TEXTS)
    index.rebuild()
    left = {digest("怎么签到"): "怎么签到"}
    index.fill(left)
    assert set(index.near(_vector("几点提货"), 5)) == set(left)
    index.close()


@pytest.mark.parametrize("many", [30, OWN_COMPARED + 1])
def test_what_others_have_crowds_nobody_out(tmp_path: Path, many: int) -> None:
    index = VectorIndex(tmp_path / "chroma", WordVectorEmbedder())
    limited = {digest(f"几点提货{number}"): f"几点提货{number}" for number in range(many + 20)}
    index.fill(TEXTS, limited=limited)
    own = [digest(f"几点提货{number}") for number in range(many)]
    found = index.near(_vector("几点提货"), 5, own)
    assert set(TEXTS) <= set(found)
    assert len(set(found) & set(own)) == 5 and not set(found) - set(TEXTS) - set(own)
    assert set(index.near(_vector("几点提货"), 5)) == set(TEXTS)
    gone = {mark: text for mark, text in limited.items() if mark != own[0]}
    index.fill(TEXTS, limited=gone)
    assert own[0] not in index.near(_vector("几点提货"), 50, own)
    index.close()


def test_a_folder_that_breaks_under_us_is_made_anew(tmp_path: Path) -> None:
    index = VectorIndex(tmp_path / "chroma", WordVectorEmbedder())
    index.fill(TEXTS)
    file = tmp_path / "chroma" / "chroma.sqlite3"
    index.suspect()
    file.write_bytes(b"no database" * 1000)
    assert index.near(_vector("几点提货"), 3) == {}
    assert index.fill(TEXTS) == 5
    assert index.near(_vector("几点提货"), 3)
    index.close()


_KILLED = """
import sys
from pathlib import Path
from knowledge.embedding import WordVectorEmbedder
from knowledge.index import VectorIndex, digest
index = VectorIndex(Path(sys.argv[1]), WordVectorEmbedder())
texts = {digest(f"{number}号提货"): f"{number}号提货" for number in range(6000)}
index.fill(texts, lambda done, total: print(done, flush=True))
"""


def test_a_kill_in_the_middle_loses_nothing(tmp_path: Path) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", _KILLED, str(tmp_path / "chroma")],
        stdout=subprocess.PIPE,
        cwd=Path(embedding.__file__).parents[1],
    )
    assert child.stdout is not None
    child.stdout.readline()
    child.stdout.readline()
    time.sleep(0.05)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    child.stdout.close()
    index = VectorIndex(tmp_path / "chroma", WordVectorEmbedder())
    index.open()
    texts = {digest(f"{number}号提货"): f"{number}号提货" for number in range(6000)}
    index.fill(texts)
    assert index.size == 6000
    assert index.near(_vector("77号提货"), 3)
    index.close()


def test_fastembed_is_refused_in_words_where_it_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ValueError, match="pip install fastembed"):
        DocumentSettings(fastembed_model="BAAI/bge-small-zh-v1.5")


def test_fastembed_is_used_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    class _TextEmbedding:
        def __init__(self, model: str, cache_dir: str | None) -> None:
            assert (model, cache_dir) == ("some-model", "/models")

        def embed(self, texts: list[str]) -> Any:
            return iter([np.array([3.0, 4.0]) for _ in texts])

    module = type(sys)("fastembed")
    module.TextEmbedding = _TextEmbedding  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "fastembed", module)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    options = DocumentSettings(fastembed_model="some-model", fastembed_dimension=2, fastembed_folder="/models")
    made = embedding.configured(KnowledgeSettings(), options)
    assert isinstance(made, FastEmbedder)
    assert made.embed(["几点提货"]).tolist() == [[pytest.approx(0.6), pytest.approx(0.8)]]
    with pytest.raises(ModelFault):
        FastEmbedder("some-model", 3, "/models").embed(["几点提货"])


def test_a_server_that_does_not_answer_is_a_fault_and_no_crash(tmp_path: Path) -> None:
    index = VectorIndex(tmp_path / "chroma", WordVectorEmbedder(), url="http://127.0.0.1:9")
    with pytest.raises(ModelFault):
        index.fill(TEXTS)
    assert index.near(_vector("几点提货"), 3) == {}
    assert not (tmp_path / "chroma").exists()
    index.close()
