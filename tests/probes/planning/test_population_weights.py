from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from clipmodel.errors import UserError
from probes.datasets import load_dataset
from probes.planning.population_weights import population_weights, raked
from probes.suite.population import Population

TABLE = pd.DataFrame(
    {"path": ["a.png", "b.png", "c.png", "d.png"], "gender": ["man", "man", "man", "woman"],
     "age": ["old", "young", "young", "young"], "weight": ["1", "2", "3", "2"]}
)  # fmt: skip


def weights(folder: Path, population: dict[str, Any], table: pd.DataFrame = TABLE) -> np.ndarray:
    table.to_csv(folder / "t.csv", index=False)
    dataset = load_dataset(f"table:{folder / 't.csv'}")
    rows = np.arange(len(dataset))
    return population_weights(Population.model_validate(population), dataset, rows, probe="p")


def test_weights_of_a_column_are_one_on_average(tmp_path: Path) -> None:
    assert weights(tmp_path, {"weights": "weight"}).tolist() == [0.5, 1.0, 1.5, 1.0]
    equal = weights(tmp_path, {"weights": "weight"}, TABLE.assign(weight="0.1"))
    assert equal.tolist() == [1.0] * 4  # exactly, whatever 0.1 is


@pytest.mark.parametrize("kind", ["predictions", "embeddings"])
def test_every_kind_has_the_column(tmp_path: Path, kind: str) -> None:
    if kind == "predictions":
        file = tmp_path / "p.csv"
        TABLE.assign(prediction="x").to_csv(file, index=False)
    else:
        file = tmp_path / "e.npz"
        columns = {name: TABLE[name].to_numpy(dtype="U8") for name in TABLE}
        np.savez(file, image=np.eye(4), text=np.eye(4)[:1], text_name=np.array(["x"]), **columns)
    dataset = load_dataset(f"{kind}:{file}")
    found = population_weights(Population(weights="weight"), dataset, np.array([1, 2]), probe="p")
    assert found.tolist() == [0.8, 1.2]


def test_post_stratification_by_hand(tmp_path: Path) -> None:
    """Three men and a woman to half and half: a man counts for 2/3, the woman for 2."""
    found = weights(tmp_path, {"shares": {"gender": {"man": 0.5, "woman": 0.5}}})
    assert found == pytest.approx([2 / 3, 2 / 3, 2 / 3, 2])


def test_raking_gives_both_margins_by_a_factor_each() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.integers(0, 2, 500), rng.integers(0, 3, 500)
    shares = np.array([0.3, 0.7]), np.array([0.2, 0.3, 0.5])
    found = raked([(first, shares[0]), (second, shares[1])])
    for group, share in ((first, shares[0]), (second, shares[1])):
        assert np.bincount(group, found) / 500 == pytest.approx(share, abs=1e-8)
    # Products of two factors: the odds ratio of the weights is 1.
    cell = pd.Series(found).groupby([first, second]).first()
    assert cell[0, 0] * cell[1, 1] == pytest.approx(cell[0, 1] * cell[1, 0])


def test_shares_that_no_weights_give_are_refused() -> None:
    """All of group 0 are of group 0 of the other attribute, and the reverse: shares must agree."""
    group = np.array([0, 0, 1, 1])
    with pytest.raises(UserError, match="no weights give the images the shares of all attributes"):
        raked([(group, np.array([0.5, 0.5])), (group, np.array([0.2, 0.8]))])


@pytest.mark.parametrize(
    ("value", "words"),
    [("", "'b.png' has no weight"), ("-1", "has the weight -1, which is negative"),
     ("0", "has the weight 0, which is zero"), ("many", "has the weight many, which is no number")],
)  # fmt: skip
def test_wrong_weights_are_told_by_image(tmp_path: Path, value: str, words: str) -> None:
    table = TABLE.assign(weight=["1", value, "3", "2"])
    with pytest.raises(UserError, match=words) as caught:
        weights(tmp_path, {"weights": "weight"}, table)
    assert "1 of 4 images" in str(caught.value)


@pytest.mark.parametrize(
    ("population", "words"),
    [({"weights": "wait"}, "no column 'wait'"),
     ({"shares": {"sex": {"man": 1.0}}}, "no attribute 'sex'"),
     ({"shares": {"gender": {"man": 1.0}}}, "'woman', to which no share is given"),
     ({"shares": {"gender": {"man": 0.4, "woman": 0.4, "other": 0.2}}}, "no image has gender 'other'")],
)  # fmt: skip
def test_data_that_do_not_fit_are_refused(tmp_path: Path, population: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError, match=words):
        weights(tmp_path, population)


def test_images_without_the_attribute_have_no_share(tmp_path: Path) -> None:
    table = TABLE.assign(gender=["man", "", "man", "woman"])
    with pytest.raises(UserError, match="missing or not visible in 1 of 4"):
        weights(tmp_path, {"shares": {"gender": {"man": 0.5, "woman": 0.5}}}, table)
