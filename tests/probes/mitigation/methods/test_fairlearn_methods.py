"""Thresholds by group and reductions: their constraints hold on the images that were fitted on."""

from __future__ import annotations

import numpy as np
import pytest
from fairlearn import reductions
from fairlearn.postprocessing import ThresholdOptimizer
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression

from clipmodel.evaluation.linear_probe.search import fit_probe
from probes.mitigation.answer_fitting import AnswerData, Images
from probes.mitigation.fitting import UnsuitableError
from probes.mitigation.methods.fairlearn_methods import (
    ErrorParityProbe,
    OddsProbe,
    OddsThresholds,
    ParityThresholds,
    chosen_meaning,
    lead,
)
from tests.probes.mitigation.methods.test_class_thresholds import two_groups


def test_parity_thresholds_give_either_answer_equally_often() -> None:
    data = two_groups(0, n=2000)
    answers = ParityThresholds().fit(data)(data.images).argmax(axis=1)
    shares = [answers[data.images.groups == g].mean() for g in (0, 1)]
    before = [(data.images.scores.argmax(axis=1))[data.images.groups == g].mean() for g in (0, 1)]
    assert abs(before[0] - before[1]) > 0.15 and abs(shares[0] - shares[1]) < 0.02
    # Randomised between two thresholds, by a seed: the same images get the same answers.
    again = ParityThresholds().fit(data)(data.images).argmax(axis=1)
    assert (answers == again).all()


def test_odds_thresholds_come_near_the_best_pair_of_plain_thresholds() -> None:
    """Naive reference: of all pairs of cuts with error rates within two points, the most accurate one."""
    data = two_groups(1, n=400)
    margin, truth, groups = data.images.scores[:, 1], data.truth, data.images.groups
    cuts = np.quantile(margin, np.linspace(0.02, 0.98, 60))

    def rates(group: int, cut: float) -> np.ndarray:
        own = groups == group
        answers = margin[own] > cut
        return np.array([answers[truth[own] == 0].mean(), 1 - answers[truth[own] == 1].mean()])

    table = [[rates(g, cut) for cut in cuts] for g in (0, 1)]
    best = max(1 - np.mean([a, b]) for a in table[0] for b in table[1] if np.abs(a - b).max() <= 0.02)
    answers = OddsThresholds().fit(data)(data.images).argmax(axis=1)
    assert (answers == truth).mean() >= best - 0.04
    wrong = [[(answers != truth)[(groups == g) & (truth == y)].mean() for y in (0, 1)] for g in (0, 1)]
    assert np.abs(np.subtract(*wrong)).max() < 0.08  # 100 images a cell: a deviation is 4 points


def test_an_unknown_group_keeps_the_zero_shot_answer() -> None:
    data = two_groups(0)
    classify = OddsThresholds().fit(data)
    unknown = Images(scores=data.images.scores, features=data.images.features, groups=np.full(200, -1))
    assert (classify(unknown).argmax(axis=1) == unknown.scores.argmax(axis=1)).all()


@pytest.mark.parametrize("method", [ErrorParityProbe, OddsProbe])
def test_reductions_lower_the_gap_that_they_constrain(method: type[ErrorParityProbe]) -> None:
    """Group 1 is harder; a plain logistic regression errs more often in it."""
    rng = np.random.default_rng(3)
    n = 800
    groups, truth = np.arange(n) % 2, (np.arange(n) // 2) % 2
    own = np.where(groups == 0, 2.0, 0.4) * (2 * truth - 1)
    features = np.stack([own + rng.standard_normal(n), groups + 0.1 * rng.standard_normal(n)], axis=1)
    images = Images(scores=features, features=features, groups=groups)
    data = AnswerData(
        probe="job", words=[("a", "a"), ("b", "b")], images=images, truth=truth,
        events=np.ones((1, n, 2), bool), meaning=np.arange(2), levels=["x", "y"],
    )  # fmt: skip
    answers = method(slack=0.02).fit(data)(images).argmax(axis=1)
    wrong = answers != truth
    gap = abs(wrong[groups == 0].mean() - wrong[groups == 1].mean())
    plain = abs(
        ((features[:, 0] > 0) != truth)[groups == 0].mean()
        - ((features[:, 0] > 0) != truth)[groups == 1].mean()
    )
    assert plain > 0.25 and gap < 0.1


@pytest.mark.parametrize(
    ("method", "constraint"), [(ErrorParityProbe, "ErrorRateParity"), (OddsProbe, "EqualizedOdds")]
)
def test_reductions_are_fairlearns_on_the_same_data(
    method: type[ErrorParityProbe], constraint: str
) -> None:  # fmt: skip
    data = two_groups(2, n=300)
    strength = fit_probe(data.images.features, data.truth, classes=2, seed=data.seed).search.strength
    reduction = reductions.ExponentiatedGradient(
        LogisticRegression(C=1 / strength, max_iter=300),
        constraints=getattr(reductions, constraint)(difference_bound=0.02),
        max_iter=15,
    )
    reduction.fit(data.images.features, data.truth, sensitive_features=data.images.groups)
    wanted = reduction.predict(data.images.features, random_state=data.seed)
    assert (method(slack=0.02).fit(data)(data.images).argmax(axis=1) == wanted).all()


def test_thresholds_are_fairlearns_on_the_same_data() -> None:
    data = two_groups(3, n=300)
    margin = (data.images.scores[:, 1] - data.images.scores[:, 0])[:, None]
    known = DummyClassifier().fit(margin, data.truth)
    known.predict = lambda x: np.asarray(x)[:, 0]
    optimiser = ThresholdOptimizer(
        estimator=known, constraints="equalized_odds", prefit=True, predict_method="predict", grid_size=1000
    ).fit(margin, data.truth, sensitive_features=data.images.groups)
    wanted = optimiser.predict(margin, sensitive_features=data.images.groups, random_state=data.seed)
    assert (OddsThresholds().fit(data)(data.images).argmax(axis=1) == wanted).all()


def test_what_they_cannot_do_is_said() -> None:
    data = two_groups(0)
    three = AnswerData(**{**data.__dict__, "meaning": np.arange(3)})
    with pytest.raises(UnsuitableError, match="3 different answers, it takes two"):
        ParityThresholds().fit(three)
    same = AnswerData(**{**data.__dict__, "truth": data.images.groups})
    with pytest.raises(UnsuitableError, match="images of one truth only"):
        OddsProbe().fit(same)
    with pytest.raises(UnsuitableError, match="no truth"):
        OddsThresholds().fit(AnswerData(**{**data.__dict__, "truth": np.full(200, -1)}))
    assert "unlawful" in ParityThresholds.caution and "unlawful" not in OddsProbe.caution


def test_synonyms_are_one_answer() -> None:
    # Classes 0 and 2 mean the same; their best score stands against that of class 1.
    scores, meaning = np.array([[0.1, 0.5, 0.9], [0.2, 0.8, 0.3]]), np.array([0, 1, 0])
    assert lead(scores, meaning)[:, 0].tolist() == pytest.approx([-0.4, 0.5])
    # Whatever is answered, the best class of that meaning is the highest.
    assert chosen_meaning(scores, meaning, np.array([1, 0])).argmax(axis=1).tolist() == [1, 2]
