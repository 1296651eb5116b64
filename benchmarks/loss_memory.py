"""Peak memory of the contrastive loss: whole against row chunks, and a batch of 32,768 through a model.

    python -m benchmarks.loss_memory

Each measurement is the rise of the peak resident memory (Linux) of a fresh process over its inputs.

Shapes: N pairs, D embedding.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.interleaved_timing import asked_for_quick, report
from clipmodel.architecture.clip import CLIP
from clipmodel.config import CLIPConfig, TextConfig, ViTConfig
from clipmodel.losses import contrastive_loss
from clipmodel.training.gradients import Encoders, add_gradients

EMBED_DIM = 512
ROWS = 256  # of the loss at a time
PART = 256  # pairs embedded at a time
SHARE_GOAL = 0.1  # of the whole loss's extra peak, at 8,192 pairs
PROCESS_GOAL_MIB = 4096  # of the process with 32,768 pairs

# The sizes of the bundled model, without its stem: batch norm would make parts differ from the whole.
SMALL = CLIPConfig(
    embed_dim=128,
    vision=ViTConfig(image_size=64, patch_size=16, width=160, layers=4, heads=4),
    text=TextConfig(context_length=32, vocab_size=2048, width=128, layers=3, heads=4),
    activation="gelu",
)


@dataclass(frozen=True, kw_only=True)
class Measurement:
    seconds: float
    extra_mib: float  # rise of the peak over what the process held before
    peak_mib: float  # of the whole process, inputs and libraries included
    gradients: Tensor  # all of them, one after another


Measure = Callable[[int, int | None], Measurement]


def _memory_mib(field: str) -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) / 1024
    raise KeyError(field)


def _measured(work: Callable[[], list[Tensor]]) -> Measurement:
    before = _memory_mib("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
    started = time.perf_counter()
    gradients = work()
    seconds, peak = time.perf_counter() - started, _memory_mib("VmHWM")
    return Measurement(
        seconds=seconds,
        extra_mib=peak - before,
        peak_mib=peak,
        gradients=torch.cat([gradient.flatten() for gradient in gradients]),
    )


def loss_alone(pairs: int, rows: int | None) -> Measurement:
    """Loss and its gradients by N random unit embeddings."""
    generator = torch.Generator().manual_seed(0)
    images, texts = (F.normalize(torch.randn(pairs, EMBED_DIM, generator=generator)) for _ in range(2))
    scale = torch.tensor(14.3, requires_grad=True)
    inputs = [images.requires_grad_(), texts.requires_grad_(), scale]
    # What torch loads on first use is not the loss's memory.
    torch.autograd.grad(contrastive_loss(images[:64], texts[:64], scale, rows), inputs)
    return _measured(lambda: list(torch.autograd.grad(contrastive_loss(images, texts, scale, rows), inputs)))


def through_a_model(pairs: int, part: int | None) -> Measurement:
    """Loss and gradients of a small CLIP; N random images of 64 x 64 pixels and captions of 12 tokens."""
    torch.manual_seed(0)
    clip = CLIP(SMALL)
    pixels = torch.randn(pairs, 3, 64, 64)
    tokens = F.pad(torch.randint(1, 2046, (pairs, 11)), (0, 1), value=2047)

    def work() -> list[Tensor]:
        add_gradients(
            Encoders(clip, precision="fp32"),
            pixels,
            tokens,
            loss_of=partial(contrastive_loss, chunk=ROWS),
            chunks=1 if part is None else pairs // part,
            scaler=torch.amp.GradScaler("cpu", enabled=False),
            averaging=lambda _: nullcontext(),
        )
        return [parameter.grad for parameter in clip.parameters() if parameter.grad is not None]

    return _measured(work)


def in_fresh_process(measure: Measure, pairs: int, part: int | None) -> Measurement:
    """So that no measurement sees what another one left."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(measure, (pairs, part))


def lines(what: str, measure: Measure, cases: list[tuple[int, int | None]]) -> list[tuple[str, ...]]:
    """A line per case; those in parts are compared with the whole of the same size where it was measured."""
    made: list[tuple[str, ...]] = []
    whole: dict[int, Measurement] = {}
    for pairs, part in cases:
        found = in_fresh_process(measure, pairs, part)
        reference = whole.get(pairs)
        share, difference = float("nan"), float("nan")
        if part is None:
            whole[pairs] = found
        elif reference is not None:
            share = found.extra_mib / reference.extra_mib
            error = (found.gradients - reference.gradients).norm() / reference.gradients.norm()
            difference = float(error)
        made.append(
            (
                what,
                f"{pairs:,}",
                "whole" if part is None else f"{part} at a time",
                f"{found.seconds:.1f}",
                f"{found.extra_mib:,.0f}",
                f"{found.peak_mib:,.0f}",
                "" if share != share else f"{share:.3f}",
                "" if share != share else f"{difference:.1e}",
                _goal(measure, pairs, share, found.peak_mib),
            )
        )
    return made


def _goal(measure: Measure, pairs: int, share: float, peak_mib: float) -> str:
    if measure is loss_alone and pairs == 8192 and share == share:
        return f"share of {SHARE_GOAL}: {'met' if share <= SHARE_GOAL else 'missed'}"
    if measure is through_a_model and pairs == 32768:
        return f"{PROCESS_GOAL_MIB:,} MiB: {'met' if peak_mib <= PROCESS_GOAL_MIB else 'missed'}"
    return ""


HEADER = (
    "of",
    "pairs",
    "how",
    "seconds",
    "extra peak, MiB",
    "process, MiB",
    "share of the whole's",
    "gradients differ",
    "goal",
)


def main() -> None:
    if quick := asked_for_quick(__doc__):
        alone: list[tuple[int, int | None]] = [(512, None), (512, 64)]
        model: list[tuple[int, int | None]] = [(64, None), (64, 16)]
    else:
        alone = [(4096, None), (4096, ROWS), (8192, None), (8192, ROWS), (32768, ROWS)]
        model = [(1024, None), (1024, PART), (32768, PART)]
    report(
        None if quick else "loss_memory",
        "Peak memory of the contrastive loss and its gradients",
        header=HEADER,
        lines=[*lines("loss", loss_alone, alone), *lines("small CLIP", through_a_model, model)],
        notes=[
            f"The loss: random unit embeddings of {EMBED_DIM} numbers; gradients by them and the scale.",
            "The small CLIP: the bundled model's sizes without its stem, random images of 64 x 64 pixels, "
            f"captions of 12 tokens, the loss {ROWS} rows at a time; gradients of all weights.",
            "The extra peak is over the inputs and the libraries, the process has all of it; fp32. Gradients "
            "differ by the norm of the difference over the norm.",
        ],
    )


if __name__ == "__main__":
    main()
