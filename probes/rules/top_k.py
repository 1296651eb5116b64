"""The rule "top_k": the k classes of the greatest similarity."""

from __future__ import annotations

from functools import reduce
from operator import add

import numpy as np
from numpy.typing import NDArray

from probes.rules.assignment_rule import AssignmentRule, Scores, Thresholds
from probes.scoring.array_library import Array, as_counts, library_of, stable_descending


def places(cosines: Array, positions: Array) -> Array:
    """[C, N] cosines and [C, 1] positions -> [C, N] the place of each class, from 0; ties in their order."""
    # The order of a stable sort, inverted: class order[r] has place r.
    # Stable, so that ties go to the first class by name on every device.
    order, xp = stable_descending(cosines), library_of(cosines)
    place = xp.empty_like(order)
    place[order, xp.arange(order.shape[1], device=order.device)] = positions
    return place


def ranks(scores: Scores, thresholds: NDArray[np.float64]) -> Array:
    """[C, N] in how many of the shortlists of k classes, for [T] descending k, each class is."""
    place = places(scores.cosines, scores.positions)
    return reduce(add, [as_counts(place < int(k), len(thresholds)) for k in thresholds])


THRESHOLDS = Thresholds(
    symbol="k", low=1, high=np.inf, example=5, key="top_k", whole=True, falling=True, below_classes=True
)
RULE = AssignmentRule(
    name="top_k",
    meaning="The k classes of the greatest similarity.",
    words="among the {threshold} highest-scoring",
    ranks=ranks,
    thresholds=THRESHOLDS,
)
