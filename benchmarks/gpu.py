"""What a GPU makes of embedding, training and scoring, beside open_clip where it is installed: one command.

    python -m benchmarks.gpu                         # needs CUDA; under eight minutes
    python -m benchmarks.gpu --device cpu --quick    # small, anywhere: does it run? Writes nothing

Embedding goes from JPEG files to embeddings, decoding included, as `clip-audit run` embeds new images;
open_clip does the same with a DataLoader of a worker per core. A step of training is both towers, the loss,
all gradients and AdamW, in bf16 with compiled blocks. Scoring asks 64 class designs and 101 thresholds of
stored embeddings, and must count on the device what it counts on the CPU.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from benchmarks.engine_speed import SCALE, SETS, SHARED, unit
from benchmarks.interleaved_timing import HEADER, OURS, Race, race, report, rows
from benchmarks.preprocess_speed import Files
from benchmarks.reference_models import largest_difference, open_clip_reference, ours
from benchmarks.synthetic_images import jpeg_files
from clipmodel.architecture.clip import Precision
from clipmodel.architecture.text_transformer import trim_padding
from clipmodel.errors import UserError
from clipmodel.inputs.preprocess import Preprocess
from clipmodel.inputs.tokenizer import clip_tokenizer
from clipmodel.loading.device import usable_device
from clipmodel.loading.embedding_model import LoadedModel
from clipmodel.losses import contrastive_loss
from clipmodel.training.distributed import compile_blocks
from clipmodel.training.gradients import Encoders, add_gradients
from clipmodel.training.optim import build_optimizer
from clipmodel.training.recipe import OptimRecipe
from probes.datasets.formats.table import TableDataset
from probes.embeddings.embed import embed_dataset
from probes.embeddings.store import EmbeddingStore
from probes.scoring.design_scores import Head
from probes.scoring.engine import PromptConfiguration, Question, score
from tests.support.peers import import_peer

ARCHITECTURE = "ViT-B/32"
NEAR = 2e-2  # of unit-norm embeddings: GPUs multiply in TF32 or bf16, and decoders round pixels differently


@dataclass(frozen=True, kw_only=True)
class Size:
    files: int
    batch: int  # of embedding by open_clip, and of training
    images: int  # scored
    rounds: int
    compiled: bool
    precision: Precision = "bf16"  # of training


def synchronised(device: str, call: Callable[[], object]) -> Callable[[], object]:
    """A call that ends when the device has done its work."""

    def run() -> object:
        result = call()
        if device.startswith("cuda"):
            torch.cuda.synchronize()
        return result

    return run


def peer_or_none() -> bool:
    """Whether open_clip is installed; the benchmark goes on without it and says so."""
    try:
        import_peer("open_clip")
    except ImportError:
        return False
    return True


def embedding_race(device: str, size: Size, scratch: Path) -> Race:
    """Images a second from JPEG files to embeddings."""
    originals, _ = jpeg_files(scratch, size.files)
    paths = [scratch / f"image-{number}.jpg" for number in range(size.files)]
    for original, path in zip(originals, paths, strict=True):  # beside their table, as data sets have them
        shutil.copyfile(original, path)
    clip = ours(ARCHITECTURE).to(device)
    preprocess = Preprocess(image_size=224)
    model = LoadedModel(ARCHITECTURE, clip, clip_tokenizer(), preprocess)
    table = scratch / "images.csv"
    pd.DataFrame({"path": [path.name for path in paths], "gender": "woman"}).to_csv(table, index=False)
    dataset = TableDataset(table)

    def embed() -> Tensor:
        with tempfile.TemporaryDirectory(dir=scratch) as store:  # empty: every image is new
            found = embed_dataset(model, dataset, range(len(dataset)), store=EmbeddingStore(Path(store)))
            return torch.from_numpy(found.embeddings)

    contenders: dict[str, Callable[[], object]] = {OURS: embed}
    if peer_or_none():
        contenders["open_clip"] = partial(_open_clip_embeds, clip, paths, device, size.batch)
        if (difference := largest_difference(embed(), contenders["open_clip"]())) > NEAR:  # type: ignore[arg-type]
            raise RuntimeError(f"open_clip computes something else: embeddings differ by {difference:.1e}")
    return race(
        f"{ARCHITECTURE}, JPEG to embedding", contenders, unit="images", items=len(paths), rounds=size.rounds
    )


@torch.inference_mode()
def _open_clip_embeds(clip: torch.nn.Module, paths: Sequence[Path], device: str, batch: int) -> Tensor:
    from PIL import Image

    reference = open_clip_reference(clip.cpu(), ARCHITECTURE).to(device)  # type: ignore[arg-type]
    clip.to(device)
    transform = import_peer("open_clip.transform").image_transform(224, is_train=False)
    loader = DataLoader(
        Files(paths, lambda path: transform(Image.open(path))), batch_size=batch,
        num_workers=os.cpu_count() or 2, pin_memory=device.startswith("cuda"), multiprocessing_context="fork",
    )  # fmt: skip
    found = [
        reference.encode_image(pixels.to(device, non_blocking=True), normalize=True).float().cpu()
        for pixels in loader
    ]
    return torch.cat(found)


def training_race(device: str, size: Size) -> Race:
    """Samples a second of whole steps, in the precision and compiled as the size says."""
    pixels = torch.randn(size.batch, 3, 224, 224, device=device)
    tokens = clip_tokenizer()([f"a photo of animal number {n} on the grass" for n in range(size.batch)])
    clip = ours(ARCHITECTURE).to(device).train()
    contenders = {OURS: synchronised(device, _our_step(clip, pixels, trim_padding(tokens).to(device), size))}
    if peer_or_none():
        reference = open_clip_reference(ours(ARCHITECTURE), ARCHITECTURE).to(device).train()
        contenders["open_clip"] = synchronised(
            device, _open_clip_step(reference, pixels, tokens.to(device), size)
        )
    return race(
        f"{ARCHITECTURE} training, {size.precision}{', compiled' if size.compiled else ''}", contenders,
        unit="samples", items=size.batch, rounds=size.rounds,
    )  # fmt: skip


def _our_step(clip: torch.nn.Module, pixels: Tensor, tokens: Tensor, size: Size) -> Callable[[], object]:
    if size.compiled:
        compile_blocks(clip)  # type: ignore[arg-type]
    encoders = Encoders(clip, precision=size.precision)  # type: ignore[arg-type]
    recipe = OptimRecipe(peak_learning_rate=5e-4, warmup_steps=0, fused=True)
    optimizer = build_optimizer(clip, recipe)  # type: ignore[arg-type]
    scaler = torch.amp.GradScaler(pixels.device.type, enabled=False)

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        add_gradients(
            encoders, pixels, tokens, loss_of=contrastive_loss, chunks=1, scaler=scaler,
            averaging=lambda _: nullcontext(),
        )  # fmt: skip
        optimizer.step()

    return step


def _open_clip_step(
    reference: torch.nn.Module, pixels: Tensor, tokens: Tensor, size: Size
) -> Callable[[], object]:
    """As its own training script does: the model compiled, the loss under autocast, torch's fused AdamW."""
    loss_of = import_peer("open_clip.loss").ClipLoss()
    optimizer = torch.optim.AdamW(reference.parameters(), lr=5e-4, betas=(0.9, 0.98), eps=1e-6, fused=True)
    model = torch.compile(reference) if size.compiled else reference

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(pixels.device.type, dtype=torch.bfloat16, enabled=size.precision == "bf16"):
            images, texts, scale = model(pixels, tokens)[:3]
            loss = loss_of(images, texts, scale)
        loss.backward()
        optimizer.step()

    return step


def scoring_race(device: str, size: Size) -> Race:
    """Images a second of 64 designs and 101 thresholds, on the device and on the CPU: the same counts."""
    from probes.rules.rule_registry import CURVE, PREDICTION
    from probes.scoring.threshold_lookup import RuleThresholds

    designs, groups = 64, 14
    rng = np.random.default_rng(0)
    images = unit(rng.normal(size=(size.images, 512)))
    classes = unit(rng.normal(size=(SHARED + designs, 512)))
    names = [f"class {i:02}" for i in range(len(classes))]
    specifications = []
    for design in range(designs):
        columns = [*range(SHARED), SHARED + design]
        own = tuple(names[i] for i in columns)
        sets = {name: own[part] for name, part in SETS.items()}
        key = (f"design {design}", "plain")
        specifications.append(PromptConfiguration(key=key, classes=own, columns=np.array(columns), sets=sets))
    thresholds = np.linspace(0, 1, 101).round(6).tolist()
    rules = [RuleThresholds.of(PREDICTION.name), RuleThresholds.of(CURVE.name, thresholds)]
    question = Question(rules=rules)
    cells = rng.integers(0, groups, size.images)

    def count(where: str) -> list[object]:
        return list(
            score(
                images, classes, specifications, cells=cells, n_cells=groups, head=Head(scale=SCALE),
                question=question, device=where, chunk=1 << 16 if where != "cpu" else 4096,
            )
        )  # fmt: skip

    _require_near_counts(count(device), count("cpu"), size.images)
    contenders = {OURS: synchronised(device, partial(count, device)), "the CPU": partial(count, "cpu")}
    return race(
        "64 designs x 101 thresholds", contenders, unit="images", items=size.images, rounds=size.rounds
    )


def _require_near_counts(found: Sequence[object], expected: Sequence[object], n: int) -> None:
    """A similarity that a device rounds otherwise may pass a threshold; more than one in 1,000 may not."""
    off = sum(
        int(np.abs(a.hits[rule] - b.hits[rule]).max())  # type: ignore[attr-defined]
        for a, b in zip(found, expected, strict=True)
        for rule in a.hits  # type: ignore[attr-defined]
    )
    if off > max(1, n // 1000) * len(found):
        raise RuntimeError(f"the device counts something else: {off} images apart over {len(found)} designs")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="cuda", help="torch device (default: cuda)")
    parser.add_argument("--quick", action="store_true", help="little work: does it run? Writes nothing")
    options = parser.parse_args()
    try:
        device = usable_device(options.device)
    except UserError as error:
        raise SystemExit(f"{error}\nOn a machine without one: --device cpu --quick") from error
    size = Size(files=4, batch=2, images=2000, rounds=1, compiled=False, precision="fp32")
    if not options.quick:
        size = Size(files=1000, batch=256, images=1_000_000, rounds=3, compiled=True)
    torch.set_float32_matmul_precision("highest")  # as everywhere in this project: fp32 means fp32
    with tempfile.TemporaryDirectory() as scratch:
        races = [
            embedding_race(device, size, Path(scratch)),
            training_race(device, size),
            scoring_race(device, size),
        ]
    hardware = torch.cuda.get_device_name(device) if device.startswith("cuda") else "the CPU"
    notes = [f"Device: {hardware}.", f"Medians of {size.rounds} rounds in turns, {size.files} files."]
    if not peer_or_none():
        notes.append("open_clip is not installed here (make peers): no comparison with it.")
    report(None if options.quick else "gpu", "On a GPU", header=HEADER, lines=rows(races), notes=notes)


if __name__ == "__main__":
    main()
