"""The scoring engine: stored embeddings in, counts out, one pass for every class design and threshold.

Shapes: N images, D embedding, U class embeddings of all configurations, C classes of one, S sets of one, E
events of one (its sets, and "misclassified" where it has a truth), G cells, T thresholds, K points of the
curve. Inside, matrices are [C, N]: a reduction over the few classes then runs along contiguous images.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import reduce
from operator import add
from typing import Protocol

import numpy as np

from probes.rules.few_ranks import FewRanks
from probes.rules.rule_registry import PREDICTION
from probes.scoring.array_library import (
    Array,
    as_contiguous,
    as_numpy,
    cpu_threads,
    on_device,
    one_blas_thread,
)
from probes.scoring.count_accumulator import CountAccumulator, Counts, Ranks
from probes.scoring.design_scores import (
    BlockScores,
    DesignRows,
    DesignScores,
    Head,
    first_greatest,
    rows_of_designs,
)
from probes.scoring.outcome_bits import OutcomeBits
from probes.scoring.threshold_lookup import Lookups, RuleThresholds
from probes.scoring.threshold_ranks import RankLog
from probes.suite.classification_probe import MISCLASSIFIED

CHUNK_IMAGES = 4096
SMALLEST_BLOCK = 512
BLOCK_BYTES = 1 << 21
"""Of the similarities of a block of images: what stays in a cache from one step to the next."""


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
        rows, shared = rows_of_designs([own.columns for own in self.configurations], self.device)
        asked = [
            _Asked(
                accumulator=accumulator, rows=own,
                class_thresholds={
                    rule: on_device(cuts.astype(np.float32), self.device)
                    for rule, cuts in configuration.class_thresholds.items()
                },
            )
            for configuration, accumulator, own in zip(self.configurations, accumulators, rows, strict=True)
        ]  # fmt: skip
        lookups, classes = Lookups(self.device), on_device(self.classes, self.device)
        n = np.zeros(self.n_cells, np.int64)
        for start in starts.tolist():
            part = slice(start, start + self.chunk)
            # One product for the classes of all configurations: designs share most of their classes, so this
            # is cheaper than a product each.
            cosines = classes @ on_device(np.ascontiguousarray(self.images[part]), self.device).T
            cells = self.cells[part]
            n += np.bincount(cells, minlength=self.n_cells)
            for block in self._blocks(len(cells)):
                scores = BlockScores(
                    cosines=as_contiguous(cosines[:, block]), head=self.head, shared_rows=shared
                )
                own_cells = on_device(cells[block], self.device)
                self._add(start + block.start, scores, own_cells, asked, lookups)
        counts: list[Counts] = []
        for accumulator in accumulators:
            counts.append(accumulator.counts(n, baseline=counts[0] if counts else None))
        return counts

    def _blocks(self, n_images: int) -> list[slice]:
        """Blocks of a chunk that are scored one after the other."""
        size = max(SMALLEST_BLOCK, BLOCK_BYTES // (len(self.classes) * self.classes.itemsize))
        # A GPU has no cache of this kind, and every step of a block is a launch.
        number = -(-n_images // size) if self.device == "cpu" else 1
        edges = np.linspace(0, n_images, number + 1).astype(int).tolist()
        return [slice(*edge) for edge in itertools.pairwise(edges)]

    def _add(
        self, start: int, block: BlockScores, cells: Array, asked: Sequence[_Asked], lookups: Lookups
    ) -> None:
        baseline = None
        for place, own in enumerate(asked):
            scores = DesignScores(block=block, rows=own.rows, count_reached=lookups)
            given = {rule.name: own.given(rule, scores) for rule in self.question.rules}
            probabilities = scores.probabilities if len(self.question.curve) else None
            ranks = own.accumulator.add(given, probabilities, cells, baseline=baseline)
            # The first configuration is what every other one is paired with, image by image.
            baseline = ranks if baseline is None else baseline
            # Threads have chunks of their own, so they write to rows of their own.
            if self.log is not None and self.log.kept:
                self.log.add(place, start, self._happened(ranks))
            if self.ranks is not None:
                self.ranks.add(place, start, {name: as_numpy(each) for name, each in ranks.items()})

    def _happened(self, ranks: Ranks) -> dict[str, np.ndarray]:
        """Rule -> [O, T, N] bool whether the outcome happened; misclassified is who reaches no threshold."""
        inverted = np.array([event == MISCLASSIFIED for event in self.question.outcomes.values()], bool)
        return {
            rule.name: (as_numpy(ranks[rule.name])[:, None] > np.arange(len(rule.thresholds))[:, None])
            ^ inverted[:, None, None]
            for rule in self.question.rules
        }


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """What is counted of a configuration, and what it needs on the device."""

    accumulator: CountAccumulator
    rows: DesignRows
    class_thresholds: Mapping[str, Array]

    def given(self, rule: RuleThresholds, scores: DesignScores) -> Array | FewRanks:
        """[C, N] how many thresholds of a rule each class reaches; [N] the class, if it assigns one."""
        record = rule.record
        if record.assigned is not None:
            return record.assigned(scores)
        assert record.ranks is not None
        if rule.per_class:
            scores = replace(scores, class_thresholds=self.class_thresholds[rule.name])
        return record.ranks(scores, rule.thresholds)


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
        probabilities = head.probabilities(cosines)
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
