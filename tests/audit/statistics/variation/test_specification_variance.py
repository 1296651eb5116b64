from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest

from audit.statistics.variation.specification_variance import PARTS, factor_bases, variance_parts

CROSSED = pd.DataFrame(
    list(itertools.product(["default", "with_child"], ["plain", "photo", "art"], [0.1, 0.5])),
    columns=["design", "template", "threshold"],
).assign(rule="probability")
WAYS = factor_bases(CROSSED)
EXACT = np.zeros((12, 12))
DESIGN, TEMPLATE, THRESHOLD = (
    CROSSED["design"].map({"default": -1.0, "with_child": 1.0}).to_numpy(),
    CROSSED["template"].map({"plain": -1.0, "photo": 0.0, "art": 1.0}).to_numpy(),
    CROSSED["threshold"].map({0.1: -1.0, 0.5: 1.0}).to_numpy(),
)


def test_without_sampling_noise_the_parts_are_those_of_the_analysis_of_variance() -> None:
    d = 0.2 + 0.03 * DESIGN + 0.05 * TEMPLATE + 0.02 * THRESHOLD + 0.01 * DESIGN * THRESHOLD
    parts = variance_parts(d, EXACT, WAYS)
    # Contrasts of -1 and 1 have a mean square of 1, the three templates one of 2/3.
    assert parts["design"] == pytest.approx(0.03**2)
    assert parts["template"] == pytest.approx(0.05**2 * 2 / 3)
    assert parts["threshold"] == pytest.approx(0.02**2)
    assert parts["interaction"] == pytest.approx(0.01**2)
    assert parts["sampling"] == 0
    assert sum(parts.values()) == pytest.approx(np.var(d))


def test_sampling_noise_is_taken_out_on_average() -> None:
    rng = np.random.default_rng(1)
    # The errors of the specifications are far from independent: the same images answer.
    covariance = 0.02**2 * (0.6 + 0.4 * np.eye(12))
    true = 0.03 * DESIGN
    drawn = rng.multivariate_normal(true, covariance, size=3000)
    parts = pd.DataFrame([variance_parts(d, covariance, WAYS) for d in drawn])
    assert parts["sampling"].mean() == pytest.approx(0.02**2)
    assert parts["design"].mean() == pytest.approx(0.03**2, rel=0.05)
    # Left in, the noise would have added 2/12 of the variance that the ways do not share.
    raw = pd.DataFrame([variance_parts(d, EXACT, WAYS) for d in drawn])["template"].mean()
    assert raw == pytest.approx(0.02**2 * 0.4 * 2 / 12, rel=0.1)
    assert parts["template"].mean() < raw


def test_a_factor_with_one_level_has_no_variance() -> None:
    plain = CROSSED[CROSSED["template"] == "plain"]
    parts = variance_parts(np.array([0.1, 0.2, 0.3, 0.4]), np.zeros((4, 4)), factor_bases(plain))
    assert parts["template"] == 0
    assert parts["design"] == pytest.approx(0.1**2)
    assert parts["threshold"] == pytest.approx(0.05**2)


def test_argmax_is_a_level_of_the_threshold() -> None:
    ways = pd.DataFrame(
        {
            "design": "default",
            "template": "plain",
            "rule": ["argmax", "probability"],
            "threshold": [np.nan, 0.5],
        }
    )
    parts = variance_parts(np.array([0.1, 0.3]), np.zeros((2, 2)), factor_bases(ways))
    assert parts["threshold"] == pytest.approx(0.1**2)


def test_ways_that_are_not_crossed_still_add_up() -> None:
    some = CROSSED.iloc[[0, 1, 2, 5, 8, 11]]
    d = np.array([0.1, 0.3, 0.2, 0.5, 0.1, 0.0])
    assert sum(variance_parts(d, np.zeros((6, 6)), factor_bases(some)).values()) == pytest.approx(np.var(d))


def test_unknown_covariance_gives_no_parts() -> None:
    parts = variance_parts(np.zeros(12), np.full((12, 12), np.nan), WAYS)
    assert list(parts) == list(PARTS)
    assert np.isnan(list(parts.values())).all()
