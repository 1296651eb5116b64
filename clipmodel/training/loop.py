"""The training loop: recipe in, model folder out; the same command goes on where a run left off."""

from __future__ import annotations

import csv
import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from clipmodel.errors import UserError
from clipmodel.losses import contrastive_loss
from clipmodel.model import CLIP
from clipmodel.preprocess import Preprocess
from clipmodel.tokenizer import BPETokenizer
from clipmodel.training.captions import CaptionTable
from clipmodel.training.checkpoint import RunState, load_checkpoint, save_checkpoint
from clipmodel.training.data import Batch, TrainingData, caption_table, decode_pictures, read_table
from clipmodel.training.optim import build_optimizer, learning_rate
from clipmodel.training.recipe import Recipe
from clipmodel.zoo import LoadedModel

MODEL_FOLDER = "model"
LOG_FILE = "log.csv"
Resolve = Callable[[str], Sequence[Path]]


@dataclass(frozen=True, kw_only=True)
class StepReport:
    """What a hook is told after each step."""

    step: int  # steps done
    steps: int  # steps the run will have
    epoch: float  # passes over the data so far
    loss: float
    learning_rate: float
    logit_scale: float
    images_per_second: float  # of this step, waiting for data included
    model: LoadedModel


Hook = Callable[[StepReport], None]


def parquet_file(source: str) -> Sequence[Path]:
    """The default meaning of data.source: the path of one parquet file."""
    return [Path(source)]


def train(
    recipe: Recipe,
    *,
    out: Path,
    steps: int | None = None,
    seed: int | None = None,
    hooks: Sequence[Hook] = (),
    resolve: Resolve = parquet_file,
) -> LoadedModel:
    """Train, or go on training, and write OUT/model, OUT/checkpoint.pt and OUT/log.csv.

    Parameters
    ----------
    recipe
        What to train; see clipmodel/training/recipe.py.
    out
        The run's folder. A checkpoint of the same recipe and seed in it is continued.
    steps
        Stop after this many steps. The schedule stays the recipe's, so a run stopped early is the
        beginning of the whole one.
    seed
        Instead of the recipe's.
    hooks
        Called after each step.
    resolve
        From data.source to parquet files.

    Raises
    ------
    UserError
        The data or the folder cannot be used, another run is in the folder, or the loss is not finite.
    """
    seed = recipe.seed if seed is None else seed
    _make_folder(out)
    torch.manual_seed(seed)
    data, tokenizer = prepare_data(recipe, resolve(recipe.data.source), seed=seed)
    clip = CLIP(recipe.model_configuration)
    model = LoadedModel(recipe.recipe, clip, tokenizer, Preprocess(image_size=clip.config.vision.image_size))
    optimizer = build_optimizer(clip, recipe.optim)
    identity = hashlib.sha256(f"{recipe.sha256} {seed} {tokenizer.fingerprint}".encode()).hexdigest()
    state = load_checkpoint(out, clip, optimizer, identity=identity)
    stop = min(recipe.steps, steps if steps is not None else recipe.steps)
    clip.train()
    try:
        while state.step < stop:
            report = _step(recipe, data, model, optimizer, state)
            for hook in hooks:
                hook(report)
            if state.step % recipe.save_every == 0:
                save_checkpoint(out, clip, optimizer, state, identity=identity)
    except KeyboardInterrupt:
        save_checkpoint(out, clip, optimizer, state, identity=identity)
        raise
    save_checkpoint(out, clip, optimizer, state, identity=identity)
    clip.eval()
    model.save(out / MODEL_FOLDER)
    _write_log(out / LOG_FILE, state.history)
    return model


def prepare_data(recipe: Recipe, paths: Sequence[Path], *, seed: int) -> tuple[TrainingData, BPETokenizer]:
    """Read, decode and caption the training rows; learn the vocabulary from their captions alone."""
    frame = read_table(paths, recipe.data)
    captions = caption_table(frame, recipe.data.captions)
    config = recipe.model_configuration
    tokenizer = BPETokenizer.train(
        _captions_to_learn_from(captions, len(frame), passes=recipe.tokenizer.passes, seed=seed),
        vocab_size=config.text.vocab_size,
        context_length=config.text.context_length,
    )
    if tokenizer.vocab_size != config.text.vocab_size:
        raise UserError(
            f"the captions give only {tokenizer.vocab_size} tokens, tokenizer.vocab_size asks for "
            f"{config.text.vocab_size}",
            remedy="lower tokenizer.vocab_size and model.text.vocab_size",
        )
    preprocess = Preprocess(image_size=config.vision.image_size)
    data = TrainingData(
        decode_pictures(frame["image"].tolist(), preprocess),
        captions,
        tokenizer=tokenizer,
        preprocess=preprocess,
        augment_recipe=recipe.data.augment,
        batch_size=recipe.batch_size,
        seed=seed,
    )
    return data, tokenizer


def _captions_to_learn_from(captions: CaptionTable, n_rows: int, *, passes: int, seed: int) -> list[str]:
    rng = np.random.default_rng((seed, 2))
    return [captions.sample(row, rng).text for _ in range(passes) for row in range(n_rows)]


def _step(
    recipe: Recipe, data: TrainingData, model: LoadedModel, optimizer: torch.optim.Optimizer, state: RunState
) -> StepReport:
    started = time.perf_counter()
    rate = learning_rate(state.step, steps=recipe.steps, recipe=recipe.optim)
    for group in optimizer.param_groups:
        group["lr"] = rate
    optimizer.zero_grad(set_to_none=True)
    loss = _loss(recipe, model.clip, data.batch(state.step))
    if not torch.isfinite(loss):
        raise UserError(
            f"the loss is {float(loss.detach())} at step {state.step}",
            remedy="lower optim.peak_learning_rate or lengthen the warm-up; the last checkpoint is kept",
        )
    loss.backward()
    if recipe.optim.clip_gradient_norm is not None:
        torch.nn.utils.clip_grad_norm_(model.clip.parameters(), recipe.optim.clip_gradient_norm)
    optimizer.step()
    model.clip.clamp_logit_scale()
    state.step += 1
    report = StepReport(
        step=state.step,
        steps=recipe.steps,
        epoch=state.step * data.batch_size / len(data),
        loss=float(loss.detach()),
        learning_rate=rate,
        logit_scale=model.logit_scale,
        images_per_second=data.batch_size / (time.perf_counter() - started),
        model=model,
    )
    state.history.append(
        {"step": report.step, "loss": report.loss, "learning_rate": rate, "logit_scale": report.logit_scale}
    )
    return report


def _loss(recipe: Recipe, clip: CLIP, batch: Batch) -> Tensor:
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=recipe.precision == "bf16"):
        images = clip.encode_image(batch.pixels)
        texts = clip.encode_text(batch.tokens)
    return contrastive_loss(
        images.float(), texts.float(), clip.logit_scale, recipe.loss_chunk, ignore=batch.ignore
    )


def _make_folder(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{out}: {error.strerror}", remedy="name a folder that can be written") from error


def _write_log(path: Path, history: Sequence[dict[str, float]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=["step", "loss", "learning_rate", "logit_scale"])
        writer.writeheader()
        writer.writerows(history)
