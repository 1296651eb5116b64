"""The settings of a command that makes many small tables end with it, and its options stay what they are."""

from __future__ import annotations

import inspect

import pandas as pd
import pytest

from audit.commands.console.small_table_settings import in_two_processes, makes_small_tables

STORAGE = "mode.string_storage"


def test_words_are_python_strings_inside_and_what_they_were_after() -> None:
    def made(*words: str) -> str:
        return str(pd.Series(words, dtype="str").dtype.storage)

    before = pd.get_option(STORAGE)
    assert makes_small_tables(made)("a", "b") == "python"
    assert pd.get_option(STORAGE) == before


def test_the_settings_end_with_an_error_too() -> None:
    @makes_small_tables
    def broken() -> None:
        raise KeyError("no table")

    before = pd.get_option(STORAGE)
    with pytest.raises(KeyError):
        broken()
    assert pd.get_option(STORAGE) == before


def test_the_signature_is_the_commands() -> None:
    def command(folder: str, *, seed: int = 0) -> None:
        """Do it."""

    wrapped = makes_small_tables(command)
    assert inspect.signature(wrapped) == inspect.signature(command)
    assert wrapped.__doc__ == "Do it."


def test_a_second_process_is_allowed_inside_only() -> None:
    from audit.second_process import _allowed

    assert in_two_processes(_allowed.get)() is True
    assert _allowed.get() is False
