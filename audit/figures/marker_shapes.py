"""The shapes of marks, named as matplotlib names them, as paths that start at the mark's centre."""

from __future__ import annotations

from typing import Final

__all__ = ["SHAPES", "shape_path"]

# Corners of each shape on a circle or square of diameter 1, y downwards.
_THIRD: Final = 1 / 6
SHAPES: Final[dict[str, tuple[tuple[float, float], ...]]] = {
    "o": (),
    "s": ((-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)),
    "D": ((0.0, -0.65), (0.65, 0.0), (0.0, 0.65), (-0.65, 0.0)),
    "^": ((0.0, -0.55), (0.55, 0.5), (-0.55, 0.5)),
    "v": ((0.0, 0.55), (0.55, -0.5), (-0.55, -0.5)),
    "P": (
        (-_THIRD, -0.5), (_THIRD, -0.5), (_THIRD, -_THIRD), (0.5, -_THIRD), (0.5, _THIRD), (_THIRD, _THIRD),
        (_THIRD, 0.5), (-_THIRD, 0.5), (-_THIRD, _THIRD), (-0.5, _THIRD), (-0.5, -_THIRD), (-_THIRD, -_THIRD),
    ),
    "X": (
        (-0.25, -0.5), (0.0, -0.25), (0.25, -0.5), (0.5, -0.25), (0.25, 0.0), (0.5, 0.25), (0.25, 0.5),
        (0.0, 0.25), (-0.25, 0.5), (-0.5, 0.25), (-0.25, 0.0), (-0.5, -0.25),
    ),
    "*": (
        (0.0, -0.5), (0.11, -0.15), (0.48, -0.15), (0.18, 0.06), (0.29, 0.4), (0.0, 0.19), (-0.29, 0.4),
        (-0.18, 0.06), (-0.48, -0.15), (-0.11, -0.15),
    ),
    "|": ((0.0, -0.5), (0.0, 0.5)),
}  # fmt: skip
"""Corners of each shape of size 1; the circle has none."""


def shape_path(shape: str, size: float) -> str:
    """Return SVG path commands relative to the mark's centre.

    Examples
    --------
    >>> shape_path("o", 5.0)
    'm-2.5 0a2.5 2.5 0 1 0 5 0a2.5 2.5 0 1 0-5 0z'
    """
    if shape == "o":
        radius, width = _short(size / 2), _short(size)
        arc = f"a{radius} {radius} 0 1 0"
        return f"m-{radius} 0{arc} {width} 0{arc}-{width} 0z"
    corners = [(size * x, size * y) for x, y in SHAPES[shape]]
    steps = [(x - x0, y - y0) for (x0, y0), (x, y) in zip([(0.0, 0.0), *corners], corners, strict=False)]
    return "m" + " ".join(f"{_short(x)} {_short(y)}" for x, y in steps) + "z"


def _short(number: float) -> str:
    # Two decimals, as everywhere in a drawing: 1/100 point.
    text = f"{number:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
