"""One threshold a class, the same for everybody: what can be had without knowing the group at use.

Shapes: N images, C classes, K outcomes, G groups.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from clipmodel.array_types import Bools, Floats, Integers
from probes.mitigation.answer_fitting import UNKNOWN, AnswerData, AnswerMethod, Classifier
from probes.mitigation.fitting import UnsuitableError

MIN_GROUP = 10


class ClassThresholds(AnswerMethod):
    """Answer the class of the largest score minus threshold, thresholds chosen for the least gap.

    The thresholds minimise the widest difference between two groups over the probe's outcomes on the images
    fitted on, among those that keep all but `budget` of the answers that are right (without a truth: of the
    answers). One class after the other is moved through quantiles of its lead, as long as the gap falls.

    Parameters
    ----------
    budget
        Share of images whose right answer may be lost.
    candidates
        Quantiles that are tried for a class.
    rounds
        Passes over the classes at most.
    """

    name = "class_thresholds"
    source = "group-blind thresholds, as in Hardt et al. 2016, section 3, with one threshold for all groups"
    about = "Moves the threshold of each class, for everybody alike, so that the widest gap is least."

    def __init__(self, *, budget: float = 0.02, candidates: int = 41, rounds: int = 2) -> None:
        self.budget, self.candidates, self.rounds = budget, candidates, rounds

    def fit(self, data: AnswerData) -> Classifier:
        known = data.images.groups != UNKNOWN
        codes = data.images.groups[known]
        if (np.bincount(codes, minlength=len(data.levels)) >= MIN_GROUP).sum() < 2:
            raise UnsuitableError(
                f"fewer than two groups of {MIN_GROUP} images to fit on", remedy="use more images"
            )
        thresholds = least_gap_thresholds(
            data.images.scores, data.truth, events=data.events, groups=data.images.groups,
            budget=self.budget, candidates=self.candidates, rounds=self.rounds,
        )  # fmt: skip
        return lambda images: images.scores - thresholds


def least_gap_thresholds(
    scores: Floats,
    truth: Integers,
    *,
    events: Bools,
    groups: Integers,
    budget: float,
    candidates: int = 41,
    rounds: int = 2,
) -> Floats:
    """[C] thresholds, the first choice all zero: see `ClassThresholds`.

    Parameters
    ----------
    scores
        [N, C].
    truth
        [N] right classes; if any is `UNKNOWN`, the answers without thresholds take their place.
    events
        [K, N, C] whether an outcome happens to an image that gets a class.
    groups
        [N] codes; images of unknown group count for no gap.
    """
    thresholds = np.zeros(scores.shape[1])
    first = scores.argmax(axis=1)
    right = first if (truth == UNKNOWN).any() else truth
    least_right = (first == right).mean() - budget
    best = widest_gap(first, events, groups)
    for _ in range(rounds):
        before = best
        for c in range(scores.shape[1]):
            for candidate in _candidates(scores - thresholds, c, candidates) + thresholds[c]:
                trial = thresholds.copy()
                trial[c] = candidate
                answers = (scores - trial).argmax(axis=1)
                if (answers == right).mean() < least_right:
                    continue
                # The step keeps rounding from being taken for a smaller gap.
                if (gap := widest_gap(answers, events, groups)) < best - 1e-12:
                    best, thresholds = gap, trial
        if best >= before:
            break
    return thresholds


def _candidates(scores: Floats, c: int, count: int) -> NDArray[np.float64]:
    """Quantiles of how far a class leads the best other one: what its threshold may be moved by."""
    others = np.delete(scores, c, axis=1).max(axis=1)
    return np.unique(np.quantile(scores[:, c] - others, np.linspace(0.01, 0.99, count)))


def widest_gap(answers: Integers, events: Bools, groups: Integers) -> float:
    """The widest difference between the rates of two groups of at least 10 images, over all outcomes.

    Parameters
    ----------
    answers
        [N] classes.
    events
        [K, N, C].
    groups
        [N].
    """
    known = groups != UNKNOWN
    code = groups[known]
    n = np.bincount(code)
    large = n >= MIN_GROUP
    widest = 0.0
    for event in events:
        happened = event[np.arange(len(answers)), answers][known]
        rate = np.bincount(code, weights=happened, minlength=len(n))[large] / n[large]
        widest = max(widest, float(np.ptp(rate)) if len(rate) else 0.0)
    return widest
