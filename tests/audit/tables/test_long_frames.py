from __future__ import annotations

import pandas as pd

from audit.tables.long_frames import long_frame


def test_one_column_says_by_what_and_one_which_group() -> None:
    frame = pd.DataFrame(
        {"probe": "p", "outcome": "o", "tone": ["dark", "(all)", "light"],
         "gender": ["(all)", "(all)", "man"], "n": [3, 9, 1]}
    )  # fmt: skip
    found = long_frame(frame)
    assert list(found) == ["probe", "by", "group", "outcome", "n"]
    assert found["by"].tolist() == ["tone", "", "tone x gender"]
    assert found["group"].tolist() == ["dark", "all images", "light x man"]
    assert found["n"].tolist() == [3, 9, 1]


def test_a_table_that_is_long_already_is_returned() -> None:
    long = pd.DataFrame({"by": ["tone"], "group": ["dark"], "n": [1]})
    assert long_frame(long) is long
