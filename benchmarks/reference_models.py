"""The same random CLIP in clipmodel, open_clip and transformers."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from clipmodel.architecture.clip import CLIP
from clipmodel.checkpoints.transformers_config import config_to_transformers
from clipmodel.checkpoints.weight_names import from_ours
from clipmodel.config import NAMED_CONFIGS
from tests.support.peers import import_peer


def ours(name: str) -> CLIP:
    """A published architecture with random weights, in evaluation mode."""
    torch.manual_seed(0)
    return CLIP(NAMED_CONFIGS[name]).eval()


def open_clip_reference(clip: CLIP, name: str) -> Any:
    """The model in open_clip, with our weights under OpenAI's names."""
    open_clip = import_peer("open_clip")
    architecture = f"{name.replace('/', '-').replace('@', '-')}-quickgelu"
    reference = open_clip.create_model(architecture, pretrained=None)
    reference.load_state_dict(from_ours(clip.state_dict(), "openai"), strict=False)
    return reference.eval()


def transformers_reference(clip: CLIP) -> Any:
    """The model in transformers, which has vision transformers only."""
    transformers = import_peer("transformers")
    reference = transformers.CLIPModel(transformers.CLIPConfig.from_dict(config_to_transformers(clip.config)))
    missing, unexpected = reference.load_state_dict(
        from_ours(clip.state_dict(), "transformers"), strict=False
    )
    if unexpected or any("position_ids" not in key for key in missing):
        raise RuntimeError(f"the reference in transformers differs: {missing}, {unexpected}")
    return reference.eval()


def largest_difference(a: torch.Tensor, b: torch.Tensor) -> float:
    """Of unit-norm embeddings: that the contenders do the same work."""
    a, b = (nn.functional.normalize(x.float(), dim=-1) for x in (a, b))
    return float((a - b).abs().max())
