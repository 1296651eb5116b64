"""The rule "argmax": the prediction, as zero-shot classification makes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from probes.rules.assignment_rule import AssignmentRule, Scores

if TYPE_CHECKING:
    from torch import Tensor


def ranks(scores: Scores, thresholds: NDArray[np.float64]) -> Tensor:
    """[C, N] 1 for the predicted class, else 0."""
    # Of the similarities, not the probabilities: those of a confident model round to 1 and tie.
    return (scores.positions == scores.predicted).int()


RULE = AssignmentRule(
    name="argmax",
    meaning="The class of the greatest similarity.",
    words="highest-scoring class",
    ranks=ranks,
    one_class=True,
)
