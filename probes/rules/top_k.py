"""The rule "top_k": the k classes of the greatest similarity."""

from __future__ import annotations

from functools import reduce
from operator import add
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from probes.rules.assignment_rule import AssignmentRule, Scores, Thresholds

if TYPE_CHECKING:
    from torch import Tensor


def places(cosines: Tensor, positions: Tensor) -> Tensor:
    """[C, N] cosines and [C, 1] positions -> [C, N] the place of each class, from 0; ties in their order."""
    # The order of a stable sort, inverted: class order[r] has place r.
    order = cosines.argsort(dim=0, descending=True, stable=True)
    return order.new_empty(order.shape).scatter_(0, order, positions.expand_as(order).to(order.dtype))


def ranks(scores: Scores, thresholds: NDArray[np.float64]) -> Tensor:
    """[C, N] in how many of the shortlists of k classes, for [T] descending k, each class is."""
    place = places(scores.cosines, scores.positions)
    return reduce(add, [(place < int(k)).int() for k in thresholds])


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
