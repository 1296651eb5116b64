"""Options of a recipe that decide how a run computes: the numbers stay, or change as they say."""

from __future__ import annotations

from pathlib import Path

import pytest
from torch import nn

from clipmodel.loading import LoadedModel
from clipmodel.training.loop import train
from clipmodel.training.recipe import Recipe


def _train(
    recipe: Recipe, images: Path, out: Path, *, steps: int, **change: object
) -> tuple[LoadedModel, list[float]]:
    losses: list[float] = []
    changed = Recipe.model_validate({**recipe.model_dump(), **change})
    hooks = [lambda report: losses.append(report.loss)]
    return train(changed, out=out, steps=steps, hooks=hooks, resolve=lambda _: [images]), losses


@pytest.mark.parametrize("vision", [{}, {"stem_channels": []}], ids=["batch norm", "no batch norm"])
def test_gradient_checkpointing_changes_no_number(
    recipe: Recipe, images: Path, tmp_path: Path, vision: dict[str, object]
) -> None:
    model = {**recipe.model, "vision": {**recipe.model["vision"], **vision}}
    plain, _ = _train(recipe, images, tmp_path / "a", steps=3, model=model)
    again, _ = _train(recipe, images, tmp_path / "b", steps=3, model=model, gradient_checkpointing=True)
    assert again.fingerprint == plain.fingerprint


def test_accumulation_gives_the_same_losses(recipe: Recipe, images: Path, tmp_path: Path) -> None:
    model = {**recipe.model, "vision": {**recipe.model["vision"], "stem_channels": []}}
    _, whole = _train(recipe, images, tmp_path / "a", steps=6, model=model)
    _, parts = _train(recipe, images, tmp_path / "b", steps=6, model=model, accumulate=4, loss_chunk=3)
    assert parts == pytest.approx(whole, abs=1e-5)


def test_a_run_goes_on_with_other_means(recipe: Recipe, images: Path, tmp_path: Path) -> None:
    _train(recipe, images, tmp_path, steps=2)
    _, losses = _train(recipe, images, tmp_path, steps=4, accumulate=2, gradient_checkpointing=True)
    assert len(losses) == 2


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_precision_stays_close_and_resumes(
    recipe: Recipe, images: Path, tmp_path: Path, precision: str
) -> None:
    _, full = _train(recipe, images, tmp_path / "full", steps=4)
    model, half = _train(recipe, images, tmp_path / "half", steps=4, precision=precision)
    # Only the first: fp16 skips steps until the scale fits, and the runs part.
    assert half[0] == pytest.approx(full[0], abs=0.01)
    assert half != full
    _train(recipe, images, tmp_path / "parts", steps=2, precision=precision)
    again, _ = _train(recipe, images, tmp_path / "parts", steps=4, precision=precision)
    assert again.fingerprint == model.fingerprint


def test_the_sigmoid_trains_its_bias(recipe: Recipe, images: Path, tmp_path: Path) -> None:
    model, losses = _train(
        recipe, images, tmp_path, steps=12, loss="sigmoid", model={**recipe.model, "logit_bias": True}
    )
    assert sum(losses[-3:]) < sum(losses[:3])
    assert model.clip.logit_bias is not None
    assert abs(float(model.clip.logit_bias.detach()) + 10) > 0.001  # it starts at -10


def test_compiled_blocks_give_the_same_losses(
    recipe: Recipe, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled: list[str] = []

    def without_code_generation(block: nn.Module) -> None:
        compiled.append(type(block).__name__)
        in_place(block, backend="eager")

    # Traced and run as traced; generating and building C++ would take minutes.
    in_place = nn.Module.compile
    monkeypatch.setattr(nn.Module, "compile", without_code_generation)
    plain, expected = _train(recipe, images, tmp_path / "a", steps=2)
    traced, losses = _train(recipe, images, tmp_path / "b", steps=2, compile_blocks=True)
    assert compiled == ["ResidualAttentionBlock"] * 2  # one layer a tower
    assert losses == pytest.approx(expected, abs=1e-5)
    assert list(traced.clip.state_dict()) == list(plain.clip.state_dict())


def test_the_fused_optimiser_follows_the_same_rule(recipe: Recipe, images: Path, tmp_path: Path) -> None:
    _, plain = _train(recipe, images, tmp_path / "a", steps=4)
    optim = {**recipe.optim.model_dump(), "fused": True}
    _, fused = _train(recipe, images, tmp_path / "b", steps=4, optim=optim)
    assert fused == pytest.approx(plain, abs=1e-5)
