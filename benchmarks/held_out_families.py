"""How hard each family of emoji is to read for a model that has seen the other families alone.

    python -m benchmarks.held_out_families [--quick]

The bundled model's image tower is trained as a plain classifier of the 16 occupations on three families and
tried on the fourth, with two seeds: no text, no other images, so it takes minutes and says which family
holds what the others do not teach. EmojiOne draws none of the occupations and takes no part.
"""

from __future__ import annotations

import io
import math
import time

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from benchmarks.interleaved_timing import asked_for_quick, report
from clipmodel.architecture.vision_transformer import VisionTransformer
from clipmodel.config import ViTConfig
from clipmodel.training.data.augment import augment
from clipmodel.training.recipe import AugmentRecipe, load_recipe
from probes.datasets.emoji import ABSENT, FOLDER

STEPS, BATCH, SEEDS = 500, 64, 2
PEAK_LEARNING_RATE, WEIGHT_DECAY, WARMUP = 1e-3, 0.05, 40
AUGMENT = AugmentRecipe(
    scale=(0.65, 1.2), shift=0.1, rotate_degrees=15, flip=True, tint=0.1, recolour=0.15, downscale=0.4
)


def images() -> tuple[pd.DataFrame, Tensor]:
    """The images of the occupations that show one, and their pixels as uint8 [N, 3, 64, 64]."""
    rows = pd.concat([pd.read_parquet(path) for path in sorted(FOLDER.glob("*.parquet"))], ignore_index=True)
    rows = rows[(rows["occupation"] != ABSENT) & rows["visible_occupation"]].reset_index(drop=True)
    decoded = [np.asarray(Image.open(io.BytesIO(data)).convert("RGB")) for data in rows.pop("image")]
    return rows, torch.from_numpy(np.stack(decoded).transpose(0, 3, 1, 2).copy())


def trained(
    rows: pd.DataFrame, pixels: Tensor, labels: Tensor, *, seed: int, steps: int
) -> VisionTransformer:
    """The tower after `steps` batches in which every family has the same share."""
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    config = load_recipe("tiny").model_configuration.vision
    assert isinstance(config, ViTConfig), "the bundled tower is a ViT"
    tower = VisionTransformer(config, int(labels.max()) + 1, activation="gelu")
    optimizer = torch.optim.AdamW(tower.parameters(), weight_decay=WEIGHT_DECAY)
    shares = torch.tensor((1 / rows.groupby("design_family")["id"].transform("size")).to_numpy())
    for step in range(steps):
        warm, cosine = min(1, (step + 1) / WARMUP), 0.5 * (1 + math.cos(math.pi * step / steps))
        optimizer.param_groups[0]["lr"] = PEAK_LEARNING_RATE * warm * cosine
        chosen = torch.multinomial(shares, BATCH, generator=generator)
        any_colour = torch.rand(BATCH, generator=generator) < 0.7
        seen = augment(pixels[chosen], AUGMENT, generator, any_colour=any_colour)
        loss = F.cross_entropy(tower(_centred(seen)), labels[chosen], label_smoothing=0.1)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return tower.eval()


@torch.inference_mode()
def accuracy(tower: VisionTransformer, pixels: Tensor, labels: Tensor) -> float:
    found = torch.cat([tower(_centred(part.float())).argmax(dim=1) for part in pixels.split(128)])
    return float((found == labels).double().mean())


def _centred(pixels: Tensor) -> Tensor:
    return pixels / 127.5 - 1


def main() -> None:
    quick = asked_for_quick(__doc__)
    steps, seeds = (5, 1) if quick else (STEPS, SEEDS)
    rows, pixels = images()
    labels = torch.tensor(pd.factorize(rows["occupation"], sort=True)[0])
    began = time.perf_counter()
    lines = []
    for family in sorted(rows["design_family"].unique()):
        held = (rows["design_family"] == family).to_numpy()
        found = []
        for seed in range(seeds):
            tower = trained(rows[~held], pixels[~held], labels[~held], seed=seed, steps=steps)
            found.append(accuracy(tower, pixels[held], labels[held]))
        lines.append(
            (
                str(family),
                f"{(~held).sum():,} / {held.sum():,}",
                " ".join(f"{100 * value:.1f} %" for value in found),
            )
        )
    report(
        None if quick else "families",
        "Occupation on a family of emoji held out",
        header=("held out", "images trained on / tried", "accuracy, a figure per seed"),
        lines=lines,
        notes=[
            f"16 classes, chance 6 %. {steps} steps of {BATCH}; {time.perf_counter() - began:.0f} s in all.",
            "Seeds scatter by about 10 points, so smaller differences between families say nothing.",
        ],
    )


if __name__ == "__main__":
    main()
