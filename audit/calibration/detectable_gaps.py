"""Whether the gap that an audit prints as detectable is found when the same persons answer anew."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from audit.calibration.bulk_audits import AT_ONCE
from audit.calibration.bulk_batch import Batch, at_place
from audit.calibration.bulk_findings import BatchFindings
from audit.calibration.scenarios import Scenario, audit_seed, drawn
from audit.statistics.clusters.cluster_robust import foreseen
from audit.statistics.power import cautious_rate, smallest_detectable_gap
from audit.statistics.proportion.intervals import clopper_pearson

DETECTABLE: Final = ("independent", "weak", "tens", "persons", "strong")
"""Scenarios in which the printed gap is planted."""
DETECTABLE_COLUMNS: Final = ("scenario", "audit", "gap", "found")
MOST: Final = 0.98
"""The highest rate that is planted."""
_ANEW: Final = 500_000
"""Distance between the seeds of the audit that prints a gap and of the one that looks for it."""


def detectable_rows(scenario: Scenario, *, audits: int, seed: int = 0, start: int = 0) -> pd.DataFrame:
    """One row for each audit of the null scenario.

    The audit prints the smallest detectable gap of its last group against g0 in its first probe, under
    argmax. A second audit has persons with the same numbers of images, that gap, and new answers; it finds
    the gap if the adjusted p under argmax is below .05, all its other contrasts being null.

    Returns
    -------
    Columns `DETECTABLE_COLUMNS`: gap is NaN, and found False, where the audit says that no gap would be
    found, or where the gap would leave [0, 1].
    """
    null = replace(scenario, gaps=0, reference="g0", second_attribute=False, confirm=0.0)
    rows: list[dict[str, Any]] = []
    for first in range(start, start + audits, AT_ONCE):
        rows += _rows(null, range(first, min(first + AT_ONCE, start + audits)), seed)
    return pd.DataFrame(rows, columns=list(DETECTABLE_COLUMNS))


def _rows(null: Scenario, numbers: range, seed: int) -> Iterator[dict[str, Any]]:
    seeds = [audit_seed(seed, number) for number in numbers]
    draws = [drawn(null, seed=one) for one in seeds]
    gaps = smallest_gaps(Batch.of(null, draws, seeds))[:, 0, -1]
    gaps = np.where(gaps + null.rate(0, 0) <= MOST, gaps, np.nan)
    known = np.flatnonzero(~np.isnan(gaps))
    anew = [
        drawn(replace(null, gaps=1, gap=float(gaps[i])), seed=seeds[i] + _ANEW, images=draws[i].images)
        for i in known
    ]
    batch = Batch.of(null, anew, [seeds[i] for i in known])
    gaps_found = (bool(one[0][0, 0, -1]) for one in BatchFindings(batch).found)
    found = dict(zip(known.tolist(), gaps_found, strict=True))
    for place, number in enumerate(numbers):
        yield {
            "scenario": null.name, "audit": number, "gap": gaps[place], "found": found.get(place, False),
        }  # fmt: skip


def smallest_gaps(batch: Batch) -> NDArray[np.float64]:
    """[R, P, C] the smallest detectable gap that the audits print, under argmax.

    Raises
    ------
    ValueError
        The scenario has survey weights, under which it is not simulated.
    """
    if batch.scenario.selection:
        raise ValueError("the detectable gap is not simulated under survey weights")
    contrast, other = batch.origin.contrast, batch.origin.other
    first = (slice(None), slice(None), 0)
    level = np.array([batch.level(audit) for audit in range(len(batch.seeds))])[:, None, None]
    tested = contrast.group.enough & contrast.reference.enough
    gap = smallest_detectable_gap(
        cautious_rate(other.count[first], other.n[first]),
        foreseen(at_place(contrast.group, first)),
        foreseen(at_place(contrast.reference, first)),
        images=(batch.origin.own.n[first], other.n[first]),
        level=level,
    )
    return np.where(tested[first], gap, np.nan)


def detectable_summary(rows: pd.DataFrame) -> pd.DataFrame:
    """The share of printed gaps that are found.

    Returns
    -------
    Columns scenario, gap (the median), printed (share of audits that print one), found, low, high (exact 95 %
    interval of found), of.
    """
    found = []
    for name, own in rows.groupby("scenario", sort=False):
        known = own[own["gap"].notna()]
        low, high = clopper_pearson(int(known["found"].sum()), len(known))
        found.append(
            {"scenario": name, "gap": known["gap"].median(), "printed": len(known) / len(own),
             "found": known["found"].mean(), "low": float(low), "high": float(high), "of": len(known)}
        )  # fmt: skip
    return pd.DataFrame(found, columns=["scenario", "gap", "printed", "found", "low", "high", "of"])
