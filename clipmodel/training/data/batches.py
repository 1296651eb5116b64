"""What the loop is given: batches by step, from data in memory or from a stream.

Shapes: B rows of a batch, M of them in this process, H = W image side in pixels, L tokens.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor

from clipmodel.inputs.preprocess import Preprocess
from clipmodel.inputs.tokenizer import BPETokenizer


@dataclass(frozen=True)
class Batch:
    pixels: Tensor  # [M, 3, H, W], augmented and normalised
    tokens: Tensor  # [M, L]
    ignore: Tensor | None  # [M, B] bool, pairs that are no negatives
    keys: tuple[str, ...]  # [M] what the images are called, for messages

    def to(self, device: torch.device) -> Batch:
        ignore = None if self.ignore is None else self.ignore.to(device)
        return Batch(self.pixels.to(device), self.tokens.to(device), ignore, self.keys)


class Batches(Protocol):
    """Training data, divided into the batches of steps that are counted from 0."""

    batch_size: int
    size: int | None  # pairs, None where that is not known

    def batch(self, step: int, part: slice = slice(None)) -> Batch:
        """The rows `part` of a step's batch. A stream gives step after step."""
        ...

    def epoch(self, step: int) -> float:
        """Passes over the data done before a step."""
        ...

    def state_dict(self, step: int) -> dict[str, Any]:
        """What a run that resumes with this step must know; plain values."""
        ...

    def load_state_dict(self, state: dict[str, Any]) -> None: ...

    def summary(self, step: int) -> dict[str, Any] | None:
        """What was read and skipped before a step, as training.json tells it; every process must ask.

        None where all data are in memory: nothing of them is skipped.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class PreparedData:
    """What a run learns from, and how its model reads texts and pixels."""

    batches: Batches
    tokenizer: BPETokenizer
    preprocess: Preprocess
    thinned: list[dict[str, Any]]  # what data.thin did, a rule each
    repeated: list[dict[str, Any]]  # what data.repeat did, a rule each
    balanced: list[dict[str, Any]] = field(default_factory=list)  # what data.cap and data.reweigh did
