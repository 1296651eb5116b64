"""The thresholds of a rule, and how many of them a value reaches, in one lookup."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from operator import add

import numpy as np
from numpy.typing import NDArray

from probes.rules.assignment_rule import AssignmentRule
from probes.rules.rule_registry import RULES
from probes.scoring.array_library import (
    Array,
    as_counts,
    as_int32,
    library_of,
    on_device,
    take,
)

# 256 kB, which stays in a core's cache.
LARGEST_TABLE = 1 << 16
FEW = 4
"""So many thresholds are compared one by one, each faster than a lookup."""


@dataclass(frozen=True, kw_only=True)
class RuleThresholds:
    """One rule and its thresholds.

    Attributes
    ----------
    name
        Of the rule.
    thresholds
        [T] from the one that most images reach to the one that fewest do; one NaN for a rule without.
    """

    name: str
    thresholds: NDArray[np.float64]

    @classmethod
    def of(cls, name: str, thresholds: list[float] | None = None) -> RuleThresholds:
        """A rule with its thresholds in the order of the class."""
        record = RULES[name].thresholds
        if record is None:
            return cls(name=name, thresholds=np.array([np.nan]))
        return cls(name=name, thresholds=record.ordered(list(thresholds or ())))

    @property
    def record(self) -> AssignmentRule:
        """What is known of the rule."""
        return RULES[self.name]

    @property
    def per_class(self) -> bool:
        """Whether each class has thresholds of its own, found on the images."""
        return self.record.thresholds is not None and self.record.thresholds.per_class


class ThresholdLookup:
    """How many of some ascending thresholds each value reaches (value >= threshold), both in 32 bits.

    A table over equal steps replaces the search: each step holds one threshold at most, so one lookup and one
    comparison are enough. Thresholds that lie too close for a table are searched after all.

    Parameters
    ----------
    thresholds
        [T] ascending.
    device
        Where the values are.
    """

    def __init__(self, thresholds: NDArray[np.float64], device: str) -> None:
        # To the nearest, as the values were rounded: the decimal number 0.3 reaches the threshold 0.3.
        single = thresholds.astype(np.float32)
        self.single, self.device = single, device
        self.edges = on_device(single, device)
        self.size = 0
        if len(single):
            self._fill_table()

    def _fill_table(self) -> None:
        span = float(self.single[-1] - self.single[0]) or 1.0
        size = 1
        # Doubled until no step holds two thresholds: evenly spaced ones, as of a curve, need a table of their
        # own number.
        while size < LARGEST_TABLE:
            self.scale = size / span
            steps = self._step(self.single, size + 1)
            if len(np.unique(steps)) == len(steps):
                break
            size *= 2
        else:
            return
        self.size = size + 1
        bound = np.full(self.size, np.nan, np.float32)
        bound[steps] = self.single
        holds = np.zeros(self.size, np.int32)
        holds[steps] = 1
        self.bound = on_device(bound, self.device)
        # Thresholds in steps before this one; whether the one within is reached is decided by comparing with
        # itself, so rounding of the step cannot matter.
        self.below = on_device((holds.cumsum() - holds).astype(np.int32), self.device)

    def _step(self, values: Array, size: int) -> Array:
        edge = float(self.single[0])
        return as_int32(library_of(values).clip((values - edge) * self.scale, 0, size - 1))

    def __call__(self, values: Array) -> Array:
        """Values of any shape -> counts of the same shape, 0 ... T, in bytes if T fits one; NaN gives 0."""
        n = len(self.single)
        if n <= FEW:
            reached = [as_counts(values >= edge, n) for edge in self.single.tolist()]
            return reduce(add, reached) if reached else as_counts(library_of(values).zeros_like(values), n)
        if not isinstance(values, np.ndarray):
            # NaN has no place in a table, and in a search would stand above all thresholds.
            return as_counts(self._look_up(library_of(values).nan_to_num(values, nan=-np.inf)), n)
        return self._look_up_few(values, n)

    def _look_up_few(self, values: np.ndarray, n: int) -> np.ndarray:
        """Only values that reach more than the least of them does are looked up: mostly few."""
        least = values.min(initial=np.inf)
        common = int((self.single <= least).sum())
        counts: np.ndarray = as_counts(np.zeros(values.shape, bool), n)
        counts += counts.dtype.type(common)
        if common < n:
            more = np.flatnonzero(values >= self.single[common])
            counts.reshape(-1)[more] = self._look_up(values.reshape(-1)[more])
        return counts

    def _look_up(self, values: Array) -> Array:
        if not self.size:
            return as_int32(library_of(values).searchsorted(self.edges, values, side="right"))
        step = self._step(values, self.size)
        return take(self.below, step) + (values >= take(self.bound, step))


class Lookups:
    """`ThresholdLookup` for whatever thresholds are asked for, each built once.

    Parameters
    ----------
    device
        Where the values are.
    """

    def __init__(self, device: str) -> None:
        self.device = device
        self.built: dict[bytes, ThresholdLookup] = {}

    def __call__(self, values: Array, thresholds: NDArray[np.float64]) -> Array:
        """Values of any shape and ascending thresholds [T] -> counts of the same shape, 0 ... T."""
        key = thresholds.tobytes()
        if key not in self.built:
            self.built[key] = ThresholdLookup(thresholds, self.device)
        return self.built[key](values)
