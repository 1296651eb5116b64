"""Predictions instead of images: what any classifier said, without model or embeddings.

A prediction is the unit vector of its class, and a score is the class's coordinate, so that the engine that
scores embeddings counts them too. Shapes: N images, C classes.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd

from clipmodel.errors import UserError
from probes.datasets.annotation_tables import read_table
from probes.datasets.cards import unknown_card, written_card
from probes.datasets.demographic_dataset import REASON
from probes.datasets.formats.embeddings import EmbeddedDataset, Texts, described
from probes.datasets.formats.scores import read_scores
from probes.label_text import clean_column, clean_label

PREDICTION_COLUMNS = ("prediction", "predicted", "y_pred")
SCORE_PREFIX = "score_"
NO_PREDICTION, NO_SCORE = "no prediction", "no score for some class"
ONE_HOT = (
    "The file holds predictions without scores: nothing is known about other class designs or thresholds."
)


def load_predictions(file: Path) -> EmbeddedDataset:
    """A table of predictions: the column prediction, or one column score_<class> a class; no model is needed.

    The column of predictions may also be called predicted or y_pred. Every other column is an attribute, but
    for a path and a cluster, as in a table of images. Images without a prediction are dropped and counted.
    What the scores are (see `formats.scores`) is decided for the file as a whole, or stated in its card.

    Raises
    ------
    UserError
        The table cannot be read, has neither predictions nor scores, or a score is no number.
    """
    table = read_table(file)
    scores = [name for name in map(str, table) if name.startswith(SCORE_PREFIX)]
    said = [name for name in PREDICTION_COLUMNS if name in table]
    if not scores and not said:
        found = ", ".join(map(str, table))
        raise UserError(
            f"{file}: no prediction among: {found}",
            remedy=f"add {PREDICTION_COLUMNS[0]!r} or 'score_<class>'",
        )
    if scores:
        vectors, texts, notes = _from_scores(file, table[scores])
        table = table.drop(columns=said)
    else:
        vectors, texts, notes = _from_predictions(file, table[said[0]])
    usable = np.isfinite(vectors).all(axis=1)
    card = unknown_card(
        file.stem, f"Predictions in {file.name}", notes=notes,
        caution="Predictions from a file: the model, and how the labels came about, are not known.",
    )  # fmt: skip
    known = described(file, table.drop(columns=scores or said[:1]), card=card)
    return EmbeddedDataset(
        known.frame[usable],
        attributes=known.attributes,
        card=known.card,
        orders=known.orders,
        embeddings=vectors[usable].astype(np.float32),
        texts=texts,
        dropped=known.frame[~usable].assign(**{REASON: NO_SCORE if scores else NO_PREDICTION}),
    )


def _from_predictions(file: Path, column: pd.Series) -> tuple[np.ndarray, Texts, tuple[str, ...]]:
    """[N, C + 1] unit vectors, NaN without a prediction; the last axis is of the classes never predicted."""
    cleaned = clean_column(column)
    column = cleaned.column
    names = sorted(column.dropna().unique())
    if not names:
        raise UserError(f"{file}: the column {column.name!r} is empty", remedy="write the predicted classes")
    axes = np.eye(len(names) + 1)
    positions = column.map({name: i for i, name in enumerate(names)})
    vectors = np.full((len(column), len(names) + 1), np.nan)
    vectors[positions.notna()] = axes[positions.dropna().astype(int)]
    texts = Texts(
        rows={name: i for i, name in enumerate(names)}, vectors=axes.astype(np.float32), model=file.stem,
        unknown=len(names), content=_digest(positions.fillna(-1).to_numpy(np.int64)),
    )  # fmt: skip
    return vectors, texts, (ONE_HOT, *cleaned.notes(str(column.name)))


def _from_scores(file: Path, table: pd.DataFrame) -> tuple[np.ndarray, Texts, tuple[str, ...]]:
    """[N, C] logits of the scores, NaN where one is missing."""
    names = [clean_label(name.removeprefix(SCORE_PREFIX)) for name in map(str, table)]
    if repeated := next((name for i, name in enumerate(names) if not name or name in names[:i]), None):
        message = f"the scores of the class {repeated!r} are there twice"
        raise UserError(f"{file}: {message}", remedy="keep one column of scores a class")
    read = read_scores(file, table, stated=written_card(file).scores)
    texts = Texts(
        rows={name: i for i, name in enumerate(names)}, vectors=np.eye(len(names), dtype=np.float32),
        model=file.stem, scale=1.0, bias=read.bias, content=_digest(read.logits),
    )  # fmt: skip
    return read.logits, texts, read.notes


def _digest(values: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()
