from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from audit.statistics.clusters.cluster_robust import shortened
from audit.statistics.proportion.intervals import clopper_pearson, wilson
from audit.tables.threshold_bands import curve_level, pointwise_level, smallest_tails, with_bands

THRESHOLDS = np.linspace(0, 1, 41)


def curve_of(scores: np.ndarray, *, tone: str = "dark", n: int | None = None) -> pd.DataFrame:
    count = (scores[:, None] >= THRESHOLDS).sum(axis=0)
    low, high = wilson(count, len(scores))
    keys = {"probe": "work", "design": "default", "template": "plain", "rule": "probability"}
    table = pd.DataFrame({"threshold": THRESHOLDS, "n": n or len(scores), "count": count})
    table = table.assign(rate=count / len(scores), low=low, high=high, design_effect=1.0, df=np.nan, note="")
    return table.assign(**keys, outcome="harm", tone=tone)


@pytest.mark.parametrize("n", [40, 300])
def test_the_band_holds_at_all_thresholds_together_in_95_of_100_samples(n: int) -> None:
    rng = np.random.default_rng(n)
    distribution = stats.beta(0.7, 3)
    truth = distribution.sf(THRESHOLDS - 1e-12)
    inside = {"band": 0, "pointwise": 0}
    for seed in range(200):
        bands = with_bands(curve_of(distribution.rvs(n, random_state=rng)), seed=seed)
        for name, ends in (("band", ("band_low", "band_high")), ("pointwise", ("low", "high"))):
            inside[name] += int(((bands[ends[0]] <= truth) & (truth <= bands[ends[1]])).all())
    assert inside["band"] / 200 >= 0.92
    # The intervals of single thresholds together hold far less often than they claim each.
    assert inside["pointwise"] / 200 < 0.88


def test_the_band_is_exact_and_nowhere_narrower_than_one_interval() -> None:
    curve = curve_of(np.random.default_rng(1).beta(1, 3, 200))
    bands = with_bands(curve, seed=0)
    low, high = clopper_pearson(curve["count"], curve["n"])
    assert (bands["band_low"] <= low + 1e-12).all()
    assert (bands["band_high"] >= high - 1e-12).all()
    assert list(bands.columns)[-3:] == ["band_low", "band_high", "note"]


def test_one_threshold_needs_no_more_than_one_interval() -> None:
    # One threshold: a single rate is all there is to miss.
    one = pointwise_level(smallest_tails(np.array([50]), 100, rng=np.random.default_rng(0)))
    assert 0.03 <= one <= 0.05
    # A curve with many steps needs more.
    many = np.arange(100, 0, -1)
    assert pointwise_level(smallest_tails(many, 100, rng=np.random.default_rng(0))) < one / 2


def test_few_clusters_widen_a_curve_once_and_not_at_every_threshold() -> None:
    """40 images of 8 clusters, worth 20: less than Student's quantile at the level, more than none."""
    counts, effective = np.arange(38, 2, -2), np.full(18, 20.0)
    level, factor = curve_level(
        counts, 40, rng=np.random.default_rng(0), effective=effective, freedom=np.full(18, 7.0)
    )
    student = float(shortened(1.0, 7.0, confidence=1 - level))
    assert student < factor < 1
    alone = np.full(18, np.nan)
    same = curve_level(counts, 40, rng=np.random.default_rng(0), effective=effective, freedom=alone)
    plain = pointwise_level(smallest_tails(counts, 40, rng=np.random.default_rng(0)))
    assert same == (plain, 1.0)


def test_a_curve_does_not_depend_on_the_others_and_small_groups_have_no_band() -> None:
    scores = np.random.default_rng(2).beta(1, 3, 50)
    dark, light = curve_of(scores), curve_of(scores / 2, tone="light")
    few = curve_of(scores[:2], tone="medium").assign(rate=np.nan)
    together = with_bands(pd.concat([light, few, dark], ignore_index=True), seed=3)
    alone = with_bands(dark, seed=3)
    own = together[together["tone"] == "dark"].reset_index(drop=True)
    pd.testing.assert_frame_equal(own, alone)
    assert together.loc[together["tone"] == "medium", ["band_low", "band_high"]].isna().all(axis=None)


def test_no_curves_no_bands() -> None:
    bands = with_bands(curve_of(np.array([0.5])).iloc[:0], seed=0)
    assert not len(bands)
    assert "band_low" in bands
