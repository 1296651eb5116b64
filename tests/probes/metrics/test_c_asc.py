"""C-ASC against loops over its formula, cases by hand, and the trap of a large scan without a correction."""

from __future__ import annotations

import math
import statistics
from itertools import combinations

import numpy as np
import pytest

from probes.metrics.c_asc import adjust_bh, association_test, contrastive_scores
from probes.metrics.weat import sc_weat


def cosine(u: np.ndarray, v: np.ndarray) -> float:
    return float(u @ v / math.sqrt(float(u @ u) * float(v @ v)))


def naive_casc(column: list[float], member: list[bool]) -> float:
    inside = [value for value, is_in in zip(column, member, strict=True) if is_in]
    outside = [value for value, is_in in zip(column, member, strict=True) if not is_in]
    return (statistics.fmean(inside) - statistics.fmean(outside)) / statistics.stdev(column)


@pytest.mark.parametrize("seed", range(3))
def test_casc_matches_loops_over_the_formula(seed: int) -> None:
    rng = np.random.default_rng(seed)
    similarities, groups = rng.normal(size=(40, 5)), rng.integers(0, 3, 40)
    found = contrastive_scores(similarities, groups, n_groups=3)
    for word in range(5):
        for group in range(3):
            expected = naive_casc(similarities[:, word].tolist(), (groups == group).tolist())
            assert found[word, group] == pytest.approx(expected)


def test_casc_by_hand() -> None:
    """Similarities 1, 1, 0, 0 and the group has the ones: difference 1, variance 1/3."""
    found = contrastive_scores(np.array([[1.0], [1.0], [0.0], [0.0]]), np.array([0, 0, 1, 1]), n_groups=3)
    assert found[0].tolist() == [
        pytest.approx(math.sqrt(3)), pytest.approx(-math.sqrt(3)), pytest.approx(math.nan, nan_ok=True)
    ]  # fmt: skip


def test_casc_of_two_groups_is_sc_weat() -> None:
    rng = np.random.default_rng(5)
    word, a, b = rng.normal(size=4), rng.normal(size=(6, 4)), rng.normal(size=(7, 4))
    cosines = np.array([[cosine(word, v)] for v in (*a, *b)])
    scores = contrastive_scores(cosines, np.repeat([0, 1], [6, 7]), n_groups=2)
    assert scores[0, 0] == pytest.approx(sc_weat(word, a, b).value)


def test_permutation_p_matches_a_two_sided_count_of_all_splits() -> None:
    values = np.random.default_rng(2).normal(size=(8, 1))
    groups = np.repeat([0, 1], 4)
    observed = abs(naive_casc(values[:, 0].tolist(), (groups == 0).tolist()))
    splits = list(combinations(range(8), 4))
    as_far = sum(
        abs(naive_casc(values[:, 0].tolist(), [i in split for i in range(8)])) >= observed - 1e-9
        for split in splits
    ) / len(splits)
    found = association_test(values, groups, n_groups=2, permutations=4_999)
    assert found.p[0, 0] == pytest.approx(as_far, abs=0.025)
    assert found.p[0, 0] == found.p[0, 1]  # two groups say the same thing
    assert (found.low <= found.value).all() and (found.value <= found.high).all()


def test_the_largest_of_a_scan_of_noise_is_no_finding() -> None:
    """400 words x 9 groups of pure noise: uncorrected, about 180 lie below .05; corrected, none does."""
    rng = np.random.default_rng(11)
    scores = association_test(
        rng.normal(size=(300, 400)), rng.integers(0, 9, 300), n_groups=9, permutations=199, resamples=50
    )
    assert (scores.p < 0.05).sum() > 100
    assert scores.p_adjusted.min() > 0.05
    assert (scores.p_adjusted >= scores.p - 1e-12).all()


def test_a_planted_association_survives_the_correction() -> None:
    rng = np.random.default_rng(7)
    similarities, groups = rng.normal(size=(300, 50)), rng.integers(0, 4, 300)
    similarities[groups == 2, 13] += 1.5
    for correction in ("max_t", "bh"):
        scores = association_test(similarities, groups, n_groups=4, permutations=499, correction=correction)
        assert np.argwhere(scores.p_adjusted < 0.05).tolist().count([13, 2]) == 1
        assert scores.low[13, 2] > 0.9


def test_a_small_group_does_not_take_the_largest_score_for_itself() -> None:
    """Scores of five images scatter more than those of 500; max-T weighs each by its standard error."""
    rng = np.random.default_rng(4)
    groups = np.repeat([0, 1, 2], [5, 500, 500])
    similarities = rng.normal(size=(1005, 20))
    similarities[groups == 1, 3] += 0.35
    scores = association_test(similarities, groups, n_groups=3, permutations=499)
    assert scores.p_adjusted[3, 1] < 0.05
    assert np.nanmax(np.abs(scores.value[:, 0])) > abs(scores.value[3, 1])


def test_one_image_gets_no_interval() -> None:
    rng = np.random.default_rng(0)
    scores = association_test(rng.normal(size=(9, 2)), np.repeat([0, 1], [1, 8]), n_groups=2, permutations=19)
    assert np.isnan(scores.low[:, 0]).all() and np.isfinite(scores.value[:, 0]).all()


def test_similarities_without_spread_give_nan() -> None:
    scores = association_test(np.full((6, 2), 0.3), np.repeat([0, 1], 3), n_groups=2, permutations=9)
    assert np.isnan(scores.value).all() and np.isnan(scores.p_adjusted).all()


def test_benjamini_hochberg_by_hand() -> None:
    """Of .01, .02, .04 the adjusted are .03, .03, .04; an untested one counts for none."""
    adjusted = adjust_bh(np.array([[0.04, np.nan], [0.01, 0.02]]))
    assert adjusted[[0, 1, 1], [0, 0, 1]].tolist() == pytest.approx([0.04, 0.03, 0.03])
    assert np.isnan(adjusted[0, 1])
