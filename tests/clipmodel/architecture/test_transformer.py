from __future__ import annotations

import torch

from clipmodel.architecture.clip import CLIP
from clipmodel.architecture.transformer import (
    Attention,
    BlockDetails,
    LayerNorm,
    ResidualAttentionBlock,
    gelu_tanh,
    quick_gelu,
)
from clipmodel.config import Activation, CLIPConfig, TextConfig, ViTConfig

VOCAB = 99


def _config(activation: Activation) -> CLIPConfig:
    return CLIPConfig(
        embed_dim=24,
        vision=ViTConfig(image_size=32, patch_size=8, width=48, layers=2, heads=4),
        text=TextConfig(context_length=12, vocab_size=VOCAB, width=32, layers=2, heads=2),
        activation=activation,
    )


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


def test_attention_equals_a_loop_over_heads_and_positions() -> None:
    torch.manual_seed(0)
    attention = Attention(6, 2).eval()
    with torch.no_grad():
        attention.in_proj_bias.normal_()
    x = torch.randn(1, 4, 6)
    for causal in (False, True):
        qkv = x[0] @ attention.in_proj_weight.T + attention.in_proj_bias
        q, k, v = qkv.split(6, dim=1)
        rows = []
        for position in range(4):
            seen = position + 1 if causal else 4
            mixed = []
            for head in (slice(0, 3), slice(3, 6)):
                weights = (q[position, head] @ k[:seen, head].T / 3**0.5).softmax(dim=0)
                mixed.append(weights @ v[:seen, head])
            rows.append(attention.out_proj(torch.cat(mixed)))
        assert (attention(x, causal=causal)[0] - torch.stack(rows)).abs().max() < 1e-6


def test_a_block_adds_attention_and_then_the_mlp() -> None:
    torch.manual_seed(1)
    block = ResidualAttentionBlock(6, 2, 10, BlockDetails(activation="gelu", layer_scale=True)).eval()
    x = torch.randn(2, 3, 6)
    middle = x + 1e-5 * block.attn(block.ln_1(x))  # layer scales begin at 1e-5
    assert (block(x) - (middle + 1e-5 * block.mlp(block.ln_2(middle)))).abs().max() < 1e-6


def test_activations_by_their_formulas() -> None:
    x = torch.linspace(-3, 3, 13)
    assert (quick_gelu(x) - x * torch.sigmoid(1.702 * x)).abs().max() < 1e-6
    tanh = 0.5 * x * (1 + torch.tanh((2 / torch.pi) ** 0.5 * (x + 0.044715 * x**3)))
    assert (gelu_tanh(x) - tanh).abs().max() < 1e-6


def test_the_layer_norm_of_half_precision_is_computed_in_single() -> None:
    norm = LayerNorm(4, eps=1e-5)
    x = torch.tensor([[300.0, 301.0, 302.0, 303.0]], dtype=torch.bfloat16)
    expected = torch.nn.functional.layer_norm(x.float(), (4,), eps=1e-5).to(torch.bfloat16)
    assert torch.equal(norm(x), expected) and norm(x).dtype == torch.bfloat16


def test_a_tower_names_its_own_details_or_takes_the_models() -> None:
    tower = ViTConfig(image_size=32, patch_size=8, width=48, layers=1, heads=4, layer_norm_eps=1e-6)
    assert BlockDetails.of(tower, "relu") == BlockDetails(activation="relu", layer_norm_eps=1e-6)
    own = TextConfig(context_length=4, vocab_size=9, width=8, layers=1, heads=1, activation="silu")
    assert BlockDetails.of(own, "relu").activation == "silu"
