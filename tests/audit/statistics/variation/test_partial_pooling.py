from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import optimize, sparse, special, stats
from statsmodels.genmod.bayes_mixed_glm import BinomialBayesMixedGLM

from audit.statistics.clusters.design_effects import rate_design_effect
from audit.statistics.variation.partial_pooling import SD_INTERACTION, SD_INTERCEPT, _fit, pooled_rates

LEVELS = np.array(list(itertools.product(range(7), range(2))))
SMALL = 20


def drawn(seed: int, *, main: float, own: float, base: float, size: int = 150):  # type: ignore[no-untyped-def]
    """Families of 14 cells, half of them with 5 to 20 images: true rates, events and images [S, G]."""
    rng = np.random.default_rng(seed)
    n = np.broadcast_to(
        rng.permutation([5, 8, 10, 12, 15, 18, 20, 40, 60, 80, 100, 150, 200, 300]), (size, 14)
    )
    first, second = rng.normal(0, main, (size, 7)), rng.normal(0, main, (size, 2))
    eta = base + first[:, LEVELS[:, 0]] + second[:, LEVELS[:, 1]] + rng.normal(0, own, (size, 14))
    truth = special.expit(eta)
    return truth, rng.binomial(n, truth), n


@pytest.mark.parametrize(("main", "own", "base"), [(0.3, 0.0, -3.0), (0.8, 0.3, -1.4), (1.0, 1.0, 0.0)])
def test_small_cells_are_covered_and_their_error_falls(main: float, own: float, base: float) -> None:
    truth, count, n = drawn(1, main=main, own=own, base=base)
    pooled = pooled_rates(count, n, LEVELS)
    small = n <= SMALL
    covered = (pooled.low <= truth) & (truth <= pooled.high)
    assert covered.mean() > 0.93
    assert covered[small].mean() > 0.92
    raw = ((count / n - truth)[small] ** 2).mean()
    assert ((pooled.rate - truth)[small] ** 2).mean() < raw


def test_clusters_enter_by_their_design_effect() -> None:
    """Persons of 8 images each, intra-class correlation .3: without the design effect coverage falls."""
    rng = np.random.default_rng(2)
    truth, _, _ = drawn(3, main=0.5, own=0.3, base=-1.4)
    persons, images = rng.integers(5, 30, 14), 8
    count, effect = np.zeros(truth.shape), np.ones(truth.shape)
    for cell, number in enumerate(persons):
        a, b = (p[:, [cell]] * (1 - 0.3) / 0.3 for p in (truth, 1 - truth))
        events = rng.binomial(images, rng.beta(a, b, (len(truth), number)))
        count[:, cell] = events.sum(axis=1)
        effect[:, cell] = rate_design_effect(events.T, np.full(events.T.shape, images))
    n = np.broadcast_to(persons * images, truth.shape)
    aware, blind = pooled_rates(count / effect, n / effect, LEVELS), pooled_rates(count, n, LEVELS)
    assert ((aware.low <= truth) & (truth <= aware.high)).mean() > 0.93
    assert ((blind.low <= truth) & (truth <= blind.high)).mean() < 0.85


def test_the_mode_is_that_of_the_penalised_likelihood() -> None:
    """The naive way: minimise the negative log posterior over all cells, with the full covariance."""
    rng = np.random.default_rng(4)
    n = rng.integers(1, 40, (1, 14)).astype(float)
    x = rng.binomial(n.astype(int), 0.3).astype(float)
    design = np.concatenate([np.ones((14, 1)), np.eye(7)[LEVELS[:, 0]], np.eye(2)[LEVELS[:, 1]]], axis=1)
    fit = _fit(x, n, design, np.array([[-1.0]]), main=0.5, interaction=0.35)
    scale = np.array([SD_INTERCEPT**2, *[0.5**2] * 9])
    covariance = design @ np.diag(scale) @ design.T + 0.35**2 * np.eye(14)
    inverse = np.linalg.inv(covariance)

    def negative(eta: np.ndarray) -> float:
        likelihood = (x[0] * eta - n[0] * np.logaddexp(0, eta)).sum()
        return float(0.5 * (eta + 1) @ inverse @ (eta + 1) - likelihood)

    best = optimize.minimize(negative, np.full(14, -1.0), method="BFGS", options={"gtol": 1e-9}).x
    np.testing.assert_allclose(fit.mean[0], best, atol=1e-4)
    p = special.expit(best)
    hessian = inverse + np.diag(n[0] * p * (1 - p))
    np.testing.assert_allclose(fit.variance[0], np.diag(np.linalg.inv(hessian)), rtol=1e-3)
    log_det = np.linalg.slogdet(np.eye(14) + covariance @ np.diag(n[0] * p * (1 - p)))[1]
    assert fit.evidence[0] == pytest.approx(-negative(best) - 0.5 * log_det, abs=1e-5)


def test_large_cells_keep_their_rate_and_empty_ones_get_that_of_their_attributes() -> None:
    n = np.array([[10_000, 10_000, 10_000, 0]])
    count = np.array([[1_000, 3_000, 1_000, 0]])
    levels = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    pooled = pooled_rates(count, n, levels)
    np.testing.assert_allclose(pooled.rate[0, :3], [0.1, 0.3, 0.1], atol=0.005)
    assert 0.15 < pooled.rate[0, 3] < 0.4  # the second attribute triples the rate
    assert pooled.high[0, 3] - pooled.low[0, 3] > 0.2
    half = 1.96 * np.sqrt(0.1 * 0.9 / 10_000)
    np.testing.assert_allclose(pooled.high[0, 0] - pooled.low[0, 0], 2 * half, rtol=0.1)


def test_one_attribute_and_no_evidence() -> None:
    pooled = pooled_rates(
        [[2, 8, 0], [0, 0, 0], [0, 5, 0]], [[10, 40, 0], [9, 9, 9], [0, 9, 0]], [[0], [1], [2]]
    )
    assert pooled.rate[0] == pytest.approx([0.2] * 3, abs=0.05)
    assert (pooled.rate[1] > 0).all()
    assert (pooled.high[1] < stats.beta.ppf(0.975, 1, 9)).all()
    assert np.isnan([pooled.rate[2], pooled.low[2], pooled.high[2]]).all()
    assert len(SD_INTERACTION) == len(set(SD_INTERACTION))


def test_rates_agree_with_the_mixed_model_of_statsmodels() -> None:
    """Variational Bayes of the same model with other priors (log-normal on the standard deviations)."""
    levels = np.array(list(itertools.product(range(5), range(3))))
    rng = np.random.default_rng(3)
    n = rng.permutation([6, 8, 10, 12, 15, 20, 25, 30, 40, 60, 80, 100, 150, 200, 300])
    main = rng.normal(0, 0.6, 5)[levels[:, 0]] + rng.normal(0, 0.6, 3)[levels[:, 1]]
    x = rng.binomial(n, special.expit(-1 + main + rng.normal(0, 0.4, 15)))
    effects = np.concatenate([np.eye(5)[levels[:, 0]], np.eye(3)[levels[:, 1]], np.eye(15)], axis=1)
    cell = np.repeat(np.arange(15), n)
    happened = np.concatenate([np.arange(size) < events for size, events in zip(n, x, strict=True)])
    fit = BinomialBayesMixedGLM(
        happened.astype(float), np.ones((len(cell), 1)), sparse.csr_matrix(effects[cell]),
        np.repeat([0, 0, 1], [5, 3, 15]), vcp_p=1, fe_p=2,
    ).fit_vb()  # fmt: skip
    theirs = special.expit(fit.fe_mean[0] + effects @ fit.vc_mean)
    ours = pooled_rates([x], [n], levels).rate[0]
    np.testing.assert_allclose(ours, theirs, atol=0.03)
    assert np.abs(x / n - theirs).max() > 0.1  # where it matters: six images
