"""Makes the word vectors and the sound table that ship in this folder. README.md says from what and why.

Run by a maintainer, never by the product:
``python knowledge/vectors/build.py synonyms-3.10.2.tar.gz`` (the sdist from PyPI; needs numpy and pypinyin).
"""

from __future__ import annotations

import re
import sys
import tarfile
from collections import defaultdict
from pathlib import Path
from typing import IO

import numpy as np

HERE = Path(__file__).resolve().parent
WORDS = 50_000
SMOOTHING = 1e-3
"""``a`` of smooth inverse frequency (Arora et al. 2017): a word weighs a / (a + p(word))."""

_WANTED = re.compile(r"^[\u4e00-\u9fff]{1,4}$|^[A-Za-z0-9]{1,8}$")


def read_frequencies(stream: IO[bytes]) -> dict[str, int]:
    """Word counts of ``vocab.txt``: one ``word count tag`` a line; lines of another shape are passed over."""
    counts: dict[str, int] = {}
    for line in stream:
        parts = line.decode("utf-8", "replace").rstrip("\n").rsplit(" ", 2)
        if len(parts) == 3 and parts[1].isdigit():
            counts[parts[0]] = int(parts[1])
    return counts


def read_word2vec(stream: IO[bytes]) -> tuple[list[str], np.ndarray]:
    """Words and their float32 vectors (n, d) of a binary word2vec file, most frequent first."""
    count, width = map(int, stream.readline().split())
    blob = stream.read()
    words: list[str] = []
    rows = np.empty((count, width), dtype=np.float32)
    at = 0
    for row in range(count):
        end = blob.index(b" ", at)
        words.append(blob[at:end].decode("utf-8", "replace").strip())
        rows[row] = np.frombuffer(blob, dtype="<f4", count=width, offset=end + 1)
        at = end + 1 + 4 * width
        if blob[at : at + 1] == b"\n":
            at += 1
    return words, rows


def build_vectors(archive: Path) -> None:
    """Writes words.txt and vectors.npy: float16 (n, 100), each row already multiplied by its word's SIF weight."""
    with tarfile.open(archive) as tar:
        names = {Path(name).name: name for name in tar.getnames()}
        frequencies = read_frequencies(_member(tar, names["vocab.txt"]))
        words, rows = read_word2vec(_member(tar, names["words.vector"]))
    total = sum(frequencies.values())
    kept = [i for i, word in enumerate(words) if _WANTED.match(word) and word in frequencies][:WORDS]
    weights = np.array([SMOOTHING / (SMOOTHING + frequencies[words[i]] / total) for i in kept], dtype=np.float32)
    np.save(HERE / "vectors.npy", (rows[kept] * weights[:, None]).astype(np.float16))
    (HERE / "words.txt").write_text("".join(f"{words[i]}\n" for i in kept), encoding="utf-8")


def _member(tar: tarfile.TarFile, name: str) -> IO[bytes]:
    stream = tar.extractfile(name)
    if stream is None:
        raise SystemExit(f"{name} is not a file in the archive")
    return stream


def build_sounds() -> None:
    """Writes pinyin.txt: one ``syllable characters`` a line, without tones, each character at its commonest reading."""
    from pypinyin import Style
    from pypinyin.constants import PINYIN_DICT
    from pypinyin.style import convert

    by_sound: dict[str, list[str]] = defaultdict(list)
    for code, readings in PINYIN_DICT.items():
        if 0x4E00 <= code <= 0x9FFF:
            by_sound[convert(readings.split(",")[0], Style.NORMAL, strict=False)].append(chr(code))
    lines = [f"{sound} {''.join(sorted(chars))}\n" for sound, chars in sorted(by_sound.items()) if sound.isascii()]
    (HERE / "pinyin.txt").write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    build_sounds()
    build_vectors(Path(sys.argv[1]))
