"""BM25 in flat arrays against the formula written out."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowledge.lexical import LexicalIndex, Lexicon
from knowledge.postings import K1, B, Pile, Postings, Vocabulary

_WORD = st.sampled_from(["a", "b", "c", "d", "e"])


def _reference(texts: list[list[str]], query: list[str], at: int) -> float:
    average = sum(map(len, texts)) / len(texts) or 1.0
    total = 0.0
    for word in set(query):
        spread = sum(1 for text in texts if word in text)
        times = Counter(texts[at])[word]
        if times:
            idf = math.log1p((len(texts) - spread + 0.5) / (spread + 0.5))
            total += idf * times * (K1 + 1) / (times + K1 * (1 - B + B * len(texts[at]) / average))
    return total


@given(st.lists(st.lists(_WORD, min_size=1, max_size=6), min_size=1, max_size=6), st.lists(_WORD, max_size=5))
def test_postings_score_as_the_formula_says(texts: list[list[str]], query: list[str]) -> None:
    vocabulary = Vocabulary()
    postings = Postings.of([vocabulary.learn([(text, 1.0)]) for text in texts], len(vocabulary))
    counted, _ = vocabulary.look(query)
    scores = postings.scores(counted)
    assert scores.tolist() == pytest.approx(
        [_reference(texts, query, at) for at in range(len(texts))], rel=2e-3, abs=1e-3
    )


_TEXTS = st.lists(st.lists(_WORD, max_size=6), max_size=6)


@given(_TEXTS, _TEXTS, st.lists(_WORD, min_size=1, max_size=5), st.data())
def test_what_is_cut_out_and_put_in_is_as_if_it_had_been_counted_together(
    texts: list[list[str]], more: list[list[str]], query: list[str], data: st.DataObject
) -> None:
    keep = data.draw(st.lists(st.booleans(), min_size=len(texts), max_size=len(texts)))
    vocabulary = Vocabulary()
    old = Postings.of([vocabulary.learn([(text, 0.5)]) for text in texts], len(vocabulary))
    pile = Pile()
    for text in more:
        pile.add(vocabulary.learn([(text, 0.5)]))
    changed = old.changed(np.array(keep, dtype=bool), pile, len(vocabulary))
    left = [text for text, stays in zip(texts, keep, strict=True) if stays] + more
    whole = Postings.of([vocabulary.learn([(text, 0.5)]) for text in left], len(vocabulary))
    counted, unseen = vocabulary.look(query)
    assert changed.texts.flat.tolist() == whole.texts.flat.tolist()
    assert changed.texts.starts.tolist() == whole.texts.starts.tolist()
    assert changed.times.tolist() == whole.times.tolist()
    assert changed.scores(counted).tolist() == whole.scores(counted).tolist()
    assert changed.ideal(counted, unseen) == whole.ideal(counted, unseen)


@given(st.lists(_WORD, min_size=1, max_size=6, unique=True))
def test_a_text_is_its_own_ideal(query: list[str]) -> None:
    vocabulary = Vocabulary()
    postings = Postings.of([vocabulary.learn([(query, 1.0)])], len(vocabulary))
    counted, unseen = vocabulary.look(query)
    assert unseen == 0
    assert postings.scores(counted)[0] == pytest.approx(postings.ideal(counted, 0), rel=2e-3)


def test_words_learnt_after_the_index_was_made_do_no_harm() -> None:
    lexicon = Lexicon()
    index = LexicalIndex(lexicon, [lexicon.learn([("几点提货", 1.0)])])
    lexicon.learn([("退款多久到账", 1.0)])
    matches = index.match("退款几点到账")
    assert matches.characters.shape == (1,)
    assert 0 < matches.characters[0] < 1


def test_what_is_not_known_lowers_the_share() -> None:
    lexicon = Lexicon()
    index = LexicalIndex(lexicon, [lexicon.learn([("提货时间", 1.0)]), lexicon.learn([("退款多久", 1.0)])])
    near, far = index.match("提货时间"), index.match("提货时间和火星")
    assert near.characters[0] > far.characters[0]
    assert index.held(0, near.asked)[0] == 1.0
    assert index.held(0, far.asked)[0] < 1.0
    assert index.held(1, near.asked)[0] == 0.0


def test_an_empty_base_and_an_empty_question_are_no_error() -> None:
    lexicon = Lexicon()
    assert LexicalIndex(lexicon, []).match("几点").characters.shape == (0,)
    index = LexicalIndex(lexicon, [lexicon.learn([("几点", 1.0)])])
    assert not np.any(index.match("").characters)
