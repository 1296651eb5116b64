"""The study of mitigations: which models it trains, and its table from rows made by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from benchmarks import planted_gap_models
from benchmarks.planted_gap_models import RARE, VARIANTS, Trained, measured_images, plans, recipe_of
from benchmarks.planted_mitigations import summary


def test_a_repetition_differs_in_its_training_data_alone_or_in_its_seed() -> None:
    trained = list(plans(2))
    assert [one.variant for one in trained[: len(VARIANTS)]] == list(VARIANTS)
    assert {one.seed for one in trained if one.variant == "another seed"} == {10_000, 10_001}
    recipes = {one.variant: recipe_of(one) for one in trained[: len(VARIANTS)]}
    assert recipes["planted"].data == recipes["another seed"].data
    assert recipes["all images"].data.thin == []
    assert recipes["reweigh"].data.reweigh is not None and recipes["cap"].data.cap[0].most == 30
    assert len({repr(recipe.data) for recipe in recipes.values()}) == len(VARIANTS) - 1


def test_the_images_asked_are_of_families_that_no_model_saw() -> None:
    _, images = measured_images()
    assert set(images["split"]) == {"held_out_family"}
    rare = images[images["rare"] == "rare"]
    for where in RARE:
        own = rare[rare["gender"].isin(where["gender"])]
        assert set(own["skin_tone"]) == set(where["skin_tone"])


def test_what_is_there_is_not_trained_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trained: list[str] = []
    monkeypatch.setattr(planted_gap_models, "train", lambda recipe, **_: trained.append(recipe.recipe))

    def keep(model: object, scratch: Path, folder: Path) -> None:
        folder.mkdir()
        (folder / "embeddings.npz").write_bytes(b"")

    monkeypatch.setattr(planted_gap_models, "_keep", keep)
    assert planted_gap_models.train_missing(tmp_path, repetitions=1, seconds=0) == len(VARIANTS) - 1
    assert planted_gap_models.train_missing(tmp_path, repetitions=1, seconds=60) == 0
    assert trained == [Trained(variant, 0).name for variant in VARIANTS]


def test_the_table_has_students_interval_over_repetitions() -> None:
    row = {"method": "cap", "before": 0.4, "wider": 0, "accuracy_before": 0.6, "leakage": 0.8}
    rows = pd.DataFrame(
        [row | {"after": 0.1, "effect": "narrower", "accuracy": 0.7},
         row | {"after": 0.2, "effect": "not shown", "accuracy": 0.5}]
    )  # fmt: skip
    (found,) = summary(rows).to_dict("records")
    # Changes of -30 and -20 points: mean -25, standard error 5.
    half = stats.t.ppf(0.975, 1) * 5
    assert (found["change"], found["low"], found["high"]) == pytest.approx((-25, -25 - half, -25 + half))
    assert (found["narrower"], found["no change"], found["n"]) == (1, 1, 2)
    assert found["accuracy change"] == pytest.approx(0) and np.isclose(found["leakage"], 80)
