from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from scipy import stats

from audit.statistics.variation.prompt_variance import change_of_runs, prompt_effect


def layout(prompts: int, *, shared: float, own: float) -> np.ndarray:
    return np.full((prompts, prompts), shared) + np.eye(prompts) * own


@pytest.mark.parametrize(("prompts", "sd"), [(3, 0.5), (5, 1.0), (10, 0.0), (10, 1.0)])
def test_the_interval_covers_the_gap_of_a_further_prompt(prompts: int, sd: float) -> None:
    rng, hits, draws = np.random.default_rng(prompts), 0, 1500
    sampling = layout(prompts, shared=1.0, own=0.3)
    for _ in range(draws):
        images = rng.normal(0, 1)
        found = images + rng.normal(0, sd, prompts) + rng.normal(0, np.sqrt(0.3), prompts)
        effect = prompt_effect(found, sampling)
        hits += effect.prompt_low <= rng.normal(0, sd) <= effect.prompt_high
    assert hits / draws > 0.93


def test_the_variance_between_prompts_is_that_of_restricted_maximum_likelihood() -> None:
    """Images independent between prompts: the gap of a prompt is the mean of 40, own = s^2 / 40."""
    rng = np.random.default_rng(0)
    values = 0.2 + rng.normal(0, 0.15, (8, 1)) + rng.normal(0, 0.4, (8, 40))
    own = float(values.var(axis=1, ddof=1).mean()) / 40
    effect = prompt_effect(values.mean(axis=1), layout(8, shared=0.0, own=own))
    long = pd.DataFrame({"value": values.ravel(), "prompt": np.repeat(np.arange(8), 40)})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = smf.mixedlm("value ~ 1", long, groups=long["prompt"]).fit(reml=True)
    assert effect.sd_prompts**2 == pytest.approx(fit.cov_re.iloc[0, 0], rel=0.01)
    assert effect.difference == pytest.approx(fit.fe_params.iloc[0], abs=1e-6)


def test_by_hand() -> None:
    """0.1, 0.2, 0.3 with own .004 and shared .01: between .01, prompts .006, new .006 (4/3) + .01 + .004/3.

    That is 0.0193; its degrees of freedom 0.0193^2 / ((.01 x 4/3)^2 / 2) = 4.205; t = 2.724.
    """
    effect = prompt_effect([0.1, 0.2, 0.3], layout(3, shared=0.01, own=0.004))
    assert effect.difference == pytest.approx(0.2)
    assert effect.sd_prompts == pytest.approx(0.006**0.5)
    assert effect.degrees_of_freedom == pytest.approx(0.019333**2 / ((0.01 * 4 / 3) ** 2 / 2), rel=1e-3)
    assert effect.prompt_high - 0.2 == pytest.approx(2.724 * 0.019333**0.5, rel=1e-3)
    assert effect.images_high - 0.2 == pytest.approx(1.95996 * (0.01 + 0.004 / 3) ** 0.5, rel=1e-4)


def test_few_prompts_and_prompts_that_do_not_differ() -> None:
    assert np.isnan(prompt_effect([0.1], [[0.01]]).difference)
    two = prompt_effect([0.1, 0.2], layout(2, shared=0.0, own=0.0))
    assert two.sd_prompts == pytest.approx(0.5**0.5 * 0.1)
    assert np.isnan(two.prompt_low)
    same = prompt_effect([0.1] * 3, layout(3, shared=0.01, own=0.0))
    assert same.sd_prompts == pytest.approx(0, abs=1e-12)
    assert (same.prompt_low, same.prompt_high) == pytest.approx((same.images_low, same.images_high))


def test_a_change_of_runs_by_hand() -> None:
    """Runs .1, .2 and .3, .5: change .25; pooled variance (.005 + .02) / 2, no sampling error."""
    found = change_of_runs([0.1, 0.2], [0.3, 0.5], np.zeros((4, 4)))
    assert found.change == pytest.approx(0.25)
    assert found.sd_runs == pytest.approx(np.sqrt(0.0125))
    assert found.degrees_of_freedom == pytest.approx(2)
    assert found.mean_high - found.change == pytest.approx(stats.t.ppf(0.975, 2) * np.sqrt(0.0125))
    assert found.run_high - found.change == pytest.approx(stats.t.ppf(0.975, 2) * np.sqrt(0.0125 * 3))
    assert found.images_low == found.images_high == pytest.approx(0.25)


@pytest.mark.parametrize("sd_runs", [0.0, 0.03])
def test_intervals_of_a_change_of_runs_cover(sd_runs: float) -> None:
    """Three and four runs; images move all runs of both models alike (.02) and each by itself (.01)."""
    rng, n, covered = np.random.default_rng(0), 3000, np.zeros(2)
    covariance = 0.02**2 + 0.01**2 * np.eye(7)
    for _ in range(n):
        error = 0.02 * rng.normal() + 0.01 * rng.normal(size=7)
        values = np.repeat([0.1, 0.15], [3, 4]) + sd_runs * rng.normal(size=7) + error
        found = change_of_runs(values[:3], values[3:], covariance)
        further = 0.05 + sd_runs * np.sqrt(2) * rng.normal()
        covered += [found.mean_low <= 0.05 <= found.mean_high, found.run_low <= further <= found.run_high]
    # Without a spread between runs the intervals for other runs are longer than need be.
    assert ((covered / n > 0.93) & ((covered / n < 0.99) | (sd_runs == 0))).all(), covered / n
