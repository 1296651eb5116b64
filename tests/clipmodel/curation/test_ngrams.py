"""Counts of words and neighbours against plain dictionaries, mutual information by hand."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from clipmodel.curation import ngrams
from clipmodel.curation.ngrams import count_bigrams, count_words, mutual_information

TEXTS = ["New York is new", "new york, NEW york", "", "york"]
VOCABULARY = ["is", "new", "york"]


def positions(vocabulary: list[str]) -> dict[str, int]:
    return {word: position for position, word in enumerate(vocabulary)}


def test_words_by_hand() -> None:
    counted = count_words(TEXTS)
    # new york is new | new york new york | york: 4 + 4 + 1 words, 3 + 3 neighbours.
    assert counted.counts == {"new": 4, "york": 4, "is": 1}
    assert (counted.n_words, counted.n_bigrams) == (9, 6)


def test_mutual_information_by_hand() -> None:
    bigrams = count_bigrams(TEXTS, positions(VOCABULARY))
    pairs = [(VOCABULARY[i], VOCABULARY[j]) for i, j in zip(bigrams.left, bigrams.right, strict=True)]
    assert dict(zip(pairs, bigrams.counts.tolist(), strict=True)) == {
        ("new", "york"): 3, ("york", "is"): 1, ("is", "new"): 1, ("york", "new"): 1,
    }  # fmt: skip
    found = dict(zip(pairs, mutual_information(count_words(TEXTS), VOCABULARY, bigrams), strict=True))
    # p(new, york) = 3/6 and p(new) = p(york) = 4/9: log2(1/2 * 81/16) = log2(81/32).
    assert found["new", "york"] == pytest.approx(np.log2(81 / 32))
    # p(is, new) = 1/6, p(is) = 1/9: log2(1/6 * 81/4) = log2(27/8).
    assert found["is", "new"] == pytest.approx(np.log2(27 / 8))


def test_rare_words_part_their_neighbours() -> None:
    bigrams = count_bigrams(["a x b", "a b"], positions(["a", "b"]))
    assert (bigrams.left.tolist(), bigrams.right.tolist(), bigrams.counts.tolist()) == ([0], [1], [1])


def test_no_vocabulary_gives_no_bigrams() -> None:
    assert len(count_bigrams(["a b"], {}).counts) == 0


def test_counts_in_pieces_agree_with_a_dictionary(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ngrams, "_COMPACT_FROM", 50)
    monkeypatch.setattr(ngrams, "TEXTS_AT_ONCE", 7)
    rng = np.random.default_rng(1)
    texts = [" ".join(f"w{i}" for i in rng.integers(0, 12, size=rng.integers(0, 9))) for _ in range(300)]
    vocabulary = sorted(f"w{i}" for i in range(12))
    naive = Counter(pair for text in texts for pair in pairwise(text.split()))
    bigrams = count_bigrams(texts, positions(vocabulary))
    pairs = [(vocabulary[i], vocabulary[j]) for i, j in zip(bigrams.left, bigrams.right, strict=True)]
    assert dict(zip(pairs, bigrams.counts.tolist(), strict=True)) == naive
