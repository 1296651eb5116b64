"""The engine against one image at a time in plain Python."""

from __future__ import annotations

import math

import numpy as np
import pytest

from probes.scoring import Head, Specification, Thresholds, ensemble, score, score_images

NAMED = (0.1, 0.5)
CURVE = tuple(i / 10 for i in range(11))
THRESHOLDS = Thresholds(named=np.array(NAMED), curve=np.array(CURVE))


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


def specification(classes: list[str], columns: list[int], sets: dict[str, list[str]]) -> Specification:
    return Specification(key=("p", "d", "t"), classes=tuple(classes), columns=np.array(columns), sets=sets)


def naive_probabilities(image: np.ndarray, classes: np.ndarray, head: Head) -> list[float]:
    logits = [head.scale * float(image @ row) for row in classes]
    if head.bias is not None:
        return [1 / (1 + math.exp(-(logit + head.bias))) for logit in logits]
    exponents = [math.exp(logit - max(logits)) for logit in logits]
    return [value / sum(exponents) for value in exponents]


@pytest.fixture
def random_case() -> dict:
    rng = np.random.default_rng(0)
    return {
        "images": unit(rng.normal(size=(137, 8))),
        "classes": unit(rng.normal(size=(7, 8))),
        "cells": rng.integers(0, 5, 137),
        "specifications": [
            specification(["a", "b", "c", "d"], [3, 0, 5, 1], {"harm": ["d", "b"], "plain": ["a", "c"]}),
            specification(["b", "z"], [0, 6], {"harm": ["b"], "plain": []}),
        ],
    }


@pytest.mark.parametrize("bias", [None, -2.0])
@pytest.mark.parametrize("chunk", [16, 4096])
def test_counts_equal_a_loop_over_images(random_case: dict, bias: float | None, chunk: int) -> None:
    head = Head(scale=7.0, bias=bias)
    images, classes, cells = random_case["images"], random_case["classes"], random_case["cells"]
    results = score(
        images, classes, random_case["specifications"],
        cells=cells, n_cells=6, head=head, thresholds=THRESHOLDS, chunk=chunk,
    )  # fmt: skip
    for spec, result in zip(random_case["specifications"], results, strict=True):
        predictions = np.zeros((6, len(spec.classes)), int)
        class_hits = np.zeros((len(NAMED), 6, len(spec.classes)), int)
        curve = np.zeros((len(CURVE), 6, len(spec.sets)), int)
        for image, cell in zip(images, cells, strict=True):
            p = naive_probabilities(image, classes[spec.columns], head)
            predictions[cell, p.index(max(p))] += 1
            for t, threshold in enumerate(NAMED):
                class_hits[t, cell] += [value >= threshold for value in p]
            for k, threshold in enumerate(CURVE):
                for s, members in enumerate(spec.sets.values()):
                    curve[k, cell, s] += any(p[spec.classes.index(m)] >= threshold for m in members)
        np.testing.assert_array_equal(result.predictions, predictions)
        np.testing.assert_array_equal(result.class_hits, class_hits)
        np.testing.assert_array_equal(result.curve, curve)
        np.testing.assert_array_equal(result.set_hits, curve[[CURVE.index(t) for t in NAMED]])


def test_a_cell_without_images_keeps_its_zeros(random_case: dict) -> None:
    result = score(
        random_case["images"], random_case["classes"], random_case["specifications"],
        cells=random_case["cells"], n_cells=6, head=Head(scale=7.0), thresholds=THRESHOLDS,
    )[0]  # fmt: skip
    assert result.predictions[5].sum() == 0
    assert result.predictions.sum() == len(random_case["images"])


def test_a_tie_goes_to_the_name_that_sorts_first() -> None:
    """Both classes have the same embedding: their similarities are equal to the last bit."""
    classes = unit(np.array([[1.0, 0.0], [1.0, 0.0]]))
    spec = specification(["apple", "zebra"], [1, 0], {})
    images = unit(np.array([[1.0, 0.3]]))
    result = score(
        images, classes, [spec],
        cells=np.zeros(1, int), n_cells=1, head=Head(scale=1.0), thresholds=Thresholds(),
    )[0]  # fmt: skip
    assert result.predictions.tolist() == [[1, 0]]


def test_a_confident_model_still_ranks_by_similarity() -> None:
    """A sigmoid of 40 and of 50 is 1 in float32: the prediction must not come from a tie of probabilities."""
    classes = unit(np.array([[1.0, 0.5], [1.0, 0.0]]))
    spec = specification(["apple", "zebra"], [0, 1], {})
    result = score(
        unit(np.array([[1.0, 0.0]])), classes, [spec],
        cells=np.zeros(1, int), n_cells=1, head=Head(scale=50.0, bias=0.0), thresholds=Thresholds(),
    )[0]  # fmt: skip
    assert result.predictions.tolist() == [[0, 1]]


def test_a_probability_equal_to_the_threshold_reaches_it() -> None:
    """Two classes at the same distance have p = 1/2 each: at t = 0.5 both count, just above neither."""
    spec = specification(["a", "b"], [0, 1], {"both": ["a", "b"]})
    result = score(
        unit(np.array([[1.0, 1.0]])), unit(np.eye(2)), [spec],
        cells=np.zeros(1, int), n_cells=1, head=Head(scale=3.0),
        thresholds=Thresholds(named=np.array([0.5, 0.500001]), curve=np.array([0.0, 1.0])),
    )[0]  # fmt: skip
    assert result.class_hits[:, 0].tolist() == [[1, 1], [0, 0]]
    assert result.set_hits[:, 0].tolist() == [[1], [0]]
    assert result.curve[:, 0].tolist() == [[1], [0]]


def test_a_set_without_classes_reaches_no_threshold_not_even_zero(random_case: dict) -> None:
    spec = random_case["specifications"][1]
    result = score(
        random_case["images"], random_case["classes"], [spec],
        cells=random_case["cells"], n_cells=5, head=Head(scale=7.0), thresholds=THRESHOLDS,
    )[0]  # fmt: skip
    assert result.curve[:, :, 1].sum() == 0
    assert result.curve[0, :, 0].sum() == len(random_case["images"])


def test_per_image_scores_add_up_to_the_counts(random_case: dict) -> None:
    spec, head = random_case["specifications"][0], Head(scale=7.0)
    images, classes, cells = random_case["images"], random_case["classes"], random_case["cells"]
    counts = score(images, classes, [spec], cells=cells, n_cells=5, head=head, thresholds=THRESHOLDS)[0]
    parts = list(score_images(images, classes, spec, head=head, chunk=50))
    prediction = np.concatenate([part.prediction for part in parts])
    best = np.concatenate([part.sets for part in parts], axis=1)
    for cell in range(5):
        inside = cells == cell
        assert np.bincount(prediction[inside], minlength=4).tolist() == counts.predictions[cell].tolist()
        assert (best[:, inside] >= 0.5).sum(axis=1).tolist() == counts.set_hits[1, cell].tolist()


def test_unsorted_classes_and_unknown_members_are_refused() -> None:
    with pytest.raises(ValueError, match="sorted"):
        specification(["b", "a"], [0, 1], {})
    with pytest.raises(ValueError, match="unknown classes"):
        specification(["a", "b"], [0, 1], {"harm": ["c"]})


def test_an_ensemble_is_the_renormalised_mean() -> None:
    """The mean of (1, 0) and (0, 1) is (1/2, 1/2); of length 1 it is (0.7071..., 0.7071...)."""
    np.testing.assert_allclose(
        ensemble([np.array([1.0, 0.0]), np.array([0.0, 1.0])]), [2**-0.5] * 2, rtol=1e-6
    )
