"""How many intervals and bands of the audits of a batch cover the truth.

R audits, P probes, S specifications, C contrasts, G groups, T points of the curve.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from audit.calibration.bulk_batch import Batch
from audit.calibration.person_counts import CURVE_POINTS, by_group, stacked
from audit.calibration.scenarios import rate_at
from audit.statistics.clusters.cluster_robust import (
    ClusterMoments,
    Precision,
    common_correlation,
    precision_of,
)
from audit.statistics.proportion.intervals import clopper_pearson
from audit.tables.rates import rate_interval
from audit.tables.threshold_bands import curve_level
from probes.records import ALL
from probes.rules.rule_registry import CURVE


@dataclass(frozen=True, kw_only=True)
class BatchCoverage:
    """Coverage over a batch; the bands of curves, which take longest, only `with_bands`."""

    batch: Batch
    with_bands: bool = True

    def counts(self) -> dict[str, NDArray[np.int64]]:
        """[R] intervals that cover, and all, of each kind."""
        own, other = self.batch.origin.contrast.group, self.batch.origin.contrast.reference
        estimates = self.batch.origin.estimates
        groups, precision = self.batch.groups, self.batch.precision
        low, high = rate_interval(groups.count, groups.n, precision.effective, precision.freedom)
        rate = (low <= self.batch.truth) & (self.batch.truth <= high)
        gap = self.batch.true_difference
        difference = (estimates["difference_low"] <= gap) & (gap <= estimates["difference_high"])
        ratio_truth = self.batch.truth if self.batch.against_the_rest else self.batch.truth[..., 1:]
        ratio_truth = ratio_truth / (ratio_truth - gap)
        # An upper limit that is infinite is NaN in the tables, and covers.
        upper = np.where(np.isnan(estimates["ratio_high"]), np.inf, estimates["ratio_high"])
        ratio = (estimates["ratio_low"] <= ratio_truth) & (ratio_truth <= upper)
        known = np.broadcast_to(~np.isnan(gap), difference.shape)
        by_ratio = known & ~np.isnan(estimates["ratio_low"])
        tested = own.enough & other.enough
        bands = np.array(
            [self._bands(audit) if self.with_bands else (0, 0) for audit in range(len(self.batch.seeds))]
        )
        kinds = {
            "rate": (rate, precision.enough), "few_rate": (rate, ~precision.enough),
            "difference": (difference, known & tested), "few_difference": (difference, known & ~tested),
            "ratio": (ratio, by_ratio & tested), "few_ratio": (ratio, by_ratio & ~tested),
        }  # fmt: skip
        counted = {"band_covered": bands[:, 0], "band_n": bands[:, 1]}
        for kind, (inside, which) in kinds.items():
            counted[f"{kind}_covered"] = (inside & which).sum(axis=(1, 2, 3))
            counted[f"{kind}_n"] = which.sum(axis=(1, 2, 3))
        return counted

    @cached_property
    def _curves(self) -> tuple[ClusterMoments, Precision]:
        """[R, P, T, G] at the points of the curve."""
        n = len(self.batch.scenario.persons)
        moments = stacked([by_group(one, one.curve, one.group, n) for one in self.batch.explored])
        return moments, precision_of(moments, common_correlation(moments))

    def _bands(self, audit: int) -> tuple[int, int]:
        """Curves whose band covers the true curve, and all of them."""
        moments, precision = self._curves
        # At the thresholds 0 and 1 all scores and none are reached, so that nothing is estimated there.
        inner = slice(1, -1)
        covered = 0
        for probe in range(self.batch.scenario.probes):
            for group, name in enumerate(self.batch.scenario.groups):
                n, count = (a[audit, probe, :, group] for a in (moments.n, moments.count))
                # The key by which `threshold_bands.with_bands` draws, so that a whole audit of this seed
                # has the same band.
                asked = (f"probe {probe}", "default", "as given", CURVE.name, "harm", name)
                key = (*asked, ALL) if self.batch.scenario.second_attribute else asked
                rng = np.random.default_rng([self.batch.seeds[audit], zlib.crc32(repr(key).encode())])
                effective, freedom = (
                    getattr(precision, what)[audit, probe, :, group] for what in ("effective", "freedom")
                )
                persons = self.batch.explored[audit]
                images = float(persons.images[persons.group == group].sum())
                level, factor = curve_level(
                    np.rint(count / n * images).astype(np.int64), int(images), rng=rng,
                    effective=effective / n * images, freedom=freedom,
                )  # fmt: skip
                size = effective / n * images * factor
                low, high = clopper_pearson(np.minimum(count / n * size, size), size, confidence=1 - level)
                truth = rate_at(np.array(self.batch.scenario.rate(probe, group)), CURVE_POINTS[inner])
                covered += bool(((low[inner] <= truth) & (truth <= high[inner])).all())
        return covered, self.batch.scenario.probes * len(self.batch.scenario.persons)
