"""Rates of images, shares of events, means over sets, and what is made of two sides' means."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from audit.statistics.bounded_means import bounded_mean, signed_mean
from audit.statistics.clusters.cluster_robust import (
    ClusterMoments,
    common_correlation,
    independent_precision,
    precision_of,
)
from audit.statistics.clusters.clustered_means import mean_difference
from audit.statistics.clusters.design_effects import change_design_effect, difference_design_effect
from audit.statistics.proportion.proportions import newcombe
from audit.tables.measure_statistics.family import FIRST, SECOND, Bools, Family, Item, estimate, too_few
from audit.tables.rates import rate_interval as interval_of_rate
from clipmodel.array_types import Floats, Integers

Rows = Iterator[dict[str, Any]]
Estimate = tuple[float, float, float]


def rates(family: Family) -> Rows:
    """Share of images, with the interval that stands next to every rate of an audit."""
    for item, group in zip(family.items(), family.groups(), strict=True):
        own = item.inside(group)
        yield _rate(
            item.values[own], item.cluster[own], family, correlation=_correlation(item, family),
            weights=item.survey_of(own),
        )  # fmt: skip


def shares_of_events(family: Family) -> Rows:
    """P(group | event): of the images with the event, the share of a group."""
    for item, group in zip(family.items(), family.groups(), strict=True):
        events = item.known(family.by) & (item.values > 0)
        own = item.inside(group)[events].astype(float)
        yield _rate(own, item.cluster[events], family, weights=item.survey_of(events))


def _correlation(item: Item, family: Family) -> float | None:
    """The correlation of images of a cluster, common to all groups of the family's grouping."""
    if not family.scalars.clustered and item.survey is None:
        return None
    known = item.known(family.by)
    if family.by:
        names = item.labels.loc[known, list(family.by)].astype("str")
        group = names.groupby(list(family.by), sort=True).ngroup().to_numpy()
    else:
        group = np.zeros(int(known.sum()), dtype=np.int64)
    if not len(group):
        return None
    cluster = np.unique(item.cluster[known], return_inverse=True)[1]
    shape = (int(cluster.max()) + 1, int(group.max()) + 1)
    flat = cluster * shape[1] + group
    size = shape[0] * shape[1]
    told = np.ones(len(flat)) if item.survey is None else item.survey[known]
    count, n, own = (
        np.bincount(flat, weights=each, minlength=size).reshape(shape)
        for each in (told * item.values[known], told, told**2)
    )
    return float(common_correlation(ClusterMoments.of(count, n, own))[..., 0])


def rate_interval(
    values: Floats, cluster: Integers, *, clustered: bool, correlation: float | None = None,
    weights: Floats | None = None,
) -> tuple[float, float]:  # fmt: skip
    """Low and high of a share, of effective images; as `tables.rates` has them.

    Parameters
    ----------
    values
        [N] whether the event happened.
    cluster
        [N] codes.
    clustered
        Whether some cluster of the probe holds several images.
    correlation
        Of the images of a cluster, over all groups that are compared; that of these images if left out.
    weights
        [N] what each image counts for; the same for all if left out.
    """
    n, events = float(len(values)), float(values.sum())
    precision = independent_precision([n])
    if (clustered or weights is not None) and n:
        told = np.ones(len(values)) if weights is None else weights
        count, size = counts_by_cluster(values, cluster, told)
        own = counts_by_cluster(told, cluster, told)[0]
        moments = ClusterMoments.of(count[:, None], size[:, None], own[:, None])
        precision = precision_of(moments, common_correlation(moments) if correlation is None else correlation)
        if weights is not None:
            # Effective images are of the sum of weights, which need not be that of the images here.
            n = float(size.sum())
            events = float(count.sum())
    low, high = interval_of_rate([events], [n], precision.effective, precision.freedom)
    return float(low[0]), float(high[0])


def counts_by_cluster(
    values: Floats, cluster: Integers, weights: Floats | None = None
) -> tuple[Floats, Floats]:
    """[K] sums and images of each cluster, or weighted sums and weights."""
    code = np.unique(cluster, return_inverse=True)[1]
    told = np.ones(len(values)) if weights is None else weights
    sums, sizes = (np.bincount(code, weights=each).astype(float) for each in (told * values, told))
    return sums, sizes


def _rate(
    values: Floats, cluster: Integers, family: Family, *, correlation: float | None = None,
    weights: Floats | None = None,
) -> dict[str, Any]:  # fmt: skip
    n, clusters = len(values), len(np.unique(cluster))
    if n < family.least:
        return too_few(n=n, clusters=clusters, least=family.least)
    clustered = family.scalars.clustered
    low, high = rate_interval(values, cluster, clustered=clustered, correlation=correlation, weights=weights)
    value = float(np.average(values, weights=weights))
    return estimate(n=n, clusters=clusters, value=value, low=low, high=high)


def means_over_sets(family: Family) -> Rows:
    """The mean over sets of a share between 0 and 1: a flip rate."""
    yield from _over_sets(family, signed=False)


def signed_means_over_sets(family: Family) -> Rows:
    """The mean over sets of a change between -1 and 1."""
    yield from _over_sets(family, signed=True)


def _over_sets(family: Family, *, signed: bool) -> Rows:
    for item in family.items():
        n, pairs = len(item.values), int(item.weights.sum())
        note = f"{pairs:,} pairs in {n:,} sets"
        if n < family.least:
            note += f"; fewer than {family.least} sets"
            yield estimate(n=n, clusters=n, value=np.nan, note=note)
            continue
        low, high = (signed_mean if signed else bounded_mean)(item.values, weights=item.survey)
        value = float(np.average(item.values, weights=item.survey))
        yield estimate(n=n, clusters=n, value=value, low=low, high=high, note=note)


def _of_two_sides(family: Family, estimated: Callable[[Item, tuple[Bools, Bools]], Estimate]) -> Rows:
    """A row per item, of both of its sides; none has an estimate if a side has too few images."""
    for item in family.items():
        sides = item.side == FIRST, item.side == SECOND
        sizes = [int(own.sum()) for own in sides]
        clusters = len(np.unique(item.cluster[sides[0] | sides[1]]))
        if min(sizes) < family.least:
            yield too_few(n=sum(sizes), clusters=clusters, least=family.least)
            continue
        value, low, high = estimated(item, sides)
        yield estimate(n=sum(sizes), clusters=clusters, value=value, low=low, high=high)


def differences_of_sides(family: Family) -> Rows:
    """The mean of the first side less that of the second: Newcombe's interval for shares."""
    clustered = family.scalars.clustered

    def difference(item: Item, sides: tuple[Bools, Bools]) -> Estimate:
        low, high = difference_interval(
            item.values, sides, item.cluster, clustered=clustered, weights=item.survey
        )
        return float(np.subtract(*side_means(item.values, sides, item.survey))), low, high

    yield from _of_two_sides(family, difference)


def side_means(values: Floats, sides: tuple[Bools, Bools], weights: Floats | None) -> tuple[float, float]:
    """The mean of either side, weighted if there are weights."""
    first, second = (
        float(np.average(values[own], weights=None if weights is None else weights[own])) for own in sides
    )
    return first, second


def difference_interval(
    values: Floats, sides: tuple[Bools, Bools], cluster: Integers, *, clustered: bool,
    weights: Floats | None = None,
) -> tuple[float, float]:  # fmt: skip
    """95 % interval of the difference of two sides' means, within -1 and 1.

    Shares have Newcombe's, of counts over the design effect of the difference; other numbers Student's. With
    weights the means are weighted, and the variance is the linearised one (`change_design_effect`).
    """
    used = sides[0] | sides[1]
    shares = bool(np.isin(values[used], (0.0, 1.0)).all())
    if weights is not None and shares:
        side = np.where(sides[0], 1, np.where(sides[1], -1, 0))
        effect = float(
            change_design_effect(values[:, None], used[:, None], side, cluster, weights=weights)[0]
        )
        rates = side_means(values, sides, weights)
        # The design effect is in units of images of equal weight: so n counts images, and the rates are
        # weighted.
        n1, n2 = (float(own.sum()) / effect for own in sides)
        low, high = newcombe(rates[0] * n1, n1, rates[1] * n2, n2)
        return float(low), float(high)
    if shares:
        effect = 1.0
        code = np.unique(cluster[used], return_inverse=True)[1]
        width = int(code.max(initial=-1)) + 1
        counts = [
            (np.bincount(code[own[used]], weights=values[own], minlength=width),
             np.bincount(code[own[used]], minlength=width).astype(float))
            for own in sides
        ]  # fmt: skip
        if clustered:
            effect = float(difference_design_effect(*counts[0], *counts[1]))
        (x1, n1), (x2, n2) = ((x.sum() / effect, n.sum() / effect) for x, n in counts)
        low, high = newcombe(x1, n1, x2, n2)
        return float(low), float(high)
    told = None if weights is None else weights[used]
    found = mean_difference(values[used, None], sides[0][used], cluster[used], weights=told)
    limits = found.interval()
    return max(float(limits[0][0]), -1.0), min(float(limits[1][0]), 1.0)


def means_of_sides(family: Family) -> Rows:
    """The mean of two sides' rates, whatever their sizes: its interval joins those of both."""
    clustered = family.scalars.clustered

    def mean_rate(item: Item, sides: tuple[Bools, Bools]) -> Estimate:
        limits = [
            rate_interval(
                item.values[own], item.cluster[own], clustered=clustered, weights=item.survey_of(own)
            )
            for own in sides
        ]
        shares = side_means(item.values, sides, item.survey)
        mean = sum(shares) / 2
        below, above = (
            [abs(limit[end] - share) for limit, share in zip(limits, shares, strict=True)] for end in (0, 1)
        )
        # Both halves move together if clusters have images on both sides: their errors then add up.
        join = sum if _shared(item, sides) else np.hypot.reduce
        low, high = mean - float(join(below)) / 2, mean + float(join(above)) / 2
        return mean, max(low, 0.0), min(high, 1.0)

    yield from _of_two_sides(family, mean_rate)


def _shared(item: Item, sides: tuple[Bools, Bools]) -> bool:
    return bool(np.isin(item.cluster[sides[0]], item.cluster[sides[1]]).any())


def reported(family: Family) -> Rows:
    """A number that the probe computed itself: without interval or p."""
    for item, group in zip(family.items(), family.groups(), strict=True):
        own = item.inside(group)
        if np.count_nonzero(own) != 1:
            raise ValueError(f"scalars: {np.count_nonzero(own)} rows for one reported number, expected 1")
        yield estimate(n=int(item.weights[own][0]), clusters=0, value=float(item.values[own][0]))
