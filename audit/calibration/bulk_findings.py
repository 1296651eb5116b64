"""What the audits of a batch find, by their adjusted p, and which of it is false.

R audits, P probes, S specifications, C contrasts.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audit.calibration.bulk_batch import Batch
from audit.calibration.person_counts import PersonCounts
from audit.conclusions.confirmation import LEVEL as CONFIRMATION_LEVEL
from audit.conclusions.error_control import LEVEL
from audit.statistics.clusters.cluster_robust import LEAST_CLUSTERS, precision_of
from audit.statistics.multiplicity import holm, weighted_holm
from audit.tables.gaps import contrast_p
from audit.tables.groups.cluster_counts import Contrast
from clipmodel.array_types import Bools, Floats


@dataclass(frozen=True)
class BatchFindings:
    """The findings of every audit of a batch."""

    batch: Batch

    def adjusted(self, audit: int, p: Floats) -> tuple[Floats, Floats]:
        """[P, S, C] adjusted p of one audit, whose p by origin are [P, S, C]."""
        both = np.concatenate([p, self.batch.p[1][audit]], axis=-1)
        level = self.batch.level(audit) / LEVEL
        adjusted = weighted_holm(both.ravel(), np.full(both.size, level)).reshape(both.shape)
        return adjusted[..., : p.shape[-1]], adjusted[..., p.shape[-1] :]

    @cached_property
    def found(self) -> list[tuple[Bools, Bools]]:
        """What each audit finds by origin and by tone, [P, S, C] each."""
        return [self._found(audit) for audit in range(len(self.batch.seeds))]

    def _found(self, audit: int) -> tuple[Bools, Bools]:
        p = self.batch.p[0][audit]
        first = self.adjusted(audit, p)
        if self.batch.against_the_rest:
            p = np.fmax(p, self._without_the_others(audit, first[0]))
            first = self.adjusted(audit, p)
        return first[0] < LEVEL, first[1] < LEVEL

    def _without_the_others(self, audit: int, adjusted: Floats) -> Floats:
        """p of groups against the rest without the more extreme ones: `error_control._RestTests`."""
        p, counts = self.batch.p[0][audit], self.batch.explored[audit]
        gap = np.abs(self.batch.origin.estimates["difference"][audit])
        weight, groups = self.batch.level(audit) / LEVEL, p.shape[-1]
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
        events, rho = counts.events[place], self.batch.origin.correlation[(audit, *place)]
        sides = [counts.moments(events, np.isin(counts.group, list(which))) for which in ({group}, others)]
        contrast = Contrast(
            group=precision_of(sides[0], rho),
            reference=precision_of(sides[1], rho),
            correlation=np.zeros(1),
            weighted=True,
        )
        found = contrast_p(sides[0].count, sides[0].n, sides[1].count, sides[1].n, contrast)
        return float(np.nan_to_num(found, nan=1.0)[0])

    def row(self, audit: int) -> dict[str, Any]:
        """What one audit finds: true and false findings, their intervals, what is confirmed."""
        by_origin, by_tone = self.found[audit]
        estimates, contrast = self.batch.origin.estimates, self.batch.origin.contrast
        probe, group = np.nonzero(by_origin.any(axis=1))
        s = by_origin.argmax(axis=1)[probe, group]
        place = (probe, s, group)
        gap, true = self.batch.true_difference[place], self.batch.is_gap[probe, 0, group]
        difference = estimates["difference"][audit][place]
        tests = sum(np.count_nonzero(~np.isnan(p[audit])) for p in self.batch.p)
        tones = np.argwhere(by_tone.any(axis=1))
        findings = len(probe) + len(tones)
        low, high = self.batch.origin.interval(1 - LEVEL * max(findings, 1) / max(tests, 1), audit)
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
            "true_gaps": self.batch.scenario.gaps,
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
        if self.batch.held_out is None:
            return 0
        if len(tones):
            raise ValueError("a scenario either compares a second attribute or holds persons out, not both")
        one = Batch(
            scenario=self.batch.scenario, seeds=[self.batch.seeds[audit]],
            explored=[self.batch.held_out[audit]], held_out=None,
        )  # fmt: skip
        p, second = one.p[0][0][place], one.origin.estimates["difference"][0][place]
        confirmed = (holm(p) < CONFIRMATION_LEVEL) & (np.sign(second) == np.sign(difference))
        return int((confirmed & ~true).sum())
