"""The rule "lead": the class of the greatest similarity, if no other comes close."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from probes.rules.assignment_rule import AssignmentRule, Scores, Thresholds

if TYPE_CHECKING:
    from torch import Tensor


def ranks(scores: Scores, thresholds: NDArray[np.float64]) -> Tensor:
    """[C, N] how many of [T] ascending leads the first class has over the second; 0 for all others."""
    best = scores.cosines.topk(2, dim=0).values
    reached = scores.count_reached(best[0] - best[1], thresholds)
    return (scores.positions == scores.predicted).int() * reached


RULE = AssignmentRule(
    name="lead",
    meaning="The class of the greatest similarity, if it is m or more above the second.",
    words="first by {threshold}",
    ranks=ranks,
    thresholds=Thresholds(symbol="m", low=0, high=2, example=0.01),
)
