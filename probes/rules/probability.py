"""The rule "probability": every class whose probability is at least t."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from probes.rules.assignment_rule import AssignmentRule, Scores, Thresholds
from probes.rules.few_ranks import FewRanks
from probes.scoring.array_library import Array


def ranks(scores: Scores, thresholds: NDArray[np.float64]) -> Array | FewRanks:
    """[C, N] how many of [T] ascending t each class reaches."""
    return scores.count_probable(thresholds)


THRESHOLDS = Thresholds(symbol="t", low=0, high=1, example=0.5, key="thresholds")
RULE = AssignmentRule(
    name="probability",
    meaning="Every class of probability t or more. A softmax model's probabilities are over the classes of "
    "the design, so that a class that is added changes them; a sigmoid model has one for each class alone.",
    words="probability \N{GREATER-THAN OR EQUAL TO} {threshold}",
    ranks=ranks,
    thresholds=THRESHOLDS,
)
