"""The rule "calibrated": every class that reaches its own threshold, set for one rate of assignment."""

from __future__ import annotations

from functools import reduce
from operator import add

import numpy as np
from numpy.typing import NDArray

from probes.rules.assignment_rule import AssignmentRule, Scores, Thresholds
from probes.scoring.array_library import Array, as_counts


def ranks(scores: Scores, thresholds: NDArray[np.float64]) -> Array:
    """[C, N] how many of its own T thresholds each class reaches.

    Raises
    ------
    ValueError
        The classes have not been calibrated.
    """
    if scores.class_thresholds is None:
        raise ValueError("the rule 'calibrated' needs the thresholds of each class")
    # A sum over thresholds: one comparison [T, C, N] at once would take T times the memory.
    own = scores.class_thresholds
    reached: list[Array] = [as_counts(scores.cosines >= row[:, None], len(own)) for row in own]
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
