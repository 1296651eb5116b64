"""Batches from streamed pairs: loader workers read, decode, crop and tokenise substreams ahead of the loop.

A batch of B rows is filled from the S substreams: row r is of substream r // (B / S). What is drawn for a
row, its crop and which of its captions, follows from the seed, the step and r. So neither the number of
workers nor, with `data.loading.substreams`, that of processes changes a batch; and the positions of the
substreams are all that must be kept to resume.

Shapes: B rows of a batch, M of them in this process, H = W image side in pixels, L tokens.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from clipmodel.architecture.text_transformer import trim_padding
from clipmodel.checkpoints.checkpoint import Checkpoint
from clipmodel.errors import UserError
from clipmodel.inputs.preprocess import Preprocess
from clipmodel.inputs.tokenizer import BPETokenizer, clip_tokenizer
from clipmodel.training.data.augment import augment
from clipmodel.training.data.batches import Batch, PreparedData
from clipmodel.training.data.crops import decode_and_crop
from clipmodel.training.data.skipped_samples import SkipCount, SkippedCounts
from clipmodel.training.data.sources.open_source import open_source
from clipmodel.training.data.sources.source import Item, Position, Sample, Skipped, Source, Substream
from clipmodel.training.distributed import World
from clipmodel.training.recipe import AugmentRecipe, CropRecipe, Recipe

UNDECODABLE = "image damaged or of no known format"
_DRAW = 31  # what is drawn, beside the seed
Positions = dict[int, Position]  # by substream


@dataclass(frozen=True)
class BatchPart:
    """Some substreams' rows of one step, or the error that ended them."""

    step: int
    pixels: Tensor  # uint8 [M, 3, H, W], or floats where they are augmented
    tokens: Tensor  # [M, L], not trimmed
    keys: tuple[str, ...]
    skipped: tuple[Skipped, ...]
    positions: Positions  # after these rows
    error: tuple[str, str | None] | None = None  # message and remedy: a traceback from afar helps nobody

    def pin_memory(self) -> BatchPart:
        """Called by the loader where the device is a GPU, so that copies to it need not wait."""
        return replace(self, pixels=self.pixels.pin_memory(), tokens=self.tokens.pin_memory())


@dataclass(frozen=True, kw_only=True)
class SampleTransform:
    """From a sample to pixels and tokens."""

    tokenizer: BPETokenizer
    image_size: int
    crop: CropRecipe
    augment: AugmentRecipe
    seed: int


class SubstreamRows(IterableDataset[BatchPart]):
    """The rows of some substreams, step after step; loader workers divide the substreams among themselves."""

    def __init__(
        self,
        source: Source,
        transform: SampleTransform,
        *,
        substreams: int,
        positions: Positions,
        rows: int,
        step: int,
        max_skipped: float,
    ) -> None:
        self._source, self._transform = source, transform
        self._substreams, self._positions, self._rows, self._step = substreams, positions, rows, step
        self._max_skipped = max_skipped
        self._augments = transform.augment != AugmentRecipe()

    def __iter__(self) -> Iterator[BatchPart]:
        info = get_worker_info()
        worker, workers = (0, 1) if info is None else (info.id, info.num_workers)
        # Split evenly by number: worker k reads the same substreams each time with as many workers.
        mine = [int(substream) for substream in np.array_split(sorted(self._positions), workers)[worker]]
        count = SkipCount(self._max_skipped, self._source, quiet=True)
        streams = {
            substream: self._source.stream(
                Substream(number=substream, of=self._substreams, seed=self._transform.seed),
                self._positions[substream],
            )
            for substream in mine
        }
        step = self._step
        try:
            while True:
                yield self._part(streams, step, count)
                step += 1
        except UserError as error:
            empty = torch.empty(0)
            # An exception in a worker arrives with the worker's traceback as its text; message and remedy
            # arrive as they are.
            yield BatchPart(step, empty, empty, (), (), {}, error=(error.message, error.remedy))

    def _part(
        self, streams: dict[int, Iterator[tuple[Item, Position]]], step: int, count: SkipCount
    ) -> BatchPart:
        images, captions, keys, skipped, positions = [], [], [], [], {}
        for substream, stream in streams.items():
            for row in range(substream * self._rows, (substream + 1) * self._rows):
                # By step and row, so that a draw depends neither on the worker nor on skipped samples before.
                rng = np.random.default_rng((self._transform.seed, _DRAW, step, row))
                # A sample that cannot be used is replaced by the substream's next: a batch is always full.
                while True:
                    item, positions[substream] = next(stream)
                    decoded = self._image(item, rng)
                    if isinstance(item, Sample) and isinstance(decoded, Tensor):
                        break
                    assert isinstance(decoded, Skipped)
                    skipped.append(decoded)
                    count.add(0, [decoded])
                count.add(1, [])
                images.append(decoded)
                captions.append(item.captions[int(rng.integers(len(item.captions)))])
                keys.append(item.key)
        return BatchPart(
            step,
            torch.stack(images),
            self._transform.tokenizer(captions, truncate=True),
            tuple(keys),
            tuple(skipped),
            positions,
        )

    def _image(self, item: Item, rng: np.random.Generator) -> Tensor | Skipped:
        if isinstance(item, Skipped):
            return item
        try:
            pixels = decode_and_crop(item.image, self._transform.image_size, self._transform.crop, rng)
        except UserError as error:
            return Skipped(item.key, UNDECODABLE, error.message)
        if not self._augments:
            return pixels
        # One image at a time, so that a row's change does not depend on the batch it is in.
        generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
        return augment(pixels[None], self._transform.augment, generator)[0]


class StreamData:
    """Batches of a source, in the order of the steps."""

    def __init__(
        self,
        source: Source,
        *,
        tokenizer: BPETokenizer,
        preprocess: Preprocess,
        recipe: Recipe,
        seed: int,
        world: World,
    ) -> None:
        self.batch_size = recipe.batch_size
        self.size = source.size or recipe.data.samples
        if source.size is not None and source.size < self.batch_size:
            raise UserError(
                f"batch_size {self.batch_size} is larger than the {source.size} images of {source.name}",
                remedy="lower batch_size in the recipe",
            )
        self._source, self._preprocess, self._world = source, preprocess, world
        self._loading = recipe.data.loading
        self._transform = SampleTransform(
            tokenizer=tokenizer,
            image_size=preprocess.image_size,
            crop=recipe.data.crop,
            augment=recipe.data.augment,
            seed=seed,
        )
        self._substreams = self._loading.substreams
        self._parts: Iterator[BatchPart] | None = None
        self._workers = 1
        # Positions before a step: the next one, and the one whose batch was given last.
        self._before: dict[int, Positions] = {0: {}}
        self._counts: dict[int, SkippedCounts] = {}  # for the same steps, of this process since it began
        self._carried = SkippedCounts()  # of all processes, from the checkpoint
        self.skipped = SkipCount(self._loading.max_skipped, source)
        # What was unusable when the source was opened counts against the limit once, at the start.
        SkipCount(self._loading.max_skipped, source).add(source.size or 0, source.unusable)

    def batch(self, step: int, part: slice = slice(None)) -> Batch:
        """The rows `part` of the next step's batch, the same part each time.

        Raises
        ------
        UserError
            Too many samples cannot be used, or the batch does not divide by the substreams or these by the
            processes.
        ValueError
            It is another step's turn.
        """
        if step not in self._before or (self._parts is not None and step != max(self._before)):
            raise ValueError(f"step {step} is not the next one of the stream, {max(self._before)} is")
        if self._parts is None:
            self._parts = self._begun(step, range(self.batch_size)[part])
        parts = [self._next_part(step) for _ in range(self._workers)]
        positions = {substream: place for part in parts for substream, place in part.positions.items()}
        # Two steps are kept: a checkpoint after this step needs the position behind it, one that was begun
        # before its batch is used needs the position before.
        self._before = {step: self._before[step], step + 1: positions}
        self._counts = {step: self._count_before(step), step + 1: self.skipped.counts()}
        pixels = [part.pixels.to(self._world.device, non_blocking=True) for part in parts]
        return Batch(
            pixels=self._preprocess.normalize(torch.cat(pixels) if len(pixels) > 1 else pixels[0]),
            tokens=trim_padding(torch.cat([part.tokens for part in parts])),
            ignore=None,
            keys=tuple(key for part in parts for key in part.keys),
        )

    def _next_part(self, step: int) -> BatchPart:
        assert self._parts is not None
        part = next(self._parts)
        if part.error is not None:
            message, remedy = part.error
            raise UserError(message, remedy=remedy)
        assert part.step == step, "workers take turns"
        self.skipped.add(len(part.keys), part.skipped)
        return part

    def _begun(self, step: int, rows: range) -> Iterator[BatchPart]:
        substreams = self._substreams_of(rows)
        known = self._before[step]
        positions = {substream: known.get(substream, self._source.start) for substream in substreams}
        self._before = {step: positions}
        assert self._substreams is not None
        dataset = SubstreamRows(
            self._source,
            self._transform,
            substreams=self._substreams,
            positions=positions,
            rows=self.batch_size // self._substreams,
            step=step,
            max_skipped=self._loading.max_skipped,
        )
        workers = min(self._loading.workers, len(substreams))
        self._workers = max(1, workers)
        return iter(
            DataLoader(
                dataset,
                # The data set yields whole parts of batches already.
                batch_size=None,
                num_workers=workers,
                # DataLoader refuses a prefetch factor without workers.
                prefetch_factor=self._loading.prefetch if workers else None,
                pin_memory=self._world.device.type == "cuda",
            )
        )

    def _substreams_of(self, rows: range) -> range:
        """The substreams that a process reads; how many there are is settled with the first batch."""
        processes = self.batch_size // len(rows)
        if self._substreams is None:
            # One for each worker if the rows divide; otherwise the largest number below that does.
            self._substreams = processes * _divisor_up_to(len(rows), self._loading.workers)
        if self.batch_size % self._substreams or self._substreams % processes:
            raise UserError(
                f"batch_size {self.batch_size}, {self._substreams} substreams and {processes} processes "
                "do not divide",
                remedy="set data.loading.substreams to a divisor of batch_size and a multiple of the "
                "processes",
            )
        each = self.batch_size // self._substreams
        return range(rows.start // each, rows.stop // each)

    def epoch(self, step: int) -> float:
        if self.size is not None:
            return step * self.batch_size / self.size
        places = self._before.get(step, {}).values()
        passes = [self._source.passes(place, self._substreams or 1) for place in places]
        return sum(passes) / len(passes) if passes else 0.0

    def state_dict(self, step: int) -> dict[str, Any]:
        """Where all substreams of all processes stand before a step; every process must ask."""
        own = self._before.get(step, {})
        known = {
            substream: list(place) for part in self._world.gather(own) for substream, place in part.items()
        }
        skipped = self._whole_count(step).to_state()
        return {"step": step, "substreams": self._substreams, "positions": known, "skipped": skipped}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Resume from `state_dict`'s position, with its number of substreams.

        Raises
        ------
        UserError
            The recipe asks for another number of substreams.
        """
        if not state:
            return
        # Earlier versions wrote "lanes" and "tally"; the first ones did not count what was skipped.
        begun = state["substreams"] if "substreams" in state else state["lanes"]
        if begun is not None and self._loading.substreams not in (None, begun):
            raise UserError(
                f"the run was begun with {begun} substreams, the recipe now has {self._loading.substreams}",
                remedy=f"set data.loading.substreams to {begun}",
            )
        self._substreams = begun or self._substreams
        positions = {substream: tuple(cursor) for substream, cursor in state["positions"].items()}
        self._before = {state["step"]: positions}
        self._carried = SkippedCounts.from_state(state.get("skipped") or state.get("tally") or {})

    def summary(self, step: int) -> dict[str, Any]:
        return self._whole_count(step).summary(self._source.unusable)

    def _count_before(self, step: int) -> SkippedCounts:
        return self._counts.get(step, SkippedCounts())

    def _whole_count(self, step: int) -> SkippedCounts:
        return sum(self._world.gather(self._count_before(step)), self._carried)


def _divisor_up_to(number: int, most: int) -> int:
    return next(k for k in range(max(1, min(most, number)), 0, -1) if number % k == 0)


def stream_pairs(recipe: Recipe, *, seed: int, world: World, init: Checkpoint | None = None) -> PreparedData:
    """Open the source of a recipe without caption templates.

    Raises
    ------
    UserError
        The data are missing, of no known kind, without the columns, or unusable from the first sample on.
    """
    config = recipe.model_configuration
    if init is None:
        tokenizer = clip_tokenizer(config.text.context_length)
        preprocess = Preprocess(image_size=config.vision.image_size)
    else:
        tokenizer, preprocess = init.tokenizer, init.preprocess
    batches = StreamData(
        open_source(recipe.data),
        tokenizer=tokenizer,
        preprocess=preprocess,
        recipe=recipe,
        seed=seed,
        world=world,
    )
    return PreparedData(batches=batches, tokenizer=tokenizer, preprocess=preprocess, thinned=[], repeated=[])
