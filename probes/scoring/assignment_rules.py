"""Assignment rules: when a model is said to give an image a class, from similarities to levels.

argmax
    The class of the greatest similarity.
top_k
    The k classes of the greatest similarity.
probability
    Every class of probability >= t. For a softmax model the probabilities are over the classes of the design;
    for a sigmoid model each class has its own.
cosine
    Every class of cosine similarity >= c, whatever the other classes are.
calibrated
    Every class whose cosine similarity reaches that class's own cut: see `calibrated_thresholds`.

Each rule is nested in its threshold, so one number tells all: the level of an image and class is how many of
the rule's thresholds it reaches, counted from the one that most images reach. The level of a set is the
greatest of its classes.

Shapes: N images, C classes, T thresholds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

ARGMAX, TOP_K, PROBABILITY, COSINE, CALIBRATED = "argmax", "top_k", "probability", "cosine", "calibrated"
DESCENDING = (TOP_K, CALIBRATED)  # a greater k or share assigns more, a greater t or c assigns less
LARGEST_TABLE = 1 << 16


@dataclass(frozen=True, kw_only=True)
class Cuts:
    """One rule and its thresholds.

    Attributes
    ----------
    rule
        As above.
    thresholds
        [T] k, t, c or the share of images, from the one that most images reach to the one that fewest do; one
        NaN for argmax.
    """

    rule: str
    thresholds: np.ndarray

    @classmethod
    def of(cls, rule: str, thresholds: list[float] | None = None) -> Cuts:
        """A rule with its thresholds in the order of the class."""
        if rule == ARGMAX:
            return cls(rule=rule, thresholds=np.array([np.nan]))
        ordered = np.sort(np.array(thresholds, float))
        return cls(rule=rule, thresholds=ordered[::-1].copy() if rule in DESCENDING else ordered)


class Buckets:
    """How many of some ascending cuts each value reaches (value >= cut), exactly.

    A table over equal steps replaces the search: each step holds one cut at most, so one look and one
    comparison are enough. Where cuts lie too close for a table, it is a search after all.

    Parameters
    ----------
    cuts
        [T] ascending.
    device
        Where the values are.
    """

    def __init__(self, cuts: np.ndarray, device: torch.device) -> None:
        single = cuts.astype(np.float32)
        # Upwards: a float32 value reaches the cut exactly where it reaches the next float32 above it.
        single = np.where(single < cuts, np.nextafter(single, np.float32(np.inf)), single)
        self.edges = torch.from_numpy(single).to(device)
        self.size = 0
        if len(single):
            self._fill_table()

    def _fill_table(self) -> None:
        span = float(self.edges[-1] - self.edges[0]) or 1.0
        size = 1
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


def first_greatest(values: Tensor) -> Tensor:
    """[C, N] -> [N] the position of the greatest of each column; of several, the first."""
    positions = torch.arange(len(values), dtype=torch.int16, device=values.device)[:, None]
    none = torch.tensor(len(values), dtype=torch.int16, device=values.device)
    return torch.where(values == values.amax(0), positions, none).amin(0).long()


def ranks(values: Tensor) -> Tensor:
    """[C, N] -> [C, N] the rank of each class, from 0; of equal ones the first is before the others."""
    order = values.argsort(dim=0, descending=True, stable=True)
    positions = torch.arange(len(values), device=values.device)[:, None].expand_as(order)
    return torch.empty_like(order).scatter_(0, order, positions)


def argmax_levels(prediction: Tensor, n_classes: int) -> Tensor:
    """[N] predictions -> [C, N] 1 for the predicted class, else 0."""
    classes = torch.arange(n_classes, device=prediction.device)[:, None]
    return (prediction == classes).to(torch.int32)


def top_k_levels(cosines: Tensor, ks: np.ndarray) -> Tensor:
    """[C, N] cosines and [T] descending k -> [C, N] how many of them hold the class."""
    best = ranks(cosines)
    return torch.stack([best < int(k) for k in ks]).sum(0, dtype=torch.int32)


def calibrated_levels(cosines: Tensor, cuts: Tensor) -> Tensor:
    """[C, N] cosines and [T, C] cuts, ascending along T -> [C, N] how many each reaches."""
    return torch.stack([cosines >= row[:, None] for row in cuts]).sum(0, dtype=torch.int32)
