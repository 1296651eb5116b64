"""Folded weights are kept for inference: never out of date, no part of the model, and only where it helps."""

from __future__ import annotations

import copy
import io
import pickle
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from clipmodel.architecture.batch_norm_folding import FoldingConv2d
from clipmodel.architecture.modified_resnet import ModifiedResNet
from clipmodel.config import ResNetConfig
from tests.clipmodel.support.small_models import randomize

X = torch.randn(2, 6, 5, 5, generator=torch.Generator().manual_seed(0))


class Pair(nn.Module):
    """A convolution and its norm, in evaluation mode, run in one and, as reference, one after the other."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv = FoldingConv2d(6, 8, 3, stride=2, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(8)
        randomize(self)
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        return self.conv.normalized(self.norm, x)

    def in_turn(self, x: Tensor) -> Tensor:
        return self.norm(self.conv(x))


@pytest.fixture(params=[torch.no_grad, torch.inference_mode])
def pair(request: pytest.FixtureRequest):
    """One that has folded already, in the mode in which the test then runs."""
    pair = Pair()
    with request.param():
        pair(X)
        assert pair.conv._fold is not None
        yield pair


def _require_right(pair: Pair, x: Tensor = X) -> None:
    expected = pair.in_turn(x)
    tolerance = 1e-5 if x.dtype != torch.float16 else 2**-9  # a few roundings
    assert (pair(x) - expected).abs().max() <= tolerance * expected.abs().max()


def test_a_second_call_uses_what_the_first_folded(pair: Pair) -> None:
    fold = pair.conv._fold
    _require_right(pair)
    assert pair.conv._fold is fold
    assert fold.weight.is_contiguous(memory_format=torch.channels_last)
    _require_right(pair, X.to(memory_format=torch.channels_last))
    assert pair.conv._fold is fold


def _numpy_view(pair: Pair) -> None:
    pair.conv.weight.detach().numpy()[3] *= -1


def _through_half(pair: Pair) -> None:
    # The same dtype, and the allocator likes to hand out the address that was just freed.
    pair.conv.weight.data = pair.conv.weight.data.half().float()


CHANGES: dict[str, Callable[[Pair], object]] = {
    "weight in place": lambda pair: pair.conv.weight.mul_(2),
    "one weight by one rounding": lambda pair: pair.conv.weight[0, 0, 0, 0].mul_(1 + 2**-23),
    "weight past autograd": lambda pair: pair.conv.weight.data.neg_(),
    "channels swapped past autograd": lambda pair: pair.conv.weight.data.copy_(pair.conv.weight.flip(0)),
    "kernel swapped past autograd": lambda pair: pair.conv.weight.data.copy_(pair.conv.weight.flip(3)),
    "a NumPy view": _numpy_view,
    "weight.data replaced": lambda pair: setattr(pair.conv.weight, "data", pair.conv.weight + 1),
    "strides alone": lambda pair: setattr(pair.conv.weight, "data", pair.conv.weight.data.mT),
    "rounded to half and back": _through_half,
    "another parameter": lambda pair: setattr(pair.conv, "weight", nn.Parameter(pair.conv.weight * 3)),
    "gain": lambda pair: pair.norm.weight.add_(1),
    "bias": lambda pair: pair.norm.bias.add_(1),
    "running mean": lambda pair: pair.norm.running_mean.add_(1),
    "running variance past autograd": lambda pair: pair.norm.running_var.data.add_(1),
    "epsilon": lambda pair: setattr(pair.norm, "eps", 1.0),
    "statistics reset": lambda pair: pair.norm.reset_running_stats(),
    "loaded": lambda pair: pair.load_state_dict({k: v * 2 for k, v in pair.state_dict().items()}),
    "assigned": lambda pair: pair.load_state_dict(
        {name: value * 2 for name, value in pair.state_dict().items()}, assign=True
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_any_change_makes_a_new_fold(pair: Pair, change: str) -> None:
    before, old = pair(X), pair.conv._fold
    CHANGES[change](pair)
    _require_right(pair)
    if change == "one weight by one rounding":
        assert pair.conv._fold is not old  # too small for the outcome to show it
    else:
        assert not torch.allclose(pair(X), before, atol=1e-4)


def test_a_move_lets_the_fold_go_and_computes_in_the_new_type(pair: Pair) -> None:
    pair.to(torch.float64)
    assert pair.conv._fold is None
    _require_right(pair, X.double())
    assert pair(X.double()).dtype == torch.float64
    pair.half()
    assert pair.conv._fold is None
    _require_right(pair, X.half())
    assert pair.conv._fold is None
    pair.float()  # the weights are now rounded, at an address that may be the first one again
    _require_right(pair)
    pair.to(memory_format=torch.channels_last)
    _require_right(pair)


def test_half_convolutions_with_an_fp32_norm_are_not_folded(pair: Pair) -> None:
    pair.conv.to(torch.bfloat16)
    assert torch.equal(pair(X.bfloat16()), pair.in_turn(X.bfloat16()))
    assert pair.conv._fold is None


def test_after_a_step_in_training_the_fold_is_new() -> None:
    pair = Pair()
    with torch.no_grad():
        before = pair(X)
    pair.train()
    assert pair.conv._fold is None  # training needs the memory
    pair(X).pow(2).sum().backward()
    torch.optim.SGD(pair.parameters(), lr=0.1).step()
    pair.eval()
    with torch.no_grad():
        _require_right(pair)
        assert not torch.allclose(pair(X), before, atol=1e-4)


def test_a_pass_with_gradients_keeps_nothing_and_gives_them() -> None:
    pair = Pair()
    with torch.no_grad():
        pair(X)
    pair(X).sum().backward()
    assert pair.conv._fold is None
    gradients = [parameter.grad for parameter in pair.parameters()]
    pair.zero_grad()
    pair.in_turn(X).sum().backward()
    for found, parameter in zip(gradients, pair.parameters(), strict=True):
        assert torch.allclose(found, parameter.grad, rtol=1e-4, atol=1e-4)


def test_weights_made_in_inference_mode_are_folded_each_time() -> None:
    # They have no version: what is written into them leaves no trace.
    with torch.inference_mode():
        pair = Pair()
        _require_right(pair)
        pair.conv.weight.mul_(2)
        _require_right(pair)
    assert pair.conv._fold is None


def test_weights_replaced_for_a_call_count_in_that_call_alone(pair: Pair) -> None:
    before = pair(X)
    other = {name: value * 2 for name, value in pair.state_dict().items()}
    found = torch.func.functional_call(pair, other, (X,))
    assert not torch.allclose(found, before, atol=1e-4)
    assert torch.equal(pair(X), before)


def test_several_models_at_once_by_vmap(pair: Pair) -> None:
    states = {name: torch.stack([value, value * 2]) for name, value in pair.state_dict().items()}
    together = torch.vmap(lambda state: torch.func.functional_call(pair, state, (X,)))(states)
    assert torch.allclose(together[0], pair(X), atol=1e-5)
    assert not torch.allclose(together[1], together[0], atol=1e-4)


def test_mixed_precision_is_not_mixed_up_with_fp32(pair: Pair) -> None:
    before = pair(X)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert pair(X).dtype == torch.bfloat16
    assert torch.equal(pair(X), before)


def test_the_fold_is_no_part_of_state_copies_and_pickles(pair: Pair) -> None:
    fresh = Pair()
    assert list(pair.state_dict()) == list(fresh.state_dict())
    assert len(pickle.dumps(pair)) == len(pickle.dumps(fresh))
    saved = io.BytesIO()
    torch.save(pair, saved)
    saved.seek(0)
    copies = [copy.deepcopy(pair), copy.copy(pair.conv), pickle.loads(pickle.dumps(pair))]
    copies.append(torch.load(saved, weights_only=False))
    for twin in copies:
        conv = twin.conv if isinstance(twin, Pair) else twin
        assert conv._fold is None
    for twin in (copies[0], copies[2], copies[3]):
        twin.conv.weight.mul_(2)
        _require_right(twin)
    _require_right(pair)
    assert pair.conv._fold is not None


def test_inference_leaves_the_random_numbers_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    pair = Pair()
    torch.manual_seed(5)
    with torch.inference_mode():
        pair(X)
    assert torch.equal(torch.rand(3), expected)


def test_a_compiled_tower_follows_its_weights() -> None:
    torch.manual_seed(0)
    tower = ModifiedResNet(ResNetConfig(image_size=64, width=8, layers=(1, 1, 1, 1), heads=4), 24).eval()
    randomize(tower)
    pixels = torch.randn(2, 3, 64, 64)
    compiled = torch.compile(tower, backend="eager", fullgraph=True)
    with torch.no_grad():
        for _ in range(2):  # the second time with folded weights at hand, and other weights
            assert torch.allclose(compiled(pixels), tower(pixels), atol=1e-5)
            assert tower.layer1[0].conv2._fold is not None
            for parameter in tower.parameters():
                parameter.mul_(1.5)


@pytest.mark.filterwarnings("ignore:.*torch.jit.trace.*is deprecated:DeprecationWarning")
def test_a_trace_computes_with_the_weights_it_holds(pair: Pair) -> None:
    traced = torch.jit.trace(pair, X)
    expected = pair(X)
    assert torch.allclose(traced(X), expected, atol=1e-6)
    traced.double()  # a folded constant in it would have stayed behind
    assert torch.allclose(traced(X.double()).float(), expected, atol=1e-5)
