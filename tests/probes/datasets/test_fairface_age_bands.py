"""Years into FairFace's bands."""

from __future__ import annotations

import pytest

from probes.datasets.fairface_age_bands import AGE_BANDS, age_band


@pytest.mark.parametrize(
    ("years", "band"),
    [(0, "0-2"), (2.9, "0-2"), (3, "3-9"), (9, "3-9"), (10, "10-19"), (69, "60-69"), (70, "more than 70")],
)
def test_a_band_begins_with_its_first_year(years: float, band: str) -> None:
    assert age_band(years) == band
    assert band in AGE_BANDS


@pytest.mark.parametrize("years", [-1, float("nan")])
def test_no_age_is_an_error(years: float) -> None:
    with pytest.raises(ValueError, match="no age"):
        age_band(years)
