"""Round numbers along an axis, and limits that leave a little room around the data."""

from __future__ import annotations

import math
from collections.abc import Iterable

__all__ = ["limits_around", "nice_ticks", "tick_words"]

STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
MARGIN = 0.05


def nice_ticks(low: float, high: float, *, most: int) -> list[float]:
    """Return multiples of 1, 2, 2.5 or 5 times a power of ten between two ends, in at most `most` steps.

    Examples
    --------
    >>> nice_ticks(0.0, 1.0, most=5)
    [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    """
    low, high = min(low, high), max(low, high)
    least = (high - low) / most
    if not least > 0 or not math.isfinite(least):
        return [low]
    power = 10.0 ** math.floor(math.log10(least))
    # The tolerance keeps 0.2 / 0.1 from missing the step by a last bit.
    step = next(power * one for one in STEPS if power * one >= least * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-6), math.floor(high / step + 1e-6)
    # Rounded: 3 x 0.1 would be written 0.30000000000000004.
    return [round(step * place, 12) for place in range(first, last + 1)]


def tick_words(ticks: Iterable[float]) -> list[str]:
    """Return the ticks as texts, each with as many decimals as the finest of them needs.

    Examples
    --------
    >>> tick_words([0.0, 2.5, 5.0])
    ['0.0', '2.5', '5.0']
    """
    ticks = list(ticks)
    decimals = max((len(f"{tick:.6f}".rstrip("0").partition(".")[2]) for tick in ticks), default=0)
    # + 0.0 turns -0.0 into 0.0.
    return [f"{tick + 0.0:.{decimals}f}".replace("-", "\N{MINUS SIGN}") for tick in ticks]


def limits_around(values: Iterable[float], *, margin: float = MARGIN) -> tuple[float, float]:
    """Return the smallest and largest value with a margin on either side; NaN is left out.

    Examples
    --------
    >>> limits_around([0.0, 10.0, float("nan")])
    (-0.5, 10.5)
    """
    known = [float(value) for value in values if math.isfinite(value)]
    if not known:
        return (0.0, 1.0)
    low, high = min(known), max(known)
    # One value alone, or equal ones, have no range: a share of their size stands in for it.
    room = margin * (high - low) or 0.05 * abs(low) or 0.05
    return (low - room, high + room)
