"""Labels that look the same are one group; what is changed is counted."""

from __future__ import annotations

import unicodedata

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clipmodel.errors import UserError
from probes import label_text
from probes.label_text import REPLACEMENT, clean_column, clean_label, plain_text, text_column


@pytest.mark.parametrize(
    ("written", "label"),
    [
        ("A ", "A"),
        ("\tA\u00a0\n", "A"),
        ("\u200bA\ufeff", "A"),
        ("East\u00a0 Asian", "East Asian"),
        ("cafe\u0301", "café"),  # NFD to NFC
        ("a\u200bb", "ab"),
        ("\u200e(A)\u200f", "(A)"),
        ("می\u200cخواهم", "می\u200cخواهم"),  # the joiner inside a Persian word is spelling
        ("A\x07b", f"A{REPLACEMENT}b"),
        ("x\ud83d", f"x{REPLACEMENT}"),
        ("a\u202eb", f"a{REPLACEMENT}b"),
        ("A  B", "A B"),
        (" \u200b ", ""),
        ("-1", "-1"),
    ],
)
def test_a_label_has_one_form(written: str, label: str) -> None:
    assert clean_label(written) == label


@given(st.text(st.characters(), max_size=20))
def test_the_form_is_final_and_can_be_written(text: str) -> None:
    label = clean_label(text)
    assert clean_label(label) == label == unicodedata.normalize("NFC", label)
    assert label == label.strip()
    label.encode()


def test_equal_numbers_of_any_type_are_one_label() -> None:
    column = pd.Series(
        [1, 1.0, np.int8(1), np.float32(1), "1", 1.5, None, float("nan"), True, ""], dtype=object
    )
    assert [plain_text(value) for value in column] == [
        "1", "1", "1", "1", "1", "1.5", None, None, "True", None,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        (
            ["1.0", "0.0", None],
            ["1", "0", None],
        ),  # floats of a column with a gap, beside whole numbers elsewhere
        (["1", "1.0", "-0.0"], ["1", "1", "0"]),
        (["1.50", "2.0"], ["1.5", "2"]),
        (["1.0", "v2"], ["1.0", "v2"]),  # versions are words
        (["01.0", "2.0"], ["01.0", "2.0"]),
    ],
)
def test_numbers_are_written_in_one_way_if_all_are_numbers(
    values: list[str | None], labels: list[str | None]
) -> None:
    cleaned = clean_column(pd.Series(values, dtype=object, name="x"))
    assert [None if pd.isna(value) else value for value in cleaned.column] == labels


def test_what_is_changed_is_counted() -> None:
    """Two labels with blanks, one with a control character; one becomes missing."""
    column = pd.Series(["A ", "A", "A ", "B\x01", " ", None], name="race", dtype=object)
    cleaned = clean_column(column)
    assert cleaned.column.tolist()[:4] == ["A", "A", "A", f"B{REPLACEMENT}"]
    assert cleaned.column.isna().tolist() == [False] * 4 + [True] * 2
    assert (cleaned.n_spaced, cleaned.n_replaced, cleaned.n_numbers) == (3, 1, 0)
    assert [note.split(" of ")[0] for note in cleaned.notes("race")] == [
        "Blanks, invisible characters or another Unicode form in 3 labels",
        "Control characters in 1 label",
    ]


def test_a_clean_column_is_not_copied() -> None:
    column = pd.Series(["A", "B", None], dtype=object)
    assert clean_column(column).column is column


def test_values_without_a_hash_are_text() -> None:
    assert text_column(pd.Series([[1, 2], None])).tolist()[0] == "[1, 2]"


def test_short_floats_are_the_text_that_a_csv_holds() -> None:
    """As a double, 0.1 in 32 bits would be 0.10000000149: other groups than those of a CSV."""
    for kind in (np.float16, np.float32, np.float64):
        column = pd.Series([0.1, 2.0, np.nan], dtype=kind)
        assert text_column(column).fillna("").tolist() == ["0.1", "2", ""]


def test_bytes_are_text_or_refused() -> None:
    assert text_column(pd.Series(["é".encode(), b"", None], dtype=object)).fillna("").tolist() == [
        "é",
        "",
        "",
    ]
    with pytest.raises(UserError, match="'race' holds bytes that are no UTF-8"):
        text_column(pd.Series([b"\xff"], name="race"))


def test_identifiers_that_a_float_cannot_tell_apart_are_refused() -> None:
    """2^53 + 1 is 2^53 as a float: two persons would be one. Neighbours below it are two floats."""
    below = pd.Series([2.0**53 - 1, 2.0**53 - 2], name="person")
    assert text_column(below).tolist() == ["9007199254740991", "9007199254740990"]
    assert text_column(pd.Series([2**53, 2**53 + 1], name="person")).nunique() == 2
    with pytest.raises(UserError, match=r"'person' holds whole numbers of 2\^53 or more as floats"):
        text_column(pd.Series([2**53, 2**53 + 1, None], dtype=float, name="person"))
    assert text_column(pd.Series([1e300, 0.5])).tolist() == ["1e+300", "0.5"]  # a logit, no identifier


def test_truth_values_written_in_several_ways_become_one_and_are_counted() -> None:
    """A spreadsheet writes TRUE, pandas True, JSON true: of 6 labels 4 are written otherwise."""
    cleaned = clean_column(pd.Series(["TRUE", "true", "True", "FALSE", "False", "false", None], name="hat"))
    assert cleaned.column.fillna("").tolist() == ["True"] * 3 + ["False"] * 3 + [""]
    assert cleaned.notes("hat") == ["Truth values in 4 labels of hat are written True or False."]
    one_way = pd.Series(["TRUE", "FALSE"])
    assert clean_column(one_way).column is one_way
    assert clean_column(pd.Series(["true", "True", "other"])).column.tolist() == ["true", "True", "other"]


def test_days_have_no_time_as_in_a_csv() -> None:
    days = pd.Series(pd.to_datetime(["2024-01-02", None, "2024-01-03"]))
    assert text_column(days).fillna("").tolist() == ["2024-01-02", "", "2024-01-03"]
    hours = pd.Series(pd.to_datetime(["2024-01-02 00:00", "2024-01-03 07:30"]))
    assert text_column(hours).tolist() == ["2024-01-02 00:00:00", "2024-01-03 07:30:00"]


@pytest.mark.parametrize("odd", ["p 1", "p  1", " p1", "p1\t", "é", "1.0", "p.1", "p\n1", "TRUE", ""])
def test_a_column_of_many_values_is_cleaned_as_one_of_few(odd: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Arrow decides of many values whether all are clean already; an odd one among them is found."""
    column = pd.Series([*(f"p{i}" for i in range(50)), odd, None, "p1"], dtype="str")
    expected = clean_column(column)
    monkeypatch.setattr(label_text, "MANY_VALUES", 10)
    found = clean_column(column)
    pd.testing.assert_series_equal(found.column, expected.column, check_dtype=False)
    assert found.notes("name") == expected.notes("name")
