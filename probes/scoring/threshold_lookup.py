"""The thresholds of a rule, and how many of them a value reaches, in one lookup."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from probes.rules.assignment_rule import AssignmentRule
from probes.rules.rule_registry import RULES

LARGEST_TABLE = 1 << 16


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
    """How many of some ascending thresholds each value reaches (value >= threshold), exactly.

    A table over equal steps replaces the search: each step holds one threshold at most, so one lookup and one
    comparison are enough. Thresholds that lie too close for a table are searched after all.

    Parameters
    ----------
    thresholds
        [T] ascending.
    device
        Where the values are.
    """

    def __init__(self, thresholds: NDArray[np.float64], device: torch.device) -> None:
        single = thresholds.astype(np.float32)
        # Upwards: a float32 value reaches a threshold exactly if it reaches the next float32 above it.
        single = np.where(single < thresholds, np.nextafter(single, np.float32(np.inf)), single)
        self.edges = torch.from_numpy(single).to(device)
        self.size = 0
        if len(single):
            self._fill_table()

    def _fill_table(self) -> None:
        span = float(self.edges[-1] - self.edges[0]) or 1.0
        size = 1
        # Doubled until no step holds two thresholds: evenly spaced ones, as of a curve, need a table of their
        # own number.
        while size < LARGEST_TABLE:
            self.scale = size / span
            steps = self._step(self.edges, size + 1)
            if len(torch.unique(steps)) == len(steps):
                break
            size *= 2
        else:
            return
        self.size = size + 1
        self.bound = torch.full((self.size,), torch.nan, device=self.edges.device)
        self.bound[steps] = self.edges
        holds = torch.zeros(self.size, dtype=torch.int32, device=self.edges.device)
        holds[steps] = 1
        # Thresholds in steps before this one; whether the one within is reached is decided by comparing with
        # itself, so rounding of the step cannot matter.
        self.below = (holds.cumsum(0) - holds).to(torch.int32)

    def _step(self, values: Tensor, size: int) -> Tensor:
        return ((values - self.edges[0]) * self.scale).clamp_(0, size - 1).to(torch.int32)

    def __call__(self, values: Tensor) -> Tensor:
        """Values of any shape -> int32 of the same shape, 0 ... T."""
        if not len(self.edges):
            return torch.zeros(values.shape, dtype=torch.int32, device=values.device)
        if not self.size:
            return torch.bucketize(values, self.edges, right=True, out_int32=True)
        step = self._step(values, self.size).ravel()
        reached = values.ravel() >= self.bound.index_select(0, step)
        return (self.below.index_select(0, step) + reached).view(values.shape)


class Lookups:
    """`ThresholdLookup` for whatever thresholds are asked for, each built once.

    Parameters
    ----------
    device
        Where the values are.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.built: dict[bytes, ThresholdLookup] = {}

    def __call__(self, values: Tensor, thresholds: NDArray[np.float64]) -> Tensor:
        """Values of any shape and ascending thresholds [T] -> int32 of the same shape, 0 ... T."""
        key = thresholds.tobytes()
        if key not in self.built:
            self.built[key] = ThresholdLookup(thresholds, self.device)
        return self.built[key](values)
