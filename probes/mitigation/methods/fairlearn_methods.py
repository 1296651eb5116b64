"""Methods of fairlearn: thresholds by group, and a linear probe under a constraint (reductions).

Both take probes of two answers (of several classes each, if they are synonyms). Thresholds by group need
the group of every person at use: to treat persons differently by a protected attribute may break the law
(disparate treatment), whatever the aim.
"""

from __future__ import annotations

import hashlib
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from clipmodel.array_types import Floats, Integers
from probes.mitigation.answer_fitting import UNKNOWN, AnswerData, AnswerMethod, Classifier, Images
from probes.mitigation.fitting import UnsuitableError

GROUP_AT_USE = (
    "It needs the group of every person at use; to treat persons differently by a protected attribute may be "
    "unlawful."
)


def _estimator() -> Any:
    """What fairlearn takes for a fitted model: its score is how far the second class leads."""
    from sklearn.base import BaseEstimator, ClassifierMixin

    class Lead(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
        def fit(self, lead: Floats, truth: Integers) -> Lead:
            return self

        def __sklearn_is_fitted__(self) -> bool:
            return True

        def predict(self, lead: Floats) -> NDArray[np.float64]:
            return np.asarray(lead)[:, 0]

    return Lead()


class GroupThresholds(AnswerMethod):
    """A threshold for each group, randomised between two, at the least loss of accuracy."""

    constraint: ClassVar[str]
    source = "Hardt et al. 2016, arXiv 1610.02413; fairlearn ThresholdOptimizer"
    caution = GROUP_AT_USE

    def fit(self, data: AnswerData) -> Classifier:
        from fairlearn.postprocessing import ThresholdOptimizer

        known, truth = _two_meanings(data)
        optimiser = ThresholdOptimizer(
            estimator=_estimator(), constraints=self.constraint, objective="accuracy_score", prefit=True,
            predict_method="predict", grid_size=1000,
        )  # fmt: skip
        optimiser.fit(
            lead(data.images.scores, data.meaning)[known], truth, sensitive_features=data.images.groups[known]
        )

        def classify(images: Images) -> Floats:
            # Images of no known group keep the answer of the model.
            answers = data.meaning[images.scores.argmax(axis=1)]
            own = images.groups != UNKNOWN
            if own.any():
                answers[own] = optimiser.predict(
                    lead(images.scores, data.meaning)[own],
                    sensitive_features=images.groups[own],
                    random_state=data.seed,
                )
            return chosen_meaning(images.scores, data.meaning, answers)

        return classify


class ParityThresholds(GroupThresholds):
    """Equal shares of either answer in every group."""

    name = "group_thresholds_parity"
    about = "A threshold for each group, so that every group gets either answer equally often."
    constraint = "demographic_parity"


class OddsThresholds(GroupThresholds):
    """Equal rates of error among the images of either truth."""

    name = "group_thresholds_odds"
    about = "A threshold for each group, so that errors of either kind are equally frequent in all groups."
    constraint = "equalized_odds"


class ReducedProbe(AnswerMethod):
    """A linear probe under a constraint on its groups: a randomised mixture of weighted logistic regressions.

    The penalty is the one that the CLIP paper's search finds for the unconstrained probe. A constraint holds
    on the images that are fitted on; a probe that gets all of them right meets it without effect elsewhere.

    Parameters
    ----------
    slack
        How far the rate of a group may be from that of all.
    iterations
        Of the exponentiated gradient, at most.
    """

    constraint: ClassVar[str]
    source = "Agarwal et al. 2018, arXiv 1803.02453; fairlearn ExponentiatedGradient"
    caution = "It uses the group of every person it is fitted on, and none at use."

    def __init__(self, *, slack: float = 0.01, iterations: int = 15) -> None:
        self.slack, self.iterations = slack, iterations

    def fit(self, data: AnswerData) -> Classifier:
        from fairlearn import reductions
        from sklearn.linear_model import LogisticRegression

        known, truth = _two_meanings(data)
        features = data.images.features[known]
        strength = _strength(features, truth, seed=data.seed)
        reduction = reductions.ExponentiatedGradient(
            LogisticRegression(C=1 / strength, max_iter=300),
            constraints=getattr(reductions, self.constraint)(difference_bound=self.slack),
            max_iter=self.iterations,
        )
        reduction.fit(features, truth, sensitive_features=data.images.groups[known])

        def classify(images: Images) -> Floats:
            answers = np.asarray(reduction.predict(images.features, random_state=data.seed), dtype=np.int64)
            return chosen_meaning(images.scores, data.meaning, answers)

        return classify


def _strength(features: Floats, truth: Integers, *, seed: int) -> float:
    """The penalty that the CLIP paper's search finds; the two constraints ask for it on the same images."""
    from clipmodel.evaluation.linear_probe.search import fit_probe

    digest = hashlib.sha256(features.tobytes() + truth.tobytes()).hexdigest()
    if (digest, seed) not in _STRENGTHS:
        _STRENGTHS.clear()  # of the last images alone
        _STRENGTHS[digest, seed] = fit_probe(features, truth, classes=2, seed=seed).search.strength
    return _STRENGTHS[digest, seed]


_STRENGTHS: dict[tuple[str, int], float] = {}


class ErrorParityProbe(ReducedProbe):
    """Equal rates of error in every group."""

    name = "reductions_error"
    about = "A linear classifier under the constraint that every group is misclassified equally often."
    constraint = "ErrorRateParity"


class OddsProbe(ReducedProbe):
    """Equal rates of error among the images of either truth."""

    name = "reductions_odds"
    about = "A linear classifier under the constraint that errors of either kind are equally frequent."
    constraint = "EqualizedOdds"


def lead(scores: Floats, meaning: Integers) -> Floats:
    """[N, 1] how far the best class of the second meaning leads that of the first."""
    best = [scores[:, meaning == m].max(axis=1) for m in (0, 1)]
    return np.asarray(best[1] - best[0], dtype=np.float64)[:, None]


def chosen_meaning(scores: Floats, meaning: Integers, answers: Integers) -> Floats:
    """[N, C] the scores of the classes of the meaning that is answered, all others far below."""
    return np.where(meaning[None] == answers[:, None], scores, scores.min() - 1.0)


def _two_meanings(data: AnswerData) -> tuple[NDArray[np.bool_], Integers]:
    """[N] which images have a known group, and the right meaning of those."""
    meanings = len(np.unique(data.meaning))
    if meanings != 2:
        raise UnsuitableError(f"{meanings} different answers, it takes two", remedy="name another method")
    if not data.has_truth:
        raise UnsuitableError("the probe has no truth", remedy="name another method")
    known: NDArray[np.bool_] = data.images.groups != UNKNOWN
    groups, truth = data.images.groups[known], data.meaning[data.truth[known]]
    if len(np.unique(groups)) < 2 or any(len(np.unique(truth[groups == g])) < 2 for g in np.unique(groups)):
        raise UnsuitableError(
            "some group has images of one truth only, so its errors of either kind cannot be compared",
            remedy="choose a truth that is not the attribute itself",
        )
    return known, truth
