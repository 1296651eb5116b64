"""Configurations of other libraries, bounded before anything of the size they declare is built."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from clipmodel.checkpoints.weight_names import TensorSource
from clipmodel.config import MAX_IMAGE_SIZE, MAX_LAYERS, MAX_VOCABULARY, MAX_WIDTH
from clipmodel.errors import UserError

# By words in a key, the first that fits; other numbers are no sizes.
_LIMITS = {
    "vocab": MAX_VOCABULARY,
    "layer": MAX_LAYERS,
    "depth": MAX_LAYERS,
    "image_size": MAX_IMAGE_SIZE,
    "patch_size": MAX_IMAGE_SIZE,
    "position": MAX_WIDTH,
    "context_length": MAX_WIDTH,
    "intermediate": 16 * MAX_WIDTH,
    "width": MAX_WIDTH,
    "hidden_size": MAX_WIDTH,
    "hidden_dim": MAX_WIDTH,
    "head": MAX_WIDTH,
    "embed_dim": MAX_WIDTH,
    "projection": MAX_WIDTH,
    "patches": MAX_WIDTH,
    "channels": MAX_WIDTH,
    "queries": MAX_WIDTH,
    "ratio": 1_024,
}
MAX_DEPTH = 32
# Weights that a file need not hold: buffers, tied and derived ones.
ALLOWANCE = 50_000_000


def require_sane_config(values: Mapping[str, Any], *, where: str) -> None:
    """Refuse sizes that no model of this kind has, and sections nested too deep.

    Raises
    ------
    UserError
        The message names the key.
    """
    for key, value, depth in _numbers(values, "", 0):
        if depth > MAX_DEPTH:
            raise UserError(f"{where}: sections nested too deep", remedy="restore the file")
        last = key.rsplit(".", 1)[-1]
        # Ids, such as eos_token_id, are no sizes, and some of them are -1.
        if last.endswith("_id"):
            continue
        limit = next((limit for word, limit in _LIMITS.items() if word in last), None)
        if limit is not None and not 0 <= value <= limit:
            raise UserError(f"{where}: {key} is {value}, at most {limit:,}", remedy="restore the file")


def require_tensors_of_size(source: TensorSource, expected: int) -> None:
    """Refuse a configuration that describes far more weights than the files hold.

    Raises
    ------
    UserError
        The rest would have to be made up, at its whole size.
    """
    held = 0
    for shape in source.shapes.values():
        # Python's integers do not overflow, as a product of declared sides in 64 bits could.
        size = 1
        for side in shape:
            size *= side
        held += size
    if expected > 1.5 * held + ALLOWANCE:
        raise UserError(
            f"{source.where}: the configuration describes {expected:,} weights, the files hold {held:,}",
            remedy="restore the configuration that the weights were published with",
        )


def _numbers(values: Any, key: str, depth: int) -> Iterator[tuple[str, float, int]]:
    if isinstance(values, bool):
        return
    if isinstance(values, int | float):
        yield key, values, depth
    elif depth > MAX_DEPTH:
        yield key, 0, depth
    elif isinstance(values, Mapping):
        for name, value in values.items():
            yield from _numbers(value, f"{key}.{name}".removeprefix("."), depth + 1)
    elif isinstance(values, list):
        for value in values:
            yield from _numbers(value, key, depth + 1)
