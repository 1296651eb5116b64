"""Models of every kind, small enough to build in a test, with weights that no layer is blind to."""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor, nn

from clipmodel.architecture.clip import CLIP
from clipmodel.checkpoints.checkpoint import Checkpoint
from clipmodel.config import CLIPConfig, ResNetConfig, TextConfig, ViTConfig
from clipmodel.inputs.preprocess import Preprocess
from clipmodel.inputs.tokenizer import clip_tokenizer

# Heads of width 64 and CLIP's vocabulary, as all formats can tell; 3 million values, most of them tokens.
TEXT = TextConfig(context_length=16, vocab_size=49408, width=64, layers=2, heads=1)
VIT = CLIPConfig(
    embed_dim=24,
    vision=ViTConfig(image_size=64, patch_size=32, width=128, layers=2, heads=2),
    text=TEXT,
    activation="quick_gelu",
)
RESNET = CLIPConfig(
    embed_dim=24,
    vision=ResNetConfig(image_size=64, width=8, layers=(1, 2, 1, 1), heads=4),
    text=TEXT,
    activation="quick_gelu",
)
STEM = dataclasses.replace(
    VIT, vision=ViTConfig(image_size=64, patch_size=32, width=128, layers=2, heads=2, stem_channels=(8, 16))
)
SIGMOID = dataclasses.replace(VIT, logit_bias=True, activation="gelu")
# As open_clip's ViT-g and ViT-bigG, whose blocks are not four times as wide inside.
WIDE = dataclasses.replace(
    VIT,
    vision=ViTConfig(image_size=64, patch_size=32, width=128, layers=2, heads=2, mlp_width=600),
    text=dataclasses.replace(TEXT, mlp_width=100),
)
KINDS = {"vit": VIT, "resnet": RESNET, "stem": STEM, "sigmoid": SIGMOID, "wide": WIDE}


def randomize(model: nn.Module, *, seed: int = 0) -> None:
    """Move every gain, bias and batch statistic off 0 and 1, so that none of them can be lost unseen."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in (*model.named_parameters(), *model.named_buffers()):
            if name.endswith("running_var"):
                tensor.uniform_(0.5, 1.5, generator=generator)
            elif tensor.ndim == 1 and tensor.is_floating_point():
                tensor.add_(0.2 * torch.randn(tensor.shape, generator=generator))


def random_clip(config: CLIPConfig, *, seed: int = 0) -> CLIP:
    """A model in evaluation mode."""
    torch.manual_seed(seed)
    clip = CLIP(config)
    randomize(clip, seed=seed)
    return clip.eval()


def checkpoint_of(clip: CLIP) -> Checkpoint:
    """What a reader would have made of the model's file."""
    config = clip.config
    return Checkpoint(
        format="native",
        config=config,
        weights=clip.state_dict(),
        tokenizer=clip_tokenizer(context_length=config.text.context_length),
        preprocess=Preprocess(image_size=config.vision.image_size),
    )


def random_pixels(config: CLIPConfig, n: int = 2) -> Tensor:
    """[n, 3, H, W]."""
    size = config.vision.image_size
    return torch.randn(n, 3, size, size, generator=torch.Generator().manual_seed(1))


def random_tokens(text: TextConfig) -> Tensor:
    """[3, L] token ids of different lengths, the last of them the end of text."""
    tokens = torch.zeros(3, text.context_length, dtype=torch.long)
    generator = torch.Generator().manual_seed(2)
    for row, length in zip(tokens, (3, text.context_length, 7), strict=True):
        row[:length] = torch.randint(1, text.vocab_size - 2, (length,), generator=generator)
        row[length - 1] = text.vocab_size - 1
    return tokens
