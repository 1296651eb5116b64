"""What a block of images scores under one class design: similarities, probabilities, the predicted class.

Each is computed when a rule or the curve asks for it: predictions need no exponent.

Shapes: N images of a block, U class embeddings of all designs, C classes of one design.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from probes.rules.few_ranks import FewRanks
from probes.scoring.array_library import (
    Array,
    as_counts,
    as_float32,
    as_int64,
    library_of,
    on_device,
    take,
)
from probes.scoring.threshold_lookup import Lookups

FEW = 16
"""One class in so many, or fewer, is near a threshold: then only those are divided and counted."""
LEAST_SHARED = 24
"""Classes that all designs must share before their greatest similarity is found once for all."""
SHIFT = 0.25  # cosine at which an exponent is 1: the same for all designs, so that they share exponents
# Where the greatest exponent is above, one that float32 rounds to 0 (1e-38) is less than 1e-13 of the sum.
FAINTEST = 1e-25  # a design whose greatest exponent is below has lost digits and is done again on its own


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
        # In place after the first step: each further array would leave the cache.
        xp = library_of(cosines)
        with np.errstate(over="ignore"):  # to infinity, of which the reciprocal is 0
            if self.bias is not None:
                logits = cosines * self.scale
                logits += self.bias
                logits *= -1
                xp.exp(logits, out=logits)
                logits += 1
                return 1 / logits
            exponents = cosines - SHIFT
            exponents *= self.scale
            return xp.exp(exponents, out=exponents)

    def probabilities(self, cosines: np.ndarray) -> np.ndarray:
        """[C, N] cosine similarities, of 64 bits or other ones -> [C, N] float32 probabilities."""
        whole = cosines if cosines.dtype == np.float64 else np.ascontiguousarray(cosines, np.float32)
        shared = self.shared(whole)
        return np.asarray(as_float32(self.of_design(shared, self.total(shared), lambda: whole)))

    def total(self, shared: Array) -> Array:
        """[C, N] exponents of one design -> [N] their sum; of a sigmoid model no more than that."""
        with np.errstate(over="ignore", invalid="ignore"):
            return shared.sum(0)

    def has_all_digits(self, total: Array, n_classes: int) -> bool:
        """Whether every exponent that counts is large enough, and their sum finite, for each image."""
        # Where C exponents sum to more than C times FAINTEST, the greatest is above it; twice, for rounding.
        return bool(((total > 2 * FAINTEST * n_classes) & library_of(total).isfinite(total)).all())

    def of_design(self, shared: Array, total: Array, cosines: Callable[[], Array]) -> Array:
        """[C, N] rows of `shared` of one design, [N] their sum, and its cosines -> [C, N] probabilities."""
        if self.bias is not None:
            return shared
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            # The shift by SHIFT cancels in the ratio. It stands in for the usual shift by each image's own
            # maximum, which would differ between designs and forbid sharing.
            probabilities = shared / total
        if not self.has_all_digits(total, len(shared)):
            self._compute_lost_again(probabilities, shared, total, cosines())
        return probabilities

    def _compute_lost_again(self, probabilities: Array, shared: Array, total: Array, cosines: Array) -> None:
        # With a scale of 100 this is an image without any cosine above -0.33; a much larger scale overflows.
        # Those are computed again, shifted by their own maximum.
        xp = library_of(shared)
        lost = ~((xp.amax(shared, 0) > FAINTEST) & xp.isfinite(total))
        if lost.any():
            logits = self.scale * cosines[:, lost]
            exponents = xp.exp(logits - xp.amax(logits, 0))
            probabilities[:, lost] = exponents / exponents.sum(0)


@dataclass(frozen=True, kw_only=True)
class DesignRows:
    """The rows of one class design among the class embeddings of all.

    Attributes
    ----------
    all
        [C] rows; a slice, if they follow each other, costs no copy.
    own
        The rows that not every design has; None where no row counts as shared.
    own_positions, shared_positions
        Which of the C classes the own rows, and the rows that all designs share, are.
    """

    all: Array | slice
    own: Array | None = None
    own_positions: Array | None = None
    shared_positions: Array | None = None


def rows_of_designs(columns: Sequence[np.ndarray], device: str) -> tuple[list[DesignRows], Array | None]:
    """From the [C] rows of each design; and those that all of them share, if that saves time.

    The greatest similarity of shared classes is found once for all designs. They must stand in one order in
    all of them: of several that tie, the first is the first of every design.
    """
    inside = _shared(columns)
    if inside is None:
        return [DesignRows(all=_slice_or_rows(own, device)) for own in columns], None
    rows = [
        DesignRows(
            all=_slice_or_rows(own, device), own=on_device(own[~common], device),
            own_positions=on_device(np.flatnonzero(~common), device),
            shared_positions=on_device(np.flatnonzero(common), device),
        )
        for own, common in zip(columns, inside, strict=True)
    ]  # fmt: skip
    return rows, on_device(columns[0][inside[0]], device)


def _shared(columns: Sequence[np.ndarray]) -> list[np.ndarray] | None:
    """Which of the [C] rows of each design all of them have; None if that saves nothing."""
    if len(columns) < 2 or any(len(np.unique(own)) < len(own) for own in columns):
        return None
    everywhere = np.bincount(np.concatenate(columns)) == len(columns)
    inside = [everywhere[own] for own in columns]
    first = columns[0][inside[0]]
    in_order = all(np.array_equal(first, own[common]) for own, common in zip(columns, inside, strict=True))
    return inside if in_order and len(first) >= LEAST_SHARED else None


def _slice_or_rows(columns: np.ndarray, device: str) -> Array | slice:
    first, n = int(columns[0]), len(columns)
    if np.array_equal(columns, np.arange(first, first + n)):
        return slice(first, first + n)
    return on_device(columns, device)


@dataclass(frozen=True, kw_only=True)
class BlockScores:
    """[U, N] cosines of a block of images with the classes of all designs, and what designs share of them.

    Attributes
    ----------
    cosines, head
        As they are.
    shared_rows
        The rows that every design has, or None.
    """

    cosines: Array
    head: Head
    shared_rows: Array | None = None

    @cached_property
    def shared(self) -> Array:
        """`Head.shared`: an exponent is computed once, however many designs have the class."""
        return self.head.shared(self.cosines)

    @cached_property
    def greatest_shared(self) -> tuple[Array, Array]:
        """[N] the greatest cosine of the rows that all designs have, and the place of the first such row."""
        return greatest(as_float32(take(self.cosines, self.shared_rows)))


@dataclass(frozen=True, kw_only=True)
class DesignScores:
    """The scores of one class design, as `probes.rules.assignment_rule.Scores` has them.

    Attributes
    ----------
    block
        Of all designs.
    rows
        Those of the design in it.
    count_reached, class_thresholds
        As rules take them.
    """

    block: BlockScores
    rows: DesignRows
    count_reached: Lookups
    class_thresholds: Array | None = None

    @cached_property
    def cosines(self) -> Array:
        """[C, N] float32."""
        return as_float32(self._own_cosines())

    def _own_cosines(self) -> Array:
        return take(self.block.cosines, self.rows.all)

    @cached_property
    def _shared(self) -> tuple[Array, Array]:
        """The design's rows of `Head.shared`, and their sums."""
        own = take(self.block.shared, self.rows.all)
        return own, self.block.head.total(own)

    @cached_property
    def probabilities(self) -> Array:
        """[C, N] float32."""
        # Scores of a file have 64 bits up to here, so that both sides of a comparison with a threshold are
        # the same decimal number, rounded once.
        return as_float32(self.block.head.of_design(*self._shared, self._own_cosines))

    def count_probable(self, thresholds: NDArray[np.float64]) -> Array | FewRanks:
        """[C, N] how many of [T] ascending probabilities each class reaches."""
        single, head = thresholds.astype(np.float32), self.block.head
        always = int((single <= 0).sum())  # thresholds that every probability reaches
        known = "probabilities" in vars(self) or head.bias is not None or always == len(single)
        if known or not isinstance(self.block.cosines, np.ndarray):
            return self.count_reached(self.probabilities, thresholds)
        shared, total = self._shared
        if not head.has_all_digits(total, len(shared)):
            return self.count_reached(self.probabilities, thresholds)
        # With many classes few reach any other: only what is near the least one is divided. 1e-6 is more than
        # rounding can take off the ratio, 6e-8.
        reaching = shared >= (float(single[always]) * (1 - 1e-6)) * total
        if FEW * np.count_nonzero(reaching) > reaching.size:
            return self.count_reached(self.probabilities, thresholds)
        near = np.flatnonzero(reaching)
        row = near // len(total)
        image = near - row * len(total)
        rank = self.count_reached(as_float32(shared.reshape(-1)[near] / total[image]), thresholds)
        some = np.flatnonzero(rank > always)
        return FewRanks(
            row=row[some], image=image[some], rank=rank[some], n_images=len(total), least=always
        )  # fmt: skip

    @cached_property
    def predicted(self) -> Array:
        """[N] position of the class of the greatest similarity."""
        rows = self.rows
        if rows.own is None:
            return first_greatest(self.cosines)
        top, place = self.block.greatest_shared
        position = take(rows.shared_positions, place)
        if not len(rows.own):
            return position
        own_top, own_place = greatest(as_float32(take(self.block.cosines, rows.own)))
        own_position = take(rows.own_positions, own_place)
        xp = library_of(top)
        # Of two that tie, the one that comes first in the design; beside NaN, the first class of all.
        is_own = (own_top > top) | ((own_top == top) & (own_position < position))
        comparable = (own_top == own_top) & (top == top)
        return xp.where(is_own, own_position, position) * comparable

    @cached_property
    def positions(self) -> Array:
        """[C, 1] 0 ... C-1."""
        return library_of(self.cosines).arange(len(self.cosines), device=self.cosines.device)[:, None]


def first_greatest(values: Array) -> Array:
    """[C, N] -> [N] the position of the greatest of each column; of several, the first; 0 if one is NaN."""
    return greatest(values)[1]


def greatest(values: Array) -> tuple[Array, Array]:
    """[C, N] -> [N] the greatest of each column, and `first_greatest`."""
    # NumPy's argmax goes down the columns, which takes far longer, and torch's promises no order among equal
    # values. Here every step goes along the images: numbered from C down to 1, the first of several greatest
    # has the greatest number. 0 is found beside NaN, which equals nothing.
    xp, n = library_of(values), len(values)
    top = xp.amax(values, 0)
    if n == 1:
        return top, xp.zeros(values.shape[1], dtype=xp.int64, device=values.device)
    number = xp.arange(n, 0, -1, device=values.device)
    found = xp.amax((values == top) * as_counts(number, n)[:, None], 0)
    position = n - xp.arange(n + 1, device=values.device)
    position[0] = 0
    return top, take(position, as_int64(found))
