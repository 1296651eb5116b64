"""FairFace's age bands, which other data sets share so that one label set serves them all."""

from __future__ import annotations

AGE_BANDS = ("0-2", "3-9", "10-19", "20-29", "30-39", "40-49", "50-59", "60-69", "more than 70")
FIRST_YEARS = (0, 3, 10, 20, 30, 40, 50, 60, 70)


def age_band(years: float) -> str:
    """The band of an age in whole or part years; "more than 70" begins at 70.

    Raises
    ------
    ValueError
        The age is negative or NaN.
    """
    if not years >= 0:
        raise ValueError(f"no age: {years}")
    return AGE_BANDS[sum(years >= first for first in FIRST_YEARS) - 1]
