"""Caps and weights of training rows: exact counts, nested caps, independence, and what a run says of them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clipmodel.errors import UserError
from clipmodel.training.data.row_balance import (
    CapRecipe,
    ReweighRecipe,
    capped,
    independence_weights,
    reweighed,
)
from clipmodel.training.loop import train
from clipmodel.training.recipe import DataRecipe, Recipe


def _people() -> pd.DataFrame:
    """100 rows: 40 light men, 10 dark men, 20 light women, 25 dark women, 5 women of no known tone."""
    cells = [("man", "light", 40), ("man", "dark", 10), ("woman", "light", 20), ("woman", "dark", 25),
             ("woman", None, 5)]  # fmt: skip
    rows = [(gender, tone) for gender, tone, n in cells for _ in range(n)]
    frame = pd.DataFrame(rows, columns=["gender", "tone"])
    return frame.assign(image=[bytes([i]) for i in range(100)])


def _sizes(frame: pd.DataFrame) -> dict[tuple[str, str], int]:
    filled = frame.fillna({"tone": "none"})
    return {(str(g), str(t)): int(n) for (g, t), n in filled.groupby(["gender", "tone"]).size().items()}


def test_a_cap_keeps_so_many_of_each_combination_and_a_lower_one_keeps_a_part_of_them() -> None:
    people = _people()
    kept = {
        most: capped(people, [CapRecipe(by=["gender", "tone"], most=most)], source="p") for most in (5, 20)
    }
    assert set(_sizes(kept[5][0]).values()) == {5}
    # 40 and 25 come down to 20; 10, 20 and 5 are within.
    assert sorted(_sizes(kept[20][0]).values()) == [5, 10, 20, 20, 20]
    assert set(kept[5][0]["image"]) < set(kept[20][0]["image"])
    assert kept[20][1] == [
        {"by": ["gender", "tone"], "most": 20, "seed": 0, "combinations": 5, "left_out": 25}
    ]
    shuffled = people.sample(frac=1, random_state=1)
    again, _ = capped(shuffled, [CapRecipe(by=["gender", "tone"], most=20)], source="p")
    assert set(again["image"]) == set(kept[20][0]["image"])


def test_weights_are_the_margins_over_the_joint_share() -> None:
    # Without the five unknown: 95 rows, 50 men, 45 women, 60 light, 35 dark. A dark man should be
    # 50/95 x 35/95 of the rows and is 10/95: weight 50 x 35 / (95 x 10) = 1.842.
    people = _people().dropna()
    codes = [people[name].factorize()[0] for name in ("gender", "tone")]
    weight = independence_weights(codes)
    of = {
        cell: weight[(people["gender"] == cell[0]) & (people["tone"] == cell[1])] for cell in _sizes(people)
    }
    assert of["man", "dark"][0] == pytest.approx(50 * 35 / 950)
    assert of["man", "light"][0] == pytest.approx(50 * 60 / (95 * 40))
    assert weight.sum() == pytest.approx(95)


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=60))
def test_weighted_columns_are_independent_where_every_combination_occurs(
    pairs: list[tuple[int, int]],
) -> None:
    full = [*pairs, *((a, b) for a in range(3) for b in range(3))]
    a, b = np.array(full).T
    weight = independence_weights([a, b])
    joint = np.array([[weight[(a == i) & (b == j)].sum() for j in range(3)] for i in range(3)])
    expected = np.outer(joint.sum(axis=1), joint.sum(axis=0)) / joint.sum()
    np.testing.assert_allclose(joint, expected)
    np.testing.assert_allclose(joint.sum(axis=1), np.bincount(a, minlength=3))


def test_rows_are_seen_as_often_as_their_weight_says() -> None:
    people = _people().dropna()
    shown, (told,) = reweighed(people, ReweighRecipe(by=["gender", "tone"]), source="p")
    times = shown["image"].value_counts()
    # Dark men have weight 1.84: each once or twice. Light men 0.79: each once or not at all.
    dark = people.loc[(people["gender"] == "man") & (people["tone"] == "dark"), "image"]
    light = people.loc[(people["gender"] == "man") & (people["tone"] == "light"), "image"]
    assert set(times.reindex(dark)) == {1, 2}
    assert times.reindex(light).fillna(0).max() == 1
    assert told["left_out"] == (times.reindex(people["image"]).isna()).sum()
    assert abs(len(shown) - 95) < 15
    assert reweighed(people, None, source="p")[1] == []


def test_an_absent_column_is_named() -> None:
    with pytest.raises(UserError, match=r"p: data\.cap: no column 'race'"):
        capped(_people(), [CapRecipe(by=["race"], most=1)], source="p")
    with pytest.raises(UserError, match=r"p: data\.reweigh: no column 'race'"):
        reweighed(_people(), ReweighRecipe(by=["race", "tone"]), source="p")
    with pytest.raises(ValueError, match="need `captions`"):
        DataRecipe.model_validate({"source": "x", "cap": [{"by": ["a"], "most": 1}]})


def test_a_run_says_what_it_balanced(recipe: Recipe, images: Path, tmp_path: Path) -> None:
    data = DataRecipe.model_validate(
        {**recipe.data.model_dump(), "cap": [{"by": ["shape"], "most": 8}],
         "reweigh": {"by": ["shape", "colour"]}}
    )  # fmt: skip
    train(recipe.model_copy(update={"data": data}), out=tmp_path, steps=1, seed=3, resolve=lambda _: [images])
    summary = json.loads((tmp_path / "model" / "training.json").read_text())
    cap, weights = summary["balanced"]
    assert cap["most"] == 8 and cap["left_out"] == 36 - 8 * cap["combinations"]
    assert weights["by"] == ["shape", "colour"]
    assert recipe.sha256 != recipe.model_copy(update={"data": data}).sha256
