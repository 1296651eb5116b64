"""Coverage of what is no plain rate or gap: gaps within strata, means of scores, means over sets.

Drawn from the scenarios of whole audits, the last group against g0, and estimated by the functions of the
tables `controlled` and `measures`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import pandas as pd

from audit.calibration.person_counts import PersonCounts, by_group
from audit.calibration.scenarios import BY_NAME, TONES, Drawn, Scenario, audit_seed, drawn
from audit.calibration.whole_audits import SUMMARY_COLUMNS
from audit.statistics.bounded_means import bounded_mean
from audit.statistics.clusters.cluster_robust import LEAST_CLUSTERS, common_correlation, shortened
from audit.statistics.clusters.clustered_means import mean_difference
from audit.statistics.proportion.intervals import clopper_pearson
from audit.statistics.proportion.mantel_haenszel import (
    mantel_haenszel_difference,
    mantel_haenszel_p,
    standardised_difference,
    stratified_effect,
)
from audit.statistics.standardised_differences import standardised_interval
from clipmodel.array_types import Floats

Found = tuple[str, bool]

MEASURED: Final = ("independent", "weak", "tens", "persons", "strong")
LEVEL: Final = 0.05


def measure_table(*, audits: int, seed: int = 0) -> pd.DataFrame:
    """Coverage of 95 % intervals, and sizes of tests at .05, over `audits` draws of each scenario.

    Returns
    -------
    Columns `whole_audits.SUMMARY_COLUMNS`; shares have their exact 95 % intervals.
    """
    rows: list[tuple[Any, ...]] = []
    for name in MEASURED:
        counts: dict[str, list[bool]] = defaultdict(list)
        for number in range(audits):
            one = drawn(BY_NAME[name], seed=audit_seed(seed, number))
            for figure, happened in _of_audit(one, BY_NAME[name]):
                counts[figure].append(happened)
        for figure, happened_in in counts.items():
            count, n = int(np.sum(happened_in)), len(happened_in)
            low, high = clopper_pearson(count, n)
            rows.append((name, figure, count / n, float(low), float(high), n))
    return pd.DataFrame(rows, columns=list(SUMMARY_COLUMNS))


def _of_audit(one: Drawn, scenario: Scenario) -> Iterator[Found]:
    counts = PersonCounts.of(one)
    last = len(scenario.persons) - 1
    yield from _controlled(counts, last)
    person = np.repeat(np.arange(len(one.group)), one.images)
    group = one.group[person]
    both = np.isin(group, (0, last))
    scores, inside, cluster = one.scores[0][both, None], group[both] == last, person[both]
    found = mean_difference(scores, inside, cluster)
    yield "coverage: difference of means", _holds(*found.interval(), 0.0)
    limits = standardised_interval(scores, inside, cluster)
    yield "coverage: standardised difference", _holds(*limits, 0.0)
    own = counts.group == last
    shares = counts.events[0, 0, own] / counts.images[own]
    low, high = bounded_mean(shares)
    yield "coverage: mean over sets", low <= scenario.rate(0, last) <= high


def _controlled(counts: PersonCounts, last: int) -> Iterator[Found]:
    """The gap within strata of the second attribute, which is associated with the group: truly none."""
    strata = counts.tone[:, None] == np.arange(len(TONES))
    cells = []
    for group in (last, 0):
        own = (counts.group == group)[:, None] & strata
        cells += [counts.events[0, 0][:, None] * own, counts.images[:, None] * own]
    kept = (cells[1] + cells[3]).sum(axis=1) > 0
    cells = [cell[kept] for cell in cells]
    if min((counts.group == group).sum() for group in (last, 0)) < LEAST_CLUSTERS:
        return
    moments = by_group(counts, counts.events[0, 0], counts.group, last + 1)
    rho = common_correlation(moments)[..., 0]
    totals = [cell.sum(axis=0) for cell in cells]
    for name, estimate, standardised in (
        ("Mantel-Haenszel", mantel_haenszel_difference, False),
        ("standardised", standardised_difference, True),
    ):
        effect, freedom = stratified_effect(*cells, correlation=rho, standardised=standardised)
        _, low, high = estimate(*totals, inflation=effect / shortened(1.0, freedom))
        yield f"coverage: controlled, {name}", bool(low <= 0 <= high)
        if not standardised:
            p = mantel_haenszel_p(*totals, design_effect=effect, freedom=freedom)
            yield "controlled: p below .05 without a gap", bool(p < LEVEL)


def _holds(low: Floats, high: Floats, truth: float) -> bool:
    return bool(low[0] <= truth <= high[0])
