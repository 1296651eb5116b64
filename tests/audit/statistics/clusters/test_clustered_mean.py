"""The clustered mean against statsmodels' cluster-robust regression on a constant."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm

from audit.statistics.clusters.clustered_mean import clustered_mean


def test_it_is_the_cluster_robust_interval_of_statsmodels() -> None:
    rng = np.random.default_rng(0)
    clusters = np.repeat(np.arange(12), rng.integers(1, 6, 12))
    x = rng.standard_normal(len(clusters)) + rng.standard_normal(12)[clusters]
    fit = sm.OLS(x, np.ones(len(x))).fit(
        cov_type="cluster", cov_kwds={"groups": clusters, "use_correction": False}, use_t=True
    )
    mean, low, high = clustered_mean(x, clusters)
    assert mean == pytest.approx(fit.params[0])
    # statsmodels leaves out K / (K - 1), which is ours: 12 / 11.
    import scipy.stats

    reach = scipy.stats.t.ppf(0.975, 11) * fit.bse[0] * np.sqrt(12 / 11)
    assert (low, high) == (pytest.approx(mean - reach), pytest.approx(mean + reach))


def test_one_cluster_and_nothing_have_no_interval() -> None:
    assert np.isnan(clustered_mean([], np.array([], int))).all()
    mean, low, high = clustered_mean([1.0, 0.0], np.array([3, 3]))
    assert mean == 0.5
    assert np.isnan([low, high]).all()
