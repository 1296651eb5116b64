"""The rule "argmax": the prediction, as zero-shot classification makes it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from probes.rules.assignment_rule import AssignmentRule, Scores
from probes.scoring.array_library import Array, as_int32


def ranks(scores: Scores, thresholds: NDArray[np.float64]) -> Array:
    """[C, N] 1 for the predicted class, else 0."""
    # Of the similarities, not the probabilities: those of a confident model round to 1 and tie.
    return as_int32(scores.positions == scores.predicted)


RULE = AssignmentRule(
    name="argmax",
    meaning="The class of the greatest similarity.",
    words="highest-scoring class",
    ranks=ranks,
    one_class=True,
)
