"""What an audit of this size could have found: printed beside every gap that was not found."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from audit.statistics.clusters.cluster_robust import Precision, shortened_at
from audit.statistics.proportion.tests_of_proportions import TAIL_EXPECTED
from clipmodel.array_types import Floats

POWER = 0.8
OF_A_MAXIMUM = 2.5
"""By how much the larger of two design effects is less certain than one. Of 1, 1.5, 2 and 3, found by
simulation: with 1 the printed gap was found in .67 of audits of 300 persons with 1 to 40 images, with 3 in
.85 of those with ten images each."""
# Of a range of at most 1: what is left is below 1e-12.
_HALVINGS = 40


def smallest_detectable_gap(
    rate: ArrayLike,
    first: Precision,
    second: Precision,
    *,
    images: tuple[ArrayLike, ArrayLike] | None = None,
    level: ArrayLike = 0.05,
    correlation: ArrayLike = 0.0,
    power: float = POWER,
) -> Floats:
    """Difference of two rates that the audit's own test finds with the given power.

    The reference has the rate; that of the group lies the gap above it, or below it if the rate exceeds one
    half. The least difference that is found is where the test just rejects at `level`: for independent images
    the pooled test's, with half an image per side where Fisher's takes over; otherwise where the interval of
    the difference touches zero, each side with its own degrees of freedom. The gap lies above that by the
    quantile of the power times the standard error at the gap, not at equal rates (Fleiss, Levin & Paik 2003,
    chapter 4), with the design effects of both sides in it. Those are estimated twice, by the audit that
    states the gap and by the one that would find it, each with few clusters: what that adds is that of an F
    distribution with few degrees of freedom.

    Parameters
    ----------
    rate
        Of the reference, between 0 and 1.
    first, second
        How much the rates of the group and of its reference tell.
    images
        Of both sides, which say how much of the precision is due to clusters; where they are left out, their
        design effects count as known.
    level
        Two-sided; that of the first step of the audit's adjustment for all its contrasts.
    correlation
        Of the two rates, where they share clusters.

    Returns
    -------
    The gap; NaN where a side has no image, the rate is NaN, or no gap would be found with that power.

    Raises
    ------
    ValueError
        `power` or a `level` does not lie strictly between 0 and 1.
    """
    tail = np.asarray(level, dtype=float) / 2
    if not 0 < power < 1 or np.any((tail <= 0) | (tail >= 0.5)):
        raise ValueError(f"power and level must lie between 0 and 1, not {power!r} and {level!r}")
    arrays = np.broadcast_arrays(
        np.asarray(rate, dtype=float), first.effective, first.freedom, second.effective, second.freedom,
        tail, np.asarray(correlation, dtype=float),
    )  # fmt: skip
    p, n1, f1, n2, f2, each, r = (np.asarray(a, dtype=float) for a in arrays)
    sizes = (first.effective, second.effective) if images is None else images
    doubts = [_doubt(one, n) for one, n in zip((first, second), sizes, strict=True)]
    with np.errstate(invalid="ignore", divide="ignore"):
        # Downwards from a high rate is upwards from its complement.
        base = np.where(p > 0.5, 1 - p, p)
        quantiles = [special.ndtri(each) ** 2 / shortened_at(n, f, each) for n, f in ((n1, f1), (n2, f2))]
        alone = ~(np.isfinite(f1) | np.isfinite(f2))
        usable = (n1 > 0) & (n2 > 0) & ~np.isnan(p)

        def rejected(gap: Floats) -> NDArray[np.bool_]:
            pooled = _pooled_rejects(base, gap, n1, n2, each)
            return np.where(alone, pooled, _interval_rejects(base, gap, quantiles, r))

        least = _first(rejected, 1 - base)

        def found(gap: Floats) -> NDArray[np.bool_]:
            sides = [q * (1 - q) / n for q, n in ((base + gap, n1), (base, n2))]
            joint = 2 * r * np.sqrt(sides[0] * sides[1])
            variance = np.maximum(sides[0] + sides[1] - joint, 0)
            doubt = _of_sum(doubts, sides)
            # Of F with nu and nu degrees of freedom, 1 / nu = doubt: mean 1 + 2 / nu and, of its root,
            # 1 + 1 / (2 nu), with variance 1 / nu.
            boundary, error = least * (1 + doubt / 2), variance * (1 + 2 * doubt) + least**2 * doubt
            enough: NDArray[np.bool_] = gap - special.ndtri(power) * np.sqrt(error) >= boundary
            return enough

        gap = _first(found, 1 - base)
    return np.where(usable, gap, np.nan)


def _doubt(side: Precision, images: ArrayLike) -> Floats:
    """Half the relative variance of a side's variance: that of the part which its design effect adds.

    The degrees of freedom know how the own design effect and the common one are joined
    (`cluster_robust.precision_of`); that the audit which looks for the gap may take the own one alone, with
    fewer of them, is in `OF_A_MAXIMUM`. 0 where images are independent.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        due = 1 - side.effective / np.asarray(images, dtype=float)
        found = np.where(np.isfinite(side.freedom), OF_A_MAXIMUM * due / side.freedom, 0.0)
    return np.nan_to_num(found)


def _of_sum(doubts: Sequence[Floats], variances: Sequence[Floats]) -> Floats:
    """Half the relative variance of a sum of independent variances (Satterthwaite 1946)."""
    with np.errstate(invalid="ignore", divide="ignore"):
        parts = [doubt * variance**2 for doubt, variance in zip(doubts, variances, strict=True)]
        return np.nan_to_num((parts[0] + parts[1]) / (variances[0] + variances[1]) ** 2)


def _first(holds: Callable[[Floats], NDArray[np.bool_]], most: Floats) -> Floats:
    """The least gap in (0, most] from which on `holds`, NaN if it does not even there."""
    low, high = np.zeros(most.shape), most.copy()
    reached = holds(high)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        enough = holds(middle)
        high, low = np.where(enough, middle, high), np.where(enough, low, middle)
    return np.where(reached, high, np.nan)


def _pooled_rejects(base: Floats, gap: Floats, n1: Floats, n2: Floats, tail: Floats) -> NDArray[np.bool_]:
    one = base + gap
    pooled = (n1 * one + n2 * base) / (n1 + n2)
    error = np.sqrt(pooled * (1 - pooled) * (1 / n1 + 1 / n2))
    expected = np.minimum(n1, n2) * np.minimum(pooled, 1 - pooled)
    # Casagrande, Pike & Smith 1978: Fisher's test rejects like the normal one with this correction.
    correction = np.where(expected < TAIL_EXPECTED, (1 / n1 + 1 / n2) / 2, 0.0)
    return np.asarray(gap - correction > -special.ndtri(tail) * error)


def _interval_rejects(
    base: Floats, gap: Floats, quantiles: list[Floats], correlation: Floats
) -> NDArray[np.bool_]:
    """Whether the joined interval of `clustered_tests.difference_p` excludes zero; quantiles are t^2 / n."""
    one = base + gap
    below = one - _limit(one, quantiles[0], -1)
    above = _limit(base, quantiles[1], 1) - base
    return np.asarray(gap**2 > below**2 + above**2 - 2 * correlation * below * above)


def _limit(p: Floats, z2n: Floats, sign: int) -> Floats:
    centre = p + z2n / 2
    return np.asarray(np.clip((centre + sign * np.sqrt(z2n * (p * (1 - p) + z2n / 4))) / (1 + z2n), 0, 1))


def cautious_rate(count: ArrayLike, n: ArrayLike) -> Floats:
    """The rate count / n, kept away from 0 and 1 by Wilson's limit for no event among n.

    Without this, a reference in which nothing was seen would be said to make any gap detectable. The limit is
    z^2 / (n + z^2), about four events; NaN where n is 0.
    """
    size = np.where(np.asarray(n) == 0, np.nan, n).astype(float)
    z2 = special.ndtri(0.975) ** 2
    # One half where there are fewer than four images: the limits would cross.
    margin = np.minimum(z2 / (size + z2), 0.5)
    bounded: Floats = np.clip(np.asarray(count, dtype=float) / size, margin, 1 - margin)
    return bounded
