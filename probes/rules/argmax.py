"""The rule "argmax": the prediction, as zero-shot classification makes it."""

from __future__ import annotations

from probes.rules.assignment_rule import AssignmentRule, Scores
from probes.scoring.array_library import Array


def assigned(scores: Scores) -> Array:
    """[N] the predicted class."""
    # Of the similarities, not the probabilities: those of a confident model round to 1 and tie.
    return scores.predicted


RULE = AssignmentRule(
    name="argmax",
    meaning="The class of the greatest similarity.",
    words="highest-scoring class",
    assigned=assigned,
)
