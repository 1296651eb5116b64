"""Many audits at once, past the files: the rows of `whole_audits.row_of`, from the same drawn images.

A whole audit takes seconds, so that a share of 5 % would need many hours. Here the persons of many audits
pass the same estimates, tests, adjustment and gates together. A bulk audit and a whole audit of one seed give
the same row, number by number (`tests/audit/calibration/test_bulk_audits.py`).

R audits, P probes, S specifications, C contrasts, G groups, K persons.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from audit.calibration.person_counts import (
    CURVE_POINTS,
    SPECIFICATIONS,
    PersonCounts,
    by_group,
    of_the_rest,
    stacked,
)
from audit.calibration.scenarios import GATE_MARGIN, TONES, Drawn, Scenario, audit_seed, drawn, rate_at
from audit.calibration.whole_audits import ROW_COLUMNS, gate_truths
from audit.conclusions.confirmation import LEVEL as CONFIRMATION_LEVEL
from audit.conclusions.error_control import LEVEL
from audit.conclusions.gates import CONFIDENCE, TO_PASS
from audit.conclusions.verdict import FAIL, PASS, verdict_of
from audit.statistics.clusters.cluster_robust import (
    LEAST_CLUSTERS,
    ClusterMoments,
    Precision,
    common_correlation,
    precision_of,
    shortened,
)
from audit.statistics.multiplicity import holm, weighted_holm
from audit.statistics.power import cautious_rate, smallest_detectable_gap
from audit.statistics.proportion.exact_intervals import exact_difference
from audit.statistics.proportion.intervals import clopper_pearson
from audit.tables.cluster_counts import Contrast
from audit.tables.gaps import contrast_estimates, contrast_p, difference_interval
from audit.tables.rates import rate_interval
from audit.tables.threshold_bands import pointwise_level
from probes.records import ALL
from probes.suite.held_out_images import drawn_share

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
AT_ONCE: Final = 25
"""Audits that are computed together."""

BANDS_IN: Final = 300
"""Probes of a scenario, over its first audits, whose curves get their bands."""


def bulk_rows(scenario: Scenario, *, audits: int, seed: int = 0, start: int = 0) -> pd.DataFrame:
    """Rows of `audits` audits, from number `start` on, with the seeds of `simulated_audits`.

    Returns
    -------
    Columns `whole_audits.ROW_COLUMNS`.
    """
    rows: list[dict[str, Any]] = []
    for first in range(start, start + audits, AT_ONCE):
        numbers = range(first, min(first + AT_ONCE, start + audits))
        seeds = [audit_seed(seed, number) for number in numbers]
        draws = [drawn(scenario, seed=one) for one in seeds]
        batch = Batch.of(scenario, draws, seeds, with_bands=first * scenario.probes < BANDS_IN)
        rows += [row | {"audit": number} for row, number in zip(batch.rows(), numbers, strict=True)]
    return pd.DataFrame(rows, columns=list(ROW_COLUMNS))


@dataclass(frozen=True, kw_only=True)
class Grouping:
    """One attribute: both sides of its contrasts.

    Attributes
    ----------
    own, other
        [R, P, S, C] moments of the groups and of their references.
    correlation
        [R, P, S, 1] of images of a cluster.
    """

    own: ClusterMoments
    other: ClusterMoments
    correlation: Floats

    @cached_property
    def contrast(self) -> Contrast:
        """Precision of both sides; no person is in two groups."""
        return Contrast(
            group=precision_of(self.own, self.correlation),
            reference=precision_of(self.other, self.correlation),
            correlation=np.zeros(self.own.n.shape),
        )

    @cached_property
    def estimates(self) -> dict[str, Floats]:
        """Of `audit.tables.gaps.contrast_estimates`."""
        own, other = self.own, self.other
        return contrast_estimates(own.count, own.n, other.count, other.n, self.contrast)

    def interval(self, confidence: float, audit: int) -> tuple[Floats, Floats]:
        """[P, S, C] of one audit at another confidence."""
        one = self.contrast
        return difference_interval(
            self.own.rate[audit], _at(one.group, audit), self.other.rate[audit], _at(one.reference, audit),
            confidence=confidence,
        )  # fmt: skip


def _at(precision: Precision, place: Any) -> Precision:
    return Precision(
        effective=precision.effective[place], freedom=precision.freedom[place],
        clusters=precision.clusters[place], enough=precision.enough[place],
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Batch:
    """R audits of one scenario.

    Attributes
    ----------
    scenario, seeds
        R seeds of the audits.
    explored, held_out
        Counts of the persons of each audit; of those that confirm, None where none do.
    """

    scenario: Scenario
    seeds: list[int]
    explored: list[PersonCounts]
    held_out: list[PersonCounts] | None
    with_bands: bool

    @classmethod
    def of(
        cls, scenario: Scenario, draws: list[Drawn], seeds: list[int], *, with_bands: bool = True
    ) -> Batch:
        """Counts of what was drawn."""
        counts = [PersonCounts.of(one) for one in draws]
        if not scenario.confirm:
            return cls(scenario=scenario, seeds=seeds, explored=counts, held_out=None, with_bands=with_bands)
        kept = [
            drawn_share(pd.Series([f"p{k}" for k in range(len(one.group))]), scenario.confirm, seed=seed)
            for one, seed in zip(counts, seeds, strict=True)
        ]
        return cls(
            scenario=scenario, seeds=seeds,
            explored=[one.among(~held) for one, held in zip(counts, kept, strict=True)],
            held_out=[one.among(held) for one, held in zip(counts, kept, strict=True)],
            with_bands=with_bands,
        )  # fmt: skip

    @property
    def against_the_rest(self) -> bool:
        """Whether groups are compared with all others."""
        return self.scenario.reference == "(rest)"

    @cached_property
    def groups(self) -> ClusterMoments:
        """[R, P, S, G] of all groups."""
        n = len(self.scenario.persons)
        return stacked([by_group(one, one.events, one.group, n) for one in self.explored])

    @cached_property
    def precision(self) -> Precision:
        """[R, P, S, G] of the groups' rates."""
        return precision_of(self.groups, common_correlation(self.groups))

    @cached_property
    def origin(self) -> Grouping:
        """The contrasts by origin: all groups, or all but the reference."""
        own, rho = self.groups, common_correlation(self.groups)
        if self.against_the_rest:
            n = len(self.scenario.persons)
            rest = stacked([of_the_rest(one, one.events, one.group, n) for one in self.explored])
            return Grouping(own=own, other=rest, correlation=rho)
        places = np.arange(1, len(self.scenario.persons))
        shape = (*own.n.shape[:-1], len(places))
        first = np.zeros(shape, dtype=np.intp)
        return Grouping(
            own=own.chosen(np.broadcast_to(places, shape)), other=own.chosen(first), correlation=rho
        )

    @cached_property
    def tone(self) -> Grouping | None:
        """The one contrast by the second attribute."""
        if not self.scenario.second_attribute:
            return None
        both = stacked([by_group(one, one.events, one.tone, len(TONES)) for one in self.explored])
        places = [np.full((*both.n.shape[:-1], 1), tone) for tone in (1, 0)]
        return Grouping(
            own=both.chosen(places[0]), other=both.chosen(places[1]), correlation=common_correlation(both)
        )

    @cached_property
    def truth(self) -> Floats:
        """[P, S, G] true rates."""
        n = range(len(self.scenario.persons))
        base = [[self.scenario.rate(probe, group) for group in n] for probe in range(self.scenario.probes)]
        return rate_at(np.array(base)[:, None], SPECIFICATIONS[:, None])

    @cached_property
    def true_difference(self) -> Floats:
        """[P, S, C]; NaN against a rest that holds the different group."""
        if not self.against_the_rest:
            return self.truth[..., 1:] - self.truth[..., :1]
        found = self.truth - self.truth[..., :1]
        found[: self.scenario.gaps, :, :-1] = np.nan
        return found

    @property
    def is_gap(self) -> Bools:
        """[P, 1, C] the contrasts that were made different."""
        gap = np.zeros((self.scenario.probes, 1, self.origin.own.n.shape[-1]), dtype=bool)
        gap[: self.scenario.gaps, :, -1] = True
        return gap

    @cached_property
    def p(self) -> tuple[Floats, Floats]:
        """[R, P, S, C] p by origin and, if there is one, by tone ([R, P, S, 0] otherwise)."""
        p = self.origin.estimates["p"]
        return p, p[..., :0] if self.tone is None else self.tone.estimates["p"]

    def adjusted(self, audit: int, p: Floats) -> tuple[Floats, Floats]:
        """[P, S, C] adjusted p of one audit, whose p by origin are [P, S, C]."""
        both = np.concatenate([p, self.p[1][audit]], axis=-1)
        level = self.level(audit) / LEVEL
        adjusted = weighted_holm(both.ravel(), np.full(both.size, level)).reshape(both.shape)
        return adjusted[..., : p.shape[-1]], adjusted[..., p.shape[-1] :]

    def level(self, audit: int) -> float:
        """Of the first step of the adjustment: contrasts share it, and divide it among specifications."""
        tests = sum(np.count_nonzero(~np.isnan(p[audit])) for p in self.p)
        return LEVEL / max(tests, 1)

    @cached_property
    def found(self) -> list[tuple[Bools, Bools]]:
        """Of each audit, [P, S, C] what is found by origin and by tone."""
        return [self._found(audit) for audit in range(len(self.seeds))]

    def _found(self, audit: int) -> tuple[Bools, Bools]:
        p = self.p[0][audit]
        first = self.adjusted(audit, p)
        if self.against_the_rest:
            p = np.fmax(p, self._without_the_others(audit, first[0]))
            first = self.adjusted(audit, p)
        return first[0] < LEVEL, first[1] < LEVEL

    def _without_the_others(self, audit: int, adjusted: Floats) -> Floats:
        """p of groups against the rest without the more extreme ones: `error_control._RestTests`."""
        p, counts = self.p[0][audit], self.explored[audit]
        gap = np.abs(self.origin.estimates["difference"][audit])
        weight, groups = self.level(audit) / LEVEL, p.shape[-1]
        second = np.full(p.shape, np.nan)
        for probe, s in np.argwhere((adjusted < LEVEL).sum(axis=-1) > 1):
            own, open_, left = (
                second[probe, s],
                np.flatnonzero(adjusted[probe, s] < LEVEL).tolist(),
                set(range(groups)),
            )
            while open_:
                if len(left) < groups:
                    for one in open_:
                        own[one] = self._against(counts, audit, (probe, s), one, left - {one})
                both = np.fmax(p[probe, s], own)
                first = min(open_, key=lambda one: (both[one], -gap[probe, s, one]))
                factor = min(adjusted[probe, s, first] / max(p[probe, s, first], 1e-300), 1 / weight)
                if both[first] * factor >= LEVEL:
                    break
                open_.remove(first)
                left.remove(first)
        return second

    def _against(
        self, counts: PersonCounts, audit: int, place: tuple[int, int], group: int, others: set[int]
    ) -> float:
        if not others:
            return 1.0
        events, rho = counts.events[place], self.origin.correlation[(audit, *place)]
        sides = [counts.moments(events, np.isin(counts.group, list(which))) for which in ({group}, others)]
        contrast = Contrast(
            group=precision_of(sides[0], rho),
            reference=precision_of(sides[1], rho),
            correlation=np.zeros(1),
        )
        found = contrast_p(sides[0].count, sides[0].n, sides[1].count, sides[1].n, contrast)
        return float(np.nan_to_num(found, nan=1.0)[0])

    def rows(self) -> Iterator[dict[str, Any]]:
        """A row of `ROW_COLUMNS` for each audit."""
        covered = self._coverage()
        for audit in range(len(self.seeds)):
            yield {
                "scenario": self.scenario.name,
                **{name: int(values[audit]) for name, values in covered.items()},
                **self._findings(audit),
                **self._gates(audit),
            }

    def _coverage(self) -> dict[str, NDArray[np.int64]]:
        """[R] intervals that cover, and all, of each kind."""
        own, other = self.origin.contrast.group, self.origin.contrast.reference
        estimates = self.origin.estimates
        low, high = rate_interval(
            self.groups.count, self.groups.n, self.precision.effective, self.precision.freedom
        )
        rate = (low <= self.truth) & (self.truth <= high)
        gap = self.true_difference
        difference = (estimates["difference_low"] <= gap) & (gap <= estimates["difference_high"])
        ratio_truth = self.truth if self.against_the_rest else self.truth[..., 1:]
        ratio_truth = ratio_truth / (ratio_truth - gap)
        upper = np.where(np.isnan(estimates["ratio_high"]), np.inf, estimates["ratio_high"])
        ratio = (estimates["ratio_low"] <= ratio_truth) & (ratio_truth <= upper)
        known = np.broadcast_to(~np.isnan(gap), difference.shape)
        by_ratio = known & ~np.isnan(estimates["ratio_low"])
        tested = own.enough & other.enough
        bands = np.array(
            [self._bands(audit) if self.with_bands else (0, 0) for audit in range(len(self.seeds))]
        )
        kinds = {
            "rate": (rate, self.precision.enough), "few_rate": (rate, ~self.precision.enough),
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
        n = len(self.scenario.persons)
        moments = stacked([by_group(one, one.curve, one.group, n) for one in self.explored])
        return moments, precision_of(moments, common_correlation(moments))

    def _bands(self, audit: int) -> tuple[int, int]:
        """Curves whose band covers the true curve, and all of them."""
        moments, precision = self._curves
        inner = slice(1, -1)
        covered = 0
        for probe in range(self.scenario.probes):
            for group, name in enumerate(self.scenario.groups):
                n, count = (a[audit, probe, :, group] for a in (moments.n, moments.count))
                asked = (f"probe {probe}", "default", "as given", "probability", "harm", name)
                key = (*asked, ALL) if self.scenario.second_attribute else asked
                rng = np.random.default_rng([self.seeds[audit], zlib.crc32(repr(key).encode())])
                level = pointwise_level(count.astype(np.int64), int(n[0]), rng=rng)
                effective, freedom = (
                    getattr(precision, what)[audit, probe, :, group] for what in ("effective", "freedom")
                )
                size = shortened(effective, freedom, confidence=1 - level)
                low, high = clopper_pearson(np.minimum(count / n * size, size), size, confidence=1 - level)
                truth = rate_at(np.array(self.scenario.rate(probe, group)), CURVE_POINTS[inner])
                covered += bool(((low[inner] <= truth) & (truth <= high[inner])).all())
        return covered, self.scenario.probes * len(self.scenario.persons)

    def _findings(self, audit: int) -> dict[str, Any]:
        by_origin, by_tone = self.found[audit]
        estimates, contrast = self.origin.estimates, self.origin.contrast
        probe, group = np.nonzero(by_origin.any(axis=1))
        s = by_origin.argmax(axis=1)[probe, group]
        place = (probe, s, group)
        gap, true = self.true_difference[place], self.is_gap[probe, 0, group]
        difference = estimates["difference"][audit][place]
        tests = sum(np.count_nonzero(~np.isnan(p[audit])) for p in self.p)
        tones = np.argwhere(by_tone.any(axis=1))
        findings = len(probe) + len(tones)
        low, high = self.origin.interval(1 - LEVEL * max(findings, 1) / max(tests, 1), audit)
        low, high = (
            choose(a[place], estimates[name][audit][place])
            for choose, a, name in (
                (np.fmin, low, "difference_low"),
                (np.fmax, high, "difference_high"),
            )
        )
        few = np.minimum(contrast.group.clusters, contrast.reference.clusters)[audit][place] < LEAST_CLUSTERS
        with np.errstate(invalid="ignore"):
            ratio = difference[true] / gap[true]
        known, covers = ~np.isnan(gap), (low <= gap) & (gap <= high)
        return {
            "false_findings": int((~true).sum()) + len(tones),
            "true_gaps": self.scenario.gaps,
            "true_found": int(true.sum()),
            "exaggeration": float(ratio.mean()) if len(ratio) else np.nan,
            "selected_covered": int(covers[true].sum()),
            "selected_n": int(true.sum()),
            "findings_missed": int((~covers & known).sum()) + len(tones),
            "findings": int(known.sum()) + len(tones),
            "confirmed_false": self._confirmed_false(audit, place, difference, true, tones, by_tone),
            "few_findings": int(few.sum()),
        }

    def _confirmed_false(
        self,
        audit: int,
        place: tuple[NDArray[Any], ...],
        difference: Floats,
        true: Bools,
        tones: NDArray[np.intp],
        by_tone: Bools,
    ) -> int:
        """False findings that the held-out persons confirm."""
        if self.held_out is None:
            return 0
        if len(tones):
            raise ValueError("a scenario either compares a second attribute or holds persons out, not both")
        one = Batch(
            scenario=self.scenario, seeds=[self.seeds[audit]], explored=[self.held_out[audit]],
            held_out=None, with_bands=False,
        )  # fmt: skip
        p, second = one.p[0][0][place], one.origin.estimates["difference"][0][place]
        confirmed = (holm(p) < CONFIRMATION_LEVEL) & (np.sign(second) == np.sign(difference))
        return int((confirmed & ~true).sum())

    @cached_property
    def _gate_limits(self) -> list[tuple[Floats, Floats]]:
        """[R, P, S, C] limits that hold together, and those of a PASS; NaN with too few clusters."""
        one = self.origin.contrast
        enough = one.group.enough & one.reference.enough
        cells: list[Floats] = []
        for rate, side in ((self.origin.own.rate, one.group), (self.origin.other.rate, one.reference)):
            size = np.where(enough, side.effective, 0.0)
            cells += [np.minimum(rate * size, size), size]
        rows = enough.shape[-1] * enough.shape[-2]
        freedom = one.group.freedom, one.reference.freedom
        levels = (1 - (1 - CONFIDENCE) / rows, TO_PASS)
        return [exact_difference(*cells, confidence=level, freedom=freedom) for level in levels]

    def _gates(self, audit: int) -> dict[str, int]:
        (low, high), (inner_low, inner_high) = self._gate_limits
        beyond, within = gate_truths(self.scenario)
        verdicts = np.array(
            [
                verdict_of(
                    low[audit, probe].ravel(), high[audit, probe].ravel(),
                    allowed=(-GATE_MARGIN, GATE_MARGIN),
                    low_to_pass=inner_low[audit, probe].ravel(),
                    high_to_pass=inner_high[audit, probe].ravel(),
                )
                for probe in range(self.scenario.probes)
            ]
        )  # fmt: skip
        return {
            "gates_wrong_fail": int(((verdicts == FAIL) & ~beyond).sum()),
            "gates_wrong_pass": int(((verdicts == PASS) & ~within).sum()),
            "gates_right": int((((verdicts == FAIL) & beyond) | ((verdicts == PASS) & within)).sum()),
            "gates": len(verdicts),
        }

    def detectable(self) -> Floats:
        """[R, P, C] the smallest detectable gap that the audits print, under argmax."""
        contrast, other = self.origin.contrast, self.origin.other
        first = (slice(None), slice(None), 0)
        level = np.array([self.level(audit) for audit in range(len(self.seeds))])[:, None, None]
        tested = contrast.group.enough & contrast.reference.enough
        gap = smallest_detectable_gap(
            cautious_rate(other.count[first], other.n[first]),
            _at(contrast.group, first),
            _at(contrast.reference, first),
            images=(self.origin.own.n[first], other.n[first]),
            level=level,
        )
        return np.where(tested[first], gap, np.nan)
