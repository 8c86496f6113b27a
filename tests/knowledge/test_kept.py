"""What was counted, kept in a file: used when it is ours, made anew when it is anything else, and no word outlives its row."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from knowledge import ingest, lifecycle
from knowledge.answer import Scope
from knowledge.answering import Answering, open_answering
from knowledge.erasing import erase
from knowledge.kept import NAME, load
from knowledge.settings import KnowledgeSettings
from knowledge.tally import Heap
from storage.engine import Database
from tests.knowledge.conftest import NOW

Add = Callable[..., ingest.Added]
REFUND = {
    "id": "refund",
    "question": "退款多久到账？",
    "aliases": ["钱啥时候退给我"],
    "answer": "1–3 个工作日原路退回。",
}
CHECKIN = {"id": "checkin", "question": "怎么签到？", "aliases": ["打卡要发啥"], "answer": "在群里发「签到」两个字。"}
DOOR = {"id": "door", "question": "仓库的紫檀匣子放哪", "answer": "匣子在鎏金柜。"}
ASKED = ("退款几天到账", "打卡发什么", "紫檀匣子在哪")


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Titles of what is counted from now on."""
    seen: list[str] = []
    add = Heap.add

    def watched(self: Heap, mark: bytes, kind: str, title: str, *rest: Any) -> None:
        seen.append(title)
        add(self, mark, kind, title, *rest)

    monkeypatch.setattr(Heap, "add", watched)
    return seen


def _told(answering: Answering) -> list[list[tuple[str, float]]]:
    """Candidates of some questions, with their scores."""
    sight = Scope().sight(NOW)
    found = [
        answering.database.read_now(lambda session, one=one: answering.base.prepare(session, one, sight))  # type: ignore[misc]
        for one in ASKED
    ]
    return [[(one.id, round(one.score, 5)) for one in prepared.candidates] for prepared in found]


def _once(database: Database, folder: Path) -> list[list[tuple[str, float]]]:
    """A program that is opened, settles, answers and ends."""
    answering = open_answering(database, folder, KnowledgeSettings())
    answering.reload()
    told = _told(answering)
    answering.close()
    return told


def test_a_later_start_counts_nothing(folder: Path, database: Database, entries: Add, counted: list[str]) -> None:
    entries([REFUND, CHECKIN, DOOR])
    first = _once(database, folder)
    assert len(counted) == 3
    before = (folder / NAME).stat().st_mtime_ns
    assert _once(database, folder) == first
    assert len(counted) == 3
    assert (folder / NAME).stat().st_mtime_ns == before


def test_only_what_is_new_is_counted(folder: Path, database: Database, entries: Add, counted: list[str]) -> None:
    entries([REFUND, CHECKIN, DOOR])
    _once(database, folder)
    counted.clear()
    entries([REFUND, {**CHECKIN, "answer": "发「打卡」。"}, DOOR])
    _once(database, folder)
    assert counted == ["怎么签到？"]
    held = load(folder)
    assert held is not None and len(held.tallies[0]) == 3


def _cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def _flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 3] ^= 0xFF
    content[2 * len(content) // 3] ^= 0xFF
    file.write_bytes(content)


def _with(**changed: Any) -> Callable[[Path], None]:
    def spoil(file: Path) -> None:
        with np.load(file) as old:
            arrays = {name: old[name] for name in old.files}
        with file.open("wb") as out:
            np.savez(out, **{**arrays, **{name.replace("_", "."): value for name, value in changed.items()}})

    return spoil


class _Spring:
    """Unpickled, it would leave a trace."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.write_text, (self.trace, "sprung")


def _pickled(file: Path) -> None:
    trap = np.array([_Spring(file.with_name("trace"))], dtype=object)
    with file.open("wb") as out:
        np.savez(out, allow_pickle=True, maker=trap)


@pytest.mark.parametrize(
    "spoil",
    [
        _cut,
        _flip,
        _pickled,
        lambda file: file.write_bytes(b""),
        lambda file: file.write_bytes(pickle.dumps({"maker": 1})),
        _with(maker=np.array("somebody else")),
        _with(**{"0_words": np.array([999_999], np.int32)}),
        _with(**{"0_spoken": np.array([-1], np.int32)}),
        _with(**{"0_marks": np.zeros(7, np.dtype("V16"))}),
        _with(**{"0_texts": np.full(3, 0xFF, np.uint8)}),
        _with(**{"0_keys_sizes": np.array([-5, 5, 0], np.int64)}),
        _with(**{"1_words_times": np.zeros(3, np.float64)}),
        _with(floors=np.array([float("nan"), 0.0, 0.0])),
        _with(words_names=np.zeros(0, np.uint8)),
    ],
)
def test_whatever_else_lies_there_is_left_aside(
    folder: Path, database: Database, entries: Add, counted: list[str], spoil: Callable[[Path], None]
) -> None:
    entries([REFUND, CHECKIN, DOOR])
    first = _once(database, folder)
    spoil(folder / NAME)
    assert load(folder) is None
    counted.clear()
    assert _once(database, folder) == first
    assert len(counted) == 3
    assert load(folder) is not None
    assert not (folder / "trace").exists()


@pytest.mark.parametrize("way", ["removed", "erased", "superseded"])
async def test_no_word_outlives_its_row(folder: Path, database: Database, entries: Add, way: str) -> None:
    entries([REFUND, CHECKIN])
    added = entries([DOOR], name="own.jsonl")
    answering = open_answering(database, folder, KnowledgeSettings())
    answering.reload()
    words = "紫檀", "匣", "鎏金"
    assert all(word.encode() in (folder / NAME).read_bytes() for word in words)
    if way == "removed":
        database.write_now(lambda session: lifecycle.remove(session, added.document, ingest.OPERATOR, NOW))
    elif way == "erased":
        database.write_now(lambda session: lifecycle.remove(session, added.document, ingest.OPERATOR, NOW))
        erase(database, added.document, ingest.OPERATOR, NOW)
    else:
        entries([{"id": "door", "question": "仓库几点开", "answer": "八点。"}], name="own.jsonl")
    answering.reload()
    left = (folder / NAME).read_bytes()
    assert not [word for word in words if word.encode() in left]
    with np.load(folder / NAME) as file:
        names = file["characters.names"].tobytes().decode().split("\n")
    assert "退" in names and "檀" not in names
    answering.close()


def test_a_full_disk_leaves_no_old_words(
    folder: Path, database: Database, entries: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries([REFUND, CHECKIN])
    added = entries([DOOR], name="own.jsonl")
    first = _once(database, folder)
    database.write_now(lambda session: lifecycle.remove(session, added.document, ingest.OPERATOR, NOW))

    def full(file: Any, **arrays: Any) -> None:
        file.write("紫檀".encode())
        raise OSError("no space left")

    monkeypatch.setattr(np, "savez", full)
    assert _once(database, folder) != first
    assert not list(folder.glob(f"{NAME}*"))


def test_what_a_kill_left_half_written_goes(folder: Path, database: Database, entries: Add) -> None:
    entries([REFUND])
    (folder / f"{NAME}.part").write_text("紫檀")
    _once(database, folder)
    assert not (folder / f"{NAME}.part").exists()


def test_the_same_rows_answer_alike_whatever_way_they_came(
    folder: Path, database: Database, entries: Add, tmp_path: Path
) -> None:
    answering = open_answering(database, folder, KnowledgeSettings())
    first = entries([REFUND, CHECKIN])
    own = entries([DOOR, REFUND], name="own.jsonl", scope="group:1")
    answering.reload()
    entries([{**REFUND, "aliases": ["几天退钱"]}, DOOR])
    answering.reload()
    database.write_now(lambda session: lifecycle.rollback(session, first.document, 1, ingest.OPERATOR, NOW))
    database.write_now(lambda session: lifecycle.remove(session, own.document, ingest.OPERATOR, NOW))
    answering.reload()
    other = tmp_path / "other"
    other.mkdir()
    assert _told(answering) == _once(database, other) == _once(database, folder)
    answering.close()
