"""FairFace's age bands, which other data sets share so that one label set serves all, and their repair."""

from __future__ import annotations

import re

AGE_BANDS = ("0-2", "3-9", "10-19", "20-29", "30-39", "40-49", "50-59", "60-69", "more than 70")
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
DATE = re.compile(r"(?:(?P<before>\d+)-(?P<month>[A-Za-z]{3})|(?P<month_first>[A-Za-z]{3})-(?P<after>\d+))")
BAND = re.compile(r"\d+-\d+")
FIRST_YEARS = (0, 3, 10, 20, 30, 40, 50, 60, 70)


BANDS_NOTE = (
    "age_band was made of the years: 0-2, 3-9, then tens, and 'more than 70', which begins at 70; the years "
    "are in 'age'."
)


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


def undated(band: str) -> str:
    """The band a date was made from: 3-9 becomes 9-Mar or 03-Sep, by the language of the spreadsheet.

    Anything that is no such date comes back as it is.
    """
    if not (match := DATE.fullmatch(band.strip())):
        return band
    month = (match["month"] or match["month_first"]).lower()
    if month not in MONTHS:
        return band
    # 3-9 is 9 March or 3 September, depending on the spreadsheet's language; the smaller number came first in
    # every band.
    first, last = sorted((int(match["before"] or match["after"]), MONTHS.index(month) + 1))
    return f"{first}-{last}"
