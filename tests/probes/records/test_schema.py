from __future__ import annotations

import pandas as pd
import pytest

from probes.records.columns import COLUMNS
from probes.records.schema import ATTRIBUTES, Column, schema


def test_a_schema_orders_types_and_refuses() -> None:
    count = Column("n", "int64", "images")
    table = schema("t", "a row", ["low", ATTRIBUTES, count], known=COLUMNS, prefix="score_")
    assert table.columns(["a", "b"]) == ["low", "a", "b", "n"]
    found = table.conform(pd.DataFrame({"n": [1.0], "score_x": [1], "a": ["x"], "low": [2]}), ["a"])
    assert found.dtypes.astype(str).to_dict() == {
        "low": "float64", "a": "str", "n": "int64", "score_x": "float64",
    }  # fmt: skip
    with pytest.raises(ValueError, match=r"t: the table lacks the columns \['n'\], and has \['m'\]"):
        table.conform(pd.DataFrame({"m": [1], "a": ["x"], "low": [2]}), ["a"])
    assert table.empty(["a"]).dtypes.astype(str).to_dict() == {"low": "float64", "a": "str", "n": "int64"}
