"""Long columns of integers in little room, for the scripts of the report."""

from __future__ import annotations

import base64
from collections.abc import Iterable


def pack_integers(values: Iterable[int]) -> str:
    """Return integers as base64 of zigzag differences, seven bits a byte, the lowest first.

    Neighbours on a threshold curve differ little, so most take one byte. `unpackIntegers` of
    `scripts/data.js` reads them.

    Examples
    --------
    >>> pack_integers([3, 3, 1])
    'BgAD'
    """
    found = bytearray()
    before = 0
    for value in values:
        change = int(value) - before
        before = int(value)
        # Zigzag: 0, -1, 1, -2, ... become 0, 1, 2, 3, so that small changes of either sign take few bits.
        rest = 2 * change if change >= 0 else -2 * change - 1
        while rest >= 128:
            found.append(rest % 128 + 128)
            rest //= 128
        found.append(rest)
    return base64.b64encode(bytes(found)).decode()


def unpack_integers(text: str) -> list[int]:
    """Return the integers of `pack_integers`."""
    found: list[int] = []
    rest = shift = before = 0
    for byte in base64.b64decode(text):
        rest += (byte & 127) << shift
        shift += 7
        if byte < 128:
            before += -(rest + 1) // 2 if rest % 2 else rest // 2
            found.append(before)
            rest = shift = 0
    return found
