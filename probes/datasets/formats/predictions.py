"""Predictions instead of images: what any classifier said, without model or embeddings.

A prediction is the unit vector of its class, and a score is the class's coordinate, so that the engine that
scores embeddings counts them too. Shapes: N images, C classes.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from clipmodel.errors import UserError
from probes.datasets.annotation_tables import read_table
from probes.datasets.base import REASON
from probes.datasets.cards import unknown_card
from probes.datasets.formats.embeddings import EmbeddedDataset, Texts, described

PREDICTION, SCORE_PREFIX = "prediction", "score_"
LEAST = 1e-12  # stands for a probability of 0, whose logarithm is not finite
SUM_TOLERANCE = 1e-3
NO_PREDICTION, NO_SCORE = "no prediction", "no score for some class"
ONE_HOT = (
    "The file holds predictions without scores: nothing is known about other class designs or thresholds."
)
SOFTMAX = "The scores of an image add up to 1: they are read as a softmax over the classes of the file."
SIGMOID = (
    "The scores lie in [0, 1] and do not add up to 1: each is read as the probability of its class alone."
)
LOGITS = "The scores leave [0, 1]: they are read as logits, with a softmax over the classes of a design."


def load_predictions(file: Path) -> EmbeddedDataset:
    """A table of predictions: the column prediction, or one column score_<class> a class; no model is needed.

    Every other column is an attribute, but for a path and a cluster, as in a table of images. Images
    without a prediction are dropped and counted.

    Raises
    ------
    UserError
        The table cannot be read, has neither predictions nor scores, or a score is no number.
    """
    table = read_table(file)
    scores = [name for name in map(str, table) if name.startswith(SCORE_PREFIX)]
    if scores and PREDICTION in table:
        table = table.drop(columns=PREDICTION)
    if not scores and PREDICTION not in table:
        found = ", ".join(map(str, table))
        raise UserError(f"{file}: no prediction among: {found}", remedy="add 'prediction' or 'score_<class>'")
    if scores:
        vectors, texts, note = _from_scores(file, table[scores])
    else:
        vectors, texts, note = _from_predictions(file, table[PREDICTION])
    usable = np.isfinite(vectors).all(axis=1)
    card = unknown_card(
        file.stem, f"Predictions in {file.name}", notes=(note,),
        caution="Predictions from a file: the model, and how the labels came about, are not known.",
    )  # fmt: skip
    known = described(file, table.drop(columns=scores or [PREDICTION]), card=card)
    return EmbeddedDataset(
        known.frame[usable],
        attributes=known.attributes,
        card=known.card,
        orders=known.orders,
        embeddings=vectors[usable].astype(np.float32),
        texts=texts,
        dropped=known.frame[~usable].assign(**{REASON: NO_SCORE if scores else NO_PREDICTION}),
    )


def _from_predictions(file: Path, column: pd.Series) -> tuple[np.ndarray, Texts, str]:
    """[N, C + 1] unit vectors, NaN without a prediction; the last axis is of the classes never predicted."""
    names = sorted(column.dropna().unique())
    if not names:
        raise UserError(f"{file}: the column {PREDICTION!r} is empty", remedy="write the predicted classes")
    axes = np.eye(len(names) + 1)
    positions = column.map({name: i for i, name in enumerate(names)})
    vectors = np.full((len(column), len(names) + 1), np.nan)
    vectors[positions.notna()] = axes[positions.dropna().astype(int)]
    rows = {name: i for i, name in enumerate(names)}
    texts = Texts(rows=rows, vectors=axes.astype(np.float32), model=file.stem, unknown=len(names))
    return vectors, texts, ONE_HOT


def _from_scores(file: Path, table: pd.DataFrame) -> tuple[np.ndarray, Texts, str]:
    """[N, C] logits of the scores, NaN where one is missing."""
    numbers = table.apply(pd.to_numeric, errors="coerce")
    wrong = (numbers.isna() & table.notna()).to_numpy()
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        where = f"{table.index.name} {table.index[row]}"
        raise UserError(
            f"{file}, {where}: {table.columns[column]} is {table.iloc[row, column]!r}",
            remedy="write a number, or nothing",
        )
    scores = numbers.to_numpy(float)
    if not np.isfinite(scores).all(axis=1).any():
        raise UserError(f"{file}: no image has a score for every class", remedy="fill in the scores")
    inside = np.nanmin(scores) >= 0 and np.nanmax(scores) <= 1
    sums = scores[np.isfinite(scores).all(axis=1)].sum(axis=1)
    bias, note, logits = None, LOGITS, scores
    if inside and np.allclose(sums, 1, atol=SUM_TOLERANCE):
        note, logits = SOFTMAX, np.log(np.maximum(scores, LEAST))
    elif inside:
        clipped = np.clip(scores, LEAST, 1 - LEAST)
        bias, note, logits = 0.0, SIGMOID, np.log(clipped) - np.log1p(-clipped)
    names = [name.removeprefix(SCORE_PREFIX) for name in map(str, table)]
    rows = {name: i for i, name in enumerate(names)}
    vectors = np.eye(len(names), dtype=np.float32)
    return logits, Texts(rows=rows, vectors=vectors, model=file.stem, scale=1.0, bias=bias), note
