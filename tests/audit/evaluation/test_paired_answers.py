from __future__ import annotations

import numpy as np
import pytest

from audit.evaluation.paired_answers import compare_answers
from audit.statistics.proportion.paired import mcnemar_p, newcombe_paired


def test_answers_are_compared_by_mcnemar_and_newcombe() -> None:
    first = np.array([1, 1, 1, 1, 1, 0, 0, 0], bool)
    second = np.array([1, 0, 0, 0, 1, 1, 0, 0], bool)
    found = compare_answers(first, second)
    low, high = newcombe_paired(2, 3, 1, 2)
    assert (found.only_first, found.only_second, found.n) == (3, 1, 8)
    assert found.difference == 0.25 and found.p == float(mcnemar_p(3, 1))
    assert (found.low, found.high) == (float(low), float(high))


def test_clusters_widen_a_comparison_and_probabilities_have_a_t_interval() -> None:
    rng = np.random.default_rng(0)
    first = np.repeat(rng.random(30) < 0.7, 4)
    second = np.repeat(rng.random(30) < 0.4, 4)
    clusters = np.repeat(np.arange(30), 4).astype(str).tolist()
    plain, clustered = compare_answers(first, second), compare_answers(first, second, clusters)
    assert clustered.difference == plain.difference and clustered.p > plain.p
    assert clustered.high - clustered.low > plain.high - plain.low
    shares = compare_answers(np.array([0.5, 1.0, 0.0, 0.5]), np.array([0.0, 0.5, 0.5, 0.0]))
    # Differences .5, .5, -.5, .5: mean .25, standard deviation .5, error .25; t with 3 degrees is 3.182.
    assert shares.difference == 0.25
    assert (shares.low, shares.high) == (
        pytest.approx(0.25 - 3.182 * 0.25, abs=1e-3),
        pytest.approx(1.0456, abs=1e-3),
    )
    with pytest.raises(ValueError, match="4 answers against 3"):
        compare_answers(first[:4], second[:3])
