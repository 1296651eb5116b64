"""Audits of one scenario together: counts of the drawn persons, both sides of every contrast, estimates, p.

R audits, P probes, S specifications, C contrasts, G groups, K persons.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from audit.calibration.person_counts import SPECIFICATIONS, PersonCounts, by_group, of_the_rest, stacked
from audit.calibration.scenarios import TONES, Drawn, Scenario, rate_at
from audit.conclusions.error_control import LEVEL
from audit.statistics.clusters.cluster_robust import (
    ClusterMoments,
    Precision,
    common_correlation,
    precision_of,
)
from audit.tables.gaps import contrast_estimates, difference_interval
from audit.tables.groups.cluster_counts import Contrast
from clipmodel.array_types import Bools, Floats
from probes.suite.held_out_images import drawn_share


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
        """Precision of both sides, with their rates, weighted or not; no person is in two groups."""
        return Contrast(
            group=precision_of(self.own, self.correlation),
            reference=precision_of(self.other, self.correlation),
            correlation=np.zeros(self.own.n.shape),
            weighted=True,
        )

    @cached_property
    def estimates(self) -> dict[str, Floats]:
        """Estimates of the contrasts, as `audit.tables.gaps.contrast_estimates` makes them."""
        own, other = self.own, self.other
        return contrast_estimates(own.count, own.n, other.count, other.n, self.contrast)

    def interval(self, confidence: float, audit: int) -> tuple[Floats, Floats]:
        """[P, S, C] of one audit at another confidence."""
        one = self.contrast
        return difference_interval(
            self.own.rate[audit], at_place(one.group, audit),
            self.other.rate[audit], at_place(one.reference, audit),
            confidence=confidence,
        )  # fmt: skip


def at_place(precision: Precision, place: Any) -> Precision:
    """Some of the rates of a precision, by their place in its arrays."""
    return Precision(
        effective=precision.effective[place], freedom=precision.freedom[place],
        clusters=precision.clusters[place], enough=precision.enough[place],
        foreseen=None if precision.foreseen is None else precision.foreseen[place],
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

    @classmethod
    def of(cls, scenario: Scenario, draws: list[Drawn], seeds: list[int]) -> Batch:
        """Counts of what was drawn."""
        counts = [PersonCounts.of(one) for one in draws]
        if not scenario.confirm:
            return cls(scenario=scenario, seeds=seeds, explored=counts, held_out=None)
        kept = [
            drawn_share(pd.Series([f"p{k}" for k in range(len(one.group))]), scenario.confirm, seed=seed)
            for one, seed in zip(counts, seeds, strict=True)
        ]
        return cls(
            scenario=scenario, seeds=seeds,
            explored=[one.among(~held) for one, held in zip(counts, kept, strict=True)],
            held_out=[one.among(held) for one, held in zip(counts, kept, strict=True)],
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

    def level(self, audit: int) -> float:
        """Level of the adjustment's first step: contrasts share it, and divide it among specifications."""
        tests = sum(np.count_nonzero(~np.isnan(p[audit])) for p in self.p)
        return LEVEL / max(tests, 1)
