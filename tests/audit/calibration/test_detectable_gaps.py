from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from audit.calibration.detectable_gaps import DETECTABLE_COLUMNS, detectable_summary


def test_the_share_found_is_of_the_audits_that_print_a_gap() -> None:
    rows = pd.DataFrame(
        [("a", 0, 0.2, True), ("a", 1, 0.4, False), ("a", 2, np.nan, False), ("a", 3, 0.3, True),
         ("b", 0, 0.1, True)],
        columns=list(DETECTABLE_COLUMNS),
    )  # fmt: skip
    first, second = detectable_summary(rows).to_dict("records")
    assert (first["scenario"], first["of"], first["gap"]) == ("a", 3, pytest.approx(0.3))
    assert (first["printed"], first["found"]) == (0.75, pytest.approx(2 / 3))
    assert first["low"] == pytest.approx(stats.beta.ppf(0.025, 2, 2))
    assert first["high"] == pytest.approx(stats.beta.ppf(0.975, 3, 1))
    assert (second["printed"], second["found"], second["high"]) == (1, 1, 1)
