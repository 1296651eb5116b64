"""The strength of the penalty, by the CLIP paper's search (Radford et al. 2021, appendix A.3).

96 logarithmic steps from 1e-6 to 1e6, eight a decade. The search starts at seven of them and halves the
interval round the best until it has reached neighbouring steps; `exhaustive` tries all. Among equal
accuracies the stronger penalty wins.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from clipmodel.array_types import AnyFloats, Integers
from clipmodel.evaluation.linear_probe.solver import TOLERANCE, LinearClassifier, Solver, fit

STEPS_PER_DECADE = 8
DECADES = 6  # on both sides of 1
STEPS = 2 * DECADES * STEPS_PER_DECADE
# Two decades: 1e-6, 1e-4 ... 1e6, the seven points of the paper.
FIRST_STRIDE = 2 * STEPS_PER_DECADE
HELD_OUT = 0.2


def strength_of(step: int) -> float:
    """The strength at a step, 0 ... 96."""
    return float(10.0 ** (step / STEPS_PER_DECADE - DECADES))


@dataclass(frozen=True, kw_only=True)
class Search:
    """What was tried.

    Attributes
    ----------
    strength
        The chosen one.
    tried
        Validation accuracy by strength, sorted.
    """

    strength: float
    tried: dict[float, float]


def search(accuracy: Callable[[Sequence[float]], Sequence[float]], *, exhaustive: bool = False) -> Search:
    """Choose a strength.

    Parameters
    ----------
    accuracy
        Of the classifiers with some strengths, on validation images.
    exhaustive
        Try all 97 values instead of about 15.
    """
    tried: dict[int, float] = {}

    def look(steps: Sequence[int]) -> None:
        new = [step for step in steps if step not in tried]
        if new:
            tried.update(zip(new, accuracy([strength_of(step) for step in new]), strict=True))

    look(range(0, STEPS + 1, 1 if exhaustive else FIRST_STRIDE))
    stride = FIRST_STRIDE
    while not exhaustive and stride > 1:
        stride //= 2
        best = _best(tried)
        look([step for step in (best - stride, best + stride) if 0 <= step <= STEPS])
    return Search(
        strength=strength_of(_best(tried)),
        tried={strength_of(step): value for step, value in sorted(tried.items())},
    )


def _best(tried: dict[int, float]) -> int:
    # Of equal accuracies the higher step, since the stronger penalty depends less on single images.
    return max(tried, key=lambda step: (tried[step], step))


@dataclass(frozen=True, kw_only=True)
class Probe:
    """A fitted probe and how its strength was found.

    Attributes
    ----------
    classifier
        Fitted on training and validation images together.
    search
        The strengths tried, fitted on training images only.
    """

    classifier: LinearClassifier
    search: Search


def fit_probe(
    features: AnyFloats,
    truth: Integers,
    *,
    classes: int,
    validation: tuple[AnyFloats, Integers] | None = None,
    seed: int = 0,
    exhaustive: bool = False,
    tolerance: float = TOLERANCE,
) -> Probe:
    """The paper's protocol: search on validation images, then fit on all.

    Parameters
    ----------
    features, truth
        [N, F] and [N] of the training images.
    validation
        Features and classes of the validation split; without one a fifth of each class of the training images
        is held out for the search (at least one image of a class that has two).
    seed
        Of the images held out.
    """
    if validation is None:
        held = held_out(truth, seed=seed)
        own, own_truth = features[~held], truth[~held]
        other, other_truth = features[held], truth[held]
    else:
        own, own_truth, (other, other_truth) = features, truth, validation
    others = torch.as_tensor(np.asarray(other, dtype=np.float64))

    # One solver for all strengths: it keeps the rotated features and each solution as a start.
    solver = Solver(own, own_truth, classes=classes, tolerance=tolerance)

    def accuracy(strengths: Sequence[float]) -> list[float]:
        fitted = solver.fit(strengths)
        return [float((one.scores(others).argmax(dim=1).numpy() == other_truth).mean()) for one in fitted]

    found = search(accuracy, exhaustive=exhaustive)
    if validation is not None:
        own, own_truth = np.concatenate([features, other]), np.concatenate([truth, other_truth])
    else:
        own, own_truth = features, truth
    # A new solver: the training and validation images together have other principal axes.
    last = fit(own, own_truth, [found.strength], classes=classes, tolerance=tolerance)[0]
    return Probe(classifier=last, search=found)


def held_out(truth: Integers, *, seed: int, share: float = HELD_OUT) -> NDArray[np.bool_]:
    """[N] which images to hold out: a share of each class, never all of a class."""
    rng = np.random.default_rng(seed)
    chosen = np.zeros(len(truth), dtype=bool)
    for c in np.unique(truth):
        rows = np.flatnonzero(truth == c)
        count = min(max(round(share * len(rows)), 1), len(rows) - 1)
        chosen[rng.permutation(rows)[:count]] = True
    if (
        len(truth) and not chosen.any()
    ):  # one image per class: nothing can be spared, so the same images decide
        chosen[:] = True
    return chosen
