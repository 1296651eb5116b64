"""What the two processes of tests/clipmodel/training/test_distributed.py do; they start with one import."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from unittest.mock import patch

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor
from torch.distributed.tensor import DTensor

from clipmodel import losses
from clipmodel.architecture.clip import CLIP
from clipmodel.config import CLIPConfig, TextConfig, ViTConfig
from clipmodel.errors import UserError
from clipmodel.losses import Split, contrastive_loss, sigmoid_loss
from clipmodel.losses.collectives import gather
from clipmodel.training.callbacks import StepReport
from clipmodel.training.distributed import World, averaging, distribute, joined_world
from clipmodel.training.gradients import Encoders, add_gradients
from clipmodel.training.loop import train
from clipmodel.training.recipe import Recipe

PAIRS = 12
UNSCALED = torch.amp.GradScaler("cpu", enabled=False)


@dataclass(frozen=True)
class Case:
    """One way to compute the gradients of the same twelve pairs."""

    split: Split = "local"
    chunk: int | None = None
    accumulate: int = 1
    sharded: bool = False
    sigmoid: bool = False

    def gradients(self, world: World) -> dict[str, Tensor]:
        clip = small_clip(sigmoid=self.sigmoid)
        encoders = distribute(Encoders(clip, precision="fp32"), world, sharded=self.sharded)
        pixels, tokens, ignore = pairs()
        part = world.share(PAIRS)
        loss = partial(
            sigmoid_loss if self.sigmoid else contrastive_loss,
            chunk=self.chunk,
            split=self.split if world.size > 1 else None,
            ignore=ignore[part],
        )
        value = add_gradients(
            encoders,
            pixels[part],
            tokens[part],
            loss_of=loss,
            chunks=self.accumulate,
            scaler=UNSCALED,
            averaging=lambda enabled: averaging(encoders, enabled=enabled),
        )
        return {"loss": world.mean(value)} | {name: whole(p.grad) for name, p in clip.named_parameters()}


CASES = {
    "local": Case(),
    "local, chunked": Case(chunk=4),
    "global": Case("global"),
    "global, chunked": Case("global", chunk=5),
    "accumulated": Case(accumulate=3),
    "accumulated, chunked": Case(chunk=2, accumulate=2),
    "accumulated, global": Case("global", accumulate=2),
    "FSDP2": Case(sharded=True),
    "FSDP2, global": Case("global", sharded=True),
    "FSDP2, chunked and accumulated": Case(chunk=4, accumulate=3, sharded=True),
    "sigmoid": Case(sigmoid=True),
    "sigmoid, global": Case("global", sigmoid=True),
    "sigmoid, chunked and accumulated": Case(chunk=4, accumulate=2, sigmoid=True),
    "sigmoid, FSDP2": Case(sigmoid=True, sharded=True),
}
TRAPS = {"local": Case(), "global": Case("global")}  # computed with `gather_cutting_gradients`
RUNS: dict[str, dict[str, object]] = {"ddp": {}, "fsdp": {"sharded": True}}


def small_clip(*, sigmoid: bool = False) -> CLIP:
    """Without batch norm, whose statistics would be those of a process."""
    torch.manual_seed(0)
    vision = ViTConfig(image_size=16, patch_size=8, width=16, layers=2, heads=2)
    text = TextConfig(context_length=6, vocab_size=30, width=16, layers=2, heads=2)
    return CLIP(
        CLIPConfig(embed_dim=8, vision=vision, text=text, activation="quick_gelu", logit_bias=sigmoid)
    )


def pairs() -> tuple[Tensor, Tensor, Tensor]:
    """Pixels, tokens, and a mask with pairs that are no negatives, within and across the processes."""
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randn(PAIRS, 3, 16, 16, generator=generator)
    tokens = F.pad(torch.randint(0, 29, (PAIRS, 5), generator=generator), (0, 1), value=29)
    ignore = torch.rand(PAIRS, PAIRS, generator=generator) < 0.2
    return pixels, tokens, ignore.fill_diagonal_(False)


def whole(gradient: Tensor | None) -> Tensor:
    assert gradient is not None
    gradient = gradient.full_tensor() if isinstance(gradient, DTensor) else gradient
    return gradient.squeeze() if gradient.numel() == 1 else gradient


def gather_cutting_gradients(local: Tensor) -> Tensor:
    """The usual mistake: own rows keep their graph, but other processes' losses do not reach them."""
    parts = list(gather(local.detach()).chunk(dist.get_world_size()))
    parts[dist.get_rank()] = local
    return torch.cat(parts)


def work(rank: int, folder: Path, port: int, recipe: Recipe, images: Path) -> None:
    """One process; the first one writes what both found to `folder`."""
    torch.set_num_threads(1)
    os.environ |= {
        "TORCHELASTIC_RUN_ID": "test", "RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2",
        "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port),
    }  # fmt: skip
    with joined_world() as world:
        found = {name: case.gradients(world) for name, case in CASES.items()}
        with patch.object(losses, "gather_with_gradients", gather_cutting_gradients):
            trapped = {name: case.gradients(world) for name, case in TRAPS.items()}
        steps = {
            name: run(recipe.model_copy(update=change), folder / name, images)
            for name, change in RUNS.items()
        }
        begun = recipe.model_copy(update=RUNS["fsdp"])
        steps["begun alone"] = run(begun, folder / "begun alone", images)
        refused = refusal(recipe, folder, images)
        gathered = world.gather((f"rank {rank}",))
        if world.is_first:
            torch.save(
                {
                    "found": found,
                    "trapped": trapped,
                    "steps": steps,
                    "refused": refused,
                    "gathered": gathered,
                },
                folder / "found.pt",
            )


def run(recipe: Recipe, out: Path, images: Path) -> list[tuple[int, float]]:
    """Train 4 of the recipe's steps in two goes; the steps and losses told to the first process."""
    told: list[tuple[int, float]] = []

    def note(report: StepReport) -> None:
        told.append((report.step, report.loss))

    for stop in (2, 4):
        train(recipe, out=out, steps=stop, hooks=[note], resolve=lambda _: [images])
    return told


def refusal(recipe: Recipe, folder: Path, images: Path) -> str:
    odd = recipe.model_copy(update={"batch_size": 7})
    try:
        train(odd, out=folder / "odd", resolve=lambda _: [images])
    except UserError as error:
        return error.message
    return ""
