"""The common form of queries and captions."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clipmodel.curation.query_text import plain_lines, plain_words
from clipmodel.inputs.text_cleaning import clean


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("A dog's  bed_2,\n(new)!", "a dog s bed 2 new"),
        ("Fish &amp; Chips", "fish chips"),
        ("cafÃ© — “Zürich”", "café zürich"),  # mojibake, a dash, curly quotes
        ("cafe\u0301", "café"),  # e and a combining accent are composed
        ("हिन्दी में", "हिन्दी में"),  # vowel signs are combining marks, which \w does not know
        ("ⅷ ﬁsh", "ⅷ fish"),
        ("🐕", ""),
        (" \t", ""),
    ],
)
def test_words_by_hand(text: str, words: str) -> None:
    assert plain_words(text) == words


@given(st.text())
def test_cleaning_twice_is_cleaning_once_for_words(text: str) -> None:
    words = plain_words(text).split()
    assert " ".join(words) == plain_words(text)


@given(st.text(st.characters(codec="ascii")))
def test_the_fast_way_for_ascii_is_the_plain_rule(text: str) -> None:
    assert plain_words(text) == " ".join(re.findall(r"[a-z0-9]+", clean(text)))


@given(
    st.lists(st.text() | st.text(st.characters(codec="ascii")) | st.just("Fish &amp; Chips\n"), min_size=1)
)
def test_many_texts_at_once_are_each_text_alone(texts: list[str]) -> None:
    lines = plain_lines(texts).decode().split("\n")
    assert lines == [f" {words} " if (words := plain_words(text)) else " " for text in texts]
