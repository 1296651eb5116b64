from __future__ import annotations

import pytest

from audit.calibration import measure_coverage
from audit.calibration.measure_coverage import measure_table


def test_measures_and_controlled_gaps_cover(monkeypatch: pytest.MonkeyPatch) -> None:
    """100 audits: three standard errors below .95 is .885, three above .05 is .115."""
    monkeypatch.setattr(measure_coverage, "MEASURED", ("tens", "persons"))
    table = measure_table(audits=100).set_index(["scenario", "figure"])["value"]
    for name in ("tens", "persons"):
        own = table[name]
        assert set(own.index) == {
            "coverage: controlled, Mantel-Haenszel", "coverage: controlled, standardised",
            "controlled: p below .05 without a gap", "coverage: difference of means",
            "coverage: standardised difference", "coverage: mean over sets",
        }  # fmt: skip
        assert own.filter(like="coverage").min() >= 0.885
        assert own["controlled: p below .05 without a gap"] <= 0.115
