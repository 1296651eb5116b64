"""The training loop: recipe in, model folder out; the same command goes on where a run left off.

It is the only loop: one process, or many that torchrun started (clipmodel/training/distributed.py).
"""

from __future__ import annotations

import csv
import hashlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from clipmodel.embedding_model import LoadedModel
from clipmodel.errors import UserError
from clipmodel.losses import contrastive_loss, sigmoid_loss
from clipmodel.model import CLIP
from clipmodel.training.checkpoint import (
    Trainee,
    load_checkpoint,
    save_checkpoint,
    whole_clip,
)
from clipmodel.training.data import prepare_data
from clipmodel.training.distributed import (
    World,
    averaging,
    compile_blocks,
    distribute,
    is_sharded,
    joined_world,
    temperature,
)
from clipmodel.training.gradients import Encoders, add_gradients
from clipmodel.training.optim import build_optimizer, learning_rate
from clipmodel.training.recipe import Recipe
from clipmodel.training.start import load_weights, starting_model

MODEL_FOLDER = "model"
TRAINING_FILE = "training.json"  # beside the model: how it was trained
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
    images_per_second: float  # of this step, all processes, waiting for data included
    model: LoadedModel | None  # None while the weights are sharded


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
        Called after each step, by the first process.
    resolve
        From data.source to parquet files.

    Raises
    ------
    UserError
        The data or the folder cannot be used, another run is in the folder, the batch does not divide
        by the processes, or the loss is not finite.
    """
    seed = recipe.seed if seed is None else seed
    with joined_world() as world:
        run = _Run(recipe, out, world=world, seed=seed, resolve=resolve)
        return run.until(min(recipe.steps, recipe.steps if steps is None else steps), hooks)


class _Run:
    """A run in one of its processes, from its first step or from its last checkpoint."""

    def __init__(self, recipe: Recipe, out: Path, *, world: World, seed: int, resolve: Resolve) -> None:
        self.recipe, self.out, self.world, self.seed = recipe, out, world, seed
        self.part = world.share(recipe.batch_size)
        if (self.part.stop - self.part.start) % recipe.accumulate:
            raise UserError(
                f"a process's {self.part.stop - self.part.start} pairs do not divide by accumulate "
                f"{recipe.accumulate}",
                remedy="change batch_size, accumulate or the number of processes",
            )
        _make_folder(out)
        torch.manual_seed(seed)
        config = recipe.model_configuration
        init = None if recipe.init is None else starting_model(recipe.init, config)
        self.data = prepare_data(recipe, resolve(recipe.data.source), seed=seed, init=init)
        clip = CLIP(config)
        if init is not None:
            load_weights(clip, init)
        clip = clip.to(world.device)
        encoders = _encoders(clip, recipe, world)
        identity = f"{recipe.sha256} {seed} {self.data.tokenizer.fingerprint}"
        self.trainee = Trainee(
            clip=clip,
            encoders=encoders,
            optimizer=build_optimizer(clip, recipe.optim),
            scaler=torch.amp.GradScaler(world.device.type, enabled=recipe.precision == "fp16"),
            world=world,
            identity=hashlib.sha256(identity.encode()).hexdigest(),
        )
        self.model = self._loaded(clip)
        self.state = load_checkpoint(out, self.trainee)
        self.loss_of = _loss_of(recipe, world)

    def until(self, stop: int, hooks: Sequence[Hook]) -> LoadedModel:
        """Train up to step `stop`, write everything and return the whole model, in each process."""
        self.trainee.encoders.train()
        try:
            while self.state.step < stop:
                report = self._step()
                for hook in hooks if self.world.is_first else ():
                    hook(report)
                if self.state.step % self.recipe.save_every == 0:
                    save_checkpoint(self.out, self.trainee, self.state)
        except KeyboardInterrupt:
            # Several processes are rarely interrupted at the same step: theirs is the last checkpoint.
            if self.world.size == 1:
                save_checkpoint(self.out, self.trainee, self.state)
            raise
        save_checkpoint(self.out, self.trainee, self.state)
        model = self._loaded(whole_clip(self.trainee).eval())
        if self.world.is_first:
            self._write_model(model)
            _write_log(self.out / LOG_FILE, self.state.history)
        self.world.wait()
        return model

    def _step(self) -> StepReport:
        started = time.perf_counter()
        recipe, trainee, state = self.recipe, self.trainee, self.state
        rate = learning_rate(state.step, steps=recipe.steps, recipe=recipe.optim)
        loss = self._gradients()
        if recipe.optim.clip_gradient_norm is not None:
            trainee.scaler.unscale_(trainee.optimizer)
            nn.utils.clip_grad_norm_(trainee.clip.parameters(), recipe.optim.clip_gradient_norm)
        for group in trainee.optimizer.param_groups:
            group["lr"] = rate
        trainee.scaler.step(trainee.optimizer)
        trainee.scaler.update()
        trainee.clip.clamp_logit_scale()
        state.step += 1
        scale = temperature(trainee.clip)
        state.history.append({"step": state.step, "loss": loss, "learning_rate": rate, "logit_scale": scale})
        return StepReport(
            step=state.step,
            steps=recipe.steps,
            epoch=state.step * recipe.batch_size / len(self.data.batches),
            loss=loss,
            learning_rate=rate,
            logit_scale=scale,
            images_per_second=recipe.batch_size / (time.perf_counter() - started),
            model=None if is_sharded(trainee.encoders) else self.model,
        )

    def _gradients(self) -> float:
        trainee = self.trainee
        trainee.optimizer.zero_grad(set_to_none=True)
        batch = self.data.batches.batch(self.state.step, self.part).to(self.world.device)
        loss = add_gradients(
            trainee.encoders,
            batch.pixels,
            batch.tokens,
            loss_of=partial(self.loss_of, ignore=batch.ignore),
            chunks=self.recipe.accumulate,
            scaler=trainee.scaler,
            averaging=lambda enabled: averaging(trainee.encoders, enabled=enabled),
        )
        loss = self.world.mean(loss)
        if not torch.isfinite(loss):
            raise UserError(
                f"the loss is {float(loss)} at step {self.state.step}",
                remedy="lower optim.peak_learning_rate or lengthen the warm-up; the last checkpoint is kept",
            )
        return float(loss)

    def _loaded(self, clip: CLIP) -> LoadedModel:
        return LoadedModel(self.recipe.recipe, clip, self.data.tokenizer, self.data.preprocess)

    def _write_model(self, model: LoadedModel) -> None:
        folder = self.out / MODEL_FOLDER
        model.save(folder)
        account = {
            "recipe": self.recipe.model_dump(mode="json"),
            "seed": self.seed,
            "steps": self.state.step,
            "rows": len(self.data.batches),
            "thinned": self.data.thinned,
        }
        (folder / TRAINING_FILE).write_text(json.dumps(account, indent=2) + "\n", encoding="utf-8")


def _encoders(clip: CLIP, recipe: Recipe, world: World) -> nn.Module:
    clip.set_gradient_checkpointing(recipe.gradient_checkpointing)
    if recipe.compile_blocks:
        compile_blocks(clip)
    return distribute(Encoders(clip, precision=recipe.precision), world, sharded=recipe.sharded)


def _loss_of(recipe: Recipe, world: World) -> Callable[..., Tensor]:
    loss = sigmoid_loss if recipe.loss == "sigmoid" else contrastive_loss
    split = recipe.loss_split if world.size > 1 else None
    return partial(loss, chunk=recipe.loss_chunk, split=split)


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
