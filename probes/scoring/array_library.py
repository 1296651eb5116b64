"""NumPy on a CPU, torch on an accelerator: what the two call differently.

The engine's arithmetic is written once, in the functions that both libraries have under one name (`where`,
`amax`, `bincount`, `stack`, ...), taken from `library_of` some values. On a CPU it is NumPy's: the audit of
stored embeddings then loads no torch, which takes longer than scoring them.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

__all__ = [
    "Array",
    "as_float32",
    "as_int32",
    "as_int64",
    "as_numpy",
    "cpu_threads",
    "library_of",
    "on_device",
    "one_blas_thread",
    "stable_descending",
    "take",
]

Array = Any
"""A NumPy array or a torch tensor."""


def on_device(values: np.ndarray, device: str) -> Array:
    """The same numbers where the arithmetic runs: an array for "cpu", otherwise a tensor on the device."""
    if device == "cpu":
        return values
    import torch

    if values.dtype == np.float64:
        values = values.astype(np.float32)  # an accelerator is slow with 64 bits, or has none
    return torch.from_numpy(values).to(device)


def library_of(values: Array) -> Any:
    """The module whose functions take these values: `numpy` or `torch`."""
    return np if isinstance(values, np.ndarray) else sys.modules["torch"]


def as_numpy(values: Array) -> np.ndarray:
    """An array of any values."""
    return values if isinstance(values, np.ndarray) else np.asarray(values.cpu().numpy())


def as_float32(values: Array) -> Array:
    """The same numbers, 32 bits each."""
    return values.astype(np.float32, copy=False) if isinstance(values, np.ndarray) else values.float()


def as_int32(values: Array) -> Array:
    """The same whole numbers, 32 bits each."""
    return values.astype(np.int32) if isinstance(values, np.ndarray) else values.int()


def as_int64(values: Array) -> Array:
    """The same whole numbers, 64 bits each."""
    return values.astype(np.int64) if isinstance(values, np.ndarray) else values.long()


def take(values: Array, places: Array) -> Array:
    """The entries, or rows, of `values` at whole numbers of any shape."""
    # Twice as fast as indexing; every place is a valid one, so clipping changes none.
    return np.take(values, places, axis=0, mode="clip") if isinstance(values, np.ndarray) else values[places]


def stable_descending(values: Array) -> Array:
    """[C, N] -> [C, N] positions along C from the greatest value to the least, ties in their order."""
    if isinstance(values, np.ndarray):
        return np.argsort(-values, axis=0, kind="stable")
    return values.argsort(dim=0, descending=True, stable=True)


def cpu_threads() -> int:
    """Threads that may compute: as many as torch was told to use, OMP_NUM_THREADS says, or cores allow."""
    if "torch" in sys.modules:
        return int(sys.modules["torch"].get_num_threads())
    told = os.environ.get("OMP_NUM_THREADS", "")
    if told.isdecimal() and int(told):
        return int(told)
    # The cores that this process may use: in a container or under a scheduler fewer than the machine has.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Matrix products in the calling thread alone, while several threads have chunks of their own.

    Split between threads, operations this small wait for each other; on a busy machine for minutes.
    """
    from threadpoolctl import threadpool_limits  # not on loading: the rules load this module

    with threadpool_limits(limits=1, user_api="blas"):
        yield
