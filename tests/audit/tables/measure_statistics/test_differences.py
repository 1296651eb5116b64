from __future__ import annotations

import numpy as np
import pytest

from audit.statistics.proportion.intervals import newcombe
from audit.tables.measure_statistics.differences import (
    FEW_CLUSTERS,
    differences_of_sides,
    from_the_rest,
    mean_absolute_differences,
    of_sides,
    of_sides_one_sided,
)
from tests.audit.support.scalar_rows import family_of, scalar_rows

SCORES = {"red": [0.9, 0.8, 0.7, 0.3, 0.2, 0.1], "blue": [0.1, 0.5, 0.3, 0.2, 0.4, 0.3]}
GENDER = ["woman"] * 3 + ["man"] * 3
SIDE = ["first"] * 3 + ["second"] * 3
FRAME = scalar_rows(SCORES, side=SIDE, gender=GENDER)
TEST = {"permutations": 99, "correction": "max_t"}
WORDS = [{"item": "red"}, {"item": "blue"}]


def standardised(values: list[float]) -> float:
    return (np.mean(values[:3]) - np.mean(values[3:])) / np.std(values, ddof=1)


def test_each_group_against_all_others_by_hand() -> None:
    rows = [{"item": item, "gender": name} for item in SCORES for name in ("woman", "man")]
    found = list(from_the_rest(family_of(FRAME, rows, by=["gender"], **TEST)))
    for place, item in enumerate(SCORES):
        assert found[2 * place]["value"] == pytest.approx(standardised(SCORES[item]))
        assert found[2 * place + 1]["value"] == pytest.approx(-standardised(SCORES[item]))
    # Of the C(6, 3) = 20 labelings only the observed one and its mirror have a t as large: 2 / 20.
    assert found[0]["p"] == pytest.approx(0.1)
    assert found[0]["p"] <= found[0]["p_adjusted"] and found[2]["p"] > 0.3
    assert "max-T over 4 tests of 2 words x 2 groups; all 20 labelings" in found[0]["note"]


def test_two_sides_two_sided_and_one_sided() -> None:
    two, blue = of_sides(family_of(FRAME, WORDS, **TEST))
    (one, _) = of_sides_one_sided(family_of(FRAME, WORDS, **TEST))
    assert two["value"] == one["value"] == pytest.approx(standardised(SCORES["red"]))
    assert two["low"] < two["value"] < two["high"] and blue["low"] < 0 < blue["high"]
    assert (two["p"], one["p"]) == (pytest.approx(2 / 20), pytest.approx(1 / 20))
    assert one["note"].startswith("one-sided p over 20 all splits")


def test_sides_of_one_cluster_have_no_p() -> None:
    frame = scalar_rows(SCORES, side=SIDE, cluster=["a"] * 3 + ["b", "c", "d"], gender=GENDER)
    (row, _) = of_sides(family_of(frame, WORDS, **TEST))
    assert np.isnan(row["p"]) and FEW_CLUSTERS in row["note"]
    assert (row["n"], row["clusters"]) == (6, 4)


@pytest.mark.parametrize("statistic", [of_sides, from_the_rest, differences_of_sides])
def test_too_few_images_on_a_side(statistic) -> None:
    rows = [{"item": "red", "gender": "woman"}]
    by = ["gender"] if statistic is from_the_rest else []
    ((row),) = statistic(family_of(FRAME, rows, by=by, least=4, **TEST))
    assert np.isnan(row["value"]) and row["note"] == "fewer than 4 images"


def test_the_mean_absolute_difference_by_hand() -> None:
    # |.8 - .2| = .6 and |.3 - .3| = 0: .3.
    ((row),) = mean_absolute_differences(family_of(FRAME, [{"item": "red"}], **TEST))
    assert row["value"] == pytest.approx(0.3)
    assert "mean over 2 classes" in row["note"]
    assert 1 / 100 <= row["p"] <= 0.3
    ((few),) = mean_absolute_differences(family_of(FRAME, [{"item": "red"}], least=4, **TEST))
    assert np.isnan(few["value"])


def test_a_permuted_difference_of_shares_keeps_newcombes_interval() -> None:
    answers = {"cook": [1] * 5 + [0] * 3 + [1] * 1 + [0] * 7}
    frame = scalar_rows(answers, side=["first"] * 8 + ["second"] * 8)
    ((permuted),) = differences_of_sides(family_of(frame, [{"item": "cook"}], **TEST))
    ((plain),) = differences_of_sides(family_of(frame, [{"item": "cook"}]))
    low, high = newcombe(5, 8, 1, 8)
    for row in (permuted, plain):
        assert row["value"] == pytest.approx(0.5)
        assert (row["low"], row["high"]) == pytest.approx((float(low), float(high)))
    assert np.isnan(plain["p"]) and 0 < permuted["p"] < 0.3
