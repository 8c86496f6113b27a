"""False alarms and misses of the moderation, counted: on ordinary lines of ours, and on a set labelled before the rules."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from engagement.moderation import rules
from engagement.moderation.rules import Action, Category
from prompts import packs, wordlists

pytestmark = pytest.mark.untraced

ROOT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("TUANTUAN_SHARED", ROOT.parent / "shared"))
WORDS = [rules.lexicon(wordlists.words())]
LOOSER = {Category.ADVERT: 0.60, Category.INSULT: 0.80}
"""Least recall on the set with wording that was new to the rules."""
MOST_FALSE = 0.002
"""Share of what neighbours ask that may be held back or warned of, by mistake."""
MOST_FALSE_NEAR = 0.045
"""The same of clean lines that somebody else chose to look like the others."""
BLIND = {
    Category.ADVERT: 0.70,
    Category.WORD: 0.66,
    Category.LINK: 0.88,
    Category.PERSONAL: 0.85,
    Category.INSULT: 0.68,
}
"""Least recall on messages that somebody else wrote and labelled who did not know the rules; nothing was chosen by them."""
FLOORS = {  # precision, recall
    Category.ADVERT: (0.85, 0.90),
    Category.WORD: (0.88, 0.90),
    Category.LINK: (0.90, 0.85),
    Category.PERSONAL: (0.90, 0.90),
    Category.INSULT: (0.90, 0.90),
}


def rows() -> list[dict[str, object]]:
    lines = (Path(__file__).parent / "moderation.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines]


def categories(text: str) -> set[str]:
    return {one.category.value for one in rules.inspect(text, WORDS, "topic")}


def phrasings() -> Iterator[str]:
    for path in sorted((ROOT / "prompts/knowledge/faq").glob("*.jsonl")):
        for line in path.read_text("utf-8").splitlines():
            entry = json.loads(line)
            yield from (entry["question"], *entry["aliases"], entry["answer"])


def alarms(texts: Iterator[str]) -> tuple[int, list[str]]:
    read = list(texts)
    assert read
    return len(read), [text for text in read if rules.verdict(rules.inspect(text, WORDS, "topic")) > Action.PASS]


def test_what_somebody_else_wrote(capsys: pytest.CaptureFixture[str]) -> None:
    """Totals alone are shown: whoever reads single lines of the set writes another."""
    path = Path(__file__).parent / "moderation_blind.jsonl"
    texts = [json.loads(line) for line in path.read_text("utf-8").splitlines() if line]
    there: Counter[str] = Counter()
    right: Counter[str] = Counter()
    clean = alarm = 0
    for row in texts:
        found = rules.inspect(row["text"], WORDS, "topic")
        labels = set(row["labels"])
        there.update(labels)
        right.update(labels & {one.category.value for one in found})
        clean += not labels
        alarm += not labels and rules.verdict(found) > Action.MASK
    with capsys.disabled():
        shares = ", ".join(f"{one.value} {right[one] / there[one]:.2f} of {there[one]}" for one in Category)
        print(f"\nrecall on what somebody else wrote: {shares}; {alarm} of {clean} clean texts held or warned of")
    assert all(right[one] >= least * there[one] for one, least in BLIND.items()), right
    assert alarm <= clean * MOST_FALSE_NEAR


@pytest.mark.parametrize("part", ["tune", "held", "blind"])
def test_the_labelled_set(part: str, capsys: pytest.CaptureFixture[str]) -> None:
    right: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    missed: Counter[str] = Counter()
    clean = alarm = 0
    for row in rows():
        if row["set"] != part:
            continue
        labels, got = set(row["labels"]), categories(str(row["text"]))  # type: ignore[call-overload]
        right.update(labels & got)
        wrong.update(got - labels)
        missed.update(labels - got)
        clean += not labels
        alarm += not labels and bool(got)
    with capsys.disabled():
        for one in Category:
            precision = right[one] / max(1, right[one] + wrong[one])
            recall = right[one] / max(1, right[one] + missed[one])
            print(f"\n{part} {one.value}: precision {precision:.2f}, recall {recall:.2f}", end="")
        print(f"\n{part}: {alarm} of {clean} clean texts alarmed")
    for one, (least_precision, least_recall) in FLOORS.items():
        assert right[one] / max(1, right[one] + wrong[one]) >= least_precision, one
        assert right[one] / max(1, right[one] + missed[one]) >= (
            LOOSER.get(one, least_recall) if part == "blind" else least_recall
        ), one
    assert alarm <= clean * 0.02


def test_what_neighbours_ask_is_let_through() -> None:
    """Every phrasing and answer of the starter base."""
    total, found = alarms(phrasings())
    assert total > 8000
    assert len(found) <= total * MOST_FALSE, found


def test_the_bank_and_the_calendar_say_nothing_wrong() -> None:
    texts = [part for topic in packs.topics() for part in (topic.question, topic.hint) if part]
    for month in packs.months().values():
        texts += [month.opening, month.closing, *(beat.text for beat in month.beats)]
    assert alarms(iter(texts))[1] == []


def test_ordinary_talk_is_ordinary() -> None:
    assert alarms(iter(wordlists.ordinary_talk()))[1] == []


def test_the_week() -> None:
    lines = (ROOT / "tests/scenarios/week.jsonl").read_text("utf-8").splitlines()
    texts = {str(json.loads(line).get("text", "")) for line in lines}
    found = alarms(iter(sorted(texts)))[1]
    assert {text for text in found if "加微信 abc123456" not in text and "http://x.cn" not in text} == set()
    assert len(found) == 2, "the two planted ones are seen"


def shared(name: str) -> list[dict[str, object]]:
    path = SHARED / "data" / "abuse" / name
    if not path.exists():
        pytest.skip(f"{path} is absent")
    return [json.loads(line) for line in path.read_text("utf-8").split("\n") if line]


def test_ordinary_requests_of_the_corpus_pass(capsys: pytest.CaptureFixture[str]) -> None:
    texts = [str(turn) for row in shared("llm/zh_domain_benign_dev.jsonl") for turn in row["turns"]]  # type: ignore[attr-defined]
    total, found = alarms(iter(texts))
    with capsys.disabled():
        print(f"\n{len(found)} of {total} ordinary requests alarmed: {found[:5]}")
    assert len(found) <= total * 0.01, found


def test_names_do_not_break_it() -> None:
    for row in shared("text/names_nasty_dev.jsonl") + shared("text/blns_dev.jsonl"):
        text = str(row["text"])
        for one in rules.inspect(text, WORDS, "topic"):
            assert 0 <= one.start < one.end <= len(text)
