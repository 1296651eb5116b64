from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from audit.json_tables import dump, read_json, table_rows
from clipmodel.errors import UserError


def test_dump_is_json_with_sorted_keys_and_a_row_a_line() -> None:
    table = pd.DataFrame({"b": [1, 2], "a": [0.1, np.nan], "c": ["<script>", "é"]})
    text = dump({"z": 1, "m": {"y": 2, "x": [None]}}, {"t": table})
    assert json.loads(text) == {
        "z": 1,
        "m": {"y": 2, "x": [None]},
        "t": [{"b": 1, "a": 0.1, "c": "<script>"}, {"b": 2, "a": None, "c": "é"}],
    }
    assert "<" not in text
    assert text.splitlines() == [
        "{",
        '"m": {"x": [null], "y": 2},',
        '"t": [',
        '{"a": 0.1, "b": 1, "c": "\\u003cscript>"},',
        '{"a": null, "b": 2, "c": "é"}',
        "],",
        '"z": 1',
        "}",
    ]


def test_dump_refuses_an_infinity_and_writes_an_empty_table() -> None:
    assert json.loads(dump({}, {"t": pd.DataFrame({"a": []})})) == {"t": []}
    with pytest.raises(ValueError, match="not JSON compliant"):
        dump({}, {"t": pd.DataFrame({"a": [np.inf]})})


def test_rows_hold_plain_python_values() -> None:
    [row] = table_rows(pd.DataFrame({"n": np.array([3], dtype="int64"), "word": ["x"], "rate": [np.nan]}))
    assert row == {"n": 3, "word": "x", "rate": None}
    assert type(row["n"]) is int


@pytest.mark.parametrize(
    ("text", "message"),
    [("{", "damaged"), ("[]", "expected a JSON object"), ("[" * 99_999, "nested too deep")],
)
def test_damaged_json_is_a_user_error(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "audit.json"
    path.write_text(text)
    with pytest.raises(UserError, match=message):
        read_json(path)
