"""The scoring engine: stored embeddings in, counts out, one pass for every class design and threshold.

Shapes: N images, D embedding, U class embeddings of all configurations, C classes of one, S sets of one, E
events of one (its sets, and "misclassified" where it has a truth), G cells, T thresholds, K points of the
curve. Inside, matrices are [C, N]: a reduction over the few classes then runs along contiguous images.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cached_property, reduce
from operator import add
from typing import Protocol

import numpy as np

from probes.rules.assignment_rule import Scores
from probes.rules.rule_registry import PREDICTION
from probes.scoring.array_library import (
    Array,
    as_float32,
    as_int64,
    as_numpy,
    cpu_threads,
    library_of,
    on_device,
    one_blas_thread,
    take,
)
from probes.scoring.count_accumulator import CountAccumulator, Counts
from probes.scoring.outcome_bits import OutcomeBits
from probes.scoring.threshold_lookup import Lookups, RuleThresholds
from probes.scoring.threshold_ranks import RankLog

CHUNK_IMAGES = 4096
SHIFT = 0.25  # cosine at which an exponent is 1: the same for all designs, so that they share exponents
# Where the greatest exponent is above, one that float32 rounds to 0 (1e-38) is less than 1e-13 of the sum.
FAINTEST = 1e-25  # a design whose greatest exponent is below has lost digits and is done again on its own


class Rows(Protocol):
    """Embeddings that are read a slice at a time: an array, or what lies in a store."""

    def __len__(self) -> int: ...

    def __getitem__(self, part: slice, /) -> np.ndarray: ...


@dataclass(frozen=True, kw_only=True)
class PromptConfiguration:
    """The classes of one design under one template: a specification without its rule and threshold.

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
    class_thresholds
        Rule -> [T, C] the cosine that each class must reach, ascending along T, for rules that have such.
    """

    key: tuple[str, ...]
    classes: tuple[str, ...]
    columns: np.ndarray
    sets: Mapping[str, Sequence[str]]
    right: np.ndarray | None = None
    class_thresholds: Mapping[str, np.ndarray] = field(default_factory=dict)

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
    """Per-image results of one prompt configuration.

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

    def shared(self, cosines: Array) -> Array:
        """[U, N] cosines -> [U, N] what designs share: probabilities of a sigmoid, exponents of a softmax."""
        xp = library_of(cosines)
        with np.errstate(over="ignore"):  # to infinity, of which the reciprocal is 0
            if self.bias is not None:
                return 1 / (1 + xp.exp(-(self.scale * cosines + self.bias)))
            return xp.exp(self.scale * (cosines - SHIFT))

    def probabilities(self, cosines: np.ndarray) -> np.ndarray:
        """[C, N] cosine similarities, of 64 bits or other ones -> [C, N] float32 probabilities."""
        whole = cosines if cosines.dtype == np.float64 else np.ascontiguousarray(cosines, np.float32)
        return np.asarray(as_float32(self.of_design(whole, self.shared(whole))))

    def of_design(self, cosines: Array, shared: Array) -> Array:
        """[C, N] cosines of one design and its rows of `shared` -> [C, N] probabilities."""
        if self.bias is not None:
            return shared
        xp = library_of(cosines)
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            total = shared.sum(0)
            # The shift by SHIFT cancels in the ratio. It stands in for the usual shift by each image's own
            # maximum, which would differ between designs and forbid sharing.
            probabilities = shared / total
        # With a scale of 100 this is an image without any cosine above -0.33; a much larger scale overflows.
        # Those are computed again, shifted by their own maximum.
        lost = ~((xp.amax(shared, 0) > FAINTEST) & xp.isfinite(total))
        if lost.any():
            logits = self.scale * cosines[:, lost]
            exponents = xp.exp(logits - xp.amax(logits, 0))
            probabilities[:, lost] = exponents / exponents.sum(0)
        return probabilities


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is counted for every prompt configuration of a probe.

    Attributes
    ----------
    rules
        The rules and their thresholds.
    curve
        [K] ascending probabilities: the events are counted at each of them too.
    outcomes
        Outcome -> the event that it is, "misclassified" or a set; pairs and threshold ranks are kept for it.
    """

    rules: Sequence[RuleThresholds] = (RuleThresholds.of(PREDICTION.name),)
    curve: np.ndarray = field(default_factory=lambda: np.zeros(0))
    outcomes: Mapping[str, str] = field(default_factory=dict)


class Scorer(Protocol):
    """`score`, or what counts the same by other means; its arguments are explained there."""

    def __call__(
        self,
        images: Rows,
        class_embeddings: np.ndarray,
        configurations: Sequence[PromptConfiguration],
        *,
        cells: np.ndarray,
        n_cells: int,
        head: Head,
        question: Question,
        log: OutcomeBits | None = None,
        ranks: RankLog | None = None,
        device: str = "cpu",
    ) -> list[Counts]: ...


def score(
    images: Rows,
    class_embeddings: np.ndarray,
    configurations: Sequence[PromptConfiguration],
    *,
    cells: np.ndarray,
    n_cells: int,
    head: Head,
    question: Question,
    log: OutcomeBits | None = None,
    ranks: RankLog | None = None,
    chunk: int = CHUNK_IMAGES,
    device: str = "cpu",
) -> list[Counts]:
    """Count, by cell and for every specification, predictions and who reaches which threshold.

    Parameters
    ----------
    images
        [N, D] unit-norm embeddings; read a chunk at a time. Of 64 bits if they are scores of a file.
    class_embeddings
        [U, D] unit-norm embeddings; configurations share them.
    configurations
        What to ask. The first is the baseline that every other one is paired with.
    cells
        [N] the cell of each image, 0 ... G-1.
    n_cells
        G.
    head
        How similarities become probabilities.
    question
        The rules, the curve and the outcomes.
    log, ranks
        Record what happened to each image, and its threshold ranks; None: not kept.
    chunk
        Images held at a time; memory grows with it and not with N.
    device
        Where the arithmetic runs.

    Returns
    -------
    One `Counts` for each prompt configuration, in their order.
    """
    work = _Work(
        images=images,
        classes=np.ascontiguousarray(class_embeddings, np.float32),
        device=device,
        configurations=configurations,
        cells=cells,
        n_cells=n_cells,
        head=head,
        question=question,
        log=log,
        ranks=ranks,
        chunk=chunk,
    )
    return work.in_threads()


@dataclass(frozen=True, kw_only=True)
class _Work:
    """What threads need to count a share of the chunks each."""

    images: Rows
    classes: np.ndarray
    device: str
    configurations: Sequence[PromptConfiguration]
    cells: np.ndarray
    n_cells: int
    head: Head
    question: Question
    log: OutcomeBits | None
    ranks: RankLog | None
    chunk: int

    def in_threads(self) -> list[Counts]:
        """The counts of all chunks, one a specification; on a CPU, by as many threads as may compute."""
        starts = np.arange(0, len(self.images), self.chunk)
        # A GPU computes one chunk at a time anyway; threads would only hold several chunks in its memory.
        most = cpu_threads() if self.device == "cpu" else 1
        shares = np.array_split(starts, max(1, min(most, len(starts))))
        with one_blas_thread(), ThreadPoolExecutor(len(shares)) as pool:
            parts = list(pool.map(self.count, shares))
        # Counts are whole numbers, so the sum does not depend on which thread had which chunk.
        return [reduce(add, of_one) for of_one in zip(*parts, strict=True)]

    def count(self, starts: np.ndarray) -> list[Counts]:
        """The counts of the chunks that begin at `starts`, one a specification."""
        accumulators = [
            CountAccumulator(
                classes=configuration.classes,
                sets={name: configuration.members(name) for name in configuration.sets},
                right=configuration.right, rules=self.question.rules, curve=self.question.curve,
                outcomes=self.question.outcomes, n_cells=self.n_cells, device=self.device,
            )
            for configuration in self.configurations
        ]  # fmt: skip
        lookups = Lookups(self.device)
        classes = on_device(self.classes, self.device)
        columns = [on_device(configuration.columns, self.device) for configuration in self.configurations]
        for start in starts.tolist():
            self._add(slice(start, start + self.chunk), classes, columns, accumulators, lookups)
        return [accumulator.counts() for accumulator in accumulators]

    def _add(
        self,
        part: slice,
        classes: Array,
        columns: Sequence[Array],
        accumulators: Sequence[CountAccumulator],
        lookups: Lookups,
    ) -> None:
        # One product for the classes of all configurations: designs share most of their classes, so this is
        # cheaper than a product each.
        cosines = classes @ on_device(np.ascontiguousarray(self.images[part]), self.device).T
        shared = self.head.shared(cosines)
        cells = on_device(self.cells[part], self.device)
        baseline = None
        asked = zip(self.configurations, columns, accumulators, strict=True)
        for place, (configuration, own, accumulator) in enumerate(asked):
            chosen = take(cosines, own)
            # Scores of a file have 64 bits up to here, so that both sides of a comparison with a threshold
            # are the same decimal number, rounded once.
            probabilities = as_float32(self.head.of_design(chosen, take(shared, own)))
            scores = _Scored(as_float32(chosen), probabilities, lookups, self.device)
            ranks = {rule.name: scores.ranks(rule, configuration) for rule in self.question.rules}
            answers = accumulator.add(ranks, probabilities, cells, baseline=baseline)
            # The first configuration is what every other one is paired with, image by image.
            baseline = answers.happened if baseline is None else baseline
            # Threads have chunks of their own, so they write to rows of their own.
            if self.log is not None:
                self.log.add(place, part.start, _arrays(answers.happened))
            if self.ranks is not None:
                self.ranks.add(place, part.start, _arrays(answers.ranks))


def _arrays(values: Mapping[str, Array]) -> dict[str, np.ndarray]:
    return {name: as_numpy(each) for name, each in values.items()}


@dataclass(frozen=True)
class _Scored:
    """The [C, N] scores of a chunk under one prompt configuration, as rules take them."""

    cosines: Array
    probabilities: Array
    lookups: Lookups
    device: str

    @cached_property
    def shared(self) -> Scores:
        """What all rules see."""
        return Scores(
            cosines=self.cosines,
            probabilities=self.probabilities,
            predicted=first_greatest(self.cosines),
            positions=library_of(self.cosines).arange(len(self.cosines), device=self.cosines.device)[:, None],
            class_thresholds=None,
            count_reached=self.lookups,
        )

    def ranks(self, rule: RuleThresholds, asked: PromptConfiguration) -> Array:
        """[C, N] how many thresholds of a rule each class reaches."""
        scores = self.shared
        if rule.per_class:
            own = asked.class_thresholds[rule.name].astype(np.float32)
            scores = replace(scores, class_thresholds=on_device(own, self.device))
        return rule.record.ranks(scores, rule.thresholds)


def first_greatest(values: Array) -> Array:
    """[C, N] -> [N] the position of the greatest of each column; of several, the first."""
    if isinstance(values, np.ndarray):
        # NumPy's argmax goes down the columns, which takes two to four times as long. From the last to the
        # first, so that the first of several stays.
        greatest, found = values.max(axis=0), np.zeros(values.shape[1], np.int64)
        for position in reversed(range(len(values))):
            np.copyto(found, position, where=values[position] == greatest)
        return found
    # argmax of torch promises no order among equal values, and devices differ; the smallest position among
    # the greatest is the same everywhere. int16 halves the memory of the intermediate.
    xp = library_of(values)
    positions = xp.arange(len(values), dtype=xp.int16, device=values.device)[:, None]
    none = xp.full((1, 1), len(values), dtype=xp.int16, device=values.device)
    return as_int64(xp.amin(xp.where(values == xp.amax(values, 0), positions, none), 0))


def score_images(
    images: Rows,
    class_embeddings: np.ndarray,
    configuration: PromptConfiguration,
    *,
    head: Head,
    chunk: int = CHUNK_IMAGES,
) -> Iterator[ImageScores]:
    """Per-image results of one prompt configuration, a chunk at a time; arguments as for `score`."""
    classes = np.ascontiguousarray(class_embeddings[configuration.columns], np.float32)
    for start in range(0, len(images), chunk):
        cosines = classes @ np.ascontiguousarray(images[start : start + chunk]).T
        probabilities = as_float32(head.of_design(cosines, head.shared(cosines)))
        prediction = first_greatest(cosines)
        none = np.full(cosines.shape[1], -1.0, np.float32)
        best = [
            probabilities[configuration.members(name)].max(axis=0) if configuration.sets[name] else none
            for name in configuration.sets
        ]
        yield ImageScores(
            prediction=prediction,
            probability=np.take_along_axis(probabilities, prediction[None], axis=0)[0],
            sets=np.stack(best) if best else np.zeros((0, len(prediction)), np.float32),
        )
