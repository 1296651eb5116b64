"""Predictions instead of images: what any classifier said, without model or embeddings.

A prediction is the unit vector of its class, and a score is the class's coordinate, so that the engine that
scores embeddings counts them too. A file is read some rows at a time: scores go to a temporary file, and of
the labels one compact column each is kept. Shapes: N images, C classes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clipmodel.errors import UserError
from clipmodel.plurals import number_of
from probes.datasets.annotation_tables import SUFFIXES, first_of, is_folder
from probes.datasets.cards import unknown_card, written_card
from probes.datasets.dataset_kind import DatasetKind
from probes.datasets.demographic_dataset import REASON
from probes.datasets.formats.embeddings import Texts, described
from probes.datasets.formats.prediction_rows import PredictionRows, PredictionsDataset, read_prediction_rows
from probes.datasets.formats.scores import Fits, bias_of, logits_of, note_on
from probes.datasets.formats.spilled_rows import OneHotRows, SpilledRows
from probes.datasets.formats.table import PATH_COLUMNS
from probes.datasets.formats.table_batches import BATCH_ROWS, BLOCK_CHARACTERS, TableBatches
from probes.datasets.shards.table_shards import TableShards
from probes.embeddings.embedded_images import LazyRows
from probes.label_text import clean_column, clean_label

PREDICTION_COLUMNS = ("prediction", "predicted", "y_pred")
SCORE_PREFIX = "score_"
NO_PREDICTION, NO_SCORE = "no prediction", "no score for some class"
ONE_HOT = (
    "The file holds predictions without scores: nothing is known about other class designs or thresholds."
)


def load_predictions(
    file: Path, *, batch_rows: int = BATCH_ROWS, block_characters: int = BLOCK_CHARACTERS
) -> PredictionsDataset:
    """A table of predictions: the column prediction, or one column score_<class> a class; no model is needed.

    A folder is read as a table in parts (see `shards.part_files`), with the data set of the one file.
    The column of predictions may also be called predicted or y_pred. Every other column is an attribute, but
    for a path and a cluster, as in a table of images. Images without a prediction are dropped and counted.
    What the scores are (see `formats.scores`) is decided for the file as a whole, or stated in its card.

    Parameters
    ----------
    file
        The table, or the folder of its parts.
    batch_rows, block_characters
        What is held at a time (see `formats.table_batches.TableBatches`); the data set does not depend on it.

    Raises
    ------
    UserError
        The table cannot be read, has neither predictions nor scores, or a score is no number.
    """
    read = TableShards if is_folder(file) else TableBatches
    batches = read(file, batch_rows=batch_rows, block_characters=block_characters, as_numbers=_is_score)
    header = pd.DataFrame(columns=batches.columns)
    scores, said = [name for name in batches.columns if _is_score(name)], first_of(PREDICTION_COLUMNS, header)
    if not scores and not said:
        next(iter(batches))  # a table without rows is refused as such
        raise UserError(
            f"{file}: no prediction among: {', '.join(batches.columns)}",
            remedy=f"add {PREDICTION_COLUMNS[0]!r} or 'score_<class>'",
        )
    classes = _classes(file, scores)
    rows = read_prediction_rows(batches, scores=scores, path=first_of(PATH_COLUMNS, header))
    answers = rows.frame.pop(said) if said else None
    if scores:
        vectors, usable, texts, notes = _from_scores(file, rows, classes, answers)
    else:
        assert answers is not None
        vectors, usable, texts, notes = _from_predictions(file, answers)
    card = unknown_card(
        _name(file), f"Predictions in {file.absolute().name}", notes=notes,
        caution="Predictions from a file: the model, and how the labels came about, are not known.",
    )  # fmt: skip
    known = described(file, rows.frame, card=card, distinct=rows.distinct)
    return PredictionsDataset(
        known.frame if usable.all() else known.frame[usable],
        attributes=known.attributes,
        card=known.card,
        orders=known.orders,
        # 64 bits: a score that equals a threshold reaches it, whatever the softmax rounds.
        embeddings=vectors if usable.all() else vectors.take(np.flatnonzero(usable)),
        texts=texts,
        dropped=known.frame[~usable].assign(**{REASON: NO_SCORE if scores else NO_PREDICTION}),
        distinct=True,  # as `described` found
    )


def _name(file: Path) -> str:
    """What the data are called; "answers" for a folder "answers" and for "answers.parquet" of either kind."""
    own = file.absolute()  # the folder "." has no name of its own
    return own.stem if own.suffix.lower() in SUFFIXES else own.name


def _is_score(name: str) -> bool:
    return name.lower().startswith(SCORE_PREFIX)


def _classes(file: Path, scores: Sequence[str]) -> list[str]:
    """The classes that columns of scores are of; UserError if two are of one."""
    names = [clean_label(name[len(SCORE_PREFIX) :]) for name in scores]
    if repeated := next((name for i, name in enumerate(names) if not name or name in names[:i]), None):
        message = f"the scores of the class {repeated!r} are there twice"
        raise UserError(f"{file}: {message}", remedy="keep one column of scores a class")
    return names


Read = tuple[LazyRows, NDArray[np.bool_], Texts, tuple[str, ...]]  # vectors [N, C], usable [N], texts, notes


def _from_predictions(file: Path, column: pd.Series) -> Read:
    """Unit vectors [N, C + 1]; the last axis is of the classes never predicted."""
    cleaned = clean_column(column)
    column = cleaned.column
    codes, values = pd.factorize(column)
    if not len(values):
        raise UserError(f"{file}: the column {column.name!r} is empty", remedy="write the predicted classes")
    names = sorted(map(str, values))
    # The code -1 of a row without a prediction picks the last element.
    axes = np.array([*(names.index(str(value)) for value in values), -1], np.int64)[codes]
    texts = Texts(
        rows={name: i for i, name in enumerate(names)}, vectors=np.eye(len(names) + 1, dtype=np.float32),
        model=_name(file), unknown=len(names), content=hashlib.sha256(axes.tobytes()).hexdigest(),
    )  # fmt: skip
    notes = (ONE_HOT, *cleaned.notes(str(column.name)))
    return OneHotRows(axes.astype(np.int32), len(names) + 1), axes >= 0, texts, notes


def _from_scores(file: Path, rows: PredictionRows, classes: list[str], answers: pd.Series | None) -> Read:
    """Logits [N, C] of the scores; an image without one of them is not usable."""
    assert rows.spill is not None
    raw = SpilledRows(rows.spill, lambda block: block, rows.places)
    stated, fits = written_card(file).scores, Fits()
    for part in _parts(len(raw)):
        fits.add(raw[part], rows.frame.index[part])
    kind = fits.kind(file, stated)
    logits = SpilledRows(rows.spill, lambda block: logits_of(block, kind)[0], rows.places)
    digest, usable, n_clipped, n_ties = hashlib.sha256(), np.zeros(len(raw), bool), 0, 0
    best = np.zeros(len(raw), np.int32)
    for part in _parts(len(raw)):
        block, clipped = logits_of(raw[part], kind)
        digest.update(np.ascontiguousarray(block).tobytes())
        usable[part] = complete = np.isfinite(block).all(axis=1)
        n_clipped += clipped
        # Exact equality: the scores are those of the file, and no arithmetic has touched them.
        n_ties += int(((block == block.max(axis=1, keepdims=True)).sum(axis=1) > 1)[complete].sum())
        best[part] = np.argmax(block, axis=1)
    texts = Texts(
        rows={name: i for i, name in enumerate(classes)}, vectors=np.eye(len(classes), dtype=np.float32),
        model=_name(file), scale=1.0, bias=bias_of(kind), content=digest.hexdigest(),
    )  # fmt: skip
    notes = [note_on(kind, stated)]
    if n_clipped:
        notes.append(f"{n_clipped:,} scores outside the range by rounding were clipped.")
    notes += [_ties(n_ties)] if n_ties else []
    notes += [] if answers is None else [_unread(answers, np.array(classes, object)[best], usable)]
    return logits, usable, texts, tuple(notes)


def _parts(n: int) -> list[slice]:
    return [slice(start, start + BATCH_ROWS) for start in range(0, n, BATCH_ROWS)]


def _ties(n: int) -> str:
    """A note on images whose highest score two classes have: the alphabet decides there."""
    return (
        f"In {number_of(n, 'image')} several classes share the highest score: the one whose name sorts "
        "first is predicted."
    )


def _unread(column: pd.Series, best: np.ndarray, usable: np.ndarray) -> str:
    """A note on predictions beside scores, which decide; and how often the two disagree."""
    complete = usable & column.notna().to_numpy()
    n = int((clean_column(column).column[complete].to_numpy() != best[complete]).sum())
    differs = f"; in {number_of(n, 'image')} another class has the highest score" if n else ""
    return f"The column {str(column.name)!r} is not read: the scores decide{differs}."


KINDS = (
    DatasetKind(
        name="predictions",
        load=load_predictions,
        title="a table with predictions, or scores by class; or a folder of its parts",
    ),
)
