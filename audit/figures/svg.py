"""A drawing as one SVG element that can stand among others inside an HTML page, or on its own."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from contextvars import ContextVar
from itertools import groupby
from typing import Final

from audit.figures.colours import LIGHT
from audit.figures.drawing import FONT_POINTS, Area, Box, Drawing, Item, Label, Line, Marks, Point
from audit.figures.marker_shapes import shape_path

__all__ = ["CAPTURED", "for_page", "standalone", "to_svg"]

CAPTURED: ContextVar[dict[str, Drawing] | None] = ContextVar("captured", default=None)
"""Where drawings are kept by name while `figures.export.captured` is open."""

HATCH_POINTS: Final = 6
HALO_POINTS: Final = 3

_WITH_COLOUR = re.compile(r"var\(--[a-z0-9-]+, (#[0-9a-f]{6})\)")
_BOX = re.compile(r'viewBox="0 0 ([\d.]+) ([\d.]+)"')
_ALONE = re.compile(r"var\((--[a-z0-9-]+), #[0-9a-f]{6}\)")
_SIGNS: Final = {ord("&"): "&amp;", ord("<"): "&lt;", ord(">"): "&gt;", ord('"'): "&quot;"}
# Signs that no XML may hold: a label is text, whatever a data set calls a group.
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def to_svg(drawing: Drawing, *, name: str, title: str, description: str) -> str:
    """Return a drawing as an SVG element whose ids, colours and size suit an HTML page.

    Parameters
    ----------
    drawing
        What to draw.
    name
        Prefix of every id in the result. Two figures of one page need two names.
    title, description
        Read out by a screen reader instead of the drawing.

    Returns
    -------
    str
        The same bytes for the same drawing.
    """
    if (kept := CAPTURED.get()) is not None:
        kept[name] = drawing
    mark = _escaped(name)
    shown: list[str] = []
    for kind, items in groupby(drawing.in_order(), type):
        if kind is Label:
            shown += _labels([item for item in items if isinstance(item, Label)])
        else:
            shown += (_shape(item, mark) for item in items)
    return (
        # The size is left to the page, which scales the drawing by its viewBox.
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_n(drawing.width)} {_n(drawing.height)}" '
        f'class="figure" style="font-size: {FONT_POINTS}px; fill: {_colour("ink")}" role="img" '
        f'aria-labelledby="{mark}-title {mark}-desc"><title id="{mark}-title">{_escaped(title)}</title>'
        f'<desc id="{mark}-desc">{_escaped(description)}</desc>{_definitions(drawing, mark)}'
        f"{''.join(shown)}</svg>"
    )


def for_page(svg: str) -> str:
    """Leave the colours to the style sheet of the page alone: a third of the bytes less."""
    return _ALONE.sub(r"var(\1)", svg)


def standalone(svg: str) -> str:
    """A drawing as a file of its own for any viewer: light colours on a ground, a size and a typeface."""
    plain = _WITH_COLOUR.sub(r"\1", svg)
    width, height = _BOX.search(plain).groups()  # type: ignore[union-attr]
    ground = f'<rect width="{width}" height="{height}" style="fill: {LIGHT["paper"]}"/>'
    start, tag, rest = plain.partition(">")
    sized = f'{start} width="{width}pt" height="{height}pt" font-family="sans-serif"'
    return f"{sized}{tag}{ground}{rest}\n"


def _definitions(drawing: Drawing, mark: str) -> str:
    """What items refer to: the rectangle they are cut to, the hatching."""
    found = ""
    if drawing.clip is not None and any(getattr(item, "clipped", False) for item in drawing.items):
        x, y, width, height = map(_n, drawing.clip)
        rectangle = f'<rect x="{x}" y="{y}" width="{width}" height="{height}"/>'
        found += f'<clipPath id="{mark}-clip">{rectangle}</clipPath>'
    if any(isinstance(item, Box) and item.hatched for item in drawing.items):
        stroke = f'<path d="M0 0V{HATCH_POINTS}" style="{_style(stroke="muted")}" stroke-width="1.2"/>'
        found += (
            f'<pattern id="{mark}-hatch" width="{HATCH_POINTS}" height="{HATCH_POINTS}" '
            f'patternUnits="userSpaceOnUse" patternTransform="rotate(45)">{stroke}</pattern>'
        )
    return f"<defs>{found}</defs>" if found else ""


def _shape(item: Item, mark: str) -> str:
    match item:
        case Line():
            look = _attributes({"stroke-opacity": item.opacity, "stroke-dasharray": item.dash})
            path = "".join(_path(part) for part in item.parts)
            return (
                f'<path d="{path}"{_clip(item.clipped, mark)} style="{_style(stroke=item.role)}" fill="none" '
                f'stroke-width="{_n(item.width)}"{look}/>'
            )
        case Marks():
            form = shape_path(item.shape, item.size)
            path = "".join(f"M{_n(x)} {_n(y)}{form}" for x, y in item.points)
            style = _style(fill=item.fill, stroke=item.role)
            return f'<path class="marks" d="{path}" style="{style}" stroke-width="{_n(item.edge_width)}"/>'
        case Area():
            look = _attributes({"fill-opacity": item.opacity})
            return (
                f'<path d="{_path(item.outline)}z"{_clip(item.clipped, mark)} '
                f'style="{_style(fill=item.role)}"{look}/>'
            )
        case Box():
            return _box(item, mark)
        case _:
            raise TypeError(f"no shape: {item!r}")


def _box(item: Box, mark: str) -> str:
    x, y, width, height = map(_n, (*item.corner, item.width, item.height))
    place = f'<rect x="{x}" y="{y}" width="{width}" height="{height}"'
    plain = (
        f'{place} style="{_style(fill=item.fill, stroke=item.edge)}" stroke-width="{_n(item.edge_width)}"/>'
    )
    return plain + (f'{place} style="fill: url(#{mark}-hatch)"/>' if item.hatched else "")


def _labels(labels: Iterable[Label]) -> list[str]:
    """Neighbours of one look share a group."""
    found = []
    for look, own in groupby(labels, _look):
        texts = "".join(f"<text{_place(label)}>{_escaped(label.text)}</text>" for label in own)
        found.append(f"<g{look}>{texts}</g>" if look else texts)
    return found


def _look(label: Label) -> str:
    style = _style(fill="" if label.role == "ink" else label.role, stroke=label.halo)
    halo: dict[str, str | float | Sequence[float]] = {}
    if label.halo:
        halo = {"paint-order": "stroke", "stroke-width": HALO_POINTS}
    look = _attributes(
        {
            "text-anchor": "" if label.anchor == "start" else label.anchor,
            "font-size": "" if label.size == FONT_POINTS else label.size,
            "font-weight": "700" if label.bold else "",
            **halo,
        }
    )
    return look + (f' style="{style}"' if style else "")


def _place(label: Label) -> str:
    x, y = map(_n, label.place)
    turned = f' transform="rotate(-90 {x} {y})"' if label.turned else ""
    return f' x="{x}" y="{y}"{turned}'


def _attributes(values: Mapping[str, str | float | Sequence[float]]) -> str:
    """Attributes of the values that say anything: an opacity of 1, "" and () do not."""
    texts = {
        name: value if isinstance(value, str) else _n(value) if isinstance(value, int | float)
        else ",".join(map(_n, value))
        for name, value in values.items()
        if not (value in ("", ()) or (name.endswith("opacity") and value == 1))
    }  # fmt: skip
    return "".join(f' {name}="{text}"' for name, text in texts.items())


def _style(*, fill: str = "", stroke: str = "") -> str:
    parts = [f"{name}: {_colour(role)}" for name, role in (("fill", fill), ("stroke", stroke)) if role]
    return "; ".join(parts)


def _colour(role: str) -> str:
    # A variable with a fallback: the page's style sheet recolours a drawing, and one on its own has light
    # colours.
    return role if role == "none" else f"var(--{role}, {LIGHT[role]})"


def _clip(clipped: bool, mark: str) -> str:
    return f' clip-path="url(#{mark}-clip)"' if clipped else ""


def _path(points: Sequence[Point]) -> str:
    return "M" + " ".join(f"{_n(x)} {_n(y)}" for x, y in points)


def _n(number: float) -> str:
    """A number to 1/100 point."""
    # Two decimals: 1/100 point is below what any screen shows, and digits are most of the bytes.
    text = f"{number:.2f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _escaped(text: str) -> str:
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text).translate(_SIGNS)
