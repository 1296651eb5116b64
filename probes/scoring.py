"""The scoring engine: stored embeddings in, counts out, one pass for every class design and threshold.

Shapes: N images, D embedding, U class embeddings of all specifications, C classes of one, S sets of one,
G cells, T thresholds, K points of the curve. Inside, matrices are [C, N]: a reduction over the few classes
then runs along contiguous images.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

CHUNK_IMAGES = 4096


@dataclass(frozen=True, kw_only=True)
class Specification:
    """One way to ask: the classes of one design under one template.

    Attributes
    ----------
    key
        What the caller calls it.
    classes
        [C] class names, sorted. Sorting makes every result independent of the order in a label set: sums run
        in one order, and a tie goes to the name that sorts first.
    columns
        [C] the row of each class in the matrix of class embeddings.
    sets
        Events: name -> names of the classes in it.
    """

    key: tuple[str, ...]
    classes: tuple[str, ...]
    columns: np.ndarray
    sets: Mapping[str, Sequence[str]]

    def __post_init__(self) -> None:
        if list(self.classes) != sorted(set(self.classes)):
            raise ValueError(f"{self.key}: classes must be sorted and unique")
        for name, members in self.sets.items():
            if unknown := sorted(set(members) - set(self.classes)):
                raise ValueError(f"{self.key}: the set {name!r} holds the unknown classes {unknown}")

    def members(self, name: str) -> list[int]:
        """Positions of a set's classes."""
        return [self.classes.index(member) for member in sorted(self.sets[name])]


@dataclass(frozen=True, kw_only=True)
class ImageScores:
    """Per-image results of one specification.

    Attributes
    ----------
    prediction
        [N] position of the predicted class.
    probability
        [N] its probability.
    sets
        [S, N] the greatest probability in each set; -1, which reaches no threshold, for one without classes.
    """

    prediction: np.ndarray
    probability: np.ndarray
    sets: np.ndarray


@dataclass(frozen=True, kw_only=True)
class Counts:
    """Results of one specification, added up by cell.

    Attributes
    ----------
    predictions
        [G, C] images whose prediction is the class.
    class_hits
        [T, G, C] images whose probability of the class reaches the threshold.
    set_hits
        [T, G, S] images with at least one class of the set that reaches it.
    curve
        [K, G, S] the same for the points of the curve.
    """

    predictions: np.ndarray
    class_hits: np.ndarray
    set_hits: np.ndarray
    curve: np.ndarray

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            predictions=self.predictions + other.predictions,
            class_hits=self.class_hits + other.class_hits,
            set_hits=self.set_hits + other.set_hits,
            curve=self.curve + other.curve,
        )


@dataclass(frozen=True, kw_only=True)
class Head:
    """How cosine similarities become probabilities.

    Attributes
    ----------
    scale
        The multiplier on cosine similarities.
    bias
        None: softmax over the classes. Otherwise the model was trained with a sigmoid loss: each class has
        the probability sigmoid(scale * cosine + bias) of its own.
    """

    scale: float
    bias: float | None = None

    def probabilities(self, cosines: np.ndarray) -> np.ndarray:
        """[C, N] cosine similarities -> [C, N] float32 probabilities."""
        logits = np.float32(self.scale) * cosines
        if self.bias is not None:
            # sigmoid(x) = (1 + tanh(x/2)) / 2, which cannot overflow.
            return (1 + np.tanh((logits + np.float32(self.bias)) / 2)) / 2
        logits -= logits.max(axis=0)
        np.exp(logits, out=logits)
        logits /= logits.sum(axis=0)
        return logits


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """Where the rule "probability" cuts: a few named thresholds, and the points of the curve."""

    named: np.ndarray = field(default_factory=lambda: np.zeros(0))
    curve: np.ndarray = field(default_factory=lambda: np.zeros(0))


def score(
    images: np.ndarray,
    class_embeddings: np.ndarray,
    specifications: Sequence[Specification],
    *,
    cells: np.ndarray,
    n_cells: int,
    head: Head,
    thresholds: Thresholds,
    chunk: int = CHUNK_IMAGES,
) -> list[Counts]:
    """Count predictions and threshold crossings by cell, for every specification.

    Parameters
    ----------
    images
        [N, D] unit-norm embeddings.
    class_embeddings
        [U, D] unit-norm embeddings; specifications share them.
    specifications
        What to ask.
    cells
        [N] the cell of each image, 0 ... G-1.
    n_cells
        G.
    head
        How similarities become probabilities.
    thresholds
        Ascending; an image counts where p >= t.
    chunk
        Images held at a time; memory grows with it.

    Returns
    -------
    One `Counts` a specification, in their order.
    """
    totals = [_nothing(spec, n_cells, thresholds) for spec in specifications]
    for start in range(0, len(images), chunk):
        part = slice(start, start + chunk)
        cosines = class_embeddings @ images[part].T
        for i, spec in enumerate(specifications):
            probabilities, scores = _score_one(cosines, spec, head)
            totals[i] += _count(probabilities, scores, cells[part], n_cells, thresholds)
    return totals


def score_images(
    images: np.ndarray,
    class_embeddings: np.ndarray,
    spec: Specification,
    *,
    head: Head,
    chunk: int = CHUNK_IMAGES,
) -> Iterator[ImageScores]:
    """Per-image results of one specification, a chunk at a time; arguments as for `score`."""
    for start in range(0, len(images), chunk):
        yield _score_one(class_embeddings @ images[start : start + chunk].T, spec, head)[1]


def _score_one(cosines: np.ndarray, spec: Specification, head: Head) -> tuple[np.ndarray, ImageScores]:
    chosen = cosines[spec.columns]
    # Of the similarities, not the probabilities: those of a confident model round to 1 and tie.
    prediction = chosen.argmax(axis=0)
    probabilities = head.probabilities(chosen)
    best = [probabilities[spec.members(name)].max(axis=0, initial=-1) for name in spec.sets]
    scores = ImageScores(
        prediction=prediction,
        probability=np.take_along_axis(probabilities, prediction[None], axis=0)[0],
        sets=np.stack(best) if best else np.zeros((0, len(prediction)), np.float32),
    )
    return probabilities, scores


def _count(
    probabilities: np.ndarray, scores: ImageScores, cells: np.ndarray, n_cells: int, thresholds: Thresholds
) -> Counts:
    n_classes = len(probabilities)
    pairs = np.bincount(cells * n_classes + scores.prediction, minlength=n_cells * n_classes)
    return Counts(
        predictions=pairs.reshape(n_cells, n_classes),
        class_hits=_hits(probabilities, cells, n_cells, thresholds.named),
        set_hits=_hits(scores.sets, cells, n_cells, thresholds.named),
        curve=_hits(scores.sets, cells, n_cells, thresholds.curve),
    )


def _hits(values: np.ndarray, cells: np.ndarray, n_cells: int, thresholds: np.ndarray) -> np.ndarray:
    """[T, G, R] how many of each cell's images reach each threshold, for R rows of values [R, N].

    A histogram over the thresholds, added up from the top: one look at each value for all thresholds.
    """
    n_levels = len(thresholds) + 1
    hits = np.zeros((len(thresholds), n_cells, len(values)), np.int64)
    if not len(thresholds):
        return hits
    for row, row_values in enumerate(values):
        reached = np.searchsorted(thresholds, row_values, side="right")  # number of thresholds <= value
        histogram = np.bincount(cells * n_levels + reached, minlength=n_cells * n_levels)
        at_least = histogram.reshape(n_cells, n_levels)[:, ::-1].cumsum(axis=1)[:, ::-1]
        hits[:, :, row] = at_least[:, 1:].T
    return hits


def _nothing(spec: Specification, n_cells: int, thresholds: Thresholds) -> Counts:
    n_classes, n_sets = len(spec.classes), len(spec.sets)
    n_named, n_curve = len(thresholds.named), len(thresholds.curve)
    return Counts(
        predictions=np.zeros((n_cells, n_classes), np.int64),
        class_hits=np.zeros((n_named, n_cells, n_classes), np.int64),
        set_hits=np.zeros((n_named, n_cells, n_sets), np.int64),
        curve=np.zeros((n_curve, n_cells, n_sets), np.int64),
    )


def ensemble(embeddings: Sequence[np.ndarray]) -> np.ndarray:
    """One embedding [D] of several unit-norm ones [D]: their mean, renormalised (CLIP paper, 3.1.4).

    One alone is taken as it is.
    """
    if len(embeddings) == 1:
        return np.asarray(embeddings[0], np.float32)
    mean = np.mean(embeddings, axis=0)
    return (mean / np.linalg.norm(mean)).astype(np.float32)
