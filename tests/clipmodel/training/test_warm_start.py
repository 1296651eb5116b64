"""Training that starts from a model: its weights and its words, at its image resolution or another."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from clipmodel.architecture.clip import CLIP
from clipmodel.errors import UserError
from clipmodel.loading import LoadedModel, load_model
from clipmodel.training.loop import train
from clipmodel.training.recipe import Recipe
from clipmodel.training.warm_start import load_weights, resized_positions, starting_model
from tests.clipmodel.training.conftest import RECIPE


@pytest.fixture(scope="module")
def first(images: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a model trained for two steps."""
    out = tmp_path_factory.mktemp("first")
    train(Recipe.model_validate(RECIPE), out=out, steps=2, resolve=lambda _: [images])
    return out / "model"


def _from(first: Path, **changes: object) -> Recipe:
    return Recipe.model_validate({**RECIPE, "tokenizer": None, "init": str(first), **changes})


def test_it_begins_with_the_weights_and_keeps_the_vocabulary(
    first: Path, images: Path, tmp_path: Path
) -> None:
    # A learning rate of nothing leaves the weights where they began.
    optim = {"peak_learning_rate": 1e-30, "warmup_steps": 0, "weight_decay": 0}
    model = train(_from(first, optim=optim), out=tmp_path, steps=1, resolve=lambda _: [images])
    begun = load_model(first)
    assert isinstance(begun, LoadedModel)
    assert model.tokenizer.fingerprint == begun.tokenizer.fingerprint
    for name, tensor in begun.clip.named_parameters():
        assert torch.equal(tensor, model.clip.state_dict()[name]), name


def test_stopped_and_continued_equals_uninterrupted(first: Path, images: Path, tmp_path: Path) -> None:
    whole = train(_from(first), out=tmp_path / "whole", steps=4, resolve=lambda _: [images])
    train(_from(first), out=tmp_path / "parts", steps=2, resolve=lambda _: [images])
    parts = train(_from(first), out=tmp_path / "parts", steps=4, resolve=lambda _: [images])
    assert parts.fingerprint == whole.fingerprint


def test_larger_images_move_the_positions_alone(first: Path) -> None:
    recipe = _from(first, model=_with_vision(image_size=64))
    checkpoint = starting_model(str(first), recipe.model_configuration)
    assert checkpoint.preprocess.image_size == 64
    clip = CLIP(recipe.model_configuration)
    load_weights(clip, checkpoint)
    for name, tensor in clip.state_dict().items():
        before = checkpoint.weights[name]
        if name == "visual.positional_embedding":
            assert (len(before), len(tensor)) == (1 + 2 * 2, 1 + 4 * 4)
        else:
            assert torch.equal(before, tensor), name


def test_interpolated_positions_by_hand() -> None:
    # A grid of 4 x 4 whose value is the row number, to 8 x 8: centres of rows lie at (i + 0.5) / 2 - 0.5.
    # Cubic interpolation is exact on a line, away from the border.
    rows = torch.arange(4.0).repeat_interleave(4)
    positions = torch.cat([torch.tensor([[9.0, 7.0]]), torch.stack([rows, torch.full((16,), 5.0)], dim=1)])
    found = resized_positions(positions, len_to=65)
    assert torch.equal(found[0], positions[0])
    assert found[1:, 1].tolist() == pytest.approx([5.0] * 64)
    grid = found[1:, 0].reshape(8, 8)
    assert grid[3].tolist() == pytest.approx([1.25] * 8)
    assert grid[4].tolist() == pytest.approx([1.75] * 8)
    assert resized_positions(positions, len_to=17) is positions


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"init": "nowhere"}, "unknown model 'nowhere'"),
        ({"init": "tiny"}, "embed_dim is 128, not 16"),
    ],
)
def test_models_that_cannot_be_started_from(
    first: Path, images: Path, tmp_path: Path, change: dict[str, object], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        train(_from(first, **change), out=tmp_path, resolve=lambda _: [images])


def _with_vision(**changes: object) -> dict[str, object]:
    model = RECIPE["model"]
    assert isinstance(model, dict)
    return {**model, "vision": {**model["vision"], **changes}}
