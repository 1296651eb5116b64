"""The rule "cosine": every class whose similarity is at least c."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from probes.rules.assignment_rule import AssignmentRule, Scores, Thresholds
from probes.scoring.array_library import Array


def ranks(scores: Scores, thresholds: NDArray[np.float64]) -> Array:
    """[C, N] how many of [T] ascending c each class reaches."""
    return scores.count_reached(scores.cosines, thresholds)


THRESHOLDS = Thresholds(symbol="c", low=-1, high=1, example=0.25, key="cosines")
RULE = AssignmentRule(
    name="cosine",
    meaning="Every class of cosine similarity c or more, whatever the other classes are.",
    words="cosine \N{GREATER-THAN OR EQUAL TO} {threshold}",
    ranks=ranks,
    thresholds=THRESHOLDS,
)
