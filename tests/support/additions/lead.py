"""The rule "lead": the class of the greatest similarity, if no other comes close."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from probes.rules.assignment_rule import AssignmentRule, Scores, Thresholds
from probes.scoring.array_library import Array, as_int32, library_of, stable_descending


def ranks(scores: Scores, thresholds: NDArray[np.float64]) -> Array:
    """[C, N] how many of [T] ascending leads the first class has over the second; 0 for all others."""
    order, xp = stable_descending(scores.cosines), library_of(scores.cosines)
    images = xp.arange(order.shape[1], device=order.device)
    first, second = (scores.cosines[order[place], images] for place in (0, 1))
    reached = scores.count_reached(first - second, thresholds)
    return as_int32(scores.positions == scores.predicted) * reached


RULE = AssignmentRule(
    name="lead",
    meaning="The class of the greatest similarity, if it is m or more above the second.",
    words="first by {threshold}",
    ranks=ranks,
    thresholds=Thresholds(symbol="m", low=0, high=2, example=0.01),
)
