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
from clipmodel.plurals import number_of
from probes.datasets.annotation_tables import first_of, read_table, without_repeated_rows
from probes.datasets.cards import unknown_card, written_card
from probes.datasets.dataset_kind import DatasetKind
from probes.datasets.demographic_dataset import REASON
from probes.datasets.formats.embeddings import EmbeddedDataset, Texts, described
from probes.datasets.formats.scores import read_scores
from probes.datasets.formats.table import PATH_COLUMNS
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
    if path := first_of(PATH_COLUMNS, table):
        table = without_repeated_rows(table, path, file=file)
    scores = [name for name in map(str, table) if name.lower().startswith(SCORE_PREFIX)]
    said = first_of(PREDICTION_COLUMNS, table)
    if not scores and not said:
        found = ", ".join(map(str, table))
        raise UserError(
            f"{file}: no prediction among: {found}",
            remedy=f"add {PREDICTION_COLUMNS[0]!r} or 'score_<class>'",
        )
    if scores:
        vectors, texts, notes = _from_scores(file, table[scores])
        notes += _unread(table[said], vectors, texts) if said else ()
    else:
        vectors, texts, notes = _from_predictions(file, table[said])
    usable = np.isfinite(vectors).all(axis=1)
    card = unknown_card(
        file.stem, f"Predictions in {file.name}", notes=notes,
        caution="Predictions from a file: the model, and how the labels came about, are not known.",
    )  # fmt: skip
    known = described(file, table.drop(columns=[*scores, *([said] if said else [])]), card=card)
    return EmbeddedDataset(
        known.frame[usable],
        attributes=known.attributes,
        card=known.card,
        orders=known.orders,
        # 64 bits: a score that equals a threshold reaches it, whatever the softmax rounds.
        embeddings=vectors[usable],
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
    names = [clean_label(name[len(SCORE_PREFIX) :]) for name in map(str, table)]
    if repeated := next((name for i, name in enumerate(names) if not name or name in names[:i]), None):
        message = f"the scores of the class {repeated!r} are there twice"
        raise UserError(f"{file}: {message}", remedy="keep one column of scores a class")
    read = read_scores(file, table, stated=written_card(file).scores)
    texts = Texts(
        rows={name: i for i, name in enumerate(names)}, vectors=np.eye(len(names), dtype=np.float32),
        model=file.stem, scale=1.0, bias=read.bias, content=_digest(read.logits),
    )  # fmt: skip
    return read.logits, texts, (*read.notes, *_ties(read.logits))


def _ties(logits: np.ndarray) -> tuple[str, ...]:
    """A note on images whose highest score two classes have: the alphabet decides there."""
    complete = logits[np.isfinite(logits).all(axis=1)]
    # Exact equality: the scores are those of the file, and no arithmetic has touched them.
    n = int(((complete == complete.max(axis=1, keepdims=True)).sum(axis=1) > 1).sum()) if len(complete) else 0
    if not n:
        return ()
    return (
        f"In {number_of(n, 'image')} several classes share the highest score: the one whose name sorts "
        "first is predicted.",
    )


def _unread(column: pd.Series, logits: np.ndarray, texts: Texts) -> tuple[str, ...]:
    """A note on predictions beside scores, which decide; and how often the two disagree."""
    complete = np.isfinite(logits).all(axis=1) & column.notna().to_numpy()
    best = np.array(list(texts.rows), dtype=object)[np.argmax(logits[complete], axis=1)]
    n = int((clean_column(column).column[complete].to_numpy() != best).sum())
    differs = f"; in {number_of(n, 'image')} another class has the highest score" if n else ""
    return (f"The column {str(column.name)!r} is not read: the scores decide{differs}.",)


def _digest(values: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()


KINDS = (
    DatasetKind(
        name="predictions", load=load_predictions, title="a table with predictions, or scores by class"
    ),
)
