from __future__ import annotations

import dataclasses

import pytest
import torch

from clipmodel.checkpoints.infer_config import infer_config
from clipmodel.checkpoints.weight_names import TensorSource, from_ours
from clipmodel.config import CLIPConfig, ViTConfig
from clipmodel.errors import UserError
from tests.clipmodel.support.small_models import RESNET, SIGMOID, VIT, WIDE, random_clip


def source_of(config: CLIPConfig) -> TensorSource:
    return TensorSource.of(from_ours(random_clip(config).state_dict(), "openai"), where="m.pt")


@pytest.mark.parametrize("config", [VIT, RESNET, SIGMOID, WIDE], ids=["vit", "resnet", "sigmoid", "wide"])
def test_shapes_tell_every_size(config: CLIPConfig) -> None:
    assert infer_config(source_of(config), activation=config.activation) == config


def test_layer_scale_and_the_first_norm_are_told_by_their_weights() -> None:
    vision = VIT.vision
    assert isinstance(vision, ViTConfig)
    config = dataclasses.replace(VIT, vision=dataclasses.replace(vision, ln_pre=False, layer_scale=True))
    assert infer_config(source_of(config), activation="quick_gelu") == config


def test_the_wide_towers_of_open_clip_have_wider_heads() -> None:
    """ViT-H: 1280 wide with 16 heads of 80; its shapes alone would read as 20 heads of 64."""
    shapes = source_of(VIT).shapes | {
        "visual.conv1.weight": (1280, 3, 32, 32),
        "visual.transformer.resblocks.0.mlp.c_fc.weight": (5120, 1280),
    }  # fmt: skip
    config = infer_config(TensorSource("m.pt", shapes, torch.zeros), activation="gelu")
    assert isinstance(config.vision, ViTConfig) and config.vision.heads == 16


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"text_projection": None}, "m.pt lacks text_projection"),
        ({"visual.positional_embedding": (6, 128)}, "has 5 positions besides the first, no square"),
        ({"text_projection": (64,)}, "impossible shapes"),
        ({"ln_final.weight": (0,)}, "m.pt"),
    ],
)
def test_shapes_of_no_clip_are_refused(change: dict[str, tuple[int, ...] | None], message: str) -> None:
    shapes = {**source_of(VIT).shapes, **change}
    shapes = {name: shape for name, shape in shapes.items() if shape is not None}
    with pytest.raises(UserError, match=message):
        infer_config(TensorSource("m.pt", shapes, torch.zeros), activation="gelu")


def test_an_unknown_prefix_is_named() -> None:
    shapes = {f"net.{name}": shape for name, shape in source_of(VIT).shapes.items()}
    with pytest.raises(UserError, match=r"the names begin with 'net\.'"):
        infer_config(TensorSource("m.pt", shapes, torch.zeros), activation="gelu")
