from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from audit.tables.groups.coded_table import EVERYBODY, CodedTable, row_keys
from probes.records import MISSING

TABLE = CodedTable(
    pd.DataFrame(
        {
            "tone": pd.Categorical(["dark", "light", MISSING, "dark"], ["light", "dark", "unused", MISSING]),
            "gender": ["woman", "man", "man", "man"],
            "threshold": [np.nan, 0.2, np.nan, 0.2],
        }
    )
)


def test_codes_are_those_of_categories_or_of_appearance() -> None:
    code, words = TABLE.codes("tone")
    assert (code.tolist(), words.tolist()) == ([1, 0, 3, 1], ["light", "dark", "unused", MISSING])
    code, words = TABLE.codes("gender")
    assert (code.tolist(), words.tolist()) == ([0, 1, 1, 1], ["woman", "man"])
    assert TABLE.codes("gender")[0] is code
    code, words = TABLE.codes("threshold")
    assert code.tolist() == [0, 1, 0, 1]
    assert np.isnan(words[0]) and words[1] == 0.2
    assert TABLE.ordered("tone") and not TABLE.ordered("gender")


def test_rows_that_have_a_value() -> None:
    assert TABLE.having("tone", "dark", MISSING).tolist() == [True, False, True, True]
    assert TABLE.having("gender").tolist() == [False] * 4
    with pytest.raises(KeyError):
        TABLE.having("age", "old")


def test_groups_are_named_in_alphabetical_order_and_missing_ones_are_in_none() -> None:
    rows = np.arange(4)
    code, names = TABLE.groups(rows, ["tone", "gender"])
    assert names == ["dark x man", "dark x woman", "light x man"]
    assert code.tolist() == [1, 2, -1, 0]
    code, names = TABLE.groups(rows[1:], ["tone"])
    assert (code.tolist(), names) == ([1, -1, 0], ["dark", "light"])


def test_without_attributes_everybody_is_one_group() -> None:
    code, names = TABLE.groups(np.arange(4), [])
    assert (code.tolist(), names) == ([0] * 4, [EVERYBODY])
    assert TABLE.groups(np.arange(0), [])[1] == []


def test_rows_are_numbered_as_they_appear() -> None:
    assert TABLE.number(["gender", "threshold"]).tolist() == [0, 1, 2, 1]
    assert TABLE.number([]).tolist() == [0] * 4


def test_keys_of_rows_can_be_compared() -> None:
    assert row_keys(TABLE.frame, ["gender", "threshold"])[:2] == [("woman", None), ("man", 0.2)]
