"""The automaton against a dictionary of n-grams."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clipmodel.curation import matcher
from clipmodel.curation.matcher import Matcher
from clipmodel.curation.query_text import plain_words

# Few words, so that queries overlap, contain one another and begin and end with parts of other words.
WORDS = st.sampled_from(["a", "aa", "b", "new", "york", "newyork", "zürich", "हिन्दी", "猫"])
PHRASES = st.lists(WORDS, min_size=1, max_size=3).map(" ".join)
SEPARATORS = st.sampled_from([" ", ", ", "-", "\n", " 🐕 ", "_", "'"])
CAPTIONS = st.lists(st.tuples(WORDS, SEPARATORS), max_size=8).map(lambda parts: "".join(map("".join, parts)))


def naive(queries: list[str], captions: list[str]) -> list[list[int]]:
    position = {query: number for number, query in enumerate(queries)}
    found = []
    for caption in captions:
        words = plain_words(caption).split()
        grams = {" ".join(words[i:j]) for i in range(len(words)) for j in range(i + 1, len(words) + 1)}
        found.append(sorted(position[gram] for gram in grams if gram in position))
    return found


def by_caption(matches: matcher.Matches) -> list[list[int]]:
    return [part.tolist() for part in np.split(matches.queries, matches.offsets[1:-1])]


@settings(deadline=None, max_examples=50)
@given(st.lists(PHRASES, min_size=1, max_size=12, unique=True), st.lists(CAPTIONS, min_size=1, max_size=12))
def test_matches_are_those_of_a_dictionary_of_ngrams(queries: list[str], captions: list[str]) -> None:
    assert by_caption(Matcher(queries).match(captions)) == naive(queries, captions)


def test_overlapping_and_repeated_matches_by_hand() -> None:
    matches = Matcher(["a b", "b a", "b"]).match(["A b, a b!", "ab", "", "b"])
    # "a b a b": "a b" twice, "b a" over both of them, "b" within them.
    assert by_caption(matches) == [[0, 1, 2], [], [], [2]]
    assert matches.rows.tolist() == [0, 0, 0, 3]
    assert matches.queries.dtype == np.int32


def test_captions_searched_together_do_not_run_into_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    captions = [["new", "york", "new york", "", "a"][i % 5] for i in range(23)]
    queries = ["new york", "york", "york new"]
    together = Matcher(queries).match(captions)
    monkeypatch.setattr(matcher, "_AT_ONCE", 4)
    apart = Matcher(queries).match(captions)
    assert by_caption(together) == by_caption(apart) == naive(queries, captions)


def test_no_captions_give_no_matches() -> None:
    matches = Matcher(["a"]).match([])
    assert matches.offsets.tolist() == [0]
    assert len(matches.queries) == 0


def test_some_captions_of_the_matches() -> None:
    matches = Matcher(["a", "b"]).match(["a b", "b", "", "a"])
    taken = matches.take(np.array([False, True, True, True]))
    assert by_caption(taken) == [[1], [], [0]]


@pytest.mark.parametrize("query", ["Dog", " dog", "dog's", ""])
def test_a_query_that_is_not_cleaned_is_refused(query: str) -> None:
    with pytest.raises(ValueError, match="not cleaned"):
        Matcher(["cat", query])
