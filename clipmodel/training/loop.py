"""The training loop: recipe in, model folder out; the same command resumes where a run left off.

It is the only loop: one process, or many that torchrun started (clipmodel/training/distributed.py).
"""

from __future__ import annotations

import errno
import hashlib
import json
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from clipmodel.architecture.clip import CLIP
from clipmodel.atomic_files import replace_file
from clipmodel.errors import UserError
from clipmodel.loading.embedding_model import LoadedModel
from clipmodel.losses import contrastive_loss, sigmoid_loss
from clipmodel.training.callbacks import Evaluator, Every, Hook, StepReport
from clipmodel.training.data.batches import Batch
from clipmodel.training.data.in_memory import prepare_data
from clipmodel.training.data.streamed import stream_pairs
from clipmodel.training.distributed import (
    World,
    averaging,
    compile_blocks,
    distribute,
    joined_world,
    temperature,
)
from clipmodel.training.evaluators.zero_shot_and_retrieval import Validation
from clipmodel.training.gradients import Encoders, add_gradients
from clipmodel.training.interrupts import uninterrupted
from clipmodel.training.optim import build_optimizer, learning_rate
from clipmodel.training.recipe import Recipe
from clipmodel.training.recording.recorders import TRAINING_FILE, Recorder, opened_recorders
from clipmodel.training.training_checkpoint import (
    CHECKPOINT_FILE,
    Trainee,
    load_checkpoint,
    save_checkpoint,
    weights_are_finite,
    whole_clip,
)
from clipmodel.training.warm_start import load_weights, starting_model

LOG = logging.getLogger(__name__)
MODEL_FOLDER = "model"
BATCH_FILE = "not-finite.txt"
# The disk, or the user's quota of it.
FULL = {errno.ENOSPC, errno.EDQUOT}
KEYS_SHOWN = 5
Resolve = Callable[[str], Sequence[Path]]


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
    evaluators: Sequence[Evaluator] = (),
    resolve: Resolve = parquet_file,
) -> LoadedModel:
    """Train, or resume training, and write OUT/model, OUT/checkpoint.pt, OUT/log.csv and OUT/measures.csv.

    Killed at any moment, the same call resumes from the last checkpoint; what it writes in the end is what
    an uninterrupted run writes.

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
    evaluators
        Evaluate the model when they are due and after the last step, in the first process.
    resolve
        From data.source to parquet files.

    Raises
    ------
    UserError
        The data or the folder cannot be used, another run is in the folder, the batch does not divide
        by the processes, the disk is full, or the loss is not finite.
    """
    seed = recipe.seed if seed is None else seed
    with joined_world() as world:
        run = _Run(recipe, out, world=world, seed=seed, resolve=resolve)
        if recipe.validation is not None:
            evaluators = [Validation(recipe, resolve), *evaluators]
        return run.until(min(recipe.steps, recipe.steps if steps is None else steps), hooks, evaluators)


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
        # Before the model is made: its initial weights are part of what the seed decides.
        torch.manual_seed(seed)
        config = recipe.model_configuration
        init = None if recipe.init is None else starting_model(recipe.init, config)
        if isinstance(recipe.data.source, str) and recipe.data.captions is not None:
            self.data = prepare_data(recipe, resolve(recipe.data.source), seed=seed, init=init)
        else:
            self.data = stream_pairs(recipe, seed=seed, world=world, init=init)
        clip = CLIP(config)
        if init is not None:
            load_weights(clip, init)
        clip = clip.to(world.device)
        encoders = _encoders(clip, recipe, world)
        # What decides the numbers: a checkpoint of another recipe, seed or vocabulary is refused and not
        # continued by mistake.
        identity = f"{recipe.sha256} {seed} {self.data.tokenizer.fingerprint}"
        self.trainee = Trainee(
            clip=clip,
            encoders=encoders,
            optimizer=build_optimizer(clip, recipe.optim),
            scaler=torch.amp.GradScaler(world.device.type, enabled=recipe.precision == "fp16"),
            world=world,
            identity=hashlib.sha256(identity.encode()).hexdigest(),
        )
        self.step, position = load_checkpoint(out, self.trainee)
        self.saved = self.step  # steps in the checkpoint
        self.data.batches.load_state_dict(position)
        self.epoch = self._passes()
        self.whole = True  # not in the middle of a step
        self.loss_of = _loss_of(recipe, world)

    def until(self, stop: int, hooks: Sequence[Hook], evaluators: Sequence[Evaluator]) -> LoadedModel:
        """Train up to step `stop`, write everything and return the whole model, in each process."""
        self.trainee.encoders.train()
        try:
            with self._recorders() as recorders:
                self._write_summary(self.out)
                if self.world.is_first and 0 < self.step < stop:
                    LOG.info("resumed at step %d", self.step)
                for evaluator in evaluators if self.world.is_first else ():
                    evaluator.begin(self.step)
                self._train(stop, recorders, hooks, evaluators)
            model = self._loaded(whole_clip(self.trainee).eval())
            if self.world.is_first:
                model.save(self.out / MODEL_FOLDER)
            self._write_summary(self.out, self.out / MODEL_FOLDER)
        except OSError as error:
            if error.errno not in FULL:
                raise
            raise UserError(
                f"{error.filename or self.out}: {error.strerror}, at step {self.step}; {self._last_good()}",
                remedy="make room, then run the same command: it resumes from there",
            ) from error
        self.world.wait()
        return model

    def _train(
        self, stop: int, recorders: Sequence[Recorder], hooks: Sequence[Hook], evaluators: Sequence[Evaluator]
    ) -> None:
        try:
            while self.step < stop:
                self._one_step(stop, recorders, hooks, evaluators)
        except KeyboardInterrupt:
            # Several processes are rarely interrupted at the same step: theirs is the last checkpoint.
            if self.world.size == 1 and self.whole:
                self._save(recorders)
            raise

    def _one_step(
        self, stop: int, recorders: Sequence[Recorder], hooks: Sequence[Hook], evaluators: Sequence[Evaluator]
    ) -> None:
        """One step, and what follows from it."""
        before = self.epoch
        with uninterrupted() if self.world.size == 1 else nullcontext():
            report = self._step()
        for recorder in recorders:
            recorder.record_step(report)
        for hook in hooks if self.world.is_first else ():
            hook(report)
        due = [
            evaluator
            for evaluator in evaluators
            if self.step == stop or self._is_due(evaluator.every, before)
        ]
        if due:
            # Before the checkpoint: a kill between the two repeats an evaluation and misses none.
            self._evaluate(report, due, recorders)
        if self.step == stop or self.step % self.recipe.save_every == 0:
            self._save(recorders)

    def _is_due(self, every: Every, epoch_before: float) -> bool:
        return every.due(self.step, epoch=self.epoch, epoch_before=epoch_before)

    def _passes(self) -> float:
        """Over the data so far. Processes read different shards, but must agree on when an epoch ends."""
        passes = torch.tensor(self.data.batches.epoch(self.step), dtype=torch.float64)
        return float(self.world.mean(passes.to(self.world.device)))

    def _evaluate(self, report: StepReport, due: Sequence[Evaluator], recorders: Sequence[Recorder]) -> None:
        # Made anew, since it remembers its fingerprint; gathered in every process where it is sharded.
        model = self._loaded(whole_clip(self.trainee).eval())
        for evaluator in due if self.world.is_first else ():
            measures = evaluator.evaluate(report, model)
            if measures:
                told = "; ".join(f"{one.name} {one.value:.3f}" for one in measures)
                LOG.info("step %d, epoch %.1f: %s", report.step, report.epoch, told)
            for recorder in recorders:
                recorder.record_measures(report, measures)
        self.trainee.encoders.train()
        self.world.wait()

    def _save(self, recorders: Sequence[Recorder]) -> None:
        if self.step == self.saved:
            return
        if not weights_are_finite(self.trainee):
            raise self._not_finite(f"the weights are not finite after step {self.step}", self.batch)
        for recorder in recorders:
            recorder.sync()
        position = self.data.batches.state_dict(self.step)
        save_checkpoint(self.out, self.trainee, step=self.step, data=position)
        self.saved = self.step
        self._write_summary(self.out)

    def _recorders(self) -> AbstractContextManager[list[Recorder]]:
        if not self.world.is_first:
            return nullcontext([])
        return opened_recorders(self.recipe, self.out, seed=self.seed, step=self.step)

    def _step(self) -> StepReport:
        started = time.perf_counter()
        recipe, trainee = self.recipe, self.trainee
        rate = learning_rate(self.step, steps=recipe.steps, recipe=recipe.optim)
        self.whole = False
        self.batch = self.data.batches.batch(self.step, self.part)
        waited = time.perf_counter() - started
        loss = self._gradients(self.batch)
        if recipe.optim.clip_gradient_norm is not None:
            # The norm is of the true gradients, not of those that fp16 scaling multiplied.
            trainee.scaler.unscale_(trainee.optimizer)
            nn.utils.clip_grad_norm_(trainee.clip.parameters(), recipe.optim.clip_gradient_norm)
        for group in trainee.optimizer.param_groups:
            group["lr"] = rate
        # Skips the step itself if scaled gradients overflowed, and `update` lowers the scale.
        trainee.scaler.step(trainee.optimizer)
        trainee.scaler.update()
        # After the step, as the paper says: clipped values, not clipped gradients.
        trainee.clip.clamp_logit_scale(recipe.optim.max_logit_scale)
        self.step += 1
        self.epoch = self._passes()
        self.whole = True
        return StepReport(
            step=self.step,
            steps=recipe.steps,
            epoch=self.epoch,
            pairs=recipe.batch_size,
            loss=loss,
            learning_rate=rate,
            logit_scale=temperature(trainee.clip),
            seconds=time.perf_counter() - started,
            data_seconds=waited,
        )

    def _gradients(self, batch: Batch) -> float:
        trainee = self.trainee
        # None frees the memory and spares AdamW the parameters without a gradient.
        trainee.optimizer.zero_grad(set_to_none=True)
        # Dropout, if a model has any, is a function of the seed, the step and the process too.
        torch.manual_seed(_mixed(self.seed, self.step, self.world.rank))
        moved = batch.to(self.world.device)
        loss = add_gradients(
            trainee.encoders,
            moved.pixels,
            moved.tokens,
            loss_of=partial(self.loss_of, ignore=moved.ignore),
            chunks=self.recipe.accumulate,
            scaler=trainee.scaler,
            averaging=lambda enabled: averaging(trainee.encoders, enabled=enabled),
        )
        loss = self.world.mean(loss)
        if not torch.isfinite(loss):
            raise self._not_finite(f"the loss is {float(loss)} at step {self.step + 1}", batch)
        return float(loss)

    def _not_finite(self, what: str, batch: Batch) -> UserError:
        keys = [key for part in self.world.gather(batch.keys) for key in part]
        if self.world.is_first:
            (self.out / BATCH_FILE).write_text("\n".join(keys) + "\n", encoding="utf-8")
        shown = "; ".join(keys[:KEYS_SHOWN]) + ("; ..." if len(keys) > KEYS_SHOWN else "")
        return UserError(
            f"{what}; {self._last_good()}. The batch: {shown} (its {len(keys)} keys are in "
            f"{self.out / BATCH_FILE})",
            remedy="look at the batch; lower optim.peak_learning_rate, lengthen the warm-up, clip gradients",
        )

    def _last_good(self) -> str:
        if self.saved:
            return f"the last good checkpoint is {self.out / CHECKPOINT_FILE}, after step {self.saved}"
        return "there is no checkpoint yet"

    def _loaded(self, clip: CLIP) -> LoadedModel:
        return LoadedModel(self.recipe.recipe, clip, self.data.tokenizer, self.data.preprocess)

    def _write_summary(self, *folders: Path) -> None:
        """What is trained, on what, and how far; every process must call it, the first one writes."""
        summary = {
            "recipe": self.recipe.model_dump(mode="json", by_alias=True),
            "seed": self.seed,
            "steps": self.step,
            "rows": self.data.batches.size,
            "thinned": self.data.thinned,
            "repeated": self.data.repeated,
            # Only if a rule did something: runs without one keep their bytes.
            **({"balanced": self.data.balanced} if self.data.balanced else {}),
            "skipped": self.data.batches.summary(self.step),
        }
        text = json.dumps(summary, indent=2) + "\n"
        for folder in folders if self.world.is_first else ():
            replace_file(folder / TRAINING_FILE, lambda file: file.write(text.encode()))


def _encoders(clip: CLIP, recipe: Recipe, world: World) -> nn.Module:
    clip.set_gradient_checkpointing(recipe.gradient_checkpointing)
    if recipe.compile_blocks:
        compile_blocks(clip)
    return distribute(Encoders(clip, precision=recipe.precision), world, sharded=recipe.sharded)


def _loss_of(recipe: Recipe, world: World) -> Callable[..., Tensor]:
    loss = sigmoid_loss if recipe.loss == "sigmoid" else contrastive_loss
    split = recipe.loss_split if world.size > 1 else None
    return partial(loss, chunk=recipe.loss_chunk, split=split)


def _mixed(*numbers: int) -> int:
    """One seed of several whole numbers."""
    # Hashed, not added: seed 1 at step 2 and seed 2 at step 1 must differ.
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0])


def _make_folder(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{out}: {error.strerror}", remedy="name a folder that can be written") from error
