"""A matplotlib figure as one SVG element that can stand among others inside an HTML page."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Final
from xml.etree import ElementTree as ET

import matplotlib as mpl
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

SVG = "http://www.w3.org/2000/svg"
XLINK = "{http://www.w3.org/1999/xlink}href"

# Matplotlib draws with a stand-in for each role; the page's style sheet decides what a role looks like, so
# one drawing serves light, dark and print. The colours here are for a drawing on its own.
LIGHT: Final[Mapping[str, str]] = {
    "ink": "#1b1f24", "muted": "#57606a", "grid": "#e1e6eb", "paper": "#ffffff",
    "accent": "#0b5a9c", "warn": "#a33b00",
    "series-1": "#0b5a9c", "series-2": "#b4500b", "series-3": "#00735c", "series-4": "#9a3d7f",
    "series-5": "#6b5900", "series-6": "#4d4d4d", "series-7": "#4b48b5", "series-8": "#a11d2d",
    "heat-0": "#f1f6fb", "heat-1": "#dbe7f2", "heat-2": "#bcd3e8", "heat-3": "#93b8d8", "heat-4": "#6ba0cd",
    "heat-5": "#2d689c", "heat-6": "#134d80",
    "heat-ink-0": "#1b1f24", "heat-ink-1": "#1b1f24", "heat-ink-2": "#1b1f24", "heat-ink-3": "#10151a",
    "heat-ink-4": "#000000", "heat-ink-5": "#ffffff", "heat-ink-6": "#ffffff",
}  # fmt: skip
ROLES: Final[Mapping[str, str]] = {role: f"#a0b1{place:02x}" for place, role in enumerate(LIGHT)}

FONT_POINTS: Final = 9.5
"""Size of nearly all lettering; written once, on the SVG element."""

CAPTURED: ContextVar[dict[str, Figure] | None] = ContextVar("captured", default=None)
"""Where figures are kept by name while `figures.export.captured` is open."""

_NUMBER = re.compile(r"-?\d+\.\d{3,}")
_FONT = re.compile(r"font-family:[^;]*;?\s*")
_WITH_COLOUR = re.compile(r"var\(--[a-z0-9-]+, (#[0-9a-f]{6})\)")
_BOX = re.compile(r'viewBox="0 0 ([\d.]+) ([\d.]+)"')
_ALONE = re.compile(r"var\((--[a-z0-9-]+), #[0-9a-f]{6}\)")
_INHERITED = re.compile(rf"font-size: {FONT_POINTS}px;? ?|fill: {ROLES['ink']};? ?")
_REFERENCE = re.compile(r"url\(#([^)]+)\)")


def to_svg(figure: Figure, *, name: str, title: str, description: str) -> str:
    """Return a figure as an SVG element whose ids, colours and size suit an HTML page.

    Parameters
    ----------
    figure
        The drawing; its colours are values of `ROLES`.
    name
        Prefix of every id in the result. Two figures of one page need two names.
    title, description
        Read out by a screen reader instead of the drawing.

    Returns
    -------
    str
        The same bytes for the same figure: no date, hashed ids are salted with the name.
    """
    if (kept := CAPTURED.get()) is not None:
        kept[name] = figure
    buffer = io.BytesIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        empty = {"Date": None, "Creator": None, "Format": None, "Type": None}
        for patch in (figure.patch, *(ax.patch for ax in figure.axes)):
            patch.set(facecolor="none", edgecolor="none")
        # Not `savefig`, which draws everything twice: the first time to find out how large it is.
        FigureCanvasSVG(figure).print_svg(buffer, metadata=empty)  # type: ignore[no-untyped-call]
    root = ET.fromstring(buffer.getvalue().decode())
    _drop(root, {f"{{{SVG}}}metadata", f"{{{SVG}}}style"})
    _rename(root, prefix=name)
    for element in root.iter():
        _simplify(element)
    _unwrap(root)
    _describe(root, name=name, title=title, description=description)
    ET.register_namespace("", SVG)
    return _themed(ET.tostring(root, encoding="unicode"))


def _drop(root: ET.Element, tags: set[str]) -> None:
    for parent in root.iter():
        for child in [c for c in parent if c.tag in tags]:
            parent.remove(child)


def _rename(root: ET.Element, *, prefix: str) -> None:
    """Prefix the ids that are referred to and drop the others."""
    used: dict[str, str] = {}
    for element in root.iter():
        for value in element.attrib.values():
            targets = _REFERENCE.findall(value) or ([value[1:]] if value.startswith("#") else [])
            for target in targets:
                used.setdefault(target, f"{prefix}-{len(used)}")
    for element in root.iter():
        identity = element.attrib.pop("id", None)
        if identity in used:
            element.set("id", used[identity])
        if XLINK in element.attrib:
            element.set("href", "#" + used[element.attrib.pop(XLINK)[1:]])
        for key, value in element.attrib.items():
            element.set(key, _REFERENCE.sub(lambda found: f"url(#{used[found[1]]})", value))


def _simplify(element: ET.Element) -> None:
    """Round coordinates to 1/100 point and leave the typeface to the page."""
    for key, value in list(element.attrib.items()):
        if key in {"d", "x", "y", "width", "height", "transform", "viewBox"}:
            value = _NUMBER.sub(lambda found: f"{float(found[0]):.2f}".rstrip("0").rstrip("."), value)
            # A path goes on with a line where no letter says otherwise.
            value = (
                " ".join(value.replace("L ", "").split())
                if value.count("M") == 1
                else " ".join(value.split())
            )
        elif key == "style":
            value = _FONT.sub("", value)
            if element.tag == f"{{{SVG}}}text":
                value = _INHERITED.sub("", value).rstrip("; ")
        element.set(key, value)
    if element.get("transform", "").startswith("rotate(-0 "):
        del element.attrib["transform"]
    if element.text and not element.text.strip():
        element.text = None
    if element.tail and not element.tail.strip():
        element.tail = None


def _unwrap(parent: ET.Element) -> None:
    """Replace groups without attributes by what they hold, and drop empty definitions."""
    kept: list[ET.Element] = []
    for child in parent:
        _unwrap(child)
        if child.tag == f"{{{SVG}}}g" and not child.attrib:
            kept += child
        elif len(child) or child.tag != f"{{{SVG}}}defs":
            kept.append(child)
    parent[:] = kept


def _describe(root: ET.Element, *, name: str, title: str, description: str) -> None:
    for key in ("width", "height", "version"):
        root.attrib.pop(key, None)
    root.set("class", "figure")
    root.set("style", f"font-size: {FONT_POINTS}px; fill: {ROLES['ink']}")
    root.set("role", "img")
    root.set("aria-labelledby", f"{name}-title {name}-desc")
    for position, (tag, text) in enumerate((("title", title), ("desc", description))):
        child = ET.Element(f"{{{SVG}}}{tag}", {"id": f"{name}-{tag}"})
        child.text = text
        root.insert(position, child)


def _themed(svg: str) -> str:
    for role, stand_in in ROLES.items():
        svg = svg.replace(stand_in, f"var(--{role}, {LIGHT[role]})")
    return svg


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
