from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from audit.commands.composed import planted_models
from audit.commands.composed.planted_models import Trained, measure_all, plans
from clipmodel.training.recipe import load_recipe


def test_controls_come_first_and_tones_take_turns() -> None:
    found = list(plans(["light", "dark"], controls=2, planted=3, strengths=[0.5, 0.9]))
    assert [plan.planted for plan in found] == ["", "", "light", "dark", "light", "light", "dark", "light"]
    assert len({plan.seed for plan in found}) == len(found)
    assert found[0].name == "control-0-0" and found[-1].name == "light-0.9-2002"


def test_images_held_out_show_a_skin_tone_and_were_not_trained_on() -> None:
    frame = pd.DataFrame(
        [
            ("validation", True, "dark", "person"),
            ("train", True, "dark", "person"),
            ("validation", False, "dark", "person"),
            ("held_out_combination", True, "light", "person"),
            ("validation", True, None, "person"),
            ("held_out_family", True, "dark", "person"),
            ("validation", True, "dark", "animal"),
        ],
        columns=["split", "visible_skin_tone", "skin_tone", "category"],
    )
    assert planted_models._held_out(frame).tolist() == [0, 3]


def test_a_model_that_was_measured_is_not_trained_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained: list[Trained] = []

    def train(plan: Trained, tones: list[str], *, steps: int, out: Path) -> Trained:
        trained.append(plan)
        return plan

    def values(
        model: Trained, dataset: object, rows: np.ndarray, tones: list[str], scratch: Path
    ) -> pd.DataFrame:
        return pd.DataFrame({"group": tones, "n": len(rows), "value": -float(model.seed)})

    monkeypatch.setattr(planted_models, "_train", train)
    monkeypatch.setattr(planted_models, "_values", values)
    told: list[tuple[str, int, int]] = []
    options = {"controls": 1, "planted": 1, "strengths": [0.9], "steps": 1}
    first = measure_all(tmp_path, **options, progress=lambda *words: told.append(words))  # type: ignore[arg-type]
    assert [plan.name for plan in trained] == ["control-0-0", "light-0.9-1000"]
    assert told[-1] == ("models", 2, 2) and first["model"].nunique() == 2
    again = measure_all(tmp_path, **options, progress=lambda *words: None)  # type: ignore[arg-type]
    assert len(trained) == 2
    pd.testing.assert_frame_equal(again, first)


def test_the_small_recipe_has_the_captions_of_skin_tones() -> None:
    assert all("{" in text for text in planted_models.TEMPLATES)
    assert load_recipe("tiny").data.captions is not None
