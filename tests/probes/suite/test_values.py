from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from probes.suite.values import MOST_WORDS, Name, Value, unique

VALUE, NAME = TypeAdapter(Value), TypeAdapter(Name)


@pytest.mark.parametrize(
    ("written", "read"), [(3, "3"), (2.0, "2"), (0.5, "0.5"), ("  dark ", "dark"), ("3", "3")]
)
def test_numbers_in_yaml_are_the_words_that_data_have(written: object, read: str) -> None:
    assert VALUE.validate_python(written) == read


@pytest.mark.parametrize("written", [True, False])
def test_a_word_that_yaml_reads_as_a_truth_value_is_refused(written: bool) -> None:
    with pytest.raises(ValidationError, match="put the word in quotes"):
        VALUE.validate_python(written)


def test_names_have_a_length() -> None:
    assert NAME.validate_python("x" * MOST_WORDS) == "x" * MOST_WORDS
    for wrong in ("", "x" * (MOST_WORDS + 1)):
        with pytest.raises(ValidationError, match="1 to 200 characters"):
            NAME.validate_python(wrong)


def test_what_is_there_twice_is_named() -> None:
    assert unique([["a"], ["a", "b"]]) == [["a"], ["a", "b"]]
    with pytest.raises(ValueError, match="'b' is there twice"):
        unique(["a", "b", "c", "b"])
