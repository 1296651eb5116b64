"""Many audits at once, without files: the rows of `whole_audits.row_of`, from the same drawn images.

A whole audit takes seconds, so that a share of 5 % would need many hours. Here the persons of many audits
pass the same estimates, tests, adjustment and gates together. A bulk audit and a whole audit of one seed give
the same row, number by number (`tests/audit/calibration/test_bulk_audits.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pandas as pd

from audit.calibration.bulk_batch import Batch
from audit.calibration.bulk_coverage import BatchCoverage
from audit.calibration.bulk_findings import BatchFindings
from audit.calibration.bulk_gates import BatchGates
from audit.calibration.scenarios import Scenario, audit_seed, drawn
from audit.calibration.whole_audits import ROW_COLUMNS

AT_ONCE: Final = 25
"""Audits that are computed together."""
BANDS_IN: Final = 150
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
        batch = Batch.of(scenario, [drawn(scenario, seed=one) for one in seeds], seeds)
        with_bands = first * scenario.probes < BANDS_IN
        made = batch_rows(batch, with_bands=with_bands)
        rows += [row | {"audit": number} for row, number in zip(made, numbers, strict=True)]
    return pd.DataFrame(rows, columns=list(ROW_COLUMNS))


def batch_rows(batch: Batch, *, with_bands: bool = True) -> Iterator[dict[str, Any]]:
    """A row of `ROW_COLUMNS`, all but its number, for each audit of a batch."""
    covered = BatchCoverage(batch=batch, with_bands=with_bands).counts()
    findings, gates = BatchFindings(batch), BatchGates(batch)
    for audit in range(len(batch.seeds)):
        yield {
            "scenario": batch.scenario.name,
            **{name: int(values[audit]) for name, values in covered.items()},
            **findings.row(audit),
            **gates.row(audit),
        }
