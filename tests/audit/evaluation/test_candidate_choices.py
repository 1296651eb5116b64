from __future__ import annotations

import numpy as np
import pytest

from audit.evaluation.candidate_choices import Choice, choice_table, selection_metrics

# Two right among five: one of the two picked is right, so 1 / 3 of the union.
HALF = Choice(scores=np.array([0.9, 0.8, 0.1, 0.2, 0.3]), right=np.array([True, False, True, False, False]))
TEN = Choice(scores=np.arange(10.0), right=np.arange(10) >= 8)  # the two highest: all right


def test_as_many_are_picked_as_are_right() -> None:
    assert HALF.overlap == pytest.approx(1 / 3) and TEN.overlap == 1.0
    tied = Choice(scores=np.zeros(5), right=np.array([False, True, False, False, False]))
    assert tied.overlap == 0.0  # of tied ones the first is picked


def test_questions_count_by_their_number_of_candidates() -> None:
    found = selection_metrics([HALF, TEN, TEN], ["moon", "owl", "owl"], seed=0)
    assert found["jaccard"].value == 1.0 and found["jaccard"].n == 2
    assert found["jaccard_score_5-6"].value == pytest.approx(1 / 3) and found["jaccard_score_5-6"].n == 1
    assert found["avg_jaccard_score"].value == pytest.approx((1 / 3 + 2) / 3)
    # Whole cues are drawn: one of "moon", "owl" or both.
    assert found["avg_jaccard_score"].low == pytest.approx(1 / 3) and found["avg_jaccard_score"].high == 1.0
    alone = selection_metrics([HALF], ["moon"], seed=0)
    assert np.isnan(alone["jaccard"].value) and alone["jaccard"].n == 0


def test_each_question_is_a_row_for_paired_comparisons() -> None:
    table = choice_table([HALF, TEN], ["moon", "owl"])
    assert table["id"].tolist() == ["0: moon", "1: owl"] and table["candidates"].tolist() == [5, 10]
