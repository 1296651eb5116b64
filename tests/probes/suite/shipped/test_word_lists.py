from __future__ import annotations

import pytest
from pydantic import ValidationError

from clipmodel.errors import UserError
from probes.suite.shipped.word_lists import WordList, load_words, shipped_words


@pytest.mark.parametrize("name", shipped_words())
def test_a_shipped_list_says_where_its_words_come_from(name: str) -> None:
    words = load_words(name)
    assert words.source and words.note and words.title
    assert len(words.members) == sum(map(len, words.words.values())) > 0


def test_words_do_not_compete_so_one_may_be_in_two_groups() -> None:
    words = WordList.model_validate({"words": {"a": ["red"], "b": ["red", "blue"]}})
    assert [(group, word.name) for group, word in words.members] == [
        ("a", "red"),
        ("b", "red"),
        ("b", "blue"),
    ]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({}, "there is no word"),
        ({"a": []}, "the group 'a' has no word"),
        ({"a": ["x", "x"]}, "is in 'a' twice"),
    ],
)
def test_empty_and_repeated_words_are_refused(words: dict[str, list[str]], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        WordList.model_validate({"words": words})


def test_an_unknown_list_suggests_a_shipped_one() -> None:
    with pytest.raises(UserError, match="word list"):
        load_words("no_such_list")
