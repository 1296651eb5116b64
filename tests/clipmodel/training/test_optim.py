from __future__ import annotations

import math

import pytest

from clipmodel.architecture.clip import CLIP
from clipmodel.training.optim import build_optimizer, learning_rate
from clipmodel.training.recipe import OptimRecipe, Recipe


def test_decay_spares_gains_and_biases(recipe: Recipe) -> None:
    clip = CLIP(recipe.model_configuration)
    optimizer = build_optimizer(clip, recipe.optim)
    decayed = {id(p) for p in optimizer.param_groups[0]["params"]}
    assert optimizer.param_groups[0]["weight_decay"] == 0.2
    assert optimizer.param_groups[1]["weight_decay"] == 0
    for name, parameter in clip.named_parameters():
        spared = name.endswith("bias") or ".ln_" in name or name in ("log_scale", "visual.class_embedding")
        spared = spared or name == "visual.stem.1.weight"  # batch norm's gain
        assert (id(parameter) not in decayed) == spared, name


def test_schedule_by_hand() -> None:
    optim = OptimRecipe(peak_learning_rate=1.0, warmup_steps=4)
    rates = [learning_rate(step, steps=12, recipe=optim) for step in range(12)]
    assert rates[:4] == [0.25, 0.5, 0.75, 1.0]
    assert rates[4] == 1.0  # the cosine begins at its top
    assert rates[8] == pytest.approx(0.5)  # half way through eight steps
    assert rates[11] == pytest.approx(0.5 * (1 + math.cos(math.pi * 7 / 8)))
