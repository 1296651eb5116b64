from __future__ import annotations

import json

import pytest

from clipmodel.errors import UserError, damage_told_by


def test_the_remedy_follows_the_message() -> None:
    error = UserError("a.csv, row 3: no label", remedy="add one")
    assert str(error) == "a.csv, row 3: no label (add one)"
    assert (error.message, error.remedy) == ("a.csv, row 3: no label", "add one")
    assert str(UserError("too few")) == "too few" and UserError("too few").remedy is None


def test_it_is_a_value_error_so_that_a_library_user_can_catch_it() -> None:
    assert isinstance(UserError("x"), ValueError)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (TypeError("cannot unpack non-iterable int object"), "its parts do not fit together"),
        (IndexError("pop from empty list"), "its parts do not fit together"),
        (ValueError("not enough values to unpack (expected 5, got 2)"), "its parts do not fit together"),
        (EOFError(), "it ends too early"),
        (RecursionError("maximum recursion depth exceeded"), "it is nested too deep"),
        (MemoryError(), "it asks for more memory than there is"),
        (json.JSONDecodeError("Expecting value", "{", 1), "the JSON in it is damaged"),
        (KeyError("index_columns"), "it lacks 'index_columns'"),
        (RuntimeError("failed finding central directory\nframe #0"), "failed finding central directory"),
        (UserError("a tensor with impossible sizes", remedy="x"), "a tensor with impossible sizes"),
    ],
)
def test_damage_is_told_in_words_for_the_owner_of_a_file(error: Exception, words: str) -> None:
    assert damage_told_by(error) == words


def test_a_mistake_of_ours_is_no_damage() -> None:
    with pytest.raises(NameError, match="shapee"):
        damage_told_by(NameError("name 'shapee' is not defined"))


def test_bytes_that_are_no_text_are_told_so() -> None:
    with pytest.raises(UnicodeDecodeError) as caught:
        b"\x88".decode()
    assert damage_told_by(caught.value) == "words in it are not UTF-8 text"
