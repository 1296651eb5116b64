"""What is done to sound files: bytes of any file, values of a document."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

Case = Callable[[np.random.Generator, Path], None]

ODD_WORDS = (
    b"(all)", b"\xff\xfe", b"\x00", b"1e999", b"nan", b"-5", b"99999999999999999999", b"&x [*x]",
    b"!!bool maybe", b"2026-99-99", b'"\\uD800"', b"{", b"[", b": ", b"\n", b"\t", b",", b'"',
    b"\xe2\x80\x8b", b"<<: ", b"~", b"true",
)  # fmt: skip
ODD_VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 3, 2**31, 10**20, 0.5, -0.0, float("nan"), float("inf"), "", " ", "(all)",
    "(missing)", "=1+1", "a" * 100, "man", "Man", "{label}", "{a} {}", "{", "race", "gender", "misclassified",
    "default", [], {}, [[]], ["man"], {"man": 1}, [1, 2], "é", "é", "\u200b", "\u202e", "*", "../x",
    "0", "-5",
)  # fmt: skip


def damaged(content: bytes, rng: np.random.Generator, *, ascii_only: bool = False) -> bytes:
    """Bytes with one to eight changes: signs set, cut, doubled, or odd words put in."""
    signs = 128 if ascii_only else 256
    data = bytearray(content)
    for _ in range(int(rng.integers(1, 9))):
        at = int(rng.integers(0, max(1, len(data))))
        if rng.random() < 0.2:  # where archives and parquet have their directory
            at = max(0, len(data) - 1 - int(rng.integers(0, 64)))
        length = int(rng.integers(1, 17))
        match int(rng.integers(0, 5)):
            case 0:
                data[at : at + 1] = bytes([int(rng.integers(0, signs))])
            case 1:
                del data[at : at + length]
            case 2:
                data[at:at] = data[at : at + length]
            case 3:
                data[at:at] = ODD_WORDS[int(rng.integers(0, len(ODD_WORDS)))]
            case _:
                data[at : at + length] = rng.integers(0, signs, length, dtype=np.uint8).tobytes()
    return bytes(data[: int(rng.integers(0, len(data) + 1))] if rng.random() < 0.1 else data)


def odd_value(rng: np.random.Generator, *, like: Any = None) -> Any:
    """One of `ODD_VALUES`; in half of the cases of the type of a value, if it is given."""
    values: tuple[Any, ...] = ODD_VALUES
    if like is not None and rng.random() < 0.5:
        values = tuple(value for value in ODD_VALUES if type(value) is type(like)) or ODD_VALUES
    return values[int(rng.integers(0, len(values)))]


def changed(document: Any, rng: np.random.Generator) -> Any:
    """A document of dicts and lists, itself untouched, with one of its parts changed, or three.

    A part gets an odd value, is left out, stands twice in its list, or takes the place of another part.
    """
    for _ in range(1 if rng.random() < 0.7 else 3):
        places = list(_places(document, ()))
        if not places:
            return odd_value(rng)
        place = places[int(rng.integers(0, len(places)))]
        other = places[int(rng.integers(0, len(places)))]
        odd = odd_value(rng, like=_at(document, place))
        document = _replaced(document, place, int(rng.integers(0, 6)), _at(document, other), odd)
    return document


def _places(node: Any, above: tuple[Any, ...]) -> Any:
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in children:
        yield (*above, key)
        yield from _places(value, (*above, key))


def _at(node: Any, place: tuple[Any, ...]) -> Any:
    for key in place:
        node = node[key]
    return node


def _replaced(node: Any, place: tuple[Any, ...], what: int, other: Any, odd: Any) -> Any:
    """Copies of the containers on the way to a place, and the place changed."""
    key, rest = place[0], place[1:]
    copy = dict(node) if isinstance(node, dict) else list(node)
    if rest:
        copy[key] = _replaced(copy[key], rest, what, other, odd)
    elif what == 0:
        del copy[key]
    elif what == 1 and isinstance(copy, list):
        copy.insert(key, copy[key])
    elif what == 1:
        copy[str(odd)] = copy.pop(key)
    elif what == 2:
        copy[key] = other
    else:
        copy[key] = odd
    return copy
