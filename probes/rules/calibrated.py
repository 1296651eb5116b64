"""The rule "calibrated": every class that reaches its own threshold, set for one rate of assignment."""

from __future__ import annotations

from functools import reduce
from operator import add
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from probes.rules.assignment_rule import AssignmentRule, Scores, Thresholds

if TYPE_CHECKING:
    from torch import Tensor


def ranks(scores: Scores, thresholds: NDArray[np.float64]) -> Tensor:
    """[C, N] how many of its own T thresholds each class reaches.

    Raises
    ------
    ValueError
        The classes have not been calibrated.
    """
    if scores.class_thresholds is None:
        raise ValueError("the rule 'calibrated' needs the thresholds of each class")
    reached: list[Tensor] = [(scores.cosines >= row[:, None]).int() for row in scores.class_thresholds]
    return reduce(add, reached)


THRESHOLDS = Thresholds(
    symbol="share", low=0, high=1, example=0.05, key="shares", open=True, falling=True, per_class=True
)
RULE = AssignmentRule(
    name="calibrated",
    meaning="Every class whose cosine similarity reaches the class's own threshold, at which the stated "
    "share of images is assigned the class: of those of another truth, if there is one.",
    words="threshold set for a rate of {threshold}",
    ranks=ranks,
    thresholds=THRESHOLDS,
)
