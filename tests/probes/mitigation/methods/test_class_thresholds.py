"""Group-blind thresholds against a search over every threshold."""

from __future__ import annotations

import numpy as np
import pytest

from probes.mitigation.answer_fitting import AnswerData, Images
from probes.mitigation.fitting import UnsuitableError
from probes.mitigation.methods.class_thresholds import ClassThresholds, least_gap_thresholds, widest_gap


def two_groups(seed: int, n: int = 200) -> AnswerData:
    """Two classes; the scores of group 1 lean towards class 1 by half a deviation."""
    rng = np.random.default_rng(seed)
    groups, truth = np.arange(n) % 2, (np.arange(n) // 2) % 2
    margin = np.where(truth == 1, 1.0, -1.0) + 0.8 * groups + rng.standard_normal(n)
    scores = np.stack([np.zeros(n), margin], axis=1)
    right = truth[:, None] == np.arange(2)
    return AnswerData(
        probe="job", words=[("a", "a"), ("b", "b")],
        images=Images(scores=scores, features=scores, groups=groups), truth=truth,
        events=~right[None], meaning=np.arange(2),
        levels=["x", "y"],
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(4))
def test_two_classes_come_near_the_best_of_all_thresholds(seed: int) -> None:
    data = two_groups(seed)
    scores, groups = data.images.scores, data.images.groups
    found = least_gap_thresholds(
        scores, data.truth, events=data.events, groups=groups, budget=0.02, candidates=199
    )
    margin = np.sort(scores[:, 1])
    accuracy = ((scores.argmax(axis=1)) == data.truth).mean()
    gaps = []
    for cut in np.concatenate([[margin[0] - 1, 0.0], (margin[1:] + margin[:-1]) / 2]):
        answers = (scores[:, 1] > cut).astype(np.int64)
        if (answers == data.truth).mean() >= accuracy - 0.02:
            gaps.append(widest_gap(answers, data.events, groups))
    answers = (scores - found).argmax(axis=1)
    # Quantiles of 200 margins come as near as one image of a group of 100: half a point each.
    assert widest_gap(answers, data.events, groups) <= min(gaps) + 0.02
    assert (answers == data.truth).mean() >= accuracy - 0.02


def test_the_widest_gap_is_over_outcomes_and_groups_of_ten() -> None:
    # Group 0: 2 of 10 wrong; group 1: 5 of 10 wrong; group 2: 3 of 3 wrong, too few to count; one unknown.
    wrong = np.array([1] * 2 + [0] * 8 + [1] * 5 + [0] * 5 + [1] * 3 + [1], bool)
    groups = np.array([0] * 10 + [1] * 10 + [2] * 3 + [-1])
    events = np.stack([np.stack([wrong, ~wrong], axis=1), np.zeros((24, 2), bool)])
    assert widest_gap(np.zeros(24, np.int64), events, groups) == pytest.approx(0.3)
    assert widest_gap(np.zeros(24, np.int64), events, np.full(24, -1)) == 0.0


def test_it_knows_no_group_at_use_and_keeps_answers_without_a_truth() -> None:
    data = two_groups(0)
    without_truth = AnswerData(**{**data.__dict__, "truth": np.full(200, -1)})
    classify = ClassThresholds(budget=0.05).fit(without_truth)
    images = data.images
    blind = Images(scores=images.scores, features=images.features, groups=np.full(200, -1))
    assert (classify(blind) == classify(images)).all()
    changed = classify(images).argmax(axis=1) != images.scores.argmax(axis=1)
    assert 0 < changed.mean() <= 0.05


def test_a_group_alone_has_no_gap() -> None:
    data = two_groups(0, n=20)
    alone = Images(scores=data.images.scores, features=data.images.features, groups=np.zeros(20, np.int64))
    with pytest.raises(UnsuitableError, match="fewer than two groups"):
        ClassThresholds().fit(AnswerData(**{**data.__dict__, "images": alone}))
