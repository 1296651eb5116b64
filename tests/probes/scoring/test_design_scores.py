from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from probes.rules.few_ranks import FewRanks
from probes.scoring.array_library import Array, as_numpy
from probes.scoring.design_scores import (
    LEAST_SHARED,
    BlockScores,
    DesignRows,
    DesignScores,
    Head,
    first_greatest,
    rows_of_designs,
)
from probes.scoring.threshold_lookup import Lookups

CASES = st.tuples(st.integers(0, 10**6), st.sampled_from([1, 2, 9, 254, 255, 256, 300]), st.integers(1, 20))


@given(CASES)
def test_the_first_greatest_of_columns_that_tie(case: tuple[int, int, int]) -> None:
    seed, c, n = case
    values = np.random.default_rng(seed).integers(-2, 2, (c, n)).astype(np.float32)
    expected = [column.index(max(column)) for column in values.T.tolist()]
    assert first_greatest(values).tolist() == expected
    assert first_greatest(torch.from_numpy(values)).tolist() == expected


@pytest.mark.parametrize("as_library", [np.asarray, torch.from_numpy])
def test_infinity_is_greatest_and_beside_nan_the_first_class_is(as_library: type[Array]) -> None:
    values = np.array([[1, -np.inf, 0, np.nan], [np.inf, -np.inf, np.nan, np.nan]], np.float32)
    assert as_numpy(first_greatest(as_library(values))).tolist() == [1, 0, 0, 0]


def scores(columns: np.ndarray | slice, head: Head, cosines: np.ndarray) -> DesignScores:
    return DesignScores(
        block=BlockScores(cosines=cosines, head=head),
        rows=DesignRows(all=columns),
        count_reached=Lookups("cpu"),
    )


def test_a_slice_and_the_rows_in_it_score_the_same() -> None:
    cosines = np.random.default_rng(0).uniform(-1, 1, (6, 30)).astype(np.float32)
    for head in (Head(scale=50.0), Head(scale=50.0, bias=-1.0)):
        one, other = (scores(rows, head, cosines) for rows in (slice(2, 5), np.array([2, 3, 4])))
        for name in ("cosines", "probabilities", "predicted", "positions"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_predictions_need_no_exponent() -> None:
    block = scores(slice(0, 2), Head(scale=50.0), np.ones((3, 4), np.float32))
    assert block.predicted.tolist() == [0, 0, 0, 0]
    assert "shared" not in vars(block.block)


@given(
    st.integers(0, 10**6),
    st.integers(1, 4),
    st.sampled_from([0, 1, 5]),
    st.sampled_from([np.nan, np.inf, 0.5]),
)
def test_the_prediction_of_designs_that_share_classes_is_that_of_each_alone(
    seed: int, n_designs: int, most_own: int, odd: float
) -> None:
    """Ties between shared and own classes, before and after each other; NaN in either; any order."""
    rng = np.random.default_rng(seed)
    cosines = rng.integers(-1, 2, (LEAST_SHARED + 20, 50)).astype(np.float32) / 2
    cosines[rng.integers(0, len(cosines)), rng.integers(0, 50, 5)] = odd
    common = rng.permutation(len(cosines))[:LEAST_SHARED]
    others = np.setdiff1d(np.arange(len(cosines)), common)
    columns = []
    for apart in np.split(rng.permutation(others), 4)[:n_designs]:
        own = apart[: rng.integers(0, most_own + 1)]
        columns.append(np.insert(common, np.sort(rng.integers(0, LEAST_SHARED + 1, len(own))), own))
    if seed % 5 == 0:
        columns[-1] = columns[-1][::-1].copy()  # another order: nothing can be shared
    rows, shared = rows_of_designs(columns, "cpu")
    assert (shared is None) == (n_designs == 1 or seed % 5 == 0)
    block = BlockScores(cosines=cosines, head=Head(scale=1.0), shared_rows=shared)
    for own, of_design in zip(columns, rows, strict=True):
        found = DesignScores(block=block, rows=of_design, count_reached=Lookups("cpu")).predicted
        assert found.tolist() == first_greatest(cosines[own]).tolist()


@given(
    st.integers(0, 10**6),
    st.sampled_from([1.0, 30.0, 100.0]),
    st.sampled_from([np.float32, np.float64]),
    st.sampled_from([1, 2, 25, 60]),
)
def test_the_few_probabilities_that_are_computed_reach_what_all_of_them_do(
    seed: int, scale: float, dtype: type, n_classes: int
) -> None:
    """Thresholds at probabilities of the block, to the last bit, and one bit above and below."""
    rng = np.random.default_rng(seed)
    cosines = rng.integers(-8, 9, (n_classes, 40)).astype(dtype) / 9
    if seed % 4 == 0:
        cosines[:, 3] = -1  # digits are lost in this column, so that all are computed
    whole = scores(slice(0, n_classes), Head(scale=scale), cosines).probabilities
    drawn = rng.choice(whole[whole > 1e-6], 2).astype(np.float32)
    beside = [np.nextafter(drawn, np.float32(edge)) for edge in (0, 1)]
    thresholds = np.unique(np.concatenate([drawn, *beside])).astype(float)
    if seed % 3 == 0:
        thresholds = np.array([-0.5, 0.0, *thresholds])
    found = scores(slice(0, n_classes), Head(scale=scale), cosines).count_probable(thresholds)
    expected = (whole[..., None] >= thresholds.astype(np.float32)).sum(axis=-1)
    if isinstance(found, FewRanks):
        assert (found.rank > found.least).all()
        dense = np.full(whole.shape, found.least)
        dense[found.row, found.image] = found.rank
        found = dense
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("columns", [2, 30, 200])
@pytest.mark.parametrize("scale", [1.0, 100.0, 1000.0])
def test_probabilities_are_those_of_a_softmax_shifted_by_its_own_maximum(scale: float, columns: int) -> None:
    """Also where the shared shift loses digits: similarities far below, near the limit, or a huge scale."""
    rng = np.random.default_rng(1)
    cosines = rng.uniform(-1, 1, (columns, 200)) * rng.uniform(0, 0.2, 200) + np.linspace(-0.8, 0.8, 200)
    logits = scale * cosines.astype(np.float32).astype(float)
    exponents = np.exp(logits - logits.max(axis=0))
    found = Head(scale=scale).probabilities(cosines.astype(np.float32))
    np.testing.assert_allclose(found, exponents / exponents.sum(axis=0), rtol=2e-3, atol=1e-12)


def test_with_many_classes_only_those_near_a_threshold_are_computed() -> None:
    cosines = np.random.default_rng(2).uniform(-0.3, 0.3, (60, 40)).astype(np.float32)
    own = scores(slice(0, 60), Head(scale=100.0), cosines)
    found = own.count_probable(np.array([0.0, 0.3, 0.9]))
    assert isinstance(found, FewRanks) and found.least == 1
    assert "probabilities" not in vars(own)
    # At most three classes have a probability of 0.3.
    assert np.bincount(found.image).max() <= 3
