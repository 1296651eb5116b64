"""The ResNet tower alone: what inference folds, what checkpointing must not change, how it starts."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from clipmodel.architecture.modified_resnet import AttentionPool, Bottleneck, ModifiedResNet
from clipmodel.config import ResNetConfig
from tests.clipmodel.support.small_models import randomize

CONFIG = ResNetConfig(image_size=64, width=8, layers=(1, 2, 1, 1), heads=4)


def _tower(seed: int = 0) -> ModifiedResNet:
    torch.manual_seed(seed)
    tower = ModifiedResNet(CONFIG, 24)
    randomize(tower)
    return tower


def _pixels(n: int = 2) -> Tensor:
    return torch.randn(n, 3, 64, 64, generator=torch.Generator().manual_seed(0))


def _layer_by_layer(tower: ModifiedResNet, x: Tensor) -> Tensor:
    """The tower as the paper's code runs it: every norm by itself, attention over all positions."""
    for conv, norm in ((tower.conv1, tower.bn1), (tower.conv2, tower.bn2), (tower.conv3, tower.bn3)):
        x = norm(conv(x)).relu()
    x = F.avg_pool2d(x, 2)
    for block in (*tower.layer1, *tower.layer2, *tower.layer3, *tower.layer4):
        assert isinstance(block, Bottleneck)
        out = block.bn2(block.conv2(block.bn1(block.conv1(x)).relu())).relu()
        out = block.bn3(block.conv3(block.avgpool(out)))
        x = (out + (x if block.downsample is None else block.downsample(x))).relu()
    pool = tower.attnpool
    tokens = x.flatten(2).permute(2, 0, 1)  # [HW, N, C]
    tokens = torch.cat([tokens.mean(dim=0, keepdim=True), tokens]) + pool.positional_embedding[:, None]
    reference = nn.MultiheadAttention(tokens.shape[-1], pool.heads)
    projections = (pool.q_proj, pool.k_proj, pool.v_proj)
    with torch.no_grad():
        reference.in_proj_weight.copy_(torch.cat([p.weight for p in projections]))
        reference.in_proj_bias.copy_(torch.cat([p.bias for p in projections]))
        reference.out_proj.weight.copy_(torch.eye(tokens.shape[-1]))
        reference.out_proj.bias.zero_()
    attended, _ = reference(tokens, tokens, tokens)
    return pool.c_proj(attended[0])


def test_inference_equals_the_layers_one_by_one() -> None:
    tower = _tower().eval()
    expected = _layer_by_layer(tower, _pixels())
    assert (tower(_pixels()) - expected).abs().max() < 1e-5 * expected.abs().max()


def test_training_equals_the_layers_one_by_one_and_updates_the_statistics_alike() -> None:
    tower, twin = _tower().train(), _tower().train()
    expected = _layer_by_layer(twin, _pixels())
    assert (tower(_pixels()) - expected).abs().max() < 1e-5 * expected.abs().max()
    for (name, ours), theirs in zip(tower.named_buffers(), twin.buffers(), strict=True):
        assert torch.allclose(ours, theirs, atol=1e-6), name


def test_folding_passes_the_gradient_of_a_frozen_norm() -> None:
    gradients = []
    for run in (ModifiedResNet.forward, _layer_by_layer):
        tower = _tower().eval()
        run(tower, _pixels()).pow(2).sum().backward()
        gradients.append((tower.conv1.weight.grad, tower.layer2[0].bn1.weight.grad))
    for ours, theirs in zip(*gradients, strict=True):
        assert (ours - theirs).abs().max() < 1e-4 * theirs.abs().max()


def test_gradient_checkpointing_changes_neither_gradients_nor_statistics() -> None:
    towers = []
    for checkpointing in (False, True):
        tower = _tower().train()
        tower.gradient_checkpointing = checkpointing
        tower(_pixels()).pow(2).sum().backward()
        towers.append(tower)
    plain, checkpointed = towers
    for (name, ours), theirs in zip(checkpointed.named_parameters(), plain.parameters(), strict=True):
        assert torch.equal(ours.grad, theirs.grad), name
    # A block that ran twice would have moved its running mean twice and counted two batches.
    for (name, ours), theirs in zip(checkpointed.named_buffers(), plain.buffers(), strict=True):
        assert torch.equal(ours, theirs), name
    assert all(norm.momentum == 0.1 for norm in checkpointed.modules() if isinstance(norm, nn.BatchNorm2d))


def test_an_image_does_not_depend_on_its_batch() -> None:
    tower = _tower().eval()
    with torch.inference_mode():
        together = F.normalize(tower(_pixels(9)), dim=-1)
        alone = torch.cat([F.normalize(tower(one[None]), dim=-1) for one in _pixels(9)])
    assert (together - alone).abs().max() < 1e-6


@pytest.mark.parametrize("stride", [1, 2])
def test_a_new_block_adds_nothing(stride: int) -> None:
    # Its last norm has a gain of zero (paper's initialisation), so that only the other branch is left.
    block = Bottleneck(8, 2 if stride == 1 else 4, stride=stride).eval()
    x = torch.rand(1, 8, 4, 4)
    expected = x if block.downsample is None else block.downsample(x).relu()
    assert torch.allclose(block(x), expected, atol=1e-6)


def test_the_pooling_starts_with_the_papers_spread() -> None:
    torch.manual_seed(0)
    pool = AttentionPool(2, 256, 4, 128)
    for weight in (pool.q_proj.weight, pool.k_proj.weight, pool.v_proj.weight, pool.c_proj.weight):
        assert float(weight.detach().std()) == pytest.approx(256**-0.5, rel=0.03)  # in_features^-0.5
    assert float(pool.positional_embedding.detach().std()) == pytest.approx(256**-0.5, rel=0.1)


def test_features_are_what_the_last_matrix_of_the_pool_projects() -> None:
    tower = _tower().eval()
    features = tower.features(_pixels())
    assert features.shape[1] == tower.attnpool.v_proj.out_features
    assert torch.equal(tower.attnpool.c_proj(features), tower(_pixels()))
