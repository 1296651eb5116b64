"""A probe from arrays to answers: what callers that do not know torch use."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from clipmodel.evaluation.linear_probe.few_shot import FewShot, few_shot_curve
from clipmodel.evaluation.linear_probe.search import fit_probe

Set = tuple[NDArray[np.floating], NDArray[np.int64]]  # features [N, F] and classes [N]
TOP = 5


@dataclass(frozen=True, kw_only=True)
class ProbeAnswers:
    """What a probe answered to N test images.

    Attributes
    ----------
    predicted, in_top5
        [N]; the latter is false throughout with fewer than five classes.
    scores
        [N, C] logits.
    strength
        Of the penalty.
    tried
        Columns strength and accuracy (of the validation images) of all strengths tried.
    converged
        Whether the solver reached its tolerance.
    """

    predicted: NDArray[np.int64]
    in_top5: NDArray[np.bool_]
    scores: NDArray[np.float64]
    strength: float
    tried: dict[str, list[float]]
    converged: bool


def probe_answers(
    train: Set, test: Set, *, classes: int, seed: int, exhaustive: bool = False
) -> ProbeAnswers:
    """Fit on the training images by the paper's protocol and answer the test images."""
    probe = fit_probe(*train, classes=classes, seed=seed, exhaustive=exhaustive)
    scores = probe.classifier.scores(torch.from_numpy(np.ascontiguousarray(test[0])))
    in_top5 = np.zeros(len(scores), dtype=bool)
    if classes >= TOP:
        own = torch.from_numpy(test[1])[:, None]
        in_top5 = (scores.topk(TOP, dim=1).indices == own).any(dim=1).numpy()
    return ProbeAnswers(
        predicted=scores.argmax(dim=1).numpy(),
        in_top5=in_top5,
        scores=scores.numpy(),
        strength=probe.search.strength,
        tried={"strength": list(probe.search.tried), "accuracy": list(probe.search.tried.values())},
        converged=probe.classifier.converged,
    )


def few_shot_answers(train: Set, test: Set, *, classes: int) -> list[FewShot]:
    """The few-shot curve of the paper's shots and three draws."""
    return few_shot_curve(train, test, classes=classes)
