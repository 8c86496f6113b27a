"""What was counted, kept in a file beside the database from start to start: a cache, never the truth.

It is one ``.npz`` of plain arrays, read without pickle. Made by other code or other tables, damaged, cut off or put together
by somebody else, it is left aside and made anew. It holds words of what is published, and only of that: whatever is taken out
leaves the file with the next ``keep``, and no token stays that only it had. Source: F69, LAW (erasure), ADR-0013.
"""

from __future__ import annotations

import hashlib
import logging
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import ref

import numpy as np

from knowledge.alignment import Spoken
from knowledge.arrays import Ragged
from knowledge.confidence import Floors
from knowledge.lexical import LexicalIndex, Lexicon
from knowledge.postings import Postings, Vocabulary
from knowledge.tally import MARK, Tally

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LOG = logging.getLogger("knowledge")
NAME = "keywords.npz"
_ROOT = Path(__file__).resolve().parents[1]
_WORDS = ("words", "characters", "sounds")
_TYPES = {
    "marks": MARK,
    "kinds": np.dtype(np.uint8),
    "texts": np.dtype(np.uint8),
    "spoken": np.dtype(np.int32),
    "lengths": np.dtype(np.int16),
    "keys": np.dtype(np.uint64),
    "digests": MARK,
    "postings": np.dtype(np.int32),
    "times": np.dtype(np.uint16),
}


@dataclass(frozen=True, slots=True, eq=False)
class Kept:
    """What the file holds.

    Attributes:
        tallies: of entries and of passages.
        floors: calibrated on what had ``fingerprint`` (``Shelf.fingerprint``).
    """

    lexicon: Lexicon
    tallies: tuple[Tally, Tally]
    floors: Floors
    fingerprint: bytes


@lru_cache(maxsize=1)
def maker() -> str:
    """Digest of all that decides what is counted of a text: our code, our tables, and what cuts and folds words."""
    digest = hashlib.blake2b(digest_size=16)
    tables = (*_ROOT.glob("prompts/knowledge/*.txt"), *_ROOT.glob("prompts/knowledge/*.toml"))
    for path in sorted((*_ROOT.glob("knowledge/*.py"), *_ROOT.glob("knowledge/vectors/*.txt"), *tables)):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    for package in ("rjieba", "opencc"):
        digest.update(f"\0{package} {metadata.version(package)}".encode())
    return digest.hexdigest()


class Keeper:
    """The file of one data directory.

    Args:
        folder: The data directory, owned by this process.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held: tuple[bytes, tuple[ref[Tally], ...]] | None = None

    def open(self) -> Kept:
        """What was kept; nothing where there is no file that can be used."""
        found = load(self._folder)
        if found is not None:
            self._held = _names(found)
            return found
        lexicon = Lexicon()
        return Kept(lexicon, (Tally.none(lexicon), Tally.none(lexicon)), Floors(), b"")

    def keep(self, now: Kept) -> None:
        """Writes the file anew, at once or not at all, unless it is as it should be.

        Where the disk will not have it, the old one goes too: it may hold what is no longer published.
        """
        if self._held == _names(now):
            return
        path, part = self._folder / NAME, self._folder / f"{NAME}.part"
        self._held = None
        try:
            with part.open("wb") as file:
                np.savez(file, **_arrays(now))
            part.replace(path)
            self._held = _names(now)
        except OSError as error:
            _LOG.warning("knowledge.words_not_kept", extra={"reason": type(error).__name__})
            part.unlink(missing_ok=True)
            path.unlink(missing_ok=True)


def _names(kept: Kept) -> tuple[bytes, tuple[ref[Tally], ...]]:
    """What tells two states apart, without holding on to the older one."""
    return kept.fingerprint, tuple(ref(tally) for tally in kept.tallies)


def load(folder: Path) -> Kept | None:
    """What the file of a directory holds; None when there is nothing that can be used."""
    (folder / f"{NAME}.part").unlink(missing_ok=True)
    try:
        with (folder / NAME).open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            if str(file["maker"]) != maker():
                return None
            return _kept({name: file[name] for name in file.files})
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError, IndexError, EOFError, MemoryError, OverflowError) as error:
        reason = type(error).__name__
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError) as error:
        reason = type(error).__name__
    _LOG.warning("knowledge.words_made_anew", extra={"reason": reason})
    return None


# ------------------------------------------------------------------ out


def _arrays(kept: Kept) -> dict[str, Any]:
    found: dict[str, Any] = {
        "maker": np.array(maker()),
        "floors": np.array([kept.floors.answer, kept.floors.ask, kept.floors.hand]),
        "fingerprint": np.frombuffer(kept.fingerprint, np.uint8),
    }
    numbers: dict[str, NDArray[np.int32]] = {}
    for name in _WORDS:
        postings = [getattr(tally.index, name) for tally in kept.tallies]
        size = max(len(one.texts) for one in postings)
        used = np.zeros(size, dtype=bool)
        for one in postings:
            used[: len(one.texts)] |= one.spread > 0
        names = getattr(kept.lexicon, name).names
        alive = "\n".join(names[number] for number in np.flatnonzero(used).tolist())
        found[f"{name}.names"] = np.frombuffer(alive.encode(), np.uint8)
        numbers[name] = np.cumsum(used, dtype=np.int32) - 1
        for at, one in enumerate(postings):
            sizes = np.zeros(size, np.int64)
            sizes[: len(one.texts)] = one.texts.sizes
            found[f"{at}.{name}"], found[f"{at}.{name}.sizes"] = one.texts.flat, sizes[used]
            found[f"{at}.{name}.times"] = one.times
    for at, tally in enumerate(kept.tallies):
        found |= {f"{at}.marks": tally.marks, f"{at}.kinds": tally.kinds}
        words = Ragged(numbers["words"][tally.spoken.words.flat], tally.spoken.words.starts)
        rows = {"texts": tally.texts, "spoken": words, "lengths": tally.spoken.lengths}
        for name, ragged in {**rows, "keys": tally.keys, "digests": tally.digests}.items():
            found[f"{at}.{name}"], found[f"{at}.{name}.sizes"] = ragged.flat, ragged.sizes
    return found


# ------------------------------------------------------------------ in


def _kept(file: Mapping[str, NDArray[Any]]) -> Kept:
    """What the arrays say.

    Raises:
        ValueError, KeyError, TypeError: They are not what ``keep`` writes.
    """
    names: dict[str, list[str]] = {}
    for name in _WORDS:
        text = _flat(file[f"{name}.names"], "texts").tobytes().decode()
        names[name] = text.split("\n") if text else []
    lexicon = Lexicon(*(Vocabulary(names[name]) for name in _WORDS))
    _check(all(len(getattr(lexicon, name)) == len(names[name]) for name in _WORDS))
    floors = Floors(*map(float, file["floors"].tolist()))
    _check(all(-20 <= one <= 20 for one in (floors.answer, floors.ask, floors.hand)))
    tallies = (_tally(file, 0, lexicon), _tally(file, 1, lexicon))
    return Kept(lexicon, tallies, floors, _flat(file["fingerprint"], "kinds").tobytes())


def _tally(file: Mapping[str, NDArray[Any]], at: int, lexicon: Lexicon) -> Tally:
    marks, kinds = _flat(file[f"{at}.marks"], "marks"), _flat(file[f"{at}.kinds"], "kinds")
    count = len(marks)

    def rows(name: str) -> Ragged:
        ragged = Ragged.of(_flat(file[f"{at}.{name}"], name), _sizes(file[f"{at}.{name}.sizes"]))
        _check(len(ragged) == count and ragged.sound)
        return ragged

    texts, digests, words, lengths = rows("texts"), rows("digests"), rows("spoken"), rows("lengths")
    _check(len(kinds) == count and _within(words.flat, len(lexicon.words)))
    spoken = np.where(lengths.flat < 0, -1 - lengths.flat.astype(np.int64), lengths.flat)
    said = Ragged.of(spoken, lengths.sizes)
    totals = np.concatenate([[0], np.cumsum(spoken)])[said.starts]
    _check(np.array_equal(np.diff(totals), words.sizes) and np.array_equal(lengths.sizes, digests.sizes))
    breaks = np.concatenate([[0], np.cumsum(texts.flat == 0)])[texts.starts]
    _check(np.array_equal(np.diff(breaks), digests.sizes))
    texts.flat.tobytes().decode()
    postings = tuple(_postings(file, f"{at}.{name}", count, lexicon, name) for name in _WORDS)
    index = LexicalIndex(lexicon, postings=postings)
    return Tally(marks, kinds, texts, Spoken(words, lengths), rows("keys"), digests, index)


def _postings(file: Mapping[str, NDArray[Any]], place: str, count: int, lexicon: Lexicon, name: str) -> Postings:
    texts = Ragged.of(_flat(file[place], "postings"), _sizes(file[f"{place}.sizes"]))
    times = _flat(file[f"{place}.times"], "times")
    _check(texts.sound and len(texts) == len(getattr(lexicon, name)) and len(times) == len(texts.flat))
    rising = np.diff(texts.flat) > 0  # within a token's texts; where the next token's begin it may fall
    inner = texts.starts[(texts.starts > 0) & (texts.starts < len(texts.flat))]
    rising[inner - 1] = True
    _check(_within(texts.flat, count) and bool(rising.all()) and bool((times > 0).all()))
    return Postings(texts, times, count)


def _flat(values: NDArray[Any], kind: str) -> NDArray[Any]:
    _check(values.ndim == 1 and values.dtype == _TYPES[kind])
    return values


def _sizes(values: NDArray[Any]) -> Sequence[int] | NDArray[np.int64]:
    _check(values.ndim == 1 and values.dtype == np.int64 and bool((values >= 0).all()))
    return values


def _within(values: NDArray[Any], count: int) -> bool:
    return not len(values) or (int(values.min()) >= 0 and int(values.max()) < count)


def _check(right: bool) -> None:
    if not right:
        raise ValueError("not what was kept")
