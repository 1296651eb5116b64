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
    "add_ones",
    "as_contiguous",
    "as_counts",
    "as_float32",
    "as_int32",
    "as_int64",
    "as_numpy",
    "cpu_threads",
    "library_of",
    "on_device",
    "one_blas_thread",
    "places_of",
    "raise_to",
    "stable_descending",
    "take",
]

Array = Any
"""A NumPy array or a torch tensor."""
LARGEST_BYTE, LARGEST_SHORT = 255, 32767


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


def as_counts(values: Array, most: int) -> Array:
    """Truth values, or whole numbers of 0 ... `most`, in the least room that holds `most`.

    A pass over bytes is a fourth as long as one over 32 bits.
    """
    if most > LARGEST_SHORT:
        return as_int32(values)
    if most > LARGEST_BYTE:
        return values.astype(np.int16) if isinstance(values, np.ndarray) else values.short()
    if isinstance(values, np.ndarray):
        return values.view(np.uint8) if values.dtype == bool else values.astype(np.uint8)
    return values.byte()


def places_of(mask: Array) -> Array:
    """The positions of what is true in the flattened mask, ascending."""
    return np.flatnonzero(mask) if isinstance(mask, np.ndarray) else mask.flatten().nonzero()[:, 0]


def add_ones(totals: Array, places: Array) -> None:
    """Add 1 to the contiguous `totals`, flattened, at every one of the places, some of which are equal."""
    flat = totals.reshape(-1)
    if isinstance(flat, np.ndarray) and len(places) < len(flat):
        np.add.at(flat, places, 1)  # a histogram of all places would be mostly zeros
    else:
        flat += library_of(flat).bincount(places, minlength=len(flat))


def raise_to(values: Array, places: Array, least: Array) -> None:
    """Make each of `values` at the places no less than what stands there in `least`; places may be equal."""
    if isinstance(values, np.ndarray):
        np.maximum.at(values, places, least)
    else:
        values.scatter_reduce_(0, places, least, "amax")


def as_contiguous(values: Array) -> Array:
    """The same values, row by row in memory; a copy where they are not yet."""
    return np.ascontiguousarray(values) if isinstance(values, np.ndarray) else values.contiguous()


def take(values: Array, places: Array | slice) -> Array:
    """The entries, or rows, of `values` at whole numbers of any shape, or in a slice (not a copy)."""
    if isinstance(places, slice):
        return values[places]
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
