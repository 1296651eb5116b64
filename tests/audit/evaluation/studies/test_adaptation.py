from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from audit.evaluation.studies.adaptation import accuracy_row, gap_changes


def test_adaptation_changes_gaps() -> None:
    # Women: 10 of 20 right before, 20 after; men: 15 of 20 before and after, the same images.
    before = np.array([True] * 10 + [False] * 10 + [True] * 15 + [False] * 5)
    after = np.array([True] * 20 + [True] * 15 + [False] * 5)
    groups = pd.DataFrame({"gender": ["woman"] * 20 + ["man"] * 20, "hair": ["red"] * 3 + [None] * 37})
    row = accuracy_row("faces", before, after, None)
    assert (row["zero_shot"], row["adapted"], row["difference"]) == (0.625, 0.875, 0.25)
    table = gap_changes("faces", before, after, groups)
    assert table[["by", "group", "reference"]].to_numpy().tolist() == [["gender", "man", "woman"]]
    found = table.iloc[0]
    assert (found["gap_zero_shot"], found["gap_adapted"], found["change"]) == (0.25, -0.25, -0.5)
    # Changes of women: half 1, half 0, variance 1/4; of men none. Error sqrt(40/39 * (1/4) / 20).
    half = 1.95996 * np.sqrt(40 / 39 * 0.25 / 20)
    assert (found["low"], found["high"]) == (
        pytest.approx(-0.5 - half, abs=1e-4),
        pytest.approx(-0.5 + half, abs=1e-4),
    )
    assert found["p"] < 1e-4 and found["p_adjusted"] == found["p"]
    drawings = [str(i // 5) for i in range(40)]
    assert gap_changes("faces", before, after, groups, drawings)["high"][0] > found["high"]
