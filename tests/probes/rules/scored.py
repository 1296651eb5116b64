"""Random scores, and a rule one image and class at a time, for the tests of every rule."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from probes.rules.assignment_rule import AssignmentRule, Scores
from probes.scoring.threshold_lookup import Lookups

Assigned = Callable[[list[float], list[float], float], list[bool]]
"""(cosines and probabilities of one image, threshold) -> whether it is assigned each class."""


def scores(n_classes: int = 5, n_images: int = 40, class_thresholds: np.ndarray | None = None) -> Scores:
    """Cosines on a coarse grid, so that many tie, and their softmax."""
    rng = np.random.default_rng(0)
    cosines = torch.from_numpy(rng.integers(-3, 4, (n_classes, n_images)).astype(np.float32) / 4)
    return Scores(
        cosines=cosines,
        probabilities=torch.softmax(3 * cosines, 0),
        predicted=torch.tensor([column.index(max(column)) for column in cosines.T.tolist()]),
        positions=torch.arange(n_classes)[:, None],
        class_thresholds=None if class_thresholds is None else torch.from_numpy(class_thresholds),
        count_reached=Lookups(torch.device("cpu")),
    )


def naive_ranks(given: Scores, thresholds: list[float], assigned: Assigned) -> list[list[int]]:
    """[C, N] how many thresholds assign each class to each image."""
    images = zip(given.cosines.T.tolist(), given.probabilities.T.tolist(), strict=True)
    counted = [
        np.sum([assigned(cosines, probabilities, one) for one in thresholds], axis=0)
        for cosines, probabilities in images
    ]
    return [list(map(int, row)) for row in np.array(counted).T]


def check_rule(rule: AssignmentRule, thresholds: list[float], assigned: Assigned) -> None:
    """A rule equals its naive form, and its thresholds are nested in the order of the record."""
    given = scores()
    ordered = np.array([np.nan]) if rule.thresholds is None else rule.thresholds.ordered(thresholds)
    found = rule.ranks(given, ordered)
    assert found.dtype == torch.int32
    assert found.tolist() == naive_ranks(given, ordered.tolist(), assigned)
    for t in range(1, len(ordered) + 1):
        alone = rule.ranks(given, ordered[t - 1 : t])
        assert ((found >= t) == (alone == 1)).all()
