"""Rows of the gaps as both sides' rates with their precision: for intervals at another confidence.

An audit is judged again from its folder, without its counts: by other gates, or at the confidence that many
findings need. R rows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from audit.statistics.clusters.cluster_robust import LEAST_CLUSTERS, Precision
from audit.tables.gaps import WEIGHTED_SHARE, against_the_whole, difference_interval
from audit.tables.groups.reference_groups import THE_OVERALL
from clipmodel.array_types import Floats

Limits = tuple[Floats, Floats]
SideLimits = Callable[..., Limits]


@dataclass(frozen=True, kw_only=True)
class GapRows:
    """Both sides of R gaps.

    Attributes
    ----------
    rates, sizes
        Rate and images of the group, and of its reference; of the rest where that is all images.
    precision
        Of either.
    correlation
        [R] of the two rates.
    overall
        [R] whether the gap is to all images, of which the group is a part.
    share
        [R] which part it is, of the images or of their weight.
    """

    rates: tuple[Floats, Floats]
    sizes: tuple[Floats, Floats]
    precision: tuple[Precision, Precision]
    correlation: Floats
    overall: NDArray[np.bool_]
    share: Floats

    @classmethod
    def of(cls, gaps: pd.DataFrame, *, least: int = LEAST_CLUSTERS) -> GapRows:
        """Both sides of rows of the table of gaps; rows without estimates have no images.

        `least` are the clusters that suffice for a decision.
        """
        known = gaps["rate_group"].notna().to_numpy()
        n1, n2 = (np.where(known, gaps[f"n_{side}"], 0).astype(float) for side in ("group", "reference"))
        p1, p2 = (gaps[f"rate_{side}"].to_numpy(dtype=float) for side in ("group", "reference"))
        overall = (gaps["reference"] == THE_OVERALL).to_numpy()
        rest = n2 - n1
        with np.errstate(invalid="ignore", divide="ignore"):
            share = np.where(overall, n1 / n2, 0.0)
            # A rate is its count over n, so rounding gives the count of the rest back exactly.
            of_rest = np.rint(p2 * n2 - p1 * n1) / rest
            if WEIGHTED_SHARE in gaps:
                share = np.where(overall, gaps[WEIGHTED_SHARE].to_numpy(dtype=float), 0.0)
                of_rest = np.clip((p2 - share * p1) / (1 - share), 0.0, 1.0)
            p2 = np.where(overall, of_rest, p2)
        n2 = np.where(overall, rest, n2)
        precision = tuple(_precision(gaps, side, n, least) for side, n in (("group", n1), ("reference", n2)))
        return cls(
            rates=(p1, p2), sizes=(n1, n2), precision=(precision[0], precision[1]),
            correlation=np.nan_to_num(gaps["correlation"].to_numpy(dtype=float)), overall=overall,
            share=share,
        )  # fmt: skip

    def difference(self, *, confidence: float) -> Limits:
        """The interval of the table at another confidence."""
        low, high = difference_interval(
            self.rates[0], self.precision[0], self.rates[1], self.precision[1],
            correlation=self.correlation, confidence=confidence,
        )  # fmt: skip
        return self.of_difference(low), self.of_difference(high)

    def of_difference(self, values: Floats) -> Floats:
        """Differences from the rest as differences from all images, where that is the reference."""
        return np.where(self.overall, values * (1 - self.share), values)

    def of_ratio(self, low: Floats, high: Floats) -> Limits:
        """Ratios to the rest as ratios to all images, where those are the reference."""
        rates = {"rate_group": self.rates[0], "rate_reference": self.rates[1]}
        none = np.full(low.shape, np.nan)
        bounds = rates | {"difference": none, "difference_low": none, "difference_high": none, "ratio": none}
        finite = bounds | {"ratio_low": low, "ratio_high": np.where(np.isfinite(high), high, np.nan)}
        whole = against_the_whole(finite, self.share, 1 - self.share)
        return (
            np.where(self.overall, whole["ratio_low"], low),
            np.where(self.overall, whole["ratio_high"], high),
        )


def _precision(gaps: pd.DataFrame, side: str, n: Floats, least: int) -> Precision:
    effect = np.nan_to_num(gaps[f"design_effect_{side}"].to_numpy(dtype=float), nan=1.0)
    freedom = gaps[f"df_{side}"].to_numpy(dtype=float)
    clusters = gaps[f"clusters_{side}"].to_numpy(dtype=float)
    return Precision(
        effective=n / effect,
        freedom=np.where(np.isnan(freedom), np.inf, freedom),
        clusters=clusters,
        enough=np.isnan(freedom) | (clusters >= least),
    )
