from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from audit.evaluation.studies.overlap import overlap_table
from audit.statistics.proportion.intervals import clopper_pearson


def test_overlap_is_tested_against_the_clean_images() -> None:
    # 10 clean images, 5 right; 4 duplicates, all right.
    right = np.array([True] * 5 + [False] * 5 + [True] * 4)
    duplicate = np.array([False] * 10 + [True] * 4)
    groups = pd.DataFrame({"tone": ["dark"] * 7 + ["light"] * 5 + [None] * 2})
    table = overlap_table(right, duplicate, groups)
    row = table.iloc[0]
    assert (row["accuracy_all"], row["accuracy_clean"], row["accuracy_overlap"]) == (9 / 14, 0.5, 1.0)
    assert row["inflation"] == pytest.approx(9 / 14 - 0.5) and row["p"] == pytest.approx(0.5**4)
    assert row["p"] == pytest.approx(stats.binomtest(4, 4, 0.5, alternative="greater").pvalue)
    assert row["overlap_low"] == pytest.approx(float(clopper_pearson(4, 4, confidence=0.995)[0]))
    by_group = table[table["by"] == "tone"].set_index("group")
    assert by_group["n"].to_dict() == {"dark": 7, "light": 5} and np.isnan(by_group["p"]["dark"])


def test_nothing_overlaps() -> None:
    row = overlap_table(np.array([True, False]), np.zeros(2, bool)).iloc[0]
    assert row["inflation"] == 0 and np.isnan(row["accuracy_overlap"]) and np.isnan(row["p"])
