"""How a number of the audit is written, the same in the report, its figures and the terminal."""

from __future__ import annotations

import math
from collections.abc import Iterable

MISSING = "–"
MINUS = "\N{MINUS SIGN}"


def percent(value: float | None) -> str:
    """Return a share in [0, 1] as a percentage with one decimal, an en dash for NaN or None."""
    return MISSING if value is None or math.isnan(value) else f"{100 * value:.1f}\N{NO-BREAK SPACE}%"


def points(value: float | None) -> str:
    """Return a difference of shares in percentage points, always with its sign."""
    if value is None or math.isnan(value):
        return MISSING
    # The sign is that of the rounded number: a change of -0.04 points is shown as none.
    rounded = round(100 * value, 1)
    sign = "+" if rounded > 0 else MINUS if rounded < 0 else "\N{PLUS-MINUS SIGN}"
    return f"{sign}{abs(rounded):.1f}"


def percent_interval(low: float | None, high: float | None) -> str:
    """Return an interval of shares, in percent."""
    if low is None or high is None or math.isnan(low + high):
        return MISSING
    return f"{100 * low:.1f} to {100 * high:.1f}\N{NO-BREAK SPACE}%"


def points_interval(low: float | None, high: float | None) -> str:
    """Return an interval of differences, in percentage points."""
    if low is None or high is None or math.isnan(low + high):
        return MISSING
    return f"{points(low)} to {points(high)}"


def ratio(value: float | None) -> str:
    """Return a ratio of shares with two decimals."""
    if value is None or math.isnan(value):
        return MISSING
    return "\N{INFINITY}" if math.isinf(value) else f"{value:.2f}"


def ratio_interval(low: float | None, high: float | None) -> str:
    """Return an interval of ratios; a bound that is not finite is written as a dash."""
    if low is None or math.isnan(low):
        return MISSING
    return f"{ratio(low)} to {ratio(high)}"


def p_value(value: float | None) -> str:
    """Return a p-value with three decimals, or its bound below .001."""
    if value is None or math.isnan(value):
        return MISSING
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def integer(value: float | None) -> str:
    """Return a count with thousands separated."""
    return MISSING if value is None or math.isnan(value) else f"{int(value):,}"


def counted(n: float | None, clusters: float | None) -> str:
    """Return a number of images, with the clusters they come from if those are fewer.

    Examples
    --------
    >>> counted(1800, 300), counted(18, 18)
    ('1,800 in 300 clusters', '18')
    """
    images = integer(n)
    if n is None or clusters is None or math.isnan(n + clusters) or not 0 < clusters < n:
        return images
    return f"{images} in {integer(clusters)} cluster{'' if clusters == 1 else 's'}"


def words(name: object) -> str:
    """Return a column or class name as words: "skin_tone x gender" -> "skin tone × gender"."""
    return str(name).replace("_", " ").replace(" x ", " \N{MULTIPLICATION SIGN} ")


def in_order(groups: Iterable[str]) -> list[str]:
    """Return distinct group names in the order of a table, which is that of the data's card."""
    return list(dict.fromkeys(map(str, groups)))
