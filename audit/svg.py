"""A matplotlib figure as one SVG element that can stand among others inside an HTML page."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from typing import Final
from xml.etree import ElementTree as ET

import matplotlib as mpl
from matplotlib.figure import Figure

SVG = "http://www.w3.org/2000/svg"
XLINK = "{http://www.w3.org/1999/xlink}href"

# Matplotlib draws with these stand-ins; the page's style sheet decides what each role looks like, so one
# drawing serves light, dark and print. Each must be a colour that no figure uses for its own sake.
ROLES: Final[Mapping[str, str]] = {
    "ink": "#010101",
    "muted": "#020202",
    "grid": "#030303",
    "paper": "#040404",
    "accent": "#050505",
    "warn": "#060606",
    **{f"series-{i}": f"#0101{i + 16:02x}" for i in range(1, 9)},
    **{f"heat-{i}": f"#0c02{i + 16:02x}" for i in range(7)},
    **{f"heat-ink-{i}": f"#0d03{i + 16:02x}" for i in range(7)},
}

# What a role looks like where no style sheet is at hand: an SVG saved on its own.
_FALLBACK: Final[Mapping[str, str]] = {
    "ink": "#1b1f24", "muted": "#57606a", "grid": "#d8dde3", "paper": "#ffffff",
    "accent": "#0b5a9c", "warn": "#a33b00",
}  # fmt: skip

_NUMBER = re.compile(r"-?\d+\.\d{3,}")
_FONT = re.compile(r"font-family:[^;]*;?\s*")
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
    buffer = io.BytesIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        empty = {"Date": None, "Creator": None, "Format": None, "Type": None}
        figure.savefig(buffer, format="svg", metadata=empty, transparent=True)
    root = ET.fromstring(buffer.getvalue().decode())
    _drop(root, {f"{{{SVG}}}metadata", f"{{{SVG}}}style"})
    _rename(root, prefix=name)
    for element in root.iter():
        _simplify(element)
    _describe(root, name=name, title=title, description=description)
    ET.register_namespace("", SVG)
    return _themed(ET.tostring(root, encoding="unicode"))


def _drop(root: ET.Element, tags: set[str]) -> None:
    for parent in list(root.iter()):
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
            value = " ".join(value.split())
        elif key == "style":
            value = _FONT.sub("", value)
        element.set(key, value)
    if element.get("transform", "").startswith("rotate(-0 "):
        del element.attrib["transform"]
    if element.text and not element.text.strip():
        element.text = None
    if element.tail and not element.tail.strip():
        element.tail = None


def _describe(root: ET.Element, *, name: str, title: str, description: str) -> None:
    for key in ("width", "height", "version"):
        root.attrib.pop(key, None)
    root.set("class", "figure")
    root.set("role", "img")
    root.set("aria-labelledby", f"{name}-title {name}-desc")
    for position, (tag, text) in enumerate((("title", title), ("desc", description))):
        child = ET.Element(f"{{{SVG}}}{tag}", {"id": f"{name}-{tag}"})
        child.text = text
        root.insert(position, child)


def _themed(svg: str) -> str:
    for role, colour in ROLES.items():
        fallback = _FALLBACK.get(role)
        svg = svg.replace(colour, f"var(--{role}, {fallback})" if fallback else f"var(--{role})")
    return svg
