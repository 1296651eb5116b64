"""Training that begins with a model: its weights, vocabulary and normalisation of pixels.

A larger image than the model's is the paper's way to ViT-L/14@336 (Radford et al. 2021, section 3.2):
positional embeddings are then interpolated, everything else is taken over as it is.

Shapes: W width of a tower.
"""

from __future__ import annotations

import math
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from clipmodel.architecture.clip import CLIP
from clipmodel.checkpoints.checkpoint import Checkpoint
from clipmodel.checkpoints.read import read_checkpoint
from clipmodel.config import CLIPConfig
from clipmodel.errors import UserError
from clipmodel.loading import model_path

POSITIONS = "positional_embedding"


def starting_model(spec: str, config: CLIPConfig) -> Checkpoint:
    """Read the model that `init` of a recipe names, at the image resolution of the recipe.

    Raises
    ------
    UserError
        There is no such model, it cannot be read, or the recipe's model is another one in more than
        model.vision.image_size.
    """
    # The recipe names the activation, and training always uses CLIP's preprocessing.
    checkpoint = read_checkpoint(model_path(spec), activation=config.activation, preprocess="clip")
    vision = replace(checkpoint.config.vision, image_size=config.vision.image_size)
    if replace(checkpoint.config, vision=vision) != config:
        raise UserError(
            f"init {spec}: the model there is not the recipe's: {_difference(checkpoint.config, config)}",
            remedy="give the recipe the model's values; only model.vision.image_size may differ",
        )
    return replace(
        checkpoint,
        config=config,
        # Training converts images to RGB first, whatever the format of the weights it begins with.
        preprocess=replace(checkpoint.preprocess, image_size=config.vision.image_size, pipeline="clip_audit"),
    )


def load_weights(clip: CLIP, checkpoint: Checkpoint) -> None:
    """Copy a starting model's weights, with the positions of images of another size interpolated."""
    sizes = {name: tensor.shape for name, tensor in clip.state_dict().items()}
    clip.load_state_dict(
        {
            name: resized_positions(tensor, len_to=sizes[name][0])
            if name.startswith("visual.") and name.endswith(POSITIONS)
            else tensor
            for name, tensor in checkpoint.weights.items()
        }
    )


def resized_positions(positions: Tensor, *, len_to: int) -> Tensor:
    """[1 + g^2, W] -> [1 + h^2, W]: the first row stays, the grid is interpolated (bicubic, antialiased)."""
    if len(positions) == len_to:
        return positions
    before, after = (math.isqrt(n - 1) for n in (len(positions), len_to))
    # The class token has no place in the image and is left out of the grid.
    grid = positions[1:].float().T.reshape(1, -1, before, before)
    grid = F.interpolate(grid, (after, after), mode="bicubic", antialias=True)
    moved = grid.reshape(-1, after * after).T.to(positions.dtype)
    return torch.cat([positions[:1], moved])


def _difference(model: CLIPConfig, recipe: CLIPConfig) -> str:
    ours, theirs = _flat(recipe), _flat(model)
    found = [
        f"{name} is {theirs.get(name)}, not {ours.get(name)}"
        for name in sorted({*ours, *theirs} - {"vision.image_size"})
        if ours.get(name) != theirs.get(name)
    ]
    return "; ".join(found)


def _flat(config: CLIPConfig) -> dict[str, object]:
    flat: dict[str, object] = {}
    for name, value in config.to_dict().items():
        flat |= {f"{name}.{key}": v for key, v in value.items()} if isinstance(value, dict) else {name: value}
    return flat
