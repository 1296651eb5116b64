"""Counts of words and of pairs of neighbouring words in a stream of texts.

Shapes: V words of the vocabulary, B bigrams.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

import numpy as np

from clipmodel.curation.query_text import plain_words

TEXTS_AT_ONCE = 4096
_COMPACT_FROM = 1 << 20  # keys waiting to be counted, at least


@dataclass(frozen=True)
class WordCounts:
    """How often each word occurs, and how many words and neighbouring pairs there are in all."""

    counts: Counter[str]
    n_words: int
    n_bigrams: int


@dataclass(frozen=True)
class BigramCounts:
    """Pairs of neighbouring words of a vocabulary, as positions in it."""

    left: np.ndarray  # int64 [B]
    right: np.ndarray  # int64 [B]
    counts: np.ndarray  # int64 [B]


def count_words(texts: Iterable[str]) -> WordCounts:
    """Count the words of all texts; memory grows with the distinct words."""
    counts: Counter[str] = Counter()
    n_words = n_bigrams = 0
    for text in texts:
        words = plain_words(text).split()
        counts.update(words)
        n_words += len(words)
        n_bigrams += max(len(words) - 1, 0)
    return WordCounts(counts, n_words, n_bigrams)


def count_bigrams(texts: Iterable[str], vocabulary: Mapping[str, int]) -> BigramCounts:
    """Count the neighbours of which both are in a vocabulary; memory grows with the distinct pairs.

    Parameters
    ----------
    texts
        A pair never spans two of them.
    vocabulary
        Words and their positions, 0 to V - 1.
    """
    counts = _SparseCounts()
    size = len(vocabulary)
    for batch in _batches(texts):
        # Unknown words and the ends of texts are -1: neighbours of neither side.
        positions = np.fromiter(
            (position for text in batch for position in _positions(text, vocabulary)), dtype=np.int64
        )
        left, right = positions[:-1], positions[1:]
        known = (left >= 0) & (right >= 0)
        # A bigram as one integer: left x V + right.
        counts.add(left[known] * size + right[known])
    keys, totals = counts.result()
    return BigramCounts(keys // max(size, 1), keys % max(size, 1), totals)


def mutual_information(words: WordCounts, vocabulary: list[str], bigrams: BigramCounts) -> np.ndarray:
    """Pointwise mutual information in bits [B]: log2 p(x, y) / (p(x) p(y)), Church and Hanks 1990.

    Words are counted among all words, pairs among all neighbouring pairs.
    """
    # max(..., 1): without words there are no bigrams, and the division must not warn.
    share = np.array([words.counts[word] for word in vocabulary], dtype=float) / max(words.n_words, 1)
    together = bigrams.counts / max(words.n_bigrams, 1)
    information: np.ndarray = np.log2(together / (share[bigrams.left] * share[bigrams.right]))
    return information


class _SparseCounts:
    """Counts of integers, most of which never occur."""

    def __init__(self) -> None:
        self._keys = np.empty(0, dtype=np.int64)
        self._counts = np.empty(0, dtype=np.int64)
        self._waiting: list[np.ndarray] = []
        self._n_waiting = 0

    def add(self, keys: np.ndarray) -> None:
        self._waiting.append(keys)
        self._n_waiting += len(keys)
        # Sorting as many new keys as are held, or more, keeps the cost a key small however long the stream.
        if self._n_waiting > max(_COMPACT_FROM, len(self._keys)):
            self._compact()

    def result(self) -> tuple[np.ndarray, np.ndarray]:
        self._compact()
        return self._keys, self._counts

    def _compact(self) -> None:
        if not self._n_waiting:
            return
        new, occurrences = np.unique(np.concatenate(self._waiting), return_counts=True)
        keys = np.concatenate([self._keys, new])
        counts = np.concatenate([self._counts, occurrences])
        order = np.argsort(keys, kind="stable")
        self._keys, starts = np.unique(keys[order], return_index=True)
        self._counts = np.add.reduceat(counts[order], starts)
        self._waiting, self._n_waiting = [], 0


def _batches(texts: Iterable[str]) -> Iterator[list[str]]:
    stream = iter(texts)
    while batch := list(islice(stream, TEXTS_AT_ONCE)):
        yield batch


def _positions(text: str, vocabulary: Mapping[str, int]) -> Iterator[int]:
    for word in plain_words(text).split():
        yield vocabulary.get(word, -1)
    yield -1
