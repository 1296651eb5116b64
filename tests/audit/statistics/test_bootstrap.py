from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from fairlearn.metrics import MetricFrame, selection_rate
from scipy import stats

from audit.statistics.bootstrap import (
    acceleration,
    bca_interval,
    percentile_interval,
    resample_clusters,
    resample_groups,
    resample_rows,
)

# Groups x (truth 0 predicted 0, 0-1, 1-0, 1-1).
TABLE = np.array([[40, 8, 6, 46], [90, 25, 30, 155], [12, 3, 9, 26]])


def rows_of(table: np.ndarray) -> pd.DataFrame:
    group, cell = (axis.ravel() for axis in np.indices(table.shape))
    frame = pd.DataFrame({"group": group, "truth": cell // 2, "prediction": cell % 2})
    return frame.loc[frame.index.repeat(table.ravel())]


def accuracies(tables: np.ndarray) -> np.ndarray:
    return tables[..., [0, 3]].sum(axis=-1) / tables.sum(axis=-1)


def selection(tables: np.ndarray) -> np.ndarray:
    return tables[..., [1, 3]].sum(axis=-1) / tables.sum(axis=-1)


@pytest.mark.slow
def test_intervals_equal_fairlearns_within_the_noise_of_two_seeds() -> None:
    rows = rows_of(TABLE)

    def theirs(seed: int) -> np.ndarray:
        frame = MetricFrame(
            metrics={
                "accuracy": lambda truth, predicted: (truth == predicted).mean(),
                "selection": selection_rate,
            },
            y_true=rows["truth"],
            y_pred=rows["prediction"],
            sensitive_features=rows[["group"]],
            n_boot=60,
            ci_quantiles=[0.025, 0.975],
            random_state=seed,
        )
        return np.stack([ci[["accuracy", "selection"]].to_numpy(dtype=float) for ci in frame.by_group_ci])

    first, second = theirs(1), theirs(2)
    drawn = resample_rows(TABLE, replicates=20_000, seed=3)
    ours = np.stack([percentile_interval(metric(drawn)) for metric in (accuracies, selection)], axis=-1)
    noise = np.abs(first - second).max()
    assert np.abs(ours - (first + second) / 2).max() < noise


def test_replicates_have_the_moments_of_the_multinomial() -> None:
    n, shares = TABLE.sum(), TABLE / TABLE.sum()
    drawn = resample_rows(TABLE, replicates=20_000, seed=1)
    assert (drawn.sum(axis=(1, 2)) == n).all()
    np.testing.assert_allclose(drawn.mean(axis=0), TABLE, rtol=0.02)
    np.testing.assert_allclose(drawn.var(axis=0), n * shares * (1 - shares), rtol=0.06)


def test_stratified_replicates_keep_the_group_sizes_and_an_empty_group() -> None:
    table = np.vstack([TABLE, np.zeros(4, dtype=int)])
    drawn = resample_groups(table, replicates=500, seed=1)
    assert (drawn.sum(axis=2) == table.sum(axis=1)).all()
    assert drawn[:, 3].sum() == 0


def test_poisson_weights_keep_clusters_together() -> None:
    # Each cluster is all events or none: the rate varies as that of 200 clusters, not of 1,000 images.
    events = np.repeat([5.0, 0.0], [60, 140])
    drawn = resample_clusters(np.stack([events, np.full(200, 5.0)], axis=1), replicates=4000, seed=2)
    rate = drawn[:, 0] / drawn[:, 1]
    assert rate.std() == pytest.approx(np.sqrt(0.3 * 0.7 / 200), rel=0.05)


def test_percentiles_leave_out_undefined_replicates_and_refuse_width_zero() -> None:
    values = np.array([[0.1, np.nan, 0.5], [np.nan, np.nan, 0.5], [0.3, np.nan, 0.5]])
    low, high = percentile_interval(values)
    assert (low[0], high[0]) == pytest.approx((0.105, 0.295))
    assert np.isnan([low[1:], high[1:]]).all()


def test_bca_equals_scipys_within_its_noise() -> None:
    # A ratio of shares, skewed: 3 cells of 60 rows.
    counts = np.array([9, 15, 36])
    cells = np.repeat([0, 1, 2], counts)

    def ratio(table: np.ndarray) -> np.ndarray:
        with np.errstate(divide="ignore", invalid="ignore"):
            return table[..., 0] / table[..., 1]

    def of_rows(rows: np.ndarray, axis: int) -> np.ndarray:
        return (rows == 0).sum(axis=axis) / np.maximum((rows == 1).sum(axis=axis), 1)

    ours = bca_interval(counts, ratio, replicates=40_000, seed=4)
    theirs = stats.bootstrap(
        (cells,), of_rows, n_resamples=20_000, method="BCa", rng=np.random.default_rng(5), vectorized=True
    ).confidence_interval
    assert [float(limit) for limit in ours] == pytest.approx([theirs.low, theirs.high], rel=0.04)


def test_acceleration_by_hand() -> None:
    # A share of 1 in 4: leaving out an event gives 0, a non-event 1/3. Their mean is 1/4, so the deviations
    # are 1/4 once and -1/12 three times: (1/64 - 3/1728) / (6 (1/16 + 3/144)^1.5).
    value = acceleration(np.array([1.0, 3.0]), lambda table: table[..., 0] / table.sum(axis=-1))
    assert value == pytest.approx((1 / 64 - 3 / 1728) / (6 * (1 / 16 + 3 / 144) ** 1.5))


def test_bca_of_a_constant_or_undefined_statistic_is_nan() -> None:
    share = lambda table: table[..., 0] / table.sum(axis=-1)  # noqa: E731
    with np.errstate(invalid="ignore"):
        for counts in ([0, 5], [7, 0], [0, 0]):
            assert np.isnan(bca_interval(counts, share, replicates=50)).all()


def test_the_seed_decides() -> None:
    one, same, other = (resample_groups(TABLE, replicates=5, seed=seed) for seed in (1, 1, 2))
    assert (one == same).all()
    assert (one != other).any()
