from __future__ import annotations

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from probes.label_text import clean_label
from probes.suite.values import MOST_WORDS, Name, Value, unique, yaml_word

VALUE, NAME = TypeAdapter(Value), TypeAdapter(Name)


@pytest.mark.parametrize(
    ("written", "read"), [(3, "3"), (2.0, "2"), (0.5, "0.5"), ("  dark ", "dark"), ("3", "3")]
)
def test_numbers_in_yaml_are_the_words_that_data_have(written: object, read: str) -> None:
    assert VALUE.validate_python(written) == read


@pytest.mark.parametrize(
    ("written", "read"),
    [("yes", "true"), ("NO", "false"), ("~", "nothing"), ("2020-01-31", "the date 2020-01-31")],
)
def test_a_word_that_yaml_reads_as_something_else_is_refused(written: str, read: str) -> None:
    with pytest.raises(ValidationError, match=f"YAML reads this as {read}; put the word in quotes"):
        VALUE.validate_python(yaml.safe_load(written))


@settings(deadline=None)
@given(
    st.one_of(
        st.text(max_size=6),
        st.sampled_from(["007", "yes", "1e3", "~", "a: b", "#a", "1:30", "[x", "'", "!!bool x", "!!int x"]),
    )
)
def test_a_value_in_a_remedy_can_be_pasted(text: str) -> None:
    """A remedy must not name what its reader has written already: 007 is 7 to YAML, "007" is not."""
    text = clean_label(text)
    assert yaml.safe_load(f"is: {{code: {yaml_word(text)}}}") == {"is": {"code": text}}


def test_names_have_a_length() -> None:
    assert NAME.validate_python("x" * MOST_WORDS) == "x" * MOST_WORDS
    for wrong in ("", "x" * (MOST_WORDS + 1)):
        with pytest.raises(ValidationError, match="1 to 200 characters"):
            NAME.validate_python(wrong)


def test_what_is_there_twice_is_named() -> None:
    assert unique([["a"], ["a", "b"]]) == [["a"], ["a", "b"]]
    with pytest.raises(ValueError, match="'b' is there twice"):
        unique(["a", "b", "c", "b"])
