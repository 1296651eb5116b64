"""Attributes that go together in the data are reported, those that merely lean are not."""

from __future__ import annotations

import pandas as pd

from probes.planning.confounding import confounding


def people(**cells: int) -> pd.DataFrame:
    """Rows by "gender_race" and how many: people(woman_White=30)."""
    rows = [name.split("_") for name, n in cells.items() for _ in range(n)]
    return pd.DataFrame(rows, columns=["gender", "race"])


def test_the_stronger_direction_is_told() -> None:
    """All 40 women are White, of 60 men 5: 1 - 5/60 = 0.92. All 55 Black are men, of 45 White 5: 0.89."""
    found = confounding(people(woman_White=40, man_White=5, man_Black=55), ["race"])
    assert found == {
        (
            "gender",
            "race",
        ): "gender and race are confounded in these images: of 40 with gender woman, 40 have "
        "race White, of the other 60 only 5. A gap by gender may be one by race, and the other way round."
    }


def test_balanced_or_leaning_data_are_not_reported() -> None:
    assert confounding(people(woman_White=30, woman_Black=30, man_White=30, man_Black=30), ["gender"]) == {}
    assert confounding(people(woman_White=45, woman_Black=15, man_White=15, man_Black=45), ["gender"]) == {}


def test_nearly_all_of_everybody_is_no_confounding() -> None:
    """All women and 90 % of the men are White: a contrast of 10 points."""
    assert confounding(people(woman_White=50, man_White=45, man_Black=5), ["gender"]) == {}


def test_small_groups_say_nothing() -> None:
    """19 women, or 19 others, are below the 20 images that are asked for."""
    assert confounding(people(woman_White=19, man_Black=19), ["gender"]) == {}
    assert len(confounding(people(woman_White=20, man_Black=20), ["gender"])) == 1


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
    (sentence,) = confounding(labels, ["gender"]).values()
    assert " 25 " in sentence
