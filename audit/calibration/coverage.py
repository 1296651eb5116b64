"""Simulated populations: what intervals, findings and gates do where the truth is known.

Coverage is summed over all tables where there are few, and simulated where there are many. Whole audits are
simulated in bulk by the functions that findings and gates use, and some of them again by the audit itself,
which must agree.

R audits, P probes, G groups.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from audit.conclusions.findings import LEVEL
from audit.result import AuditResult
from audit.statistics.design_effects import difference_design_effect
from audit.statistics.exact_intervals import exact_difference, exact_ratio
from audit.statistics.intervals import adjusted_wilson, clopper_pearson, newcombe, wilson
from audit.statistics.mantel_haenszel import mantel_haenszel_difference, standardised_difference
from audit.statistics.multiplicity import holm
from audit.statistics.paired import newcombe_paired
from audit.statistics.power import smallest_detectable_gap
from audit.statistics.proportions import Interval
from audit.statistics.tests_of_proportions import homogeneity_p, two_sided_p
from audit.tables.gaps import ratio_interval
from clipmodel.progress import Progress
from probes.records import SCHEMA_VERSION, Records, attribute_entry, empty_counts

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

SIZES = (20, 30, 50, 100, 200, 500, 1000, 2000, 5000, 10_000)
RATES = (0.01, 0.015, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5)
PAIRS_OF_RATES = ((0.01, 0.01), (0.01, 0.05), (0.05, 0.05), (0.05, 0.15), (0.1, 0.1), (0.1, 0.3), (0.3, 0.3),
                  (0.3, 0.5), (0.5, 0.5))  # fmt: skip
"""Of two groups; both are shown at equal sizes, and against a reference 13 times as large."""
THE_REST_TIMES = 13
# Tables summed in full; beyond, so many are drawn.
_MOST_TABLES, _DRAWS = 30_000, 10_000
COVERAGE_COLUMNS = (
    "interval",
    "of",
    "n_1",
    "n_2",
    "rate_1",
    "rate_2",
    "coverage",
    "width",
    "undefined",
    "draws",
)

GROUP_SHARES = np.array([17, 15, 14, 11, 9, 8, 7, 6, 4, 3, 2, 2, 1, 1]) / 100
"""Of fourteen groups of unequal size, as real data have them."""
NULL_RATES = (0.05, 0.1, 0.2, 0.5)


def coverage_table(*, seed: int = 0, progress: Progress | None = None) -> pd.DataFrame:
    """Coverage of every 95 % interval of the audit, over sizes from 20 to 10,000 and rates from .01 to .5.

    Returns
    -------
    Columns `COVERAGE_COLUMNS`: `of` is proportion, difference, ratio, paired difference, difference over
    strata or difference with clusters; `undefined` the share of tables for which the interval is NaN, which
    `coverage` leaves out; `draws` is 0 where all tables were summed.
    """
    rows: list[tuple[Any, ...]] = []
    points = [(n, times) for n in SIZES for times in (1, THE_REST_TIMES)]
    for number, (n, times) in enumerate(points, start=1):
        for position, (p1, p2) in enumerate(PAIRS_OF_RATES):
            rng = np.random.default_rng((seed, n, times, position))
            rows += _two_groups(n, n * times, p1, p2, rng)
            if times == 1:
                rows += _simulated(n, p1, p2, rng)
        if progress:
            progress("coverage", number, len(points))
    return pd.concat(
        [proportion_coverage(), pd.DataFrame(rows, columns=list(COVERAGE_COLUMNS))], ignore_index=True
    )


def proportion_coverage() -> pd.DataFrame:
    """Coverage of the intervals of one proportion, over all counts; columns as for `coverage_table`."""
    return pd.DataFrame(list(_proportions()), columns=list(COVERAGE_COLUMNS))


def _proportions() -> Iterator[tuple[Any, ...]]:
    intervals: Mapping[str, Callable[..., Interval]] = {
        "adjusted Wilson": adjusted_wilson, "Wilson": wilson, "Clopper-Pearson": clopper_pearson,
    }  # fmt: skip
    for n in SIZES:
        x = np.arange(n + 1)
        for rate in RATES:
            chance = _binomial(x, n, rate)
            for name, interval in intervals.items():
                yield (name, "proportion", n, 0, rate, np.nan, *_covered(interval(x, n), rate, chance), 0)


def _two_groups(n1: int, n2: int, p1: float, p2: float, rng: np.random.Generator) -> list[tuple[Any, ...]]:
    x1, x2, chance, draws = _tables(n1, n2, p1, p2, rng)
    intervals: tuple[tuple[str, str, Callable[..., Interval], float], ...] = (
        ("Newcombe", "difference", newcombe, p1 - p2),
        ("exact (gates)", "difference", exact_difference, p1 - p2),
        ("Katz or Koopman", "ratio", ratio_interval, p1 / p2),
        ("exact (gates)", "ratio", exact_ratio, p1 / p2),
    )
    sizes = np.full(len(x1), n1), np.full(len(x1), n2)
    return [
        (name, of, n1, n2, p1, p2, *_covered(interval(x1, sizes[0], x2, sizes[1]), truth, chance), draws)
        for name, of, interval, truth in intervals
    ]


def _tables(
    n1: int, n2: int, p1: float, p2: float, rng: np.random.Generator
) -> tuple[Floats, Floats, Floats, int]:
    """Events of both groups and the chance of each table: all likely ones, or a sample."""
    likely = [_likely(n, p) for n, p in ((n1, p1), (n2, p2))]
    if len(likely[0]) * len(likely[1]) <= _MOST_TABLES:
        x1, x2 = (a.ravel().astype(float) for a in np.meshgrid(*likely, indexing="ij"))
        chance = _binomial(x1, n1, p1) * _binomial(x2, n2, p2)
        return x1, x2, chance / chance.sum(), 0
    drawn = np.stack([rng.binomial(n1, p1, _DRAWS), rng.binomial(n2, p2, _DRAWS)], axis=1)
    tables, times = np.unique(drawn, axis=0, return_counts=True)
    return tables[:, 0].astype(float), tables[:, 1].astype(float), times / _DRAWS, _DRAWS


def _simulated(n: int, p1: float, p2: float, rng: np.random.Generator) -> list[tuple[Any, ...]]:
    """Intervals of paired, stratified and clustered differences, of 2,000 draws each."""
    draws = 2000
    each = np.full(draws, 1 / draws)
    shared = min(p1, p2) * 0.6
    paired = rng.multinomial(n, [shared, p1 - shared, p2 - shared, 1 - p1 - p2 + shared], size=draws).T
    rows = [("Newcombe, paired", "paired difference", n, n, p1, p2,
             *_covered(newcombe_paired(*paired), p1 - p2, each), draws)]  # fmt: skip
    strata1, strata2 = (
        np.maximum(1, np.rint(n * np.array(shares)).astype(int))
        for shares in ((0.2, 0.3, 0.5), (0.5, 0.3, 0.2))
    )
    shift = np.array([-0.5, 0.0, 0.5]) * min(p1, p2)
    x1, x2 = rng.binomial(strata1, p1 + shift, (draws, 3)), rng.binomial(strata2, p2 + shift, (draws, 3))
    for name, estimate in (
        ("Mantel-Haenszel", mantel_haenszel_difference),
        ("standardised", standardised_difference),
    ):
        interval = estimate(x1, strata1, x2, strata2)[1:]
        rows.append((name, "difference over strata", n, n, p1, p2, *_covered(interval, p1 - p2, each), draws))
    if 100 <= n <= 2000:
        interval = _clustered(n, p1, p2, draws=500, rng=rng)
        covered = _covered(interval, p1 - p2, np.full(500, 1 / 500))
        rows.append(("Newcombe, clusters of 4", "difference with clusters", n, n, p1, p2, *covered, 500))
    return rows


def _clustered(n: int, p1: float, p2: float, *, draws: int, rng: np.random.Generator) -> Interval:
    """Clusters of four images with a correlation of .4 within a cluster, half of them on either side."""
    clusters = n // 4
    sides = []
    for p in (p1, p2):
        own = rng.beta(p * 1.5, (1 - p) * 1.5, size=(clusters, draws))
        sides.append(rng.binomial(4, own).astype(float))
    images, none = np.full((clusters, draws), 4.0), np.zeros((clusters, draws))
    effect = difference_design_effect(
        np.concatenate([sides[0], none]), np.concatenate([images, none]),
        np.concatenate([none, sides[1]]), np.concatenate([none, images]),
    )  # fmt: skip
    size = 4 * clusters / effect
    return newcombe(sides[0].sum(axis=0) / effect, size, sides[1].sum(axis=0) / effect, size)


def _covered(interval: Interval, truth: float, chance: Floats) -> tuple[float, float, float]:
    """Coverage and mean width where the interval is defined, and the share where it is not."""
    low, high = interval
    # An upper limit that is infinite covers, and has no width.
    defined = ~(np.isnan(low) | np.isnan(high))
    within = (low <= truth) & (truth <= high)
    finite = defined & np.isfinite(high)
    weight = chance[defined].sum()
    width = np.average((high - low)[finite], weights=chance[finite]) if finite.any() else np.nan
    return float(chance[defined & within].sum() / weight), float(width), float(1 - weight / chance.sum())


def _likely(n: int, rate: float) -> NDArray[np.int64]:
    """Events that are not beyond all odds: within seven standard deviations, or eight events."""
    reach = 7 * np.sqrt(n * rate * (1 - rate)) + 8
    return np.arange(max(0, int(n * rate - reach)), min(n, int(n * rate + reach)) + 1)


def _binomial(x: NDArray[Any], n: int, rate: float) -> Floats:
    log = special.gammaln(n + 1) - special.gammaln(x + 1) - special.gammaln(n - x + 1)
    return np.asarray(np.exp(log + x * np.log(rate) + (n - x) * np.log1p(-rate)))


@dataclass(frozen=True, kw_only=True)
class Population:
    """Whole audits of a known truth.

    Attributes
    ----------
    rates
        [P, G] true rates.
    sizes
        [P, G] images.
    """

    rates: Floats
    sizes: Counts

    def draw(self, audits: int, *, rng: np.random.Generator) -> Counts:
        """Events [R, P, G]."""
        return rng.binomial(self.sizes, self.rates, size=(audits, *self.rates.shape))


def population(*, images: int, probes: int = 20, gap: float = 0.0, group: int = 6) -> Population:
    """Fourteen unequal groups, so many images in all; a gap in one group of the first probe, or none.

    The rates of the probes are those of `NULL_RATES` in turn; the first probe, which has the gap, .2.
    """
    sizes = np.maximum(3, np.rint(images * GROUP_SHARES)).astype(np.int64)
    rates = np.repeat(np.resize([0.2, *NULL_RATES], probes)[:, None], len(sizes), axis=1)
    rates[0, group] += gap
    return Population(rates=rates, sizes=np.repeat(sizes[None], probes, axis=0))


def found_in(count: Counts, sizes: Counts) -> NDArray[np.bool_]:
    """Which groups the findings of each audit name: [R, P, G], each against the rest.

    The same two steps as `conclusions.findings`: an omnibus test a probe, Holm over the probes; within a
    probe that passes, Holm over its groups.
    """
    size = np.broadcast_to(sizes, count.shape)
    rest_x, rest_n = count.sum(axis=-1, keepdims=True) - count, size.sum(axis=-1, keepdims=True) - size
    p = holm(two_sided_p(count, size, rest_x, rest_n))
    pooled = count.sum(axis=-1, keepdims=True) / size.sum(axis=-1, keepdims=True)
    small = (size * np.minimum(pooled, 1 - pooled) < 5).any(axis=-1)
    omnibus = holm(np.where(small, p.min(axis=-1), homogeneity_p(count, size)))
    return np.asarray((omnibus[..., None] < LEVEL) & (p < LEVEL))


def failed_gates(count: Counts, sizes: Counts, *, margin: float) -> NDArray[np.bool_]:
    """Which gates of each audit fail: [R, P], one a probe, over all its groups against the rest."""
    size = np.broadcast_to(sizes, count.shape)
    rest_x, rest_n = count.sum(axis=-1, keepdims=True) - count, size.sum(axis=-1, keepdims=True) - size
    # An interval contains its difference: one within the margin cannot lie beyond it.
    outside = np.abs(count / size - rest_x / rest_n) > margin
    beyond = np.zeros(count.shape, dtype=bool)
    cells = (a[outside] for a in (count, size, rest_x, rest_n))
    low, high = exact_difference(*cells, confidence=1 - 0.05 / count.shape[-1])
    beyond[outside] = (low > margin) | (high < -margin)
    return np.asarray(beyond.any(axis=-1))


def audit_of(count: Counts, sizes: Counts, *, margin: float) -> AuditResult:
    """The audit itself, [P, G] of one draw: records in, findings and gates out."""
    probes = len(count)
    number, group = (axis.ravel() for axis in np.indices(count.shape))
    names = np.array([f"probe {i:02d}" for i in range(probes)])
    events = pd.DataFrame(
        {
            "probe": names[number], "design": "default", "template": "plain", "rule": "argmax", "threshold":
            np.nan, "group_": [f"g{i:02d}" for i in group], "truth": "(none)", "event_kind": "set", "event":
            "harm", "n": sizes.ravel(), "count": count.ravel(),
        }
    )  # fmt: skip
    events = events.rename(columns={"group_": "origin"})
    outcome = {"name": "harm", "title": "harm", "kind": "set", "sets": ["harm"], "harmful": True}
    probe = {"groups": [["origin"]], "outcomes": [outcome], "truth": None, "classes": [], "references": {}}
    gates = [
        {
            "name": name,
            "probe": name,
            "outcome": "harm",
            "groups": ["origin"],
            "margin": margin,
            "metric": "difference",
        }
        for name in names
    ]
    manifest = {
        "schema_version": SCHEMA_VERSION, "suite": {"name": "simulated"}, "model": {"name": "none"},
        "data": {"name": "simulated"}, "attributes": [attribute_entry("origin")], "seed": 0,
        "probes": [{"name": name, "title": name, **probe} for name in names],
        "gates": gates,
    }  # fmt: skip
    excluded = pd.DataFrame({"probe": [], "reason": [], "origin": [], "n": []}).astype({"n": "int64"})
    records = Records(
        manifest=manifest,
        counts=events,
        curves=empty_counts(["origin"]),
        excluded=excluded.astype({"probe": "str"}),
    )
    return AuditResult.from_records(records)


FALSE_ALARM_COLUMNS = ("images", "margin", "audits", "finding", "gate", "repeated", "disagree")


def false_alarm_table(
    *, audits: int, repeated: int, seed: int = 0, progress: Progress | None = None
) -> pd.DataFrame:
    """Share of audits of 14 groups x 20 probes, without any disparity, that raise a finding or fail a gate.

    Parameters
    ----------
    audits
        Simulated in bulk, for each number of images.
    repeated
        Of these, run again by the audit itself.

    Returns
    -------
    Columns `FALSE_ALARM_COLUMNS`: images in all, margin of the gates (one a probe), audits, finding and gate
    (shares of audits with at least one false alarm), repeated, disagree (audits in which the two ways differ:
    must be 0).
    """
    rows = []
    settings = [(images, margin) for images in (2_000, 11_000) for margin in (0.02, 0.05)]
    for number, (images, margin) in enumerate(settings, start=1):
        truth = population(images=images)
        rng = np.random.default_rng((seed, images))
        count = truth.draw(audits, rng=rng)
        found = [bool(named.any()) for named in found_in(count, truth.sizes)]
        failed = [bool(gates.any()) for gates in failed_gates(count, truth.sizes, margin=margin)]
        disagree = 0
        for audit in range(min(repeated, audits)):
            result = audit_of(count[audit], truth.sizes, margin=margin)
            outcome = (len(result.findings) > 0, result.verdict == "FAIL")
            disagree += outcome != (found[audit], failed[audit])
        rows.append(
            (images, margin, audits, np.mean(found), np.mean(failed), min(repeated, audits), disagree)
        )
        if progress:
            progress("audits without disparity", number, len(settings))
    return pd.DataFrame(rows, columns=list(FALSE_ALARM_COLUMNS))


POWER_COLUMNS = ("images", "n_group", "gap", "audits", "found", "found_only", "detectable")


def power_table(*, audits: int, seed: int = 0, progress: Progress | None = None) -> pd.DataFrame:
    """Share of whole audits in which a gap planted in one group of one of 20 probes is found.

    Returns
    -------
    Columns `POWER_COLUMNS`: images in all, images of the group, gap, audits, found (a finding names the
    group), found_only (and no other group of any probe; the rest of its own probe is compared with a rest
    that has the gap in it, so an alarm there is true), detectable (the gap that the formula of `power` gives
    for 95 % power at a level divided by probes and groups).
    """
    rows = []
    sizes = (2_000, 5_000, 11_000, 30_000)
    for number, images in enumerate(sizes, start=1):
        for gap in (0.02, 0.03, 0.04, 0.05, 0.06, 0.08, 0.1, 0.12, 0.15, 0.2, 0.25, 0.3):
            truth = population(images=images, gap=gap)
            count = truth.draw(audits, rng=np.random.default_rng((seed, images, int(1000 * gap))))
            named = found_in(count, truth.sizes)
            found = named[:, 0, 6]
            others = named[:, 1:].any(axis=(1, 2))
            n = int(truth.sizes[0, 6])
            level = LEVEL / np.prod(truth.sizes.shape)
            detectable = smallest_detectable_gap(0.2, n, images - n, power=0.95, alpha=float(level))
            rows.append((images, n, gap, audits, found.mean(), (found & ~others).mean(), float(detectable)))
        if progress:
            progress("power", number, len(sizes))
    return pd.DataFrame(rows, columns=list(POWER_COLUMNS))
