from __future__ import annotations

import numpy as np
import pandas as pd

from audit.statistics.row_numbers import number_rows


def test_rows_are_numbered_as_they_appear_and_nan_is_a_value() -> None:
    keys = pd.DataFrame(
        {
            "rule": ["argmax", "cosine", "argmax", "cosine", "cosine"],
            "threshold": [np.nan, 0.2, np.nan, 0.1, 0.2],
            "tone": pd.Categorical(["light", "dark", "light", "dark", "light"]),
        }
    )
    # Rows 0 and 2 are the same; 1, 3 and 4 differ in the threshold or the tone.
    assert number_rows(keys).tolist() == [0, 1, 0, 2, 3]
