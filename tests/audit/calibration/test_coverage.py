from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from audit.calibration.coverage import proportion_coverage
from audit.statistics.proportion.intervals import wilson


def test_coverage_of_a_proportion_by_hand() -> None:
    # n 20, rate .05: Wilson's interval holds .05 for 0 to 3 events.
    table = proportion_coverage()
    row = table[(table["interval"] == "Wilson") & (table["n_1"] == 20) & (table["rate_1"] == 0.05)].iloc[0]
    low, high = wilson(np.arange(21), 20)
    inside = (low <= 0.05) & (high >= 0.05)
    assert row["coverage"] == pytest.approx(stats.binom.pmf(np.flatnonzero(inside), 20, 0.05).sum())


def test_the_intervals_of_rates_keep_what_they_promise() -> None:
    table = proportion_coverage()
    adjusted = table.loc[table["interval"] == "adjusted Wilson", "coverage"]
    assert 0.94 <= adjusted.mean() <= 0.965
    assert adjusted.min() >= 0.92
    assert table.loc[table["interval"] == "Clopper-Pearson", "coverage"].min() >= 0.95
