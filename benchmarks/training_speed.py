"""Training samples a second of ViT-B/32 and RN50, against open_clip and transformers with the same gradients.

    python -m benchmarks.training_speed            # about five minutes on two quiet cores
    python -m benchmarks.training_speed --quick    # one round of small batches: does it run?

A step is both towers, the softmax loss, the gradients of all weights and AdamW with decoupled decay: fp32 on
the CPU, the whole batch at once, images and token ids in memory. Peers as `make peers` installs them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.interleaved_timing import HEADER, OURS, Race, asked_for_quick, matmul_peak, race, report, rows
from benchmarks.reference_models import open_clip_reference, ours, transformers_reference
from clipmodel.architecture.clip import CLIP
from clipmodel.architecture.text_transformer import trim_padding
from clipmodel.checkpoints.weight_names import Layout, from_ours
from clipmodel.inputs.tokenizer import clip_tokenizer
from clipmodel.losses import contrastive_loss
from clipmodel.training.gradients import Encoders, add_gradients
from clipmodel.training.optim import build_optimizer
from clipmodel.training.recipe import OptimRecipe
from tests.support.peers import import_peer

GOAL = 1.3  # times the samples a second of the faster peer
ANIMALS = (
    "dog", "cat", "horse", "bird", "fox", "cow", "sheep", "bear",
    "lion", "goat", "pig", "deer", "duck", "mouse", "rabbit", "wolf",
)  # fmt: skip
CHECKED = 2  # samples by which gradients are compared
LARGEST_DIFFERENCE = 1e-5  # of all gradients, the norm of the difference over the norm; in fp64
OPTIM = OptimRecipe(peak_learning_rate=5e-4, warmup_steps=0, fused=True)

Backward = Callable[[Tensor, Tensor], object]  # adds the gradients of images and token ids to the weights


class Contender:
    """A model, how its gradients come about, and what its weights are called."""

    def __init__(self, model: nn.Module, backward: Backward, *, layout: Layout) -> None:
        self.model, self.backward, self.layout = model, backward, layout
        self.optimizer = _optimizer(model)

    def gradients(self, pixels: Tensor, tokens: Tensor) -> dict[str, Tensor]:
        """Of a batch, by the model's own names; the weights are left as they are."""
        self.optimizer.zero_grad(set_to_none=True)
        self.backward(pixels, tokens)
        found = self.model.named_parameters()
        return {name: parameter.grad for name, parameter in found if parameter.grad is not None}

    def step(self, pixels: Tensor, tokens: Tensor) -> None:
        self.optimizer.zero_grad(set_to_none=True)
        self.backward(pixels, tokens)
        self.optimizer.step()


def _optimizer(model: nn.Module) -> torch.optim.Optimizer:
    """Ours as recipes make it; the peers' as open_clip's training makes it, with torch's defaults."""
    if isinstance(model, CLIP):
        return build_optimizer(model, OPTIM)
    decayed = [p for p in model.parameters() if p.ndim >= 2]
    spared = [p for p in model.parameters() if p.ndim < 2]
    groups = [
        {"params": decayed, "weight_decay": OPTIM.weight_decay},
        {"params": spared, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=OPTIM.peak_learning_rate, betas=OPTIM.betas, eps=OPTIM.eps)


def contenders(name: str) -> dict[str, Contender]:
    """The same weights in each library, in training mode."""
    clip = ours(name).train()
    made = {OURS: _ours(clip), "open_clip": _open_clip(clip, name)}
    return made | ({"transformers": _transformers(clip)} if name.startswith("ViT") else {})


def _ours(clip: CLIP) -> Contender:
    encoders = Encoders(clip, precision="fp32")

    def backward(pixels: Tensor, tokens: Tensor) -> object:
        return add_gradients(
            encoders,
            pixels,
            trim_padding(tokens),
            loss_of=contrastive_loss,
            chunks=1,
            scaler=torch.amp.GradScaler("cpu", enabled=False),
            averaging=lambda _: nullcontext(),
        )

    return Contender(clip, backward, layout="native")


def _open_clip(clip: CLIP, name: str) -> Contender:
    reference = open_clip_reference(clip, name).train()
    loss_of = import_peer("open_clip.loss").ClipLoss()
    return Contender(
        reference, lambda pixels, tokens: loss_of(*reference(pixels, tokens)).backward(), layout="openai"
    )


def _transformers(clip: CLIP) -> Contender:
    reference: Any = transformers_reference(clip).train()

    def backward(pixels: Tensor, tokens: Tensor) -> object:
        return reference(input_ids=tokens, pixel_values=pixels, return_loss=True).loss.backward()

    return Contender(reference, backward, layout="transformers")


def largest_difference(made: Mapping[str, Contender], pixels: Tensor, tokens: Tensor) -> float:
    """Of the peers' gradients from ours, over all weights, in fp64: batch norm amplifies fp32's rounding.

    Raises
    ------
    RuntimeError
        A peer computes something else.
    """
    found = {name: _in_double(one, pixels[:CHECKED], tokens[:CHECKED]) for name, one in made.items()}
    reference = found.pop(OURS)
    differences = []
    for name, gradients in found.items():
        expected = from_ours(reference, made[name].layout)
        if expected.keys() != gradients.keys():
            raise RuntimeError(f"{name} has other weights: {sorted(expected.keys() ^ gradients.keys())}")
        error = sum(float((expected[key] - gradients[key]).square().sum()) for key in expected)
        norm = sum(float(gradient.square().sum()) for gradient in gradients.values())
        differences.append((error / norm) ** 0.5)
        if differences[-1] > LARGEST_DIFFERENCE:
            raise RuntimeError(f"{name} computes something else: gradients differ by {differences[-1]:.1e}")
    return max(differences)


def _in_double(contender: Contender, pixels: Tensor, tokens: Tensor) -> dict[str, Tensor]:
    contender.model.double()
    gradients = contender.gradients(pixels.double(), tokens)
    contender.optimizer.zero_grad(set_to_none=True)
    contender.model.float()
    return gradients


def training_race(name: str, *, samples: int, rounds: int) -> tuple[Race, list[str]]:
    """Samples a second of whole steps, and notes on what binds."""
    pixels = torch.randn(samples, 3, 224, 224)
    texts = [f"a photo of a {animal} that runs over the wet grass" for animal in ANIMALS[:samples]]
    tokens = clip_tokenizer()(texts)
    made = contenders(name)
    difference = largest_difference(made, pixels, tokens)
    steps = {key: partial(one.step, pixels, tokens) for key, one in made.items()}
    work = f"{name} training, captions of {trim_padding(tokens).shape[1]} tokens"
    result = race(work, steps, unit="samples", items=samples, rounds=rounds, goal=GOAL)
    note = f"{name}: the gradients of all weights differ by {difference:.0e} from the peers' (fp64, norms)."
    return result, [note, _what_binds(made[OURS], result, pixels, tokens)]


def _what_binds(contender: Contender, result: Race, pixels: Tensor, tokens: Tensor) -> str:
    """Fraction of the machine's matrix multiply, and which operators take the time."""
    with FlopCounterMode(display=False) as counter:
        contender.gradients(pixels, tokens)
    operations, peak = counter.get_total_flops() / len(pixels), matmul_peak()
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        contender.step(pixels, tokens)
    times = sorted(((e.self_cpu_time_total, e.key) for e in profiler.key_averages()), reverse=True)
    total = sum(time for time, _ in times)
    shares = ", ".join(f"{key.removeprefix('aten::')} {time / total:.0%}" for time, key in times[:5])
    return (
        f"{result.work}: {operations / 1e9:.1f} GFLOP a sample, "
        f"{operations * result.speed(OURS) / peak:.0%} of the {peak / 1e9:.0f} GFLOP/s that a matrix "
        f"multiply of 2048 x 2048 reaches; time goes to {shares}."
    )


def main() -> None:
    quick = asked_for_quick(__doc__)
    samples, rounds = (2, 1) if quick else (16, 3)
    notes = [
        f"Batches of {samples}, fp32; medians of {rounds} rounds in turns.",
        "Ours leaves out the text positions that change nothing, keeps convolutions in channels_last, and "
        "steps with torch's fused AdamW; the peers compute 77 positions and step with the default.",
    ]
    races: list[Race] = []
    for name in ("ViT-B/32", "RN50"):
        result, found = training_race(name, samples=samples, rounds=rounds)
        races.append(result)
        notes += found
        title = None if quick else "training_speed"
        report(title, "Speed of training", header=HEADER, lines=rows(races), notes=notes)


if __name__ == "__main__":
    main()
