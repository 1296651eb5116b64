"""Training images and captions, held in memory; every batch is a function of the seed and the step.

Shapes: N rows, B rows of a batch, M of them in this process, H = W image side in pixels, L tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from PIL import Image
from torch import Tensor

from clipmodel.architecture.text_transformer import trim_padding
from clipmodel.checkpoints.checkpoint import Checkpoint
from clipmodel.errors import UserError
from clipmodel.inputs.image_decoding import open_image
from clipmodel.inputs.preprocess import Preprocess
from clipmodel.inputs.tokenizer import BPETokenizer, clip_tokenizer
from clipmodel.training.data.augment import augment
from clipmodel.training.data.batches import Batch, PreparedData
from clipmodel.training.data.caption_templates import CaptionTable, CaptionTemplate
from clipmodel.training.data.resampling import repeated, thinned
from clipmodel.training.data.row_balance import capped, reweighed
from clipmodel.training.recipe import AugmentRecipe, CaptionRecipe, DataRecipe, Recipe


def read_table(paths: Sequence[Path], recipe: DataRecipe) -> pd.DataFrame:
    """Rows of parquet files that the recipe keeps, in file order; the index names file and row.

    Raises
    ------
    UserError
        A file is missing, a column is absent, or nothing is left.
    """
    if missing := [path for path in paths if not path.is_file()]:
        raise UserError(f"no training data at {missing[0]}", remedy="check data.source in the recipe")
    frame = pd.concat([_keyed(pd.read_parquet(path), path) for path in paths])
    for column, values in recipe.where.items():
        if column not in frame:
            remedy = f"columns: {', '.join(frame.columns)}"
            raise UserError(f"{paths[0]}: no column {column!r} (data.where)", remedy=remedy)
        frame = frame[frame[column].isin(values)]
    if frame.empty:
        raise UserError(f"no rows are left of {recipe.source!r} after data.where", remedy="loosen data.where")
    return frame


def _keyed(frame: pd.DataFrame, path: Path) -> pd.DataFrame:
    return frame.set_axis([f"{path.name}, row {row}" for row in range(len(frame))])


def stated_columns(frame: pd.DataFrame, recipe: CaptionRecipe) -> pd.DataFrame:
    """What captions may say of each row: invisible values blanked, derived columns added."""
    frame = frame.copy()
    for column, flag in recipe.only_where.items():
        frame[column] = frame[column].where(frame[flag].astype(bool), "none")
    for column, rules in recipe.derive.items():
        # "none" states nothing (`caption_templates.ABSENT`).
        derived = pd.Series("none", index=frame.index)
        for rule in reversed(rules):  # the first rule that fits wins, so it is written last
            fits = np.logical_and.reduce([frame[name] == value for name, value in rule.when.items()])
            derived[fits] = rule.value
        frame[column] = derived
    return frame


def caption_table(frame: pd.DataFrame, recipe: CaptionRecipe) -> CaptionTable:
    """The caption sampler of a recipe."""
    templates = [CaptionTemplate(**template.model_dump()) for template in recipe.templates]
    return CaptionTable(stated_columns(frame, recipe), templates)


def decode_images(
    encoded: Sequence[bytes], preprocess: Preprocess, *, names: Sequence[str] | None = None
) -> Tensor:
    """uint8 [N, 3, H, W], resized and cropped as for inference.

    Raises
    ------
    UserError
        An image is missing or cannot be decoded; the message has its name.
    """
    names = ["the image"] * len(encoded) if names is None else names
    pixels = [preprocess.crop(_opened(*image)) for image in zip(encoded, names, strict=True)]
    return torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2).contiguous()


def _opened(encoded: bytes, name: str) -> Image.Image:
    if not isinstance(encoded, bytes):
        raise UserError(f"{name}: no image in column 'image'", remedy="fill it, or drop the row")
    return open_image(encoded, name=name)


class TrainingData:
    """Batches by step number, so that a resumed run sees what an uninterrupted one would.

    Each epoch is a fresh permutation; a last, short batch is filled from the next epoch.
    """

    def __init__(
        self,
        pixels: Tensor,
        captions: CaptionTable,
        *,
        keys: Sequence[str],
        tokenizer: BPETokenizer,
        preprocess: Preprocess,
        augment_recipe: AugmentRecipe,
        batch_size: int,
        seed: int,
    ) -> None:
        if batch_size > len(pixels):
            raise UserError(
                f"batch_size {batch_size} is larger than the {len(pixels)} images of the training data",
                remedy="lower batch_size in the recipe",
            )
        self._pixels, self._captions, self._keys = pixels, captions, keys
        self._tokenizer, self._preprocess, self._augment = tokenizer, preprocess, augment_recipe
        self.batch_size, self._seed = batch_size, seed
        self.size: int | None = len(pixels)

    def __len__(self) -> int:
        return len(self._pixels)

    def epoch(self, step: int) -> float:
        """Passes over the data done before a step."""
        return step * self.batch_size / len(self)

    def state_dict(self, step: int) -> dict[str, Any]:
        """Nothing: a batch follows from the seed and the step."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Nothing to load."""

    def summary(self, step: int) -> None:
        """Nothing is skipped: what cannot be used stops the run before its first step."""

    def rows(self, step: int) -> np.ndarray:
        """[B] row numbers of a step."""
        first = step * self.batch_size
        epochs = range(first // len(self), (first + self.batch_size - 1) // len(self) + 1)
        order = np.concatenate(
            # The second number keeps the streams of row order, captions and vocabulary apart.
            [np.random.default_rng((self._seed, 0, epoch)).permutation(len(self)) for epoch in epochs]
        )
        start = first - epochs[0] * len(self)
        return order[start : start + self.batch_size]

    def batch(self, step: int, part: slice = slice(None)) -> Batch:
        """The rows `part` of a step's batch; they are the same however the batch is divided."""
        rows = self.rows(step)
        rng = np.random.default_rng((self._seed, 1, step))
        # Drawn for the whole batch in every process: a part's captions must not depend on how many processes
        # there are.
        captions = [self._captions.sample(row, rng) for row in rows]
        # torch's generator is seeded from NumPy's, so that one seed decides both.
        generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
        any_colour = torch.tensor([caption.any_colour for caption in captions])
        pixels = self._pixels[torch.from_numpy(rows)]
        pixels = augment(pixels, self._augment, generator, any_colour=any_colour, part=part)
        texts = [caption.text for caption in captions[part]]
        return Batch(
            pixels=self._preprocess.normalize(pixels),
            # Truncated, since a template may make a long caption of a long value.
            tokens=trim_padding(self._tokenizer(texts, truncate=True)),
            # A caption may be true of other images of the batch; those pairs are no negatives.
            ignore=torch.from_numpy(self._captions.also_described(rows, captions, part)),
            keys=tuple(self._keys[row] for row in rows[part]),
        )


def prepare_data(
    recipe: Recipe, paths: Sequence[Path], *, seed: int, init: Checkpoint | None = None
) -> PreparedData:
    """Read, thin, balance, repeat, decode and caption the training rows.

    The vocabulary is that of the model the run starts from; without one it is learned from the captions of
    the rows that are left, and from them alone, or is CLIP's.
    """
    assert recipe.data.captions is not None and isinstance(recipe.data.source, str), "a table in memory"
    frame = read_table(paths, recipe.data)
    frame, thinnings = thinned(frame, recipe.data.thin, source=recipe.data.source)
    frame, caps = capped(frame, recipe.data.cap, source=recipe.data.source)
    frame, weights = reweighed(frame, recipe.data.reweigh, source=recipe.data.source)
    frame, repeats = repeated(frame, recipe.data.repeat, source=recipe.data.source)
    captions = caption_table(frame, recipe.data.captions)
    if init is None:
        tokenizer = _learned_tokenizer(recipe, captions, len(frame), seed=seed)
        preprocess = Preprocess(image_size=recipe.model_configuration.vision.image_size)
    else:
        tokenizer, preprocess = init.tokenizer, init.preprocess
    data = TrainingData(
        decode_images(frame["image"].tolist(), preprocess, names=frame.index.tolist()),
        captions,
        keys=frame.index.tolist(),
        tokenizer=tokenizer,
        preprocess=preprocess,
        augment_recipe=recipe.data.augment,
        batch_size=recipe.batch_size,
        seed=seed,
    )
    return PreparedData(
        batches=data, tokenizer=tokenizer, preprocess=preprocess, thinned=thinnings, repeated=repeats,
        balanced=[*caps, *weights],
    )  # fmt: skip


def _learned_tokenizer(recipe: Recipe, captions: CaptionTable, n_rows: int, *, seed: int) -> BPETokenizer:
    config = recipe.model_configuration.text
    if recipe.tokenizer == "clip":
        return clip_tokenizer(config.context_length)
    assert recipe.tokenizer is not None, "a recipe without `init` has a tokenizer"
    tokenizer = BPETokenizer.train(
        _captions_to_learn_from(captions, n_rows, passes=recipe.tokenizer.passes, seed=seed),
        vocab_size=config.vocab_size,
        context_length=config.context_length,
    )
    if tokenizer.vocab_size != config.vocab_size:
        raise UserError(
            f"the captions give only {tokenizer.vocab_size} tokens, tokenizer.vocab_size asks for "
            f"{config.vocab_size}",
            remedy="lower tokenizer.vocab_size and model.text.vocab_size",
        )
    return tokenizer


def _captions_to_learn_from(captions: CaptionTable, n_rows: int, *, passes: int, seed: int) -> list[str]:
    rng = np.random.default_rng((seed, 2))
    return [captions.sample(row, rng).text for _ in range(passes) for row in range(n_rows)]
