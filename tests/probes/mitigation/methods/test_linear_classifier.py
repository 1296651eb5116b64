from __future__ import annotations

import numpy as np
import pytest
import torch

from clipmodel.evaluation.linear_probe.solver import LinearClassifier
from probes.mitigation.answer_fitting import AnswerData, Images
from probes.mitigation.fitting import UnsuitableError
from probes.mitigation.methods.linear_classifier import (
    ForeignClassifier,
    LinearProbe,
    OwnOrForeign,
    scores_of,
)


def data(words: list[tuple[str, str]], *, truth: bool = True) -> AnswerData:
    """The class is read from one of two features, and zero-shot is always wrong."""
    y = np.arange(40) % 2
    features = np.eye(2)[y] + 0.01 * np.random.default_rng(0).standard_normal((40, 2))
    images = Images(scores=1.0 - np.eye(2)[y], features=features, groups=np.zeros(40, np.int64))
    return AnswerData(
        probe="pets", words=words, images=images, truth=y if truth else np.full(40, -1),
        events=np.zeros((1, 40, 2), bool), meaning=np.arange(2), levels=[],
    )  # fmt: skip


# Three classes; "dog" is the first axis, "cat" the second.
FITTED = LinearClassifier(torch.tensor([[1.0, 0.0], [0.0, 1.0], [-9.0, -9.0]]), torch.zeros(3), 1.0, 1, True)
FOREIGN = ForeignClassifier(FITTED, [("dog",), ("Cat", "kitten"), ("owl",)], where="animals")


def test_a_probe_is_fitted_on_the_truth() -> None:
    own = data([("dog", "dog"), ("cat", "cat")])
    scores = LinearProbe().fit(own)(own.images)
    assert scores.shape == (40, 2) and (scores.argmax(axis=1) == own.truth).all()
    with pytest.raises(UnsuitableError, match="no truth"):
        LinearProbe().fit(data([("dog", "dog"), ("cat", "cat")], truth=False))


def test_classes_of_another_set_are_found_by_name_or_words() -> None:
    own = data([("k", "Kitten"), ("DOG", "a hound")])
    assert FOREIGN.columns(own) == [1, 0]
    scores = FOREIGN.fit(own)(own.images)
    assert np.allclose(scores, own.images.features[:, [1, 0]])
    with pytest.raises(UnsuitableError, match="animals has no class 'fox'"):
        FOREIGN.fit(data([("fox", "fox"), ("cat", "cat")]))


def test_the_first_name_of_a_class_goes_before_the_synonyms_of_another() -> None:
    method = ForeignClassifier(FITTED, [("seal", "sea lion"), ("stamp", "seal"), ("sea lion",)], where="x")
    # "seal" is the first class by name and the second by a synonym; "sea lion" the third by name.
    assert method.columns(data([("seal", "seal"), ("sea lion", "sea lion")])) == [0, 2]
    twice = ForeignClassifier(FITTED, [("crane",), ("crane",), ("owl",)], where="x")
    assert twice.columns(data([("crane", "crane"), ("owl", "owl")])) == [0, 2]


def test_the_set_answers_where_it_has_the_classes_and_the_truth_elsewhere() -> None:
    method = OwnOrForeign(FOREIGN)
    method.fit(data([("cat", "cat"), ("dog", "dog")], truth=False))
    assert method.fitted_on == {"pets": "animals"}
    own = data([("fox", "fox"), ("cat", "cat")])
    classify = method.fit(own)
    assert method.fitted_on == {"pets": "half of the suite's images"}
    assert (classify(own.images).argmax(axis=1) == own.truth).all()
    assert np.allclose(scores_of(FITTED, own.images.features)[:, :2], own.images.features, atol=1e-6)
