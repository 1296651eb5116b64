"""Adding up: the threshold ranks of a chunk of images into counts by cell and joint counts of pairs.

Shapes: N images of a chunk, C classes, E events (sets, and "misclassified"), O outcomes, G cells, T
thresholds, K points of the curve.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from probes.rules.few_ranks import FewRanks
from probes.scoring.array_library import Array, add_ones, as_numpy, library_of, on_device, places_of
from probes.scoring.class_events import ClassEvents
from probes.scoring.threshold_lookup import RuleThresholds, ThresholdLookup
from probes.scoring.threshold_ranks import CURVE
from probes.suite.classification_probe import MISCLASSIFIED

Ranks = dict[str, Array]
"""Rule, or `CURVE` -> [O, N] how many thresholds the event of each outcome reaches."""


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

    def of_event(self, rule: str, event: str) -> np.ndarray:
        """[T, G] images to which an event happened."""
        hits = self.hits[rule]
        own: np.ndarray = hits[:, :, hits.shape[2] - len(self.events) + self.events.index(event)]
        return own

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
        self.events = ClassEvents(sets, right, n_classes=len(classes), device=device)
        self.outcomes = tuple(outcomes.values())
        self.outcome_events = [self.events.names.index(event) for event in self.outcomes]
        self.n_cells, self.curve_lookup = n_cells, ThresholdLookup(curve, device)
        sizes = {rule.name: len(rule.thresholds) for rule in rules}
        counted = {rule.name for rule in rules if not rule.record.one_class}

        def histograms(rows: int, of: Mapping[str, int]) -> dict[str, Array]:
            # 64 bits: counts of a block are small, their sum over all images of a large data set is not.
            return {name: on_device(np.zeros((rows, n_cells, n), np.int64), device) for name, n in of.items()}

        # Of ranks from 1 on, [R, G, T]. Events of a rule that assigns one class are sums over its classes.
        self.of_classes = histograms(len(classes), sizes)
        of_events = {name: n for name, n in sizes.items() if name in counted} | {CURVE: len(curve)}
        self.of_events = histograms(len(self.events.names), of_events)
        self.of_pairs = histograms(len(self.outcomes), sizes)

    def add(
        self,
        given: Mapping[str, Array | FewRanks],
        probabilities: Array | None,
        cells: Array,
        *,
        baseline: Ranks | None = None,
    ) -> Ranks:
        """Add a block of images.

        Parameters
        ----------
        given
            Rule -> [C, N] how many of its thresholds each class reaches; of a rule that assigns one class,
            [N] the position of that class.
        probabilities
            [C, N], for the curve; None without one.
        cells
            [N].
        baseline
            The outcomes of the prompt configuration to pair with; None for that one itself.

        Returns
        -------
        The outcomes of this one.
        """
        ranks: Ranks = {}
        for rule, own in given.items():
            if isinstance(own, FewRanks):
                add_few(self.of_classes[rule], own, cells)
                ranks[rule] = self._add_events(rule, self.events.greatest_of_few(own, cells), cells)
            elif own.ndim == 1:
                ranks[rule] = self._add_classes(rule, own, cells)
            else:
                add_ranks(self.of_classes[rule], own, cells)
                ranks[rule] = self._add_events(rule, self.events.greatest(own, cells, nothing=0), cells)
            if baseline is not None and self.outcomes:
                # At every threshold that the lesser of two ranks reaches, both do.
                add_ranks(self.of_pairs[rule], library_of(cells).minimum(baseline[rule], ranks[rule]), cells)
        if probabilities is not None:
            # The greatest probability of a set decides at every threshold, so only that one is looked up: E
            # lookups instead of C. -1 stands for a set without classes: it reaches no threshold, 0 included.
            greatest = self.events.greatest(probabilities, cells, nothing=-1)
            ranks[CURVE] = self._add_events(CURVE, self.curve_lookup(greatest), cells)
        return ranks

    def _add_classes(self, rule: str, position: Array, cells: Array) -> Array:
        """Add the one class [N] of each image; what that says of the outcomes [O, N]."""
        add_ones(self.of_classes[rule], position * self.n_cells + cells)
        return self.events.reached_by(position, cells, events=self.outcome_events)

    def _add_events(self, rule: str, ranks: Array, cells: Array) -> Array:
        """Add the ranks [E, N] of events; those of the outcomes [O, N]."""
        add_ranks(self.of_events[rule], ranks, cells)
        return ranks[self.outcome_events]

    def counts(self, n: np.ndarray, *, baseline: Counts | None = None) -> Counts:
        """The counts of all blocks so far.

        Parameters
        ----------
        n
            [G] images of each cell.
        baseline
            What the prompt configuration to pair with says of the same images; None for that one itself.
        """
        own = Counts(
            events=self.events.names,
            hits={rule: self._hits(rule, n) for rule in self.of_classes},
            curve=self._happened(_reached(self.of_events[CURVE]), n),
            pairs={},
        )
        if baseline is None or not self.outcomes:
            return own
        return replace(own, pairs={rule: self._pairs(rule, baseline, own, n) for rule in self.of_pairs})

    def _hits(self, rule: str, n: np.ndarray) -> np.ndarray:
        """[T, G, C + E]."""
        classes = _reached(self.of_classes[rule])
        counted = rule in self.of_events
        events = _reached(self.of_events[rule]) if counted else self.events.sums(classes)
        return np.concatenate([classes, self._happened(events, n)], axis=2)

    def _happened(self, reached: np.ndarray, n: np.ndarray) -> np.ndarray:
        """[T, G, E] images whose rank reaches each threshold -> those to which the event happened."""
        if self.events.right is not None and len(reached):
            # Those with a right class are counted; the misclassified ones are the others.
            reached[:, :, -1] = n - reached[:, :, -1]
        return reached

    def _pairs(self, rule: str, baseline: Counts, own: Counts, n: np.ndarray) -> np.ndarray:
        """[O, T, G, 4], of the counts under either one and the number of images that reach under both."""
        parts = []
        for event, reached in zip(
            self.outcomes, np.moveaxis(_reached(self.of_pairs[rule]), 2, 0), strict=True
        ):
            first, second = baseline.of_event(rule, event), own.of_event(rule, event)
            # Misclassified is an image that does not reach: both are, where n less those that reach under
            # either one.
            both = first + second - n + reached if event == MISCLASSIFIED else reached
            parts.append(np.stack([n - first - second + both, second - both, first - both, both], axis=-1))
        return np.stack(parts)


def add_ranks(totals: Array, ranks: Array, cells: Array) -> None:
    """Add the histogram of ranks [R, N] from 1 on to [R, G, T]: one pass over them for all thresholds."""
    if not (totals.shape[0] and totals.shape[2]):
        return
    n_images, least = ranks.shape[1], int(ranks.min())
    at = places_of(ranks != least)
    row = at // n_images
    image, rank = at - row * n_images, ranks.reshape(-1)[at]
    add_few(totals, FewRanks(row=row, image=image, rank=rank, n_images=n_images, least=least), cells)


def add_few(totals: Array, ranks: FewRanks, cells: Array) -> None:
    """Add the histogram of few ranks to [R, G, T]: only they are counted one by one."""
    n_rows, n_cells, n_ranks = totals.shape
    place = ranks.row * n_cells + cells[ranks.image]
    add_ones(totals, place * n_ranks + ranks.rank - 1)
    if ranks.least:
        xp = library_of(cells)
        counted = xp.bincount(place, minlength=n_rows * n_cells).reshape(n_rows, n_cells)
        totals[:, :, ranks.least - 1] += xp.bincount(cells, minlength=n_cells) - counted


def _reached(histogram: Array) -> np.ndarray:
    """[R, G, T] ranks -> [T, G, R] images that reach each threshold, from the top down."""
    reached = as_numpy(histogram)[:, :, ::-1].cumsum(axis=2)[:, :, ::-1].transpose(2, 1, 0)
    return np.ascontiguousarray(reached)
