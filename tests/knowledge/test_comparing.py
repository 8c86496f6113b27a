"""What a draft would change, entry by entry and word by word."""

from __future__ import annotations

from pathlib import Path

from knowledge import comparing, ingest, lifecycle, listings
from storage.engine import Database
from tests.knowledge.conftest import NOW
from tests.knowledge.stages import OLD, Add


def test_entries_are_compared_by_id_and_word_by_word(entries: Add, database: Database) -> None:
    one = entries(
        [{**OLD, "aliases": ["钱啥时候退", "退款要几天"]}, {"id": "old", "question": "旧的？", "answer": "是。"}]
    ).document
    entries(
        [
            {**OLD, "answer": "五天内。", "aliases": ["退款要几天", "多久能退"]},
            {"id": "new", "question": "新的？", "answer": "是。"},
        ],
        publish=False,
    )
    found = database.read_now(lambda s: listings.difference(s, one))
    assert (found["old"], found["version"], found["stage"], found["same"]) == (1, 2, "scanned", 0)
    assert [each["entry"] for each in found["added"]] == ["new"]
    assert [each["entry"] for each in found["removed"]] == ["old"]
    (changed,) = found["changed"]
    assert comparing.marked(changed["body"]) == "[-三天-]{+五天+}内。"
    assert (changed["asked_new"], changed["asked_gone"]) == (("多久能退",), ("钱啥时候退",))
    assert changed["title"] == ()


def test_passages_are_the_same_wherever_they_stand(tmp_path: Path, database: Database) -> None:
    def take(*parts: str) -> int:
        path = tmp_path / "a.md"
        path.write_text("# 说明\n" + "".join(f"## {n} 节\n{part}\n" for n, part in enumerate(parts, 1)), "utf-8")
        return ingest.add(database, path, now=NOW, publish=True).document

    one = take("每天下午四点到店，请带好提货码。", "生鲜当天取走，放不住。")
    take("节假日照常。", "每天下午五点到店，请带好提货码。", "生鲜当天取走，放不住。")
    found = database.read_now(lambda s: comparing.between(s, *lifecycle.versions(s, one)))
    assert [text.body for text in found.added] == ["节假日照常。"]
    assert found.removed == ()
    assert any("四点" in comparing.marked(each.body) for each in found.changed)
    none = database.read_now(lambda s: comparing.between(s, lifecycle.versions(s, one)[0], None))
    assert len(none.removed) == 2
    same = database.read_now(
        lambda s: comparing.between(s, lifecycle.versions(s, one)[0], lifecycle.versions(s, one)[0])
    )
    assert (same.empty, same.same) == (True, 2)


def test_a_long_text_keeps_only_what_is_near_a_change() -> None:
    told = comparing.marked(comparing.pieces("开头" * 40 + "三点" + "末尾" * 40, "开头" * 40 + "四点" + "末尾" * 40))
    assert "[-三-]{+四+}" in told or "[-三点-]{+四点+}" in told
    assert len(told) < 80
    assert comparing.pieces("a" * 5000, "b") == (("-", "a" * 5000), ("+", "b"))
    assert comparing.pieces("a", "a") == ()
