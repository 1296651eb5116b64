"""The events of one class design: which classes each holds, and what an image's classes say of it.

Shapes: N images, C classes, E events (sets, and "misclassified"), G cells, R right classes of a cell at most.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from probes.rules.few_ranks import FewRanks
from probes.scoring.array_library import (
    Array,
    as_counts,
    library_of,
    on_device,
    places_of,
    raise_to,
    take,
)
from probes.suite.classification_probe import MISCLASSIFIED


class ClassEvents:
    """The sets of a class design and, where there is a truth, the classes that are right.

    "Misclassified" comes last: its values are those of the right classes, which an image that is
    misclassified does not reach.

    Parameters
    ----------
    sets
        Set -> positions of its classes.
    right
        [G, C] bool, or None: the classes that are right in a cell.
    n_classes
        C.
    device
        Where the chunks are.
    """

    def __init__(
        self, sets: Mapping[str, Sequence[int]], right: np.ndarray | None, *, n_classes: int, device: str
    ) -> None:
        self.names = (*sets, *([] if right is None else [MISCLASSIFIED]))
        self.holds = np.zeros((len(sets), n_classes), bool)
        for row, places in zip(self.holds, sets.values(), strict=True):
            row[list(places)] = True
        self.right = right
        self.members = [on_device(np.flatnonzero(row), device) for row in self.holds]
        self.holds_table = on_device(self.holds, device)
        if right is not None:
            self.right_table = on_device(np.ascontiguousarray(right), device)
            self.right_places = [on_device(places, device) for places in _right_places(right)]
            self.some_right = on_device(np.asarray(right.any(axis=1)), device)

    def greatest(self, values: Array, cells: Array, *, nothing: int) -> Array:
        """[C, N] values -> [E, N] the greatest of each event's classes; `nothing` where it holds none."""
        xp = library_of(values)
        none = xp.full_like(values[0], nothing)
        rows = [xp.amax(take(values, own), 0) if len(own) else none for own in self.members]
        if self.right is not None:
            rows.append(self._greatest_right(values, cells, none))
        return xp.stack(rows) if rows else values[:0]

    def _greatest_right(self, values: Array, cells: Array, none: Array) -> Array:
        """[N]: a cell has few right classes, so they are picked one by one."""
        xp = library_of(values)
        images = xp.arange(values.shape[1], device=values.device)
        best = none
        for number, places in enumerate(self.right_places):
            own = values[take(places, cells), images]
            best = own if not number else xp.maximum(best, own)
        return xp.where(take(self.some_right, cells), best, none)

    def greatest_of_few(self, ranks: FewRanks, cells: Array) -> Array:
        """[E, N] `greatest` of ranks, 0 where an event holds no class."""
        xp = library_of(ranks.rank)
        found = xp.zeros((len(self.names), ranks.n_images), dtype=ranks.rank.dtype, device=cells.device)
        for event, row in enumerate(found):
            if ranks.least:
                row += ranks.least * self._holds_any(event, cells)
            inside = places_of(self._holds(event, ranks.row, cells[ranks.image]))
            raise_to(row, ranks.image[inside], ranks.rank[inside])
        return found

    def _holds_any(self, event: int, cells: Array) -> Array:
        """[N], or one number for all: 1 where an event holds some class, else 0."""
        if event < len(self.members):
            return int(len(self.members[event]) > 0)
        return as_counts(take(self.some_right, cells), 1)

    def reached_by(self, position: Array, cells: Array, *, events: Sequence[int]) -> Array:
        """[N] the one class of each image -> [len(events), N] 1 where the event holds it, else 0."""
        if not events:
            return position[None][:0]
        held = [self._holds(event, position, cells) for event in events]
        return as_counts(library_of(position).stack(held), 1)

    def _holds(self, event: int, position: Array, cells: Array) -> Array:
        """[n] whether an event holds each class, in images of the cells."""
        if event < len(self.members):
            return take(self.holds_table[event], position)
        return take(self.right_table.reshape(-1), cells * self.right_table.shape[1] + position)

    def sums(self, counts: np.ndarray) -> np.ndarray:
        """[T, G, C] images that are given one class each -> [T, G, E] whose class each event holds."""
        own = counts @ self.holds.T.astype(np.int64)
        if self.right is None:
            return own
        return np.concatenate([own, (counts * self.right).sum(axis=2, keepdims=True)], axis=2)


def _right_places(right: np.ndarray) -> list[np.ndarray]:
    """R times [G]: the first, second, ... right class of each cell; its last again where there are fewer."""
    n = right.sum(axis=1)
    places = np.argsort(~right, axis=1, kind="stable")  # the right ones first, in their order
    cells = np.arange(len(right))
    return [
        places[cells, np.minimum(number, np.maximum(n - 1, 0))] for number in range(int(n.max(initial=0)))
    ]
