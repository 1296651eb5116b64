from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from probes.mitigation.fitting import FitData, UnsuitableError, subspace, without
from tests.probes.mitigation.conftest import words_as_vectors


def test_means_of_groups_by_a_mask(data: FitData) -> None:
    for group in range(2):
        np.testing.assert_allclose(data.group_means[group], data.images[data.codes == group].mean(axis=0))
    assert data.one_hot.sum(axis=0).tolist() == [120, 120]


def test_prompts_of_groups_or_the_words_alone(data: FitData) -> None:
    np.testing.assert_allclose(
        data.group_texts[1], words_as_vectors(["a photo of a woman", "a photo of a female"])
    )

    def only_words(texts: object) -> np.ndarray:
        return words_as_vectors([f"{text} unknown" if " " in text else text for text in texts])  # type: ignore[attr-defined]

    bare = dataclasses.replace(data, encode=only_words)
    np.testing.assert_allclose(bare.group_texts[0], words_as_vectors(["man", "male"]))
    none = dataclasses.replace(data, encode=lambda texts: words_as_vectors(["unknown"] * len(texts)))
    with pytest.raises(UnsuitableError, match="no embedding of the words of 'gender'"):
        none.group_texts  # noqa: B018
    with pytest.raises(UnsuitableError, match="texts of the suite reworded"):
        none.pairs  # noqa: B018


def test_every_text_is_paired_with_the_words_of_two_groups(data: FitData) -> None:
    assert data.pairs.shape == (3, 2, 12)
    expected = words_as_vectors(["a photo of a man doctor", "a photo of a woman doctor"])
    np.testing.assert_allclose(data.pairs[0], expected)
    three = dataclasses.replace(data, levels=["a", "b", "c"], words={name: (name,) for name in "abc"})
    assert three.pairs.shape == (9, 2, 12)  # three texts, three pairs of groups


def test_one_group_cannot_be_mitigated(data: FitData) -> None:
    with pytest.raises(UnsuitableError, match="has one group"):
        dataclasses.replace(data, levels=["Male"])


def test_a_subspace_is_orthonormal_spans_its_rows_and_is_projected_away() -> None:
    rows = np.array([[3.0, 0, 0, 0], [3, 1, 0, 0], [6, 1, 0, 0]])  # of rank two
    basis = subspace(rows)
    np.testing.assert_allclose(basis @ basis.T, np.eye(2), atol=1e-12)
    np.testing.assert_allclose(rows @ without(basis), 0, atol=1e-12)
    kept = np.array([0.0, 0, 1, 2])
    np.testing.assert_allclose(kept @ without(basis), kept, atol=1e-12)
    assert subspace(rows, rank=1).shape == (1, 4) and len(subspace(np.zeros((2, 4)))) == 0
