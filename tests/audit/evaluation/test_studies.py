"""Overlap and adaptation by hand, and standard accuracy beside an audit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from audit.evaluation.adaptation import accuracy_row, gap_changes
from audit.evaluation.evaluation_result import write_result
from audit.evaluation.overlap import overlap_table
from audit.evaluation.standard_accuracy import standard_accuracy
from audit.statistics.proportion.intervals import clopper_pearson
from tests.audit.evaluation.test_evaluation_result import made


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


def test_standard_accuracy_is_that_of_the_same_weights(tmp_path: Path) -> None:
    write_result(made("stl10", 0.9), tmp_path)
    write_result(made("cifar10", 0.8), tmp_path)
    table = standard_accuracy(tmp_path, "f")
    assert table["dataset"].tolist() == ["cifar10", "stl10"] and table["value"].tolist() == [0.8, 0.9]
    assert len(standard_accuracy(tmp_path, "other weights")) == 0
