from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from audit.calibration.scenarios import BY_NAME, drawn, latent_correlation, predictions_of, suite_of
from probes.suite.suite import Suite


def test_scores_have_the_rates_and_the_correlation_that_they_should() -> None:
    scenario = replace(BY_NAME["persons"], persons=(3000, 3000), sizes="ten", probes=1)
    table = predictions_of(scenario, seed=1)
    for threshold, rate in zip((0.3, 0.5), scenario.rates(np.array([0.3, 0.5]))[0, 0], strict=True):
        happened = table["score_harm 0"] >= threshold
        assert happened.mean() == pytest.approx(rate, abs=0.012)
    assert scenario.rates(np.array([0.5]))[0, 0, 0] == pytest.approx(0.2)
    # Correlation within persons, from the variance of their means: (1 + 9 rho) p (1 - p) / 10.
    happened = (table["score_harm 0"] >= 0.5).groupby(table["subject_id"]).mean()
    assert (happened.var() * 10 / (0.2 * 0.8) - 1) / 9 == pytest.approx(0.4, abs=0.03)
    assert table.groupby("subject_id")["tone"].nunique().max() == 1


def test_the_latent_correlation_at_its_ends() -> None:
    assert latent_correlation(0.0, 0.2) == 0
    # Cutting a normal variable in two loses correlation: the latent one is larger, and grows with it.
    assert 0.4 < latent_correlation(0.4, 0.2) < latent_correlation(0.6, 0.2) < 1


@pytest.mark.parametrize("name", BY_NAME)
def test_every_scenario_is_a_suite(name: str) -> None:
    suite = Suite.model_validate(suite_of(BY_NAME[name]))
    assert len(suite.probes) == BY_NAME[name].probes


def test_weights_undo_the_selection_of_persons() -> None:
    """Plain shares lie above the rates of the scenario, weighted ones are theirs; Kish: exp(-c^2)."""
    scenario = replace(BY_NAME["weighted"], persons=(40_000,), probes=1)
    one = drawn(scenario, seed=1)
    reached, weights = one.scores[0] >= 0.5, one.image_weights
    assert np.average(reached, weights=weights) == pytest.approx(scenario.rate(0, 0), abs=0.01)
    assert reached.mean() > scenario.rate(0, 0) + 0.05
    assert one.weights is not None
    kish = one.weights.sum() ** 2 / (one.weights**2).sum() / len(one.weights)
    assert kish == pytest.approx(np.exp(-(scenario.selection**2)), rel=0.05)
    assert suite_of(scenario)["population"] == {"weights": "survey_weight"}
    assert (predictions_of(replace(scenario, persons=(30,)), seed=1)["survey_weight"] > 0).all()


def test_the_last_group_may_answer_more_alike_than_others() -> None:
    scenario = replace(BY_NAME["unequal"], persons=(3000, 3000), sizes="ten", probes=1)
    one = drawn(scenario, seed=2)
    person = np.repeat(np.arange(6000), one.images)
    share = np.bincount(person, one.scores[0] >= 0.5) / 10
    variances = [share[one.group == group].var() for group in (0, 1)]
    # p q (1 + 9 rho) / 10 at p = .2.
    assert variances == pytest.approx([0.016 * (1 + 9 * rho) for rho in (0.1, 0.6)], rel=0.1)
