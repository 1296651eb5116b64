"""Attributes that are associated in the data are reported, those that merely lean are not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats.contingency import association

from probes.planning.confounding import confounding, cramers_v


def people(**cells: int) -> pd.DataFrame:
    """Rows by "gender_race" and how many: people(woman_White=30)."""
    rows = [name.split("_") for name, n in cells.items() for _ in range(n)]
    return pd.DataFrame(rows, columns=["gender", "race"])


def test_the_stronger_direction_is_told() -> None:
    """All 40 women are White, of 60 men 5: 1 - 5/60 = 0.92. All 55 Black are men, of 45 White 5: 0.89."""
    (record,) = confounding(people(woman_White=40, man_White=5, man_Black=55), ["race"]).values()
    assert record["attributes"] == ["gender", "race"]
    assert record["n"] == 100
    assert record["confounded"]
    assert record["worst"] == {
        "attribute": "gender", "value": "woman", "other": "race", "other_value": "White", "n": 40,
        "count": 40, "n_rest": 60, "count_rest": 5,
    }  # fmt: skip


def test_balanced_or_leaning_data_are_not_reported() -> None:
    assert confounding(people(woman_White=30, woman_Black=30, man_White=30, man_Black=30), ["gender"]) == {}
    # V = (35 x 35 - 25 x 25) / 3600 = 0.17
    assert confounding(people(woman_White=35, woman_Black=25, man_White=25, man_Black=35), ["gender"]) == {}


def test_a_clear_association_is_reported_with_its_strength_though_no_group_is_tied() -> None:
    """V = (45 x 45 - 15 x 15) / 3600 = 0.5, corrected for bias: (0.25 - 1/119) / (1 - 1/119), its root."""
    (record,) = confounding(
        people(woman_White=45, woman_Black=15, man_White=15, man_Black=45), ["gender"]
    ).values()
    assert record["cramers_v"] == pytest.approx(((0.25 - 1 / 119) / (1 - 1 / 119)) ** 0.5, abs=1e-6)
    assert not record["confounded"]
    assert record["worst"] is not None
    assert (record["worst"]["count"], record["worst"]["count_rest"]) == (45, 15)


def test_nearly_all_of_everybody_is_no_confounding() -> None:
    """All women and 90 % of the men are White: a contrast of 10 points."""
    assert confounding(people(woman_White=50, man_White=45, man_Black=5), ["gender"]) == {}


def test_small_groups_say_nothing_of_a_cell() -> None:
    """19 women, or 19 others, are below the 20 images that are asked for; the association itself is told."""
    (small,) = confounding(people(woman_White=19, man_Black=19), ["gender"]).values()
    assert small["worst"] is None
    assert not small["confounded"]
    (enough,) = confounding(people(woman_White=20, man_Black=20), ["gender"]).values()
    assert enough["confounded"]
    assert confounding(people(woman_White=9, man_Black=9), ["gender"]) == {}


def test_what_is_made_from_each_other_and_what_is_not_compared_is_left_out() -> None:
    labels = people(woman_White=30, man_Black=30)
    labels["race_white"] = labels["race"].where(labels["race"] == "White", "Non-White")
    assert len(confounding(labels, ["gender"], derived={"race_white": "race"})) == 2
    assert len(confounding(labels, ["gender"])) == 2
    assert len(confounding(labels, ["race"], derived={"race_white": "race"})) == 1
    assert len(confounding(labels, ["race"])) == 2
    assert confounding(labels, ["age"]) == {}


def test_missing_values_are_ignored() -> None:
    """Five women have no race: of 25 whose race is known, 25 are White."""
    labels = people(woman_White=30, man_Black=30)
    labels.loc[:4, "race"] = None
    (record,) = confounding(labels, ["gender"]).values()
    assert record["n"] == 55
    assert record["worst"] is not None
    assert record["worst"]["count"] in (25, 30)


def test_cramers_v_is_scipys_less_its_bias() -> None:
    """Corrected for bias it is near 0 for independent attributes, where the plain one is not."""
    rng = np.random.default_rng(0)
    strong = np.array([[400, 20, 10], [15, 300, 30]])
    assert cramers_v(strong) == pytest.approx(association(strong, method="cramer"), abs=0.005)
    draws = [rng.multinomial(60, np.full(20, 1 / 20)).reshape(4, 5) for _ in range(300)]
    plain = np.mean([association(t, method="cramer") for t in draws if t.sum(0).all() and t.sum(1).all()])
    assert plain > 0.2
    assert np.mean([cramers_v(table) for table in draws]) < 0.1
    assert cramers_v(np.array([[5, 0], [0, 0]])) == 0.0
    assert cramers_v(np.zeros((0, 0), dtype=np.int64)) == 0.0
