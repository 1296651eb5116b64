"""Batches from streamed pairs: lanes that loader workers read, decode, crop and tokenise ahead of the loop.

A batch of B rows is dealt from the lanes: row r is of lane r // (B / lanes). What is drawn for a row, its
crop and which of its captions, follows from the seed, the step and r. So neither the number of workers nor,
with `data.loading.lanes`, that of processes changes a batch; and where the lanes stand is all that must be
kept to go on.

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
from clipmodel.training.data.skipped_samples import SkipCount, Tally
from clipmodel.training.data.sources.open_source import open_source
from clipmodel.training.data.sources.source import Item, Lane, Position, Sample, Skipped, Source
from clipmodel.training.distributed import World
from clipmodel.training.recipe import AugmentRecipe, CropRecipe, Recipe

UNDECODABLE = "image damaged or of no known format"
_DRAW = 31  # what is drawn, beside the seed
Positions = dict[int, Position]  # by lane


@dataclass(frozen=True)
class Piece:
    """Some lanes' rows of one step, or the error that ended them."""

    step: int
    pixels: Tensor  # uint8 [M, 3, H, W], or floats where they are augmented
    tokens: Tensor  # [M, L], not trimmed
    keys: tuple[str, ...]
    skipped: tuple[Skipped, ...]
    positions: Positions  # after these rows
    error: tuple[str, str | None] | None = None  # message and remedy: a traceback from afar helps nobody

    def pin_memory(self) -> Piece:
        """Called by the loader where the device is a GPU, so that copies to it need not wait."""
        return replace(self, pixels=self.pixels.pin_memory(), tokens=self.tokens.pin_memory())


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """From a sample to pixels and tokens."""

    tokenizer: BPETokenizer
    image_size: int
    crop: CropRecipe
    augment: AugmentRecipe
    seed: int


class LaneRows(IterableDataset[Piece]):
    """The rows of some lanes, step after step; loader workers divide the lanes among themselves."""

    def __init__(
        self,
        source: Source,
        drawing: Drawing,
        *,
        lanes: int,
        positions: Positions,
        rows: int,
        step: int,
        max_skipped: float,
    ) -> None:
        self._source, self._drawing = source, drawing
        self._lanes, self._positions, self._rows, self._step = lanes, positions, rows, step
        self._max_skipped = max_skipped
        self._augments = drawing.augment != AugmentRecipe()

    def __iter__(self) -> Iterator[Piece]:
        info = get_worker_info()
        worker, workers = (0, 1) if info is None else (info.id, info.num_workers)
        mine = [int(lane) for lane in np.array_split(sorted(self._positions), workers)[worker]]
        count = SkipCount(self._max_skipped, self._source, quiet=True)
        streams = {
            lane: self._source.stream(
                Lane(number=lane, of=self._lanes, seed=self._drawing.seed), self._positions[lane]
            )
            for lane in mine
        }
        step = self._step
        try:
            while True:
                yield self._piece(streams, step, count)
                step += 1
        except UserError as error:
            empty = torch.empty(0)
            yield Piece(step, empty, empty, (), (), {}, error=(error.message, error.remedy))

    def _piece(
        self, streams: dict[int, Iterator[tuple[Item, Position]]], step: int, count: SkipCount
    ) -> Piece:
        images, captions, keys, skipped, positions = [], [], [], [], {}
        for lane, stream in streams.items():
            for row in range(lane * self._rows, (lane + 1) * self._rows):
                rng = np.random.default_rng((self._drawing.seed, _DRAW, step, row))
                while True:
                    item, positions[lane] = next(stream)
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
        return Piece(
            step,
            torch.stack(images),
            self._drawing.tokenizer(captions, truncate=True),
            tuple(keys),
            tuple(skipped),
            positions,
        )

    def _image(self, item: Item, rng: np.random.Generator) -> Tensor | Skipped:
        if isinstance(item, Skipped):
            return item
        try:
            pixels = decode_and_crop(item.image, self._drawing.image_size, self._drawing.crop, rng)
        except UserError as error:
            return Skipped(item.key, UNDECODABLE, error.message)
        if not self._augments:
            return pixels
        generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
        return augment(pixels[None], self._drawing.augment, generator)[0]


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
        self._drawing = Drawing(
            tokenizer=tokenizer,
            image_size=preprocess.image_size,
            crop=recipe.data.crop,
            augment=recipe.data.augment,
            seed=seed,
        )
        self._lanes = self._loading.lanes
        self._pieces: Iterator[Piece] | None = None
        self._workers = 1
        # Where the lanes stand before a step: the next one, and the one whose batch was given last.
        self._before: dict[int, Positions] = {0: {}}
        self._tallies: dict[int, Tally] = {}  # for the same steps, of this process since it began
        self._carried = Tally()  # of all processes, from the checkpoint
        self.skipped = SkipCount(self._loading.max_skipped, source)
        SkipCount(self._loading.max_skipped, source).add(source.size or 0, source.unusable)

    def batch(self, step: int, part: slice = slice(None)) -> Batch:
        """The rows `part` of the next step's batch, the same part each time.

        Raises
        ------
        UserError
            Too many samples cannot be used, or the batch does not divide by the lanes or these by the
            processes.
        ValueError
            It is another step's turn.
        """
        if step not in self._before or (self._pieces is not None and step != max(self._before)):
            raise ValueError(f"step {step} is not the next one of the stream, {max(self._before)} is")
        if self._pieces is None:
            self._pieces = self._begun(step, range(self.batch_size)[part])
        pieces = [self._next_piece(step) for _ in range(self._workers)]
        positions = {lane: place for piece in pieces for lane, place in piece.positions.items()}
        self._before = {step: self._before[step], step + 1: positions}
        self._tallies = {step: self._tally(step), step + 1: self.skipped.tally()}
        pixels = [piece.pixels.to(self._world.device, non_blocking=True) for piece in pieces]
        return Batch(
            pixels=self._preprocess.normalize(torch.cat(pixels) if len(pixels) > 1 else pixels[0]),
            tokens=trim_padding(torch.cat([piece.tokens for piece in pieces])),
            ignore=None,
            keys=tuple(key for piece in pieces for key in piece.keys),
        )

    def _next_piece(self, step: int) -> Piece:
        assert self._pieces is not None
        piece = next(self._pieces)
        if piece.error is not None:
            message, remedy = piece.error
            raise UserError(message, remedy=remedy)
        assert piece.step == step, "workers take turns"
        self.skipped.add(len(piece.keys), piece.skipped)
        return piece

    def _begun(self, step: int, rows: range) -> Iterator[Piece]:
        lanes = self._lanes_of(rows)
        known = self._before[step]
        positions = {lane: known.get(lane, self._source.start) for lane in lanes}
        self._before = {step: positions}
        assert self._lanes is not None
        dataset = LaneRows(
            self._source,
            self._drawing,
            lanes=self._lanes,
            positions=positions,
            rows=self.batch_size // self._lanes,
            step=step,
            max_skipped=self._loading.max_skipped,
        )
        workers = min(self._loading.workers, len(lanes))
        self._workers = max(1, workers)
        return iter(
            DataLoader(
                dataset,
                batch_size=None,
                num_workers=workers,
                prefetch_factor=self._loading.prefetch if workers else None,
                pin_memory=self._world.device.type == "cuda",
            )
        )

    def _lanes_of(self, rows: range) -> range:
        """The lanes that a process reads; how many there are is settled with the first batch."""
        processes = self.batch_size // len(rows)
        if self._lanes is None:
            self._lanes = processes * _divisor_up_to(len(rows), self._loading.workers)
        if self.batch_size % self._lanes or self._lanes % processes:
            raise UserError(
                f"batch_size {self.batch_size}, {self._lanes} lanes and {processes} processes do not divide",
                remedy="set data.loading.lanes to a divisor of batch_size and a multiple of the processes",
            )
        each = self.batch_size // self._lanes
        return range(rows.start // each, rows.stop // each)

    def epoch(self, step: int) -> float:
        if self.size is not None:
            return step * self.batch_size / self.size
        places = self._before.get(step, {}).values()
        passes = [self._source.passes(place, self._lanes or 1) for place in places]
        return sum(passes) / len(passes) if passes else 0.0

    def state_dict(self, step: int) -> dict[str, Any]:
        """Where all lanes of all processes stand before a step; every process must ask."""
        own = self._before.get(step, {})
        known = {lane: list(place) for part in self._world.gather(own) for lane, place in part.items()}
        tally = self._whole_tally(step).to_state()
        return {"step": step, "lanes": self._lanes, "positions": known, "tally": tally}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state_dict`'s position, with its number of lanes.

        Raises
        ------
        UserError
            The recipe asks for another number of lanes.
        """
        if not state:
            return
        if self._loading.lanes not in (None, state["lanes"]) and state["lanes"] is not None:
            raise UserError(
                f"the run was begun with {state['lanes']} lanes, the recipe now has {self._loading.lanes}",
                remedy=f"set data.loading.lanes to {state['lanes']}",
            )
        self._lanes = state["lanes"] or self._lanes
        self._before = {state["step"]: {lane: tuple(place) for lane, place in state["positions"].items()}}
        self._carried = Tally.from_state(state.get("tally", {}))  # a run begun before there were any has none

    def account(self, step: int) -> dict[str, Any]:
        return self._whole_tally(step).account(self._source.unusable)

    def _tally(self, step: int) -> Tally:
        return self._tallies.get(step, Tally())

    def _whole_tally(self, step: int) -> Tally:
        return sum(self._world.gather(self._tally(step)), self._carried)


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
