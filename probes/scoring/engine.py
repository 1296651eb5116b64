"""The scoring engine: stored embeddings in, counts out, one pass for every class design and threshold.

Shapes: N images, D embedding, U class embeddings of all configurations, C classes of one, S sets of one, E
events of one (its sets, and "misclassified" where it has a truth), G cells, T thresholds, K points of the
curve. Inside, matrices are [C, N]: a reduction over the few classes then runs along contiguous images.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property, reduce
from operator import add
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from probes.rules.assignment_rule import Scores
from probes.rules.rule_registry import PREDICTION
from probes.scoring.count_accumulator import CountAccumulator, Counts
from probes.scoring.outcome_bits import OutcomeBits
from probes.scoring.threshold_lookup import Lookups, RuleThresholds
from probes.scoring.threshold_ranks import RankLog

CHUNK_IMAGES = 4096
SHIFT = 0.25  # cosine at which an exponent is 1: the same for all designs, so that they share exponents
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
        # The shift by SHIFT cancels in the ratio. It stands in for the usual shift by each image's own
        # maximum, which would differ between designs and forbid sharing.
        probabilities = shared / total
        # With a scale of 100 this is an image without any cosine above -0.33; a much larger scale overflows.
        # Those are computed again, shifted by their own maximum.
        lost = ~((shared.amax(0) > FAINTEST) & torch.isfinite(total))
        if lost.any():
            probabilities[:, lost] = torch.softmax(self.scale * cosines[:, lost], 0)
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
    device: str | torch.device = "cpu",
) -> list[Counts]:
    """Count, by cell and for every specification, predictions and who reaches which threshold.

    Parameters
    ----------
    images
        [N, D] unit-norm embeddings; read a chunk at a time.
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
        classes=torch.from_numpy(np.ascontiguousarray(class_embeddings, np.float32)).to(device),
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
    configurations: Sequence[PromptConfiguration]
    cells: np.ndarray
    n_cells: int
    head: Head
    question: Question
    log: OutcomeBits | None
    ranks: RankLog | None
    chunk: int

    @cached_property
    def columns(self) -> list[Tensor]:
        """The rows of `classes` of each specification."""
        return [
            torch.from_numpy(configuration.columns).to(self.classes.device)
            for configuration in self.configurations
        ]

    def in_threads(self) -> list[Counts]:
        """The counts of all chunks, one a specification; on a CPU, by as many threads as torch may use."""
        with _one_thread_each() as n_threads:
            starts = np.arange(0, len(self.images), self.chunk)
            most = n_threads if self.classes.device.type == "cpu" else 1
            # A GPU computes one chunk at a time anyway; threads would only hold several chunks in its memory.
            shares = np.array_split(starts, max(1, min(most, len(starts))))
            with ThreadPoolExecutor(len(shares)) as pool:
                parts = list(pool.map(self.count, shares))
        # Counts are whole numbers, so the sum does not depend on which thread had which chunk.
        return [reduce(add, of_one) for of_one in zip(*parts, strict=True)]

    def count(self, starts: np.ndarray) -> list[Counts]:
        """The counts of the chunks that begin at `starts`, one a specification."""
        where = self.classes.device
        accumulators = [
            CountAccumulator(
                classes=configuration.classes,
                sets={name: configuration.members(name) for name in configuration.sets},
                right=configuration.right, rules=self.question.rules, curve=self.question.curve,
                outcomes=self.question.outcomes, n_cells=self.n_cells, device=where,
            )
            for configuration in self.configurations
        ]  # fmt: skip
        lookups = Lookups(where)
        for start in starts.tolist():
            self._add(slice(start, start + self.chunk), accumulators, lookups)
        return [accumulator.counts() for accumulator in accumulators]

    def _add(self, part: slice, accumulators: Sequence[CountAccumulator], lookups: Lookups) -> None:
        where = self.classes.device
        # One product for the classes of all configurations: designs share most of their classes, so this is
        # cheaper than a product each.
        cosines = self.classes @ torch.from_numpy(np.ascontiguousarray(self.images[part])).to(where).T
        shared = self.head.shared(cosines)
        cells = torch.from_numpy(self.cells[part]).to(where)
        baseline = None
        asked = zip(self.configurations, self.columns, accumulators, strict=True)
        for place, (configuration, columns, accumulator) in enumerate(asked):
            chosen = cosines.index_select(0, columns)
            probabilities = self.head.of_design(chosen, shared.index_select(0, columns))
            scores = _Scored(chosen, probabilities, lookups)
            ranks = {rule.name: scores.ranks(rule, configuration) for rule in self.question.rules}
            answers = accumulator.add(ranks, probabilities, cells, baseline=baseline)
            # The first configuration is what every other one is paired with, image by image.
            baseline = answers.happened if baseline is None else baseline
            # Threads have chunks of their own, so they write to rows of their own.
            if self.log is not None:
                self.log.add(place, part.start, _arrays(answers.happened))
            if self.ranks is not None:
                self.ranks.add(place, part.start, _arrays(answers.ranks))


def _arrays(tensors: Mapping[str, Tensor]) -> dict[str, np.ndarray]:
    return {name: tensor.cpu().numpy() for name, tensor in tensors.items()}


@dataclass(frozen=True)
class _Scored:
    """The [C, N] scores of a chunk under one prompt configuration, as rules take them."""

    cosines: Tensor
    probabilities: Tensor
    lookups: Lookups

    @cached_property
    def shared(self) -> Scores:
        """What all rules see."""
        return Scores(
            cosines=self.cosines,
            probabilities=self.probabilities,
            predicted=first_greatest(self.cosines),
            positions=torch.arange(len(self.cosines), device=self.cosines.device)[:, None],
            class_thresholds=None,
            count_reached=self.lookups,
        )

    def ranks(self, rule: RuleThresholds, asked: PromptConfiguration) -> Tensor:
        """[C, N] how many thresholds of a rule each class reaches."""
        scores = self.shared
        if rule.per_class:
            own = torch.from_numpy(asked.class_thresholds[rule.name].astype(np.float32))
            scores = replace(scores, class_thresholds=own.to(self.cosines.device))
        return rule.record.ranks(scores, rule.thresholds)


def first_greatest(values: Tensor) -> Tensor:
    """[C, N] -> [N] the position of the greatest of each column; of several, the first."""
    # argmax of torch promises no order among equal values, and devices differ; the smallest position among
    # the greatest is the same everywhere. int16 halves the memory of the intermediate.
    positions = torch.arange(len(values), dtype=torch.int16, device=values.device)[:, None]
    none = torch.tensor(len(values), dtype=torch.int16, device=values.device)
    return torch.where(values == values.amax(0), positions, none).amin(0).long()


def score_images(
    images: Rows,
    class_embeddings: np.ndarray,
    configuration: PromptConfiguration,
    *,
    head: Head,
    chunk: int = CHUNK_IMAGES,
) -> Iterator[ImageScores]:
    """Per-image results of one prompt configuration, a chunk at a time; arguments as for `score`."""
    classes = torch.from_numpy(np.ascontiguousarray(class_embeddings[configuration.columns], np.float32))
    for start in range(0, len(images), chunk):
        cosines = classes @ torch.from_numpy(np.ascontiguousarray(images[start : start + chunk])).T
        probabilities = head.of_design(cosines, head.shared(cosines))
        prediction = first_greatest(cosines)
        none = torch.full((cosines.shape[1],), -1.0)
        best = [
            probabilities[configuration.members(name)].amax(0) if configuration.sets[name] else none
            for name in configuration.sets
        ]
        yield ImageScores(
            prediction=prediction.numpy(),
            probability=probabilities.gather(0, prediction[None])[0].numpy(),
            sets=torch.stack(best).numpy() if best else np.zeros((0, len(prediction)), np.float32),
        )
