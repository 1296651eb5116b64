"""Random scores, and a rule one image and class at a time, for the tests of every rule."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from probes.rules.assignment_rule import AssignmentRule, Scores
from probes.scoring.threshold_lookup import Lookups

Assigned = Callable[[list[float], list[float], float], list[bool]]
"""(cosines and probabilities of one image, threshold) -> whether it is assigned each class."""


@dataclass(frozen=True, kw_only=True)
class FixedScores:
    """`Scores` of which nothing is computed."""

    cosines: torch.Tensor
    probabilities: torch.Tensor
    predicted: torch.Tensor
    positions: torch.Tensor
    class_thresholds: torch.Tensor | None
    count_reached: Lookups

    def count_probable(self, thresholds: np.ndarray) -> torch.Tensor:
        """By computing all."""
        found: torch.Tensor = self.count_reached(self.probabilities, thresholds)
        return found


def scores(n_classes: int = 5, n_images: int = 40, class_thresholds: np.ndarray | None = None) -> Scores:
    """Cosines on a coarse grid, so that many tie, and their softmax."""
    rng = np.random.default_rng(0)
    cosines = torch.from_numpy(rng.integers(-3, 4, (n_classes, n_images)).astype(np.float32) / 4)
    return FixedScores(
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


def ranks_of(rule: AssignmentRule, given: Scores, thresholds: np.ndarray) -> torch.Tensor:
    """[C, N] threshold ranks; of a rule that assigns one class, 1 for that."""
    if rule.assigned is not None:
        found: torch.Tensor = (given.positions == rule.assigned(given)).int()
        return found
    assert rule.ranks is not None
    ranks: torch.Tensor = rule.ranks(given, thresholds)
    assert not ranks.is_floating_point()
    return ranks


def check_rule(rule: AssignmentRule, thresholds: list[float], assigned: Assigned) -> None:
    """A rule equals its naive form, and its thresholds are nested in the order of the record."""
    given = scores()
    ordered = np.array([np.nan]) if rule.thresholds is None else rule.thresholds.ordered(thresholds)
    found = ranks_of(rule, given, ordered)
    assert found.tolist() == naive_ranks(given, ordered.tolist(), assigned)
    for t in range(1, len(ordered) + 1):
        alone = ranks_of(rule, given, ordered[t - 1 : t])
        assert ((found >= t) == (alone == 1)).all()
