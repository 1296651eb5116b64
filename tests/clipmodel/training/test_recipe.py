"""The shipped recipes, the optimiser they describe, and recipes that cannot be."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
import yaml

from clipmodel.architecture.clip import CLIP
from clipmodel.errors import UserError
from clipmodel.training.recipe import RECIPES, load_recipe
from tests.clipmodel.training.conftest import RECIPE


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.yaml")), ids=lambda path: path.stem)
def test_shipped_recipes_build_their_model(path: Path) -> None:
    recipe = load_recipe(path.stem)
    assert recipe.recipe == path.stem
    with torch.device("meta"):
        clip = CLIP(recipe.model_configuration)
    assert sum(parameter.numel() for parameter in clip.parameters()) > 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"stpes": 5}, "stpes: unknown key"),
        ({"warm": 5}, "unknown key"),
        ({"batch_size": 1}, "batch_size"),
        ({"tokenizer": {"vocab_size": 301}}, "differ"),
        ({"steps": 2}, "warmup_steps 2 must be below steps 2"),
        ({"model": {**RECIPE["model"], "activation": "tanh"}}, "activation"),  # type: ignore[dict-item]
        ({"loss": "sigmoid"}, "loss sigmoid needs model.logit_bias: true"),
        ({"model": {**RECIPE["model"], "logit_bias": True}}, "loss softmax needs"),  # type: ignore[dict-item]
        ({"init": "tiny"}, "either `tokenizer` or `init`"),
        ({"tokenizer": None}, "either `tokenizer` or `init`"),
        ({"accumulate": 3}, "batch_size 8 does not divide by accumulate 3"),
        ({"epochs": 1, "steps": None, "data": "captions"}, "data"),
        ({"epochs": math.inf, "steps": None, "data": {"samples": 9}}, "numbers above zero"),
    ],
)
def test_recipes_that_cannot_be(tmp_path: Path, change: dict[str, object], message: str) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(yaml.safe_dump({**RECIPE, **change}))
    with pytest.raises(UserError, match=message) as caught:
        load_recipe(str(path))
    assert "own.yaml" in caught.value.message


def test_unknown_name_suggests_the_shipped_one() -> None:
    with pytest.raises(UserError) as caught:
        load_recipe("tinny")
    assert caught.value.remedy == "did you mean 'tiny'?"
