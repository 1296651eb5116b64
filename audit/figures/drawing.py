"""A figure as plain values: lines, marks, areas, boxes and labels in points, and a panel that places data.

`figures.svg` writes a drawing for a page, `figures.export` through matplotlib for a paper. Both know the few
kinds of items here and nothing of the data behind them, so a figure looks the same in either.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

__all__ = ["Area", "Box", "Drawing", "Item", "Label", "Line", "Marks", "Panel", "Point"]

FONT_POINTS: Final = 9.5
"""Size of nearly all lettering; written once, on the SVG element."""

Anchor = Literal["start", "middle", "end"]
Point = tuple[float, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """Lines of one look; each part is drawn on its own. Roles of colour are those of `colours.LIGHT`."""

    parts: Sequence[Sequence[Point]]
    role: str
    width: float
    dash: Sequence[float] = ()
    opacity: float = 1.0
    clipped: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Marks:
    """Marks of one look: a shape of `marker_shapes.SHAPES`, its diameter in points, its fill and its edge."""

    points: Sequence[Point]
    shape: str
    size: float
    role: str
    fill: str
    edge_width: float = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Area:
    """A filled outline."""

    outline: Sequence[Point]
    role: str
    opacity: float = 1.0
    clipped: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Box:
    """A filled rectangle with an edge, hatched or not."""

    corner: Point
    width: float
    height: float
    fill: str
    edge: str
    edge_width: float
    hatched: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Label:
    """One line of text; its place is the baseline. A halo is an edge in the colour of what lies behind it."""

    place: Point
    text: str
    anchor: Anchor = "start"
    role: str = "ink"
    size: float = FONT_POINTS
    bold: bool = False
    turned: bool = False
    halo: str = ""


Item = Line | Marks | Area | Box | Label


@dataclass(kw_only=True)
class Drawing:
    """A figure of a size in points, the origin at the top left.

    Attributes
    ----------
    items
        In the order in which they are drawn; labels come above everything else.
    clip
        x, y, width, height to which clipped items are cut.
    """

    width: float
    height: float
    items: list[Item] = field(default_factory=list)
    clip: tuple[float, float, float, float] | None = None

    def add(self, item: Item) -> None:
        """Draw an item on top of those that are there."""
        self.items.append(item)

    def in_order(self) -> list[Item]:
        """The items from the lowest to the highest."""
        shapes = [item for item in self.items if not isinstance(item, Label)]
        # A label under a line could not be read.
        return [*shapes, *(item for item in self.items if isinstance(item, Label))]


@dataclass(frozen=True, kw_only=True)
class Panel:
    """The part of a drawing in which data are shown; it places them.

    Attributes
    ----------
    left, top, width, height
        In points.
    x, y
        The values at the left and right, and at the bottom and top edge.
    """

    drawing: Drawing
    left: float
    top: float
    width: float
    height: float
    x: tuple[float, float]
    y: tuple[float, float]

    def across(self, value: float) -> float:
        """The horizontal place of a value."""
        return self.left + self.width * (value - self.x[0]) / (self.x[1] - self.x[0])

    def down(self, value: float) -> float:
        """The vertical place of a value."""
        return self.top + self.height * (self.y[1] - value) / (self.y[1] - self.y[0])

    def places(self, xs: Iterable[float], ys: Iterable[float]) -> list[Point]:
        """Places of points whose two values are numbers; the others are left out.

        Examples
        --------
        >>> drawing = Drawing(width=9, height=9)
        >>> panel = Panel(drawing=drawing, left=0, top=0, width=9, height=9, x=(0, 1), y=(0, 1))
        >>> panel.places([0.0, 1.0], [0.0, float("nan")])
        [(0.0, 9.0)]
        """
        return [
            (self.across(x), self.down(y))
            for x, y in zip(xs, ys, strict=True)
            if math.isfinite(x) and math.isfinite(y)
        ]

    def line(
        self, xs: Iterable[float], ys: Iterable[float], *, role: str, width: float,
        dash: Sequence[float] = (), opacity: float = 1.0, clipped: bool = True,
    ) -> None:  # fmt: skip
        """Draw one line through points; points without a value are passed over."""
        if len(points := self.places(xs, ys)) > 1:
            self.drawing.add(
                Line(parts=[points], role=role, width=width, dash=dash, opacity=opacity, clipped=clipped)
            )

    def spans(
        self, places: Iterable[float], lows: Iterable[float], highs: Iterable[float], *, role: str,
        width: float, upright: bool = False, opacity: float = 1.0, clipped: bool = True,
    ) -> None:  # fmt: skip
        """Draw intervals, a line each, at places along the other axis."""
        parts = []
        for place, low, high in zip(places, lows, highs, strict=True):
            ends = ((place, low), (place, high)) if upright else ((low, place), (high, place))
            points = self.places(*zip(*ends, strict=True))
            if len(points) == len(ends):
                parts.append(points)
        if parts:
            self.drawing.add(Line(parts=parts, role=role, width=width, opacity=opacity, clipped=clipped))

    def marks(
        self, xs: Iterable[float], ys: Iterable[float], *, shape: str, size: float, role: str,
        fill: str | None = None, edge_width: float = 1.0,
    ) -> None:  # fmt: skip
        """Draw a mark at each point; without a fill it has the colour of its edge."""
        if points := self.places(xs, ys):
            self.drawing.add(
                Marks(points=points, shape=shape, size=size, role=role, edge_width=edge_width,
                      fill=role if fill is None else fill)
            )  # fmt: skip

    def band(
        self, xs: Sequence[float], lows: Sequence[float], highs: Sequence[float], *, role: str,
        opacity: float = 1.0,
    ) -> None:  # fmt: skip
        """Fill what lies between two curves."""
        below, above = self.places(xs, lows), self.places(xs, highs)
        if len(below) > 1 and len(above) > 1:
            self.drawing.add(
                Area(outline=[*below, *reversed(above)], role=role, opacity=opacity, clipped=True)
            )

    def upright(self, value: float, *, role: str, width: float, dash: Sequence[float] = ()) -> None:
        """Draw a vertical line over the whole height, if the value lies inside."""
        if min(self.x) <= value <= max(self.x):
            x, ends = self.across(value), (self.top + self.height, self.top)
            self.drawing.add(Line(parts=[[(x, end) for end in ends]], role=role, width=width, dash=dash))

    def level(self, value: float, *, role: str, width: float, dash: Sequence[float] = ()) -> None:
        """Draw a horizontal line over the whole width, if the value lies inside."""
        if min(self.y) <= value <= max(self.y):
            y, ends = self.down(value), (self.left, self.left + self.width)
            self.drawing.add(Line(parts=[[(end, y) for end in ends]], role=role, width=width, dash=dash))
