"""Texts to vectors: offline word vectors by default, an OpenAI-compatible endpoint when one is configured.

Source: DESIGN 6 (real vectors from the first start, nothing is ever downloaded), RETRIEVAL.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from knowledge import normalise, tokens
from knowledge.errors import ModelFault

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from knowledge.settings import DocumentSettings, KnowledgeSettings

_FOLDER = Path(__file__).resolve().parent / "vectors"


class Embedder(Protocol):
    """What turns texts into unit vectors. ``name`` and ``dimension`` together say which vectors may be compared."""

    @property
    def name(self) -> str:
        """Stable name of model and version; another name means that stored vectors are made anew."""

    @property
    def dimension(self) -> int:
        """Columns of a vector."""

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors, float32 (n, dimension); a text without any known word is a row of zeros.

        Raises:
            ModelFault: The endpoint failed or sent something that is not such a table of finite numbers.
        """


@lru_cache(maxsize=1)
def _vocabulary() -> dict[str, int]:
    lines = (_FOLDER / "words.txt").read_text(encoding="utf-8").splitlines()
    return {word: row for row, word in enumerate(lines)}


def row_of(word: str) -> int | None:
    """Place of a word among the table's words, the commonest first; None when the table lacks it."""
    return _vocabulary().get(word)


@lru_cache(maxsize=1)
def _rows() -> NDArray[np.float16]:
    rows: NDArray[np.float16] = np.load(_FOLDER / "vectors.npy", mmap_mode="r", allow_pickle=False)
    return rows


COLUMNS = 100


@lru_cache(maxsize=20_000)
def word_vector(word: str) -> NDArray[np.float32]:
    """Unit vector of a word, of its characters when the table lacks it; zeros when it knows none of them either."""
    vocabulary, rows = _vocabulary(), _rows()
    row = vocabulary.get(word)
    found = [row] if row is not None else [vocabulary[one] for one in word if one in vocabulary]
    total = rows[found].astype(np.float32).sum(axis=0)
    length = float(np.linalg.norm(total))
    return total / length if length > 0 else np.zeros(COLUMNS, np.float32)


class WordVectorEmbedder:
    """Sum of a text's word vectors, each weighed by smooth inverse frequency (the weights are baked into the file)."""

    name = "words-sif-50k-1"
    dimension = COLUMNS

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """See ``Embedder.embed``; never fails. A word that the table lacks counts as its characters."""
        vocabulary, rows = _vocabulary(), _rows()
        out = np.zeros((len(texts), self.dimension), dtype=np.float32)
        for at, text in enumerate(texts):
            found: list[int] = []
            for word in tokens.words(normalise.canonical(text)):
                row = vocabulary.get(word)
                if row is not None:
                    found.append(row)
                else:
                    found.extend(vocabulary[character] for character in word if character in vocabulary)
            if found:
                total = rows[found].astype(np.float32).sum(axis=0)
                length = float(np.linalg.norm(total))
                if length > 0:
                    out[at] = total / length
        return out


class EndpointEmbedder:
    """An OpenAI-compatible ``/embeddings`` endpoint, called through langchain-openai."""

    def __init__(self, settings: KnowledgeSettings) -> None:
        self._settings = settings
        self._model: Any = None
        self.name = f"endpoint:{settings.embedding_model}"
        self.dimension = settings.embedding_dimension

    def _client(self) -> Any:
        if self._model is None:
            import openai
            from langchain_openai import OpenAIEmbeddings
            from pydantic import SecretStr

            arguments: dict[str, Any] = {
                "model": self._settings.embedding_model,
                "base_url": self._settings.embedding_base_url,
                # A question goes to the host that the operator named, and to no other.
                "http_client": openai.DefaultHttpxClient(
                    base_url=self._settings.embedding_base_url, follow_redirects=False
                ),
                "api_key": self._settings.embedding_api_key or SecretStr("none"),
                "timeout": self._settings.embedding_timeout,
                "max_retries": 1,
                "chunk_size": 32,
                "check_embedding_ctx_length": False,  # else it downloads a tokenizer
            }
            self._model = OpenAIEmbeddings(**arguments)
        return self._model

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """See ``Embedder.embed``."""
        import openai

        if not texts:
            return np.zeros((0, self.dimension), dtype=np.float32)
        try:
            answer = self._client().embed_documents([text or " " for text in texts])
            table = np.asarray(answer, dtype=np.float32)
        except (openai.OpenAIError, ValueError, TypeError, KeyError, AttributeError, IndexError) as error:
            raise ModelFault("embedding", type(error).__name__) from error
        if table.shape != (len(texts), self.dimension) or not bool(np.isfinite(table).all()):
            raise ModelFault("embedding", f"shape {table.shape}")
        lengths = np.linalg.norm(table, axis=1, keepdims=True)
        return (table / np.where(lengths > 0, lengths, 1.0)).astype(np.float32)


class FastEmbedder:
    """A model that the package fastembed runs on this machine; the package is the operator's to install.

    Args:
        model: Its name there, e.g. ``BAAI/bge-small-zh-v1.5``.
        dimension: Columns of its vectors.
        folder: Where its files are; empty = fastembed's own cache.
    """

    def __init__(self, model: str, dimension: int, folder: str = "") -> None:
        self.name = f"fastembed:{model}"
        self.dimension = dimension
        self._model, self._folder = model, folder
        self._loaded: Any = None

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """See ``Embedder.embed``."""
        if not texts:
            return np.zeros((0, self.dimension), dtype=np.float32)
        try:
            if self._loaded is None:
                fastembed = importlib.import_module("fastembed")
                self._loaded = fastembed.TextEmbedding(self._model, cache_dir=self._folder or None)
            table = np.asarray(list(self._loaded.embed([text or " " for text in texts])), dtype=np.float32)
        except (ImportError, OSError, ValueError, TypeError, RuntimeError, AttributeError) as error:
            raise ModelFault("embedding", type(error).__name__) from error
        if table.shape != (len(texts), self.dimension) or not bool(np.isfinite(table).all()):
            raise ModelFault("embedding", f"shape {table.shape}")
        lengths = np.linalg.norm(table, axis=1, keepdims=True)
        return (table / np.where(lengths > 0, lengths, 1.0)).astype(np.float32)


def configured(settings: KnowledgeSettings, options: DocumentSettings | None = None) -> Embedder:
    """The embedder that the settings ask for: an endpoint, else a model in fastembed, else the word vectors we ship."""
    if settings.embedding_base_url and settings.embedding_model and settings.embedding_dimension:
        return EndpointEmbedder(settings)
    if options is not None and options.fastembed_model:
        return FastEmbedder(options.fastembed_model, options.fastembed_dimension, options.fastembed_folder)
    return WordVectorEmbedder()
