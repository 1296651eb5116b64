"""A model's sizes, from the shapes of its weights in OpenAI's layout (their `build_model` does the same)."""

from __future__ import annotations

import math
import re

from clipmodel.checkpoints.weight_names import TensorSource
from clipmodel.config import Activation, CLIPConfig, ResNetConfig, TextConfig, ViTConfig
from clipmodel.errors import UserError

HEAD_WIDTH = 64  # of all published CLIPs; no shape tells it
# By the tower's width, of open_clip's larger vision transformers: ViT-H, ViT-g, ViT-bigG, ViT-e.
HEAD_WIDTH_OF_VIT = {1280: 80, 1408: 88, 1664: 104, 1792: 112}


def infer_config(source: TensorSource, *, activation: Activation) -> CLIPConfig:
    """The configuration of weights in OpenAI's layout.

    Raises
    ------
    UserError
        A weight that tells a size is missing, or the sizes are none of a CLIP.
    """
    try:
        return CLIPConfig(
            embed_dim=_shape(source, "text_projection")[1],
            vision=_vit(source) if "visual.proj" in source.shapes else _resnet(source),
            text=_text(source),
            activation=activation,
            logit_bias="logit_bias" in source.shapes,
        )
    # UserError is no ValueError of the sizes: its message names the weight already.
    except UserError:
        raise
    except (ValueError, IndexError) as error:
        raise UserError(
            f"{source.where}: the weights have impossible shapes ({error})", remedy="use a published CLIP"
        ) from error


def _text(source: TensorSource) -> TextConfig:
    width = _shape(source, "ln_final.weight")[0]
    return TextConfig(
        context_length=_shape(source, "positional_embedding")[0],
        vocab_size=_shape(source, "token_embedding.weight")[0],
        width=width,
        layers=_count(source, r"transformer\.resblocks\.(\d+)\."),
        # The number of heads leaves no trace in the shapes; published models have heads of 64 throughout, a
        # few vision towers excepted.
        heads=width // HEAD_WIDTH,
        mlp_width=_mlp_width(source, "transformer", width),
        layer_scale="transformer.resblocks.0.ls_1.gamma" in source.shapes,
    )


def _vit(source: TensorSource) -> ViTConfig:
    width, _, patch_size, _ = _shape(source, "visual.conv1.weight")
    return ViTConfig(
        image_size=patch_size * _grid(source, "visual.positional_embedding"),
        patch_size=patch_size,
        width=width,
        layers=_count(source, r"visual\.transformer\.resblocks\.(\d+)\."),
        heads=width // HEAD_WIDTH_OF_VIT.get(width, HEAD_WIDTH),
        mlp_width=_mlp_width(source, "visual.transformer", width),
        ln_pre="visual.ln_pre.weight" in source.shapes,
        layer_scale="visual.transformer.resblocks.0.ls_1.gamma" in source.shapes,
    )


def _resnet(source: TensorSource) -> ResNetConfig:
    width = _shape(source, "visual.layer1.0.conv1.weight")[0]
    stages = [_count(source, rf"visual\.layer{stage}\.(\d+)\.") for stage in (1, 2, 3, 4)]
    return ResNetConfig(
        # A ResNet halves the image five times before the pooling.
        image_size=32 * _grid(source, "visual.attnpool.positional_embedding"),
        width=width,
        layers=(stages[0], stages[1], stages[2], stages[3]),
        heads=32 * width // HEAD_WIDTH,
    )


def _mlp_width(source: TensorSource, tower: str, width: int) -> int | None:
    """The MLP width of the first block, with which all must agree; None for four times the width."""
    hidden = _shape(source, f"{tower}.resblocks.0.mlp.c_fc.weight")[0]
    return None if hidden == 4 * width else hidden


def _shape(source: TensorSource, name: str) -> tuple[int, ...]:
    if name not in source.shapes:
        longer = min((found for found in source.shapes if found.endswith(f".{name}")), default=None)
        if longer is not None:
            prefix = longer.removesuffix(name)
            raise UserError(
                f"{source.where}: the names begin with {prefix!r}, such as {longer}",
                remedy=f"take {prefix!r} off the names and save them again",
            )
        raise UserError(
            f"{source.where} lacks {name}", remedy="only the weights of a CLIP as published can be read"
        )
    return source.shapes[name]


def _count(source: TensorSource, pattern: str) -> int:
    """The number of layers: one more than the highest, so that a gap is later reported as missing names."""
    numbers = [int(match[1]) for name in source.shapes if (match := re.match(pattern, name))]
    return max(numbers, default=-1) + 1


def _grid(source: TensorSource, name: str) -> int:
    """Side of the square of positions beside the class token."""
    # The first position is the class token's, or the mean's in a ResNet's pooling.
    positions = _shape(source, name)[0] - 1
    side = math.isqrt(max(positions, 0))
    if side * side != positions:
        raise ValueError(f"{name} has {positions} positions besides the first, no square")
    return side
