from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy import special

from audit.statistics.clusters.cluster_robust import (
    ClusterMoments,
    common_correlation,
    independent_precision,
    precision_of,
)
from audit.statistics.variation.partial_pooling import pooled_rates
from audit.tables.groups.group_counts import GroupCounts
from audit.tables.pooled_rates import POOLED, pooled_columns

LEVELS = list(itertools.product([f"a{i}" for i in range(7)], ["man", "woman"]))


def grouping(n: np.ndarray, count: np.ndarray, names: list[tuple[str, ...]] = LEVELS) -> GroupCounts:
    """[S, G] counts of groups by age and gender, or by as many of them as the names have."""
    by = ("age", "gender")[: len(names[0])]
    keys = pd.DataFrame({"probe": "p", "outcome": [str(i) for i in range(len(n))]})
    return GroupCounts(
        specifications=keys, by=by, groups=pd.DataFrame(names, columns=list(by), dtype="str"),
        truths=("(none)",), n=n[..., None], count=count[..., None],
    )  # fmt: skip


def test_they_are_the_pooled_rates_of_effective_counts() -> None:
    n, count = np.array([[4, 30, 28], [4, 30, 28]]), np.array([[1, 10, 9], [1, 10, 9]])
    alone = pooled_columns(
        grouping(n, count, [("a",), ("b",), ("c",)]),
        count / n,
        independent_precision(n),
        np.ones(n.shape, bool),
    )
    expected = pooled_rates(count[:1], n[:1], [[0], [1], [2]])
    for name, values in zip(POOLED, (expected.rate, expected.low, expected.high), strict=True):
        np.testing.assert_allclose(alone[name], np.repeat(values, 2, axis=0))


def test_small_groups_tell_nothing_and_get_nothing() -> None:
    n, count = np.array([[2, 30, 28]]), np.array([[2, 10, 9]])
    found = pooled_columns(
        grouping(n, count, [("a",), ("b",), ("c",)]), count / n, independent_precision(n), n >= 3
    )["pooled"]
    assert np.isnan(found[0, 0])
    np.testing.assert_allclose(
        found[0, 1:], pooled_rates([[0, 10, 9]], [[0, 30, 28]], [[0], [1], [2]]).rate[0, 1:]
    )


def test_over_all_images_nothing_is_pooled() -> None:
    whole = GroupCounts(
        specifications=pd.DataFrame({"probe": ["p"]}), by=(), groups=pd.DataFrame(index=range(1)),
        truths=("(none)",), n=np.array([[[9]]]), count=np.array([[[3]]]),
    )  # fmt: skip
    found = pooled_columns(
        whole, np.array([[1 / 3]]), independent_precision(np.array([[9]])), np.ones((1, 1), bool)
    )
    assert all(np.isnan(found[name]).all() for name in POOLED)


@pytest.mark.slow
def test_intervals_cover_with_persons_of_several_images_and_an_estimated_design_effect() -> None:
    """14 cells of 5 to 30 persons with 8 images each, intra-class correlation .3, 200 draws.

    The intervals are to hold on average over cells; the raw rate of the small cells has the larger error.
    """
    rng, draws, images = np.random.default_rng(5), 200, 8
    level = np.array(list(itertools.product(range(7), range(2))))
    persons = rng.integers(5, 31, 14)
    own = np.zeros((int(persons.sum()), 14))
    own[np.arange(len(own)), np.repeat(np.arange(14), persons)] = images
    main = rng.normal(0, 0.5, (draws, 7))[:, level[:, 0]] + rng.normal(0, 0.5, (draws, 2))[:, level[:, 1]]
    truth = special.expit(-1.4 + main + rng.normal(0, 0.3, (draws, 14)))
    a = 0.7 / 0.3
    rate = rng.beta(*(np.repeat(p * a, persons, axis=1) for p in (truth, 1 - truth)))
    events = np.zeros((draws, *own.shape))
    events[:, own > 0] = rng.binomial(images, rate)
    moments = ClusterMoments.of(events, own)
    precision = precision_of(moments, common_correlation(moments))
    n, count = moments.n.astype(int), moments.count.astype(int)
    found = pooled_columns(grouping(n, count), count / n, precision, np.ones(n.shape, bool))
    covered = (found["pooled_low"] <= truth) & (truth <= found["pooled_high"])
    small = persons <= 10
    assert covered.mean() > 0.93
    assert covered[:, small].mean() > 0.92
    raw = np.abs(count / n - truth)[:, small].mean()
    assert np.abs(found["pooled"] - truth)[:, small].mean() < 0.9 * raw
