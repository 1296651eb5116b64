"""JSON from strangers: whatever is wrong with a text is a ValueError, which every reader turns into words."""

from __future__ import annotations

import json
from typing import Any

__all__ = ["parse_json"]


def parse_json(text: str | bytes) -> Any:
    """The value of a JSON text, as `json.loads` reads it.

    Raises
    ------
    ValueError
        The text is no JSON, or nested too deep, which `json.loads` tells by a RecursionError.

    Examples
    --------
    >>> parse_json('{"a": [1]}')
    {'a': [1]}
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("nested too deep") from None
