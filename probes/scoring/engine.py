"""The scoring engine: stored embeddings in, counts out, one pass for every class design and threshold.

Shapes: N images, D embedding, U class embeddings of all specifications, C classes of one, S sets of one, E
events of one (its sets, and "misclassified" where it has a truth), G cells, T thresholds, K points of the
curve. Inside, matrices are [C, N]: a reduction over the few classes then runs along contiguous images.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property, reduce
from operator import add
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from probes.scoring.assignment_rules import (
    ARGMAX,
    CALIBRATED,
    COSINE,
    PROBABILITY,
    TOP_K,
    Buckets,
    Cuts,
    argmax_levels,
    calibrated_levels,
    first_greatest,
    top_k_levels,
)
from probes.scoring.cluster_levels import LevelLog
from probes.scoring.count_accumulator import Counts, Tally
from probes.scoring.outcome_patterns import OutcomeLog

CHUNK_IMAGES = 4096
SHIFT = 0.25  # cosine at which an exponent is 1: the same for all designs, so that they share exponents
FAINTEST = 1e-25  # a design whose greatest exponent is below has lost digits and is done again on its own


class Rows(Protocol):
    """Embeddings that are read a slice at a time: an array, or what lies in a store."""

    def __len__(self) -> int: ...

    def __getitem__(self, part: slice, /) -> np.ndarray: ...


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
    right
        [G, C] bool: the classes that are right for the images of a cell. None: the question has no truth.
    cuts
        [T, C] for the rule "calibrated": the cosine that a class must reach, ascending along T.
    """

    key: tuple[str, ...]
    classes: tuple[str, ...]
    columns: np.ndarray
    sets: Mapping[str, Sequence[str]]
    right: np.ndarray | None = None
    cuts: np.ndarray | None = None

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

    def shared(self, cosines: Tensor) -> Tensor:
        """[U, N] cosines -> [U, N] what designs share: probabilities of a sigmoid, exponents of a softmax."""
        if self.bias is not None:
            return torch.sigmoid(self.scale * cosines + self.bias)
        return torch.exp(self.scale * (cosines - SHIFT))

    def probabilities(self, cosines: np.ndarray) -> np.ndarray:
        """[C, N] cosine similarities -> [C, N] float32 probabilities."""
        whole = torch.from_numpy(np.ascontiguousarray(cosines, np.float32))
        return self.of_design(whole, self.shared(whole)).numpy()

    def of_design(self, cosines: Tensor, shared: Tensor) -> Tensor:
        """[C, N] cosines of one design and its rows of `shared` -> [C, N] probabilities."""
        if self.bias is not None:
            return shared
        total = shared.sum(0)
        probabilities = shared / total
        lost = ~((shared.amax(0) > FAINTEST) & torch.isfinite(total))
        if lost.any():
            probabilities[:, lost] = torch.softmax(self.scale * cosines[:, lost], 0)
        return probabilities


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is counted for every specification of a probe.

    Attributes
    ----------
    rules
        The rules and their thresholds.
    curve
        [K] ascending probabilities: the events are counted at each of them too.
    outcomes
        Outcome -> the event that it is, "misclassified" or a set; what pairs and levels are kept for.
    """

    rules: Sequence[Cuts] = (Cuts.of(ARGMAX),)
    curve: np.ndarray = field(default_factory=lambda: np.zeros(0))
    outcomes: Mapping[str, str] = field(default_factory=dict)


def score(
    images: Rows,
    class_embeddings: np.ndarray,
    specifications: Sequence[Specification],
    *,
    cells: np.ndarray,
    n_cells: int,
    head: Head,
    question: Question,
    log: OutcomeLog | None = None,
    levels: LevelLog | None = None,
    chunk: int = CHUNK_IMAGES,
    device: str | torch.device = "cpu",
) -> list[Counts]:
    """Count, by cell and for every specification, predictions and who reaches which threshold.

    Parameters
    ----------
    images
        [N, D] unit-norm embeddings; read a chunk at a time.
    class_embeddings
        [U, D] unit-norm embeddings; specifications share them.
    specifications
        What to ask. The first is the baseline that every other one is paired with.
    cells
        [N] the cell of each image, 0 ... G-1.
    n_cells
        G.
    head
        How similarities become probabilities.
    question
        The rules, the curve and the outcomes.
    log, levels
        Are told what happened to each image, and its level, where that is to be kept.
    chunk
        Images held at a time; memory grows with it and not with N.
    device
        Where the arithmetic runs.

    Returns
    -------
    One `Counts` a specification, in their order.
    """
    work = _Work(
        images=images,
        classes=torch.from_numpy(np.ascontiguousarray(class_embeddings, np.float32)).to(device),
        specifications=specifications,
        cells=cells,
        n_cells=n_cells,
        head=head,
        question=question,
        log=log,
        levels=levels,
        chunk=chunk,
    )
    return work.in_threads()


@contextmanager
def _one_thread_each() -> Iterator[int]:
    """How many threads torch may use, while every one works alone on chunks of its own.

    Split between threads, operations this small wait for each other; on a busy machine for minutes.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield before
    finally:
        torch.set_num_threads(before)


@dataclass(frozen=True, kw_only=True)
class _Work:
    """What threads need to count a share of the chunks each."""

    images: Rows
    classes: Tensor
    specifications: Sequence[Specification]
    cells: np.ndarray
    n_cells: int
    head: Head
    question: Question
    log: OutcomeLog | None
    levels: LevelLog | None
    chunk: int

    @cached_property
    def columns(self) -> list[Tensor]:
        """The rows of `classes` of each specification."""
        return [torch.from_numpy(spec.columns).to(self.classes.device) for spec in self.specifications]

    def in_threads(self) -> list[Counts]:
        """The counts of all chunks, one a specification; on a CPU, by as many threads as torch may use."""
        with _one_thread_each() as n_threads:
            starts = np.arange(0, len(self.images), self.chunk)
            most = n_threads if self.classes.device.type == "cpu" else 1
            shares = np.array_split(starts, max(1, min(most, len(starts))))
            with ThreadPoolExecutor(len(shares)) as pool:
                parts = list(pool.map(self.count, shares))
        return [reduce(add, of_one) for of_one in zip(*parts, strict=True)]

    def count(self, starts: np.ndarray) -> list[Counts]:
        """The counts of the chunks that begin at `starts`, one a specification."""
        where = self.classes.device
        tallies = [
            Tally(
                classes=spec.classes, sets={name: spec.members(name) for name in spec.sets},
                right=spec.right, rules=self.question.rules, curve=self.question.curve,
                outcomes=self.question.outcomes, n_cells=self.n_cells, device=where,
            )
            for spec in self.specifications
        ]  # fmt: skip
        buckets = {
            cuts.rule: Buckets(cuts.thresholds, where)
            for cuts in self.question.rules
            if cuts.rule in (PROBABILITY, COSINE)
        }
        for start in starts.tolist():
            self._add(slice(start, start + self.chunk), tallies, buckets)
        return [tally.counts() for tally in tallies]

    def _add(self, part: slice, tallies: Sequence[Tally], buckets: Mapping[str, Buckets]) -> None:
        where = self.classes.device
        cosines = self.classes @ torch.from_numpy(np.ascontiguousarray(self.images[part])).to(where).T
        shared = self.head.shared(cosines)
        cells = torch.from_numpy(self.cells[part]).to(where)
        baseline = None
        asked = zip(self.specifications, self.columns, tallies, strict=True)
        for place, (spec, columns, tally) in enumerate(asked):
            chosen = cosines.index_select(0, columns)
            probabilities = self.head.of_design(chosen, shared.index_select(0, columns))
            levels = {
                cuts.rule: _levels(cuts, chosen, probabilities, spec, buckets.get(cuts.rule))
                for cuts in self.question.rules
            }
            answers = tally.add(levels, probabilities, cells, baseline=baseline)
            baseline = answers.happened if baseline is None else baseline
            # Threads have chunks of their own, so they write to rows of their own.
            if self.log is not None:
                self.log.add(place, part.start, _arrays(answers.happened))
            if self.levels is not None:
                self.levels.add(place, part.start, _arrays(answers.levels))


def _arrays(tensors: Mapping[str, Tensor]) -> dict[str, np.ndarray]:
    return {name: tensor.cpu().numpy() for name, tensor in tensors.items()}


def _levels(
    cuts: Cuts, cosines: Tensor, probabilities: Tensor, spec: Specification, buckets: Buckets | None
) -> Tensor:
    """[C, N] how many thresholds of a rule each class reaches."""
    if cuts.rule == ARGMAX:
        # Of the similarities, not the probabilities: those of a confident model round to 1 and tie.
        return argmax_levels(first_greatest(cosines), len(cosines))
    if cuts.rule == TOP_K:
        return top_k_levels(cosines, cuts.thresholds)
    if cuts.rule == CALIBRATED:
        assert spec.cuts is not None
        own = torch.from_numpy(spec.cuts.astype(np.float32)).to(cosines.device)
        return calibrated_levels(cosines, own)
    assert buckets is not None
    return buckets(cosines if cuts.rule == COSINE else probabilities)


def score_images(
    images: Rows,
    class_embeddings: np.ndarray,
    spec: Specification,
    *,
    head: Head,
    chunk: int = CHUNK_IMAGES,
) -> Iterator[ImageScores]:
    """Per-image results of one specification, a chunk at a time; arguments as for `score`."""
    classes = torch.from_numpy(np.ascontiguousarray(class_embeddings[spec.columns], np.float32))
    for start in range(0, len(images), chunk):
        cosines = classes @ torch.from_numpy(np.ascontiguousarray(images[start : start + chunk])).T
        probabilities = head.of_design(cosines, head.shared(cosines))
        prediction = first_greatest(cosines)
        none = torch.full((cosines.shape[1],), -1.0)
        best = [probabilities[spec.members(name)].amax(0) if spec.sets[name] else none for name in spec.sets]
        yield ImageScores(
            prediction=prediction.numpy(),
            probability=probabilities.gather(0, prediction[None])[0].numpy(),
            sets=torch.stack(best).numpy() if best else np.zeros((0, len(prediction)), np.float32),
        )
