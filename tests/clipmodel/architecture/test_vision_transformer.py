from __future__ import annotations

import torch
from torch import Tensor

from clipmodel.architecture.clip import CLIP
from clipmodel.architecture.vision_transformer import VisionTransformer
from clipmodel.config import Activation, CLIPConfig, TextConfig, ViTConfig

VOCAB = 99


def _config(activation: Activation) -> CLIPConfig:
    return CLIPConfig(
        embed_dim=24,
        vision=ViTConfig(image_size=32, patch_size=8, width=48, layers=2, heads=4),
        text=TextConfig(context_length=12, vocab_size=VOCAB, width=32, layers=2, heads=2),
        activation=activation,
    )


def test_an_image_does_not_depend_on_its_batch() -> None:
    torch.manual_seed(2)
    clip = CLIP(_config("gelu")).eval()
    pixels = torch.randn(9, 3, 32, 32)
    alone = torch.cat([clip.encode_image(one[None]) for one in pixels])
    assert (clip.encode_image(pixels) - alone).abs().max() < 1e-6


def tower(**changes: object) -> VisionTransformer:
    torch.manual_seed(4)
    config = ViTConfig(**{"image_size": 16, "patch_size": 8, "width": 12, "layers": 1, "heads": 2, **changes})  # type: ignore[arg-type]
    return VisionTransformer(config, 5, activation="gelu").eval()


def test_patches_become_tokens_behind_the_class_token() -> None:
    """Without blocks: only the class token and its position reach the output, whatever the pixels."""
    one = tower()
    one.transformer = torch.nn.Identity()  # type: ignore[assignment]
    expected = one.ln_post(one.ln_pre(one.class_embedding + one.positional_embedding[0])) @ one.proj
    assert (one(torch.randn(2, 3, 16, 16)) - expected).abs().max() < 1e-6


def test_a_patch_embedding_is_a_product_of_its_pixels() -> None:
    one, pixels = tower(), torch.randn(1, 3, 16, 16)
    seen: list[Tensor] = []
    one.ln_pre.register_forward_hook(lambda module, inputs, output: seen.append(inputs[0]))
    one(pixels)
    assert seen[0].shape == (1, 5, 12)
    # The second patch: rows 0 to 7, columns 8 to 15.
    own = one.conv1.weight.reshape(12, -1) @ pixels[0, :, :8, 8:].reshape(-1) + one.positional_embedding[2]
    assert (seen[0][0, 2] - own).abs().max() < 1e-5


def test_features_are_projected_to_the_embedding() -> None:
    one, pixels = tower(), torch.randn(2, 3, 16, 16)
    assert one.features(pixels).shape == (2, 12) and one(pixels).shape == (2, 5)
    assert (one.features(pixels) @ one.proj - one(pixels)).abs().max() < 1e-6


def test_a_stem_halves_the_image_with_each_convolution() -> None:
    one = tower(stem_channels=(4, 6))
    assert one.stem(torch.randn(1, 3, 16, 16)).shape == (1, 6, 4, 4)
    assert one(torch.randn(1, 3, 16, 16)).shape == (1, 5)
