"""How the gates of the audits of a batch are decided, next to the truth.

R audits, P probes, S specifications, C contrasts.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from audit.calibration.bulk_batch import Batch
from audit.calibration.scenarios import GATE_MARGIN
from audit.calibration.whole_audits import gate_truths
from audit.conclusions.gates import CONFIDENCE, TO_PASS
from audit.conclusions.verdict import FAIL, PASS, verdict_of
from audit.statistics.proportion.exact_intervals import exact_difference
from clipmodel.array_types import Floats


@dataclass(frozen=True)
class BatchGates:
    """The gates of every audit of a batch."""

    batch: Batch

    @cached_property
    def _limits(self) -> list[tuple[Floats, Floats]]:
        """[R, P, S, C] limits that hold together, and those of a PASS; NaN with too few clusters."""
        one = self.batch.origin.contrast
        enough = one.group.enough & one.reference.enough
        cells: list[Floats] = []
        for rate, side in (
            (self.batch.origin.own.rate, one.group),
            (self.batch.origin.other.rate, one.reference),
        ):
            size = np.where(enough, side.effective, 0.0)
            cells += [np.minimum(rate * size, size), size]
        rows = enough.shape[-1] * enough.shape[-2]
        freedom = one.group.freedom, one.reference.freedom
        levels = (1 - (1 - CONFIDENCE) / rows, TO_PASS)
        return [exact_difference(*cells, confidence=level, freedom=freedom) for level in levels]

    def row(self, audit: int) -> dict[str, int]:
        """How many gates of one audit are decided, rightly and wrongly."""
        (low, high), (inner_low, inner_high) = self._limits
        beyond, within = gate_truths(self.batch.scenario)
        verdicts = np.array(
            [
                verdict_of(
                    low[audit, probe].ravel(), high[audit, probe].ravel(),
                    allowed=(-GATE_MARGIN, GATE_MARGIN),
                    low_to_pass=inner_low[audit, probe].ravel(),
                    high_to_pass=inner_high[audit, probe].ravel(),
                )
                for probe in range(self.batch.scenario.probes)
            ]
        )  # fmt: skip
        return {
            "gates_wrong_fail": int(((verdicts == FAIL) & ~beyond).sum()),
            "gates_wrong_pass": int(((verdicts == PASS) & ~within).sum()),
            "gates_right": int((((verdicts == FAIL) & beyond) | ((verdicts == PASS) & within)).sum()),
            "gates": len(verdicts),
        }
