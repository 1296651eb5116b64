"""The towers against transformers' CLIPModel on the same random weights, and what must not change them."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from clipmodel.config import Activation, CLIPConfig, TextConfig, ViTConfig
from clipmodel.model import CLIP
from clipmodel.text import trim_padding

VOCAB = 99


def _config(activation: Activation) -> CLIPConfig:
    return CLIPConfig(
        embed_dim=24,
        vision=ViTConfig(image_size=32, patch_size=8, width=48, layers=2, heads=4),
        text=TextConfig(context_length=12, vocab_size=VOCAB, width=32, layers=2, heads=2),
        activation=activation,
    )


def _tokens() -> Tensor:
    tokens = torch.zeros(5, 12, dtype=torch.long)
    for row, length in enumerate([3, 12, 5, 7, 4]):
        tokens[row, :length] = torch.randint(
            1, VOCAB - 2, (length,), generator=torch.Generator().manual_seed(row)
        )
        tokens[row, length - 1] = VOCAB - 1
    return tokens


def _transformers_twin(clip: CLIP, config: CLIPConfig) -> torch.nn.Module:
    """transformers' model with our weights, copied name by name."""
    transformers = pytest.importorskip("transformers")
    vision, text = config.vision, config.text
    assert isinstance(vision, ViTConfig)
    hf_config = transformers.CLIPConfig(
        projection_dim=config.embed_dim,
        vision_config={
            "hidden_size": vision.width,
            "intermediate_size": 4 * vision.width,
            "num_hidden_layers": vision.layers,
            "num_attention_heads": vision.heads,
            "image_size": vision.image_size,
            "patch_size": vision.patch_size,
            "hidden_act": config.activation,
            "projection_dim": config.embed_dim,
        },
        text_config={
            "hidden_size": text.width,
            "intermediate_size": 4 * text.width,
            "num_hidden_layers": text.layers,
            "num_attention_heads": text.heads,
            "vocab_size": text.vocab_size,
            "max_position_embeddings": text.context_length,
            "eos_token_id": text.vocab_size - 1,
            "hidden_act": config.activation,
            "projection_dim": config.embed_dim,
        },
    )
    twin = transformers.CLIPModel(hf_config).eval()
    weights = {
        "logit_scale": clip.log_scale,
        "visual_projection.weight": clip.visual.proj.T,
        "text_projection.weight": clip.text.text_projection.T,
        "vision_model.embeddings.class_embedding": clip.visual.class_embedding,
        "vision_model.embeddings.patch_embedding.weight": clip.visual.conv1.weight,
        "vision_model.embeddings.position_embedding.weight": clip.visual.positional_embedding,
        "text_model.embeddings.token_embedding.weight": clip.text.token_embedding.weight,
        "text_model.embeddings.position_embedding.weight": clip.text.positional_embedding,
    }
    for theirs, norm in (
        ("vision_model.pre_layrnorm", clip.visual.ln_pre),
        ("vision_model.post_layernorm", clip.visual.ln_post),
        ("text_model.final_layer_norm", clip.text.ln_final),
    ):
        weights[f"{theirs}.weight"], weights[f"{theirs}.bias"] = norm.weight, norm.bias
    for tower, blocks in (
        ("vision_model", clip.visual.transformer.resblocks),
        ("text_model", clip.text.transformer.resblocks),
    ):
        for i, block in enumerate(blocks):
            prefix = f"{tower}.encoder.layers.{i}"
            for part in ("weight", "bias"):
                q, k, v = getattr(block.attn, f"in_proj_{part}").chunk(3)
                named = {
                    "q_proj": q,
                    "k_proj": k,
                    "v_proj": v,
                    "out_proj": getattr(block.attn.out_proj, part),
                }
                weights |= {f"{prefix}.self_attn.{name}.{part}": value for name, value in named.items()}
                weights[f"{prefix}.layer_norm1.{part}"] = getattr(block.ln_1, part)
                weights[f"{prefix}.layer_norm2.{part}"] = getattr(block.ln_2, part)
                weights[f"{prefix}.mlp.fc1.{part}"] = getattr(block.mlp.c_fc, part)
                weights[f"{prefix}.mlp.fc2.{part}"] = getattr(block.mlp.c_proj, part)
    missing, unexpected = twin.load_state_dict(weights, strict=False)
    assert not unexpected
    assert all("position_ids" in name for name in missing)
    return twin


@pytest.mark.parametrize("activation", ["quick_gelu", "gelu"])
def test_embeddings_and_gradients_equal_transformers(activation: Activation) -> None:
    torch.manual_seed(0)
    config = _config(activation)
    clip = CLIP(config).eval()
    twin = _transformers_twin(clip, config)
    pixels, tokens = torch.randn(3, 3, 32, 32), _tokens()
    theirs = twin(input_ids=tokens, pixel_values=pixels)
    images, texts = clip.encode_image(pixels), clip.encode_text(tokens)
    assert (images - theirs.image_embeds).abs().max() < 1e-5
    assert (texts - theirs.text_embeds).abs().max() < 1e-5
    logits = clip.logit_scale * images @ texts.T
    assert (logits - theirs.logits_per_image).abs().max() < 1e-4
    logits.pow(2).sum().backward()
    theirs.logits_per_image.pow(2).sum().backward()
    twin_gradient = twin.get_submodule("vision_model.embeddings.patch_embedding").weight.grad
    assert clip.visual.conv1.weight.grad is not None
    scale = twin_gradient.abs().max()
    assert (clip.visual.conv1.weight.grad - twin_gradient).abs().max() < 1e-4 * scale
    token_gradient = twin.get_submodule("text_model.embeddings.token_embedding").weight.grad
    assert clip.text.token_embedding.weight.grad is not None
    assert (
        clip.text.token_embedding.weight.grad - token_gradient
    ).abs().max() < 1e-4 * token_gradient.abs().max()


def test_positions_after_the_longest_text_change_nothing() -> None:
    torch.manual_seed(1)
    clip = CLIP(_config("gelu")).eval()
    tokens = _tokens()[[0, 2, 4]]  # lengths 3, 5, 4
    assert trim_padding(tokens).shape == (3, 5)
    assert (clip.encode_text(tokens) - clip.encode_text(trim_padding(tokens))).abs().max() < 1e-6


def test_an_image_does_not_depend_on_its_batch() -> None:
    torch.manual_seed(2)
    clip = CLIP(_config("gelu")).eval()
    pixels = torch.randn(9, 3, 32, 32)
    alone = torch.cat([clip.encode_image(one[None]) for one in pixels])
    assert (clip.encode_image(pixels) - alone).abs().max() < 1e-6


def test_gradient_checkpointing_changes_no_gradient() -> None:
    gradients = []
    for checkpointing in (False, True):
        torch.manual_seed(3)
        clip = CLIP(_config("gelu"))
        clip.visual.transformer.gradient_checkpointing = checkpointing
        clip.encode_image(torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0)))[
            :, 0
        ].sum().backward()
        assert clip.visual.conv1.weight.grad is not None
        gradients.append(clip.visual.conv1.weight.grad)
    assert torch.equal(*gradients)


def test_temperature_starts_at_the_paper_and_is_clamped() -> None:
    clip = CLIP(_config("gelu"))
    assert float(clip.logit_scale) == pytest.approx(1 / 0.07, rel=1e-5)
    with torch.no_grad():
        clip.log_scale.fill_(9.0)
    clip.clamp_logit_scale()
    assert float(clip.logit_scale) == pytest.approx(100, rel=1e-5)
