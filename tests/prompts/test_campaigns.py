"""The ready calendar's files: what the reader takes, and what it refuses in words that name the place."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from prompts import campaigns
from prompts.packs import BadPack

GOOD: Mapping[str, Any] = {
    "key": "an-event",
    "name": "邻里节",
    "form": "event",
    "slogan": "下楼见个面",
    "when": {"nth": "6/3/sat"},
    "beat": [{"day": -3, "at": "10:00", "phase": "warm", "title": "还有三天", "text": "{group}的邻居，周六见。"}],
}
BEAT = GOOD["beat"][0]


def test_a_file_becomes_a_campaign() -> None:
    pack = campaigns.parse(GOOD, "a.toml")
    assert (pack.key, pack.form, pack.when.nth, pack.audience, pack.night) == (
        "an-event",
        "event",
        "6/3/sat",
        "groups",
        False,
    )
    (line,) = pack.lines
    assert (line.offset, line.minute, line.phase, line.turn, line.other, line.poster) == (-3, 600, "warm", 0, "", False)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"key": "An Event"}, "key"),
        ({"name": ""}, "name"),
        ({"name": "很" * 15}, "15 characters"),
        ({"form": "party"}, "form"),
        ({"surprise": 1}, "surprise"),
        ({"audience": "everybody"}, "audience"),
        ({"night": "yes"}, "night"),
        ({"when": {"day": "13-01"}}, "say one of"),
        ({"when": {"day": "06-18", "monthly": 8}}, "say one of"),
        ({"when": {"nth": "6/5/sat"}}, "say one of"),
        ({"when": {"monthly": 31}}, "1 … 28"),
        ({"when": {"weekly": "monday"}}, "weekly"),
        ({"when": {"day": "06-18", "cycle": True}}, "belong to"),
        ({"when": {"day": "06-18", "not_on": "holidays"}}, "belongs to"),
        ({"when": {"weekly": "mon", "not_on": "rain"}}, "holidays"),
        ({"when": {"monthly": 8, "months": [13]}}, "months"),
        ({"when": {}}, "says when"),
        ({"when": 3}, "[when]"),
        ({"beat": []}, "no [[beat]]"),
        ({"beat": [3]}, "no table"),
        ({"beat": [{**BEAT, "at": "24:00"}]}, "at must be"),
        ({"beat": [{**BEAT, "day": 46}]}, "45"),
        ({"beat": [{**BEAT, "phase": "hot"}]}, "phase"),
        ({"beat": [{**BEAT, "text": "{groupp}"}]}, "{groupp}"),
        ({"beat": [{**BEAT, "text": "很" * 181}]}, "181"),
        ({"beat": [{**BEAT, "turn": 1}]}, "turn"),
        ({"beat": [{**BEAT, "poster": 1}]}, "poster"),
        ({"beat": [{**BEAT, "colour": "red"}]}, "colour"),
        ({"when": {"monthly": 8, "cycle": True}}, "turn"),
    ],
)
def test_what_is_wrong_is_named(change: Mapping[str, Any], why: str) -> None:
    with pytest.raises(BadPack, match=r"^a\.toml") as refused:
        campaigns.parse({**GOOD, **change}, "a.toml")
    assert why in str(refused.value)


def test_broken_files_and_equal_keys_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_bytes(b"key = \xff")
    with pytest.raises(BadPack, match=r"a\.toml"):
        campaigns.read_all(tmp_path)
    lesson = 'key = "k"\nname = "n"\nform = "lesson"\nslogan = "s"\nwhen = {weekly = "mon"}\n'
    lesson += '[[beat]]\nat = "09:00"\ntitle = "t"\ntext = "x"\n'
    for name in ("a.toml", "b.toml"):
        (tmp_path / name).write_text(lesson, "utf-8")
    with pytest.raises(BadPack, match="k stands twice"):
        campaigns.read_all(tmp_path)
