"""Adding up: the threshold ranks of a chunk of images into counts by cell and joint counts of pairs.

Shapes: N images of a chunk, C classes, E events (sets, and "misclassified"), O outcomes, G cells, T
thresholds, K points of the curve.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from probes.scoring.array_library import Array, as_int64, as_numpy, library_of, on_device, take
from probes.scoring.threshold_lookup import RuleThresholds, ThresholdLookup
from probes.scoring.threshold_ranks import CURVE
from probes.suite.classification_probe import MISCLASSIFIED

SPARSE = 4
"""One rank in so many is above 0: then only those are counted, and the others are what is left."""
Happened = dict[str, Array]  # rule -> [O, T, N] bool: whether the outcome happened to the image


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What one prompt configuration says of a chunk of images.

    Attributes
    ----------
    happened
        Rule -> [O, T, N] bool.
    ranks
        Rule, or `CURVE` -> [O, N] how many thresholds the event of each outcome reaches.
    """

    happened: Happened
    ranks: dict[str, Array]


@dataclass(frozen=True, kw_only=True)
class Counts:
    """Results of one prompt configuration, added up by cell.

    Attributes
    ----------
    events
        The E events: the names of the sets, then "misclassified" where there is a truth.
    hits
        Rule -> [T, G, C + E] images that are given the class, or any class of the set; or, for
        "misclassified", no class that is right for them.
    curve
        [K, G, E] the same events for the points of the curve.
    pairs
        Rule -> [O, T, G, 4] images to which each outcome happened under neither, only this, only the baseline
        or both prompt configurations; empty for the baseline itself.
    """

    events: tuple[str, ...]
    hits: Mapping[str, np.ndarray]
    curve: np.ndarray
    pairs: Mapping[str, np.ndarray]

    def __add__(self, other: Counts) -> Counts:
        """Counts of two disjoint parts of the images."""
        return Counts(
            events=self.events,
            hits={rule: self.hits[rule] + other.hits[rule] for rule in self.hits},
            curve=self.curve + other.curve,
            pairs={rule: self.pairs[rule] + other.pairs[rule] for rule in self.pairs},
        )


class CountAccumulator:
    """Counts of one prompt configuration while they grow.

    Parameters
    ----------
    classes
        [C] names.
    sets
        Set -> positions of its classes.
    right
        [G, C] bool, or None: the classes that are right in a cell.
    rules, curve, outcomes
        As in `probes.scoring.engine.Question`.
    n_cells
        G.
    device
        Where the chunks are.
    """

    def __init__(
        self,
        *,
        classes: Sequence[str],
        sets: Mapping[str, Sequence[int]],
        right: np.ndarray | None,
        rules: Sequence[RuleThresholds],
        curve: np.ndarray,
        outcomes: Mapping[str, str],
        n_cells: int,
        device: str,
    ) -> None:
        self.n_classes, self.n_cells = len(classes), n_cells
        self.members = [on_device(np.array(list(places), dtype=np.int64), device) for places in sets.values()]
        self.right = None if right is None else on_device(right, device)
        self.events = (*sets, *([] if right is None else [MISCLASSIFIED]))
        self.outcome_events = [self.events.index(event) for event in outcomes.values()]
        self.n_thresholds = {rule.name: len(rule.thresholds) for rule in rules}
        self.curve_lookup = ThresholdLookup(curve, device)
        self.n_curve = len(curve)
        rows, n_events = self.n_classes + len(self.events), len(self.events)
        self.ranks = {
            # 64 bits: counts of a chunk are small, their sum over all images of a large data set is not.
            rule: on_device(np.zeros((rows, n_cells, n + 1), dtype=np.int64), device)
            for rule, n in self.n_thresholds.items()
        }
        shape = (n_events, n_cells, self.n_curve + 1)
        self.curve_ranks = on_device(np.zeros(shape, dtype=np.int64), device)
        self.joint: dict[str, Array] = {}

    def add(
        self,
        ranks: Mapping[str, Array],
        probabilities: Array,
        cells: Array,
        *,
        baseline: Happened | None = None,
    ) -> Answers:
        """Add a chunk.

        Parameters
        ----------
        ranks
            Rule -> [C, N] int32: how many of its thresholds each class reaches.
        probabilities
            [C, N], for the curve.
        cells
            [N].
        baseline
            What happened under the prompt configuration to pair with; None for that one itself.

        Returns
        -------
        What this one says of the outcomes.
        """
        right = None if self.right is None else self.right[cells].T
        happened: Happened = {}
        of_outcomes: dict[str, Array] = {}
        for rule, own in ranks.items():
            events = self._events(own, right)
            self._add_ranks(self.ranks[rule], library_of(own).concat([own, events]), cells)
            if self.outcome_events:
                happened[rule] = self._outcomes(events, self.n_thresholds[rule])
                of_outcomes[rule] = events[self.outcome_events]
        if self.n_curve:
            # The greatest probability of a set decides at every threshold, so only that one is looked up: E
            # lookups instead of C. -1 stands for a set without classes: it reaches no threshold, 0 included.
            events = self.curve_lookup(self._events(probabilities, right, -1))
            self._add_ranks(self.curve_ranks, events, cells)
            of_outcomes[CURVE] = events[self.outcome_events]
        if baseline is not None:
            for rule, second in happened.items():
                self._add_pairs(rule, baseline[rule], second, cells)
        return Answers(happened=happened, ranks=of_outcomes)

    def _events(self, values: Array, right: Array | None, nothing: int = 0) -> Array:
        """[C, N] -> [E, N]: the greatest value of each set; last, the greatest of the right classes."""
        xp = library_of(values)
        none = xp.full_like(values[0], nothing)
        rows = [xp.amax(take(values, own), 0) if len(own) else none for own in self.members]
        if right is not None:
            rows.append(xp.amax(xp.where(right, values, none), 0))
        return xp.stack(rows) if rows else values[:0]

    def _add_ranks(self, totals: Array, ranks: Array, cells: Array) -> None:
        """Add a histogram [R, G, T + 1] of ranks [R, N]: one pass over them for all thresholds."""
        n_rows, _, n_ranks = totals.shape
        if not n_rows:
            return
        xp = library_of(ranks)
        if isinstance(ranks, np.ndarray):
            reached = ranks != 0
            if SPARSE * np.count_nonzero(reached) < ranks.size:
                _add_sparse_ranks(totals, ranks, reached, cells)
                return
        rows = xp.arange(n_rows, device=cells.device)[:, None] * self.n_cells
        # One histogram of ranks holds the counts at all thresholds: its running sum from above is how many
        # reach each. The cost does not grow with the number of thresholds.
        flat = (rows + cells) * n_ranks + ranks
        size = n_rows * self.n_cells * n_ranks
        totals += xp.bincount(flat.ravel(), minlength=size).reshape(totals.shape)

    def _outcomes(self, events: Array, n_thresholds: int) -> Array:
        """[O, T, N] bool; an image is misclassified where no right class reaches the threshold."""
        xp = library_of(events)
        order = xp.arange(1, n_thresholds + 1, device=events.device)[:, None]
        reached = [events[place] >= order for place in self.outcome_events]
        return xp.stack(
            [
                ~row if self.events[place] == MISCLASSIFIED else row
                for row, place in zip(reached, self.outcome_events, strict=True)
            ]
        )

    def _add_pairs(self, rule: str, first: Array, second: Array, cells: Array) -> None:
        """Add the joint counts [O, T, G, 4] of first (2) and second (1)."""
        shape = (*first.shape[:2], self.n_cells, 4)
        xp = library_of(first)
        rows = xp.arange(shape[0] * shape[1], device=cells.device).reshape(*first.shape[:2], 1)
        # Two bits, first and second: 0 neither, 1 only the second, 2 only the first, 3 both.
        flat = (rows * self.n_cells + cells) * 4 + as_int64(first) * 2 + second
        counts = xp.bincount(flat.ravel(), minlength=int(np.prod(shape))).reshape(shape)
        self.joint[rule] = self.joint[rule] + counts if rule in self.joint else counts

    def counts(self) -> Counts:
        """The counts of all chunks so far."""
        return Counts(
            events=self.events,
            hits={rule: self._reached(ranks, self.n_classes) for rule, ranks in self.ranks.items()},
            curve=self._reached(self.curve_ranks, 0),
            pairs={rule: as_numpy(joint) for rule, joint in self.joint.items()},
        )

    def _reached(self, ranks: Array, n_classes: int) -> np.ndarray:
        """Histograms [R, G, T + 1] -> [T, G, R]: images that reach each threshold, from the top down."""
        hits = as_numpy(ranks)[:, :, ::-1].cumsum(axis=2)[:, :, ::-1][:, :, 1:].transpose(2, 1, 0)
        if self.right is not None and hits.shape[2]:
            # The last event counts images with a right class; the misclassified ones are the others.
            n = as_numpy(ranks)[-1].sum(axis=1)
            hits[:, :, -1] = n - hits[:, :, -1]
        return np.ascontiguousarray(hits)


def _add_sparse_ranks(totals: np.ndarray, ranks: np.ndarray, reached: np.ndarray, cells: np.ndarray) -> None:
    """Add a histogram [R, G, T + 1] of ranks [R, N], most of them 0, as under argmax with many classes."""
    n_cells, n_ranks = totals.shape[1:]
    at = np.flatnonzero(reached)  # of truth values: four times as fast as of numbers
    row, image = np.divmod(at, ranks.shape[1])
    flat = (row * n_cells + cells[image]) * n_ranks + ranks.ravel()[at]
    counts = np.bincount(flat, minlength=totals.size).reshape(totals.shape)
    counts[:, :, 0] = np.bincount(cells, minlength=n_cells) - counts.sum(axis=2)
    totals += counts
