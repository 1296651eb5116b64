"""The same scores from NumPy and from torch, and one thread for matrix products."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_info

from probes.scoring.array_library import (
    add_ones,
    as_counts,
    as_int32,
    as_int64,
    as_numpy,
    cpu_threads,
    library_of,
    on_device,
    one_blas_thread,
    places_of,
    stable_descending,
    take,
)
from probes.scoring.count_accumulator import Counts
from probes.scoring.design_scores import Head, first_greatest
from probes.scoring.engine import PromptConfiguration, Question, score
from probes.scoring.threshold_lookup import RuleThresholds
from probes.suite.classification_probe import MISCLASSIFIED

OUTCOMES = {"harmful": "harm", MISCLASSIFIED: MISCLASSIFIED}
VALUES = np.array([[1.0, 2.0], [3.0, 2.0], [3.0, 1.0]], np.float32)  # [C = 3, N = 2]


@pytest.mark.parametrize("values", [VALUES, torch.from_numpy(VALUES)])
def test_both_libraries_order_ties_as_they_stand(values: np.ndarray) -> None:
    # Of the first image classes 1 and 2 tie at 3, of the second 0 and 1 at 2.
    assert as_numpy(stable_descending(values)).T.tolist() == [[1, 2, 0], [0, 1, 2]]
    assert as_numpy(first_greatest(values)).tolist() == [1, 0]


def test_whole_numbers_and_rows() -> None:
    for values in (VALUES, torch.from_numpy(VALUES)):
        xp = library_of(values)
        places = on_device(np.array([2, 0]), "cpu") if xp is np else torch.tensor([2, 0])
        assert as_numpy(take(values, places)).tolist() == [[3.0, 1.0], [1.0, 2.0]]
        assert as_numpy(take(values, slice(1, 3))).tolist() == [[3.0, 2.0], [3.0, 1.0]]
        assert as_int32(values).dtype == xp.int32
        assert as_int64(values).dtype == xp.int64


@pytest.mark.parametrize("as_library", [np.asarray, torch.from_numpy])
def test_counts_fit_a_byte_or_not(as_library: Callable[[np.ndarray], Any]) -> None:
    xp = library_of(as_library(VALUES))
    for values in (as_library(VALUES > 1), as_library(VALUES)):
        assert as_counts(values, 255).dtype == xp.uint8
        assert as_counts(values, 256).dtype == xp.int16
        assert as_counts(values, 1 << 15).dtype == xp.int32
    assert as_numpy(as_counts(as_library(VALUES > 1), 1)).tolist() == [[0, 1], [1, 1], [1, 0]]


@pytest.mark.parametrize("as_library", [np.asarray, torch.from_numpy])
def test_ones_are_added_where_a_mask_is_true(as_library: Callable[[np.ndarray], Any]) -> None:
    mask = as_library(VALUES > 1)
    assert as_numpy(places_of(mask)).tolist() == [1, 2, 3, 4]
    for width in (2, 10):  # fewer totals than places, and more
        totals = as_library(np.zeros((2, width), np.int64))
        add_ones(totals, as_library(np.array([0, 3, 3, 1, 0])))
        assert as_numpy(totals).ravel().tolist()[:4] == [2, 1, 0, 2]


def test_an_array_stays_one_on_the_cpu_and_is_a_tensor_elsewhere() -> None:
    assert on_device(VALUES, "cpu") is VALUES
    moved = on_device(VALUES, "meta")
    assert library_of(moved) is torch
    assert moved.device.type == "meta"


def test_as_many_threads_as_torch_or_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    assert cpu_threads() == torch.get_num_threads()
    monkeypatch.delitem(sys.modules, "torch")
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert cpu_threads() == 3
    monkeypatch.setenv("OMP_NUM_THREADS", "many")
    assert cpu_threads() >= 1


def test_matrix_products_take_one_thread() -> None:
    with one_blas_thread():
        assert {each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"} <= {1}


def _counts(
    classes: np.ndarray, images: np.ndarray, bias: float | None, device: str, n_thresholds: int
) -> list[Counts]:
    names = tuple("abcde")
    first = PromptConfiguration(
        key=("p", "d", "t"), classes=names, columns=np.arange(5), sets={"harm": ["b", "e"], "none": []},
        right=np.eye(3, 5, dtype=bool),
    )  # fmt: skip
    second = PromptConfiguration(
        key=("p", "d", "u"), classes=names[:3], columns=np.array([4, 1, 0]), sets={"harm": ["a"], "none": []},
        right=np.eye(3, dtype=bool),
    )  # fmt: skip
    rules = [
        RuleThresholds.of("argmax"),
        RuleThresholds.of("top_k", [1, 2]),
        RuleThresholds.of("probability", np.linspace(0, 1, n_thresholds).tolist()),
        RuleThresholds.of("cosine", [0.1]),
    ]
    return score(
        images, classes, [first, second], cells=np.arange(len(images)) % 3, n_cells=3,
        head=Head(scale=9.0, bias=bias), device=device, chunk=64,
        question=Question(rules=rules, curve=np.linspace(0, 1, 21).round(6), outcomes=OUTCOMES),
    )  # fmt: skip


@pytest.mark.parametrize("n_thresholds", [3, 101, 300])
@pytest.mark.parametrize("bias", [None, -1.0])
def test_the_engine_counts_the_same_with_both_libraries(
    bias: float | None, n_thresholds: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(205, 8)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    plain = _counts(rows[:5], rows[5:], bias, "cpu", n_thresholds)

    # Torch on this machine's CPU stands in for an accelerator: the same functions run.
    def moved(values: np.ndarray, device: str) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(values))

    for module in ("engine", "class_events", "design_scores", "count_accumulator", "threshold_lookup"):
        monkeypatch.setattr(f"probes.scoring.{module}.on_device", moved)
    for one, other in zip(plain, _counts(rows[:5], rows[5:], bias, "elsewhere", n_thresholds), strict=True):
        np.testing.assert_array_equal(one.curve, other.curve)
        for rule in one.hits:
            np.testing.assert_array_equal(one.hits[rule], other.hits[rule], err_msg=rule)
            np.testing.assert_array_equal(one.pairs.get(rule, 0), other.pairs.get(rule, 0), err_msg=rule)
