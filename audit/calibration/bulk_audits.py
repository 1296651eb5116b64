"""Many audits at once, past the files: what findings and intervals do, by the functions that audits use.

Whole audits take seconds each (`whole_audits`), so that a share of 5 % needs many hours. Here the persons of
a thousand audits are drawn together and pass the same estimates, tests and adjustment, under one threshold.

R audits, P probes, G groups, K persons of a group.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from audit.calibration.scenarios import BY_NAME, Scenario, images_of, latent_correlation
from audit.statistics.clusters.cluster_robust import (
    ClusterMoments,
    Precision,
    common_correlation,
    precision_of,
)
from audit.statistics.clusters.clustered_tests import difference_p
from audit.statistics.multiplicity import holm
from audit.statistics.power import smallest_detectable_gap
from audit.statistics.proportion.intervals import clopper_pearson
from audit.tables.gaps import difference_interval
from audit.tables.rates import rate_interval

Floats = NDArray[np.float64]

LEVEL: Final = 0.05
BULK_COLUMNS: Final = ("scenario", "figure", "value", "low", "high", "of")
DETECTABLE: Final = ("independent", "weak", "persons", "strong")
"""Scenarios in which a gap of the detectable size is planted."""
AT_ONCE: Final = 50
"""Audits that are drawn together: persons of all of them are in memory."""


def bulk_table(scenarios: Iterable[str] | None = None, *, audits: int, seed: int = 0) -> pd.DataFrame:
    """Figures of `audits` audits of each scenario, columns `BULK_COLUMNS`.

    Coverage of rates and of differences (of groups with enough clusters, and of others), the share of audits
    with a false finding, the share of true gaps that are found, and the coverage of findings' intervals after
    selection. Against the rest, groups whose rest holds a different group are left out.
    """
    rows: list[tuple[Any, ...]] = []
    for name in scenarios or BY_NAME:
        scenario = BY_NAME[name]
        rng = np.random.default_rng((seed, *name.encode()))
        sizes = [min(AT_ONCE, audits - start) for start in range(0, audits, AT_ONCE)]
        parts = [_counts_of(scenario, size, rng) for size in sizes]
        rows += _figures(name, {key: sum(part[key] for part in parts) for key in parts[0]}, audits)
    return pd.DataFrame(rows, columns=list(BULK_COLUMNS))


def detectable_table(scenarios: Iterable[str], *, audits: int, seed: int = 0) -> pd.DataFrame:
    """Share of audits that find a gap of the size printed as detectable, in one probe of each scenario."""
    rows = []
    for name in scenarios:
        null = BY_NAME[name]
        rng = np.random.default_rng((seed, 1, *name.encode()))
        first, second = _sides(_draw(null, AT_ONCE, rng), null)[:2]
        tests = null.probes * (len(null.persons) - 1)
        last = [_column(one, 0, -1) for one in (first, second)]
        gap = smallest_detectable_gap(null.rate(0, 0), *last, level=LEVEL / tests)
        size = float(np.nanmedian(gap))
        planted = _with_gap(null, size)
        found = total = 0
        for start in range(0, audits, AT_ONCE):
            part = _counts_of(planted, min(AT_ONCE, audits - start), rng)
            found, total = found + part["found"], total + part["gaps"]
        low, high = clopper_pearson(found, total)
        rows.append(
            (name, f"detectable gap of {100 * size:.1f} points found", found / total, low, high, total)
        )
    return pd.DataFrame(rows, columns=list(BULK_COLUMNS)).astype({"low": float, "high": float})


def _with_gap(scenario: Scenario, gap: float) -> Scenario:
    return replace(scenario, gaps=1, gap=gap, reference="g0")


def _draw(scenario: Scenario, audits: int, rng: np.random.Generator) -> ClusterMoments:
    """Moments [R, P, G] of persons, drawn as `scenarios.predictions_of` draws their images."""
    shared = latent_correlation(scenario.correlation, 0.2)
    groups = []
    for group, persons in enumerate(scenario.persons):
        n = images_of(scenario.sizes, audits * persons, rng).reshape(audits, 1, persons)
        means = special.ndtri([scenario.rate(probe, group) for probe in range(scenario.probes)])
        own = np.sqrt(shared) * rng.normal(size=(audits, scenario.probes, persons))
        chance = special.ndtr((means[:, None] + own) / np.sqrt(1 - shared))
        x = rng.binomial(np.broadcast_to(n, chance.shape), chance)
        groups.append(ClusterMoments.of(x[..., None], np.broadcast_to(n, x.shape)[..., None]))
    return ClusterMoments.joined(groups)


def _sides(moments: ClusterMoments, scenario: Scenario) -> tuple[Precision, Precision, Floats, Floats]:
    """Precision and rate of each group and of its reference, [R, P, G]."""
    rho = common_correlation(moments)
    rest = moments.over_groups() - moments
    first = moments.chosen(np.zeros(moments.n.shape, dtype=np.intp))
    other = rest if scenario.reference == "(rest)" else first
    return precision_of(moments, rho), precision_of(other, rho), moments.rate, other.rate


def _counts_of(scenario: Scenario, audits: int, rng: np.random.Generator) -> dict[str, int]:
    moments = _draw(scenario, audits, rng)
    own, other, p1, p2 = _sides(moments, scenario)
    truth = np.array(
        [[scenario.rate(p, g) for g in range(len(scenario.persons))] for p in range(scenario.probes)]
    )
    compared = np.ones(truth.shape, dtype=bool)
    if scenario.reference == "(rest)":
        # Every rest holds the different group, but for that group's own.
        compared[: scenario.gaps, :-1] = False
    else:
        compared[:, 0] = False
    gap = truth - truth[:, :1]
    tested = compared & own.enough & other.enough
    p = np.where(tested, difference_p(p1, own, p2, other), np.nan)
    adjusted = holm(p.reshape(audits, -1)).reshape(p.shape)
    found = adjusted < LEVEL
    rate = rate_interval(moments.count, moments.n, own.effective, own.freedom)
    difference = difference_interval(p1, own, p2, other)
    covered = [(low <= true) & (true <= high) for (low, high), true in ((rate, truth), (difference, gap))]
    counts = {"false": int((found & (gap == 0)).any(axis=(1, 2)).sum())}
    counts |= {"gaps": int(audits * np.count_nonzero(gap)), "found": int((found & (gap != 0)).sum())}
    for name, inside, which in (
        ("rate", covered[0], own.enough), ("few rate", covered[0], ~own.enough),
        ("difference", covered[1], tested), ("few difference", covered[1], compared & ~tested),
    ):  # fmt: skip
        counts |= {f"{name} covered": int((inside & which).sum()), f"{name} n": int(which.sum())}
    return counts | _selected(found, p, gap, (p1, own, p2, other))


def _selected(
    found: NDArray[np.bool_], p: Floats, gap: Floats, sides: tuple[Floats, Precision, Floats, Precision]
) -> dict[str, int]:
    """Findings' intervals after selection, audit by audit: all tests of one have one confidence."""
    covered = total = 0
    for audit in np.flatnonzero(found.any(axis=(1, 2))).tolist():
        confidence = 1 - LEVEL * found[audit].sum() / np.count_nonzero(~np.isnan(p[audit]))
        parts = [sides[0][audit], _at(sides[1], audit), sides[2][audit], _at(sides[3], audit)]
        low, high = difference_interval(*parts, confidence=float(confidence))
        inside = (low <= gap) & (gap <= high)
        covered, total = covered + int(inside[found[audit]].sum()), total + int(found[audit].sum())
    return {"selected covered": covered, "selected n": total}


def _at(precision: Precision, audit: int) -> Precision:
    return Precision(
        effective=precision.effective[audit], freedom=precision.freedom[audit],
        clusters=precision.clusters[audit], enough=precision.enough[audit],
    )  # fmt: skip


def _column(precision: Precision, probe: int, group: int) -> Precision:
    return Precision(
        effective=precision.effective[:, probe, group], freedom=precision.freedom[:, probe, group],
        clusters=precision.clusters[:, probe, group], enough=precision.enough[:, probe, group],
    )  # fmt: skip


def _figures(name: str, counts: dict[str, int], audits: int) -> Iterable[tuple[Any, ...]]:
    yield _share(name, "audits with a false finding", counts["false"], audits)
    # Without a true gap every finding is false, and its interval misses by construction.
    after = ("selected",) if counts["gaps"] else ()
    for kind in ("rate", "few rate", "difference", "few difference", *after):
        if counts[f"{kind} n"]:
            covered, n = counts[f"{kind} covered"], counts[f"{kind} n"]
            yield name, f"coverage: {kind}", covered / n, np.nan, np.nan, n
    if counts["gaps"]:
        yield _share(name, "true gaps found", counts["found"], counts["gaps"])


def _share(name: str, figure: str, count: int, of: int) -> tuple[Any, ...]:
    low, high = clopper_pearson(count, of)
    return name, figure, count / of, float(low), float(high), of
